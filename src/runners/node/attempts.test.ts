// What scripts of Node and v8js see and say in queued runs, as it is and inside the sandbox of this machine.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { limits } from '../../core/limits.ts';
import type { Bridge, Invocation, Runner } from '../../core/runner.ts';
import {
  type AttemptSamples,
  type AttemptsSuiteOptions,
  attemptsSuite,
  memoryBridge,
} from '../attempts-suite.ts';
import { openSandbox } from '../sandbox/index.ts';
import { invocationOf, programOf, returnedBy } from '../suite.ts';
import { createNodeRunner } from './index.ts';

const once = `let calls = 0;
const send = () => { calls++; return {sent: [1, "é"], left: undefined}; };
const values = [await platform.once("mail-7", send), await platform.once("mail-7", send)];
return {values, calls};`;

const samples: AttemptSamples = {
  tells:
    'return {id: event.id ?? null, attempt: event.attempt ?? null, certainty: event.certainty ?? null, has: "id" in event};',
  lists: 'return Object.keys(event).filter((name) => !name.startsWith("set"));',
  once,
  onceThrows: 'await platform.once(5, async () => { throw new Error("no"); });',
  onceNothing: 'return {value: (await platform.once("none", () => {})) ?? null, ok: true};',
  onceLong: 'return [await platform.once("text", () => "x".repeat(event.request.parameters.limit))];',
  onceCalls: `await platform.once("k1", async () => {
      await platform.api.post("db/a");
      const inner = platform.once("k2", async () => { await platform.api.post("db/b"); throw new Error("no"); });
      await inner.catch(() => {});
      await platform.api.post("db/c");
    });
    await platform.api.post("db/d");`,
  onceWrong: 'await platform.once("key");',
  retries: 'throw platform.retry(30, "busy");',
  retriesWrong: 'platform.retry("soon");',
  retriesLate: 'platform.retry(1e300);',
  fails: 'platform.fail("nonsense");',
  throwsLater: 'throw {message: "later", status: 429, retry_after: 2.5};',
  throwsNever: 'throw Object.assign(new Error("never"), {retry: false, retry_after: 5});',
  listsPlatform: 'return Object.keys(platform);',
  platformNames: ['api', 'config', 'session', 'store'],
};

const ofV8js: AttemptSamples = {
  ...samples,
  once: once.replaceAll('await ', '').replaceAll('const', 'var'),
  onceThrows: 'platform.once(5, function () { throw new Error("no"); });',
  onceNothing: 'return {value: platform.once("none", function () {}), ok: true};',
  onceLong:
    'return [platform.once("text", function () { return "x".repeat(event.request.parameters.limit); })];',
  onceCalls: `platform.once("k1", function () {
      platform.api.post("db/a");
      try { platform.once("k2", function () { platform.api.post("db/b"); throw new Error("no"); }); } catch {}
      platform.api.post("db/c");
    });
    platform.api.post("db/d");`,
  onceWrong: 'platform.once("key");',
};

const options: AttemptsSuiteOptions = {
  language: 'nodejs',
  isAsync: true,
  samples,
  create: () => createNodeRunner({ observe: () => {}, platformConfig: '{}', max: 1 }),
};
const v8js: AttemptsSuiteOptions = {
  ...options,
  language: 'v8js',
  isAsync: false,
  program: { dialect: 'v8js' },
  samples: ofV8js,
};

const sandbox = await openSandbox();
afterAll(() => sandbox.close());

attemptsSuite(options);
attemptsSuite(v8js);

