// For tests of `_schema`: a service over an empty database, with a place for what is said beside it, asked
// through the whole path.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import type { Action, Principal } from '../../../core/operation.ts';
import type { Store } from '../../../core/store.ts';
import { createSqliteStore } from '../../../store/sqlite.ts';
import { sqlite } from '../dialects/sqlite/index.ts';
import { Overlays } from '../schema/overlays.ts';
import type { SqlService } from '../service.ts';
import { dispatcherOf, operationOf } from './path-fixture.ts';

/** What a call came to. */
export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
}

/** A database whose schema is written. */
export interface SchemaHouse {
  readonly store: Store;
  readonly overlays: Overlays;
  readonly service: SqlService;
  /** Names of the events that fired, in order. */
  readonly fired: string[];
  ask(action: Action, path: string, body?: unknown): Promise<Answer>;
  /** The same as somebody else than an administrator. */
  as(principal: Partial<Principal>): Pick<SchemaHouse, 'ask'>;
  close(): Promise<void>;
}

/** Makes the service of an engine once its number is known. */
export type OpenService = (settings: { readonly id: number; readonly name: string }) => SqlService;

/** Opens a house over any service. */
export async function openSchemaHouse(open: OpenService): Promise<SchemaHouse> {
  const store = await createSqliteStore({ file: ':memory:' });
  const fixed = { mutable: true, deletable: true, config: {}, document: null, description: null };
  const record = { name: 'db', label: 'Db', isActive: true, type: 'sqlite', ...fixed };
  const { id } = await store.services.create(record, null);
  const overlays = new Overlays({ store });
  await overlays.load();
  const process = processOver(open({ id, name: 'db' }), overlays);
  return {
    ...{ store, ...process },
    close: async () => {
      await process.close();
      await store.close();
    },
  };
}

function processOver(service: SqlService, overlays: Overlays) {
  service.useOverlays(overlays);
  const fired: string[] = [];
  const dispatcher = dispatcherOf([service], fired, undefined);
  const as = (principal: Partial<Principal>) => ({
    ask: async (action: Action, path: string, body?: unknown) => {
      const uri = `/api/v2/db${path.startsWith('?') ? '' : '/'}${path}`;
      const operation = operationOf(action, uri, body === undefined ? {} : { body });
      const result = await dispatcher.dispatch({
        ...operation,
        principal: { ...operation.principal, ...principal },
      });
      return { status: result.status, body: result.body?.value };
    },
  });
  return { overlays, service, fired, ...as({}), as, close: () => service.close() };
}

/** A house over an SQLite file with its own connection to look at what is there. */
export interface SqliteSchemaHouse extends SchemaHouse {
  /** Runs SQL in the file, past the service. */
  execute(sql: string): void;
  // biome-ignore lint/suspicious/noExplicitAny: rows of every shape
  rows(sql: string): any[];
  /** Another process over the same file and the same system database. */
  beside(): Pick<SchemaHouse, 'ask' | 'overlays' | 'close'>;
}

/** Opens a house over a new SQLite file made of SQL text. */
export async function openSqliteHouse(sql = ''): Promise<SqliteSchemaHouse> {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-schema-'));
  const database = join(folder, 'db.sqlite');
  const connection = new Sqlite(database);
  connection.exec(sql);
  let number = 0;
  const open = ({ id, name }: { readonly id: number; readonly name: string }) => {
    number = id;
    return sqlite.create({
      id,
      name,
      label: 'Db',
      config: { database, synchronous: 'NORMAL' },
    }) as SqlService;
  };
  const house = await openSchemaHouse(open);
  return {
    ...house,
    execute: (text) => void connection.exec(text),
    rows: (text) => connection.prepare(text).all(),
    beside: () => processOver(open({ id: number, name: 'db' }), new Overlays({ store: house.store })),
    close: async () => {
      await house.close();
      connection.close();
      rmSync(folder, { recursive: true });
    },
  };
}
