// What Python scripts have beside their event: the platform and its API, output, lookups (spec §§1.5–1.7).
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Body } from '../../core/body.ts';
import type { Outcome, Runner, Sections } from '../../core/runner.ts';
import { returnedBy, someSections } from '../suite.ts';
import { type Asked, runRead, testRunner } from './python-fixture.ts';

let runner: Runner;

beforeAll(() => {
  runner = testRunner({ platformConfig: '{"version":"1.2","df":{"version":"1.2"}}', max: 2 });
});

afterAll(() => runner.stop());

const run = (code: string, asked: Asked = {}): Promise<Outcome> => runRead(runner, code, asked);
const value = async (code: string, sections: Partial<Sections> = {}): Promise<unknown> =>
  returnedBy(await run(code, { sections: { ...someSections, ...sections } }));

describe('the platform', () => {
  it.each([
    ['return platform.config.df.version + platform["config"]["version"]', '1.21.2'],
    ['return platform.session.user.id', 1],
    ['return "lookup" in platform.session', undefined],
    ['return list(platform)', ['api', 'config', 'session', 'store']],
    ['return platform.store.id', undefined],
    ['return _platform.session.user.id', 1],
    ['def f(): return _platform.config.version\nreturn f()', '1.2'],
    ['return [http.client.OK, json.dumps({"a": 1}), munchify({"a": {"b": 1}}).a.b]', [200, '{"a": 1}', 1]],
    [
      'import munch\nreturn [munch.munchify([{"a": 1}])[0].a, munch.unmunchify(munch.Munch(a=1))]',
      [1, { a: 1 }],
    ],
    [
      'from munch import Munch, DefaultMunch\nm = Munch()\nm.a = 1\ndel m.a\nreturn [m, DefaultMunch().x]',
      [{}, null],
    ],
    ['from bunch import bunchify\nreturn bunchify({"a": 1}).a', 1],
    [
      'm = Munch(keys=1)\nreturn [m["keys"], callable(m.keys), m.toDict(), Munch.fromDict({"a": {}}).a]',
      [1, true, { keys: 1 }, {}],
    ],
    [
      'return [str(type(Munch())), isinstance(event, Munch), isinstance(event.request.parameters, Munch)]',
      ["<class 'munch.Munch'>", true, true],
    ],
    ['import pickle\nreturn pickle.loads(pickle.dumps(event.request)).parameters.limit', '1'],
    ['m = Munch()\nm.items = 5\nreturn m["items"]', 5],
  ])('%j', async (code, expected) => {
    expect(await value(code)).toEqual(expected);
  });
});

describe('platform.api', () => {
  const asking = async (code: string) => {
    const calls: unknown[] = [];
    const call = async (asked: unknown) => {
      calls.push(asked);
      return { status: 200, headers: { 'x-echo': '1' }, body: Body.ofText('{"a":\n[1]}') };
    };
    const outcome = await run(code, { bridge: { call } });
    return { calls, returned: outcome.kind === 'finished' ? returnedBy(outcome) : outcome };
  };

  it.each([
    ['get("a/b?x=1")', { method: 'GET', path: 'a/b?x=1', payload: undefined, options: null }],
    ['get("a", {"X-Foo": "1"})', { method: 'GET', options: { 'X-Foo': '1' } }],
    ['post("a", {"b": 1})', { method: 'POST', payload: '{"b":1}', options: null }],
    ['post("a", munchify({"b": [1]}))', { payload: '{"b":[1]}' }],
    [
      'post("a", json.dumps({"b": 1}), {"headers": {"A": "b"}})',
      { payload: '{"b": 1}', options: { headers: { A: 'b' } } },
    ],
    ['put("a", "text", "")', { method: 'PUT', payload: 'text', options: null }],
    ['patch("a", [1])', { method: 'PATCH', payload: '[1]' }],
    ['patch("a", b"raw")', { payload: 'raw' }],
    [
      'delete("a", None, {"parameters": {"ids": "1,2"}})',
      { method: 'DELETE', payload: undefined, options: { parameters: { ids: '1,2' } } },
    ],
    ['call("get", "a", "", "")', { method: 'GET', payload: undefined }],
    ['call("POST", "a", {"b": 1}, {})', { method: 'POST', payload: '{"b":1}', options: null }],
    ['get("https://example.com/x")', { method: 'GET', path: 'https://example.com/x' }],
    ['get(path="a", options=None)', { path: 'a', options: null }],
  ])('%s', async (code, expected) => {
    const { calls, returned } = await asking(`return platform.api.${code}.status`);
    expect({ calls, returned }).toMatchObject({ calls: [expected], returned: 200 });
  });

  it.each([
    ['str(type(r))', "<class 'http.client.HTTPResponse'>"],
    ['[r.status, r.code, r.getcode(), r.reason]', [200, 200, 200, 'OK']],
    [
      '[r.getheader("X-Echo"), r.getheader("x"), r.getheader("x", 5), r.headers["X-ECHO"], r.msg.get("x-echo")]',
      ['1', null, 5, '1', '1'],
    ],
    ['dict(r.getheaders())["x-echo"]', '1'],
    ['[r.read(3).decode(), r.read().decode(), r.read().decode()]', ['{"a', '":\n[1]}', '']],
    ['json.loads(r.read())', { a: [1] }],
    ['[line.decode() for line in r]', ['{"a":\n', '[1]}']],
    ['json.load(r)', { a: [1] }],
    ['type(r.read()).__name__', 'bytes'],
    ['munchify(json.loads(r.read())).a', [1]],
  ])('answers with %s', async (code, expected) => {
    expect((await asking(`r = platform.api.get("a")\nreturn ${code}`)).returned).toEqual(expected);
  });

  it('is one call after the other, also from threads', async () => {
    const code = `
import threading
found = []
def ask(n): found.append(platform.api.get('a/%d' % n).status)
threads = [threading.Thread(target=ask, args=(n,)) for n in range(20)]
for thread in threads: thread.start()
for thread in threads: thread.join()
return found`;
    const { calls, returned } = await asking(code);
    expect(returned).toEqual(Array(20).fill(200));
    expect(new Set(calls.map((call) => (call as { path: string }).path)).size).toBe(20);
  });

  it('waits for threads that a script has started', async () => {
    const { calls } = await asking(
      'import threading, time\ndef ask():\n  time.sleep(0.02)\n  platform.api.post("late")\nthreading.Thread(target=ask).start()',
    );
    expect(calls).toMatchObject([{ path: 'late' }]);
  });
});

