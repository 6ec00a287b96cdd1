// Scripts that were written for Python 2: translated, with what they import and how they count.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Body } from '../../core/body.ts';
import type { Runner } from '../../core/runner.ts';
import { invocationOf, programOf, returnedBy, someSections } from '../suite.ts';
import { type Asked, runRead, testRunner } from './python-fixture.ts';

let runner: Runner;

beforeAll(() => {
  runner = testRunner({ max: 1 });
});

afterAll(() => runner.stop());

const dialect = 'python2';
const run = (code: string, asked: Asked = {}) => runRead(runner, code, { ...asked, dialect });
const read = (content: string) => runner.prepare?.({ name: 'old.script', content, dialect });

describe('a Python 2 script', () => {
  it.each([
    ['', undefined],
    ['# only a comment', undefined],
    ['return 7 / 2', 3],
    ['return 7.0 / 2', 3.5],
    ['return -7 / 2', -4],
    ['x = 7\nx /= 2\nd = {"a": 9}\nd["a"] /= 2\nreturn [x, d["a"]]', [3, 4]],
    ['from __future__ import division\nreturn 7 / 2', 3.5],
    ['return {"a": 1}.has_key("a")', true],
    ['return sorted({"b": 1, "a": 2}.keys()) + {"c": 3}.values()', ['a', 'b', 3]],
    ['a = {}\nfor k, v in {"x": 1}.iteritems(): a[v] = k\nreturn a', { 1: 'x' }],
    ['return map(lambda x: x * 2, [1, 2]) + filter(None, [0, 3])', [2, 4, 3]],
    ['try:\n  raise ValueError, "bad"\nexcept ValueError, e:\n  return str(e)', 'bad'],
    ['return [unicode("x"), u"\\u00e9", `1`, 10L, 0777, 1 <> 2]', ['x', '\u00e9', '1', 10, 511, true]],
    [
      'return [unicode("\u00e9", "utf-8"), unicode("a", errors="ignore"), unicode(5), str(6)]',
      ['\u00e9', 'a', '5', '6'],
    ],
    ['return [x for x in xrange(3)]', [0, 1, 2]],
    ['return isinstance("x", basestring)', true],
    ['return "x\\xc3\\xa9".decode("utf-8")[:1] + "y".encode("utf-8")', 'xy'],
    ['import httplib\nreturn httplib.OK', 200],
    ['return httplib.NOT_FOUND', 404],
    ['import urllib\nreturn urllib.quote("a b") + urllib.urlencode({"c": 1})', 'a%20bc=1'],
    ['import string\nreturn string.upper("a") if hasattr(string, "upper") else "A"', 'A'],
    ['import bunch\nreturn bunch.bunchify({"a": {"b": 2}}).a.b', 2],
    ['from bunch import Bunch\nb = Bunch(a=1)\nb.c = 2\nreturn b', { a: 1, c: 2 }],
    ['return str(event.request.parameters)', "Bunch({'limit': '1'})"],
    ['return unbunchify(bunchify([{"a": 1}]))', [{ a: 1 }]],
    ['if True:\n\treturn 1', 1],
    ['def f((a, b)): return a + b\nreturn f((1, 2))', 3],
    ['import base64\nreturn base64.b64encode("user:pass")', 'dXNlcjpwYXNz'],
    ['import base64\nreturn base64.b64decode("dXNlcg==") + base64.encodestring("a").strip()', 'userYQ=='],
    ['import hashlib\nreturn hashlib.md5("a").hexdigest()', '0cc175b9c0f1b6a831c399e269772661'],
    [
      'import hashlib\nh = hashlib.sha1()\nh.update("a")\nreturn h.hexdigest()',
      '86f7e437faa5a7fce15d1ddcb9eaeaea377667b8',
    ],
    ['import hmac, hashlib\nreturn hmac.new("k", "m", hashlib.sha256).hexdigest()[:8]', 'b60090e3'],
    [
      'from hashlib import sha256\nfrom base64 import b64encode\nreturn [sha256("a").hexdigest()[:6], b64encode("a")]',
      ['ca9781', 'YQ=='],
    ],
  ])('%j', async (code, expected) => {
    const outcome = await run(code);
    expect(outcome).toMatchObject({ kind: 'finished' });
    expect(returnedBy(outcome)).toEqual(expected);
  });

  it('prints', async () => {
    const outcome = await run(
      'import sys\nprint "a", 1\nprint "b",\nprint\nprint >>sys.stderr, "c"\nprint("d")',
    );
    expect(outcome).toMatchObject({
      log: [
        { level: 'log', text: 'a 1' },
        { level: 'log', text: expect.stringMatching(/^b ?$/) },
        { level: 'error', text: 'c' },
        { level: 'log', text: 'd' },
      ],
    });
  });

  it('reads answers as text', async () => {
    const call = async () => ({ status: 200, headers: {}, body: Body.ofText('{"a":"\u00e9"}') });
    const code =
      'r = platform.api.get("x")\nt = r.read()\nreturn [type(t).__name__, bunchify(json.loads(t)).a, t.decode("utf-8")]';
    const outcome = await run(code, { bridge: { call } });
    expect(returnedBy(outcome)).toEqual(['str', '\u00e9', '{"a":"\u00e9"}']);
  });

  it('changes the event', async () => {
    const outcome = await run(
      'event.request.parameters["limit"] = 10 / 4\nevent.response.content["x"] = "a".encode("utf-8")',
    );
    expect(outcome).toMatchObject({
      changes: { parameters: '{"limit":2}', responseContent: '{"resource":[{"id":1}],"x":"a"}' },
    });
  });

  it('has its lookups bound in texts', async () => {
    const sections = { ...someSections, session: '{"lookup":{"color":"red"}}' };
    expect(returnedBy(await run('return "{color}"', { bindsLookups: true, sections }))).toBe('red');
  });

  it('tells the line of what it raises, in the text as it was written', async () => {
    const outcome = await run('a = {}\nprint a\n\nif a.has_key("b"): pass\nraise Exception, "boom"');
    expect(outcome).toMatchObject({ kind: 'threw', error: { message: 'boom', line: 5 } });
  });

  it.each([
    ['x = = 1', 1],
    ['a = 1\nprint "a', 2],
    ['if True:\nx = 1', 2],
    ['a = 1\n  b = 2', 2],
    ['return (1', 1],
  ])('%j is no program, and where', async (content, line) => {
    expect(await read(content)).toMatchObject({ kind: 'flawed', line });
    const program = programOf(content, { dialect });
    expect(await runner.run(invocationOf(program))).toMatchObject({ kind: 'threw', error: { line } });
  });

  it('is translated once: what was translated runs as it is', async () => {
    const found = await read('print "a", "b"\nreturn 7 / 2');
    if (found?.kind !== 'ready') throw new Error('not read');
    expect(found.code).toContain('print("a", "b")');
    const program = programOf(found.code ?? '', { dialect });
    for (let i = 0; i < 2; i++) {
      const outcome = await runner.run(invocationOf(program));
      expect(outcome).toMatchObject({ returned: '3', log: [{ text: 'a b' }] });
    }
    expect(await read(found.code ?? '')).toMatchObject({ kind: 'ready' });
  });

  it('that was not read is translated where it runs', async () => {
    const outcome = await runner.run(invocationOf(programOf('print "a"\nreturn 7 / 2', { dialect })));
    expect(outcome).toMatchObject({ returned: '3', log: [{ text: 'a' }] });
  });

  it('is no Python 3', async () => {
    expect(await runner.prepare?.({ name: 'x', content: 'print "a"' })).toMatchObject({
      kind: 'flawed',
      line: 1,
    });
  });
});
