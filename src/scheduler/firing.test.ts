// What becomes of slots and wishes, on a real store.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PlatformError } from '../core/errors.ts';
import type { ScheduleRecord, ScheduleRun } from '../core/schedule.ts';
import type { Store } from '../core/store.ts';
import { createSqliteStore } from '../store/sqlite.ts';
import { addSchedule, type ClockNode, clockNode, newSchedule } from './fixture.ts';

// So rarely that no other slot comes while a test runs.
const yearly: Partial<ScheduleRecord> = { cron: '0 0 1 1 *' };
const minutely: Partial<ScheduleRecord> = { cron: '* * * * *' };

let store: Store;
let node: ClockNode;
let times = 0;
beforeEach(async () => {
  store = await createSqliteStore({ file: ':memory:' });
  node = clockNode(store);
});
afterEach(() => store.close());

/** Settles all that has come. */
async function fire(by: ClockNode = node): Promise<number> {
  const { now, schedules } = await store.scheduleSlots.due(100);
  return (await by.firing.fire(schedules, now)).length;
}

const add = (over: Partial<ScheduleRecord> = {}, inMs = -5_000) => {
  return addSchedule(store, inMs, newSchedule('s', { ...yearly, ...over }));
};

/** The oldest first. */
async function told(): Promise<ScheduleRun[]> {
  const runs = await store.scheduleSlots.runs({ limit: 100 });
  return runs.sort((one, other) => (one.slot ?? 0) - (other.slot ?? 0));
}

async function isDue(): Promise<boolean> {
  return (await store.scheduleSlots.due(1)).schedules.length > 0;
}

/** Lets the slot of a schedule come again. */
async function again(id: number): Promise<void> {
  const second = Math.floor((await store.scheduleSlots.now()) / 1_000) * 1_000;
  // Another slot each time.
  times += 1;
  await store.scheduleSlots.plan(id, second - 1_000 + times);
}

async function work(): Promise<void> {
  const claim = { connection: 'database', queues: ['default'], limit: 10, worker: 'w', leaseMs: 60_000 };
  const runs = await store.queue.claim(claim);
  await store.queue.finish(runs.map(({ position, token }) => ({ position, token, outcome: 'done' })));
}

describe('a slot that has come', () => {
  it('is queued, remembered and told of, and the schedule goes on', async () => {
    const { id, slot } = await add();
    expect(await fire()).toBe(1);
    const [run] = await store.queue.list({ limit: 2 });
    expect(run).toMatchObject({ script: 'schedule:s', connection: 'database', state: 'ready' });
    expect(await told()).toMatchObject([{ id: run?.id, scheduleId: id, slot, cause: 'slot', skipped: null }]);
    const next = new Date((await store.scheduleSlots.next()).get(id) ?? 0);
    expect(next.getTime()).toBe(Date.UTC(new Date(slot).getUTCFullYear() + 1, 0));
    expect(node.announced.map((each) => each.id)).toEqual([run?.id]);
    const [seen] = node.observations;
    expect(seen).toMatchObject({ kind: 'schedule.fired', schedule: 's', slot, run: run?.id });
  });

  it('is settled once, whoever comes', async () => {
    await add();
    const other = clockNode(store);
    const { now, schedules } = await store.scheduleSlots.due(100);
    expect(await node.firing.fire(schedules, now)).toEqual(schedules);
    expect(await other.firing.fire(schedules, now)).toEqual([]);
    expect(await told()).toHaveLength(1);
    expect(other.observations).toEqual([]);
  });

  it('of a schedule that was paused meanwhile is none', async () => {
    const { id } = await add({ isActive: false });
    await fire();
    expect(await told()).toEqual([]);
    expect((await store.scheduleSlots.next()).has(id)).toBe(false);
  });

  it('of a schedule that is gone is forgotten', async () => {
    await store.scheduleSlots.plan(77, 1_000);
    await fire();
    expect(await store.scheduleSlots.next()).toEqual(new Map());
    expect(await store.queue.count()).toBe(0);
  });

  it('is run as the schedule is now', async () => {
    const { id } = await add();
    await fire();
    await store.schedules.update(id, { priority: 7 }, null);
    await again(id);
    await fire();
    expect((await store.queue.list({ limit: 2 })).map(({ priority }) => priority)).toEqual([7, 0]);
  });

  it('is run a while later at random, where that is wanted', async () => {
    for (let at = 0; at < 20; at++) {
      await addSchedule(store, 0, newSchedule(`j${at}`, { ...yearly, jitterSeconds: 1_000 }));
    }
    await fire();
    const runs = await store.queue.list({ limit: 100 });
    const delays = runs.map(({ availableDate, createdDate }) => availableDate - createdDate);
    expect(new Set(delays).size).toBeGreaterThan(10);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...delays)).toBeLessThan(1_000_000);
  });

  it('of a connection that drops its runs is remembered as run', async () => {
    const consign = () => ({ runs: [], announce: async () => undefined });
    await add();
    await fire(clockNode(store, { consign }));
    expect(await told()).toMatchObject([{ skipped: null, queued: null }]);
  });
});

