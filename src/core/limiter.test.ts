import { describe, expect, it } from 'vitest';
import { Body } from './body.ts';
import { within } from './limiter.ts';
import type { Result } from './operation.ts';

const ok: Result = { status: 200, headers: { 'X-Own': 'yes' }, body: Body.ofValue([]) };

function place(headers?: Record<string, string>) {
  const taken = { released: 0, headers, release: () => void taken.released++ };
  return taken;
}

describe('what a place was taken for', () => {
  it('frees the place when it is done, and tells of limits beside its own headers', async () => {
    const taken = place({ 'X-RateLimit-Limit': '5' });
    const result = await within(taken, async () => {
      expect(taken.released).toBe(0);
      return ok;
    });
    expect(result).toEqual({ ...ok, headers: { 'X-Own': 'yes', 'X-RateLimit-Limit': '5' } });
    expect(taken.released).toBe(1);
  });

  it('is answered as it is where there is nothing to tell', async () => {
    expect(await within({ headers: undefined, release: undefined }, async () => ok)).toBe(ok);
  });

  it('frees the place when it fails, at once or later', async () => {
    const failures = [
      () => {
        throw new Error('at once');
      },
      async () => {
        throw new Error('later');
      },
    ];
    for (const fail of failures) {
      const taken = place();
      await expect(within(taken, fail)).rejects.toThrow();
      expect(taken.released).toBe(1);
    }
  });

  it.each(['texts', 'values'] as const)('holds the place until its stream of %s is closed', async (form) => {
    const taken = place({ 'X-RateLimit-Limit': '5' });
    let closed = 0;
    const portions = (async function* () {
      yield [];
    })();
    const source = { form, portions, meta: async () => ({ count: 1 }), close: () => void closed++ };
    const { stream, headers } = await within(taken, async () => ({ ...ok, body: undefined, stream: source }));
    expect(headers).toMatchObject({ 'X-RateLimit-Limit': '5' });
    expect(stream).toMatchObject({ form, portions });
    expect(await stream?.meta()).toEqual({ count: 1 });
    expect([taken.released, closed]).toEqual([0, 0]);
    stream?.close();
    expect([taken.released, closed]).toEqual([1, 1]);
  });
});
