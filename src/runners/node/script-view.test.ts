// What a Node script sees and which of its changes count, against real processes (spec §1.3–1.7).
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Body } from '../../core/body.ts';
import type { Result } from '../../core/operation.ts';
import type { BridgeCall, Changes, Invocation, Outcome, Runner, Sections } from '../../core/runner.ts';
import { invocationOf, programOf, returnedBy, someSections } from '../suite.ts';
import { createNodeRunner } from './index.ts';

let runner: Runner;

beforeAll(() => {
  runner = createNodeRunner({ observe: () => {}, platformConfig: '{"version":"7","df":{"a":1}}', max: 2 });
});

afterAll(() => runner.stop());

const run = (code: string, more: Partial<Invocation> = {}): Promise<Outcome> =>
  runner.run(invocationOf(programOf(code, { isAsync: /^\s*\/\/ async/.test(code) }), more));

const returned = async (code: string, more: Partial<Invocation> = {}) => returnedBy(await run(code, more));

const changesOf = async (code: string, sections: Partial<Sections> = {}): Promise<Changes> => {
  const outcome = await run(code, { sections: { ...someSections, ...sections } });
  expect(outcome).toMatchObject({ kind: 'finished' });
  return outcome.kind === 'finished' ? outcome.changes : {};
};

const posted = (content: string, contentType = 'application/json'): Partial<Sections> => ({
  meta: JSON.stringify({ ...JSON.parse(someSections.meta), method: 'POST', contentType }),
  content,
});

describe('the event', () => {
  it('has the recorded keys in the recorded order', async () => {
    const keys = await returned(
      'return [Object.keys(event), Object.keys(event.request), Object.keys(event.response), Object.keys(platform)];',
    );
    expect(keys).toEqual([
      ['resource', 'request', 'response', '__tag__', 'setReturn', 'setResponse', 'setRequest'],
      'api_version method parameters headers payload content content_type uri service resource'.split(' '),
      ['status_code', 'content_type', 'content', 'format', 'headers'],
      ['api', 'config', 'session', 'store'],
    ]);
  });

  it('has the order and members of services for services', async () => {
    const meta = JSON.stringify({ ...JSON.parse(someSections.meta), stage: 'service' });
    const keys = await returned('return [Object.keys(event), Object.keys(event.response)];', {
      sections: { ...someSections, meta },
    });
    expect(keys).toEqual([
      ['request', 'response', 'resource', '__tag__', 'setReturn', 'setResponse', 'setRequest'],
      ['content', 'content_type', 'status_code'],
    ]);
  });

  it('is the recorded value as JSON, and as a copy', async () => {
    const value = {
      resource: 'todo',
      request: {
        api_version: '2.0',
        method: 'GET',
        parameters: { limit: '1' },
        headers: { accept: '*/*' },
        payload: [],
        content: '',
        content_type: 'application/json',
        uri: '/api/v2/db/_table/todo?limit=1',
        service: 'db',
        resource: '_table/todo?limit=1',
      },
      response: {
        status_code: 200,
        content_type: null,
        content: { resource: [{ id: 1 }] },
        format: 201,
        headers: [],
      },
      __tag__: 'exposed_event',
    };
    expect(await returned('return event;')).toEqual(value);
    expect(await returned('return {...event};')).toEqual(value);
    expect(await returned('return Object.assign({}, event.request);')).toEqual(value.request);
  });

  it('has no response before there is one', async () => {
    const sections = { ...someSections, response: '', responseContent: '' };
    const seen = await returned('return {has: "response" in event, type: typeof event.response};', {
      sections,
    });
    expect(seen).toEqual({ has: false, type: 'undefined' });
  });

  it.each([
    ['{"a": 1}', 'application/json', { a: 1 }],
    ['[{"a": 1}]', '', [{ a: 1 }]],
    ['{"a":', 'application/json', []],
    ['plain body', 'text/plain', 'plain body'],
    ['', 'application/json', []],
    ['{"a":1}', 'application/vnd.api+json', { a: 1 }],
  ])('has of the body %j of type %j the payload %j', async (content, type, payload) => {
    const sections = { ...someSections, ...posted(content, type) };
    const seen = await returned('return {p: event.request.payload, c: event.request.content};', { sections });
    expect(seen).toEqual({ p: payload, c: content });
  });

  it('has the payload that is given beside the content', async () => {
    const sections = {
      ...someSections,
      ...posted('a=1', 'application/x-www-form-urlencoded'),
      payload: '{"a":"1"}',
    };
    expect(await returned('return event.request.payload;', { sections })).toEqual({ a: '1' });
  });

  it('is also _event, with name and stage', async () => {
    const seen = await returned('return [_event.stage, _event.request.method, _event.response.status_code];');
    expect(seen).toEqual(['post_process', 'GET', 200]);
  });

  it('shows empty maps as lists, as recorded', async () => {
    const sections = { ...someSections, parameters: '{}', headers: '{}' };
    const seen = await returned('return [event.request.parameters, event.request.headers];', { sections });
    expect(seen).toEqual([[], []]);
  });
});

