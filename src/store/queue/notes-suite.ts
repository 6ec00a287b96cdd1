// What is noted of runs while they run, claims of certain runs, and who is told that runs came; part of the
// suite of the run store.
import { describe, expect, it, vi } from 'vitest';
import { limits } from '../../core/limits.ts';
import type { ClaimedRun } from '../../core/queue.ts';
import type { Store } from '../../core/store.ts';
import { done, failed, idsOf, newRun, place, sleep, take, takeAll, takeOne } from './fixture.ts';

/** Defines the tests; `open` gives the store of another server. */
export function notesAndSignals(store: () => Store, open: () => Promise<Store>): void {
  describe('notes of a run', () => {
    memos(store);
    effects(store);
  });
  describe('certain runs', () => certainRuns(store));
  describe('the signal', () => signals(store, open));
}

function memos(store: () => Store): void {
  it('are kept under their keys, and there in the next attempt', async () => {
    await store().queue.push([newRun('a'), newRun('b')]);
    const [a, b] = (await take(store().queue)) as [ClaimedRun, ClaimedRun];
    expect(await store().queue.recall(a, 'mail')).toBeUndefined();
    expect(await store().queue.remember(a, 'mail', '{"ü":1}')).toBe(true);
    expect(await store().queue.remember(a, 'Mail', '2')).toBe(true);
    expect(await store().queue.remember(a, 'mail', '{"ü":3}')).toBe(true);
    await store().queue.finish([failed(a, 0)]);
    const again = await takeOne(store());
    expect(again.id).toBe('a');
    expect(await store().queue.recall(again, 'mail')).toBe('{"ü":3}');
    expect(await store().queue.recall(again, 'Mail')).toBe('2');
    expect(await store().queue.recall(b, 'mail')).toBeUndefined();
  });

  it('are taken from nobody who does not hold the run', async () => {
    await store().queue.push([newRun('a')]);
    const run = await takeOne(store());
    const stranger = { position: run.position, token: '0'.repeat(16) };
    expect(await store().queue.remember(stranger, 'k', '1')).toBe(false);
    expect(await store().queue.noteEffects(stranger, 'hr')).toBe(false);
    await store().queue.finish([done(run)]);
    expect(await store().queue.remember(run, 'k', '1')).toBe(false);
    expect(await store().queue.noteEffects(run, 'hr')).toBe(false);
    expect(await store().queue.recall(run, 'k')).toBeUndefined();
    expect(await store().queue.get('a')).toMatchObject({ effectsService: null });
  });

  it('have bounds, which are told', async () => {
    await store().queue.push([newRun('a')]);
    const run = await takeOne(store());
    const refused = { kind: 'request.invalid_parameter' };
    const long = 'x'.repeat(limits.queueMemoChars);
    expect(await store().queue.remember(run, 'k'.repeat(limits.queueKeyChars), long)).toBe(true);
    await expect(store().queue.remember(run, 'k', `${long}x`)).rejects.toMatchObject(refused);
    await expect(store().queue.remember(run, '', '1')).rejects.toMatchObject(refused);
    await expect(
      store().queue.remember(run, 'k'.repeat(limits.queueKeyChars + 1), '1'),
    ).rejects.toMatchObject(refused);
    await store().transaction(async (inside) => {
      for (let at = 1; at < limits.queueMemos; at++) await inside.queue.remember(run, `k${at}`, '1');
    });
    await expect(store().queue.remember(run, 'one more', '1')).rejects.toMatchObject(refused);
    expect(await store().queue.remember(run, 'k1', '2')).toBe(true);
  }, 30_000);

  it('go with their run', async () => {
    await store().queue.push(['a', 'b', 'c'].map((id) => newRun(id)));
    const runs = (await take(store().queue)) as [ClaimedRun, ClaimedRun, ClaimedRun];
    for (const run of runs) await store().queue.remember(run, 'k', run.id);
    const [a, b, c] = runs;
    await store().queue.finish([done(a), done(b), failed(c)]);
    const recalled = () => Promise.all(runs.map((run) => store().queue.recall(run, 'k')));
    expect(await recalled()).toEqual(['a', 'b', 'c']);
    expect(await store().queue.trim({ state: 'done', olderThanMs: 60_000, keep: 1, atOnce: 9 })).toBe(1);
    expect(await recalled()).toEqual([undefined, 'b', 'c']);
    expect(await store().queue.flush()).toBe(1);
    expect(await recalled()).toEqual([undefined, 'b', undefined]);
    expect(await store().queue.forget({ ids: ['b'] })).toBe(1);
    expect(await recalled()).toEqual([undefined, undefined, undefined]);
  });
}

