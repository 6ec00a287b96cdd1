// What counters of limits promise wherever they are kept.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Count, LimitCounters } from '../../core/limiter.ts';

/** A place for counters, which several servers may open at the same time. */
export interface CounterPlace {
  open(): LimitCounters;
  /** Ends the open windows of all counters. */
  expire(): Promise<void>;
  clear(): Promise<void>;
}

const minute = { id: 1, rate: 3, periodSeconds: 60 };
const month = { id: 12, rate: 2, periodSeconds: 2_592_000 };

/** Counts a call of a limit that is in force. */
async function take(counters: LimitCounters, limitId: number, who: string): Promise<Count> {
  const count = await counters.take(limitId, who);
  if (count === undefined) throw new Error(`limit ${limitId} is not in force`);
  return count;
}

/** The place of the test that is running, and counters that are open there. */
interface Opened {
  readonly counters: LimitCounters;
  readonly place: CounterPlace;
  /** Another server's. */
  open(): Promise<LimitCounters>;
}

/** Runs the suite; `isShared` says whether two servers count together there. */
export function describeCounters(name: string, place: () => Promise<CounterPlace>, isShared: boolean): void {
  describe(`counters in ${name}`, () => {
    let kept: CounterPlace;
    let counters: LimitCounters;
    const opened: LimitCounters[] = [];

    const open = async () => {
      const made = kept.open();
      opened.push(made);
      await made.prepare([minute, month]);
      return made;
    };

    beforeEach(async () => {
      kept = await place();
      counters = await open();
    });

    afterEach(async () => {
      for (const made of opened.splice(0)) await made.close();
      await kept.clear();
    });

    const now = (): Opened => ({ counters, place: kept, open });
    describeCounting(now, isShared);
    describeLooking(now);
    describeTallies(now, isShared);
  });
}

function describeCounting(now: () => Opened, isShared: boolean): void {
  it('let through as many calls as the rate, and tell how many were made', async () => {
    const { counters } = now();
    const counts = [];
    for (let call = 0; call < 5; call++) counts.push(await take(counters, 1, 'all'));
    expect(counts.map(({ isExceeded }) => isExceeded)).toEqual([false, false, false, true, true]);
    expect(counts.slice(0, 3).map(({ used }) => used)).toEqual([1, 2, 3]);
  });

  it('tell when the window ends, which began with the first call', async () => {
    const { counters } = now();
    const first = await take(counters, 1, 'all');
    expect(first.resetMs).toBeGreaterThan(59_000);
    expect(first.resetMs).toBeLessThanOrEqual(60_000);
    const second = await take(counters, 1, 'all');
    expect(second.resetMs).toBeLessThanOrEqual(first.resetMs);
    expect((await take(counters, 12, 'all')).resetMs).toBeGreaterThan(2_591_000_000);
  });

  it('keep limits apart, and the callers of each', async () => {
    const { counters } = now();
    for (let call = 0; call < 4; call++) await take(counters, 1, 'user:1');
    expect((await take(counters, 1, 'user:1')).isExceeded).toBe(true);
    expect((await take(counters, 1, 'user:11')).used).toBe(1);
    expect((await take(counters, 12, 'user:1')).used).toBe(1);
  });

  it('let through exactly the rate of many calls at the same time', async () => {
    const { counters } = now();
    const rate = 50;
    await counters.prepare([{ id: 5, rate, periodSeconds: 3_600 }]);
    const counts = await Promise.all(Array.from({ length: 200 }, () => take(counters, 5, 'all')));
    expect(counts.filter(({ isExceeded }) => !isExceeded)).toHaveLength(rate);
  });

  it.runIf(isShared)('are shared by all servers', async () => {
    const { counters, open } = now();
    const other = await open();
    const rate = { id: 5, rate: 50, periodSeconds: 3_600 };
    for (const each of [counters, other]) await each.prepare([rate]);
    const counts = await Promise.all(
      Array.from({ length: 200 }, (_, call) => take(call % 2 === 0 ? counters : other, 5, 'all')),
    );
    expect(counts.filter(({ isExceeded }) => !isExceeded)).toHaveLength(50);
    await other.reset(5);
    expect((await take(counters, 5, 'all')).used).toBe(1);
  });
}

