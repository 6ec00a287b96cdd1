// What every language's runner must do with runs that are stopped: they end where they are, and no other run
// suffers.
// Invariant: real processes, and no clock in an assertion; what was stopped has minutes left by its deadline.
import { getEventListeners } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Body } from '../core/body.ts';
import type { Observation } from '../core/observe.ts';
import type { Result } from '../core/operation.ts';
import type { Invocation, Outcome, Program, Runner } from '../core/runner.ts';
import { invocationOf, programOf, type RunnerSuiteOptions, returnedBy } from './suite.ts';

const aborted: Outcome = { kind: 'aborted', log: [] };
const timeoutMs = 120_000;

/** A call that is answered when the test says so. */
function heldCall() {
  const answer = Promise.withResolvers<Result>();
  const arrived = Promise.withResolvers<void>();
  const call = () => {
    arrived.resolve();
    return answer.promise;
  };
  const release = () => answer.resolve({ status: 200, headers: {}, body: Body.ofText('late') });
  return { bridge: { call }, arrived: arrived.promise, release };
}

/** Runs the suite for one language. */
export function abortSuite(options: RunnerSuiteOptions): void {
  const { language, samples, create } = options;
  describe(`stopped runs of ${language}`, () => {
    let runner: Runner;
    const observed: Observation[] = [];
    const pids = (kind: 'runner.started' | 'runner.retired') =>
      observed.flatMap((seen) => (seen.kind === kind ? [seen.pid] : []));
    const run = (code: string | Program, more: Partial<Invocation> = {}) =>
      runner.run(invocationOf(code, { timeoutMs, ...more }));
    const calling = programOf(samples.calls, { isAsync: samples.asynchronous.includes(samples.calls) });
    const quick = (code: string) => programOf(code, { hash: `quick ${code}`, isQuick: true });
    const stillRuns = async () => expect(returnedBy(await run(samples.returns))).toEqual({ ok: true });
    // As long as it is under way, a process is busy with it.
    const started = async (signal: AbortSignal) => {
      const { bridge, arrived, release } = heldCall();
      const outcome = run(calling, { bridge, signal });
      await arrived;
      return { outcome, release };
    };

    beforeAll(() => {
      runner = create({ observe: (observation) => observed.push(observation), max: 2 });
    });
    afterAll(async () => {
      await runner.stop();
      for (const pid of pids('runner.started')) expect(() => process.kill(pid, 0)).toThrow();
    });

    it('end before they begin when they were stopped by then', async () => {
      await stillRuns();
      const before = pids('runner.retired').length;
      expect(await run(samples.loops, { signal: AbortSignal.abort() })).toEqual(aborted);
      expect(pids('runner.retired').length).toBe(before);
      await stillRuns();
    });

    it('end in the middle of what they do', async () => {
      const stop = new AbortController();
      const outcome = run(samples.loops, { signal: stop.signal });
      // It has a process by then, or is given one: the end is the same.
      await stillRuns();
      stop.abort();
      expect(await outcome).toEqual(aborted);
      await stillRuns();
    });

    it('end while they wait for the platform, whose answer then comes to nobody', async () => {
      const stop = new AbortController();
      const { outcome, release } = await started(stop.signal);
      const before = pids('runner.retired').length;
      stop.abort();
      expect(await outcome).toEqual(aborted);
      expect(pids('runner.retired').length).toBe(before + 1);
      release();
      await stillRuns();
    });

    it('leave the line in which they wait', async () => {
      const [busy, waiting] = [new AbortController(), new AbortController()];
      const held = [await started(busy.signal), await started(busy.signal)];
      const outcomes = Array.from({ length: 5 }, () => run(samples.loops, { signal: waiting.signal }));
      const last = run(calling, { bridge: heldCall().bridge, signal: busy.signal });
      waiting.abort();
      for (const outcome of outcomes) expect(await outcome).toEqual(aborted);
      for (const { release } of held) release();
      for (const { outcome } of held) expect(returnedBy(await outcome)).toMatchObject({ status: 200 });
      busy.abort();
      expect(await last).toEqual(aborted);
      await stillRuns();
    });

    it('do not hold up quick ones that share their process', async () => {
      const stop = new AbortController();
      const looping = run(quick(samples.loops), { signal: stop.signal });
      const others = Array.from({ length: 20 }, () => run(quick(samples.returns)));
      stop.abort();
      expect(await looping).toEqual(aborted);
      for (const outcome of await Promise.all(others)) expect(returnedBy(outcome)).toEqual({ ok: true });
      await stillRuns();
    });

    it('are half of a hundred, and the other half is right', async () => {
      const stop = new AbortController();
      const body = () => Body.ofText('yes');
      const bridge = { call: async () => ({ status: 200, headers: {}, body: body() }) };
      const codes = [samples.returns, quick(samples.returns), calling];
      const runs = Array.from({ length: 100 }, (_, i) => {
        const code = codes[i % codes.length] ?? samples.returns;
        if (i % 2 === 0) return run(code, { bridge });
        return run(i % 3 === 0 ? samples.loops : code, { bridge: heldCall().bridge, signal: stop.signal });
      });
      await runs[0];
      stop.abort();
      const outcomes = await Promise.all(runs);
      const kept = outcomes.filter((_, i) => i % 2 === 0).map(returnedBy);
      const right = codes.map((_, i) => (i === 2 ? { status: 200, body: 'yes' } : { ok: true }));
      expect(kept).toEqual(kept.map((_, i) => right[(i * 2) % codes.length]));
      const stopped = outcomes.filter((_, i) => i % 2 === 1).map(({ kind }) => kind);
      // Some are over before anybody stops them.
      expect(new Set(stopped)).toEqual(
        new Set(stopped.includes('finished') ? ['finished', 'aborted'] : ['aborted']),
      );
      expect(stopped.filter((kind) => kind === 'aborted').length).toBeGreaterThan(30);
      expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
      await stillRuns();
      expect(pids('runner.started').length - pids('runner.retired').length).toBeLessThanOrEqual(2);
    });

    it('leave nothing with a signal that outlives them', async () => {
      const stop = new AbortController();
      await Promise.all(Array.from({ length: 30 }, () => run(samples.returns, { signal: stop.signal })));
      expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
      stop.abort();
      await stillRuns();
    });
  });
}
