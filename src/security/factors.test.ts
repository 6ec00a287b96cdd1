import { generate } from 'otplib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { limits } from '../core/limits.ts';
import type { Store } from '../core/store.ts';
import { type House, openHouse } from '../services/system/scenario.ts';
import {
  acceptFactorCode,
  activateFactor,
  findFactor,
  hasFactor,
  removeFactor,
  startFactor,
} from './factors.ts';

const user = { id: 1, email: 'ada@example.com' };
let store: Store;
let parts: Pick<House, 'store' | 'secrets'>;
beforeEach(async () => {
  // In the middle of a step, so that no test is about two.
  vi.useFakeTimers({ now: Math.floor(Date.now() / 30_000) * 30_000 + 15_000, toFake: ['Date'] });
  parts = await openHouse();
  store = parts.store;
});
afterEach(async () => {
  vi.useRealTimers();
  await store.close();
});

/** The code of a device, some steps from now. */
const codeAt = (secret: string, steps = 0) =>
  generate({ secret, epoch: Math.floor(Date.now() / 1000) + steps * 30 });
const begin = async () => (await startFactor(parts, user)).secret;
const accept = (code: string) => acceptFactorCode(parts, 1, code);

/** A factor in force; its first code was that of the step before. */
async function inForce() {
  const secret = await begin();
  const codes = await activateFactor(parts, 1, await codeAt(secret, -1));
  return { secret, codes: codes ?? expect.fail('not activated') };
}

describe('a second factor', () => {
  it('is told once, and sealed for its user', async () => {
    const { secret, uri } = await startFactor(parts, user);
    expect(secret).toMatch(/^[A-Z2-7]{32}$/);
    expect(uri).toContain('otpauth://totp/Tenon:ada%40example.com?');
    expect(uri).toContain(`secret=${secret}`);
    const stored = await findFactor(store, 1);
    expect(stored).toMatchObject({ isActive: false, secret: expect.stringMatching(/^tenon:1:/) });
    expect(JSON.stringify(stored)).not.toContain(secret);
    expect(() => parts.secrets.open(stored?.secret ?? '', 'factor|user:2|secret')).toThrow('cannot be read');
  });

  it('counts only once a code of its device came', async () => {
    const secret = await begin();
    expect(await hasFactor(store, 1)).toBe(false);
    expect(await accept(await codeAt(secret))).toBe(false);
    for (const wrong of ['', 'abcdef', '12345', '1234567', await codeAt(secret, 10)]) {
      expect(await activateFactor(parts, 1, wrong)).toBeUndefined();
    }
    expect(await activateFactor(parts, 1, await codeAt(secret))).toHaveLength(limits.recoveryCodes);
    expect(await hasFactor(store, 1)).toBe(true);
    expect(await activateFactor(parts, 1, await codeAt(secret, 1))).toBeUndefined();
  });

  it('that was only begun is replaced, one in force is not', async () => {
    const first = await begin();
    const second = await begin();
    expect(await activateFactor(parts, 1, await codeAt(first))).toBeUndefined();
    expect(await activateFactor(parts, 1, await codeAt(second))).toBeDefined();
    await expect(startFactor(parts, user)).rejects.toMatchObject({ kind: 'request.conflict' });
  });

  it('takes codes of now and one step beside, none twice and none from before', async () => {
    const { secret } = await inForce();
    expect(await accept(await codeAt(secret, -1))).toBe(false);
    const now = await codeAt(secret);
    expect(await accept(`${now.slice(0, 3)} ${now.slice(3)}`)).toBe(true);
    expect(await accept(now)).toBe(false);
    expect(await accept(await codeAt(secret, 1))).toBe(true);
    expect(await accept(now)).toBe(false);
    expect(await accept(await codeAt(secret, 5))).toBe(false);
  });

  it('takes a code once of many at the same time', async () => {
    const { secret, codes } = await inForce();
    for (const code of [await codeAt(secret), codes[0] ?? '']) {
      const taken = await Promise.all(Array.from({ length: 8 }, () => accept(code)));
      expect(taken.filter(Boolean)).toHaveLength(1);
    }
  });

  it('takes each recovery code once, however it is written', async () => {
    const { codes } = await inForce();
    expect(new Set(codes).size).toBe(limits.recoveryCodes);
    const [first = '', second = ''] = codes;
    expect(first).toMatch(/^([0-9a-f]{5}-){3}[0-9a-f]{5}$/);
    expect(await accept(first.toUpperCase().replaceAll('-', ' '))).toBe(true);
    expect(await accept(first)).toBe(false);
    expect(await accept(second)).toBe(true);
    expect((await findFactor(store, 1))?.recoveryHashes).toHaveLength(limits.recoveryCodes - 2);
    expect(JSON.stringify(await findFactor(store, 1))).not.toContain(codes[2]);
  });

  it('is of no use to others, and gone when it is removed', async () => {
    const { secret, codes } = await inForce();
    expect(await acceptFactorCode(parts, 2, await codeAt(secret))).toBe(false);
    expect(await removeFactor(store, 1)).toBe(true);
    expect(await removeFactor(store, 1)).toBe(false);
    expect(await accept(codes[0] ?? '')).toBe(false);
    expect(await hasFactor(store, 1)).toBe(false);
  });
});