describe('platform.once', () => {
  let runner: Runner;
  const run = (code: string, more: Partial<Invocation> = {}) =>
    runner.run(invocationOf(programOf(code, { isAsync: true }), more));
  beforeAll(() => {
    runner = options.create();
  });
  afterAll(() => runner.stop());

  it('does once what is asked for twice at the same time', async () => {
    const { asked, bridge } = memoryBridge();
    const code = `let calls = 0;
      const work = async () => { await platform.api.get('a'); return ++calls; };
      return await Promise.all([platform.once('k', work), platform.once('k', work), platform.once('l', work)]);`;
    expect(returnedBy(await run(code, { bridge }))).toEqual([1, 1, 2]);
    expect(asked.filter((line) => line === 'once k')).toHaveLength(2);
  });

  it('is tried by the second when the first threw', async () => {
    const { bridge } = memoryBridge();
    const code = `let calls = 0;
      const work = () => { if (++calls === 1) throw new Error('no'); return calls; };
      const both = await Promise.allSettled([platform.once('k', work), platform.once('k', work)]);
      return both.map(({ value, reason }) => value ?? reason.message);`;
    expect(returnedBy(await run(code, { bridge }))).toEqual(['no', 2]);
  });

  it('keeps calls that its function makes in their transaction', async () => {
    const { bridge } = memoryBridge();
    const seen: (number | undefined)[] = [];
    const call: Bridge['call'] = (call) => {
      seen.push(call.transaction);
      return bridge.call(call);
    };
    const transact = async () => ({ status: 200, headers: {}, body: undefined });
    const code = `await platform.transaction(async () => {
      await platform.once('k', async () => { await platform.api.post('a', {}); });
      await platform.api.get('b');
    });`;
    expect(await run(code, { bridge: { call, transact } })).toMatchObject({ kind: 'finished' });
    expect(seen).toEqual([undefined, 1, undefined, 1]);
  });

  it('refuses what JSON cannot hold, and remembers nothing of it', async () => {
    const { kept, bridge } = memoryBridge();
    const outcome = await run(`await platform.once('k', () => { const a = []; a.push(a); return a; });`, {
      bridge,
    });
    const message = 'platform.once: what the function gave is nothing that JSON can hold.';
    expect(outcome).toMatchObject({ kind: 'threw', error: { message } });
    expect(kept.size).toBe(0);
  });

  it('gives what later attempts get', async () => {
    const { bridge } = memoryBridge();
    const code = `const value = await platform.once('k', () => ({at: new Date(0), none: undefined, list: [undefined]}));
      return {value, names: Object.keys(value)};`;
    expect(returnedBy(await run(code, { bridge }))).toEqual({
      value: { at: '1970-01-01T00:00:00.000Z', list: [null] },
      names: ['at', 'list'],
    });
  });

  it('remembers what was done when all calls are used up, and asks no more', async () => {
    const { kept, bridge } = memoryBridge();
    const code = `for (let i = 0; i < ${limits.innerCalls - 1}; i++) await platform.api.get('a');
      await platform.once('last', () => 'done');
      await platform.once('further', () => 'done');`;
    expect(await run(code, { bridge })).toMatchObject({
      kind: 'threw',
      error: { message: expect.stringContaining(`${limits.innerCalls} times`) },
    });
    expect([...kept]).toEqual([['last', '"done"']]);
  });

  it('cannot be spoken by other calls', async () => {
    const { kept, asked, bridge } = memoryBridge();
    await run(`await platform.api.call('once', 'k', 'v');`, { bridge });
    expect(asked).toEqual(['ONCE k = v']);
    expect([...kept]).toEqual([['k', 'v']]);
  });

  it('may be replaced by a script, for itself alone', async () => {
    const { bridge } = memoryBridge();
    const code = `const before = typeof platform.once + typeof platform.retry + platform.once.evil;
      platform.once.evil = 1; platform.once = platform.retry = platform.fail = 5; return [before, platform.once];`;
    for (let i = 0; i < 2; i++) {
      expect(returnedBy(await run(code, { bridge }))).toEqual(['functionfunctionundefined', 5]);
    }
  });
});

describe(`inside the sandbox (${sandbox.level})`, () => {
  const create = () => createNodeRunner({ observe: () => {}, platformConfig: '{}', max: 1, sandbox });
  attemptsSuite({ ...options, create });
  attemptsSuite({ ...v8js, create });
});
