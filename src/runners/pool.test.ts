// What the pool does with processes that are late, fail to start or are too few. The language is Node's.
import { describe, expect, it } from 'vitest';
import { limits } from '../core/limits.ts';
import type { Observation } from '../core/observe.ts';
import type { Outcome, Runner } from '../core/runner.ts';
import { createNodeRunner, type NodeRunnerOptions } from './node/index.ts';
import { invocationOf, programOf, returnedBy } from './suite.ts';

interface Watched {
  runner: Runner;
  observed: Observation[];
  /** Processes started and not gone. */
  alive(): number;
}

function watched(options: Partial<NodeRunnerOptions> = {}): Watched {
  const observed: Observation[] = [];
  const observe = (seen: Observation) => observed.push(seen);
  const runner = createNodeRunner({ observe, platformConfig: '{}', ...options });
  const count = (kind: string) => observed.filter((seen) => seen.kind === kind).length;
  return { runner, observed, alive: () => count('runner.started') - count('runner.retired') };
}

const answer = { status: 200, headers: {}, body: undefined };
const waits = programOf('await platform.api.get("x"); return 1;', { isAsync: true });

describe('a pool', () => {
  it('moves runs that wait behind a slow one to another process', async () => {
    const { runner } = watched({ max: 2 });
    await runner.run(invocationOf('return 1;'));
    const order: string[] = [];
    const note = (name: string) => (outcome: Outcome) => order.push(`${name} ${outcome.kind}`);
    const slow = runner.run(invocationOf('while (true);', { timeoutMs: 1_500 })).then(note('slow'));
    const others = Array.from({ length: 10 }, () =>
      runner.run(invocationOf('return 1;')).then(note('quick')),
    );
    await Promise.all([slow, ...others]);
    await runner.stop();
    expect(order).toEqual([...Array(10).fill('quick finished'), 'slow timeout']);
  });

  it('gives each run that waits for the platform a process of its own, up to its limit', async () => {
    const { runner, alive } = watched({ max: 3 });
    let open = 0;
    let most = 0;
    const call = async () => {
      open++;
      most = Math.max(most, open);
      await new Promise((resolve) => setTimeout(resolve, 100));
      open--;
      return answer;
    };
    const runs = Array.from({ length: 9 }, () => runner.run(invocationOf(waits, { bridge: { call } })));
    const outcomes = await Promise.all(runs);
    expect(outcomes.map(returnedBy)).toEqual(Array(9).fill(1));
    expect(most).toBe(3);
    expect(alive()).toBeLessThanOrEqual(3);
    await runner.stop();
  });

  it('lets runs that wait for the platform not hold up others', async () => {
    const { runner } = watched({ max: 2 });
    let release: () => void = () => {};
    const held = new Promise<typeof answer>((resolve) => (release = () => resolve(answer)));
    const waiting = runner.run(invocationOf(waits, { bridge: { call: () => held } }));
    for (let i = 0; i < 50; i++) expect(returnedBy(await runner.run(invocationOf('return 1;')))).toBe(1);
    release();
    expect(returnedBy(await waiting)).toBe(1);
    await runner.stop();
  });

  it('lets a run that needs a process of its own through a stream of shared ones', async () => {
    const { runner } = watched({ max: 1 });
    let isOver = false;
    const stream = async () => {
      while (!isOver) await runner.run(invocationOf('return 1;'));
    };
    const streams = Array.from({ length: 16 }, stream);
    const outcome = await runner.run(invocationOf('return typeof process;'));
    isOver = true;
    await Promise.all(streams);
    await runner.stop();
    expect(returnedBy(outcome)).toBe('object');
  });

  it('refuses runs at once when too many wait', async () => {
    const { runner } = watched({ max: 1 });
    const call = () => new Promise<never>(() => {});
    const runs = Array.from({ length: limits.runnerQueue + 20 }, () =>
      runner.run(invocationOf(waits, { bridge: { call } })),
    );
    const refused = await Promise.race(runs);
    expect(refused).toMatchObject({ kind: 'saturated' });
    await runner.stop();
    const kinds = (await Promise.all(runs)).map((outcome) => outcome.kind);
    expect(kinds.filter((kind) => kind === 'saturated').length).toBeGreaterThanOrEqual(19);
    expect(kinds).not.toContain('finished');
  });

  it('replaces a process that was killed from outside', async () => {
    const { runner } = watched({ max: 2 });
    const pid = programOf('return process.pid;');
    const first = returnedBy(await runner.run(invocationOf(pid))) as number;
    process.kill(first, 'SIGKILL');
    await expect
      .poll(async () => {
        const outcome = await runner.run(invocationOf(pid));
        return outcome.kind === 'finished' && Number(outcome.returned) !== first;
      })
      .toBe(true);
    await runner.stop();
  });

  it('says which run was under way when its process died, and does the others elsewhere', async () => {
    const { runner } = watched({ max: 2 });
    await runner.run(invocationOf('return 1;'));
    // The first is shared, so the others stand behind it on the same process when memory ends it.
    const bomb = runner.run(invocationOf('const a = []; while (true) a.push({a: [1]});'));
    const others = Array.from({ length: 20 }, () => runner.run(invocationOf('return 2;')));
    expect(await bomb).toMatchObject({ kind: 'crashed' });
    for (const outcome of await Promise.all(others)) expect(returnedBy(outcome)).toBe(2);
    await runner.stop();
  });

  it.each([
    ['an interpreter that is not there', { nodePath: '/nowhere/node' }],
    ['an interpreter that ends at once', { nodePath: '/bin/false' }],
    ['a host that is not there', { hostPath: '/nowhere/host.js' }],
    ['a folder that is not there', { folder: '/nowhere' }],
  ])('is unavailable with %s, without trying in a loop', async (_name, options) => {
    const { runner, observed } = watched(options);
    const outcomes = [];
    for (let i = 0; i < 100; i++) outcomes.push(await runner.run(invocationOf('return 1;')));
    await runner.stop();
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ kind: 'unavailable' });
      expect(JSON.stringify(outcome)).not.toContain('nowhere');
    }
    const failures = observed.filter((seen) => seen.kind === 'runner.failed').length;
    expect(failures).toBeGreaterThan(0);
    expect(failures).toBeLessThan(20);
  });
});
