// Idempotency keys in time, in a SQLite file whose clock the test turns: any order of what requests do with a
// key, beside a model of it.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fc } from '../../test/properties.ts';
import { limits } from '../core/limits.ts';
import type { Store } from '../core/store.ts';
import { createSqliteStore } from './sqlite.ts';

const lease = limits.idempotencyLeaseMs;
const day = limits.idempotencyHours * 3_600_000;

let store: Store;
let now = 1_000_000_000_000;

beforeEach(async () => {
  store = await createSqliteStore({ file: ':memory:', clock: () => now });
});

afterEach(() => store.close());

describe('a key', () => {
  it('whose holder is gone is taken over when its lease is over, and he can keep nothing then', async () => {
    const { idempotency } = store;
    const first = await idempotency.reserve({ id: 'k', digest: 'd', token: 'a' });
    const origin = `${now.toString(16).padStart(12, '0')}a`;
    expect(first).toEqual({ state: 'reserved', origin });
    now += lease;
    expect(await idempotency.reserve({ id: 'k', digest: 'd', token: 'b' })).toEqual({ state: 'busy' });
    now += 1;
    expect(await idempotency.reserve({ id: 'k', digest: 'e', token: 'b' })).toEqual({ state: 'reused' });
    const taken = await idempotency.reserve({ id: 'k', digest: 'd', token: 'b' });
    expect(taken).toEqual({ state: 'reserved', origin });
    expect(await idempotency.keep('k', 'a', 'late')).toBe(false);
    expect(await idempotency.renew('k', 'a')).toBe(false);
    expect(await idempotency.keep('k', 'b', 'answer')).toBe(true);
  });

  it('that was free in between begins anew', async () => {
    const { idempotency } = store;
    const first = await idempotency.reserve({ id: 'k', digest: 'd', token: 'a' });
    await idempotency.release('k', 'a');
    const second = await idempotency.reserve({ id: 'k', digest: 'd', token: 'b' });
    expect([first.state, second.state]).toEqual(['reserved', 'reserved']);
    expect(second).not.toEqual(first);
  });

  it('is held as long as its lease is prolonged', async () => {
    const { idempotency } = store;
    await idempotency.reserve({ id: 'k', digest: 'd', token: 'a' });
    for (let turn = 0; turn < 5; turn++) {
      now += lease - 1;
      expect(await idempotency.renew('k', 'a')).toBe(true);
      expect(await idempotency.reserve({ id: 'k', digest: 'd', token: 'b' })).toEqual({ state: 'busy' });
    }
  });

  it('is new after a day, and what is old is dropped a part at a time', async () => {
    const { idempotency } = store;
    const ids = Array.from({ length: limits.queuePartRows + 1 }, (_, at) => `k${at}`);
    for (const id of ids) {
      await idempotency.reserve({ id, digest: 'd', token: `of ${id}` });
      await idempotency.keep(id, `of ${id}`, 'answer');
    }
    now += day;
    expect(await idempotency.trim()).toBe(0);
    expect(await idempotency.reserve({ id: 'k0', digest: 'd', token: 'b' })).toMatchObject({
      state: 'answered',
    });
    now += 1;
    expect(await idempotency.reserve({ id: 'k0', digest: 'e', token: 'b' })).toMatchObject({
      state: 'reserved',
    });
    expect(await idempotency.trim()).toBe(limits.queuePartRows);
    expect(await idempotency.trim()).toBe(0);
    expect(await idempotency.reserve({ id: 'k0', digest: 'e', token: 'c' })).toEqual({ state: 'busy' });
  });
});

// The model: what is known of one key.
interface Model {
  holder: string | undefined;
  digest: string;
  until: number;
  made: number;
  answer: string | undefined;
}

interface Step {
  readonly what: 'reserve' | 'renew' | 'keep' | 'release' | 'trim' | 'wait';
  readonly who: string;
  readonly digest: string;
  readonly ms: number;
}

const steps = fc.array(
  fc.record<Step>({
    what: fc.constantFrom('reserve', 'reserve', 'renew', 'keep', 'release', 'trim', 'wait'),
    who: fc.constantFrom('a', 'b', 'c'),
    digest: fc.constantFrom('d', 'd', 'd', 'e'),
    ms: fc.constantFrom(1, lease / 3, lease, lease + 1, day, day + 1),
  }),
  { maxLength: 40 },
);

describe('any order of steps', () => {
  it('leaves a key with one holder, and an answer that never changes for a day', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (given) => {
        const fresh = await createSqliteStore({ file: ':memory:', clock: () => now });
        try {
          await follow(fresh, given);
        } finally {
          await fresh.close();
        }
      }),
      { numRuns: 60 },
    );
  });
});

async function follow({ idempotency }: Store, given: readonly Step[]): Promise<void> {
  let model: Model | undefined;
  let tokens = 0;
  const held = new Map<string, string>();
  for (const { what, who, digest, ms } of given) {
    const token = held.get(who) ?? 'none';
    const holds = model !== undefined && model.holder === token && model.answer === undefined;
    if (what === 'wait') now += ms;
    else if (what === 'renew') {
      expect(await idempotency.renew('k', token)).toBe(holds);
      if (holds && model !== undefined) model.until = now + lease;
    } else if (what === 'keep') {
      expect(await idempotency.keep('k', token, `answer of ${token}`)).toBe(holds);
      if (holds && model !== undefined) model.answer = `answer of ${token}`;
    } else if (what === 'release') {
      await idempotency.release('k', token);
      if (holds) model = undefined;
    } else if (what === 'trim') {
      const isOld = model !== undefined && isOver(model);
      expect(await idempotency.trim()).toBe(isOld ? 1 : 0);
      if (isOld) model = undefined;
    } else {
      const own = `${who}${++tokens}`;
      const expected = reserved(model, digest);
      const found = await idempotency.reserve({ id: 'k', digest, token: own });
      expect(found.state).toBe(expected);
      if (found.state === 'answered') expect(found.answer).toBe(model?.answer);
      if (found.state === 'reserved') {
        const isNew = model === undefined || isOver(model);
        const made = isNew ? now : (model?.made ?? now);
        model = { holder: own, digest, until: now + lease, made, answer: undefined };
        held.set(who, own);
      }
    }
  }
}

function isOver({ made, until }: Model): boolean {
  return made < now - day && until < now;
}

function reserved(model: Model | undefined, digest: string): string {
  if (model === undefined || isOver(model)) return 'reserved';
  if (model.digest !== digest) return 'reused';
  if (model.answer !== undefined) return 'answered';
  return model.until < now ? 'reserved' : 'busy';
}
