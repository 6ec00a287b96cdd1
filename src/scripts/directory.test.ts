import { describe, expect, test } from 'vitest';
import { Body } from '../core/body.ts';
import { PlatformError } from '../core/errors.ts';
import type { EventName } from '../core/event.ts';
import { limits } from '../core/limits.ts';
import type { Observation } from '../core/observe.ts';
import type { Invocation, Outcome, ThrownError } from '../core/runner.ts';
import type { ScriptPlan } from '../core/script.ts';
import type { EventScriptRecord } from '../core/store.ts';
import { Compiler } from './compiler.ts';
import { EventScripts } from './directory.ts';
import { ada, exchangeOf, operationOf, plannedRunner, quietly } from './exchange-fixture.ts';

const events: readonly EventName[] = [
  { name: 'hr._table.{table_name}.get', drop: 1 },
  { name: 'hr._table.todo.get', drop: 1 },
];

const answered = { status: 200, headers: {}, body: Body.ofText('{}') };

function record(name: string, over: Partial<EventScriptRecord> = {}): EventScriptRecord {
  return {
    name,
    type: 'nodejs',
    isActive: true,
    content: 'return 1;',
    config: {},
    allowEventModification: true,
    storageServiceId: null,
    storagePath: null,
    scmRepository: null,
    scmReference: null,
    runAsRoleId: null,
    createdDate: '',
    lastModifiedDate: '',
    createdById: null,
    lastModifiedById: null,
    ...over,
  };
}

/** Scripts bound to `events`, in a runner that ends each run as the test says. */
function bound(records: readonly EventScriptRecord[], outcome: (run: Invocation) => Outcome = () => quietly) {
  const runner = plannedRunner(outcome);
  const seen: Observation[] = [];
  const scripts = new EventScripts({
    compiler: new Compiler({ runners: new Map() }),
    runners: new Map([['nodejs', runner]]),
    observe: (observation) => seen.push(observation),
  });
  scripts.load(records);
  const plan = scripts.plan(events);
  const ran = () => runner.asked.map(({ program }) => program.name);
  return { scripts, plan: plan as ScriptPlan, ran, runner, seen };
}

async function refusal(work: Promise<unknown>): Promise<PlatformError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof PlatformError) return error;
  throw new Error(`not refused: ${String(error)}`);
}

const finished = (changes: object, returned?: string): Outcome => ({
  kind: 'finished',
  returned,
  changes,
  log: [],
});

