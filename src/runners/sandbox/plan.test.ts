// Plans as text: complete on both machines, in the order that works, and with nothing slipped in.
import { describe, expect, it } from 'vitest';
import { type Grant, type Ground, memoryPlanOf, Planner, resources, rights } from './plan.ts';
import { type Machine, machineOf } from './syscalls.ts';

const ground = (more: Partial<Ground> = {}): Ground => ({
  machine: machineOf('x64') as Machine,
  landlock: 7,
  dropsUser: true,
  hardLimits: new Map(),
  ...more,
});
const start = { grants: [], limits: new Map<number, number>(), user: 4_711 };
const linesOf = (given: Ground, grants: readonly Grant[] = [{ path: '/usr/lib', rights: rights.read }]) =>
  new Planner(given, grants).plan(start).split('\n');
const namesOf = (lines: readonly string[]) =>
  lines.map((line) =>
    line
      .split(' ')
      .slice(0, line.startsWith('call') ? 2 : 1)
      .join(' '),
  );

describe('a plan', () => {
  it.each(['x64', 'arm64'])('can be made for %s, in the order that works', (arch) => {
    expect(namesOf(linesOf(ground({ machine: machineOf(arch) as Machine })))).toEqual([
      'call setpriority',
      'call ruleset',
      'path',
      'call setgroups',
      'call setresgid',
      'call setresuid',
      'call capset',
      'call prctl',
      'call landlock_restrict_self',
      'call prctl',
      'call prctl',
      'filter',
    ]);
  });

  it('has no steps for what the machine does not have', () => {
    const names = namesOf(linesOf(ground({ landlock: 0, dropsUser: false })));
    expect(names).toEqual(['call setpriority', 'call capset', ...Array(3).fill('call prctl'), 'filter']);
  });

  it.each([
    [1, 13, 8],
    [2, 14, 8],
    [3, 15, 8],
    [4, 15, 16],
    [5, 16, 16],
    [6, 16, 24],
    [7, 16, 24],
    [9, 16, 24],
  ])('asks version %d of Landlock for the %d rights that it knows, in %d bytes', (landlock, known, bytes) => {
    const line = linesOf(ground({ landlock })).find((step) => step.startsWith('call ruleset')) ?? '';
    const [, , , structure = '', size] = line.split(' ');
    expect(Number(size)).toBe(bytes);
    expect(structure.length).toBe(1 + bytes * 2);
    expect(Buffer.from(structure.slice(1, 17), 'hex').readBigUInt64LE()).toBe(2n ** BigInt(known) - 1n);
  });

  it('grants no right that the version does not know', () => {
    const all = [{ path: '/work', rights: 0xffff }];
    expect(linesOf(ground({ landlock: 1 }), all)).toContain(`path 257 ${2 ** 13 - 1} /work`);
  });

  it('keeps paths with spaces, and refuses those that would be a step of their own', () => {
    const of = (path: string) => linesOf(ground(), [{ path, rights: rights.read }]);
    expect(of('/a b/c  d')).toContain('path 257 4 /a b/c  d');
    expect(() => of('/a\npath 257 4 /etc')).toThrow('A path with a line feed cannot be granted.');
  });

  it('sets limits, but none above what the server itself may', () => {
    const limits = new Map([
      [resources.files, 256],
      [resources.tasks, 64],
    ]);
    const text = new Planner(ground({ hardLimits: new Map([[resources.files, 100]]) }), []).plan({
      ...start,
      limits,
    });
    expect(text).toContain('call prlimit64 302 0 7 x64000000000000006400000000000000 0');
    expect(text).toContain('call prlimit64 302 0 6 x40000000000000004000000000000000 0');
  });
});

it('a limit of memory is set as the user of the process', () => {
  const lines = memoryPlanOf(ground(), { user: 4_711, pid: 99, bytes: 0x1000 }).split('\n');
  expect(lines.slice(0, 3)).toEqual([
    'call setgroups 116 0 0',
    'call setresgid 119 4711 4711 4711',
    'call setresuid 117 4711 4711 4711',
  ]);
  expect(lines.slice(3)).toEqual(['call prlimit64 302 99 2 x00100000000000000010000000000000 0']);
});
