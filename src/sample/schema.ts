// The tables of the sample. Invariant: `employees` has the six fields that the chapter on scripting shows.

/** Makes the tables; run once on an empty database. A period that goes on has no `to_date`. */
export const schemaSql = `
CREATE TABLE departments (
  dept_no   VARCHAR(4)   NOT NULL PRIMARY KEY,
  dept_name VARCHAR(40)  NOT NULL UNIQUE
);
CREATE TABLE employees (
  emp_no     INTEGER     NOT NULL PRIMARY KEY AUTOINCREMENT,
  birth_date DATE        NOT NULL,
  first_name VARCHAR(40) NOT NULL,
  last_name  VARCHAR(40) NOT NULL,
  gender     VARCHAR(1)  NOT NULL CHECK (gender IN ('F', 'M', 'X')),
  hire_date  DATE        NOT NULL,
  CHECK (hire_date > birth_date)
);
CREATE TABLE salaries (
  emp_no    INTEGER NOT NULL REFERENCES employees (emp_no) ON DELETE CASCADE,
  salary    INTEGER NOT NULL CHECK (salary > 0),
  from_date DATE    NOT NULL,
  to_date   DATE    CHECK (to_date > from_date),
  PRIMARY KEY (emp_no, from_date)
);
CREATE TABLE titles (
  emp_no    INTEGER     NOT NULL REFERENCES employees (emp_no) ON DELETE CASCADE,
  title     VARCHAR(40) NOT NULL,
  from_date DATE        NOT NULL,
  to_date   DATE        CHECK (to_date > from_date),
  PRIMARY KEY (emp_no, title, from_date)
);
CREATE TABLE dept_emp (
  emp_no    INTEGER    NOT NULL REFERENCES employees (emp_no) ON DELETE CASCADE,
  dept_no   VARCHAR(4) NOT NULL REFERENCES departments (dept_no) ON DELETE RESTRICT,
  from_date DATE       NOT NULL,
  to_date   DATE       CHECK (to_date > from_date),
  PRIMARY KEY (emp_no, dept_no)
);
CREATE TABLE dept_managers (
  dept_no   VARCHAR(4) NOT NULL REFERENCES departments (dept_no) ON DELETE RESTRICT,
  emp_no    INTEGER    NOT NULL REFERENCES employees (emp_no) ON DELETE CASCADE,
  from_date DATE       NOT NULL,
  to_date   DATE       CHECK (to_date > from_date),
  PRIMARY KEY (dept_no, emp_no)
);
`;

/** Makes the indexes; run after the rows are in, which is quicker. */
export const indexSql = `
CREATE INDEX employees_by_name ON employees (last_name, first_name);
CREATE INDEX employees_by_hire_date ON employees (hire_date);
CREATE INDEX dept_emp_by_department ON dept_emp (dept_no);
CREATE INDEX dept_managers_by_employee ON dept_managers (emp_no);
CREATE INDEX titles_by_title ON titles (title);
`;