describe('changes', () => {
  it.each([
    ['delete event.request.parameters.limit;', { parameters: '{}' }],
    ['event.request.parameters = {a: 1};', { parameters: '{"a":1}' }],
    ['event.request.headers["x-a"] = "b";', { headers: '{"accept":"*/*","x-a":"b"}' }],
    ['delete event.request.headers;', { headers: null }],
    ['event.setRequest({method: "GET", parameters: {x: 1}});', { parameters: '{"x":1}' }],
    ['event.request = {...event.request, parameters: {x: 1}};', { parameters: '{"x":1}' }],
    ['event.stop_propagation = true;', { stopPropagation: true }],
    ['event.request.method = "DELETE"; event.resource = "x"; event.request.uri = "/";', {}],
    ['void event.request.parameters.limit; void event.response.content;', {}],
    ['event.request.parameters = {...event.request.parameters};', {}],
    ['void JSON.stringify(event);', {}],
    ['event.request = 5;', {}],
  ])('of %j', async (code, changes) => {
    expect(await changesOf(code)).toEqual(changes);
  });

  it('keep names that a script puts into an empty list of names', async () => {
    const code = 'event.request.parameters.limit = 5; event.response.headers["X-A"] = "1";';
    const changes = await changesOf(code, { parameters: '[]' });
    expect(changes.parameters).toBe('{"limit":5}');
    expect(JSON.parse(changes.response ?? '')).toMatchObject({ headers: { 'X-A': '1' } });
  });

  it.each([
    ['event.response.status_code = 206;', { status_code: 206 }, undefined],
    ['event.response.content = 0;', undefined, '0'],
    ['event.response.content = [];', undefined, '[]'],
    ['event.response.content = null;', undefined, 'null'],
    ['delete event.response.content;', undefined, null],
    ['event.response = {content: {a: 1}, status_code: 201};', { status_code: 201 }, '{"a":1}'],
    ['event.response = {a: 1};', { a: 1 }, null],
    ['event.response.content.resource.push(2);', undefined, '{"resource":[{"id":1},2]}'],
    ['event.setResponse({a: 1});', { status_code: 200, content_type: 'application/json' }, '{"a":1}'],
    ['event.setResponse("x", 202, "text/plain");', { status_code: 202, content_type: 'text/plain' }, '"x"'],
  ])('of the response: %j', async (code, meta, content) => {
    const changes = await changesOf(code);
    if (meta === undefined) expect(changes.response).toBeUndefined();
    else expect(JSON.parse(changes.response ?? '')).toMatchObject(meta);
    expect(changes.responseContent).toBe(content);
  });

  it.each(['delete event.response;', 'event.response = null;'])(
    'tell a removed response: %j',
    async (code) => {
      expect(await changesOf(code)).toEqual({ response: null });
    },
  );

  it('tell a response that is no object', async () => {
    expect(await changesOf('event.response = "text";')).toEqual({ responseValue: '"text"' });
  });

  it('make a response where there was none', async () => {
    const none = { response: '', responseContent: '' };
    expect(await changesOf('event.response = {content: {a: 1}};', none)).toEqual({
      response: '{}',
      responseContent: '{"a":1}',
    });
    expect(await changesOf('event.response = {content: null, status_code: 204};', none)).toEqual({
      response: '{"status_code":204}',
      responseContent: 'null',
    });
  });

  it('of a payload are told apart from another spelling of it', async () => {
    const body = posted('{ "resource": [ {"title": "a"} ] }');
    expect(await changesOf('void event.request.payload.resource;', body)).toEqual({});
    expect(await changesOf('event.request.payload.resource[0].title = "b";', body)).toEqual({
      payload: '{"resource":[{"title":"b"}]}',
    });
    expect(await changesOf('delete event.request.content;', body)).toEqual({ content: null });
    expect(await changesOf('event.request.content = "{}";', body)).toEqual({ content: '"{}"' });
    expect(await changesOf('event.request.payload.a = 1;', posted(''))).toEqual({ payload: '{"a":1}' });
  });

  it('to the session have no effect outside', async () => {
    expect(await changesOf('platform.session.user.id = 9;')).toEqual({});
    expect(await returned('return platform.session;')).toEqual({ user: { id: 1 } });
  });
});

