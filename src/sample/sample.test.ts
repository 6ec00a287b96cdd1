import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSample, sampleEmployees } from './sample.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenon-sample-'));
const file = join(folder, 'sample.sqlite');
const reports: number[] = [];
let made = false;
let database: Sqlite.Database;

beforeAll(() => {
  made = createSample({ file, report: (done) => reports.push(done) });
  database = new Sqlite(file, { readonly: true });
});

afterAll(() => {
  database.close();
  rmSync(folder, { recursive: true, force: true });
});

const tables = ['departments', 'employees', 'salaries', 'titles', 'dept_emp', 'dept_managers'];

function count(sql: string): number {
  return Number(database.prepare(sql).pluck().get());
}

function contentHash(source: Sqlite.Database): string {
  const hash = createHash('sha256');
  for (const table of tables) {
    for (const row of source.prepare(`SELECT * FROM ${table} ORDER BY 1, 2`).raw().iterate()) {
      hash.update(JSON.stringify(row));
    }
  }
  return hash.digest('hex');
}

describe('the sample', () => {
  test('is the same rows every time it is made', () => {
    const other = join(folder, 'other.sqlite');
    createSample({ file: other });
    const second = new Sqlite(other, { readonly: true });
    expect(contentHash(second)).toBe(contentHash(database));
    second.close();
  });

  test('is made once, reports its progress to the end and is private', () => {
    expect(made).toBe(true);
    expect(createSample({ file })).toBe(false);
    expect(reports[0]).toBe(0);
    expect(reports.at(-1)).toBe(sampleEmployees);
    expect([...reports].sort((a, b) => a - b)).toEqual(reports);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(existsSync(`${file}.unfinished`)).toBe(false);
  });

  test('what an interrupted start left behind is no sample', () => {
    const third = join(folder, 'third.sqlite');
    writeFileSync(`${third}.unfinished`, 'half of it');
    expect(createSample({ file: third })).toBe(true);
    const opened = new Sqlite(third, { readonly: true });
    expect(opened.prepare('SELECT count(*) FROM employees').pluck().get()).toBe(sampleEmployees);
    opened.close();
  });

  test('keeps all its foreign keys and is a sound file', () => {
    expect(database.pragma('foreign_key_check')).toEqual([]);
    expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
    expect(database.pragma('foreign_key_list(dept_emp)')).toHaveLength(2);
  });

  test('employees have the six fields of the documented record, in their order', () => {
    const employee = database.prepare('SELECT * FROM employees WHERE emp_no = 10001').get();
    expect(Object.keys(employee as object)).toEqual([
      'emp_no',
      'birth_date',
      'first_name',
      'last_name',
      'gender',
      'hire_date',
    ]);
    expect(count('SELECT count(*) FROM employees')).toBe(sampleEmployees);
    expect(count("SELECT count(*) FROM employees WHERE birth_date NOT GLOB '[12][0-9][0-9][0-9]-*-*'")).toBe(
      0,
    );
  });

  test('everybody earns, has a title and works somewhere, from the first day on', () => {
    for (const table of ['salaries', 'titles', 'dept_emp']) {
      const first = `SELECT emp_no, min(from_date) AS began FROM ${table} GROUP BY emp_no`;
      const sql = `SELECT count(*) FROM employees JOIN (${first}) USING (emp_no) WHERE began = hire_date`;
      expect(count(sql)).toBe(sampleEmployees);
    }
  });

  test('periods follow each other and at most one goes on', () => {
    for (const table of ['salaries', 'titles', 'dept_emp']) {
      const next = 'lead(from_date) OVER (PARTITION BY emp_no ORDER BY from_date)';
      const rows = `SELECT to_date, ${next} AS following FROM ${table}`;
      expect(
        count(`SELECT count(*) FROM (${rows}) WHERE following IS NOT NULL AND to_date IS NOT following`),
      ).toBe(0);
    }
  });

  test('people change departments, so both sides have many', () => {
    expect(
      count('SELECT count(*) FROM (SELECT emp_no FROM dept_emp GROUP BY 1 HAVING count(*) > 1)'),
    ).toBeGreaterThan(500);
    expect(count('SELECT min(n) FROM (SELECT count(*) AS n FROM dept_emp GROUP BY dept_no)')).toBeGreaterThan(
      500,
    );
  });

  test('each department is managed by one who works there today', () => {
    const here = 'JOIN dept_emp USING (emp_no, dept_no) WHERE dept_emp.to_date IS NULL';
    expect(count(`SELECT count(DISTINCT dept_no) FROM dept_managers ${here}`)).toBe(10);
  });
});