function describeLooking(now: () => Opened): void {
  it('begin anew when the window is over', async () => {
    const { counters, place } = now();
    for (let call = 0; call < 4; call++) await take(counters, 1, 'all');
    await place.expire();
    expect(await counters.list()).toEqual([]);
    expect(await take(counters, 1, 'all')).toMatchObject({ isExceeded: false, used: 1 });
  });

  it('are listed, the most used first, of all limits or of one', async () => {
    const { counters } = now();
    await take(counters, 1, 'user:7');
    for (let call = 0; call < 2; call++) await take(counters, 12, 'address:2001:db8:0:1::/64');
    const second = { limitId: 12, who: 'address:2001:db8:0:1::/64', used: 2 };
    const first = { limitId: 1, who: 'user:7', used: 1 };
    expect(await counters.list()).toEqual([second, first]);
    expect(await counters.list(1)).toEqual([first]);
    expect(await counters.list(2)).toEqual([]);
  });

  it('begin anew when they are reset: those of one limit, or all', async () => {
    const { counters } = now();
    for (const limit of [1, 12]) await take(counters, limit, 'all');
    await counters.reset(1);
    expect(await counters.list()).toEqual([{ limitId: 12, who: 'all', used: 1 }]);
    await take(counters, 1, 'all');
    await counters.reset();
    expect(await counters.list()).toEqual([]);
    expect((await take(counters, 12, 'all')).used).toBe(1);
  });

  it('go on counting when the rate of their limit changes', async () => {
    const { counters } = now();
    for (let call = 0; call < 3; call++) await take(counters, 1, 'all');
    await counters.prepare([{ ...minute, rate: 5 }, month]);
    expect(await take(counters, 1, 'all')).toMatchObject({ isExceeded: false, used: 4 });
    await counters.prepare([{ ...minute, rate: 2 }, month]);
    expect((await take(counters, 1, 'all')).isExceeded).toBe(true);
  });

  it('are there for the limits that they were told of alone', async () => {
    const { counters } = now();
    expect(await counters.take(99, 'all')).toBeUndefined();
    await counters.prepare([minute]);
    expect(await counters.take(12, 'all')).toBeUndefined();
    expect((await take(counters, 1, 'all')).used).toBe(1);
  });
}

function describeTallies(now: () => Opened, isShared: boolean): void {
  const long = `account:${'a'.repeat(300)}@example.com`;

  it('count other things by key, whatever its length, apart from limits', async () => {
    const { counters } = now();
    const tally = counters.tally('login', 900);
    expect(await tally.read(long)).toBe(0);
    expect([await tally.add(long), await tally.add(long)]).toEqual([1, 2]);
    expect(await tally.read(long)).toBe(2);
    expect(await tally.read(`${long}.`)).toBe(0);
    await tally.takeBack(long);
    expect(await tally.read(long)).toBe(1);
    await take(counters, 1, 'all');
    expect(await counters.list()).toMatchObject([{ limitId: 1, who: 'all' }]);
    await counters.reset();
    expect(await counters.list()).toEqual([]);
    expect(await tally.read(long)).toBe(1);
    await tally.clear(long);
    expect(await tally.read(long)).toBe(0);
  });

  it.runIf(isShared)('count other things of all servers together, however many at once', async () => {
    const { counters, open } = now();
    const tallies = [counters.tally('login', 900), (await open()).tally('login', 900)];
    const counts = await Promise.all(Array.from({ length: 20 }, (_, i) => tallies[i % 2]?.add('account:a')));
    expect(counts.sort((one = 0, other = 0) => one - other)).toEqual(
      Array.from({ length: 20 }, (_, i) => i + 1),
    );
  });

  it('forget other things with their window', async () => {
    const { counters, place } = now();
    const tally = counters.tally('login', 900);
    await tally.add('account:a');
    await place.expire();
    expect(await tally.read('account:a')).toBe(0);
    expect(await tally.add('account:a')).toBe(1);
  });
}
