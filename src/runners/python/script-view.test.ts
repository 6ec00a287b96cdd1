// What a Python script sees, and what becomes of what it does (spec §§1.3–1.7).
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Outcome, Runner, Sections } from '../../core/runner.ts';
import { invocationOf, returnedBy, someSections } from '../suite.ts';
import { type Asked, runRead, testRunner } from './python-fixture.ts';

let runner: Runner;

beforeAll(() => {
  runner = testRunner({ platformConfig: '{"version":"1.2","df":{"version":"1.2"}}', max: 2 });
});

afterAll(() => runner.stop());

const run = (code: string, asked: Asked = {}): Promise<Outcome> => runRead(runner, code, asked);
const value = async (code: string, sections: Partial<Sections> = {}): Promise<unknown> =>
  returnedBy(await run(code, { sections: { ...someSections, ...sections } }));
const changesOf = async (code: string, sections: Partial<Sections> = {}): Promise<unknown> => {
  const outcome = await run(code, { sections: { ...someSections, ...sections } });
  expect(outcome).toMatchObject({ kind: 'finished' });
  return 'changes' in outcome ? outcome.changes : undefined;
};
const errorOf = async (code: string, asked: Asked = {}): Promise<unknown> => {
  const outcome = await run(code, asked);
  return outcome.kind === 'threw' ? outcome.error : outcome;
};

const meta = (part: object) => JSON.stringify({ ...JSON.parse(someSections.meta), ...part });
const before = { meta: meta({ stage: 'pre_process' }), response: '', responseContent: '' };
const service = {
  meta: meta({ stage: 'service', resource: 'a/b', requestResource: 'a/b', event: 'service.math' }),
  response: '{"status_code":200,"content_type":null}',
  responseContent: '',
};
const posted = { content: '{ "resource": [ {"title":"x", "price": 1.50} ] }' };

describe('the text', () => {
  it.each([
    ['', undefined],
    ['# only a comment', undefined],
    ['"""only a text"""', undefined],
    ['return 5', 5],
    ['if True:\n\treturn {"t": 1}', { t: 1 }],
    ['   a = 1\nreturn a', 1],
    ['\ufeffreturn 1', 1],
    ['a = 1\r\nreturn a', 1],
    ["s = '''a\nb'''\nreturn {'s': s}", { s: 'a\nb' }],
    ["s = '''\n    a\n  b'''\nreturn s", '\n    a\n  b'],
    ['def f(x):\n  return x * 2\nreturn f(4)', 8],
    ['class A:\n  def m(self):\n    return 1\nreturn A().m()', 1],
    ['from __future__ import annotations\ndef f(x: nothing): return x\nreturn f(3)', 3],
    ['return [n for n in range(3) if n]', [1, 2]],
    ['def fact(n): return 1 if n < 2 else n * fact(n - 1)\nreturn fact(20)', 2432902008176640000],
    ['global g\ng = 1\ndef f(): return g\nreturn f()', 1],
    ['return __name__', '__main__'],
    ['async def f():\n  return 7\nreturn await f()', 7],
    ['import asyncio\nawait asyncio.sleep(0)\nreturn 1', 1],
    ['async def main():\n  return 2\nreturn main()', 2],
  ])('%j', async (code, expected) => {
    expect(await value(code)).toEqual(expected);
  });

  it.each([
    ['a = = 3', 1, 5, 'invalid syntax'],
    ['a = 1\nreturn {', 2, undefined, /never closed|unexpected EOF/],
    ['if True:\nx = 1', 2, 1, /expected an indented block/],
    ['  a = 1\n  return a', 1, undefined, /unexpected indent/],
    ['a = "x', 1, undefined, /unterminated string|EOL/],
    ['break', 1, 1, /outside loop/],
    ['a\0b', 1, 1, /null byte/],
    [`a = ${'('.repeat(300)}1${')'.repeat(300)}`, 1, undefined, /too many nested|too deeply/],
  ])('%j is no program, and where', async (content, line, column, message) => {
    const found = await runner.prepare?.({ name: 'x', content });
    expect(found).toMatchObject({ kind: 'flawed', line, message: expect.stringMatching(message) });
    if (column !== undefined && found?.kind === 'flawed') expect(found.column).toBe(column);
    const outcome = await runner.run(invocationOf(content));
    expect(outcome).toMatchObject({ kind: 'threw', error: { line } });
  });
});

