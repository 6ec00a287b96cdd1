import { describe, expect, test } from 'vitest';
import type { Observation } from '../../core/observe.ts';
import type { InnerCall, Operation } from '../../core/operation.ts';
import type { Invocation, Outcome } from '../../core/runner.ts';
import type { HandlerSource } from '../../core/script.ts';
import { Compiler } from '../compiler.ts';
import { EventScripts } from '../directory.ts';
import { operationOf, plannedRunner, quietly } from '../exchange-fixture.ts';

const source: HandlerSource = {
  name: 'service.math',
  language: 'nodejs',
  content: "return '{greeting}';",
  config: {},
};

function setUp(outcome: (run: Invocation) => Outcome | Promise<Outcome> = () => quietly) {
  const runner = plannedRunner(outcome);
  const seen: Observation[] = [];
  const scripts = new EventScripts({
    compiler: new Compiler({ runners: new Map() }),
    runners: new Map([['nodejs', runner]]),
    observe: (observation) => seen.push(observation),
  });
  return {
    scripts,
    runner,
    seen,
    handler: (over: Partial<HandlerSource> = {}) => scripts.handlers.handler({ ...source, ...over }),
  };
}

const calls: InnerCall[] = [];
const call = async (asked: InnerCall) => {
  calls.push(asked);
  return { status: 200, headers: {}, body: undefined };
};

const asked = (over: Partial<Operation> = {}, body?: string) =>
  operationOf({ service: 'math', path: ['a', 'b'], uri: '/api/v2/math/a/b?x=1', ...over }, body);

const returning = (value: unknown): Outcome => ({
  kind: 'finished',
  returned: JSON.stringify(value),
  changes: {},
  log: [{ level: 'log', text: 'printed' }],
});

describe('the script of a service', () => {
  test('sees a blank response, the path as resource and its own stage', async () => {
    const { handler, runner } = setUp();
    await handler().handle(asked({ action: 'POST', depth: 2 }, '{"k":1}'), call);
    const [run] = runner.asked;
    expect(JSON.parse(run?.sections.meta ?? '')).toMatchObject({
      event: 'service.math',
      stage: 'service',
      resource: 'a/b',
      method: 'POST',
      service: 'math',
      requestResource: 'a/b?x=1',
    });
    expect(JSON.parse(run?.sections.response ?? '')).toMatchObject({ status_code: 200, content_type: null });
    expect(run?.sections.responseContent).toBe('null');
    expect(run?.sections.content).toBe('{"k":1}');
    expect(run).toMatchObject({ depth: 2, wantsChanges: true, timeoutMs: 5000 });
    expect(run?.program.name).toBe('service.math');
  });

  test('sees parameters as they came, whatever the path is called', async () => {
    const { handler, runner } = setUp();
    const request = { parameters: { limit: '1' }, headers: {}, body: undefined };
    await handler().handle(asked({ path: ['_table', 'contact'], request }), call);
    expect(runner.asked[0]?.sections.parameters).toBe('{"limit":"1"}');
  });

  test('answers with what it returned', async () => {
    const { handler } = setUp(() => returning({ result: 9 }));
    const result = await handler().handle(asked(), call);
    expect([result.status, result.body?.value]).toEqual([200, { result: 9 }]);
  });

  test('calls the platform through whoever asked it', async () => {
    const { handler } = setUp(async ({ bridge }) => {
      await bridge.call({ method: 'GET', path: 'hr/_table/todo', payload: undefined, options: null });
      return quietly;
    });
    calls.length = 0;
    await handler().handle(asked(), call);
    expect(calls.map(({ service, path }) => [service, path])).toEqual([['hr', ['_table', 'todo']]]);
  });

  test.each([
    [{ kind: 'threw', error: { message: 'm', status: 409 }, log: [] }, 409],
    [{ kind: 'timeout', ms: 5, log: [] }, 504],
    [{ kind: 'saturated', message: 'x' }, 503],
    [{ kind: 'crashed', reason: 'x', log: [] }, 500],
  ] satisfies [Outcome, number][])('fails as event scripts do: %j', async (outcome, status) => {
    const { handler } = setUp(() => outcome);
    await expect(handler().handle(asked(), call)).rejects.toMatchObject({ status });
  });

  test('has the deadline of its options', async () => {
    const { handler, runner } = setUp();
    await handler({ config: { timeout_ms: 70 } }).handle(asked(), call);
    expect(runner.asked[0]?.timeoutMs).toBe(70);
  });

  test('of a language that nobody runs is unavailable, and whoever stores it is told', async () => {
    const { handler } = setUp();
    const php = handler({ language: 'php', content: '<?php return 1;' });
    await expect(php.handle(asked(), call)).rejects.toMatchObject({
      kind: 'script.unavailable',
      status: 503,
    });
    expect(await php.flaw()).toBe('this server has no php');
  });

  test('that can not be loaded says so, with the place', async () => {
    const { handler } = setUp();
    const broken = handler({ content: 'var a = ;' });
    await expect(broken.handle(asked(), call)).rejects.toMatchObject({ kind: 'script.not_loaded' });
    expect(await broken.flaw()).toMatch(/\(line 1, column 9\)$/);
    expect(await handler().flaw()).toBeUndefined();
  });
});

