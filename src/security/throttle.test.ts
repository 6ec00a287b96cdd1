import { describe, expect, test } from 'vitest';
import { limits } from '../core/limits.ts';
import { LoginThrottle, loginKeys } from './throttle.ts';

const most = limits.loginAttempts;
const refused = expect.objectContaining({ kind: 'access.too_many_attempts', status: 429 });

function start() {
  const clock = { now: 1_000_000 };
  return { clock, throttle: new LoginThrottle({ now: () => clock.now }) };
}

function failTimes(throttle: LoginThrottle, key: string, times: number): void {
  for (let i = 0; i < times; i++) {
    throttle.check(key);
    throttle.fail(key);
  }
}

describe.each(['account:ada@example.com', 'address:192.0.2.7'])('%s', (key) => {
  test('is refused after its last allowed failure, and others are not', () => {
    const { throttle } = start();
    failTimes(throttle, key, most);
    expect(() => throttle.check(key)).toThrow(refused);
    expect(() => throttle.check(`${key}.`)).not.toThrow();
  });

  test('is let in again when the window is over', () => {
    const { throttle, clock } = start();
    failTimes(throttle, key, most);
    clock.now += limits.loginWindowMs - 1;
    expect(() => throttle.check(key)).toThrow(refused);
    clock.now += 1;
    expect(() => throttle.check(key)).not.toThrow();
  });

  test('starts anew after a success', () => {
    const { throttle } = start();
    failTimes(throttle, key, most - 1);
    throttle.succeed(key);
    failTimes(throttle, key, most - 1);
    expect(() => throttle.check(key)).not.toThrow();
  });
});

describe('guesses sent at once', () => {
  test('are let through no more than the limit for an account', () => {
    const { throttle } = start();
    for (let i = 0; i < most; i++) throttle.check('account:a');
    expect(() => throttle.check('account:a')).toThrow(refused);
  });

  test('of which nothing can be said count neither as wrong nor as right', () => {
    const { throttle } = start();
    failTimes(throttle, 'account:a', most - 1);
    for (let i = 0; i < most * 3; i++) {
      throttle.check('account:a');
      throttle.release('account:a');
    }
    throttle.check('account:a');
    throttle.fail('account:a');
    expect(() => throttle.check('account:a')).toThrow(refused);
    throttle.release('account:nobody');
  });

  test('that were never settled are forgotten', () => {
    const { throttle, clock } = start();
    for (let i = 0; i < most; i++) throttle.check('account:a');
    clock.now += limits.requestTimeoutMs;
    expect(() => throttle.check('account:a')).not.toThrow();
  });

  test('with the right password do not lock an address out', () => {
    const { throttle } = start();
    for (let i = 0; i < most * 3; i++) expect(() => throttle.check('address:a')).not.toThrow();
  });
});

test('what is counted is limited although nothing fails', () => {
  const { throttle, clock } = start();
  for (let i = 0; i < most; i++) throttle.count('mail to:a');
  expect(() => throttle.count('mail to:a')).toThrow(refused);
  expect(() => throttle.count('mail to:b')).not.toThrow();
  clock.now += limits.loginWindowMs;
  expect(() => throttle.count('mail to:a')).not.toThrow();
});

test('a flood of keys does not grow without end, and the newest still count', () => {
  const { throttle } = start();
  for (let i = 0; i < limits.loginKeys * 2; i++) throttle.fail(`account:${i}`);
  failTimes(throttle, 'account:last', most);
  expect(() => throttle.check('account:last')).toThrow(refused);
});

test('keys are the account in one spelling and the address', () => {
  expect(loginKeys(' Ada@Example.com ', '192.0.2.7')).toEqual([
    'account:ada@example.com',
    'address:192.0.2.7',
  ]);
  expect(loginKeys('a', undefined)).toEqual(['account:a', 'address:inside']);
});
