// Queuing runs. Invariant: of runs with the same unique key one is ready or running, whoever pushes at the
// same moment; the database sees to it.
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { NewQueuedRun } from '../../core/queue.ts';
import type { TableRow } from '../table.ts';
import { type QueueParts, readClock, table, together } from './rows.ts';

type Cells = readonly (string | number | null)[];

const inserted = [
  ...['id', 'script', 'version', 'connection', 'queue', 'priority', 'payload'],
  ...['user_id', 'app_id', 'role_id', 'tries', 'backoff', 'timeout_ms', 'unique_key', 'ordering_key'],
  ...['delivery', 'created_date', 'available_date', 'turn', 'wakes', 'held_key', 'held_order'],
] as const;

/** Adds runs to the table. */
export class Pushing {
  readonly #parts: QueueParts;

  constructor(parts: QueueParts) {
    this.#parts = parts;
  }

  /** The id of the run that stands for each. */
  async push(given: readonly NewQueuedRun[]): Promise<string[]> {
    const runs = given.map(checked);
    let ids: string[] = [];
    // A run that held a key may be over by the time it is looked for; then the key is free.
    for (let tries = 0; tries < limits.deadlockTries; tries++) {
      ids = await together(this.#parts, (parts) => this.#insert(parts, runs));
      if (!ids.includes('')) return ids;
    }
    throw new PlatformError('request.conflict', 'Runs with the same unique key come and go too fast.');
  }

  async #insert(parts: QueueParts, runs: readonly NewQueuedRun[]): Promise<string[]> {
    const now = await readClock(parts);
    const rows = runs.map((run) => cellsOf(run, now));
    for (let at = 0; at < rows.length; ) {
      // Numbers of rows that are powers of two: few statements serve all.
      let size = Math.min(limits.queueInsertRows, 2 ** Math.floor(Math.log2(rows.length - at)));
      while (size > 1 && charsOf(runs.slice(at, at + size)) > limits.queuePayloadChars) size /= 2;
      await insertRows(parts, rows.slice(at, at + size));
      at += size;
    }
    const keys = runs.flatMap(({ uniqueKey }) => (uniqueKey === null ? [] : [uniqueKey]));
    return keys.length === 0 ? runs.map(({ id }) => id) : this.#resolve(parts, runs, keys);
  }

  // Empty where neither the run nor one with its key is there.
  async #resolve({ handle }: QueueParts, runs: readonly NewQueuedRun[], keys: string[]): Promise<string[]> {
    const own = new Set<string>();
    const holders = new Map<string, string>();
    for (let at = 0; at < runs.length; at += limits.queuePartRows) {
      const ids = runs.slice(at, at + limits.queuePartRows).map(({ id }) => id);
      const part = keys.slice(at, at + limits.queuePartRows);
      const rows = await handle
        .selectFrom(table)
        .select(['id', 'held_key'])
        .where((build) => {
          const byId = build('id', 'in', ids);
          return part.length === 0 ? byId : build.or([byId, build('held_key', 'in', part)]);
        })
        .execute();
      for (const { id, held_key: key } of rows) {
        own.add(String(id));
        if (key !== null) holders.set(String(key), String(id));
      }
    }
    return runs.map(({ id, uniqueKey }) => (own.has(id) ? id : (holders.get(uniqueKey ?? '') ?? '')));
  }
}

async function insertRows(
  { handle, dialect, statements }: QueueParts,
  rows: readonly Cells[],
): Promise<void> {
  await statements.ask(handle, {
    name: `insert ${rows.length}`,
    make: () => {
      const values = rows.map((cells) => Object.fromEntries(cells.map((cell, at) => [inserted[at], cell])));
      return dialect.skippingDuplicates(handle.insertInto(table).values(values as TableRow[]));
    },
    values: rows.flat(),
  });
}

// MySQL takes no statement beyond its largest packet, of 16 MB mostly.
function charsOf(runs: readonly NewQueuedRun[]): number {
  return runs.reduce((sum, { payload }) => sum + payload.length, 0);
}

// In the order of `inserted`.
function cellsOf(run: NewQueuedRun, now: number): Cells {
  const available = now + Math.max(0, run.delayMs);
  const isDelayed = available > now;
  return [
    ...[run.id, run.script, run.version, run.connection, run.queue, run.priority, run.payload],
    ...[run.userId, run.appId, run.roleId, run.tries, run.backoff, run.timeoutMs],
    ...[run.uniqueKey, run.orderingKey, run.delivery, now, available],
    ...[isDelayed ? null : -run.priority, isDelayed ? available : null, run.uniqueKey, run.orderingKey],
  ];
}

// Engines differ in what they do with a text that is too long for its column, with spaces at its end, with
// the sign 0 and with halves of signs.
function checked(run: NewQueuedRun): NewQueuedRun {
  const { connection, queue, priority, uniqueKey, orderingKey } = run;
  refuseUnless(Math.max(connection.length, queue.length) <= limits.queueNameChars, names);
  refuseUnless(Number.isInteger(priority) && Math.abs(priority) <= limits.queuePriority, priorities);
  if (uniqueKey === null && orderingKey === null) return run;
  return { ...run, uniqueKey: checkedKey(uniqueKey), orderingKey: checkedKey(orderingKey) };
}

const names = `The name of a queue or connection may have ${limits.queueNameChars} characters.`;
const priorities =
  `The priority of a queued run is a whole number from -${limits.queuePriority} ` +
  `to ${limits.queuePriority}.`;
const keys = `A key of a queued run may have ${limits.queueKeyChars} characters.`;

function checkedKey(text: string | null): string | null {
  const key = text?.toWellFormed().replaceAll('\0', '\ufffd').replace(/ +$/, '') ?? null;
  refuseUnless((key?.length ?? 0) <= limits.queueKeyChars, keys);
  return key;
}

function refuseUnless(isGood: boolean, message: string): void {
  if (!isGood) throw new PlatformError('request.invalid_parameter', message);
}
