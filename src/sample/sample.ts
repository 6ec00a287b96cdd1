// The sample database: a made-up company, so that a first start has something to serve.
// Invariant: same rows everywhere and always; the file is there in full or not at all.
import { closeSync, existsSync, openSync, renameSync, rmSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { type Career, nextCareer } from './career.ts';
import { Random } from './random.ts';
import { indexSql, schemaSql } from './schema.ts';
import { departments } from './words.ts';

/** How many employees the sample has. */
export const sampleEmployees = 10_000;

/** Number of the first employee. */
const firstEmployee = 10_001;

const seed = 20_261_121;
const employeesPerReport = 500;

/** What the sample is made with. */
export interface SampleOptions {
  /** Absolute path of the file; its folder exists. */
  readonly file: string;
  /** Called now and then with how many employees are in. */
  readonly report?: (done: number, total: number) => void;
}

/** Makes the sample unless the file exists; tells whether it did. Takes about a second. */
export function createSample({ file, report }: SampleOptions): boolean {
  if (existsSync(file)) return false;
  const unfinished = `${file}.unfinished`;
  rmSync(unfinished, { force: true });
  closeSync(openSync(unfinished, 'w', 0o600));
  const database = new Sqlite(unfinished);
  try {
    // A file that is not there before its last byte is written needs no journal and no waiting for the disk.
    database.pragma('journal_mode = OFF');
    database.pragma('synchronous = OFF');
    database.transaction(() => fill(database, report))();
    database.exec('ANALYZE');
  } finally {
    database.close();
  }
  renameSync(unfinished, file);
  return true;
}

function fill(database: Sqlite.Database, report: SampleOptions['report']): void {
  database.exec(schemaSql);
  const department = database.prepare('INSERT INTO departments VALUES (?, ?)');
  for (const entry of departments) department.run(...entry);
  const insert = inserter(database);
  const random = new Random({ seed });
  const longest = new Map<string, { employee: number; fromDate: string }>();
  for (let at = 0; at < sampleEmployees; at++) {
    if (at % employeesPerReport === 0) report?.(at, sampleEmployees);
    const employee = firstEmployee + at;
    const career = nextCareer(random);
    insert(employee, career);
    for (const { deptNo, fromDate, toDate } of career.departments) {
      const leader = longest.get(deptNo);
      if (toDate === null && (leader === undefined || fromDate < leader.fromDate)) {
        longest.set(deptNo, { employee, fromDate });
      }
    }
  }
  const manager = database.prepare('INSERT INTO dept_managers VALUES (?, ?, ?, NULL)');
  for (const [deptNo, leader] of longest) manager.run(deptNo, leader.employee, leader.fromDate);
  database.exec(indexSql);
  report?.(sampleEmployees, sampleEmployees);
}

function inserter(database: Sqlite.Database): (employee: number, career: Career) => void {
  const person = database.prepare('INSERT INTO employees VALUES (?, ?, ?, ?, ?, ?)');
  const salary = database.prepare('INSERT INTO salaries VALUES (?, ?, ?, ?)');
  const title = database.prepare('INSERT INTO titles VALUES (?, ?, ?, ?)');
  const place = database.prepare('INSERT INTO dept_emp VALUES (?, ?, ?, ?)');
  return (employee, career) => {
    const { birthDate, firstName, lastName, gender, hireDate } = career;
    person.run(employee, birthDate, firstName, lastName, gender, hireDate);
    for (const each of career.salaries) salary.run(employee, each.salary, each.fromDate, each.toDate);
    for (const each of career.titles) title.run(employee, each.title, each.fromDate, each.toDate);
    for (const each of career.departments) place.run(employee, each.deptNo, each.fromDate, each.toDate);
  };
}
