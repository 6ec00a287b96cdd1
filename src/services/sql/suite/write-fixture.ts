// A writer over a real SQLite file for tests: calls as the path makes them, and a second connection to look
// with. Invariant: nothing of a fixture outlives its `close`.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { Body } from '../../../core/body.ts';
import { envelope, PlatformError } from '../../../core/errors.ts';
import {
  type Action,
  anonymous,
  type Operation,
  type Parameters,
  type Result,
} from '../../../core/operation.ts';
import type { CallContext } from '../../../core/service.ts';
import { SqliteEngine } from '../dialects/sqlite/engine.ts';
import { readRecords } from '../reading/read.ts';
import { EngineSource, type SqlSettings } from '../source.ts';
import { RecordWriter } from '../writing/write.ts';

/** What came of a call: as the door would answer it. */
export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
}

/** A call: `body` is a value, or JSON text as a caller would send it. */
export interface Call {
  readonly id?: string;
  readonly query?: Parameters;
  readonly body?: unknown;
}

/** A writer with its database. */
export interface WriteFixture {
  readonly source: EngineSource;
  readonly path: string;
  ask(action: Action, table: string, call?: Call): Promise<Answer>;
  /** The text of a successful answer. */
  askText(action: Action, table: string, call: Call): Promise<string>;
  /** What another connection sees. */
  // biome-ignore lint/suspicious/noExplicitAny: rows have the columns of whatever was asked
  look(sql: string, ...values: unknown[]): any[];
  close(): Promise<void>;
}

/** The recorded sample data: departments, employees, dept_emp and todo. */
export function goldenSql(): string {
  return readFileSync(
    new URL('../../../../test/golden/transcripts-fixture.sqlite.sql', import.meta.url),
    'utf8',
  );
}

/** Makes a database of the SQL and a writer over it. */
export function openWriteFixture(sql: string, settings: Partial<SqlSettings> = {}): WriteFixture {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-write-'));
  const path = join(folder, 'data.sqlite');
  const other = new Database(path);
  other.exec(sql);
  const source = new EngineSource({
    engine: new SqliteEngine({ path }),
    settings: {
      service: 'hr',
      maxRecords: 1_000,
      allowUpsert: false,
      strictFields: false,
      transactionMs: 2_000,
      ...settings,
    },
  });
  const writer = new RecordWriter({ source });
  const write = async (action: Action, table: string, call: Call): Promise<Result> => {
    const target = {
      table: source.table(table),
      id: call.id,
      context: contextOf(source),
    };
    const asked = operation(action, table, call);
    if (action === 'GET') return readRecords(source, asked, target);
    return writer.write(asked, target);
  };
  return {
    source,
    path,
    askText: async (action, table, call) => (await write(action, table, call)).body?.text ?? '',
    async ask(action, table, call = {}) {
      try {
        const result = await write(action, table, call);
        return { status: result.status, body: JSON.parse(result.body?.text ?? 'null') };
      } catch (thrown) {
        if (!(thrown instanceof PlatformError)) throw thrown;
        return { status: thrown.status, body: JSON.parse(JSON.stringify({ error: envelope(thrown) })) };
      }
    },
    look: (query, ...values) => other.prepare(query).all(...values),
    async close() {
      await source.close();
      other.close();
      rmSync(folder, { recursive: true });
    },
  };
}

// A write asks for nothing but related records, once it is done.
function contextOf(source: EngineSource): CallContext {
  const context: CallContext = {
    call: async ({ path, action, request }) => {
      if (action !== 'GET') throw new Error('A write makes no calls.');
      const table = source.table(path[1] ?? '');
      const asked = { ...operation('GET', table.name, {}), request };
      return readRecords(source, asked, { table, id: undefined, context });
    },
    check: () => undefined,
  };
  return context;
}

/** The operation that a call is. */
export function operation(action: Action, table: string, { id, query = {}, body }: Call): Operation {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return {
    service: 'hr',
    path: ['_table', table, ...(id === undefined ? [] : [id])],
    action,
    origin: 'http',
    requestor: 'api',
    principal: { ...anonymous, kind: 'system', isAdmin: true },
    depth: 0,
    request: {
      parameters: query,
      headers: {},
      body: body === undefined ? undefined : Body.ofText(text, 'application/json'),
    },
    uri: `/api/v2/hr/_table/${table}`,
    apiVersion: '2.0',
  };
}