describe('plans', () => {
  const specific = 'hr._table.todo.get';
  const generic = 'hr._table.{table_name}.get';

  test('there is none where nothing is bound', () => {
    expect(bound([]).plan).toBeUndefined();
    const elsewhere = [
      'hr._table.other.get.pre_process',
      'hr.get.pre_process',
      'hr._table.todo.post.pre_process',
    ];
    expect(bound(elsewhere.map((name) => record(name))).plan).toBeUndefined();
  });

  test('inactive scripts, and names of no event, are not bound', () => {
    const records = [
      record(`${specific}.pre_process`, { isActive: false }),
      record(`${specific}.queued`, { isActive: false }),
      record(`${specific}.before`),
    ];
    expect(bound(records).plan).toBeUndefined();
  });

  test('queued scripts are set off, generic name first, and run neither before nor after', async () => {
    const config = { queue: 'mail', QUEUED_DELAY: '5', tries: 4, delivery: 'at-most-once' };
    const { plan } = bound([record(`${specific}.queued`, { config }), record(`${generic}.queued`)]);
    expect([plan.hasBefore, plan.hasAfter]).toEqual([false, false]);
    const exchange = exchangeOf();
    const setOff = plan.setOff?.(exchange);
    const runs = setOff?.runs(exchange.result) ?? [];
    expect(runs.map(({ script, queue }) => [script, queue])).toEqual([
      [`${generic}.queued`, ''],
      [`${specific}.queued`, 'mail'],
    ]);
    expect(runs[1]).toMatchObject({ delayMs: 5_000, tries: 4, delivery: 'at-most-once', connection: '' });
    expect(runs[1]?.version).toMatch(/^[0-9a-f]{12}$/);
    const ids = setOff?.runs(exchange.result).map(({ id }) => id);
    expect(ids).toEqual(runs.map(({ id }) => id));
    expect(plan.setOff?.(exchange).runs(undefined)[0]?.id).not.toBe(ids?.[0]);
  });

  test('texts that runs may be queued with are those of queued scripts and services, earlier ones too', () => {
    const { scripts } = bound([record(`${specific}.queued`), record(`${specific}.pre_process`)]);
    expect(scripts.queuedVersions()).toHaveLength(1);
    const service = { name: 'service.later', language: 'nodejs', config: {} };
    scripts.handlers.handler({ ...service, content: 'return 2;', isQueued: true });
    scripts.handlers.handler({ ...service, content: 'return 3;' });
    expect(scripts.queuedVersions()).toHaveLength(2);
    scripts.load([record(`${specific}.queued`, { content: 'return 4;' })]);
    expect(new Set(scripts.queuedVersions()).size).toBe(3);
  });

  test('options that were stored before they were checked count as the usual ones', () => {
    const { plan } = bound([record(`${specific}.queued`, { config: { delay: 'soon' } })]);
    expect(plan.setOff?.(exchangeOf()).runs(undefined)).toMatchObject([{ delayMs: 0, tries: null }]);
  });

  test('the generic name runs first in each stage, the final one at the end', async () => {
    const stages = ['.pre_process', '.post_process', ''];
    const { plan, ran } = bound(
      stages.flatMap((stage) => [record(specific + stage), record(generic + stage)]),
    );
    expect([plan.hasBefore, plan.hasAfter]).toEqual([true, true]);
    const exchange = exchangeOf();
    await plan.before(exchange);
    exchange.result = answered;
    await plan.after(exchange);
    expect(ran()).toEqual([
      `${generic}.pre_process`,
      `${specific}.pre_process`,
      `${generic}.post_process`,
      `${specific}.post_process`,
      generic,
      specific,
    ]);
  });

  test('the stages that are bound are known before anything runs', () => {
    const pre = bound([record(`${specific}.pre_process`)]).plan;
    expect([pre.hasBefore, pre.hasAfter]).toEqual([true, false]);
    const last = bound([record(specific)]).plan;
    expect([last.hasBefore, last.hasAfter]).toEqual([false, true]);
  });

  test('each load is a new generation', () => {
    const { scripts } = bound([]);
    const { generation } = scripts;
    scripts.load([record(`${specific}.pre_process`)]);
    expect(scripts.generation).toBe(generation + 1);
    expect(scripts.plan(events)).toBeDefined();
    scripts.load([]);
    expect(scripts.plan(events)).toBeUndefined();
  });
});

describe('before scripts', () => {
  const generic = 'hr._table.{table_name}.get.pre_process';
  const specific = 'hr._table.todo.get.pre_process';
  const both = [record(generic), record(specific)];

  test('the second sees the edits of the first', async () => {
    const { plan, runner } = bound(both, ({ program }) =>
      program.name === generic ? finished({ parameters: '{"limit":1}' }) : quietly,
    );
    const exchange = exchangeOf(operationOf({ path: ['_schema', 'todo'] }));
    await plan.before(exchange);
    expect(runner.asked.map(({ sections }) => sections.parameters)).toEqual(['{}', '{"limit":1}']);
    expect(exchange.request.parameters).toEqual({ limit: 1 });
  });

  test('the second runs after a response of the first, does not see it, and may replace it', async () => {
    const { plan, runner } = bound(both, ({ program }) =>
      finished({ response: '{}', responseContent: JSON.stringify(program.name) }),
    );
    const exchange = exchangeOf();
    await plan.before(exchange);
    expect(runner.asked.map(({ sections }) => sections.response)).toEqual(['', '']);
    expect(exchange.result?.body?.value).toBe(specific);
  });

  test('an error of the first ends the stage', async () => {
    const { plan, ran } = bound(both, () => ({ kind: 'threw', error: { message: 'generic' }, log: [] }));
    expect((await refusal(plan.before(exchangeOf()))).message).toBe('generic');
    expect(ran()).toEqual([generic]);
  });

  test('stop_propagation is about scripts of the same event only', async () => {
    const twice = [record(generic), record(generic), record(specific)];
    const { plan, ran } = bound(twice, () => finished({ stopPropagation: true }));
    await plan.before(exchangeOf());
    expect(ran()).toEqual([generic, specific]);
  });
});

