// What every language's runner must do for queued runs: what the event tells of the attempt, what is done
// once in all attempts, and what a script says of another try.
// Invariant: the memory is a real one, of this process; runs go through real processes.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Body } from '../core/body.ts';
import { limits } from '../core/limits.ts';
import type { Result } from '../core/operation.ts';
import {
  type Bridge,
  type BridgeCall,
  type Invocation,
  memoStatus,
  type Outcome,
  type Program,
  type Runner,
} from '../core/runner.ts';
import { invocationOf, programOf, returnedBy, someSections } from './suite.ts';

/** Scripts of one language, one per case. */
export interface AttemptSamples {
  /** Returns `{id, attempt, certainty, has}` of the event, null for what is not there; `has`: the id is. */
  readonly tells: string;
  /** Returns the names of the members of the event, in their order. */
  readonly lists: string;
  /**
   * Twice in a row gives `platform.once` the key `mail-7` and a function that counts and gives
   * `{"sent": [1, "é"]}`; returns `{values, calls}`.
   */
  readonly once: string;
  /** As `once`, but the function is called for the key 5, throws `no` and nothing catches it. */
  readonly onceThrows: string;
  /** Gives the key `none` a function that gives nothing; returns `{"value": what came, "ok": true}`. */
  readonly onceNothing: string;
  /** Gives the key `text` a function that gives a text of so many `x` as the parameter `limit` says. */
  readonly onceLong: string;
  /**
   * In a function for the key `k1`: calls POST `db/a`, in another one for `k2` POST `db/b` and throws,
   * catches that, and calls POST `db/c`. After it POST `db/d`.
   */
  readonly onceCalls: string;
  /** Calls it without a function. */
  readonly onceWrong: string;
  /** Asks for another try in 30 seconds, because of `busy`. */
  readonly retries: string;
  /** The same with a number that is none. */
  readonly retriesWrong: string;
  /** Forbids another try, because of `nonsense`. */
  readonly fails: string;
  /** Throws what has the message `later`, the status 429 and `retry_after` 2.5. */
  readonly throwsLater: string;
  /** Asks for another try in more seconds than there are. */
  readonly retriesLate: string;
  /** Throws what has the message `never` and `retry` false. */
  readonly throwsNever: string;
  /** Returns the names of the members of `platform` that it lists. */
  readonly listsPlatform: string;
  readonly platformNames: readonly string[];
}

/** What the suite needs to know of a language. */
export interface AttemptsSuiteOptions {
  readonly language: string;
  readonly samples: AttemptSamples;
  /** What its programs are beside their text. */
  readonly program?: Partial<Program>;
  /** Whether a body that waits is marked as such. */
  readonly isAsync?: boolean;
  create(): Runner;
}

type Run = (code: string, more?: Partial<Invocation>) => Promise<Outcome>;

function queuedSections(more: Readonly<Record<string, unknown>> = {}) {
  const told = { id: '0199-7', attempt: 2, ...more };
  return { ...someSections, meta: JSON.stringify({ ...JSON.parse(someSections.meta), ...told }) };
}

/** A bridge that remembers for one run, and writes down what it is asked. */
export function memoryBridge(refuse?: (call: BridgeCall) => Result | undefined) {
  const kept = new Map<string, string>();
  const asked: string[] = [];
  const bridge: Bridge = {
    call: async (call) => {
      const { method, path, payload } = call;
      asked.push(payload === undefined ? `${method} ${path}` : `${method} ${path} = ${payload}`);
      const refusal = refuse?.(call);
      if (refusal !== undefined) return refusal;
      if (payload !== undefined) kept.set(path, payload);
      const known = payload === undefined ? kept.get(path) : undefined;
      const status = known === undefined ? memoStatus.unknown : memoStatus.known;
      return { status, headers: {}, body: known === undefined ? undefined : Body.ofText(known) };
    },
  };
  return { kept, asked, bridge };
}