describe('the result', () => {
  it.each(['null', 'false', '0', '-0', '""', '"0"', '[]', '{}', 'NaN', 'undefined', '(function () {})'])(
    'of return %s is none',
    async (value) => {
      expect(await returned(`return ${value};`)).toBeUndefined();
    },
  );

  it.each([
    ['"hi"', 'hi'],
    ['true', true],
    ['[0]', [0]],
    ['{a: 0}', { a: 0 }],
    ['new Date(0)', '1970-01-01T00:00:00.000Z'],
  ])('of return %s is given', async (value, expected) => {
    expect(await returned(`return ${value};`)).toEqual(expected);
  });

  it('that contains itself is an error that says so', async () => {
    const outcome = await run('var a = {}; a.a = a; return a;');
    expect(outcome).toMatchObject({
      kind: 'threw',
      error: { message: expect.stringContaining('contains itself') },
    });
    const changed = await run('var a = {}; a.a = a; event.response.content = a;');
    expect(changed).toMatchObject({
      kind: 'threw',
      error: { message: expect.stringContaining('contains itself') },
    });
  });

  it('keeps big integers as digits', async () => {
    expect(await run('return {n: 12345678901234567890n};')).toMatchObject({
      returned: '{"n":12345678901234567890}',
    });
  });

  it('of a promise is what it resolves to', async () => {
    expect(await returned('return Promise.resolve({a: 1});')).toEqual({ a: 1 });
    expect(await returned('// async\nawait null; return {a: 2};')).toEqual({ a: 2 });
  });

  it('may be given to setReturn, unless the body returns one', async () => {
    expect(await returned('event.setReturn({a: 1});')).toEqual({ a: 1 });
    expect(await returned('event.setReturn({a: 1}); return {b: 1};')).toEqual({ b: 1 });
  });
});