describe('while the run of an earlier slot is not over', () => {
  it('a slot is skipped, and run again afterwards', async () => {
    const { id } = await add({ overlap: 'skip' });
    await fire();
    await again(id);
    await fire();
    await work();
    await again(id);
    await fire();
    expect((await told()).map(({ skipped }) => skipped)).toEqual([null, 'overlap', null]);
    expect(await store.queue.count()).toBe(2);
    expect(node.announced).toHaveLength(3);
    const skips = node.observations.filter(({ kind }) => kind === 'schedule.skipped');
    expect(skips).toMatchObject([{ reason: 'overlap', slots: 1 }]);
  });

  it('several slots that come at once are one run', async () => {
    await add({ overlap: 'skip', cron: '* * * * * *' }, -3_000);
    await fire();
    const skips = (await told()).map(({ skipped }) => skipped);
    expect(skips.slice(0, 4)).toEqual([null, 'overlap', 'overlap', 'overlap']);
    expect(await store.queue.count()).toBe(1);
  });

  it('a slot waits, or does not, as the schedule has it', async () => {
    const waiting = await addSchedule(store, 0, newSchedule('q', { overlap: 'queue' }));
    await addSchedule(store, 0, newSchedule('a', { overlap: 'allow' }));
    await fire();
    const runs = await store.queue.list({ limit: 10 });
    const keys = new Map(runs.map(({ script, orderingKey }) => [script, orderingKey]));
    expect(keys.get('schedule:q')).toBe(`schedule:${waiting.id}`);
    expect(keys.get('schedule:a')).toBeNull();
    expect(runs.map(({ uniqueKey }) => uniqueKey)).toEqual(runs.map(() => null));
  });
});

describe('slots that nobody was there for', () => {
  const past = -10 * 60_000;

  it.each([
    ['skip', 1, 0, 0],
    ['last', 1, 1, 1],
    ['all', 4, 4, 4],
    // It came ten minutes ago and at ten full minutes since, the last of which may be in time.
    ['all', 1_000, 10, 12],
  ] as const)('are run late: %s of %i', async (missed, missedCount, least, most) => {
    await add({ ...minutely, missed, missedCount }, past);
    await fire();
    const notes = await told();
    const late = notes.filter(({ cause, skipped }) => cause === 'missed' && skipped === null);
    expect(late.length).toBeGreaterThanOrEqual(least);
    expect(late.length).toBeLessThanOrEqual(most);
    const passed = notes.filter(({ skipped }) => skipped === 'missed');
    expect(passed.length).toBe(missedCount === 1_000 ? 0 : 1);
    const settled = notes.reduce((sum, { slots }) => sum + slots, 0);
    expect([11, 12]).toContain(settled);
    expect(await store.queue.count()).toBe(notes.length - passed.length);
  });

  it('of years are settled together', async () => {
    await add({ cron: '* * * * * *' }, -3 * 365 * 86_400_000);
    await fire();
    const [first] = await told();
    expect(first).toMatchObject({ skipped: 'missed', cause: 'missed' });
    expect(first?.slots).toBeGreaterThan(1_000);
    expect(await isDue()).toBe(false);
  });
});