/** Runs the suite for one language. */
export function attemptsSuite(options: AttemptsSuiteOptions): void {
  const { samples, language, program = {}, isAsync = false } = options;
  describe(`queued runs of ${language}`, () => {
    let runner: Runner;
    const run: Run = (code, more) => {
      const kind = { ...program, hash: `${language} ${code}`, isAsync: isAsync && /\bawait\b/.test(code) };
      return runner.run(invocationOf(programOf(code, kind), more));
    };
    beforeAll(() => {
      runner = options.create();
    });
    afterAll(() => runner.stop());

    describeEvent({ samples, run });
    describeOnce({ samples, run });
    describeCalls({ samples, run });
    describeRefusals({ samples, run });
    describeRetries({ samples, run });
  });
}

interface Cases {
  readonly samples: AttemptSamples;
  readonly run: Run;
}

function describeEvent({ samples, run }: Cases): void {
  const nothing = { id: null, attempt: null, certainty: null, has: false };

  it('have the id of their event and the number of the attempt', async () => {
    const told = returnedBy(await run(samples.tells, { sections: queuedSections() }));
    expect(told).toEqual({ id: '0199-7', attempt: 2, certainty: null, has: true });
  });

  it('know when nobody knows whether their event has happened', async () => {
    const sections = queuedSections({ certainty: 'unknown' });
    expect(returnedBy(await run(samples.tells, { sections }))).toMatchObject({ certainty: 'unknown' });
  });

  it('are alone in that, also in a process that has just run one', async () => {
    await run(samples.tells, { sections: queuedSections({ certainty: 'unknown' }) });
    expect(returnedBy(await run(samples.tells))).toEqual(nothing);
    const names = returnedBy(await run(samples.lists)) as string[];
    expect(names).toEqual(expect.arrayContaining(['resource', 'request', 'response', '__tag__']));
    for (const name of ['id', 'attempt', 'certainty']) expect(names).not.toContain(name);
  });

  it('list it behind what all events have', async () => {
    const names = returnedBy(await run(samples.lists, { sections: queuedSections() })) as string[];
    expect(names.slice(-2)).toEqual(['id', 'attempt']);
    const ordinary = returnedBy(await run(samples.lists)) as string[];
    expect(names.slice(0, -2)).toEqual(ordinary);
  });
}

function describeOnce({ samples, run }: Cases): void {
  const sections = queuedSections();
  const value = { sent: [1, 'é'] };

  it('do once what they do once, and remember it before they go on', async () => {
    const { asked, bridge } = memoryBridge();
    const outcome = await run(samples.once, { sections, bridge });
    expect(returnedBy(outcome)).toEqual({ values: [value, value], calls: 1 });
    expect(asked[0]).toBe('once mail-7');
    expect(asked[1]?.replace(/\s/g, '')).toBe('oncemail-7={"sent":[1,"é"]}');
    expect(asked.slice(2)).toEqual(['once mail-7']);
  });

  it('have what an earlier attempt remembered', async () => {
    const { kept, asked, bridge } = memoryBridge();
    kept.set('mail-7', '{"sent":["before"]}');
    const before = { sent: ['before'] };
    expect(returnedBy(await run(samples.once, { sections, bridge }))).toEqual({
      values: [before, before],
      calls: 0,
    });
    expect(asked).toEqual(['once mail-7', 'once mail-7']);
  });

  it('do it again when it threw', async () => {
    const { kept, asked, bridge } = memoryBridge();
    for (let i = 0; i < 2; i++) {
      const outcome = await run(samples.onceThrows, { sections, bridge });
      expect(outcome).toMatchObject({ kind: 'threw', error: { message: 'no' } });
    }
    expect(asked).toEqual(['once 5', 'once 5']);
    expect(kept.size).toBe(0);
  });

  it('remember that there was nothing', async () => {
    const { kept, bridge } = memoryBridge();
    for (let i = 0; i < 2; i++) {
      const outcome = await run(samples.onceNothing, { sections, bridge });
      expect(returnedBy(outcome)).toEqual({ value: null, ok: true });
    }
    expect([...kept]).toEqual([['none', 'null']]);
  });

  it('remember long texts as they are', async () => {
    const { kept, bridge } = memoryBridge();
    const parameters = JSON.stringify({ limit: limits.queueMemoChars - 2 });
    await run(samples.onceLong, { sections: { ...sections, parameters }, bridge });
    expect(kept.get('text')).toBe(JSON.stringify('x'.repeat(limits.queueMemoChars - 2)));
  });
}

