// Logins under way: good once, in time, and for whom they were begun.
import { expect, test } from 'vitest';
import { limits } from '../core/limits.ts';
import type { IdentityProvider } from '../core/service.ts';
import { type PendingLogin, PendingLogins } from './pending-logins.ts';

// Only known by identity here.
const provider = {} as IdentityProvider;

function login(state: string, given: Partial<PendingLogin> = {}): PendingLogin {
  const ticket = { state, nonce: `nonce of ${state}`, verifier: `verifier of ${state}` };
  const nothing = { userId: null, binding: undefined, address: '192.0.2.1' };
  return { service: 'company', provider, ticket, ...nothing, ...given };
}

const anybody = { userId: null, binding: undefined };

test('a login is finished once', () => {
  const pending = new PendingLogins();
  pending.add(login('a'));
  pending.add(login('b'));
  expect(pending.take('a', anybody)).toMatchObject({ service: 'company', ticket: { nonce: 'nonce of a' } });
  expect(pending.take('a', anybody)).toBeUndefined();
  expect(pending.take('b', anybody)?.provider).toBe(provider);
});

test('nobody knows a state that was not given out', () => {
  const pending = new PendingLogins();
  pending.add(login('a'));
  for (const state of ['', 'b', 'A', '__proto__', 'a ']) expect(pending.take(state, anybody)).toBeUndefined();
});

test('its time is bounded', () => {
  let now = 1_000;
  const pending = new PendingLogins({ now: () => now });
  pending.add(login('a'));
  pending.add(login('b'));
  now += limits.pendingLoginMs - 1;
  expect(pending.take('a', anybody)).toBeDefined();
  now += 1;
  expect(pending.take('b', anybody)).toBeUndefined();
});

test('it is for whom it was begun, and gone when somebody else shows it', () => {
  const pending = new PendingLogins();
  const attempts: readonly [Partial<PendingLogin>, { userId: number | null; binding: string | undefined }][] =
    [
      [{ userId: 7 }, anybody],
      [{ userId: 7 }, { userId: 8, binding: undefined }],
      [{}, { userId: 7, binding: undefined }],
      [{ binding: 'secret' }, anybody],
      [{ binding: 'secret' }, { userId: null, binding: 'other' }],
      [{ binding: 'secret' }, { userId: null, binding: '' }],
    ];
  for (const [given, shown] of attempts) {
    const own = { userId: given.userId ?? null, binding: given.binding };
    pending.add(login('a', given));
    expect(pending.take('a', shown)).toBeUndefined();
    expect(pending.take('a', own)).toBeUndefined();
    pending.add(login('a', given));
    expect(pending.take('a', own)).toBeDefined();
  }
});

test('one address cannot push out the logins of others', () => {
  const pending = new PendingLogins();
  pending.add(login('mine', { address: '192.0.2.7' }));
  for (let index = 0; index < limits.pendingLogins + 10; index++) pending.add(login(`flood ${index}`));
  expect(pending.take('mine', anybody)).toBeDefined();
  expect(pending.take('flood 0', anybody)).toBeUndefined();
  expect(pending.take(`flood ${limits.pendingLogins + 9}`, anybody)).toBeDefined();
});
