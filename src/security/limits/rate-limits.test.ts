import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { limits } from '../../core/limits.ts';
import { anonymous, type Principal } from '../../core/operation.ts';
import type { Location } from '../../core/service.ts';
import type { LimitRecord, New, Store } from '../../core/store.ts';
import { createLimitCounters } from '../../store/limits/index.ts';
import { createSqliteStore } from '../../store/sqlite.ts';
import { appOf, callOf, furnished, limitOf, userOf } from './limits-fixture.ts';
import { RateLimits } from './rate-limits.ts';

const todo: Location = { component: '_table/todo', events: [] };
const other: Location = { component: '_table/other', events: [] };

// The first service of a new store is the system's.
const serviceId = 2;

let store: Store;
let rates: RateLimits;

const add = async (over: Partial<New<LimitRecord>>) => {
  const made = await store.limits.create(limitOf(over), null);
  await rates.load();
  return made;
};

type Call = Parameters<typeof callOf>[1] & { readonly at?: Location };

/** The answer's headers, or the context and headers of the refusal. */
async function take(principal: Principal, { at = todo, ...over }: Call = {}) {
  try {
    return await rates.take(callOf(principal, { service: 'db-one', ...over }), at);
  } catch (error) {
    const { kind, status, message, context, headers } = error as Record<string, unknown>;
    return { kind, status, message, context, headers };
  }
}

/** Whether each of so many calls is let through. */
async function passes(times: number, principal: Principal, call: Call = {}): Promise<boolean[]> {
  const passed: boolean[] = [];
  for (let turn = 0; turn < times; turn++) {
    const answer = await take(principal, call);
    passed.push(answer === undefined || !('kind' in answer));
  }
  return passed;
}

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 0, 1) });
  store = await furnished(await createSqliteStore({ file: ':memory:' }));
  const counters = createLimitCounters({ database: ':memory:', redisUrl: undefined, observe: () => {} });
  rates = new RateLimits({ store, counters });
  await rates.load();
});

afterEach(async () => {
  vi.useRealTimers();
  await store.close();
});

describe('a limit', () => {
  it('that is not there takes no time and no counter', async () => {
    expect(rates.take(callOf(userOf(1)), todo)).toBeUndefined();
    await add({ isActive: false });
    expect(rates.take(callOf(userOf(1)), todo)).toBeUndefined();
    expect(await rates.counters()).toEqual([]);
  });

  it('tells what is left of it', async () => {
    await add({ rate: 3, period: 'hour' });
    const reset = String(Date.UTC(2026, 0, 1, 1) / 1000);
    const told = (remaining: string) => ({
      'X-RateLimit-Limit': '3',
      'X-RateLimit-Remaining': remaining,
      'X-RateLimit-Reset': reset,
    });
    expect(await take(anonymous)).toEqual(told('2'));
    vi.setSystemTime(Date.UTC(2026, 0, 1, 0, 30));
    expect(await take(anonymous)).toEqual(told('1'));
    expect(await take(anonymous)).toEqual(told('0'));
  });

  it('that is used up refuses, and says which it is and when it begins anew', async () => {
    const { id } = await add({ name: 'few', rate: 1, period: 'hour' });
    await take(anonymous);
    vi.setSystemTime(Date.UTC(2026, 0, 1, 0, 59, 30));
    const refusal = {
      kind: 'limit.exceeded',
      status: 429,
      message: 'API limit(s) exceeded. ',
      context: [{ id, name: 'few', type: 'instance', rate: 1, period: 'hour', retry_after: 30 }],
      headers: {
        'X-RateLimit-Limit': '1',
        'X-RateLimit-Remaining': '0',
        'X-RateLimit-Reset': String(Date.UTC(2026, 0, 1, 1) / 1000),
        'Retry-After': '30',
      },
    };
    expect(await take(anonymous)).toEqual(refusal);
    // The second refusal is told from memory, and says the same.
    expect(await take(anonymous)).toEqual(refusal);
  });

  it.each([
    ['minute', 60],
    ['hour', 3_600],
    ['day', 86_400],
    ['7-day', 604_800],
    ['30-day', 2_592_000],
  ])('per %s begins anew after %i seconds', async (period, seconds) => {
    await add({ rate: 1, period });
    expect(await passes(2, anonymous)).toEqual([true, false]);
    vi.setSystemTime(Date.now() + (seconds - 1) * 1000);
    expect(await passes(1, anonymous)).toEqual([false]);
    vi.setSystemTime(Date.now() + 1_000);
    expect(await passes(2, anonymous)).toEqual([true, false]);
  });

  it('that was reset elsewhere is found open again within a moment', async () => {
    await add({ rate: 1 });
    expect(await passes(2, anonymous)).toEqual([true, false]);
    const counters = await rates.counters();
    expect(counters).toHaveLength(1);
    await rates.reset(counters[0]?.limitId);
    expect(await passes(2, anonymous)).toEqual([true, false]);
    vi.setSystemTime(Date.now() + limits.limitSpentMs);
    expect(await passes(1, anonymous)).toEqual([false]);
  });

  it('that changes is in force when it is loaded; what was counted stays', async () => {
    const { id } = await add({ rate: 2 });
    expect(await passes(3, anonymous)).toEqual([true, true, false]);
    await store.limits.update(id, { rate: 4 }, null);
    await rates.load();
    expect(await passes(2, anonymous)).toEqual([true, false]);
    await store.limits.update(id, { isActive: false }, null);
    await rates.load();
    expect(await passes(2, anonymous)).toEqual([true, true]);
  });
});

