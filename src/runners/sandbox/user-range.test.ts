// Numbers of users: nobody else's, and not the same twice in a row.
import { describe, expect, it } from 'vitest';
import { hasUsers, UserRange } from './user-range.ts';

const take = (range: UserRange, count: number) => Array.from({ length: count }, () => range.next());

const machine = '         0          0 4294967295\n';
const container = '         0     100000      65536\n';
const rootless = '         0       1000          1\n         1     100000      65536\n';
const single = '         0       1000          1\n';

describe('the users of runners', () => {
  it('lie above those of systems and containers, and below 2^31', () => {
    const users = take(new UserRange(machine), 5_000);
    expect(Math.min(...users)).toBeGreaterThanOrEqual(1_879_048_192);
    expect(Math.max(...users)).toBeLessThan(2 ** 31);
  });

  it.each([machine, container, rootless])(
    'are different for as many processes as a server can have: %s',
    (map) => {
      expect(new Set(take(new UserRange(map), 4_096)).size).toBe(4_096);
    },
  );

  it.each([container, rootless])(
    'stay inside the numbers of a container, without its first and last: %s',
    (map) => {
      const users = take(new UserRange(map), 10_000);
      expect(Math.max(...users)).toBeLessThan(65_534);
      expect(Math.min(...users)).toBeGreaterThan(60_000);
    },
  );

  it.each([
    [machine, true],
    [container, true],
    [rootless, true],
    [single, false],
    ['', false],
    ['what', false],
  ])('are there: %j %s', (map, isThere) => {
    expect(hasUsers(map)).toBe(isThere);
  });
});
