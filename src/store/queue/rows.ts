// Queued runs as rows. Invariant: the columns that say what a run waits for change only together with its
// state.
import { type RawBuilder, sql } from 'kysely';
import { limits } from '../../core/limits.ts';
import type { ClaimedRun, Delivery, QueuedRun, QueuedState } from '../../core/queue.ts';
import type { StoreDialect } from '../dialect.ts';
import {
  columnOf,
  flag,
  type Handle,
  integer,
  type Kinds,
  oneOf,
  optionalInteger,
  optionalText,
  type TableRow,
  text,
} from '../table.ts';
import type { Statements } from './statements.ts';

/** The table of queued runs. */
export const table = 'queued_run';

/** What the parts of a queue work with. */
export interface QueueParts {
  readonly handle: Handle;
  readonly dialect: StoreDialect;
  readonly statements: Statements;
}

const kinds: Kinds<QueuedRun> = {
  position: integer,
  id: text,
  script: text,
  version: optionalText,
  connection: text,
  queue: text,
  priority: integer,
  state: oneOf<QueuedState>(),
  payload: text,
  userId: optionalInteger,
  appId: optionalInteger,
  roleId: optionalInteger,
  tries: optionalInteger,
  backoff: optionalText,
  timeoutMs: optionalInteger,
  uniqueKey: optionalText,
  orderingKey: optionalText,
  delivery: oneOf<Delivery>(),
  createdDate: integer,
  availableDate: integer,
  startedDate: optionalInteger,
  finishedDate: optionalInteger,
  attempt: integer,
  crashes: integer,
  worker: optionalText,
  leaseUntil: optionalInteger,
  fence: integer,
  isCancelling: flag,
  reason: optionalText,
  logId: optionalText,
  effectsService: optionalText,
};

const cells = Object.entries(kinds).map(([field, kind]) => ({ field, column: columnOf(field), kind }));

/** The columns of a queued run: all but those that are about waiting, and the token, which is a secret. */
export const columns = cells.map(({ column }) => column);

/** The run that a row holds. Workers read very many, so that columns are found once. */
export function readRun(row: TableRow): QueuedRun {
  const run: Record<string, unknown> = {};
  for (const { field, column, kind } of cells) run[field] = kind.read(row[column]);
  return run as unknown as QueuedRun;
}

/** The run that was claimed, from its row as it was before. */
export function claimedRun(row: TableRow, claim: ClaimMark): ClaimedRun {
  const { now, token, worker, leaseUntil } = claim;
  const run = readRun(row);
  const holding = { state: 'running', startedDate: now, fence: run.fence + 1, worker, leaseUntil } as const;
  // It is nobody else's yet: copying so many fields would take as long as reading them.
  return Object.assign(run, holding, { token });
}

/** What a claim writes. */
export interface ClaimMark {
  readonly now: number;
  readonly token: string;
  readonly worker: string;
  readonly leaseUntil: number;
}

/** What a run that may be claimed has in the column `turn`. */
export const turnOfPriority: RawBuilder<number> = sql<number>`0 - priority`;

/** What nobody holds. */
export const unheld = { token: null, worker: null, lease_until: null, is_cancelling: 0 } as const;

/** What is over, in whichever way. */
export function ended(state: QueuedState, now: number) {
  const waiting = { turn: null, wakes: null, held_key: null, held_order: null };
  return { ...unheld, ...waiting, state, finished_date: now };
}

/** What waits for its turn again. */
export const readyAgain = { ...unheld, state: 'ready', turn: turnOfPriority, wakes: null } as const;

/** The time by the clock of the database. */
export async function readClock({ handle, dialect }: QueueParts): Promise<number> {
  const { rows } = await sql<{ now: number }>`select ${dialect.now} as now`.execute(handle);
  return Number(rows[0]?.now);
}

/** Positions of rows. */
export function positionsOf(rows: readonly TableRow[]): number[] {
  return rows.map((row) => Number(row.position));
}

/**
 * Does work in a transaction, again where it lost against another one. In a transaction of the caller's it is
 * part of that, and so is its failure.
 */
export async function together<T>(
  parts: QueueParts,
  work: (parts: QueueParts) => Promise<T>,
  isLoose = false,
): Promise<T> {
  const { handle, dialect } = parts;
  const inside = (own: Handle) => work({ ...parts, handle: own });
  if (handle.isTransaction) return inside(handle);
  for (let tries = 1; ; tries++) {
    try {
      return await (isLoose ? dialect.loosely(handle, inside) : handle.transaction().execute(inside));
    } catch (error) {
      if (tries >= limits.deadlockTries || !dialect.isCollision(error)) throw error;
    }
  }
}

/** One more than before. */
export function countUp(column: string): RawBuilder<number> {
  return sql<number>`${sql.ref(column)} + 1`;
}

/** What changes in a row. */
export type RowChanges = Readonly<Record<string, string | number | null | RawBuilder<number>>>;

/** Changes rows that are locked. */
export async function change(
  { handle }: QueueParts,
  positions: readonly number[],
  changes: RowChanges,
): Promise<void> {
  if (positions.length === 0) return;
  await handle
    .updateTable(table)
    .set(changes)
    .where('position', 'in', [...positions])
    .execute();
}
