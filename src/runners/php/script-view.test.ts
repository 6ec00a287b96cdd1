// What a PHP script sees of its event and platform, and what its result and changes look like.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Changes, Invocation, Outcome, Runner } from '../../core/runner.ts';
import { invocationOf, programOf, returnedBy, someSections } from '../suite.ts';
import { answering, beforeSections, runOf, serviceSections, testPhp } from './php-fixture.ts';

let runner: Runner;

beforeAll(() => {
  runner = testPhp();
});

afterAll(() => runner.stop());

const run = (code: string, options?: Partial<Invocation>) => runOf(runner, code, options);
const value = async (code: string, options?: Partial<Invocation>) => returnedBy(await run(code, options));
const before = { sections: beforeSections };
const service = { sections: serviceSections };

function changesOf(outcome: Outcome): Changes {
  expect(outcome).toMatchObject({ kind: 'finished' });
  return outcome.kind === 'finished' ? outcome.changes : {};
}

describe('the event of a PHP script', () => {
  it('is a map of plain maps', async () => {
    expect(await value('return ["e" => $event];')).toEqual({
      e: {
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
      },
    });
  });

  it('has its keys in the recorded order', async () => {
    expect(await value('return array_keys($event);')).toEqual(['resource', 'request', 'response', '__tag__']);
    expect(await value('return array_keys($event);', before)).toEqual(['resource', 'request', '__tag__']);
    const keys = '[array_keys($event), array_keys($event["response"])]';
    expect(await value(`return ${keys};`, service)).toEqual([
      ['request', 'response', 'resource', '__tag__'],
      ['content', 'content_type', 'status_code'],
    ]);
  });

  it.each([
    ['$event["request"]["method"]', 'GET'],
    ['$event["request"]["uri"]', '/api/v2/db/_table/todo?limit=1'],
    ['$event["resource"]', 'todo'],
    ['$event["request"]["parameters"]["limit"]', '1'],
    ['$event["request"]["headers"]["accept"]', '*/*'],
    ['$event["request"]["headers"]["accept"][0]', '*'],
    ['$event["response"]["status_code"]', 200],
    ['count($event["response"]["content"]["resource"])', 1],
    ['$event["_event"]["stage"]', 'post_process'],
    ['$event["_event"]["script_name"]', 'db._table.todo.get.post_process'],
    ['"{$event["request"]["method"]} $event[resource]"', 'GET todo'],
    ['(fn($key) => $event["request"][$key])("service")', 'db'],
    ['isset($event["nope"]) ? "there" : "gone"', 'gone'],
    ['$event["__tag__"]', 'exposed_event'],
  ])('is found where %s looks', async (expression, seen) => {
    expect(await value(`return [${expression}];`)).toEqual([seen]);
  });

  it.each([
    ['an alias', '$r = $event["request"]; return [$r["parameters"]["limit"]];'],
    ['a name in a variable', '$name = "event"; return [$$name["request"]["parameters"]["limit"]];'],
    ['compact', '$all = compact("event"); return [$all["event"]["request"]["parameters"]["limit"]];'],
    ['get_defined_vars', 'return [get_defined_vars()["event"]["request"]["parameters"]["limit"]];'],
    ['eval', 'return [eval(\'return $event["request"]["parameters"]["limit"];\')];'],
    [
      'a closure',
      '$f = function () use ($event) { return $event["request"]["parameters"]["limit"]; }; return [$f()];',
    ],
    ['a reference', '$e = &$event; return [$e["request"]["parameters"]["limit"]];'],
  ])('is whole through %s', async (_name, code) => {
    expect(await value(code)).toEqual(['1']);
  });

  it('shows the payload as the content says, or as the platform read it', async () => {
    const payload = 'return ["p" => $event["request"]["payload"]];';
    expect(await value(payload, before)).toEqual({ p: { resource: [{ title: 'x', price: 1, tags: [] }] } });
    const given = { ...beforeSections, content: 'a;b', payload: '[{"a":"b"}]' };
    expect(await value(payload, { sections: given })).toEqual({ p: [{ a: 'b' }] });
    const broken = { ...beforeSections, content: '{"a":' };
    expect(await value(payload, { sections: broken })).toEqual({ p: [] });
    const meta = someSections.meta.replace('"contentType":""', '"contentType":"text/plain"');
    const text = { ...beforeSections, meta, content: 'plain' };
    expect(await value(payload, { sections: text })).toEqual({ p: 'plain' });
  });
});

