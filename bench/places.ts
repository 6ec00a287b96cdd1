// The same long table in every database that there is: rows of some 230 bytes, as numbers, texts, truths and
// dates.
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

const columns = `(id integer primary key, name varchar(60) not null, email varchar(80) not null,
  city varchar(40), amount decimal(10,2), paid boolean, made date, note varchar(200))`;
const insert = 'insert into event values';

/** Makes each, hands it out, and removes it. */
export async function* streamPlaces({ folder, rows }: PlaceOptions): AsyncGenerator<Place> {
  const file = join(folder, 'stream.sqlite');
  const database = new Database(file);
  database.exec(`pragma journal_mode = wal; create table event ${columns};`);
  for (const text of inserts(rows)) database.exec(text);
  database.close();
  yield { kind: 'sqlite', login: { file }, type: 'sqlite', config: { database: file } };
  for (const [kind, type] of [
    ['postgres', 'pgsql'],
    ['mysql', 'mysql'],
  ] as const) {
    if (!canTest(kind)) continue;
    const made = await testDatabase(kind);
    const { host, port, user, password } = made;
    await made.execute(`create table event ${columns}`);
    for (const text of inserts(rows)) await made.execute(text);
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