describe('the result', () => {
  it.each(['0', '0.0', '""', '"0"', '[]', '{}', '()', 'None', 'False', 'Munch()'])(
    '%s is none',
    async (text) => {
      const outcome = await run(`from munch import Munch\nreturn ${text}`);
      expect(outcome).toMatchObject({ kind: 'finished', returned: undefined });
    },
  );

  it.each([
    ['{"result": 9}', { result: 9 }],
    ['[1, 2]', [1, 2]],
    ['(1, 2)', [1, 2]],
    ['True', true],
    ['1.5', 1.5],
    ['"0.0"', '0.0'],
    ['[[]]', [[]]],
    ['10 ** 20', 1e20],
    ['{1: "a", None: 2, True: 3}', { 1: 3, null: 2 }],
    ['"\\ud800 \\u00e9 \\U0001f600"', '\ud800 \u00e9 \u{1f600}'],
    ['{"p": platform.config, "s": platform.session}', { p: expect.anything(), s: { user: { id: 1 } } }],
  ])('%s is itself', async (text, expected) => {
    expect(await value(`return ${text}`)).toEqual(expected);
  });

  it.each([
    [
      'import datetime\nreturn {"d": datetime.datetime.now()}',
      'Object of type datetime is not JSON serializable',
    ],
    ['return {"d": {1, 2}}', 'Object of type set is not JSON serializable'],
    ['a = []\na.append(a)\nreturn a', 'Circular reference detected'],
    ['return float("nan")', /Out of range float values/],
    ['return {(1, 2): 3}', /keys must be str/],
    ['return b"x"', 'Object of type bytes is not JSON serializable'],
    ['event.response.content = object()', 'Object of type object is not JSON serializable'],
  ])('%j is refused with the reason', async (code, message) => {
    expect(await errorOf(code)).toMatchObject({ message: expect.stringMatching(message) });
  });

  it('that failed as JSON spoils none that follow', async () => {
    await run('a = {}\na["a"] = a\nreturn a');
    for (let i = 0; i < 20; i++)
      expect(await value('a = {}\nreturn {"a": a, "b": a}')).toEqual({ a: {}, b: {} });
  });
});

