// Scripts written for v8js, and lookups in literals: what they see in the Node runner.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Body } from '../../core/body.ts';
import type { BridgeCall, Invocation, Outcome, Runner } from '../../core/runner.ts';
import { invocationOf, programOf, returnedBy, someSections } from '../suite.ts';
import { createNodeRunner } from './index.ts';

let runner: Runner;

beforeAll(() => {
  runner = createNodeRunner({ observe: () => {}, platformConfig: '{"version":"1"}', min: 1, max: 2 });
});

afterAll(() => runner.stop());

const calls: BridgeCall[] = [];
const bridge = {
  call: async (call: BridgeCall) => {
    calls.push(call);
    const status = call.path === 'missing' ? 404 : 200;
    return { status, headers: { 'x-a': '1' }, body: Body.ofValue({ n: calls.length, path: call.path }) };
  },
};

const v8js = (code: string, more: Partial<Invocation> = {}): Promise<Outcome> =>
  runner.run(invocationOf(programOf(code, { hash: `v8js ${code}`, dialect: 'v8js' }), { bridge, ...more }));

describe('a script of v8js', () => {
  it('has the answer of each call at once, with its content parsed', async () => {
    calls.length = 0;
    const outcome = await v8js(
      'var a = platform.api.get("db/a"); var b = platform.api.post("missing", {x: 1}, {headers: {h: "1"}});' +
        'return [a.content.n, a.status_code, a.content_type, a.headers["x-a"], b.status_code, b.content.path];',
    );
    expect(returnedBy(outcome)).toEqual([1, 200, 'application/json', '1', 404, 'missing']);
    expect(calls).toEqual([
      { method: 'GET', path: 'db/a', payload: undefined, options: null },
      { method: 'POST', path: 'missing', payload: '{"x":1}', options: { headers: { h: '1' } } },
    ]);
  });

  it('sends the payload that a GET has here', async () => {
    calls.length = 0;
    await v8js('platform.api.get("db/a", {filter: "id=1"}, null); platform.api.call("put", "db/b", "t");');
    expect(calls.map(({ method, payload }) => [method, payload])).toEqual([
      ['GET', '{"filter":"id=1"}'],
      ['PUT', 't'],
    ]);
  });

  it('makes hundreds of calls one after the other, with answers larger than a pipe', async () => {
    const text = 'x'.repeat(300_000);
    const large = { call: async () => ({ status: 200, headers: {}, body: Body.ofValue({ text }) }) };
    const code =
      'var n = 0; for (var i = 0; i < 200; i++) n += platform.api.put("a", event.response).content.text.length;' +
      'return n;';
    expect(returnedBy(await v8js(code, { bridge: large }))).toBe(200 * text.length);
    const sent = 'return platform.api.post("a", {t: "y".repeat(2e6)}).status_code;';
    expect(returnedBy(await v8js(sent, { bridge: large }))).toBe(200);
  });

  it('writes to the log with var_dump, a name that others may use themselves', async () => {
    const outcome = await v8js('var_dump({a: [1]});');
    expect(outcome).toMatchObject({ kind: 'finished', log: [{ level: 'log', text: '{ a: [ 1 ] }' }] });
    const own = await runner.run(invocationOf('const var_dump = 5, _tenonLookup = 1; return var_dump;'));
    expect(returnedBy(own)).toBe(5);
  });

  it('refuses with what it throws, texts as well', async () => {
    expect(await v8js('throw "no";')).toMatchObject({ kind: 'threw', error: { message: 'no' } });
  });

  it('that waits for an answer which never comes ends at its deadline', async () => {
    const silent = { call: () => new Promise<never>(() => {}) };
    const outcome = await v8js('platform.api.get("a");', { bridge: silent, timeoutMs: 200 });
    expect(outcome).toMatchObject({ kind: 'timeout' });
    expect(returnedBy(await v8js('return platform.api.get("b").status_code;'))).toBe(200);
  });
});

describe('lookups in literals', () => {
  const session = JSON.stringify({
    user: { id: 7, email: 'a@b.c' },
    session_token: 'run.token',
    lookup: { color: 'red', quote: '"; throw 1; "', zero: 0, 'mail.from.name': 'Us' },
    lookup_secret: { word: 'hidden' },
  });
  const bound = async (argument: string) => {
    const program = programOf(`return [_tenonLookup(${argument})];`, { bindsLookups: true });
    return returnedBy(await runner.run(invocationOf(program, { sections: { ...someSections, session } })));
  };

  it.each([
    ['"{color}"', 'red'],
    ['"a {color} {word}!"', 'a red hidden!'],
    ['"{quote}"', '"; throw 1; "'],
    ['"{zero}"', '0'],
    ['"{nope} {user.email} {user.id}"', '{nope} a@b.c 7'],
    [
      '"{user.nope} {session.user} {toString} {constructor}"',
      '{user.nope} {session.user} {toString} {constructor}',
    ],
    ['"{ color } {}"', '{ color } {}'],
    ['"{mail.from.name} {session.token} {session.session_token}"', 'Us run.token {session.session_token}'],
  ])('%s', async (argument, expected) => {
    expect(await bound(argument)).toEqual([expected]);
  });

  it('stay as they are where the session knows none', async () => {
    const program = programOf('return [_tenonLookup("{color}")];', { bindsLookups: true });
    const outcome = await runner.run(invocationOf(program));
    expect(returnedBy(outcome)).toEqual(['{color}']);
  });
});
