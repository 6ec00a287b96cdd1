import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { limits } from '../core/limits.ts';
import type { Store } from '../core/store.ts';
import { openHouse } from '../services/system/scenario.ts';
import { countWrongCode, digestOf, dropCodes, issueCode, redeemCode } from './codes.ts';

let store: Store;
beforeEach(async () => {
  ({ store } = await openHouse());
});
afterEach(async () => {
  vi.useRealTimers();
  await store.close();
});

const wanted = { userId: 1, purpose: 'reset', minutes: 60 } as const;

describe('a mailed code', () => {
  it('is long, and kept as a digest only', async () => {
    const code = await issueCode(store, wanted);
    expect(code).toMatch(/^[\w-]{43}$/);
    const kept = await store.userCodes.list();
    expect(kept).toMatchObject([{ userId: 1, purpose: 'reset', codeHash: digestOf(code), attempts: 0 }]);
    expect(JSON.stringify(kept)).not.toContain(code);
  });

  it('is good once', async () => {
    const code = await issueCode(store, wanted);
    expect(await redeemCode(store, 1, code)).toBe('reset');
    expect(await redeemCode(store, 1, code)).toBeUndefined();
  });

  it('is taken by one of many at once', async () => {
    const code = await issueCode(store, wanted);
    const tries = Array.from({ length: 8 }, () => store.transaction((inside) => redeemCode(inside, 1, code)));
    expect((await Promise.all(tries)).filter((purpose) => purpose !== undefined)).toEqual(['reset']);
  });

  it('is good for its user only', async () => {
    const code = await issueCode(store, wanted);
    expect(await redeemCode(store, 2, code)).toBeUndefined();
    expect(await redeemCode(store, 1, code)).toBe('reset');
  });

  it('ends those before it, of whatever purpose', async () => {
    const first = await issueCode(store, { ...wanted, purpose: 'invite' });
    const second = await issueCode(store, wanted);
    expect(await store.userCodes.list()).toHaveLength(1);
    expect(await redeemCode(store, 1, first)).toBeUndefined();
    expect(await redeemCode(store, 1, second)).toBe('reset');
  });

  it('expires', async () => {
    const code = await issueCode(store, wanted);
    vi.useFakeTimers({ now: Date.now() + 60 * 60_000 + 1, toFake: ['Date'] });
    expect(await redeemCode(store, 1, code)).toBeUndefined();
  });

  it('is over after a few wrong ones', async () => {
    const code = await issueCode(store, wanted);
    for (let i = 1; i < limits.codeAttempts; i++) {
      expect(await redeemCode(store, 1, `wrong ${i}`)).toBeUndefined();
      await countWrongCode(store, 1);
    }
    expect(await store.userCodes.list()).toMatchObject([{ attempts: limits.codeAttempts - 1 }]);
    await countWrongCode(store, 1);
    expect(await redeemCode(store, 1, code)).toBeUndefined();
  });

  it('can be ended, and ends with its user', async () => {
    const code = await issueCode(store, wanted);
    await dropCodes(store, 1);
    expect(await redeemCode(store, 1, code)).toBeUndefined();
    await issueCode(store, wanted);
    await store.users.delete(1);
    expect(await store.userCodes.list()).toEqual([]);
  });
});