describe('what is raised', () => {
  it.each([
    ['raise ValueError("boom")', { message: 'boom', line: 1 }],
    ['d = {}; return d["zz"]', { message: "'zz'" }],
    ['return event.request.nope', { message: 'nope' }],
    ['raise Exception("p", 404)', { message: "('p', 404)" }],
    ['raise Exception', { message: 'Exception' }],
    ['raise "text"', { message: 'exceptions must derive from BaseException' }],
    ['e = Exception("no"); e.status_code = 418; raise e', { message: 'no', status: 418 }],
    ['e = Exception("no"); e.statusCode = "409"; raise e', { status: 409 }],
    ['e = Exception("no"); e.code = 404; raise e', { code: 404 }],
    ['e = Exception("no"); e.code = "E_NO"; raise e', { code: 'E_NO' }],
    ['raise KeyboardInterrupt()', { message: 'KeyboardInterrupt' }],
    ['class E(Exception):\n  def __str__(self): raise self\nraise E()', { message: /cannot be shown/ }],
    ['def f(): f()\nf()', { message: /recursion/, line: 1 }],
    ['event.setResponse({"a": 1}, 201)', { message: 'setResponse' }],
  ])('%j', async (code, expected) => {
    const { message, ...rest } = expected as { message?: unknown };
    const error = (await errorOf(code)) as { message: string };
    expect(error).toMatchObject(rest);
    if (message !== undefined) expect(error.message).toMatch(message as string);
  });

  it('is told with the places in the script, the innermost first, and with no path of the machine', async () => {
    const code =
      'def inner(x):\n    return json.loads(x)\n\ndef outer(x):\n    return inner(x)\n\nouter("{")';
    const error = (await errorOf(code)) as { stack: string };
    expect(error).toMatchObject({ line: 2 });
    expect(error.stack).toMatch(
      /^JSONDecodeError: .*\n {4}at inner \(some\.script:2(:\d+)?\)\n {4}at outer \(some\.script:5(:\d+)?\)\n {4}at some\.script:7(:\d+)?$/,
    );
    expect(error.stack).not.toMatch(/tenon-script|\.py/);
  });

  it('keeps what was printed until then', async () => {
    expect(await run('print("a")\nraise Exception("b")')).toMatchObject({
      log: [{ level: 'log', text: 'a' }],
    });
  });

  it.each([
    ['import sys\nsys.exit(3)', 3],
    ['import sys\nsys.exit(0)', 0],
    ['import sys\nsys.exit()', 0],
    ['import sys\nsys.exit("why")', 1],
    ['exit(2)', 2],
    ['quit()', 0],
    ['raise SystemExit(7)', 7],
    ['import os\nos._exit(4)', 4],
  ])('%j ends the run with its code, its changes dropped', async (code, expected) => {
    const outcome = await run(`event.response.content = 1\n${code}`);
    expect(outcome).toMatchObject({ kind: 'exited', code: expected, changes: {} });
  });

  it('says what sys.exit was given', async () => {
    expect(await run('import sys\nsys.exit("why")')).toMatchObject({
      log: [{ level: 'error', text: 'why' }],
    });
  });
});

describe('the event', () => {
  it('is the recorded one after a request', async () => {
    expect(await value('return event')).toEqual({
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
    });
  });

  it('has its members in the recorded order', async () => {
    expect(await value('return [list(event), list(event.request), list(event.response)]')).toEqual([
      ['resource', 'request', 'response', '__tag__'],
      [
        'api_version',
        'method',
        'parameters',
        'headers',
        'payload',
        'content',
        'content_type',
        'uri',
        'service',
        'resource',
      ],
      ['status_code', 'content_type', 'content', 'format', 'headers'],
    ]);
    // Whatever was looked at or changed before.
    const code =
      'event.request.uri\nevent.request.x = 1\nevent.response.content\nreturn [list(event), list(event.request)[-2:]]';
    expect(await value(code)).toEqual([
      ['resource', 'request', 'response', '__tag__'],
      ['resource', 'x'],
    ]);
  });

  it('has no response before a request', async () => {
    expect(
      await value('return ["response" in event, list(event), event.get("response", 7)]', before),
    ).toEqual([false, ['resource', 'request', '__tag__'], 7]);
    expect(await errorOf('event.response', { sections: { ...someSections, ...before } })).toMatchObject({
      message: 'response',
    });
  });

  it('is that of a service there', async () => {
    expect(await value('return [list(event), list(event.response), event.resource]', service)).toEqual([
      ['request', 'response', 'resource', '__tag__'],
      ['content', 'content_type', 'status_code'],
      'a/b',
    ]);
    expect(
      await value('return ["headers" in event.response, event.response.get("format", 1)]', service),
    ).toEqual([false, 1]);
  });

  it('gives path parameters as a map', async () => {
    const sections = { meta: meta({ resource: { id: '7' } }) };
    expect(await value('return [event.resource.id, event.resource["id"]]', sections)).toEqual(['7', '7']);
  });

  it.each([
    ['return event.request.payload.resource[0].title', posted, 'x'],
    ['return event.request.payload', { content: '{"a":' }, undefined],
    [
      'return event.request.payload',
      { content: 'plain', meta: meta({ contentType: 'text/plain' }) },
      'plain',
    ],
    [
      'return event.request.payload',
      { content: '[null, true, {"k": ":true"}]' },
      [null, true, { k: ':true' }],
    ],
    ['return event.request.payload', { content: ' \n5 ' }, 5],
    ['return event.request.payload.a', { content: 'x', payload: '{"a":1}' }, 1],
    ['return event.request.content', { content: 'x\u00e9' }, 'x\u00e9'],
    ['return event["request"]["parameters"]["limit"] + event.request.parameters.limit', {}, '11'],
    ['return type(event.request.parameters).__name__ + type(event).__name__[:0]', {}, 'Munch'],
    ['return str(event.request.parameters)', {}, "Munch({'limit': '1'})"],
    ['return isinstance(event, dict) and isinstance(event.response, dict)', {}, true],
    ['return json.loads(json.dumps(event)) == event', {}, true],
    ['return dict(event) == event and {**event} == event', {}, true],
    [
      'import copy\nc = copy.deepcopy(event)\nc.request.x = 1\nreturn ["x" in event.request, c == event]',
      {},
      [false, false],
    ],
    ['return [k for k, v in event.response.items() if v == 200]', {}, ['status_code']],
    ['return len(event.request)', {}, 10],
    [
      'return event.request.pop("uri") + str("uri" in event.request)',
      {},
      '/api/v2/db/_table/todo?limit=1False',
    ],
    [
      'return [event.request.setdefault("uri", 1), event.request.setdefault("x", 2)]',
      {},
      [expect.anything(), 2],
    ],
    ['return hasattr(event, "nothing")', {}, undefined],
    ['return list(event.request.headers.keys())', {}, ['accept']],
    ['event.request.clear()\nreturn [len(event.request), "uri" in event.request]', {}, [0, false]],
    ['a = event.request | {"b": 1}\nreturn a["b"]', {}, 1],
    [
      'return _event.name + _event.stage + _event.script_name',
      {},
      'db._table.todo.get.post_processpost_processdb._table.todo.get.post_process',
    ],
    ['_event.request.parameters.limit = 9\nreturn event.request.parameters.limit', {}, 9],
    ['return list(_event)', before, ['name', 'stage', 'script_name', 'request']],
  ])('%j', async (code, sections, expected) => {
    expect(await value(code, sections)).toEqual(expected);
  });
});

