// Databases of live servers for tests: a fresh one per test, in the servers that tools/databases.mjs started.
// Invariant: a test that cannot have its server is left out with the reason in words, and never in CI.
import { randomBytes } from 'node:crypto';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { readServers } from '../tools/databases.mjs';

/** The kind of a server; MariaDB counts as MySQL. */
export type ServerKind = 'postgres' | 'mysql';

/** How to reach a server. */
export interface Login {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

/** A database of a test's own. */
export interface TestDatabase extends Login {
  readonly database: string;
  /** Runs a script of statements as it is, for fixtures. */
  execute(sql: string): Promise<void>;
  /** Removes it with all connections to it. */
  drop(): Promise<void>;
}

/**
 * Whether tests of this kind run, as in `describe.runIf(canTest('postgres'))`. In CI they do in any case, and
 * fail where there is no server.
 */
export function canTest(kind: ServerKind): boolean {
  const server = readServers()[kind];
  if ('pid' in server || process.env.CI) return true;
  console.warn(`SKIPPED: tests with ${kind}: ${server.reason}`);
  return false;
}

/** Makes an empty database with a name of its own in the shared server. */
export async function testDatabase(kind: ServerKind): Promise<TestDatabase> {
  const server = readServers()[kind];
  if (!('pid' in server)) throw new Error(`no ${kind}: ${server.reason}`);
  const { host, port, user, password } = server;
  return databaseIn(kind, { host, port, user, password });
}

/** The same in a server of the test's own. */
export async function databaseIn(kind: ServerKind, login: Login): Promise<TestDatabase> {
  const database = `test_${randomBytes(6).toString('hex')}`;
  const { host, port, user, password } = login;
  const execute = kind === 'postgres' ? inPostgres : inMysql;
  const home = { ...login, database: kind === 'postgres' ? 'postgres' : 'mysql' };
  await execute(home, `CREATE DATABASE ${database}`);
  const forcefully = kind === 'postgres' ? ' WITH (FORCE)' : '';
  const drop = () => execute(home, `DROP DATABASE IF EXISTS ${database}${forcefully}`);
  const own = (sql: string) => execute({ ...login, database }, sql);
  return { host, port, user, password, database, execute: own, drop };
}

async function inPostgres(place: Login & { database: string }, sql: string): Promise<void> {
  const client = new pg.Client(place);
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

async function inMysql(place: Login & { database: string }, sql: string): Promise<void> {
  const { host, port, user, password, database } = place;
  const connection = await mysql.createConnection({
    ...{ host, port, user, password, database },
    multipleStatements: true,
  });
  try {
    await connection.query(sql);
  } finally {
    await connection.end();
  }
}