describe('who is counted together', () => {
  const one = userOf(1, 1);
  const two = userOf(2, 2);

  it.each([
    ['instance', {}],
    ['instance.user', { userId: 1 }],
    ['instance.each_user', {}],
    ['instance.role', { roleId: 1 }],
    ['instance.service', { serviceId }],
    ['instance.user.service', { userId: 1, serviceId }],
    ['instance.each_user.service', { serviceId }],
    ['instance.service.endpoint', { serviceId, endpoint: '_table/todo' }],
    ['instance.user.service.endpoint', { userId: 1, serviceId, endpoint: '_table/todo' }],
    ['instance.each_user.service.endpoint', { serviceId, endpoint: '_table/todo' }],
  ])('by %s', async (type, scope) => {
    await add({ type, rate: 1, ...scope });
    expect(await passes(2, one)).toEqual([true, false]);
    // Another user has a counter of his own, has none because the limit names somebody else, or shares it.
    const isNamed = type.includes('.user') || type.includes('.role');
    const ofOther = type.includes('each_user') ? [true, false] : isNamed ? [true, true] : [false, false];
    expect(await passes(2, two)).toEqual(ofOther);
    const elsewhere: Location = { ...todo };
    expect(await passes(1, one, { service: 'db-two', at: elsewhere })).toEqual([type.includes('service')]);
    expect(await passes(1, one, { at: other })).toEqual([type.includes('endpoint')]);
  });

  it('by verb', async () => {
    await add({ verb: 'POST', rate: 1 });
    expect(await passes(2, one)).toEqual([true, true]);
    const post: Location = { ...todo };
    expect(await passes(2, one, { action: 'POST', at: post })).toEqual([true, false]);
  });

  it('callers without a user by app, then by address; a key that was made up changes nothing', async () => {
    await add({ type: 'instance.each_user', rate: 1 });
    expect(await passes(2, appOf(1))).toEqual([true, false]);
    expect(await passes(2, appOf(2), { remoteAddress: '192.0.2.9' })).toEqual([true, false]);
    expect(await passes(2, anonymous)).toEqual([true, false]);
    for (const apiKey of ['a', 'b']) expect(await passes(1, { ...anonymous, apiKey })).toEqual([false]);
    expect(await passes(2, anonymous, { remoteAddress: '192.0.2.2' })).toEqual([true, false]);
    const headers = { 'x-forwarded-for': '192.0.2.3', 'x-real-ip': '192.0.2.3', forwarded: 'for=192.0.2.3' };
    const request = { parameters: {}, headers, body: undefined };
    expect(await passes(1, anonymous, { request })).toEqual([false]);
    expect((await rates.counters()).map(({ who }) => who).sort()).toEqual([
      'address:192.0.2.1',
      'address:192.0.2.2',
      'app:1',
      'app:2',
    ]);
  });
});

describe('several limits', () => {
  it('count together; the tightest is told', async () => {
    await add({ name: 'all', rate: 10 });
    await add({ name: 'each', type: 'instance.each_user', rate: 3, period: 'hour' });
    expect(await take(userOf(1))).toMatchObject({ 'X-RateLimit-Limit': '3', 'X-RateLimit-Remaining': '2' });
    for (let call = 0; call < 7; call++) await take(userOf(2 + call));
    expect(await take(userOf(20))).toMatchObject({ 'X-RateLimit-Limit': '10', 'X-RateLimit-Remaining': '1' });
  });

  it('of one who has used up his own take nothing from what is shared', async () => {
    await add({ name: 'all', rate: 10 });
    await add({ name: 'each', type: 'instance.each_user', rate: 2 });
    expect((await passes(30, userOf(1))).filter(Boolean)).toHaveLength(2);
    expect((await passes(2, userOf(2))).filter(Boolean)).toHaveLength(2);
    const shared = (await rates.counters()).find(({ who }) => who === 'all');
    expect(shared?.used).toBe(4);
  });

  it('let a refused call use up nothing while it is known that one of them is used up', async () => {
    await add({ name: 'all', rate: 1 });
    await add({ name: 'each', type: 'instance.each_user', rate: 100 });
    await passes(20, userOf(1));
    const own = (await rates.counters()).find(({ who }) => who === 'user:1');
    expect(own?.used).toBe(2);
  });

  it('of a service that is gone are not in force', async () => {
    await add({ type: 'instance.service', serviceId, rate: 1 });
    await store.services.delete(serviceId);
    await rates.load();
    expect(await passes(2, anonymous)).toEqual([true, true]);
  });

  it('follow a service that is renamed', async () => {
    await add({ type: 'instance.service', serviceId, rate: 1 });
    await store.services.update(serviceId, { name: 'renamed' }, null);
    await rates.load();
    expect(await passes(2, anonymous)).toEqual([true, true]);
    expect(await passes(2, anonymous, { service: 'Renamed', at: { ...todo } })).toEqual([true, false]);
  });
});