function describeCalls({ samples, run }: Cases): void {
  const sections = queuedSections();
  const value = { sent: [1, 'é'] };

  it('say of calls in which function they are made', async () => {
    const seen: (string | undefined)[] = [];
    const { bridge } = memoryBridge(({ method, path, once }) => {
      if (method === 'POST') seen.push(`${path} in ${JSON.stringify(once ?? null)}`);
      return method === 'POST' ? { status: 200, headers: {}, body: Body.ofText('{}') } : undefined;
    });
    for (let i = 0; i < 2; i++) {
      expect(await run(samples.onceCalls, { sections, bridge })).toMatchObject({ kind: 'finished' });
    }
    expect(seen).toEqual([
      'db/a in "k1"',
      'db/b in "k1\\nk2"',
      'db/c in "k1"',
      'db/d in null',
      // The second attempt knows what the first did for k1.
      'db/d in null',
    ]);
  });

  it('that are none simply do it, each time', async () => {
    const forgetful: Result = { status: memoStatus.forgetful, headers: {}, body: undefined };
    const { asked, bridge } = memoryBridge(() => forgetful);
    expect(returnedBy(await run(samples.once, { bridge }))).toEqual({ values: [value, value], calls: 2 });
    expect(asked).toEqual(['once mail-7', 'once mail-7']);
  });
}

function describeRefusals({ samples, run }: Cases): void {
  const sections = queuedSections();
  const lost: Result = {
    status: 409,
    headers: {},
    body: Body.ofText(
      '{"error":{"code":409,"message":"not yours any more","context":null,"status_code":409}}',
    ),
  };

  it.each([true, false])('throw what keeps them from remembering (asking: %s)', async (isAsking) => {
    const { kept, bridge } = memoryBridge(({ payload }) =>
      (payload === undefined) === isAsking ? lost : undefined,
    );
    const outcome = await run(samples.once, { sections, bridge });
    expect(outcome).toMatchObject({
      kind: 'threw',
      error: { message: 'not yours any more', status: 409 },
    });
    expect(kept.size).toBe(0);
  });

  it('say what once takes', async () => {
    const { asked, bridge } = memoryBridge();
    const outcome = await run(samples.onceWrong, { sections, bridge });
    const message = 'platform.once takes a key and a function.';
    expect(outcome).toMatchObject({ kind: 'threw', error: { message } });
    expect(asked).toEqual([]);
  });
}

function describeRetries({ samples, run }: Cases): void {
  const threw = async (code: string) => {
    const outcome = await run(code, { sections: queuedSections() });
    expect(outcome).toMatchObject({ kind: 'threw' });
    return outcome.kind === 'threw' ? outcome.error : undefined;
  };

  it('ask for another try', async () => {
    expect(await threw(samples.retries)).toMatchObject({ message: 'busy', status: 503, retry: 30, line: 1 });
  });

  it('are told what that takes', async () => {
    const error = await threw(samples.retriesWrong);
    expect(error?.message).toMatch(/^platform\.retry takes the number of seconds/);
    expect(error).not.toHaveProperty('retry');
  });

  it('may wait for a year at most', async () => {
    expect(await threw(samples.retriesLate)).toMatchObject({ retry: limits.queueDelaySeconds });
  });

  it('forbid another try', async () => {
    const error = await threw(samples.fails);
    expect(error).toMatchObject({ message: 'nonsense', status: 500, retry: false });
  });

  it('may say so in whatever they throw', async () => {
    expect(await threw(samples.throwsLater)).toMatchObject({ message: 'later', status: 429, retry: 2.5 });
    expect(await threw(samples.throwsNever)).toMatchObject({ message: 'never', retry: false });
  });

  it('tell none of our own places', async () => {
    const error = await threw(samples.retries);
    expect(error?.stack ?? '').not.toMatch(/attempts\.|runners|\/(src|dist)\//);
  });

  it('list nothing new in platform', async () => {
    expect(returnedBy(await run(samples.listsPlatform))).toEqual(samples.platformNames);
  });
}