function effects(store: () => Store): void {
  it('tell where the effects are, to whoever takes the run over, too', async () => {
    await store().queue.push([newRun('a'), newRun('b'), newRun('c')]);
    const [a, b, c] = (await take(store().queue, { leaseMs: 0 })) as [ClaimedRun, ClaimedRun, ClaimedRun];
    expect(a.effectsService).toBeNull();
    const notes = [
      store().queue.noteEffects(a, 'hr'),
      store().queue.noteEffects(b, 'shop'),
      store().queue.noteEffects({ ...c, token: 'x' }, 'shop'),
    ];
    expect(await Promise.all(notes)).toEqual([true, true, false]);
    await sleep(5);
    await store().queue.sweep(10);
    expect((await takeAll(store().queue)).map((run) => run.effectsService)).toEqual(['hr', 'shop', null]);
  });

  it('stay as they were where the transaction is undone', async () => {
    await store().queue.push([newRun('a')]);
    const run = await takeOne(store());
    const failing = store().transaction(async (inside) => {
      expect(await inside.queue.noteEffects(run, 'hr')).toBe(true);
      expect(await inside.queue.remember(run, 'k', '1')).toBe(true);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await store().queue.get('a')).toMatchObject({ effectsService: null });
    expect(await store().queue.recall(run, 'k')).toBeUndefined();
  });
}

function certainRuns(store: () => Store): void {
  it('are claimed by their ids, as far as they can start', async () => {
    const later = newRun('later', { delayMs: 60_000 });
    await store().queue.push([newRun('a'), newRun('b'), newRun('c', { queue: 'other' }), newRun('d'), later]);
    expect(await take(store().queue, { ids: [] })).toEqual([]);
    expect(idsOf(await take(store().queue, { ids: ['c', 'd', 'later', 'nobody'] }))).toEqual(['d']);
    expect(idsOf(await take(store().queue, { ids: ['d'] }))).toEqual([]);
    expect(idsOf(await take(store().queue, { ids: ['c'], queues: ['other'] }))).toEqual(['c']);
    expect(idsOf(await take(store().queue))).toEqual(['a', 'b']);
  });

  it('wait for those of their key, nevertheless', async () => {
    await store().queue.push([newRun('a', { orderingKey: 'o' }), newRun('b', { orderingKey: 'o' })]);
    expect(await take(store().queue, { ids: ['b'] })).toEqual([]);
    const [a] = await take(store().queue);
    expect(a?.id).toBe('a');
    await store().queue.finish(a === undefined ? [] : [done(a)]);
    expect(idsOf(await take(store().queue, { ids: ['b'] }))).toEqual(['b']);
  });

  it('may be postponed without using up a try', async () => {
    await store().queue.push([newRun('a'), newRun('b'), newRun('c')]);
    const [a, b, c] = (await take(store().queue)) as [ClaimedRun, ClaimedRun, ClaimedRun];
    const why = { outcome: 'postponed', reason: 'no runner', logId: null } as const;
    const postponed = (run: ClaimedRun, delayMs: number) => {
      return { position: run.position, token: run.token, ...why, delayMs };
    };
    await store().queue.cancel({ ids: ['c'] }, 'by ada');
    const ends = [postponed(a, 0), postponed(b, 60_000), postponed(c, 0)];
    expect(await store().queue.finish(ends)).toEqual([true, true, true]);
    expect(await take(store().queue)).toMatchObject([{ id: 'a', attempt: 0, crashes: 0, fence: 2 }]);
    expect(await store().queue.get('b')).toMatchObject({ state: 'ready', attempt: 0, reason: 'no runner' });
    expect(await store().queue.get('c')).toMatchObject({ state: 'cancelled', attempt: 0 });
  });
}

/** How often a store woke those who work a connection; forgets the time until now. */
async function listening(on: Store, connection = place.connection) {
  let count = 0;
  const stop = on.queueSignal.listen(connection, () => {
    count += 1;
  });
  // Where there is a connection for it, that wakes once when it is there.
  await sleep(300);
  count = 0;
  return { stop, woken: () => count };
}

function signals(store: () => Store, open: () => Promise<Store>): void {
  const isShared = async () => {
    const { woken, stop } = await listening(store());
    await (await open()).queue.push([newRun('probe')]);
    await sleep(300);
    stop();
    return woken() > 0;
  };

  it('wakes those of the connection after the push, until they stop', async () => {
    const own = await listening(store());
    const others = await listening(store(), 'elsewhere');
    await store().queue.push([newRun('a')]);
    expect(own.woken()).toBe(1);
    expect(others.woken()).toBe(0);
    own.stop();
    await store().queue.push([newRun('b')]);
    expect(own.woken()).toBe(1);
    await store().queue.push([newRun('c', { connection: 'elsewhere' })]);
    expect(others.woken()).toBe(1);
  });

  it('waits for the commit of a transaction, and keeps silent where it is undone', async () => {
    const { woken } = await listening(store());
    const undone = store().transaction(async (inside) => {
      await inside.queue.push([newRun('a')]);
      throw new Error('no');
    });
    await expect(undone).rejects.toThrow('no');
    await store().transaction(async (inside) => {
      await inside.transaction((innermost) => innermost.queue.push([newRun('b')]));
      expect(woken()).toBe(0);
    });
    expect(woken()).toBe(1);
  });

  it('tells what else makes runs ready', async () => {
    await store().queue.push([newRun('a')]);
    const { woken } = await listening(store());
    await store().queue.release([await takeOne(store())]);
    expect(woken()).toBe(1);
    await store().queue.resume(place);
    expect(woken()).toBe(2);
    expect(await store().queue.sweep(10)).toEqual([]);
    expect(woken()).toBe(2);
  });

  it('reaches other servers where the engine can, each once for what belongs together', async () => {
    if (!(await isShared())) return;
    const { woken } = await listening(store());
    const other = await open();
    await other.transaction(async (inside) => {
      await inside.queue.push([newRun('x'), newRun('y')]);
      await inside.queue.push([newRun('z')]);
    });
    await vi.waitFor(() => expect(woken()).toBe(1), { timeout: 5_000 });
    await store().queue.push([newRun('own')]);
    await sleep(300);
    expect(woken()).toBe(2);
  });
}
