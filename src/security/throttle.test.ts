import { describe, expect, test } from 'vitest';
import type { Tally } from '../core/limiter.ts';
import { limits } from '../core/limits.ts';
import { MemoryTally } from './memory-tally.ts';
import { LoginThrottle, loginKeys } from './throttle.ts';

const most = limits.loginAttempts;
const refused = expect.objectContaining({ kind: 'access.too_many_attempts', status: 429 });

function start() {
  const clock = { now: 1_000_000 };
  return { clock, throttle: new LoginThrottle({ now: () => clock.now }) };
}

async function failTimes(throttle: LoginThrottle, key: string, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    await throttle.check(key);
    await throttle.fail(key);
  }
}

describe.each(['account:ada@example.com', 'address:192.0.2.7'])('%s', (key) => {
  test('is refused after its last allowed failure, and others are not', async () => {
    const { throttle } = start();
    await failTimes(throttle, key, most);
    await expect(throttle.check(key)).rejects.toThrow(refused);
    await throttle.check(`${key}.`);
  });

  test('is let in again when the window is over', async () => {
    const { throttle, clock } = start();
    await failTimes(throttle, key, most);
    clock.now += limits.loginWindowMs - 1;
    await expect(throttle.check(key)).rejects.toThrow(refused);
    clock.now += limits.limitSpentMs;
    await throttle.check(key);
  });

  test('starts anew after a success', async () => {
    const { throttle } = start();
    await failTimes(throttle, key, most - 1);
    await throttle.succeed(key);
    await failTimes(throttle, key, most - 1);
    await throttle.check(key);
  });
});

describe('guesses sent at once', () => {
  test('are let through no more than the limit for an account', async () => {
    const { throttle } = start();
    for (let i = 0; i < most; i++) await throttle.check('account:a');
    await expect(throttle.check('account:a')).rejects.toThrow(refused);
  });

  test('of which nothing can be said count neither as wrong nor as right', async () => {
    const { throttle } = start();
    await failTimes(throttle, 'account:a', most - 1);
    for (let i = 0; i < most * 3; i++) {
      await throttle.check('account:a');
      await throttle.release('account:a');
    }
    await throttle.check('account:a');
    await throttle.fail('account:a');
    await expect(throttle.check('account:a')).rejects.toThrow(refused);
    await throttle.release('account:nobody');
  });

  test('that were never settled are forgotten with the window', async () => {
    const { throttle, clock } = start();
    for (let i = 0; i < most; i++) await throttle.check('account:a');
    await expect(throttle.check('account:a')).rejects.toThrow(refused);
    clock.now += limits.loginWindowMs;
    await throttle.check('account:a');
  });

  test('that could not be checked count neither as wrong nor as right', async () => {
    const { throttle } = start();
    const full = async () => {
      throw new Error('full');
    };
    for (let i = 0; i < most * 3; i++) {
      await throttle.check('account:a');
      await expect(throttle.during('account:a', full)).rejects.toThrow('full');
    }
    expect(await throttle.during('account:a', async () => 7)).toBe(7);
  });

  test('that are refused do not make it longer', async () => {
    const { throttle, clock } = start();
    await failTimes(throttle, 'account:a', most - 1);
    await throttle.check('account:a');
    for (let i = 0; i < 5; i++) {
      await expect(throttle.check('account:a')).rejects.toThrow(refused);
      clock.now += limits.limitSpentMs;
    }
    await throttle.release('account:a');
    await throttle.check('account:a');
  });

  test('with the right password do not lock an address out', async () => {
    const { throttle } = start();
    for (let i = 0; i < most * 3; i++) await throttle.check('address:a');
  });
});

test('what is counted is limited although nothing fails', async () => {
  const { throttle, clock } = start();
  for (let i = 0; i < most; i++) await throttle.count('mail to:a');
  await expect(throttle.count('mail to:a')).rejects.toThrow(refused);
  await throttle.count('mail to:b');
  clock.now += limits.loginWindowMs;
  await throttle.count('mail to:a');
});

test('a flood of keys does not grow without end, and the newest still count', async () => {
  const { throttle } = start();
  for (let i = 0; i < limits.loginKeys * 2; i++) await throttle.note(`account:${i}`);
  await failTimes(throttle, 'account:last', most);
  await expect(throttle.check('account:last')).rejects.toThrow(refused);
});

describe('several servers', () => {
  function pair() {
    const clock = { now: 1_000_000 };
    const now = () => clock.now;
    const shared: Tally = new MemoryTally({ periodMs: limits.loginWindowMs, now });
    const state = { isAway: false };
    const reached: Tally = {
      read: (key) => (state.isAway ? Promise.reject(new Error('away')) : shared.read(key)),
      add: (key) => (state.isAway ? Promise.reject(new Error('away')) : shared.add(key)),
      takeBack: (key) => (state.isAway ? Promise.reject(new Error('away')) : shared.takeBack(key)),
      clear: (key) => (state.isAway ? Promise.reject(new Error('away')) : shared.clear(key)),
    };
    const make = () => new LoginThrottle({ shared: reached, now });
    return { state, one: make(), other: make() };
  }

  test('count together, guesses under way included', async () => {
    const { one, other } = pair();
    for (let i = 0; i < most; i++) await (i % 2 === 0 ? one : other).check('account:a');
    await expect(one.check('account:a')).rejects.toThrow(refused);
    await expect(other.check('account:a')).rejects.toThrow(refused);
    await failTimes(one, 'address:a', most);
    await expect(other.check('address:a')).rejects.toThrow(refused);
  });

  test('forget together what failed before a success', async () => {
    const { one, other } = pair();
    await failTimes(one, 'account:a', most - 1);
    await other.succeed('account:a');
    await failTimes(one, 'account:a', most - 1);
  });

  test('each count for themselves while the shared count is away', async () => {
    const { state, one, other } = pair();
    state.isAway = true;
    await failTimes(one, 'account:a', most);
    await expect(one.check('account:a')).rejects.toThrow(refused);
    await other.check('account:a');
    state.isAway = false;
    await other.check('account:a');
  });
});

test('keys are the account in one spelling and the address', () => {
  expect(loginKeys(' Ada@Example.com ', '192.0.2.7')).toEqual([
    'account:ada@example.com',
    'address:192.0.2.7',
  ]);
  expect(loginKeys('a', undefined)).toEqual(['account:a', 'address:inside']);
});