describe('where nothing can be run', () => {
  it('because the service is gone, it is remembered why, and the schedule goes on', async () => {
    const { id, slot } = await add({ serviceId: 99 });
    await fire();
    const [note] = await told();
    expect(note).toMatchObject({ slot, skipped: 'unusable', slots: 1, answer: { status: 404 } });
    expect(note?.answer?.content).toBe("The service 99 of the schedule 's' is gone; give it another one.");
    expect(await store.queue.count()).toBe(0);
    expect((await store.scheduleSlots.next()).get(id)).toBeGreaterThan(slot);
    expect(node.observations).toMatchObject([{ kind: 'schedule.skipped', reason: 'unusable' }]);
  });

  it('because the service is not active, it is run once that is', async () => {
    await store.services.update(1, { isActive: false }, null);
    const { id } = await add();
    await fire();
    await store.services.update(1, { isActive: true }, null);
    await again(id);
    await fire();
    const notes = await told();
    expect(notes.map(({ skipped }) => skipped)).toEqual(['unusable', null]);
    expect(notes[0]?.answer?.content).toBe("The service 'system' of the schedule 's' is not active.");
  });

  it('because the record says of no call, the others are run', async () => {
    await add({ verbMask: 3, missed: 'all', missedCount: 3, cron: '* * * * *' }, -5 * 60_000);
    await addSchedule(store, 0, newSchedule('good', yearly));
    expect(await fire()).toBe(2);
    expect((await store.queue.list({ limit: 5 })).map(({ script }) => script)).toEqual(['schedule:good']);
    const unusable = (await told()).filter(({ skipped }) => skipped === 'unusable');
    expect(unusable).toHaveLength(1);
    expect(unusable[0]?.slots).toBeGreaterThanOrEqual(3);
  });

  it('because nobody can tell when it comes, it fails, and is passed over for good', async () => {
    const { id } = await add({ timeZone: 'Mars/Olympus' });
    await expect(fire()).rejects.toThrow("Field 'time_zone'");
    const { now, schedules } = await store.scheduleSlots.due(1);
    const [due] = schedules;
    if (due === undefined) throw new Error('it is not due any more');
    await node.firing.pass(due, now, new PlatformError('config.invalid', 'no'));
    expect(await told()).toMatchObject([{ skipped: 'unusable', answer: { content: 'no' } }]);
    expect((await store.scheduleSlots.next()).has(id)).toBe(false);
    await node.firing.pass(due, now, new Error('again'));
    expect(await told()).toHaveLength(1);
  });

  it('because the queue does not take it, nothing is settled', async () => {
    await add();
    const consign = () => {
      throw new Error('no');
    };
    await expect(fire(clockNode(store, { consign }))).rejects.toThrow('no');
    expect(await told()).toEqual([]);
    expect(await isDue()).toBe(true);
    await fire();
    expect(await told()).toMatchObject([{ skipped: null }]);
  });
});

describe('transports', () => {
  it('keep nobody waiting, and fail by themselves', async () => {
    const announcing = (announce: () => Promise<void>) => {
      return clockNode(store, { consign: (runs) => ({ runs, announce }) });
    };
    const { id } = await add();
    await fire(announcing(() => new Promise(() => undefined)));
    await again(id);
    const failing = announcing(() => Promise.reject(new Error('the broker is away')));
    await fire(failing);
    await expect.poll(() => failing.observations.map(({ kind }) => kind)).toContain('service.failed');
    expect(await store.queue.count()).toBe(2);
  });
});

describe('a person', () => {
  it('has a schedule run at once, also one that is paused', async () => {
    const { id } = await store.schedules.create(newSchedule('s', { isActive: false }), null);
    const manual = await node.firing.runNow(id);
    expect(manual.outcome).toBe('queued');
    expect(await told()).toMatchObject([{ id: manual.id, slot: null, cause: 'manual', skipped: null }]);
    expect(node.announced.map((run) => run.id)).toEqual([manual.id]);
    expect((await store.scheduleSlots.next()).has(id)).toBe(false);
  });

  it('does not where it still runs and skips then', async () => {
    const { id } = await add({ overlap: 'skip' });
    const first = await node.firing.runNow(id);
    expect(await node.firing.runNow(id)).toEqual({ outcome: 'busy', id: first.id });
    expect(await told()).toHaveLength(1);
    await work();
    expect(await node.firing.runNow(id)).toMatchObject({ outcome: 'queued' });
  });

  it('is told why not', async () => {
    await expect(node.firing.runNow(5)).rejects.toThrow('There is no schedule 5.');
    const { id } = await add({ serviceId: 99 });
    await expect(node.firing.runNow(id)).rejects.toThrow("The service 99 of the schedule 's' is gone");
    expect(await told()).toEqual([]);
  });
});