describe('a map without names', () => {
  const empty = { parameters: '[]', headers: '{}' };

  it.each([
    ['return [event.request.parameters, event.request.headers, event.request.payload]', [[], [], []]],
    ['return [len(event.request.parameters), "a" in event.request.parameters]', [0, false]],
    ['return event.request.parameters.get("a", 5)', 5],
    ['return bool(event.request.parameters)', undefined],
    ['return event.request.payload == [] and event.request.payload == event.request.parameters', true],
    ['return list(event.request.parameters.items())', undefined],
    ['event.request.parameters.a = 1\nreturn event.request.parameters', { a: 1 }],
    [
      'p = event.request.parameters\np["a"] = 1\np["b"] = 2\nreturn [p.a, p["b"], len(p), sorted(p)]',
      [1, 2, 2, ['a', 'b']],
    ],
    ['p = event.request.payload\np.append(3)\nreturn event.request.payload', [3]],
  ])('%j', async (code, expected) => {
    expect(await value(code, empty)).toEqual(expected);
  });

  it('is not sent back unless names were put into it', async () => {
    expect(await changesOf('event.request.parameters\nevent.request.headers', empty)).toEqual({});
    expect(await changesOf('event.request.parameters.order = "id"', empty)).toEqual({
      parameters: '{"order":"id"}',
    });
    expect(await changesOf('event.request.payload.update(a=1)')).toEqual({ payload: '{"a":1}' });
    expect(await changesOf('event.response.headers["X-A"] = 1')).toMatchObject({
      response: expect.stringContaining('"headers":{"X-A":1}'),
    });
  });

  it.each([
    'event.request.parameters.nope',
    'event.request.parameters["nope"]',
    'del event.request.parameters["nope"]',
  ])('%s is an error', async (code) => {
    expect(await errorOf(code, { sections: { ...someSections, ...empty } })).toMatchObject({
      message: expect.stringMatching(/nope/),
    });
  });
});

