import { describe, expect, test } from 'vitest';
import { limits } from '../core/limits.ts';
import { anonymous, type Principal } from '../core/operation.ts';
import { RunTokens } from './run-tokens.ts';

const clock = { now: 1_800_000_000_000 };
const tokens = new RunTokens({ now: () => clock.now });
const user = { id: 7 } as NonNullable<Principal['user']>;

describe('a token of a run', () => {
  test('is only for users, never twice the same, and leads back to the session', () => {
    expect(tokens.issue(anonymous)).toBeUndefined();
    const one = tokens.issue({ user, sessionId: 's' });
    expect(one?.token).toMatch(/^run\.[\w-]{43}$/);
    expect(tokens.issue({ user, sessionId: 's' })?.token).not.toBe(one?.token);
    const expiresAt = clock.now + limits.runTokenMs;
    expect(tokens.claims(one?.token ?? '')).toEqual({ sessionId: 's', userId: 7, expiresAt });
  });

  test('ends, and is renewed so early that no run outlives it', () => {
    const { token = '', renewAt = 0 } = tokens.issue({ user, sessionId: null }) ?? {};
    expect(renewAt + limits.scriptTimeoutMaxMs).toBe(clock.now + limits.runTokenMs);
    clock.now += limits.runTokenMs - 1;
    expect(tokens.claims(token)?.userId).toBe(7);
    clock.now += 1;
    expect(() => tokens.claims(token)).toThrow(expect.objectContaining({ kind: 'access.expired_token' }));
  });

  test('for lookups is the same each time, until it grows old', () => {
    const uma: Principal = { ...anonymous, kind: 'user', user, sessionId: 's' };
    const own = tokens.of(uma);
    expect(tokens.of(uma)).toBe(own);
    expect(tokens.claims(own ?? '')).toMatchObject({ sessionId: 's', userId: 7 });
    expect(tokens.of({ ...uma })).not.toBe(own);
    clock.now += limits.runTokenMs - limits.scriptTimeoutMaxMs;
    expect(tokens.of(uma)).not.toBe(own);
    expect(tokens.of(anonymous)).toBeUndefined();
  });

  test('that nobody was given is refused, and what has another form is not ours', () => {
    expect(() => tokens.claims('run.AAAA')).toThrow(expect.objectContaining({ status: 401 }));
    expect(tokens.claims('eyJhbGciOiJIUzI1NiJ9.e30.x')).toBeUndefined();
  });
});