describe('the state that counts', () => {
  it('is that of the end of the synchronous body', async () => {
    const code = 'event.response.content = 1; setTimeout(function () { event.response.content = 2; }, 5);';
    expect(await changesOf(code)).toEqual({ responseContent: '1' });
  });

  it('is that of a later setResponse, the last of them', async () => {
    const code =
      'setTimeout(function () { event.setResponse({n: 1}); event.setResponse({n: 2}, 202); event.response.content = 3; }, 5);';
    const changes = await changesOf(code);
    expect(changes.responseContent).toBe('{"n":2}');
    expect(JSON.parse(changes.response ?? '')).toMatchObject({ status_code: 202 });
  });

  it('of an asynchronous body is that of its end', async () => {
    const code = '// async\nevent.response.content = 1; await null; event.response.content = 2;';
    expect(await changesOf(code)).toEqual({ responseContent: '2' });
  });

  it('waits for promises that nobody returned', async () => {
    const code = '(async function () { await null; event.setResponse({ok: 1}); })();';
    expect((await changesOf(code)).responseContent).toBe('{"ok":1}');
  });

  it('keeps both a returned value and a later setResponse', async () => {
    const outcome = await run('setTimeout(function () { event.setResponse(5); }, 5); return {a: 1};');
    expect(outcome).toMatchObject({ returned: '{"a":1}', changes: { responseContent: '5' } });
  });

  it('is gone when the body throws after a setResponse', async () => {
    const outcome = await run('event.setResponse({a: 1}); throw new Error("x");');
    expect(outcome).toMatchObject({ kind: 'threw', error: { message: 'x' } });
  });

  it('at process.exit is what was handed over', async () => {
    expect(await run('event.setResponse(1); process.exit(0);')).toMatchObject({
      kind: 'exited',
      code: 0,
      changes: { responseContent: '1' },
    });
    expect(await run('event.response.content = 1; process.exit();')).toMatchObject({ code: 0, changes: {} });
  });
});

describe('what is thrown', () => {
  it.each([
    ['throw "text";', { message: 'text' }],
    ['throw null;', { message: 'Script threw null' }],
    ['throw undefined;', { message: 'Script threw undefined' }],
    ['throw 7;', { message: 'Script threw 7' }],
    ['throw {a: 1};', { message: 'Script threw { a: 1 }' }],
    ['throw {message: "o", code: 7, status_code: 418};', { message: 'o', code: 7, status: 418 }],
    ['throw Object.assign(new Error("nf"), {code: "ENOENT"});', { message: 'nf', code: 'ENOENT' }],
    ['throw Object.assign(new Error("nf"), {statusCode: 404});', { message: 'nf', status: 404 }],
    ['nope();', { message: 'nope is not defined', line: 1, column: 1 }],
    ['throw {get message() { throw 1; }};', { message: 'Script threw a value that cannot be read.' }],
    ['setTimeout(function () {\n  throw new Error("late"); }, 5);', { message: 'late', line: 2, column: 9 }],
    ['Promise.reject(new Error("rej"));', { message: 'rej', line: 1 }],
    ['// async\nawait null;\nthrow new Error("a");', { message: 'a', line: 3, column: 7 }],
    ['return Promise.reject("r");', { message: 'r' }],
    ['(function f() { f(); })();', { message: 'Maximum call stack size exceeded' }],
    ['var a = ;', { message: "Unexpected token ';'", line: 1, column: 9 }],
    ['require("nope");', { message: "Cannot find module 'nope'.", code: 'MODULE_NOT_FOUND' }],
  ])('by %j', async (code, error) => {
    const outcome = await run(code);
    expect(outcome).toMatchObject({ kind: 'threw', error });
    expect(JSON.stringify(outcome)).not.toMatch(/host\.ts|script-run|tenon-script/);
  });

  it('is placed in the source that was compiled', async () => {
    const sourceMap = JSON.stringify({ version: 3, sources: ['a.ts'], names: [], mappings: ';;AAIE' });
    const program = programOf('\n\nthrow new Error("x");', { hash: 'mapped', sourceMap });
    const outcome = await runner.run(invocationOf(program));
    expect(outcome).toMatchObject({ error: { line: 5, column: 3 } });
  });
});