describe('changes of a PHP script', () => {
  it.each([
    [
      '$event["request"]["payload"]["resource"][0]["title"] = "y";',
      { payload: '{"resource":[{"title":"y","price":1.0,"tags":[]}]}' },
    ],
    ['$event["request"]["headers"]["x-a"] = "1";', { headers: '{"accept":"*/*","x-a":"1"}' }],
    ['$event["request"]["content"] = "é/";', { content: '"é/"' }],
    ['unset($event["request"]["content"]);', {}],
    ['unset($event["request"]["parameters"]["limit"]);', { parameters: '[]' }],
    ['$event["request"]["parameters"] = ["a", "b"];', { parameters: '{"0":"a","1":"b"}' }],
    ['$event["request"] = ["parameters" => ["a" => 1]];', { parameters: '{"a":1}' }],
    ['$event["request"]["parameters"]["limit"] = "1";', {}],
    ['$event["request"]["method"] = "PUT";', {}],
    [
      '$event["response"] = ["content" => ["a" => 1], "status_code" => 403];',
      { response: '{"status_code":403}', responseContent: '{"a":1}' },
    ],
    [
      '$event["response"]["status_code"] = 400; $event["response"]["content"] = [];',
      { response: '{"status_code":400}', responseContent: '[]' },
    ],
    ['$event["response"]["content"] = new stdClass;', { response: '{}', responseContent: '{}' }],
    ['$event["response"] = "text";', { responseValue: '"text"' }],
    ['$event["stop_propagation"] = true;', { stopPropagation: true }],
    ['$event = null;', {}],
    [
      'foreach ($event["request"] as $part => &$v) if ($part === "parameters") $v = ["z" => 1];',
      { parameters: '{"z":1}' },
    ],
  ])('%s are sent back as they are', async (code, changes) => {
    expect(changesOf(await run(code, before))).toEqual(changes);
  });

  it.each([
    [
      '$event["response"]["content"]["resource"][0]["id"] = 2.0;',
      { responseContent: '{"resource":[{"id":2.0}]}' },
    ],
    [
      'foreach ($event["response"]["content"]["resource"] as &$r) $r["x"] = "a/b";',
      { responseContent: '{"resource":[{"id":1,"x":"a/b"}]}' },
    ],
    ['foreach ($event["response"]["content"]["resource"] as &$r) $r["id"] = 1;', {}],
    ['unset($event["response"]["content"]);', { responseContent: null }],
    ['unset($event["response"]);', { response: null }],
    [
      '$event["response"]["headers"] = ["X-A" => 1];',
      { response: '{"status_code":200,"content_type":null,"format":201,"headers":{"X-A":1}}' },
    ],
    ['$event["response"]["content"] = null;', { responseContent: 'null' }],
    ['$event["response"] = ["content" => 1];', { response: '{}', responseContent: '1' }],
  ])('%s reach the answer', async (code, changes) => {
    expect(changesOf(await run(code))).toEqual(changes);
  });

  it('leave alone what nobody touched, empty maps in it too', async () => {
    const sections = { ...someSections, responseContent: '{"a":{},"b":[],"c":1.0}' };
    expect(changesOf(await run('$c = $event["response"]["content"]; $c["a"] = 5;', { sections }))).toEqual(
      {},
    );
  });

  it('that JSON cannot hold are an error of the script', async () => {
    const outcome = await run('$event["response"]["content"] = "\\xff";');
    expect(outcome).toMatchObject({ kind: 'threw', error: { message: expect.stringContaining('UTF-8') } });
  });
});

describe('what a PHP script returns', () => {
  it.each([
    ['return 5;', '5'],
    ['return "é/x";', '"é/x"'],
    ['return 1.0;', '1.0'],
    ['return true;', 'true'],
    ['return (object) ["a" => 1];', '{"a":1}'],
    [
      'return new DateTime("2020-01-01");',
      '{"date":"2020-01-01 00:00:00.000000","timezone_type":3,"timezone":"UTC"}',
    ],
    ['return ["a" => new stdClass, "l" => [1, null]];', '{"a":{},"l":[1,null]}'],
    ['return 0;', undefined],
    ['return "0";', undefined],
    ['return [];', undefined],
    ['return false;', undefined],
    ['return $event;', undefined],
    ['', undefined],
    ['<?php // nothing', undefined],
    ['<?php\nreturn 1;\n?>\n', '1'],
    ['$x = 1; ?> text <?php return ["a" => $x];', '{"a":1}'],
    ['return 1 ?>', '1'],
    ['/* a', undefined],
  ])('%j is %s', async (code, returned) => {
    const outcome = await run(code, service);
    if (code === '/* a') expect(outcome).toMatchObject({ kind: 'threw' });
    else expect(outcome).toMatchObject({ kind: 'finished', returned });
  });

  it('is an error when JSON cannot hold it', async () => {
    expect(await run('return NAN;')).toMatchObject({ kind: 'threw' });
    expect(await run('$a = []; $a["a"] = &$a; return $a;')).toMatchObject({ kind: 'threw' });
  });
});

