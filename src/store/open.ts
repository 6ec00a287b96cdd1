// The system database, wherever it is.
import type { Store } from '../core/store.ts';
import type { StoreDialect } from './dialect.ts';
import type { FileOwner } from './file-place.ts';
import { mysqlStoreDialect } from './mysql.ts';
import { isOnServer } from './place.ts';
import { postgresStoreDialect } from './postgres.ts';
import { createSqliteStore } from './sqlite.ts';
import { openStore, openStoreAsItIs } from './store.ts';

/** Opens it: a file, or the address of one on a server. Throws `config.invalid` or `service.unavailable`. */
export async function openSystemStore(database: string, owner?: FileOwner): Promise<Store> {
  if (!isOnServer(database)) return createSqliteStore({ file: database, owner });
  return openStore(await serverDialect(database));
}

/** Opens one on a server without changing anything there; undefined where there is none yet. */
export async function lookAtSystemStore(url: string): Promise<Store | undefined> {
  return openStoreAsItIs(await serverDialect(url));
}

function serverDialect(url: string): Promise<StoreDialect> {
  return url.startsWith('postgres') ? postgresStoreDialect(url) : mysqlStoreDialect(url);
}
