import { beforeEach, describe, expect, test } from 'vitest';
import { PlatformError } from '../core/errors.ts';
import type { Observation } from '../core/observe.ts';
import { anonymous } from '../core/operation.ts';
import type { RunRecord, RunRepository } from '../core/run.ts';
import type { Outcome, ThrownError } from '../core/runner.ts';
import type { CallBridge } from './bridge.ts';
import { Compiler } from './compiler.ts';
import { exchangeOf, operationOf, plannedRunner, quietly } from './exchange-fixture.ts';
import { type Failure, withContext } from './failure.ts';
import { RunHistory } from './history.ts';
import { LoadedScript, type Run, ScriptRuns } from './run.ts';

const compiler = new Compiler({ runners: new Map() });
const sections = { meta: '', parameters: '', headers: '', content: '', payload: '', session: '' };
const line = { level: 'log' as const, text: 'seen' };

let kept: RunRecord[];
let seen: Observation[];

beforeEach(() => {
  kept = [];
  seen = [];
});

function loaded(content = '1;', language = 'nodejs'): LoadedScript {
  const script = { name: 'hr.get.pre_process', language, content, active: true, allowModification: true };
  return new LoadedScript({ script: { ...script, timeoutMs: 100, lookups: [] }, compiler });
}

/** A run that ends as the test says, with a history that keeps a share of the silent ones. */
async function run(outcome: Outcome, over: Partial<Run> = {}, sample = 0) {
  const runs: Pick<RunRepository, 'add' | 'trim'> = {
    add: async (records) => void kept.push(...records),
    trim: async () => 0,
  };
  const observe = (observation: Observation) => void seen.push(observation);
  const bounds = { sample, retentionDays: 1, retentionCount: 100 };
  const history = new RunHistory({ runs: runs as RunRepository, observe, ...bounds });
  const runners = new Map([['nodejs', plannedRunner(() => outcome)]]);
  const asked: Run = {
    script: loaded(),
    exchange: exchangeOf(),
    stage: 'pre_process',
    sections: { ...sections, response: '', responseContent: '' },
    wantsChanges: true,
    ...over,
  };
  const ended = await new ScriptRuns({ compiler, runners, observe, history }).run(asked).then(
    (finished) => ({ finished, error: undefined }),
    (error: PlatformError) => ({ finished: undefined, error }),
  );
  await history.close();
  return ended;
}

describe('which runs are kept', () => {
  test('not one that is well, silent and no sample', async () => {
    expect((await run(quietly)).finished).toEqual({ returned: undefined, changes: {} });
    expect(kept).toEqual([]);
    expect(seen).toMatchObject([{ kind: 'script.finished', run: null }]);
  });

  test('one that is a sample', async () => {
    await run(quietly, {}, 1);
    expect(kept).toMatchObject([{ outcome: 'finished' }]);
    expect(seen).toMatchObject([{ kind: 'script.finished', run: kept[0]?.id }]);
  });

  test('one that printed, unless its output was not to be kept', async () => {
    await run({ ...quietly, log: [line] } as Outcome);
    expect(kept).toMatchObject([{ outcome: 'finished', output: [line] }]);
    await run({ ...quietly, log: [line] } as Outcome, { keepsLog: false });
    expect(kept).toHaveLength(1);
  });

  test('one whose record somebody wants, kept or not', async () => {
    let told: RunRecord | undefined;
    await run(quietly, {
      told: (record) => {
        told = record;
      },
    });
    expect(kept).toEqual([told]);
    expect(told).toMatchObject({ outcome: 'finished', version: expect.stringMatching(/^[\da-f]{12}$/) });
  });

  test('one that another run was in', async () => {
    const outer = exchangeOf();
    const runners = new Map([
      [
        'nodejs',
        plannedRunner(async ({ bridge }) => {
          await bridge.call({ method: 'GET', path: 'hr', payload: undefined, options: undefined });
          return quietly;
        }),
      ],
    ]);
    let inner: string | undefined;
    const call: typeof outer.call = async (_call, mark) => {
      inner = mark?.id;
      return { status: 200, headers: {}, body: undefined };
    };
    const runs = { add: async (records: RunRecord[]) => void kept.push(...records), trim: async () => 0 };
    const bounds = { sample: 0, retentionDays: 1, retentionCount: 100, observe: () => undefined };
    const history = new RunHistory({ runs: runs as unknown as RunRepository, ...bounds });
    const parts = { compiler, runners, observe: () => undefined, history };
    await new ScriptRuns(parts).run({
      script: loaded(),
      exchange: { ...outer, call },
      stage: 'pre_process',
      sections: { ...sections, response: '', responseContent: '' },
      wantsChanges: true,
    });
    await history.close();
    expect(kept.map(({ id }) => id)).toEqual([inner]);
  });

  const failing: readonly [Outcome, string][] = [
    [{ kind: 'threw', error: { message: 'no', line: 1 }, log: [line] }, 'threw'],
    [{ kind: 'exited', code: 2, changes: {}, log: [] }, 'exited'],
    [{ kind: 'timeout', ms: 5, log: [] }, 'timeout'],
    [{ kind: 'crashed', reason: 'x', log: [] }, 'crashed'],
    [{ kind: 'saturated', message: 'x' }, 'saturated'],
    [{ kind: 'unavailable', message: 'x' }, 'unavailable'],
  ];
  test.each(failing)('every one that failed: %j', async (outcome, name) => {
    const { error } = await run(outcome);
    expect(kept).toMatchObject([{ outcome: name, status: error?.status }]);
    expect(seen).toMatchObject([{ kind: 'script.failed', outcome: name, run: kept[0]?.id }]);
    expect(error?.context).toMatchObject({ script: 'hr.get.pre_process', run_id: kept[0]?.id });
  });

  test('one that could not be loaded, and one of a language that is not here', async () => {
    await run(quietly, { script: loaded('const = 1') });
    await run(quietly, { script: loaded('', 'php') });
    expect(kept.map(({ outcome, errorLine }) => [outcome, errorLine])).toEqual([
      ['not_loaded', 1],
      ['unavailable', null],
    ]);
  });

  test('exit with 0 is a good end', async () => {
    const changes = { parameters: '{}' };
    const { finished } = await run({ kind: 'exited', code: 0, changes, log: [line] });
    expect(finished).toEqual({ returned: undefined, changes });
    expect(kept).toMatchObject([{ outcome: 'finished' }]);
  });
});

