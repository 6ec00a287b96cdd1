// What every language's runner must do. A language's test calls `runnerSuite` with a factory and the same few
// scripts in its own words; what scripts of that language see beyond this is tested beside it.
// Invariant: real processes, no clock in an assertion but the deadline that is asked for.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Body } from '../core/body.ts';
import type { Observation, Observe } from '../core/observe.ts';
import type { Result } from '../core/operation.ts';
import type {
  Bridge,
  BridgeCall,
  Invocation,
  Outcome,
  Program,
  Runner,
  Sections,
  TransactionStep,
} from '../core/runner.ts';

/** Scripts of one language, one per case. */
export interface RunnerSamples {
  /** Returns the map `{"ok": true}`. */
  readonly returns: string;
  /** Ends without a result or a change. */
  readonly nothing: string;
  /** Sets the parameter `limit` to the number 5. */
  readonly setsParameter: string;
  /** Sets the content of the response to `{"seen": <content of the response>}`. */
  readonly wrapsContent: string;
  /** Throws an error with the message `boom` in line 2. */
  readonly throwsInLine2: string;
  /** Is no program. */
  readonly syntaxError: string;
  /** Writes `hello` to what the language's scripts write to. */
  readonly logs: string;
  /** Never ends. */
  readonly loops: string;
  /** Ends its process with code 3. */
  readonly exits: string;
  /** Kills its own process with SIGKILL. */
  readonly killsItself: string;
  /** Calls GET `db/_table/todo?limit=1` and returns `{status, body}` with the body as text. */
  readonly calls: string;
  /**
   * In a transaction on `db`: calls GET `db/a`, and in another one inside, of any service, GET `db/b`, where
   * it throws, catches that, and calls GET `db/c`. After it GET `db/d`. Returns `{"ok": true}`.
   */
  readonly transacts: string;
  /** Returns a map of more than `limits.scriptResultBytes`. */
  readonly returnsTooMuch: string;
  /** Writes bytes that are no frame to descriptor 3. */
  readonly writesToChannel: string;
  /** Closes descriptor 3. */
  readonly closesChannel: string;
  /** Leaves a global named `left` behind and returns whether it was there before (`{"before": false}`). */
  readonly leavesGlobal: string;
  /** Whether `returns` and `nothing` may be handed over behind others. */
  readonly asynchronous: readonly string[];
}

/** What a factory is given. */
export interface RunnerFactoryOptions {
  readonly observe: Observe;
  readonly max?: number;
  readonly runsPerProcess?: number;
}

/** What the suite needs to know of a language. */
export interface RunnerSuiteOptions {
  readonly language: string;
  readonly samples: RunnerSamples;
  /** Whether programs that must find a process untouched run in a fork of it, which alone ends with them. */
  readonly forks?: boolean;
  create(options: RunnerFactoryOptions): Runner;
}

/** Sections of an ordinary event after a read. */
export const someSections: Sections = {
  meta: JSON.stringify({
    event: 'db._table.todo.get.post_process',
    stage: 'post_process',
    resource: 'todo',
    method: 'GET',
    uri: '/api/v2/db/_table/todo?limit=1',
    service: 'db',
    requestResource: '_table/todo?limit=1',
    apiVersion: '2.0',
    contentType: '',
  }),
  parameters: '{"limit":"1"}',
  headers: '{"accept":"*/*"}',
  content: '',
  payload: '',
  session: '{"user":{"id":1}}',
  response: '{"status_code":200,"content_type":null,"headers":[]}',
  responseContent: '{"resource":[{"id":1}]}',
};

/** A program of a text; equal texts are equal programs. */
export function programOf(code: string, options: Partial<Program> = {}): Program {
  return { hash: code, name: 'some.script', code, isAsync: false, isPristine: false, ...options };
}

/** An invocation with everything that a case does not care about. */
export function invocationOf(code: string | Program, options: Partial<Invocation> = {}): Invocation {
  const program = typeof code === 'string' ? programOf(code) : code;
  return { program, sections: someSections, timeoutMs: 10_000, depth: 0, bridge: noBridge, ...options };
}

const noBridge = {
  call: (): Promise<Result> => Promise.reject(new Error('this script was not expected to call')),
};

/** What a finished run returned, parsed; fails with the outcome when it did not finish. */
export function returnedBy(outcome: Outcome): unknown {
  expect(outcome).toMatchObject({ kind: 'finished' });
  const text = outcome.kind === 'finished' ? outcome.returned : undefined;
  return text === undefined ? undefined : JSON.parse(text);
}