describe('functions and classes of a PHP script', () => {
  it.each([
    ['function twice($x) { return $x * 2; } return twice(4);', 8],
    ['return twice(4); function twice($x) { return $x * 2; }', 8],
    ['class P { public $a = 1; function b() { return $this->a; } } return (new P)->b();', 1],
    ['interface I { const C = 3; } return I::C;', 3],
    ['enum E: string { case A = "x"; } return E::A->value;', 'x'],
    ['return (new class { public $v = 7; })->v;', 7],
    ['use DreamFactory\\Core\\Exceptions\\RestException as R; return (new R(418))->getStatusCode();', 418],
    ['use DateTimeImmutable; $d = new DateTimeImmutable("2020-01-02"); return $d->format("j");', '2'],
    ['declare(strict_types=1); return strlen("abc");', 3],
    ['namespace A\\B; function f() { return __NAMESPACE__; } return f();', 'A\\B'],
    ['const LIMIT = 4; return LIMIT;', 4],
    ['static $n = 0; return ++$n;', 1],
    ['return isset($this) ? 1 : 2;', 2],
    ['return basename(__FILE__);', 'script.php'],
    ['return __DIR__ === getcwd() ? 1 : 2;', 1],
    ['return implode(",", array_map("strtoupper", ["a", "b"]));', 'A,B'],
    ['return implode(",", array_map(fn($x) => $x . $event["resource"], ["a"]));', 'atodo'],
    ['$f = "str" . "rev"; return $f("ab");', 'ba'],
    ['return (function () { return __LINE__; })();', 1],
    ['return implode(",", array_keys(get_defined_vars()));', 'event,platform'],
    ['return mb_strlen("é");', 1],
    ['return get_class(simplexml_load_string("<a/>"));', 'SimpleXMLElement'],
    ['return curl_init("http://x") instanceof CurlHandle ? 1 : 2;', 1],
  ])('%s work', async (code, seen) => {
    // Twice: nothing is declared a second time.
    for (let i = 0; i < 2; i++) expect(await value(code)).toBe(seen);
  });
});

describe('errors of a PHP script', () => {
  const exceptions = String.raw`\DreamFactory\Core\Exceptions`;
  it.each([
    ['BadRequestException', 400],
    ['InvalidJsonException', 400],
    ['UnauthorizedException', 401],
    ['ForbiddenException', 403],
    ['NotFoundException', 404],
    ['ConflictResourceException', 409],
    ['TooManyRequestsException', 429],
    ['InternalServerErrorException', 500],
    ['NotImplementedException', 501],
    ['ServiceUnavailableException', 503],
  ])('%s has the status %i', async (name, status) => {
    const outcome = await run(`\nthrow new ${exceptions}\\${name}("no", null, null, ["field" => "a"]);`);
    const error = { message: 'no', status, code: status, line: 2, context: { field: 'a' } };
    expect(outcome).toMatchObject({ kind: 'threw', error });
  });

  it.each([
    [`throw new ${exceptions}\\RestException(418, "tea", 55);`, { message: 'tea', status: 418, code: 55 }],
    [`throw new ${exceptions}\\BatchException("b");`, { message: 'b', status: 400, code: 1000 }],
    ['throw new \\Exception("plain", 404);', { message: 'plain', code: 404 }],
    ['throw new Error("e");', { message: 'e' }],
    ['$x = 1 % 0;', { message: 'Modulo by zero', line: 1 }],
    ['\nfoo();', { message: 'Call to undefined function foo()', line: 2 }],
    ['strlen();', { line: 1 }],
    ['\n\n$a = ;', { message: 'syntax error, unexpected token ";"', line: 3 }],
    [
      'function a() {}\nfunction a() {}',
      { message: expect.stringContaining('Cannot redeclare a()'), line: 2 },
    ],
    ['function f() {\n throw new Exception("deep");\n}\nf();', { message: 'deep', line: 2 }],
    ['eval("throw new Exception(\\"in eval\\");");', { message: 'in eval', line: 1 }],
    ['eval("\\n$a = ;");', { message: expect.stringContaining('syntax error') }],
  ])('%s is told', async (code, error) => {
    expect(await run(code)).toMatchObject({ kind: 'threw', error });
  });

  it('names no path of this machine', async () => {
    const outcome = await run('function a() {}\nfunction a() {}');
    expect(JSON.stringify(outcome)).not.toMatch(/runners|\.php/);
    expect(JSON.stringify(await run('\nfoo();'))).not.toMatch(/runners|\.php/);
  });

  it('that are only warnings are in the log', async () => {
    const outcome = await run(
      'echo "a\\n"; $x = $event["nope"]["x"]; echo "b"; $y = @$z["q"]; trigger_error("t");',
    );
    const log = [
      { level: 'log', text: 'a' },
      { level: 'warn', text: 'Warning: Undefined array key "nope" in line 1' },
      { level: 'warn', text: 'Warning: Trying to access array offset on value of type null in line 1' },
      { level: 'log', text: 'b' },
      { level: 'warn', text: 'Notice: t in line 1' },
    ];
    expect(outcome).toMatchObject({ kind: 'finished', log });
  });
});

