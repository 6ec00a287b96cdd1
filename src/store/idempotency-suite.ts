// What every system database must do with idempotency keys; part of the suite of the store.
import { expect, it } from 'vitest';
import type { NewReservation } from '../core/idempotency.ts';
import type { Store } from '../core/store.ts';

/** Defines the conformance tests of idempotency keys. */
export function idempotencyKeys(store: () => Store): void {
  let number = 0;
  const wanted = (over: Partial<NewReservation> = {}): NewReservation => {
    number++;
    return { id: hex(number), digest: hex(1), token: hex(number).slice(32), ...over };
  };
  const keys = () => store().idempotency;

  it('reserves a key for one, and tells the others that he is at it', async () => {
    const first = wanted();
    const others = Array.from({ length: 20 }, () => wanted({ id: first.id }));
    const states = await Promise.all([first, ...others].map((each) => keys().reserve(each)));
    const counts = states.map(({ state }) => state).sort();
    expect(counts).toEqual([...Array(20).fill('busy'), 'reserved']);
  });

  it('gives the kept answer, whoever asks, and tells a key that was used for something else', async () => {
    const { id, token, digest } = wanted();
    await keys().reserve({ id, token, digest });
    expect(await keys().reserve(wanted({ id, digest: hex(2) }))).toEqual({ state: 'reused' });
    expect(await keys().keep(id, token, 'ü'.repeat(100_000))).toBe(true);
    const answered = { state: 'answered', answer: 'ü'.repeat(100_000), token };
    expect(await keys().reserve(wanted({ id }))).toEqual(answered);
    expect(await keys().reserve(wanted({ id, digest: hex(2) }))).toEqual({ state: 'reused' });
  });

  it('keeps one answer, of whoever holds the key', async () => {
    const { id, token, digest } = wanted();
    await keys().reserve({ id, token, digest });
    const other = wanted();
    expect(await keys().keep(id, other.token, 'no')).toBe(false);
    expect(await keys().renew(id, other.token)).toBe(false);
    await keys().release(id, other.token);
    expect(await keys().renew(id, token)).toBe(true);
    expect(await keys().keep(id, token, 'yes')).toBe(true);
    expect(await keys().keep(id, token, 'no')).toBe(false);
    expect(await keys().renew(id, token)).toBe(false);
    await keys().release(id, token);
    expect(await keys().reserve(wanted({ id }))).toMatchObject({ state: 'answered', answer: 'yes' });
  });

  it('frees a key that is given back', async () => {
    const { id, token, digest } = wanted();
    await keys().reserve({ id, token, digest });
    await keys().release(id, token);
    const next = wanted({ id, digest: hex(2) });
    expect(await keys().reserve(next)).toMatchObject({ state: 'reserved' });
    expect(await keys().keep(id, token, 'late')).toBe(false);
  });

  it('drops nothing that is young', async () => {
    const { id, token, digest } = wanted();
    await keys().reserve({ id, token, digest });
    await keys().keep(id, token, 'yes');
    expect(await keys().trim()).toBe(0);
    expect(await keys().reserve(wanted({ id }))).toMatchObject({ state: 'answered' });
  });
}

function hex(number: number): string {
  return number.toString(16).padStart(64, '0');
}
