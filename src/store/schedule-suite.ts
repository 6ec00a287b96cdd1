// What every system database must do with schedules and their slots. Each engine's test calls this with a way
// to empty the database and to open stores on it.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DueSchedule, NewScheduleRun, ScheduleRecord } from '../core/schedule.ts';
import type { New, Store } from '../core/store.ts';
import { newRun, take } from './queue/fixture.ts';

/** A system database for tests. */
export interface ScheduleDatabase {
  empty(): Promise<void>;
  /** Another server's store on it. */
  open(): Promise<Store>;
  /** Whether one transaction that writes keeps all others from it. */
  readonly isAlone?: boolean;
}

/** Defines the conformance tests of schedules and their slots. */
export function scheduleSuite(name: string, database: () => ScheduleDatabase): void {
  describe(`schedules on ${name}`, () => {
    const stores: Store[] = [];
    beforeAll(async () => {
      for (let at = 0; at < 3; at++) stores.push(await database().open());
    }, 60_000);
    afterAll(async () => {
      for (const store of stores) await store.close();
    });
    beforeEach(() => database().empty());
    const store = () => {
      const [first] = stores;
      if (first === undefined) throw new Error('no store is open');
      return first;
    };
    describe('records', () => records(store));
    describe('next slots', () => planned(store));
    describe('what became of slots', () => {
      remembered(store);
      manyAndAnswered(store);
      queued(store);
      ends(store);
    });
    describe('trimming', () => trimmed(store));
    describe('servers that race', () => racing(() => stores, database().isAlone === true));
  });
}

const nightly: New<ScheduleRecord> = {
  ...{ name: 'nightly', description: 'ü', isActive: true, serviceId: 1, component: '_table/todo?limit=1' },
  ...{ verbMask: 2, frequency: 5, cron: '0 3 * * *', timeZone: 'Europe/Stockholm', payload: '{"a":"ü"}' },
  ...{ overlap: 'queue', missed: 'all', missedCount: 7, jitterSeconds: 30, userId: 4, appId: 5 },
  ...{ isPrivileged: false, connection: 'mails', queue: 'letters', priority: -3, tries: 2 },
  ...{ timeoutSeconds: 60, delivery: 'at-most-once' },
};

// Slots are moments of the year 2026, which no column of 32 bits holds.
const slotOf = (number: number) => 1_800_000_000_000 + number * 60_000;

function noteOf(id: string, over: Partial<NewScheduleRun> = {}): NewScheduleRun {
  return { id, scheduleId: 1, slot: null, cause: 'slot', skipped: null, slots: 1, ...over };
}

function records(store: () => Store): void {
  it('keep every field, changed or not', async () => {
    const made = await store().schedules.create(nightly, 7);
    expect(made).toMatchObject({ ...nightly, createdById: 7, lastModifiedById: null });
    expect(await store().schedules.get(made.id)).toEqual(made);
    const bare = {
      ...{ description: null, payload: null, cron: null, userId: null, appId: null, connection: null },
      ...{ queue: null, timeoutSeconds: null, isPrivileged: true, isActive: false },
    };
    const changed = await store().schedules.update(made.id, bare, 8);
    expect(changed).toMatchObject({ ...nightly, ...bare, createdById: 7, lastModifiedById: 8 });
  });

  it('have a name of their own, and are configuration', async () => {
    const before = await store().generation();
    await store().schedules.create(nightly, null);
    expect(await store().generation()).toBe(before + 1);
    await expect(store().schedules.create(nightly, null)).rejects.toMatchObject({ kind: 'config.conflict' });
  });

  it('hold long payloads', async () => {
    const payload = JSON.stringify('\u{1F600}'.repeat(100_000));
    const { id } = await store().schedules.create({ ...nightly, payload }, null);
    expect((await store().schedules.get(id))?.payload).toBe(payload);
  });
}