describe('output of a PHP script', () => {
  it.each([
    ['echo "a"; print "b"; print_r([1]);', 'abArray\n(\n    [0] => 1\n)'],
    ['var_dump(["a" => 1]);', 'array(1) {\n  ["a"]=>\n  int(1)\n}'],
    ['dump(["a" => "b"], 1.5, null, true);', 'array:1 [\n  "a" => "b"\n]\n1.5\nnull\ntrue'],
    ['ob_start(); echo "x"; $x = ob_get_clean(); echo strtoupper($x);', 'X'],
    ['ob_start(); echo "left open";', 'left open'],
    ['ob_end_clean(); ob_end_flush(); echo "still kept";', 'still kept'],
    ['printf("%s\\n", "formatted");', 'formatted'],
  ])('%s goes to the log', async (code, text) => {
    const outcome = await run(code);
    const log = 'log' in outcome ? outcome.log.filter(({ level }) => level === 'log') : [];
    expect(log).toEqual([{ level: 'log', text }]);
  });

  it('of error_log is a line, too', async () => {
    expect(await run('error_log("watch out");')).toMatchObject({
      log: [{ level: 'warn', text: 'watch out' }],
    });
  });
});

describe('platform of a PHP script', () => {
  it('is a map of four, and an object as newer scripts write it', async () => {
    expect(await value('return array_keys($platform);')).toEqual(['api', 'config', 'session', 'store']);
    expect(await value('return [$platform["config"]["version"], $platform->config["version"]];')).toEqual([
      '1.0',
      '1.0',
    ]);
    expect(
      await value('return [$platform["session"]["user"]["id"], $platform->session["user"]["id"]];'),
    ).toEqual([1, 1]);
    expect(
      await value('$s = $platform["store"]; $s->set("a", 5, 15); return [$s->get("a"), $s->get("b")];'),
    ).toEqual([5, null]);
  });

  it('has an api whose verbs are values and methods', async () => {
    const verbs = ['call', 'get', 'post', 'put', 'patch', 'delete'];
    expect(await value('return array_keys((array) $platform["api"]);')).toEqual(verbs);
  });

  it.each([
    '$api = $platform["api"]; $get = $api->get; $r = $get("db/x");',
    '$r = ($platform["api"]->get)("db/x");',
    '$r = $platform["api"]->get->__invoke("db/x");',
    '$r = call_user_func($platform["api"]->get, "db/x");',
    '$r = $platform["api"]->get("db/x");',
    '$r = $platform->api->get("db/x");',
    '$r = $platform["api"]->call("GET", "db/x");',
    '$call = $platform["api"]->call; $r = $call("get", "db/x");',
    '$verb = "get"; $r = $platform["api"]->$verb("db/x");',
    'function f($api) { return $api->get("db/x"); } $r = f($platform["api"]);',
  ])('%s calls', async (code) => {
    const { calls, bridge } = answering('{"a":{"b":[1]}}');
    const seen = await value(`${code} return $r;`, { bridge });
    expect(seen).toEqual({
      status_code: 200,
      content: { a: { b: [1] } },
      content_type: null,
      format: 201,
      headers: [],
    });
    expect(calls).toMatchObject([
      { method: 'GET', path: 'db/x', payload: undefined, options: { headers: {} } },
    ]);
  });

  it.each([
    ['$platform["api"]->post("db/x", ["a" => 1]);', { method: 'POST', payload: '{"a":1}' }],
    ['$platform["api"]->put("db/x", "text");', { method: 'PUT', payload: 'text' }],
    ['$platform["api"]->patch("db/x", null);', { method: 'PATCH', payload: undefined }],
    [
      '$platform["api"]->delete("db/x", [], ["parameters" => ["ids" => "1,2"]]);',
      { method: 'DELETE', options: { parameters: { ids: '1,2' } } },
    ],
    ['$platform["api"]->get("db/x", ["filter" => "a=1"]);', { method: 'GET', payload: '{"filter":"a=1"}' }],
    [
      '$platform["api"]->get("db/x", null, ["headers" => ["X-A" => "1"]]);',
      { options: { headers: { 'X-A': '1' } } },
    ],
    [
      '$platform["api"]->get("db/x", null, ["headers" => ["X-A: 1"]]);',
      { options: { headers: { 'X-A': '1' } } },
    ],
    [
      '$platform["api"]->get("http://a/x", null, ["CURLOPT_TIMEOUT" => 3]);',
      { options: { headers: {}, CURLOPT_TIMEOUT: 3 } },
    ],
    [
      '$platform["api"]->get("http://a/x", null, [CURLOPT_USERPWD => "a:b"]);',
      { options: { CURLOPT_USERPWD: 'a:b' } },
    ],
    ['$platform["api"]->post("http://a/x", ["a" => 1]);', { options: { CURLOPT_POSTFIELDS: { a: 1 } } }],
    [
      '$platform["api"]->post("http://a/x", ["a" => 1], ["headers" => ["content-type" => "application/json"]]);',
      { payload: '{"a":1}' },
    ],
    ['$platform["api"]->get("db/x", null, "");', { options: { headers: {} } }],
  ])('%s asks for it', async (code, asked) => {
    const { calls, bridge } = answering('{}');
    await value(code, { bridge });
    expect(calls).toMatchObject([asked]);
  });

  it('gives errors back instead of throwing them', async () => {
    const { bridge } = answering('{"error":{"code":404,"message":"gone"}}', 404);
    const code =
      '$r = $platform["api"]->get("db/x"); return [$r["status_code"], $r["content"]["error"]["message"]];';
    expect(await value(code, { bridge })).toEqual([404, 'gone']);
  });

  it('gives other hosts back with their type and headers', async () => {
    const call = async () => {
      const { Body } = await import('../../core/body.ts');
      return { status: 200, headers: { 'x-echo': '1' }, body: Body.ofText('{"a":1}', 'application/json') };
    };
    expect(await value('return $platform["api"]->get("https://a/x");', { bridge: { call } })).toEqual({
      status_code: 200,
      content: { a: 1 },
      content_type: 'application/json',
      format: 1,
      headers: { 'X-Echo': '1', 'Content-Type': 'application/json' },
    });
  });
});