/** Runs the suite for one language. */
export function runnerSuite(options: RunnerSuiteOptions): void {
  const { samples, create, language } = options;
  describe(`runner of ${language}`, () => {
    let runner: Runner;
    const observed: Observation[] = [];
    const run = (code: string | Program, more?: Partial<Invocation>) => runner.run(invocationOf(code, more));
    const stillRuns = async () => expect(returnedBy(await run(samples.returns))).toEqual({ ok: true });
    beforeAll(() => {
      runner = create({ observe: (observation) => observed.push(observation), max: 3 });
    });
    afterAll(() => runner.stop());

    describeResults({ samples, run });
    describeDeaths({ samples, run, stillRuns });
    describeCalls({ samples, run });
    describeTransactions({ samples, run });

    it('gives 50 runs their results while one of them never ends', async () => {
      const looping = run(samples.loops, { timeoutMs: 2_000 });
      const outcomes = await Promise.all(Array.from({ length: 50 }, () => run(samples.returns)));
      expect(outcomes.map((outcome) => outcome.kind)).toEqual(Array(50).fill('finished'));
      expect(await looping).toMatchObject({ kind: 'timeout', ms: 2_000 });
    });

    it('shows nothing of one run to another', async () => {
      for (let i = 0; i < 20; i++) {
        const outcome = await run(programOf(samples.leavesGlobal));
        expect(returnedBy(outcome)).toEqual({ before: false });
      }
    });

    it('uses a process once for a program that must find it untouched', async () => {
      const before = observed.filter(({ kind }) => kind === 'runner.retired').length;
      const pristine = programOf(samples.leavesGlobal, { hash: 'pristine', isPristine: true });
      for (let i = 0; i < 2; i++) expect(returnedBy(await run(pristine))).toEqual({ before: false });
      await stillRuns();
      const retired = observed.filter(({ kind }) => kind === 'runner.retired').length;
      expect(retired).toBe(options.forks ? before : before + 2);
    });
  });
  describeLife(options);
}

type Run = (code: string | Program, more?: Partial<Invocation>) => Promise<Outcome>;

function describeResults({ samples, run }: { samples: RunnerSamples; run: Run }): void {
  it('returns what the script returns', async () => {
    expect(returnedBy(await run(samples.returns))).toEqual({ ok: true });
  });

  it('sends nothing back when nothing was changed', async () => {
    const outcome = await run(samples.nothing);
    expect(outcome).toEqual({ kind: 'finished', returned: undefined, changes: {}, log: [] });
  });

  it('sends back the parameters alone when only they were changed', async () => {
    const outcome = await run(samples.setsParameter);
    const changes = outcome.kind === 'finished' ? outcome.changes : {};
    expect(Object.keys(changes)).toEqual(['parameters']);
    expect(JSON.parse(changes.parameters ?? '')).toEqual({ limit: 5 });
  });

  it('sends back the content of the response alone when only it was changed', async () => {
    const outcome = await run(samples.wrapsContent);
    const changes = outcome.kind === 'finished' ? outcome.changes : {};
    expect(Object.keys(changes)).toEqual(['responseContent']);
    expect(JSON.parse(changes.responseContent ?? '')).toEqual({ seen: { resource: [{ id: 1 }] } });
  });

  it('collects no changes when nobody wants them', async () => {
    expect(await run(samples.setsParameter, { wantsChanges: false })).toMatchObject({ changes: {} });
  });

  it('tells what was thrown and where', async () => {
    const outcome = await run(samples.throwsInLine2);
    expect(outcome).toMatchObject({ kind: 'threw', error: { message: 'boom', line: 2 } });
  });

  it('tells that a text is no program, each time', async () => {
    for (let i = 0; i < 2; i++) {
      expect(await run(samples.syntaxError)).toMatchObject({ kind: 'threw', error: { line: 1 } });
    }
  });

  it('returns what was written with the result', async () => {
    const outcome = await run(samples.logs);
    expect(outcome).toMatchObject({ kind: 'finished', log: [{ text: 'hello' }] });
  });

  it('passes texts of any length and script through unharmed', async () => {
    const text = JSON.stringify({ resource: [{ name: '\u00e9\u{1f600}\u0000"\\'.repeat(100_000) }] });
    const outcome = await run(samples.wrapsContent, {
      sections: { ...someSections, responseContent: text },
    });
    const changes = outcome.kind === 'finished' ? outcome.changes : {};
    expect(JSON.parse(changes.responseContent ?? '')).toEqual({ seen: JSON.parse(text) });
  });

  it('keeps runs apart that follow each other faster than the pipe takes them', async () => {
    const outcomes: Promise<Outcome>[] = [];
    const texts = Array.from({ length: 24 }, (_, i) => JSON.stringify(`${i}`.repeat(150_000)));
    for (const responseContent of texts) {
      outcomes.push(run(samples.wrapsContent, { sections: { ...someSections, responseContent } }));
      // Each leaves in a write of its own.
      await new Promise((resolve) => setImmediate(resolve));
    }
    const seen = (await Promise.all(outcomes)).map((outcome) =>
      outcome.kind === 'finished' ? outcome.changes.responseContent : outcome.kind,
    );
    expect(seen.map((text) => text?.length)).toEqual(texts.map((text) => `{"seen":${text}}`.length));
    expect(seen.every((text, i) => text === `{"seen":${texts[i]}}`)).toBe(true);
  });
}

