// The same tables in every database that there is.
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { canTest, testDatabase } from '../test/databases.ts';

/** A database with the table `event`. */
export interface Place {
  readonly kind: 'sqlite' | 'postgres' | 'mysql';
  /** How a driver reaches it. */
  readonly login: Readonly<Record<string, unknown>>;
  /** The service type, and its configuration. */
  readonly type: string;
  readonly config: Readonly<Record<string, unknown>>;
}

/** What the tables are to hold, and where files go. */
export interface PlaceOptions {
  readonly folder: string;
  readonly rows: number;
}

/** What is made in a database. */
interface Content {
  readonly file: string;
  readonly tables: (kind: Place['kind']) => string;
  readonly inserts: (rows: number) => Iterable<string>;
}

/** Rows of some 230 bytes, as numbers, texts, truths and dates. */
export function streamPlaces(options: PlaceOptions): AsyncGenerator<Place> {
  const tables = () => `create table event ${columns};`;
  return places(options, { file: 'stream.sqlite', tables, inserts });
}

/** Employees by number and gender, and an empty table of notes. */
export function employeePlaces(options: PlaceOptions): AsyncGenerator<Place> {
  const counting = {
    sqlite: 'integer primary key',
    postgres: 'serial primary key',
    mysql: 'integer auto_increment primary key',
  };
  const tables = (kind: Place['kind']) => `create table employees (emp_no integer primary key,
    birth_date date not null, first_name varchar(14) not null, last_name varchar(16) not null,
    gender char(1) not null, hire_date date not null);
    create table notes (id ${counting[kind]}, title varchar(80) not null, priority integer);`;
  return places(options, { file: 'employees.sqlite', tables, inserts: employees });
}

const columns = `(id integer primary key, name varchar(60) not null, email varchar(80) not null,
  city varchar(40), amount decimal(10,2), paid boolean, made date, note varchar(200))`;
const insert = 'insert into event values';

/** Makes each, hands it out, and removes it. */
async function* places({ folder, rows }: PlaceOptions, content: Content): AsyncGenerator<Place> {
  const file = join(folder, content.file);
  const database = new Database(file);
  database.exec(`pragma journal_mode = wal; ${content.tables('sqlite')}`);
  for (const text of content.inserts(rows)) database.exec(text);
  database.close();
  yield { kind: 'sqlite', login: { file }, type: 'sqlite', config: { database: file } };
  for (const [kind, type] of [
    ['postgres', 'pgsql'],
    ['mysql', 'mysql'],
  ] as const) {
    if (!canTest(kind)) continue;
    const made = await testDatabase(kind);
    const { host, port, user, password } = made;
    await made.execute(content.tables(kind));
    for (const text of content.inserts(rows)) await made.execute(text);
    const login = { host, port, user, password, database: made.database };
    const config = { host, port, database: made.database, username: user, password };
    yield { kind, login, type, config };
    await made.drop();
  }
}

// A thousand rows to a statement.
function* inserts(rows: number): Generator<string> {
  for (let from = 1; from <= rows; from += 1_000) {
    const values = Array.from({ length: Math.min(1_000, rows - from + 1) }, (_each, index) =>
      row(from + index),
    );
    yield `${insert} ${values.join(',')}`;
  }
}

function row(i: number): string {
  const made = `20${10 + (i % 15)}-0${1 + (i % 9)}-1${i % 9}`;
  const note = `A note about "${i}", which is some eighty characters long so that each row weighs.`;
  return (
    `(${i}, 'Person number ${i}', 'person${i}@example.com', 'City ${i % 500}', ${(i * 1.25).toFixed(2)}, ` +
    `${i % 2 === 1}, '${made}', '${note}')`
  );
}

function* employees(rows: number): Generator<string> {
  for (let from = 0; from < rows; from += 1_000) {
    const values = Array.from({ length: Math.min(1_000, rows - from) }, (_each, index) => {
      const i = from + index;
      const year = 1950 + (i % 40);
      const names = `'First${i % 53}', 'Last${i % 97}'`;
      return `(${10_001 + i}, '${year}-05-17', ${names}, '${i % 2 === 0 ? 'M' : 'F'}', '${year + 25}-02-01')`;
    });
    yield `insert into employees values ${values.join(',')}`;
  }
}