describe('lookups in the text of a PHP script', () => {
  const session = JSON.stringify({
    user: { email: 'a@b' },
    lookup: { color: 'r\'e"d$x', 'mail.from': 'Us' },
    session_token: 'run.token',
    lookup_secret: { key: 's' },
  });
  const sections = { ...someSections, session };
  it.each([
    ["'{color}'", 'r\'e"d$x'],
    ['"{color}"', 'r\'e"d$x'],
    ['"a $b {color}!"', 'a B r\'e"d$x!'],
    ['"{$b} {key}"', 'B s'],
    ['"{mail.from} {session.token} {session.id}"', 'Us run.token {session.id}'],
    ["'{user.email} {nope} {user.nope}'", 'a@b {nope} {user.nope}'],
    ['<<<T\n {color} $b\nT', ' r\'e"d$x B'],
    ["<<<'T'\n{color}\nT", 'r\'e"d$x'],
    ['(function ($x = "{color}") { return $x . "{key}"; })()', '{color}s'],
    ['(fn() => "{key}")()', 's'],
    ['["{key}" => 1]["s"]', 1],
  ])('%s are bound', async (expression, seen) => {
    const program = programOf(`$b = "B"; return [${expression}];`, { bindsLookups: true });
    expect(returnedBy(await runner.run(invocationOf(program, { sections })))).toEqual([seen]);
  });

  it('are never taken from values, comments or code', async () => {
    const code = '$v = $event["request"]["parameters"]["v"]; /* {color} */ return ["$v {key}", "{color}"];';
    const program = programOf(code, { bindsLookups: true });
    const evil = { ...sections, parameters: '{"v":"{key}"}' };
    expect(returnedBy(await runner.run(invocationOf(program, { sections: evil })))).toEqual([
      '{key} s',
      'r\'e"d$x',
    ]);
  });

  it('stay as they are in scripts that do not ask', async () => {
    expect(await value('return ["{color}"];', { sections })).toEqual(['{color}']);
  });
});