interface Deaths {
  samples: RunnerSamples;
  run: Run;
  stillRuns(): Promise<void>;
}

function describeDeaths({ samples, run, stillRuns }: Deaths): void {
  it('ends a run that never ends at its deadline', async () => {
    expect(await run(samples.loops, { timeoutMs: 200 })).toEqual({ kind: 'timeout', ms: 200, log: [] });
    await stillRuns();
  });

  it('tells that a script ended its process', async () => {
    expect(await run(samples.exits)).toMatchObject({ kind: 'exited', code: 3 });
    await stillRuns();
  });

  it('tells that a process was killed', async () => {
    expect(await run(samples.killsItself)).toMatchObject({ kind: 'crashed' });
    await stillRuns();
  });

  it('refuses a result beyond the limit', async () => {
    const outcome = await run(samples.returnsTooMuch);
    expect(outcome).toMatchObject({ kind: 'threw', error: { code: 'script.output_too_large' } });
    await stillRuns();
  });

  it('kills a process whose script writes to the channel, and accepts nothing of it', async () => {
    const others = Array.from({ length: 20 }, () => run(samples.returns));
    expect(await run(samples.writesToChannel)).toMatchObject({ kind: 'crashed' });
    for (const outcome of await Promise.all(others)) expect(returnedBy(outcome)).toEqual({ ok: true });
    await stillRuns();
  });

  it('kills a process whose script closes the channel', async () => {
    expect(await run(samples.closesChannel)).toMatchObject({ kind: 'crashed' });
    await stillRuns();
  });
}

function describeCalls({ samples, run }: { samples: RunnerSamples; run: Run }): void {
  const program = programOf(samples.calls, { isAsync: samples.asynchronous.includes(samples.calls) });

  it('calls the platform and gives the answer to the script', async () => {
    const calls: BridgeCall[] = [];
    const call = async (call: BridgeCall) => {
      calls.push(call);
      return { status: 404, headers: {}, body: Body.ofText('{"error":"\u00e9"}') };
    };
    const outcome = await run(program, { bridge: { call } });
    expect(returnedBy(outcome)).toEqual({ status: 404, body: '{"error":"\u00e9"}' });
    expect(calls).toMatchObject([{ method: 'GET', path: 'db/_table/todo?limit=1', payload: undefined }]);
  });

  it('answers a call that fails here as an error of the API', async () => {
    const call = () => Promise.reject(new Error('secret path'));
    const answer = returnedBy(await run(program, { bridge: { call } })) as { status: number; body: string };
    expect(answer.status).toBe(500);
    expect(answer.body).not.toContain('secret');
  });

  it('lets nested runs go deeper than there are processes', async () => {
    const nested = (depth: number): Promise<Outcome> =>
      run(depth === 4 ? samples.returns : program, {
        depth,
        // Many processes start one after the other here; a slow machine may take its time.
        timeoutMs: 60_000,
        bridge: {
          call: async () => {
            const inner = await nested(depth + 1);
            return { status: 200, headers: {}, body: Body.ofText(inner.kind) };
          },
        },
      });
    const outcomes = await Promise.all([nested(0), nested(0), nested(0), nested(0)]);
    for (const outcome of outcomes) expect(returnedBy(outcome)).toEqual({ status: 200, body: 'finished' });
  });
}

