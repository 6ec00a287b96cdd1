// For tests only: what the conformance suite needs of an engine, and a service with the sample data in it.
// Invariant: every engine gets the same tables and records; only the words of the DDL differ.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll } from 'vitest';
import type { Action } from '../../../core/operation.ts';
import type { Service } from '../../../core/service.ts';
import { type CallParts, dispatcherOf, operationOf } from './path-fixture.ts';

/** One type of column, its values on the way in and out as JSON texts. */
export interface TypeCase {
  /** As in CREATE TABLE. */
  readonly declared: string;
  /** What `_schema` calls it. */
  readonly type: string;
  /** What is sent, and what is answered where that is another text. */
  readonly values: readonly (readonly [given: string, answered?: string])[];
  /** What is refused with a 400 that names the field. */
  readonly refused?: readonly string[];
  /** Whether a filter may compare it with `=`; true unless told otherwise. */
  readonly isComparable?: boolean;
  /** For the documentation. */
  readonly note?: string;
  /** What has to be there before, such as CREATE TYPE. */
  readonly before?: string;
}

/** A database of an engine, empty when it is opened. */
export interface OpenedDatabase {
  /** Runs statements of the engine, behind the service's back. */
  execute(sql: string): Promise<void>;
  /** A service of the engine's type over it, with these settings beside those that it needs to get there. */
  service(name: string, config?: Readonly<Record<string, unknown>>): Service;
  close(): Promise<void>;
}

/** An engine that is put to the test. */
export interface EngineUnderTest {
  readonly name: string;
  open(): Promise<OpenedDatabase>;
  /** Words of DDL: `{id}` is a key that counts up. */
  readonly words: Readonly<Record<'id' | 'boolean' | 'datetime' | 'text' | 'double', string>>;
  /** The sign before and after a quoted name. */
  readonly quote: readonly [string, string];
  /** Lets the numbers that a table gives go on after those inserted; absent where that goes by itself. */
  advance?(table: string, column: string): string;
  readonly types: readonly TypeCase[];
  /** Makes and drops a user (password `limited`) who may use the records of table t, and make nothing. */
  readonly limitedUser?: (name: string) => { readonly make: string; readonly drop: string };
  /** Whether text longer than its column is kept. */
  readonly keepsLongText: boolean;
}

/** An answer: the value, and the text that it was. */
export interface SuiteAnswer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
  readonly text: string;
}

/** A service `hr` over a database with the sample data, reached by the whole path. */
export interface SuiteHouse {
  readonly service: Service;
  readonly database: OpenedDatabase;
  ask(action: Action, path: string, parts?: CallParts): Promise<SuiteAnswer>;
  close(): Promise<void>;
}

/** DDL and data in the engine's words. */
function inWordsOf(engine: EngineUnderTest, sql: string): string {
  const [open, close] = engine.quote;
  const words: Readonly<Record<string, string>> = engine.words;
  return sql
    .replace(/\{(\w+)\}/g, (whole, word: string) => words[word] ?? whole)
    .replace(/"((?:[^"]|"")*)"/g, (_whole, name: string) => {
      const plain = name.replaceAll('""', '"');
      return `${open}${plain.replaceAll(close, close + close)}${close}`;
    });
}

/** Opens a service over an empty database in which `sql` was run. */
export async function openSuiteHouse(
  engine: EngineUnderTest,
  sql: string,
  config: Readonly<Record<string, unknown>> = {},
): Promise<SuiteHouse> {
  const database = await engine.open();
  await database.execute(inWordsOf(engine, sql));
  const service = database.service('hr', config);
  const dispatcher = dispatcherOf([service], [], undefined);
  return {
    service,
    database,
    async ask(action, path, parts = {}) {
      const result = await dispatcher.dispatch(operationOf(action, `/api/v2/hr/${path}`, parts));
      const text = result.body?.text ?? 'null';
      return { status: result.status, body: JSON.parse(text), text };
    },
    async close() {
      await service.close?.();
      await database.close();
    },
  };
}

/** The recorded sample data. */
export function sampleSql(engine: EngineUnderTest): string {
  const file = new URL('../../../../test/golden/transcripts-fixture.sqlite.sql', import.meta.url);
  const records = readFileSync(file, 'utf8')
    .split('\n')
    .filter(
      (line) =>
        !/^(?:--|PRAGMA|BEGIN|COMMIT|CREATE|DELETE FROM sqlite|INSERT INTO sqlite|UPDATE sqlite)/.test(line),
    )
    .join('\n')
    .replace(/^\((\d+),('(?:[^']|'')*'),([01]),/gm, (_line, id, title, done) => {
      return `(${id},${title},${done === '1' ? 'true' : 'false'},`;
    });
  const tables = `
    CREATE TABLE departments(dept_no CHAR(4) NOT NULL PRIMARY KEY, dept_name VARCHAR(40) NOT NULL UNIQUE);
    CREATE TABLE employees(emp_no {id}, birth_date DATE NOT NULL, first_name VARCHAR(14) NOT NULL,
      last_name VARCHAR(16) NOT NULL, gender CHAR(1) NOT NULL, hire_date DATE NOT NULL);
    CREATE TABLE dept_emp(id {id}, emp_no INTEGER NOT NULL, dept_no CHAR(4) NOT NULL,
      from_date DATE NOT NULL, FOREIGN KEY (emp_no) REFERENCES employees(emp_no),
      FOREIGN KEY (dept_no) REFERENCES departments(dept_no));
    CREATE TABLE todo(id {id}, title VARCHAR(80) NOT NULL, done {boolean} NOT NULL DEFAULT false,
      priority INTEGER, due DATE, price DECIMAL(10,2), created_at {datetime});
  `;
  const keys = [
    ['employees', 'emp_no'],
    ['dept_emp', 'id'],
    ['todo', 'id'],
  ] as const;
  const advanced = keys.map(([table, column]) => engine.advance?.(table, column) ?? '');
  return [tables, records, ...advanced].join('\n');
}

/** One house for all tests of a group. */
export function shared(open: () => Promise<SuiteHouse>): () => SuiteHouse {
  let house: SuiteHouse | undefined;
  beforeAll(async () => {
    house = await open();
  });
  afterAll(() => house?.close());
  return () => {
    if (house === undefined) throw new Error('the database was not opened');
    return house;
  };
}
