// The data of all scenarios: one table to read and one to write, the same in every run.
import Database from 'better-sqlite3';

/** Makes the database file: 10,000 employees from number 10001 on, and an empty table of notes. */
export function makeDatabase(file: string): void {
  const database = new Database(file);
  database.pragma('journal_mode = WAL');
  database.exec(`create table employees (
    emp_no integer primary key, birth_date date not null, first_name varchar(14) not null,
    last_name varchar(16) not null, gender char(1) not null, hire_date date not null);
    create table notes (id integer primary key, title varchar(80) not null, priority integer);`);
  const insert = database.prepare('insert into employees values (?, ?, ?, ?, ?, ?)');
  database.transaction(() => {
    for (let i = 0; i < 10_000; i++) {
      const year = 1950 + (i % 40);
      const names = [`First${i % 53}`, `Last${i % 97}`];
      insert.run(10_001 + i, `${year}-05-17`, ...names, i % 2 === 0 ? 'M' : 'F', `${year + 25}-02-01`);
    }
  })();
  database.close();
}
