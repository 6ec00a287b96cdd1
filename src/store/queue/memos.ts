// What is noted of a run while it runs: where its effects are, and what its script remembers under keys.
// Invariant: only who holds the run notes anything, and what was noted is on disk when the answer is there.
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Hold } from '../../core/queue.ts';
import { lockHeld } from './finish.ts';
import { type QueueParts, table, together } from './rows.ts';

const memos = 'queued_run_memo';

/** Where the effects of a run are going to be. */
export interface EffectsNote {
  readonly hold: Hold;
  readonly service: string;
}

/** Notes services of runs; tells which of the notes counted. */
export function noteEffects(parts: QueueParts, notes: readonly EffectsNote[]): Promise<boolean[]> {
  return together(parts, async (inside) => {
    const held = await lockHeld(
      inside,
      notes.map(({ hold }) => hold),
    );
    const counted = notes.map((note) => ({ note, row: held.take(note.hold) }));
    const byService = Map.groupBy(
      counted.filter(({ row }) => row !== undefined),
      ({ note }) => note.service,
    );
    for (const [service, same] of byService) {
      await inside.handle
        .updateTable(table)
        .set({ effects_service: service })
        .where(
          'position',
          'in',
          same.map(({ note }) => note.hold.position),
        )
        .execute();
    }
    return counted.map(({ row }) => row !== undefined);
  });
}

/** What is remembered of a run; of any attempt, so that nobody need hold it. */
export async function recall({ handle }: QueueParts, hold: Hold, key: string): Promise<string | undefined> {
  const row = await handle
    .selectFrom(memos)
    .select('value')
    .where('position', '=', hold.position)
    .where('memo_key', '=', memoKey(key))
    .executeTakeFirst();
  return row === undefined ? undefined : String(row.value);
}

/** A memo to be kept. */
export interface Memo {
  readonly key: string;
  readonly value: string;
}

/** Keeps a memo of a run, in place of the one under the same key; false where it is held no more. */
export async function remember(parts: QueueParts, hold: Hold, { key, value }: Memo): Promise<boolean> {
  const name = memoKey(key);
  const most = limits.queueMemoChars;
  refuseUnless(value.length <= most, `What a run remembers of one key may have ${most} characters.`);
  return together(parts, async (inside) => {
    const held = await lockHeld(inside, [hold]);
    if (held.take(hold) === undefined) return false;
    const { position } = hold;
    const same = inside.handle.deleteFrom(memos).where('position', '=', position);
    await same.where('memo_key', '=', name).execute();
    await checkRoom(inside, position);
    await inside.handle.insertInto(memos).values({ position, memo_key: name, value }).execute();
    return true;
  });
}

async function checkRoom({ handle }: QueueParts, position: number): Promise<void> {
  const row = await handle
    .selectFrom(memos)
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('position', '=', position)
    .executeTakeFirst();
  const isFree = Number(row?.count ?? 0) < limits.queueMemos;
  refuseUnless(isFree, `A run may remember ${limits.queueMemos} keys.`);
}

/** Drops what is remembered of runs that are dropped. */
export async function dropMemos({ handle }: Pick<QueueParts, 'handle'>, positions: number[]): Promise<void> {
  await handle.deleteFrom(memos).where('position', 'in', positions).execute();
}

// Engines differ in what they do with spaces at the end of a text.
function memoKey(key: string): string {
  const name = key.replace(/ +$/, '');
  const most = limits.queueKeyChars;
  refuseUnless(
    name !== '' && name.length <= most,
    `What is remembered needs a key of 1 to ${most} characters.`,
  );
  return name;
}

function refuseUnless(isGood: boolean, message: string): void {
  if (!isGood) throw new PlatformError('request.invalid_parameter', message);
}