describe('a script', () => {
  it('is the sloppy body of a function', async () => {
    const code =
      'return {f: typeof __filename, d: typeof __dirname, m: typeof module.exports, r: typeof require, ' +
      't: this === globalThis, s: (function () { return this === undefined; })(), w: typeof _wrapperResult, ' +
      'e: typeof _event, p: typeof _platform, b: typeof Buffer, o: arguments.length > 1};';
    expect(await returned(code)).toEqual({
      ...{ f: 'string', d: 'string', m: 'object', r: 'function', t: true, s: false, w: 'undefined' },
      ...{ e: 'object', p: 'object', b: 'function', o: true },
    });
    expect(await returned('"use strict"; return (function () { return this === undefined; })();')).toBe(true);
  });

  it('has the platform as recorded', async () => {
    const seen = await returned(
      'return {c: platform.config, s: platform.store, k: Object.keys(platform.api)};',
    );
    expect(seen).toEqual({
      c: { version: '7', df: { a: 1 } },
      s: { id: null },
      k: ['get', 'post', 'put', 'patch', 'delete', 'call'],
    });
  });

  it('writes lines with levels, and objects as plain data', async () => {
    const outcome = await run(
      'console.log("a", 1, {b: [2]}); console.info("i"); console.warn("w"); console.error("e"); console.debug("d");' +
        'console.log(event.request.parameters); console.log({event: event.response}); console.table([[1]]);',
    );
    const log = 'log' in outcome ? outcome.log : [];
    expect(log.slice(0, 6).map(({ level, text }) => [level, text])).toEqual([
      ['log', 'a 1 { b: [ 2 ] }'],
      ['info', 'i'],
      ['warn', 'w'],
      ['error', 'e'],
      ['debug', 'd'],
      ['log', "{ limit: '1' }"],
    ]);
    expect(log[6]?.text).toContain('status_code: 200');
    expect(log[6]?.text).not.toMatch(/Proxy|Symbol/);
    expect(log[7]?.text).toContain('│');
  });

  it('finds an environment with nothing of the server in it', async () => {
    const names = await returned(
      'return {names: Object.keys(process.env).sort(), argv: process.argv.length};',
    );
    expect(names).toEqual({ names: ['HOME', 'LANG', 'PATH', 'TMPDIR', 'TZ'], argv: 1 });
  });

  it('starts in an empty folder of its own', async () => {
    const files = 'return {f: require("fs").readdirSync("."), same: process.cwd() === process.env.HOME};';
    expect(await returned(files)).toEqual({ f: [], same: true });
  });

  it('may use the network of Node itself until its sockets are closed', async () => {
    const code =
      'const net = require("net"); const s = net.createServer((c) => c.end("x")).listen(0, () => ' +
      'net.connect(s.address().port).on("data", (d) => { s.close(); event.setResponse(String(d)); }));';
    expect((await changesOf(code)).responseContent).toBe('"x"');
  });
});

