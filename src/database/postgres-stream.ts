// Long reads of PostgreSQL in portions, through a cursor on a connection of its own.
// Invariant: a portion is asked for when the one before was taken; the connection comes back when the loop
// ends, breaks or stands still.
import { limits } from '../core/limits.ts';
import { type Bindable, DatabaseError, type Row, type Statement } from './connection.ts';
import type { Pool } from './pool.ts';
import type { PostgresConnection } from './postgres-connection.ts';

const begin: Statement = { sql: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY' };
// All rows are wanted, not the first ones soon.
const whole: Statement = { sql: 'SET LOCAL cursor_tuple_fraction = 1' };
const end: Statement = { sql: 'ROLLBACK' };

/** Rows of one consistent read. */
export async function* readPortions(
  pool: Pool<PostgresConnection>,
  statement: Statement,
  values: readonly Bindable[],
): AsyncGenerator<readonly Row[]> {
  const connection = await pool.acquire();
  let isBack = false;
  const giveBack = () => {
    if (!isBack) pool.release(connection);
    isBack = true;
  };
  const onIdle = () => {
    connection.destroy();
    giveBack();
  };
  try {
    await open(connection, statement, values);
    for (let count = firstPortion; ; ) {
      const rows = await connection.rowsOnce(fetches(count), []);
      if (rows.length > 0) {
        const timer = setTimeout(onIdle, limits.streamIdleMs).unref();
        try {
          yield rows;
        } finally {
          clearTimeout(timer);
        }
      }
      if (rows.length < count) return;
      count = nextCount(rows);
    }
  } finally {
    await leave(connection);
    giveBack();
  }
}

// Few at first: how large rows are is only known from rows.
const firstPortion = 100;

async function open(connection: PostgresConnection, statement: Statement, values: readonly Bindable[]) {
  connection.later(begin);
  connection.later(whole);
  await connection.rowsOnce({ sql: `DECLARE tenon NO SCROLL CURSOR FOR ${statement.sql}` }, values);
}

async function leave(connection: PostgresConnection): Promise<void> {
  if (!connection.isUsable) return;
  try {
    await connection.command(end);
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    connection.destroy();
  }
}

function fetches(count: number): Statement {
  return { sql: `FETCH ${count} FROM tenon` };
}

function nextCount(rows: readonly Row[]): number {
  let chars = rows.length;
  for (const row of rows) chars += sizeOf(row);
  const fitting = Math.floor((limits.streamPortionChars * rows.length) / chars);
  return Math.max(1, Math.min(limits.streamPortion, fitting));
}

function sizeOf(row: Row): number {
  let size = 0;
  for (const name in row) {
    const value = row[name];
    if (typeof value === 'string') size += value.length;
    else if (value instanceof Uint8Array) size += value.byteLength;
  }
  return size;
}
