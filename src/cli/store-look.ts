// How checks look into the system database. Invariant: it stays as it is; opening brings the schema up to
// date, which is for the server to do, so a copy of a file is opened, and one on a server only looked at.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { type Config, systemDatabase } from '../config.ts';
import { limits } from '../core/limits.ts';
import type { Store } from '../core/store.ts';
import { lookAtSystemStore } from '../store/open.ts';
import { isOnServer } from '../store/place.ts';
import { createSqliteStore } from '../store/sqlite.ts';

/** Looks into what there is; undefined where there is nothing yet. */
export async function lookAtStore<T>(
  config: Config,
  work: (store: Store) => Promise<T>,
): Promise<T | undefined> {
  const database = systemDatabase(config);
  if (isOnServer(database)) return withServer(database, work);
  return existsSync(database) ? withCopy(database, work) : undefined;
}

async function withServer<T>(url: string, work: (store: Store) => Promise<T>): Promise<T | undefined> {
  const store = await lookAtSystemStore(url);
  return store === undefined ? undefined : closing(store, work);
}

async function withCopy<T>(file: string, work: (store: Store) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-doctor-'));
  try {
    const copy = join(folder, 'system.sqlite');
    await copyDatabase(file, copy);
    return await closing(await createSqliteStore({ file: copy }), work);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function closing<T>(store: Store, work: (store: Store) => Promise<T>): Promise<T> {
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

async function copyDatabase(from: string, to: string): Promise<void> {
  const source = new Sqlite(from, { readonly: true, timeout: limits.databaseWaitMs });
  try {
    await source.backup(to);
  } finally {
    source.close();
  }
}