describe('after and final scripts', () => {
  test('an error replaces the answer, and final scripts do not run', async () => {
    const post = 'hr._table.todo.get.post_process';
    const { plan, ran } = bound([record(post), record('hr._table.todo.get')], () => ({
      kind: 'threw',
      error: { message: 'no' },
      log: [],
    }));
    expect((await refusal(plan.after(exchangeOf(operationOf(), answered)))).message).toBe('no');
    expect(ran()).toEqual([post]);
  });

  test.each<Outcome>([
    finished({ response: '{"status_code":500}', responseContent: '1' }, '{"error":"x"}'),
    { kind: 'threw', error: { message: 'no' }, log: [] },
    { kind: 'timeout', ms: 5, log: [] },
  ])('a final script changes nothing: %j', async (outcome) => {
    const { plan, runner } = bound([record('hr._table.todo.get')], () => outcome);
    const exchange = exchangeOf(operationOf(), answered);
    await plan.after(exchange);
    expect(exchange.result).toBe(answered);
    expect(runner.asked[0]?.wantsChanges).toBe(false);
  });
});

describe('one run', () => {
  const name = 'hr._table.todo.get.pre_process';
  const end = (outcome: Outcome, over: Partial<EventScriptRecord> = {}) =>
    bound([record(name, over)], () => outcome);

  test('is asked with the deadline, the depth, the program and a bridge', async () => {
    const { plan, runner } = bound([
      record(name, { config: { timeout_ms: 70 }, allowEventModification: false }),
    ]);
    const exchange = exchangeOf(operationOf({ depth: 3 }));
    await plan.before(exchange);
    expect(runner.asked[0]).toMatchObject({
      timeoutMs: 70,
      depth: 3,
      wantsChanges: false,
      program: { name, code: 'return 1;' },
    });
    const call = { method: 'GET', path: 'hr/_table/x', payload: undefined, options: undefined };
    expect((await runner.asked[0]?.bridge.call(call))?.status).toBe(200);
    expect(exchange.calls.map(({ uri }) => uri)).toEqual(['/api/v2/hr/_table/x']);
    const usual = bound([record(name)]);
    await usual.plan.before(exchange);
    expect(usual.runner.asked[0]).toMatchObject({ timeoutMs: limits.scriptTimeoutMs, wantsChanges: true });
  });

  test('that finished is observed with its log', async () => {
    const log = [{ level: 'log' as const, text: 'seen' }];
    const { plan, seen } = end({ ...finished({}), log } as Outcome);
    await plan.before(exchangeOf());
    expect(seen).toMatchObject([{ kind: 'script.finished', script: name, runner: 'nodejs', log }]);
  });

  test.each<[ThrownError, number, number | string]>([
    [{ message: 'm' }, 500, 500],
    [{ message: 'm', code: 403 }, 403, 403],
    [{ message: 'm', code: 7, status: 418 }, 418, 7],
    [{ message: 'm', status: 409 }, 409, 409],
    [{ message: 'm', code: 7 }, 500, 7],
    [{ message: 'm', code: 'ENOENT' }, 500, 500],
    [{ message: 'm', code: 'ENOENT', status: 404 }, 404, 404],
    [{ message: 'm', status: 200 }, 500, 500],
    [{ message: 'm', status: 999, code: 404 }, 404, 404],
    [{ message: 'm', status: 404.5 }, 500, 500],
  ])('that threw %j is a %d with the code %s', async (error, status, code) => {
    const asked = exchangeOf(operationOf({ principal: { ...ada, isAdmin: false } }));
    const thrown = await refusal(end({ kind: 'threw', error, log: [] }).plan.before(asked));
    expect([thrown.kind, thrown.status, thrown.code, thrown.message, thrown.context]).toEqual([
      'script.threw',
      status,
      code,
      'm',
      null,
    ]);
  });

  test('that threw nothing readable still says whose error it is', async () => {
    const outcome: Outcome = { kind: 'threw', error: { message: '' }, log: [] };
    expect((await refusal(end(outcome).plan.before(exchangeOf()))).message).toContain(name);
  });

  test('place and stack of an error are for administrators and the log only', async () => {
    const error = { message: 'm', line: 3, column: 7, stack: 'Error: m\n    at script' };
    const { plan, seen } = end({ kind: 'threw', error, log: [] });
    const thrown = await refusal(plan.before(exchangeOf()));
    const { stack } = error;
    const context = { script: name, run_id: null, line: 3, column: 7, stack, reason: 'm' };
    expect([thrown.message, thrown.context]).toEqual(['m', context]);
    for (const asking of [{ principal: { ...ada, isAdmin: false } }, { requestor: 'script' as const }]) {
      const inside = await refusal(plan.before(exchangeOf(operationOf(asking))));
      expect([inside.message, inside.context]).toEqual(['m', null]);
      seen.pop();
    }
    expect(seen).toMatchObject([
      {
        kind: 'script.failed',
        script: name,
        reason: expect.stringMatching(/^m \(line 3, column 7\)\nError: m/),
      },
    ]);
  });

  test.each<[Outcome, string, number, RegExp]>([
    [
      { kind: 'exited', code: 3, changes: {}, log: [] },
      'script.threw',
      500,
      /^Executed .* with error code: 3$/,
    ],
    [{ kind: 'timeout', ms: 5000, log: [] }, 'script.timeout', 504, /did not end within 5000 ms/],
    [{ kind: 'crashed', reason: 'SIGKILL pid 5', log: [] }, 'script.crashed', 500, /ended the process/],
    [{ kind: 'saturated', message: '8 runners' }, 'script.saturated', 503, /too many scripts/],
    [{ kind: 'unavailable', message: '/usr/bin/node' }, 'script.unavailable', 503, /can not be run/],
  ])('%j is told without internals', async (outcome, kind, status, message) => {
    const { plan, seen } = end(outcome);
    const error = await refusal(plan.before(exchangeOf()));
    expect([error.kind, error.status]).toEqual([kind, status]);
    expect(error.message).toMatch(message);
    expect(error.message).not.toMatch(/SIGKILL|pid|8 runners|\/usr/);
    expect(seen).toMatchObject([{ kind: 'script.failed', script: name }]);
  });

  test('that exited with 0 leaves the event as it was handed over last', async () => {
    const plain = end({ kind: 'exited', code: 0, changes: {}, log: [] });
    const exchange = exchangeOf();
    await plain.plan.before(exchange);
    expect([exchange.result, plain.seen[0]?.kind]).toEqual([undefined, 'script.finished']);
    const changes = { response: '{"status_code":202}', responseContent: '1' };
    await end({ kind: 'exited', code: 0, changes, log: [] }).plan.before(exchange);
    expect(exchange.result?.status).toBe(202);
  });

  test('of text that can not be loaded refuses the call with its place; no runner sees it', async () => {
    const { plan, seen, ran } = end(quietly, { content: 'if (true {\n}', allowEventModification: false });
    const error = await refusal(plan.before(exchangeOf()));
    expect([error.kind, error.status]).toEqual(['script.not_loaded', 500]);
    expect(error.message).toBe(`Script '${name}' can not be loaded: ')' expected (line 1, column 10).`);
    expect(ran()).toEqual([]);
    expect(seen).toMatchObject([{ kind: 'script.failed', script: name }]);
  });

  test('of text that can not be loaded has its flaw told beforehand', async () => {
    const { scripts, ran } = end(quietly);
    const broken = record(name, { content: 'const a = ;' });
    expect(await scripts.flaw(broken)).toBe('Expression expected (line 1, column 11)');
    expect(await scripts.flaw({ ...broken, type: 'typescript', content: 'let a: = 1;' })).toBe(
      'Type expected (line 1, column 8)',
    );
    expect(await scripts.flaw({ ...broken, type: 'php' })).toBe('this server has no php');
    expect(await scripts.flaw({ ...broken, content: 'const a = 1;' })).toBeUndefined();
    expect(ran()).toEqual([]);
  });

  test('in a language without a runner refuses the call', async () => {
    const { plan, seen } = end(quietly, { type: 'php' });
    const error = await refusal(plan.before(exchangeOf()));
    expect([error.kind, error.status]).toEqual(['script.unavailable', 503]);
    expect(seen).toMatchObject([{ kind: 'script.failed', script: name, runner: 'php' }]);
  });

  test('warming compiles ahead, broken scripts included', async () => {
    const { scripts } = bound([record(name), record('hr.get.pre_process', { content: '(' })]);
    await expect(scripts.warm()).resolves.toBeUndefined();
  });
});