describe('platform.api', () => {
  const answer = (status: number, text: string): Result => ({
    status,
    headers: { 'x-a': '1' },
    body: Body.ofText(text),
  });

  async function called(code: string, result = answer(200, '{"a":1}')): Promise<[Outcome, BridgeCall[]]> {
    const calls: BridgeCall[] = [];
    const call = async (call: BridgeCall) => {
      calls.push(call);
      return result;
    };
    return [await run(code, { bridge: { call } }), calls];
  }

  it.each([
    ['get("x")', { method: 'GET', path: 'x', payload: undefined, options: null }],
    ['get("x", "")', { payload: undefined, options: null }],
    ['get("x", {parameters: {a: 1}}, function () {})', { options: { parameters: { a: 1 } } }],
    ['get("x", function () {})', { options: null }],
    ['post("x", {a: 1})', { method: 'POST', payload: '{"a":1}' }],
    ['post("x", "raw text", null)', { payload: 'raw text' }],
    ['post("x", null)', { payload: 'null' }],
    ['post("x", undefined, undefined, function () {})', { payload: undefined }],
    [
      'put("x", [1], {headers: {A: "b"}})',
      { method: 'PUT', payload: '[1]', options: { headers: { A: 'b' } } },
    ],
    ['patch("x", {a: 1}, "", function () {})', { method: 'PATCH', payload: '{"a":1}', options: null }],
    ['delete("x", {a: 1})', { method: 'DELETE', payload: '{"a":1}' }],
    ['delete("x", null, {})', { method: 'DELETE', payload: undefined, options: {} }],
    ['call("get", "x", "", "", function () {})', { method: 'GET', payload: undefined, options: null }],
    ['call("POST", "x", {a: 1}, {}, function () {})', { method: 'POST', payload: '{"a":1}' }],
  ])('%s', async (code, expected) => {
    const [outcome, calls] = await called(`platform.api.${code};`);
    expect(outcome).toMatchObject({ kind: 'finished' });
    expect(calls).toEqual([expect.objectContaining(expected)]);
  });

  it('gives callbacks the text and a response', async () => {
    const code =
      'platform.api.get("x", null, function (b, r) { event.setResponse({b: b, c: r.statusCode, m: r.statusMessage, ' +
      'h: r.headers}); }).on("error", function () {}).end();';
    const [outcome] = await called(code, answer(404, '{"error":{}}'));
    const changes = outcome.kind === 'finished' ? outcome.changes : {};
    expect(JSON.parse(changes.responseContent ?? '')).toEqual({
      b: '{"error":{}}',
      c: 404,
      m: 'Not Found',
      h: { 'content-type': 'application/json', 'x-a': '1' },
    });
  });

  it('can be awaited, in parallel and in sequence', async () => {
    const code =
      '// async\nconst [a, b] = await Promise.all([platform.api.get("1"), platform.api.get("2")]);' +
      'const c = await platform.api.get("3"); return [a.json(), b.content, c.body, c.ok];';
    const [outcome, calls] = await called(code);
    expect(returnedBy(outcome)).toEqual([{ a: 1 }, { a: 1 }, '{"a":1}', true]);
    expect(calls.map((call) => call.path)).toEqual(['1', '2', '3']);
  });

  it('gives the body as a stream to those who listen', async () => {
    const code =
      'platform.api.get("x", null, function (b, r) { var s = ""; r.setEncoding("utf8"); r.on("data", function (c) ' +
      '{ s += c; }).on("end", function () { event.setResponse(s); }); });';
    const [outcome] = await called(code);
    expect(outcome).toMatchObject({ changes: { responseContent: JSON.stringify('{"a":1}') } });
  });

  it('reports what a callback throws', async () => {
    const [outcome] = await called('platform.api.get("x", null, function () { throw new Error("cb"); });');
    expect(outcome).toMatchObject({ kind: 'threw', error: { message: 'cb', line: 1 } });
  });

  it('has at most 16 calls of a run under way at once', async () => {
    let [most, served] = [0, 0];
    const open: (() => void)[] = [];
    const call = async () => {
      most = Math.max(most, open.length + 1);
      await new Promise<void>((resolve) => {
        if (open.push(resolve) < Math.min(16, 100 - served)) return;
        served += open.length;
        for (const release of open.splice(0)) release();
      });
      return answer(200, '1');
    };
    const code =
      '// async\nconst all = await Promise.all(Array.from({length: 100}, () => platform.api.get("x"))); return all.length;';
    expect(returnedBy(await run(code, { bridge: { call } }))).toBe(100);
    expect(most).toBe(16);
  });

  it('answers calls beyond the limit of a run with an error', async () => {
    const code =
      '// async\nlet last; for (let i = 0; i < 1001; i++) last = await platform.api.get("x"); return last.statusCode;';
    const [outcome, calls] = await called(code);
    expect(returnedBy(outcome)).toBe(500);
    expect(calls).toHaveLength(1_000);
  });
});