function describeTransactions({ samples, run }: { samples: RunnerSamples; run: Run }): void {
  const program = programOf(samples.transacts, { isAsync: samples.asynchronous.includes(samples.transacts) });
  const done: Result = { status: 200, headers: {}, body: undefined };

  /** A bridge that writes down what is asked of it; `refuse` gives the answer to a step. */
  function bridgeOf(refuse: (step: TransactionStep) => Result = () => done): Bridge & { asked: string[] } {
    const asked: string[] = [];
    return {
      asked,
      call: async ({ path, transaction = 0 }) => {
        asked.push(`${path} in ${transaction}`);
        return { ...done, body: Body.ofText('{}') };
      },
      transact: async (step) => {
        asked.push(`${step.step} ${step.transaction} in ${step.outer} ${step.service}`.trim());
        return refuse(step);
      },
    };
  }

  const refusal: Result = {
    status: 503,
    headers: {},
    body: Body.ofText('{"error":{"code":503,"message":"too late"}}'),
  };

  it('says which transaction a call is made in, and how each one ends', async () => {
    const bridge = bridgeOf();
    expect(returnedBy(await run(program, { bridge }))).toEqual({ ok: true });
    expect(bridge.asked).toEqual([
      'begin 1 in 0 db',
      'db/a in 1',
      'begin 2 in 1',
      'db/b in 2',
      'rollback 2 in 1',
      'db/c in 1',
      'commit 1 in 0 db',
      'db/d in 0',
    ]);
  });

  it.each(['begin', 'commit'])('throws what a transaction is refused with at its %s', async (step) => {
    const bridge = bridgeOf((taken) => (taken.step === step && taken.transaction === 1 ? refusal : done));
    const outcome = await run(program, { bridge });
    expect(outcome).toMatchObject({ kind: 'threw', error: { message: 'too late', status: 503 } });
    expect(bridge.asked.includes('db/a in 1')).toBe(step === 'commit');
    expect(bridge.asked).not.toContain('db/d in 0');
  });

  it('starts every run without one', async () => {
    for (let i = 0; i < 3; i++) {
      const bridge = bridgeOf(({ transaction }) => (transaction === 2 ? refusal : done));
      await run(program, { bridge });
      expect(bridge.asked.slice(0, 2)).toEqual(['begin 1 in 0 db', 'db/a in 1']);
    }
  });
}

function describeLife({ language, samples, create }: RunnerSuiteOptions): void {
  describe(`life of the processes of ${language}`, () => {
    it('replaces a process after its number of runs', async () => {
      const observed: Observation[] = [];
      const runner = create({
        observe: (observation) => observed.push(observation),
        runsPerProcess: 5,
        max: 1,
      });
      for (let i = 0; i < 12; i++) await runner.run(invocationOf(samples.returns));
      await runner.stop();
      const reasons = observed.flatMap((seen) => (seen.kind === 'runner.retired' ? [seen.reason] : []));
      expect(reasons.filter((reason) => reason === 'it did its number of runs').length).toBe(2);
    });

    it('packs many runs onto few processes', async () => {
      const pids: number[] = [];
      const observe: Observe = (seen) => {
        if (seen.kind === 'runner.started') pids.push(seen.pid);
      };
      const runner = create({ observe, max: 3 });
      const runs = Array.from({ length: 300 }, () => runner.run(invocationOf(samples.returns)));
      const outcomes = await Promise.all(runs);
      await runner.stop();
      expect(outcomes.every((outcome) => outcome.kind === 'finished')).toBe(true);
      expect(pids.length).toBeLessThanOrEqual(3);
    });

    it('leaves no process behind and refuses runs once it is stopped', async () => {
      const pids: number[] = [];
      const observe: Observe = (seen) => {
        if (seen.kind === 'runner.started') pids.push(seen.pid);
      };
      const runner = create({ observe });
      const looping = runner.run(invocationOf(samples.loops));
      await runner.run(invocationOf(samples.returns));
      await runner.stop();
      expect(await looping).toMatchObject({ kind: 'unavailable' });
      expect(await runner.run(invocationOf(samples.returns))).toMatchObject({ kind: 'unavailable' });
      expect(pids.length).toBeGreaterThan(0);
      for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow();
    });
  });
}