describe('what is sent back', () => {
  it.each([
    ['event', {}, {}],
    [
      'event.request.parameters.limit\nlist(event.request)\nlist(event.response)\njson.dumps(event)',
      posted,
      {},
    ],
    ['x = event.response.content.resource[0].id\nevent.other = 1', {}, {}],
    ['del event.request.parameters["limit"]', {}, { parameters: '{}' }],
    ['event.request.parameters = {"limit": 2}', {}, { parameters: '{"limit":2}' }],
    ['event.request.parameters.limit = "1"', {}, {}],
    ['del event.request["parameters"]', {}, { parameters: null }],
    ['del event.request.headers', {}, { headers: null }],
    ['event.request = {"parameters": {"a": 1}}', {}, { parameters: '{"a":1}' }],
    [
      'event.request.payload.resource[0].title = "y"',
      posted,
      { payload: '{"resource":[{"title":"y","price":1.5}]}' },
    ],
    ['event.request.content = "text"', {}, { content: '"text"' }],
    ['event.request.content = {"a": 1}', {}, { content: '"{\\"a\\":1}"' }],
    ['del event.request["content"]', posted, { content: null }],
    [
      'event.request.payload["resource"].append(1)',
      { content: '{"resource": []}' },
      { payload: '{"resource":[1]}' },
    ],
    ['event.response.status_code = 206', {}, { response: expect.stringContaining('"status_code":206') }],
    ['event.response.content = []', {}, { responseContent: '[]' }],
    ['event.response.content = None', {}, { responseContent: 'null' }],
    ['del event.response["content"]', {}, { responseContent: null }],
    ['event.response = None', {}, { response: null }],
    ['del event["response"]', {}, { response: null }],
    ['event.response = 5', {}, { responseValue: '5' }],
    [
      'event.response = {"content": {"a": 1}, "status_code": 202}',
      {},
      { response: '{"status_code":202}', responseContent: '{"a":1}' },
    ],
    ['event.response = {"content": {"a": 1}}', before, { response: '{}', responseContent: '{"a":1}' }],
    ['event.stop_propagation = True', {}, { stopPropagation: true }],
    ['event.response.content = {"p": event.response.content}', service, { responseContent: '{"p":null}' }],
  ])('%j', async (code, sections, expected) => {
    expect(await changesOf(code, sections)).toEqual(expected);
  });

  // However it is changed: what only looks like reading is not taken for it.
  it.each([
    'rows += [2]',
    'rows.append(2)',
    'f = rows.append\nf(2)',
    'list(map(rows.append, [2]))',
    'import random\nrows.extend([3, 2])\nrandom.shuffle(rows)',
    'import heapq\nheapq.heappush(rows, 0)',
    'import operator\noperator.setitem(event.response.content, "x", 1)',
    'list.append(rows, 2)',
    'getattr(rows, "append")(2)',
    'def f(x):\n  x += [2]\nf(rows)',
    '(lambda x: x.append(2))(rows)',
    'for rows[0] in [5]: pass',
    '[0 for rows[0] in [5]]',
    'event.response.content |= {"x": 1}',
    'n = 0\nn = rows\nn += [1]',
    'class A:\n  def __init__(self, x): x[0] = 2\nA(rows)',
    'dict.update(event.response.content, x=1)',
    'exec("rows.append(2)")',
    'rows.insert(0, 0)',
    'rows[:] = []',
    'del rows[0]',
    'next(rows.append(n) for n in [1])',
  ])('is what %j did', async (code) => {
    const changes = await changesOf(`rows = event.response.content.rows\n${code}`, {
      responseContent: '{"rows":[1]}',
    });
    expect(Object.keys(changes as object)).toEqual(['responseContent']);
  });

  it('of a content that is only read is nothing, however it is spelled', async () => {
    const responseContent = '{"a": 1.50, "b": "\\u00e9", "c": [1e2, {}]}';
    expect(await changesOf('x = event.response.content.b', { responseContent })).toEqual({});
    expect(await changesOf('x = event.request.payload.resource', posted)).toEqual({});
  });
});