describe('log_output', () => {
  test.each(['false', '0', 'no', 'off', 'F'])('%s: what the script prints is not observed', async (value) => {
    const { handler, seen } = setUp(() => returning(1));
    const request = { parameters: { log_output: value }, headers: {}, body: undefined };
    await handler().handle(asked({ request }), call);
    expect(seen).toMatchObject([{ kind: 'script.finished', script: 'service.math', log: [] }]);
  });

  test('of a script that fails is dropped, too', async () => {
    const { handler, seen } = setUp(() => ({
      kind: 'threw',
      error: { message: 'm' },
      log: [{ level: 'log', text: 'printed' }],
    }));
    const request = { parameters: { log_output: 'false' }, headers: {}, body: undefined };
    await expect(handler().handle(asked({ request }), call)).rejects.toThrow('m');
    expect(seen).toMatchObject([{ kind: 'script.failed', log: [] }]);
  });

  test.each(['true', '', '1', 'x', null, ['false'], { toString: 'false' }])('%j: it is', async (value) => {
    const { handler, seen } = setUp(() => returning(1));
    const request = { parameters: { log_output: value }, headers: {}, body: undefined };
    await handler().handle(asked({ request }), call);
    expect(seen).toMatchObject([{ kind: 'script.finished', log: [{ text: 'printed' }] }]);
  });
});

describe('lookups', () => {
  test('are those in force when the script is called', async () => {
    const { handler, runner, scripts } = setUp();
    const service = handler();
    const bound = async () => {
      await service.handle(asked(), call);
      return runner.asked.at(-1)?.program.bindsLookups ?? false;
    };
    expect(await bound()).toBe(false);
    scripts.load([], ['greeting']);
    expect(await bound()).toBe(true);
    scripts.load([], []);
    expect(await bound()).toBe(false);
  });

  test('can be switched off', async () => {
    const { handler, runner, scripts } = setUp();
    scripts.load([], ['greeting']);
    await handler({ config: { lookups: false } }).handle(asked(), call);
    expect(runner.asked[0]?.program.bindsLookups ?? false).toBe(false);
  });
});

describe('checking a source', () => {
  test('takes what can run, and what can not be loaded', () => {
    const { scripts } = setUp();
    expect(() => scripts.handlers.check(source)).not.toThrow();
    expect(() => scripts.handlers.check({ ...source, content: 'var a = ;' })).not.toThrow();
  });

  test.each([
    [{ config: { timeout_ms: 0 } }, /timeout_ms/],
    [{ config: { timeout_ms: '5' } }, /timeout_ms/],
    [{ language: 'cobol' }, /cobol/],
    [{ content: 'x'.repeat(1_048_577) }, /bytes/],
  ])('refuses what never could: %#', (over, message) => {
    const { scripts } = setUp();
    expect(() => scripts.handlers.check({ ...source, ...over })).toThrow(message);
  });
});