describe('output', () => {
  it.each([
    ['print("a", 1, {"b": None})', [['log', "a 1 {'b': None}"]]],
    [
      'print("a\\nb")\nprint("c", end="")',
      [
        ['log', 'a'],
        ['log', 'b'],
        ['log', 'c'],
      ],
    ],
    [
      'import sys\nsys.stderr.write("e\\n")\nsys.stdout.write("o\\n")',
      [
        ['error', 'e'],
        ['log', 'o'],
      ],
    ],
    ['import sys\nsys.stdout.buffer.write(b"\\xc3\\xa9\\n")', [['log', '\u00e9']]],
    ['return 1 is 1 and "\\d" is not 0', []],
    ['print("my request is here {}")', [['log', 'my request is here {}']]],
    ['from pprint import pprint\npprint([1])', [['log', '[1]']]],
    [
      'import traceback\ntry: 1/0\nexcept Exception: traceback.print_exc(limit=0)',
      [['error', 'ZeroDivisionError: division by zero']],
    ],
    ['import logging\nlogging.warning("w")', [['error', 'WARNING:root:w']]],
    ['print("\\ud800")', [['log', expect.anything()]]],
  ])('%j', async (code, lines) => {
    const outcome = await run(code);
    expect(outcome).toMatchObject({ kind: 'finished' });
    const log = 'log' in outcome ? outcome.log : [];
    expect(log.map(({ level, text }) => [level, text])).toEqual(lines);
  });
});

describe('lookups', () => {
  const session =
    '{"user":{"id":7,"email":"a@b.c"},"lookup":{"color":"red","n":5,"mail.from":"Us"},' +
    '"lookup_secret":{"word":"\'hidden\\""},"session_token":"run.token"}';
  const bound = (code: string) => run(code, { bindsLookups: true, sections: { ...someSections, session } });

  it.each([
    ['return "{color}"', 'red'],
    [
      "return ['{word}', '{nope}', '{user.email} {user.id} {user.nope}']",
      ['\'hidden"', '{nope}', 'a@b.c 7 {user.nope}'],
    ],
    ['return {"{color}": "is {color}{color}"}', { red: 'is redred' }],
    ['return "{mail.from} {session.token} {session.id}"', 'Us run.token {session.id}'],
    ["return '''{\ncolor} {n}'''", '{\ncolor} 5'],
    ['color = 1\nreturn f"{color}"', '1'],
    ['"{color}"\nreturn "a" "{color}"', 'ared'],
    ['def f(x="{color}"):\n  """{color}"""\n  return x\nreturn f()', 'red'],
    ['return "{x}".format(x=1) + "{color}".format(color=2)', '1red'],
  ])('%j', async (code, expected) => {
    expect(returnedBy(await bound(code))).toEqual(expected);
  });

  it('are not looked for in other programs', async () => {
    expect(returnedBy(await run('return "{color}"', { sections: { ...someSections, session } }))).toBe(
      '{color}',
    );
  });
});
