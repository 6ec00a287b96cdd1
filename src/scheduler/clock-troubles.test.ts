// What a clock does when something goes wrong.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Observation } from '../core/observe.ts';
import type { Store } from '../core/store.ts';
import { until } from '../queues/fixture.ts';
import { createSqliteStore } from '../store/sqlite.ts';
import { ScheduleClock } from './clock.ts';
import { addSchedule, type ClockNode, clockNode, newSchedule } from './fixture.ts';

let store: Store;
let clocks: ScheduleClock[];
beforeEach(async () => {
  store = await createSqliteStore({ file: ':memory:' });
  clocks = [];
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const clock of clocks) await clock.stop();
  await store.close();
});

/** A store whose transactions go through a gate. */
function gated(pass: () => Promise<void>): Pick<Store, 'transaction'> {
  return {
    transaction: async (work) => {
      await pass();
      return store.transaction(work);
    },
  };
}

function started(node: ClockNode): ClockNode {
  clocks.push(node.clock);
  node.clock.start();
  return node;
}

const health = ({ observations }: ClockNode) => {
  return observations.map(({ kind }) => kind).filter((kind) => /failed|recovered/.test(kind));
};

const settled = (id: number) => async () => (await store.scheduleSlots.countRuns(id)) > 0;

const yearly = (name: string) => newSchedule(name, { cron: '0 0 1 1 *' });

it('settles a slot although the database failed in the middle, and tells of it once', async () => {
  const { id, slot } = await addSchedule(store, 0, yearly('s'));
  let failures = 0;
  const pass = async () => {
    failures += 1;
    if (failures <= 3) throw new Error('deadlock');
  };
  const node = started(clockNode(store, { store: gated(pass) }));
  await until(settled(id));
  await until(() => health(node).length === 2);
  expect(health(node)).toEqual(['schedule.failed', 'schedule.recovered']);
  expect(await store.scheduleSlots.runs({ limit: 5 })).toMatchObject([{ slot, skipped: null }]);
});

it('waits for a database that is away for as long as that takes, and passes nothing over', async () => {
  const { id, slot } = await addSchedule(store, 0, yearly('s'));
  let isAway = true;
  let tries = 0;
  const pass = async () => {
    tries += 1;
    if (isAway) throw new PlatformError('service.unavailable', 'The system database is away.');
  };
  const node = started(clockNode(store, { store: gated(pass) }));
  await until(() => tries > 2);
  isAway = false;
  await until(settled(id));
  await until(() => health(node).length === 2);
  expect(health(node)).toEqual(['schedule.failed', 'schedule.recovered']);
  expect(await store.scheduleSlots.runs({ limit: 5 })).toMatchObject([{ slot, skipped: null }]);
});

it('passes over what cannot be settled after some tries, while others come', async () => {
  const bad = await addSchedule(store, 0, newSchedule('bad', { timeZone: 'Mars/Olympus' }));
  const good = await addSchedule(store, 0, newSchedule('good'));
  const node = started(clockNode(store));
  await until(async () => (await store.scheduleSlots.countRuns(good.id)) > 1);
  expect(await store.scheduleSlots.countRuns(bad.id)).toBe(0);
  await until(settled(bad.id));
  const [note] = await store.scheduleSlots.runs({ scheduleId: bad.id, limit: 5 });
  expect(note).toMatchObject({ slot: bad.slot, skipped: 'unusable', answer: { status: 400 } });
  expect(note?.answer?.content).toContain("'Mars/Olympus' is none");
  await until(() => health(node).length === 2);
  expect(health(node)).toEqual(['schedule.failed', 'schedule.recovered']);
  const [failed] = node.observations.filter(({ kind }) => kind === 'schedule.failed');
  expect(failed).toMatchObject({ reason: expect.stringContaining(`schedule ${bad.id}:`) });
});

it('forgets a trouble that another server got over', async () => {
  const { id } = await addSchedule(store, 0, yearly('s'));
  const node = started(clockNode(store, { store: gated(() => Promise.reject(new Error('no'))) }));
  await until(() => health(node).length === 1);
  const { now, schedules } = await store.scheduleSlots.due(5);
  await clockNode(store).firing.fire(schedules, now);
  await until(() => health(node).length === 2);
  expect(await settled(id)()).toBe(true);
});

it('stops when what is under way is over, and settles nothing after that', async () => {
  const { id } = await addSchedule(store, 0, yearly('s'));
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  let isReached = false;
  const pass = () => {
    isReached = true;
    return gate;
  };
  const { clock } = started(clockNode(store, { store: gated(pass) }));
  await until(() => isReached);
  let isStopped = false;
  const stopping = clock.stop().then(() => {
    isStopped = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(isStopped).toBe(false);
  open();
  await stopping;
  expect(await store.scheduleSlots.countRuns(id)).toBe(1);
  const later = await addSchedule(store, 0, yearly('later'));
  clock.wake();
  await new Promise((resolve) => setImmediate(resolve));
  expect(await settled(later.id)()).toBe(false);
});

it('looks at once when it is woken', async () => {
  const looks: string[] = [];
  const { scheduleSlots } = store;
  vi.spyOn(scheduleSlots, 'nextDue').mockImplementation(async () => {
    looks.push('look');
    return undefined;
  });
  const observe = (_seen: Observation) => undefined;
  const clock = new ScheduleClock({ store, firing: clockNode(store).firing, observe });
  clocks.push(clock);
  // Nobody waits for time to pass here.
  vi.useFakeTimers();
  try {
    clock.start();
    await vi.waitFor(() => expect(looks).toHaveLength(1), { timeout: 30_000 });
    clock.wake();
    await vi.waitFor(() => expect(looks.length).toBeGreaterThan(1), { timeout: 30_000 });
    clock.wake();
    await clock.stop();
  } finally {
    vi.useRealTimers();
  }
});

describe('what is remembered', () => {
  it('is dropped when there is too much of it', async () => {
    const count = limits.scheduleRunCount + 5;
    const notes = Array.from({ length: count }, (_, at) => {
      return { id: `n${at}`, scheduleId: 1, slot: at, cause: 'slot', skipped: null, slots: 1 } as const;
    });
    await store.scheduleSlots.note(notes);
    // The first time comes at random.
    vi.spyOn(Math, 'random').mockReturnValue(0);
    const node = started(clockNode(store));
    await until(async () => (await store.scheduleSlots.countRuns()) === limits.scheduleRunCount);
    expect(health(node)).toEqual([]);
  });

  it('stays for a while where it cannot be dropped', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0);
    vi.spyOn(store.scheduleSlots, 'trim').mockRejectedValueOnce(new Error('locked'));
    const { id } = await addSchedule(store, 0, yearly('s'));
    const node = started(clockNode(store));
    await until(settled(id));
    await until(() => health(node).length === 1);
    expect(health(node)).toEqual(['schedule.failed']);
  });
});
