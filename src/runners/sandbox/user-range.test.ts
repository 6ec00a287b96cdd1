// Numbers of users: nobody else's, and not the same twice in a row.
import { describe, expect, it } from 'vitest';
import { UserRange } from './user-range.ts';

const take = (range: UserRange, count: number) => Array.from({ length: count }, () => range.next());

describe('the users of runners', () => {
  it('lie above those of systems and containers, and below 2^31', () => {
    const users = take(new UserRange('         0          0 4294967295\n'), 5_000);
    expect(Math.min(...users)).toBeGreaterThanOrEqual(1_879_048_192);
    expect(Math.max(...users)).toBeLessThan(2 ** 31);
  });

  it('are different for as many processes as a server can have', () => {
    expect(new Set(take(new UserRange('0 0 4294967295'), 4_096)).size).toBe(4_096);
  });

  it('stay inside a small range of a container, without its last and its first', () => {
    const users = take(new UserRange('         0     100000      65536\n'), 10_000);
    expect(Math.max(...users)).toBeLessThan(65_534);
    expect(Math.min(...users)).toBeGreaterThan(60_000);
  });

  it('are the wide range where the system does not tell', () => {
    expect(new UserRange('').next()).toBeGreaterThanOrEqual(1_879_048_192);
  });
});
