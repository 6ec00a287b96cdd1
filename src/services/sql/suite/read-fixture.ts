// For tests only: a SQL service over a real SQLite file, asked through the whole path as its callers ask it.
// Invariant: nothing of a fixture outlives its `close`.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import type { Action, Parameters } from '../../../core/operation.ts';
import type { Exchange } from '../../../core/script.ts';
import { sqlite } from '../dialects/sqlite/index.ts';
import type { SqlService } from '../service.ts';
import { dispatcherOf, operationOf } from './path-fixture.ts';

/** What a call came to. */
export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
}

/** A call recorded in test/golden/transcripts.json. */
export interface Recorded {
  readonly id: string;
  readonly request: { readonly method: Action; readonly path: string };
  readonly response: { readonly status: number; readonly body: unknown };
}

/** How to open a fixture. */
export interface ReadFixtureOptions {
  /** Statements that make the database; the recorded sample data by default. */
  readonly sql?: string;
  readonly config?: Readonly<Record<string, unknown>>;
  /** Runs before the service of every operation, also of inner ones. */
  readonly before?: (exchange: Exchange) => void;
}

/** A service `hr` with its database. */
export interface ReadFixture {
  readonly service: SqlService;
  readonly file: string;
  /** Names of the events that fired, in order. */
  readonly fired: string[];
  /** The text of the answer to a GET, as it came. */
  text(path: string): Promise<string>;
  ask(action: Action, path: string, over?: { parameters?: Parameters; body?: unknown }): Promise<Answer>;
  /** Changes the database behind the service's back. */
  change(sql: string): void;
  close(): Promise<void>;
}

/** The sample data of the recordings. */
function goldenSql(): string {
  return readFileSync(
    new URL('../../../../test/golden/transcripts-fixture.sqlite.sql', import.meta.url),
    'utf8',
  );
}

/** The recorded calls; service `hr` has the number that it has here. */
export function recorded(): Recorded[] {
  const url = new URL('../../../../test/golden/transcripts.json', import.meta.url);
  return JSON.parse(readFileSync(url, 'utf8').replaceAll('"{{service_id:hr}}"', '8')) as Recorded[];
}

/** Makes a database and a service over it. */
export function openReadFixture({
  sql = goldenSql(),
  config = {},
  before,
}: ReadFixtureOptions = {}): ReadFixture {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-read-'));
  const file = join(folder, 'data.sqlite');
  const other = new Sqlite(file);
  other.exec(sql);
  const service = sqlite.create({
    id: 8,
    name: 'hr',
    label: 'HR',
    config: { database: file, ...config },
  }) as SqlService;
  const fired: string[] = [];
  const dispatcher = dispatcherOf([service], fired, before);
  const send = (action: Action, path: string, over: { parameters?: Parameters; body?: unknown } = {}) =>
    dispatcher.dispatch(operationOf(action, path, over));
  return {
    service,
    file,
    fired,
    text: async (path) => (await send('GET', path)).body?.text ?? '',
    ask: async (action, path, over) => {
      const result = await send(action, path, over);
      return { status: result.status, body: JSON.parse(result.body?.text ?? 'null') };
    },
    change: (text) => other.exec(text),
    async close() {
      await service.close();
      other.close();
      rmSync(folder, { recursive: true });
    },
  };
}