function planned(store: () => Store): void {
  const slots = () => store().scheduleSlots;

  it('are told by the clock of the database', async () => {
    const before = await slots().now();
    expect(Number.isSafeInteger(before)).toBe(true);
    expect(await slots().due(10)).toEqual({ now: expect.any(Number), schedules: [] });
    expect(await slots().nextDue()).toBeUndefined();
    await slots().plan(1, before + 3_600_000);
    expect((await slots().due(10)).schedules).toEqual([]);
    const left = (await slots().nextDue()) ?? 0;
    expect(left).toBeGreaterThan(3_500_000);
    expect(left).toBeLessThanOrEqual(3_600_000);
    await slots().plan(1, before - 5);
    expect(await slots().nextDue()).toBe(0);
    const { now, schedules } = await slots().due(10);
    expect(schedules).toEqual([{ id: 1, slot: before - 5 }]);
    expect(now).toBeGreaterThanOrEqual(before);
  });

  it('come out in their order, no more than are asked for', async () => {
    const now = await slots().now();
    const places = [3, 1, 2, 2, 9].map((ago, at) => ({ id: at + 1, slot: now - ago * 1_000 }));
    for (const { id, slot } of places) await slots().plan(id, slot);
    const ids = async (limit: number) => (await slots().due(limit)).schedules.map(({ id }) => id);
    expect(await ids(10)).toEqual([5, 1, 3, 4, 2]);
    expect(await ids(2)).toEqual([5, 1]);
  });

  it('are planned, planned anew, and dropped', async () => {
    await slots().plan(1, slotOf(1));
    await slots().plan(2, slotOf(2));
    await slots().plan(1, slotOf(3));
    const told = [
      [1, slotOf(3)],
      [2, slotOf(2)],
    ];
    expect([...(await slots().next())].sort()).toEqual(told);
    await slots().plan(1, null);
    await slots().plan(7, null);
    expect([...(await slots().next())]).toEqual([[2, slotOf(2)]]);
    await slots().forget(2);
    expect((await slots().next()).size).toBe(0);
  });

  it('are left once, for the next one or for good', async () => {
    await slots().plan(1, slotOf(1));
    expect(await slots().advance({ id: 1, slot: slotOf(0) }, slotOf(2))).toBe(false);
    expect(await slots().advance({ id: 1, slot: slotOf(1) }, slotOf(2))).toBe(true);
    expect(await slots().advance({ id: 1, slot: slotOf(1) }, slotOf(2))).toBe(false);
    expect(await slots().advance({ id: 1, slot: slotOf(1) }, null)).toBe(false);
    expect((await slots().next()).get(1)).toBe(slotOf(2));
    expect(await slots().advance({ id: 1, slot: slotOf(2) }, null)).toBe(true);
    expect(await slots().advance({ id: 1, slot: slotOf(2) }, null)).toBe(false);
    expect(await slots().advance({ id: 9, slot: slotOf(2) }, slotOf(3))).toBe(false);
  });

  it('are as they were after a transaction that is undone', async () => {
    await slots().plan(1, slotOf(1));
    const undone = store().transaction(async ({ scheduleSlots }) => {
      expect(await scheduleSlots.advance({ id: 1, slot: slotOf(1) }, slotOf(2))).toBe(true);
      await scheduleSlots.note([noteOf('a', { slot: slotOf(1) })]);
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect((await slots().next()).get(1)).toBe(slotOf(1));
    expect(await slots().countRuns()).toBe(0);
  });
}

function remembered(store: () => Store): void {
  const slots = () => store().scheduleSlots;

  it('is told with every field, the newest first, in pages', async () => {
    const later = { cause: 'missed', skipped: 'missed', slots: 3, slot: slotOf(3) } as const;
    await slots().note([noteOf('a', { slot: slotOf(1) })]);
    await slots().note([noteOf('b', later), noteOf('c', { cause: 'manual' })]);
    await slots().note([noteOf('d', { scheduleId: 2, skipped: 'overlap', slot: slotOf(1) })]);
    await slots().note([]);
    const runs = await slots().runs({ scheduleId: 1, limit: 10 });
    expect(runs.map(({ id }) => id)).toEqual(['c', 'b', 'a']);
    expect(runs[1]).toEqual({
      ...noteOf('b', later),
      ...{ createdDate: expect.any(Number), answer: null, queued: null },
    });
    const page = async (limit: number, skip: number) =>
      (await slots().runs({ scheduleId: 1, limit, skip })).map(({ id }) => id);
    expect([await page(2, 0), await page(2, 2), await page(2, 4)]).toEqual([['c', 'b'], ['a'], []]);
    expect((await slots().runs({ limit: 10 })).map(({ id }) => id)).toEqual(['d', 'c', 'b', 'a']);
    expect((await slots().runs({ scheduleId: 1, runId: 'b', limit: 1 }))[0]?.id).toBe('b');
    expect(await slots().runs({ scheduleId: 2, runId: 'b', limit: 1 })).toEqual([]);
    expect([await slots().countRuns(), await slots().countRuns(1), await slots().countRuns(9)]).toEqual([
      ...[4, 3, 0],
    ]);
  });

  it('is remembered once for each slot, but as often as people want it', async () => {
    await slots().note([noteOf('a', { slot: slotOf(1) })]);
    await expect(slots().note([noteOf('b', { slot: slotOf(1) })])).rejects.toMatchObject({
      kind: 'config.conflict',
    });
    await slots().note([noteOf('c'), noteOf('d'), noteOf('e', { scheduleId: 2, slot: slotOf(1) })]);
    expect(await slots().countRuns()).toBe(4);
  });

  it('stands where somebody else says that the slot was not run', async () => {
    await slots().note([noteOf('a', { slot: slotOf(1) })]);
    const left = (id: string, slot: number) => noteOf(id, { slot, skipped: 'unusable' });
    await slots().note([left('b', slotOf(1)), left('c', slotOf(2))]);
    const told = (await slots().runs({ scheduleId: 1, limit: 9 })).map(({ id, skipped }) => [id, skipped]);
    expect(told.sort()).toEqual([
      ['a', null],
      ['c', 'unusable'],
    ]);
    await expect(slots().note([noteOf('d', { slot: slotOf(2) })])).rejects.toMatchObject({
      kind: 'config.conflict',
    });
  });
}

function manyAndAnswered(store: () => Store): void {
  const slots = () => store().scheduleSlots;

  it('takes a thousand slots at once', async () => {
    await slots().note(Array.from({ length: 1_000 }, (_, at) => noteOf(`n${at}`, { slot: slotOf(at) })));
    expect(await slots().countRuns(1)).toBe(1_000);
  });

  it('holds the latest answer, whatever it says', async () => {
    await slots().note([noteOf('a'), noteOf('b')]);
    await slots().answered('a', { status: 500, content: 'no' });
    const content = `{"ü":"\u{1F600}"}\0${'x'.repeat(100_000)}`;
    await slots().answered('a', { status: 200, content });
    await slots().answered('b', { status: 204, content: null });
    await slots().answered('nobody', { status: 200, content: 'x' });
    const [b, a] = await slots().runs({ scheduleId: 1, limit: 10 });
    expect(a?.answer).toEqual({
      ...{ status: 200, content: content.replace('\0', '\ufffd'), date: expect.any(Number) },
    });
    expect(b?.answer).toMatchObject({ status: 204, content: null });
  });

  it('is gone with its schedule', async () => {
    await slots().note([noteOf('a', { slot: slotOf(1) }), noteOf('b', { scheduleId: 2, slot: slotOf(1) })]);
    await slots().forget(1);
    expect((await slots().runs({ limit: 10 })).map(({ id }) => id)).toEqual(['b']);
  });
}

function queued(store: () => Store): void {
  it('shows what the queue knows of its run', async () => {
    const { scheduleSlots: slots, queue } = store();
    await queue.push([newRun('a', { delayMs: 60_000 }), newRun('b')]);
    await slots.note([noteOf('a'), noteOf('b')]);
    const [run] = await take(queue);
    if (run === undefined) throw new Error('nothing to take');
    const shown = async () => new Map((await slots.runs({ limit: 9 })).map(({ id, queued: of }) => [id, of]));
    expect((await shown()).get('a')).toMatchObject({ state: 'ready', attempt: 0, startedDate: null });
    expect((await shown()).get('b')).toMatchObject({
      ...{ state: 'running', position: run.position, startedDate: expect.any(Number) },
    });
    await queue.finish([{ ...run, outcome: 'retry', delayMs: 60_000, reason: 'no', logId: 'log-1' }]);
    expect((await shown()).get('b')).toMatchObject({ state: 'ready', attempt: 1, logId: 'log-1' });
    await queue.cancel({ ids: ['b'] }, 'by hand');
    expect((await shown()).get('b')).toMatchObject({
      ...{ state: 'cancelled', reason: 'by hand', finishedDate: expect.any(Number) },
    });
    await queue.forget({ ids: ['b'] });
    expect((await shown()).get('b')).toBeNull();
  });
}

function ends(store: () => Store): void {
  const latest = async (id: number) => {
    const { run, ended } = (await store().scheduleSlots.latest()).get(id) ?? {};
    const alone = await store().scheduleSlots.latest(id);
    expect([...alone]).toEqual([[id, { run, ended }]]);
    return [run?.id, ended?.id];
  };

  it('tells the latest run of each schedule, and the latest whose end is known', async () => {
    const { scheduleSlots: slots, schedules, queue } = store();
    const { id } = await schedules.create(nightly, null);
    const other = await schedules.create({ ...nightly, name: 'other' }, null);
    expect(await latest(id)).toEqual([undefined, undefined]);
    await queue.push([newRun('a'), newRun('b'), newRun('c')]);
    await slots.note([noteOf('a', { scheduleId: id, slot: slotOf(1) })]);
    expect(await latest(id)).toEqual(['a', undefined]);
    await slots.answered('a', { status: 200, content: null });
    await slots.note([noteOf('b', { scheduleId: id, slot: slotOf(2) })]);
    await slots.note([noteOf('s', { scheduleId: id, slot: slotOf(3), skipped: 'overlap' })]);
    expect(await latest(id)).toEqual(['b', 'a']);
    await queue.cancel({ ids: ['b'] }, 'x');
    expect(await latest(id)).toEqual(['b', 'a']);
    const [b] = await take(queue, { ids: ['c'] });
    if (b === undefined) throw new Error('nothing to take');
    await queue.finish([{ ...b, outcome: 'failed', reason: 'no', logId: null }]);
    await slots.note([noteOf('c', { scheduleId: other.id, slot: slotOf(1) })]);
    expect([await latest(id), await latest(other.id)]).toEqual([
      ['b', 'a'],
      ['c', 'c'],
    ]);
  });
}

function trimmed(store: () => Store): void {
  const bounds = { olderThanMs: 86_400_000, keep: 1_000, atOnce: 200 };
  const idsOf = async (scheduleId: number) =>
    (await store().scheduleSlots.runs({ scheduleId, limit: 100 })).map(({ id }) => id);

  it('keeps the latest of each schedule', async () => {
    const { scheduleSlots: slots } = store();
    for (const [scheduleId, count] of [2, 5, 7].entries()) {
      for (let at = 0; at < count; at++) await slots.note([noteOf(`${scheduleId}-${at}`, { scheduleId })]);
    }
    expect(await slots.trim({ ...bounds, keep: 3 })).toBe(6);
    expect(await slots.trim({ ...bounds, keep: 3 })).toBe(0);
    expect(await idsOf(0)).toEqual(['0-1', '0-0']);
    expect(await idsOf(1)).toEqual(['1-4', '1-3', '1-2']);
    expect(await idsOf(2)).toEqual(['2-6', '2-5', '2-4']);
  });

  it('drops no more at once than it is told, the oldest first', async () => {
    const { scheduleSlots: slots } = store();
    for (let at = 0; at < 9; at++) await slots.note([noteOf(`r${at}`)]);
    expect(await slots.trim({ ...bounds, keep: 1, atOnce: 5 })).toBe(5);
    expect(await idsOf(1)).toEqual(['r8', 'r7', 'r6', 'r5']);
    expect(await slots.trim({ ...bounds, keep: 1, atOnce: 5 })).toBe(3);
    expect(await slots.trim({ ...bounds, keep: 1, atOnce: 5 })).toBe(0);
  });

  it('drops what is too old', async () => {
    const { scheduleSlots: slots } = store();
    await slots.note([noteOf('a'), noteOf('b')]);
    expect(await slots.trim({ ...bounds, atOnce: 1 })).toBe(0);
    expect(await slots.trim({ ...bounds, olderThanMs: -60_000, atOnce: 1 })).toBe(1);
    expect(await slots.trim({ ...bounds, olderThanMs: -60_000, keep: 0 })).toBe(1);
    expect(await slots.countRuns()).toBe(0);
  });
}

function racing(stores: () => readonly Store[], isAlone: boolean): void {
  const first = () => stores()[0] as Store;

  it('have one that moves a schedule on, each time', async () => {
    const { scheduleSlots: slots } = first();
    await slots.plan(1, slotOf(0));
    for (let round = 0; round < 12; round++) {
      const due: DueSchedule = { id: 1, slot: slotOf(round) };
      const to = round < 11 ? slotOf(round + 1) : null;
      const won = await Promise.all(stores().map((store) => store.scheduleSlots.advance(due, to)));
      expect(won.filter((each) => each)).toHaveLength(1);
    }
    expect((await slots.next()).size).toBe(0);
  });

  it('leave to others what somebody holds, and wait for nobody', async () => {
    const all = [1, 2, 3].map((id) => ({ id, slot: slotOf(id) }));
    for (const { id, slot } of all) await first().scheduleSlots.plan(id, slot);
    const stale = { id: 3, slot: slotOf(9) };
    expect(await first().scheduleSlots.hold([stale, { id: 7, slot: 1 }])).toEqual([]);
    expect(await first().scheduleSlots.hold([])).toEqual([]);
    const [one, two] = stores();
    await one?.transaction(async (inside) => {
      expect(await inside.scheduleSlots.hold(all.slice(0, 2))).toEqual(all.slice(0, 2));
      // One file has one who writes at a time, whoever else does so waits for him as a whole.
      if (isAlone) return;
      await two?.transaction(async (other) => {
        expect(await other.scheduleSlots.hold(all)).toEqual(all.slice(2));
      });
    });
    expect(await first().scheduleSlots.hold(all)).toEqual(all);
  });

  // As the clocks of several servers do it: whoever moves it on notes and queues in the same transaction.
  it('settle every slot once, in transactions', async () => {
    const schedules = [1, 2, 3, 4, 5];
    for (const id of schedules) await first().scheduleSlots.plan(id, slotOf(-900_000));
    await Promise.all(stores().map((store, at) => work(store, `server${at}`)));
    const runs = await first().scheduleSlots.runs({ limit: 100 });
    const settled = runs.map(({ scheduleId, slot }) => `${scheduleId} ${slot}`);
    const wanted = schedules.flatMap((id) => rounds.map((round) => `${id} ${slotOf(round)}`));
    expect(settled.sort()).toEqual(wanted.sort());
    expect(await first().queue.count()).toBe(wanted.length);
  });

  it('have the slot that was planned last, or none', async () => {
    const { id } = await first().schedules.create(nightly, null);
    for (let round = 0; round < 10; round++) {
      await Promise.all(
        stores().map((store, at) =>
          store.transaction(async (inside) => {
            await inside.schedules.update(id, { frequency: at + 1 }, null);
            await inside.scheduleSlots.plan(id, round === 9 ? null : slotOf(at + 1));
          }),
        ),
      );
      const frequency = (await first().schedules.get(id))?.frequency ?? 0;
      expect((await first().scheduleSlots.next()).get(id)).toBe(round === 9 ? undefined : slotOf(frequency));
    }
  });
}

const rounds = [-900_000, -899_999, -899_998, -899_997];

async function work(store: Store, server: string): Promise<void> {
  for (let number = 0; ; ) {
    const { schedules } = await store.scheduleSlots.due(100);
    if (schedules.length === 0) return;
    for (const due of schedules) {
      const id = `${server}-${number++}`;
      const round = rounds.findIndex((each) => slotOf(each) === due.slot);
      const next = rounds[round + 1];
      await store.transaction(async (inside) => {
        const isOurs = await inside.scheduleSlots.advance(due, next === undefined ? null : slotOf(next));
        if (!isOurs) return;
        await inside.scheduleSlots.note([noteOf(id, { scheduleId: due.id, slot: due.slot })]);
        await inside.queue.push([newRun(id)]);
      });
    }
  }
}