describe('what a run left', () => {
  test('counts by what settles it', async () => {
    const settled: unknown[] = [];
    const outcome: Outcome = { kind: 'finished', returned: '7', changes: {}, log: [] };
    await run(outcome, { settle: (finished) => settled.push(finished) });
    expect(settled).toEqual([{ returned: '7', changes: {} }]);
  });

  test('makes it one that refused, where that throws', async () => {
    const settle = () => {
      throw new PlatformError('script.threw', 'not today', { status: 403 });
    };
    const { error } = await run(quietly, { settle });
    expect([error?.status, error?.message]).toEqual([403, 'not today']);
    expect(kept).toMatchObject([{ outcome: 'refused', status: 403, errorMessage: 'not today' }]);
    expect(seen).toMatchObject([{ kind: 'script.failed', outcome: 'refused' }]);
  });
});

describe('what its author gave along with an error', () => {
  const outcome: Outcome = { kind: 'threw', error: { message: 'no', context: { a: 1 } }, log: [] };

  test.each([
    ['administrators', operationOf()],
    ['others', operationOf({ principal: anonymous })],
  ])('reaches %s', async (_who, operation) => {
    expect((await run(outcome, { exchange: exchangeOf(operation) })).error?.context).toEqual({ a: 1 });
  });
});

describe('runs of queues', () => {
  const threw = (more: Partial<ThrownError>): Outcome => ({
    kind: 'threw',
    error: { message: 'busy', ...more },
    log: [],
  });

  test.each<[string, Outcome, Partial<Failure>]>([
    ['asked for another try', threw({ retry: 30, status: 503 }), { outcome: 'threw', retry: 30 }],
    ['forbade it', threw({ retry: false }), { outcome: 'threw', retry: false }],
    ['said nothing of it', threw({}), { outcome: 'threw' }],
    ['ended at the deadline', { kind: 'timeout', ms: 5, log: [] }, { outcome: 'timeout' }],
    ['was stopped', { kind: 'aborted', log: [] }, { outcome: 'aborted' }],
  ])('are told why a run does not count that %s', async (_, outcome, expected) => {
    const failures: Failure[] = [];
    const { error } = await run(outcome, { failed: (failure) => failures.push(failure) });
    expect(failures).toMatchObject([expected]);
    expect('retry' in (failures[0] ?? {})).toBe('retry' in expected);
    expect(error).toBeInstanceOf(PlatformError);
    expect(kept).toMatchObject([{ outcome: expected.outcome }]);
  });

  test('are not told of runs that end well', async () => {
    const failures: Failure[] = [];
    await run(quietly, { failed: (failure) => failures.push(failure) });
    expect(failures).toEqual([]);
  });

  test('are told of runs that could not even be loaded, or that refused', async () => {
    const failures: Failure[] = [];
    const failed = (failure: Failure) => failures.push(failure);
    await run(quietly, { script: loaded('1;', 'cobol'), failed });
    const settle = () => {
      throw new PlatformError('request.conflict', 'no');
    };
    await run(quietly, { settle, failed });
    expect(failures.map(({ outcome }) => outcome)).toEqual(['unavailable', 'refused']);
  });

  test('hand their signal to the runner', async () => {
    const { signal } = new AbortController();
    const runner = plannedRunner(() => quietly);
    const runs = new ScriptRuns({ compiler, runners: new Map([['nodejs', runner]]), observe: () => {} });
    const asked = {
      script: loaded(),
      exchange: exchangeOf(),
      stage: '',
      sections: { ...sections, response: '', responseContent: '' },
      wantsChanges: false,
    };
    await runs.run({ ...asked, signal });
    await runs.run(asked);
    expect(runner.asked.map((invocation) => invocation.signal)).toEqual([signal, undefined]);
    // What a call of the first sets off ends with it.
    const mark = runner.asked[0]?.bridge as CallBridge;
    await runs.run({ ...asked, exchange: exchangeOf(operationOf({ run: mark })) });
    expect(runner.asked[2]?.signal).toBe(signal);
  });
});

describe('what a caller is told of a run that asked for another try', () => {
  test.each<[number | undefined, number | false, Record<string, string>]>([
    [503, 30, { 'retry-after': '30' }],
    [429, 0.2, { 'retry-after': '1' }],
    [500, 30, {}],
    [undefined, 30, {}],
    [503, false, {}],
  ])('status %s, retry %s', async (status, retry, headers) => {
    const error = { message: 'busy', retry, ...(status === undefined ? {} : { status }) };
    const ended = await run({ kind: 'threw', error, log: [] });
    expect(ended.error?.headers).toEqual(headers);
    expect(ended.error?.status).toBe(status ?? 500);
  });

  test('an administrator is told why, and when all the same', () => {
    const error = new PlatformError('script.threw', 'busy', { status: 503, headers: { 'retry-after': '5' } });
    const told = withContext(error, { line: 1 });
    expect([told.headers, told.context]).toEqual([{ 'retry-after': '5' }, { line: 1 }]);
  });
});
