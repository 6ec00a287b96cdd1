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

/** One runner, and what the cases need of it. */
class Subject {
  readonly runner: Runner;
  readonly #observed: Observation[] = [];
  readonly #options: RunnerSuiteOptions;

  constructor(options: RunnerSuiteOptions, max = 2) {
    this.#options = options;
    this.runner = options.create({ observe: (seen) => this.#observed.push(seen), max });
  }

  pids(kind: 'runner.started' | 'runner.retired'): number[] {
    return this.#observed.flatMap((seen) => (seen.kind === kind ? [seen.pid] : []));
  }

  run(code: string | Program, more: Partial<Invocation> = {}): Promise<Outcome> {
    return this.runner.run(invocationOf(code, { timeoutMs, ...more }));
  }

  async stillRuns(): Promise<void> {
    expect(returnedBy(await this.run(this.#options.samples.returns))).toEqual({ ok: true });
  }

  get calling(): Program {
    const { samples } = this.#options;
    return programOf(samples.calls, { isAsync: samples.asynchronous.includes(samples.calls) });
  }

  /** A run that has a process and waits for an answer in it. */
  async busy(signal: AbortSignal) {
    const { bridge, arrived, release } = heldCall();
    const outcome = this.run(this.calling, { bridge, signal });
    await arrived;
    return { outcome, release };
  }
}

const quick = (code: string) => programOf(code, { hash: `quick ${code}`, isQuick: true });

/** Runs the suite for one language. */
export function abortSuite(options: RunnerSuiteOptions): void {
  describe(`stopped runs of ${options.language}`, () => {
    let subject: Subject;
    beforeAll(() => {
      subject = new Subject(options);
    });
    afterAll(async () => {
      await subject.runner.stop();
      for (const pid of subject.pids('runner.started')) expect(() => process.kill(pid, 0)).toThrow();
    });
    describePlaces(options, () => subject);
    describeOthers(options, () => subject);
  });
}

function describePlaces({ samples }: RunnerSuiteOptions, of: () => Subject): void {
  it('end before they begin when they were stopped by then', async () => {
    const subject = of();
    await subject.stillRuns();
    const before = subject.pids('runner.retired').length;
    expect(await subject.run(samples.loops, { signal: AbortSignal.abort() })).toEqual(aborted);
    expect(subject.pids('runner.retired').length).toBe(before);
    await subject.stillRuns();
  });

  it('end in the middle of what they do', async () => {
    const stop = new AbortController();
    const outcome = of().run(samples.loops, { signal: stop.signal });
    // It has a process by then, or is given one: the end is the same.
    await of().stillRuns();
    stop.abort();
    expect(await outcome).toEqual(aborted);
    await of().stillRuns();
  });

  it('end while they wait for the platform, whose answer then comes to nobody', async () => {
    const subject = of();
    const stop = new AbortController();
    const { outcome, release } = await subject.busy(stop.signal);
    const before = subject.pids('runner.retired').length;
    stop.abort();
    expect(await outcome).toEqual(aborted);
    expect(subject.pids('runner.retired').length).toBe(before + 1);
    release();
    await subject.stillRuns();
  });

  it('leave the line in which they wait', async () => {
    const subject = of();
    const [busy, waiting] = [new AbortController(), new AbortController()];
    const held = [await subject.busy(busy.signal), await subject.busy(busy.signal)];
    const outcomes = Array.from({ length: 5 }, () => subject.run(samples.loops, { signal: waiting.signal }));
    const last = subject.run(subject.calling, { bridge: heldCall().bridge, signal: busy.signal });
    waiting.abort();
    for (const outcome of outcomes) expect(await outcome).toEqual(aborted);
    for (const { release } of held) release();
    for (const { outcome } of held) expect(returnedBy(await outcome)).toMatchObject({ status: 200 });
    busy.abort();
    expect(await last).toEqual(aborted);
    await subject.stillRuns();
  });

  it('leave nothing with a signal that outlives them', async () => {
    const { signal } = new AbortController();
    await Promise.all(Array.from({ length: 30 }, () => of().run(samples.returns, { signal })));
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
}

function describeOthers(options: RunnerSuiteOptions, of: () => Subject): void {
  const { samples } = options;

  it('do not hold up quick ones that share their process', async () => {
    const stop = new AbortController();
    const looping = of().run(quick(samples.loops), { signal: stop.signal });
    const others = Array.from({ length: 20 }, () => of().run(quick(samples.returns)));
    stop.abort();
    expect(await looping).toEqual(aborted);
    for (const outcome of await Promise.all(others)) expect(returnedBy(outcome)).toEqual({ ok: true });
    await of().stillRuns();
  });

  it('give up the only process there is when they do not end in it', async () => {
    const alone = new Subject(options, 1);
    await alone.stillRuns();
    const stop = new AbortController();
    const looping = alone.run(quick(samples.loops), { signal: stop.signal });
    stop.abort();
    expect(await looping).toEqual(aborted);
    await alone.stillRuns();
    await alone.runner.stop();
  });

  it('are half of a hundred, and the other half is right', async () => {
    const subject = of();
    const stop = new AbortController();
    const answer = async () => ({ status: 200, headers: {}, body: Body.ofText('yes') });
    const codes = [samples.returns, quick(samples.returns), subject.calling];
    const right = [{ ok: true }, { ok: true }, { status: 200, body: 'yes' }];
    const runs = Array.from({ length: 100 }, (_, i) => {
      const code = codes[i % codes.length] ?? samples.returns;
      if (i % 2 === 0) return subject.run(code, { bridge: { call: answer } });
      const stopped = i % 3 === 0 ? samples.loops : code;
      return subject.run(stopped, { bridge: heldCall().bridge, signal: stop.signal });
    });
    await runs[0];
    stop.abort();
    const outcomes = await Promise.all(runs);
    const kept = outcomes.filter((_, i) => i % 2 === 0).map(returnedBy);
    expect(kept).toEqual(kept.map((_, i) => right[(i * 2) % right.length]));
    // The quick ones may be over before anybody stops them.
    const stopped = outcomes.filter((_, i) => i % 2 === 1 && i % 3 !== 1);
    expect(stopped).toEqual(stopped.map(() => aborted));
    expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
    await subject.stillRuns();
    const alive = subject.pids('runner.started').length - subject.pids('runner.retired').length;
    expect(alive).toBeLessThanOrEqual(2);
  });
}
