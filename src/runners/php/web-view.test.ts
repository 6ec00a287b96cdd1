// What PHP scripts and their libraries expect of a web server: headers, superglobals, exit, include paths and
// packages.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Changes, Invocation, Runner } from '../../core/runner.ts';
import { invocationOf, programOf, returnedBy, someSections } from '../suite.ts';
import { beforeSections, runOf, serviceSections, testPhp } from './php-fixture.ts';

let runner: Runner;
let folder: string;

// A router in the manner of those that scripts use: it asks and answers through what a web server gives.
const router = `<?php
namespace Routing\\Simple;
class Router {
  private array $routes = [];
  public function get(string $pattern, callable $do): void { $this->routes['GET'][$pattern] = $do; }
  public function run(): void {
    $uri = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
    foreach ($this->routes[$_SERVER['REQUEST_METHOD']] ?? [] as $pattern => $do) {
      if (preg_match('#^' . $pattern . '$#', $uri, $found)) {
        header('X-Powered-By: router');
        $do(...array_slice($found, 1));
        return;
      }
    }
    header($_SERVER['SERVER_PROTOCOL'] . ' 404 Not Found');
  }
}
`;

const autoload = `<?php
spl_autoload_register(function ($class) {
  if ($class === 'Routing\\\\Simple\\\\Router') require __DIR__ . '/router.php';
}, true, true);
`;

const files: Record<string, string> = {
  'packages/vendor/autoload.php': autoload,
  'packages/vendor/router.php': router,
  'packages/libraries/Greeting.php': '<?php class Greeting { const WORD = "hi"; }',
  'read/Filter.php':
    '<?php namespace My\\Validate; class Filter { function check($v) { header("X-Checked: 1"); return $v > 1; } }',
  'read/quits.php': '<?php echo "bye"; exit("!");',
  'read/shared.php': '<?php return ["seen" => $event["request"]["parameters"], "mine" => 1];',
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tenon-test-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const environment = { GREETING: 'hello', FLAG: 'true', NOTHING: 'null' };
  runner = testPhp({ packages: join(folder, 'packages'), readPaths: [join(folder, 'read')], environment });
});

afterAll(async () => {
  await runner.stop();
  rmSync(folder, { recursive: true });
});

const service = { sections: serviceSections };
const run = (code: string, options: Partial<Invocation> = service) => runOf(runner, code, options);
const value = async (code: string, options?: Partial<Invocation>) => returnedBy(await run(code, options));

async function changesOf(code: string, options?: Partial<Invocation>): Promise<Changes> {
  const outcome = await run(code, options);
  return 'changes' in outcome ? outcome.changes : {};
}

describe('headers that a PHP script sends', () => {
  it('join the answer that it leaves in its event', async () => {
    const changes = await changesOf('header("X-A: b"); $event["response"]["content"] = 1;');
    expect(JSON.parse(changes.response ?? '')).toEqual({ headers: { 'X-A': 'b' } });
    expect(changes.responseContent).toBe('1');
  });

  it('join the value that it returns', async () => {
    const changes = await run('header("X-A: b"); return [1];');
    expect(returnedBy(changes)).toEqual({ headers: { 'X-A': 'b' }, content: [1] });
    expect(await value('header("X-A: b"); return ["content" => 1, "status_code" => 201];')).toEqual({
      headers: { 'X-A': 'b' },
      content: 1,
      status_code: 201,
    });
  });

  it('join those of an answer that is there', async () => {
    const response = '{"status_code":200,"content_type":null,"format":201,"headers":{"X-Old":"1"}}';
    const sections = { ...someSections, response };
    const changes = await changesOf('$r = $event["response"]; header("X-A: b");', { sections });
    expect(JSON.parse(changes.response ?? '')).toMatchObject({ headers: { 'X-Old': '1', 'X-A': 'b' } });
  });

  it('do not answer in place of the service', async () => {
    expect(await changesOf('header("X-A: b");', { sections: beforeSections })).toEqual({});
  });

  it('of a status are known to the script and overwritten', async () => {
    const code =
      'http_response_code(404); header("HTTP/1.1 405 No"); return [http_response_code(), headers_list()];';
    expect(await value(code)).toEqual([405, []]);
    expect(await changesOf('header("HTTP/1.1 404 Not Found");')).toEqual({});
  });

  it('can be replaced, added and removed', async () => {
    const code =
      'header("A: 1"); header("a: 2"); header("B: 1"); header("B: 2", false); header("C: 1"); header_remove("c"); ' +
      'setcookie("k", "v w", ["path" => "/", "httponly" => true]); echo headers_sent() ? "sent" : "not sent"; ' +
      '$GLOBALS["x"] = 1; $list = headers_list(); header_remove(); return $list;';
    expect(await value(code)).toEqual(['a: 2', 'B: 1, 2', 'Set-Cookie: k=v%20w; path=/; HttpOnly']);
  });

  it('are gone with their run', async () => {
    await run('header("X-A: b"); http_response_code(404);');
    expect(await value('return [headers_list(), http_response_code()];')).toEqual([[], 200]);
  });
});

describe('the request as a web server shows it', () => {
  it.each([
    ['$_SERVER["REQUEST_METHOD"]', 'GET'],
    ['$_SERVER["REQUEST_URI"]', '/api/v2/math/add?n=4'],
    ['$_SERVER["QUERY_STRING"]', 'n=4'],
    ['$_SERVER["SCRIPT_NAME"]', '/index.php'],
    ['$_SERVER["SERVER_PROTOCOL"]', 'HTTP/1.1'],
    ['$_SERVER["HTTP_HOST"]', 'api.example.com'],
    ['$_GET', { n: '4' }],
    ['$_POST', []],
    ['$_REQUEST', { n: '4' }],
    ['$_COOKIE', { a: '1', b: 'x y' }],
    ['getallheaders()["accept"]', '*/*'],
    ['isset($_SERVER["argv"])', false],
    ['implode(array_filter(array_keys($_SERVER), fn($k) => str_contains($k, "TENON")))', ''],
  ])('%s', async (expression, seen) => {
    expect(await value(`return ["v" => ${expression}];`)).toEqual({ v: seen });
  });

  it('has the fields of a form', async () => {
    const headers = '{"content-type":"application/x-www-form-urlencoded"}';
    const sections = { ...serviceSections, headers, content: 'a=1&b[]=2' };
    expect(await value('return $_POST;', { sections })).toEqual({ a: '1', b: ['2'] });
  });

  it('has the variables that the process was given, and no others', async () => {
    expect(await value('return [env("GREETING"), getenv("GREETING"), $_ENV["GREETING"]];')).toEqual(
      Array(3).fill('hello'),
    );
    expect(
      await value('return [env("FLAG"), env("NOTHING"), env("NOPE", 5), env("NOPE", fn() => 6)];'),
    ).toEqual([true, null, 5, 6]);
    const names = (await value('return array_keys(getenv());')) as string[];
    expect(names.toSorted()).toEqual(['FLAG', 'GREETING', 'HOME', 'LANG', 'NOTHING', 'PATH', 'TMPDIR', 'TZ']);
  });
});

describe('a PHP script that ends the request', () => {
  const answer = (content: string, status = 200) => ({
    kind: 'exited',
    code: 0,
    changes: {
      response: JSON.stringify({
        status_code: status,
        content_type: 'text/html; charset=UTF-8',
        headers: {},
      }),
      responseContent: JSON.stringify(content),
    },
  });

  it.each([
    ['die("text");', answer('text')],
    ['exit("text");', answer('text')],
    ['echo "a"; exit;', answer('a')],
    ['exit();', answer('')],
    ['$x = null; $x ?? die("no x");', answer('no x')],
    ['try { exit("text"); } catch (\\Throwable $e) { return 1; } finally { echo "never"; }', answer('text')],
    ['http_response_code(403); die("no");', answer('no', 403)],
    ['function f() { exit("deep"); } f();', answer('deep')],
    ['include "quits.php";', answer('bye!')],
    ['ob_start(); echo "held"; exit;', answer('held')],
    ['register_shutdown_function(function () { echo " late"; }); exit("now");', answer(' latenow')],
    ['dd("a<b");', answer('<pre>&quot;a&lt;b&quot;</pre>\n', 500)],
    [
      'if ($event["request"]["method"] == "GET") { dd("GET request!"); }',
      answer('<pre>&quot;GET request!&quot;</pre>\n', 500),
    ],
  ])('%s', async (code, outcome) => {
    expect(await run(code)).toMatchObject(outcome);
  });

  it('with headers sends those', async () => {
    const changes = await changesOf(
      'header("Content-Type: application/json"); header("X-A: b"); die(\'{"a":1}\');',
    );
    const response = { status_code: 200, content_type: 'application/json', headers: { 'X-A': 'b' } };
    expect(JSON.parse(changes.response ?? '')).toMatchObject(response);
  });

  it('with a number ends like a failed command', async () => {
    expect(await run('exit(7);')).toMatchObject({ kind: 'exited', code: 7, changes: {} });
  });

  it('refuses where it may not change the answer', async () => {
    const outcome = await run('http_response_code(403); die("<b>no</b>");', {
      ...service,
      wantsChanges: false,
    });
    expect(outcome).toMatchObject({ kind: 'threw', error: { message: 'no', status: 403 } });
    expect(await run('exit;', { ...service, wantsChanges: false })).toMatchObject({ kind: 'threw' });
  });

  it('leaves its process to the next run', async () => {
    const pid = 'return getmypid();';
    const before = await value(pid);
    await run('die("x");');
    expect(await value(pid)).toBe(before);
  });
});

describe('libraries of a PHP script', () => {
  it('are found in the paths that scripts may read', async () => {
    const code = 'require_once "Filter.php"; return ["ok" => (new \\My\\Validate\\Filter())->check(2)];';
    expect(await value(code)).toEqual({ headers: { 'X-Checked': '1' }, content: { ok: true } });
    expect(await value('return (include "shared.php");')).toEqual({ seen: { n: '4' }, mine: 1 });
  });

  it('are found beside the packages', async () => {
    expect(await value('require "Greeting.php"; return Greeting::WORD;')).toBe('hi');
  });

  it('are found in a path that the script sets', async () => {
    const code = `set_include_path("${folder}/read"); require_once("Filter.php"); return class_exists("My\\\\Validate\\\\Filter");`;
    expect(await value(code)).toBe(true);
    expect(await value('return str_contains(get_include_path(), "libraries");')).toBe(true);
  });

  it('are loaded from the packages when a class is named', async () => {
    const code = `
      use Routing\\Simple\\Router;
      $router = new Router();
      $answer = [];
      $router->get('/api/v2/math/(\\w+)', function ($what) use (&$answer) { $answer['what'] = $what; });
      $router->run();
      return $answer;`;
    const content = { what: 'add' };
    for (let i = 0; i < 2; i++) {
      expect(await value(code)).toEqual({ headers: { 'X-Powered-By': 'router' }, content });
    }
  });

  it('that are not there are an error of the script', async () => {
    expect(await run('new \\Nobody\\Knows();')).toMatchObject({
      kind: 'threw',
      error: { message: 'Class "Nobody\\Knows" not found', line: 1 },
    });
    expect(await run('require "nope.php";')).toMatchObject({ kind: 'threw', error: { line: 1 } });
  });
});

describe('a PHP text that is only read', () => {
  const check = async (content: string) => runner.prepare?.({ name: 'a', content });
  it.each([
    ['return 1;', false, true],
    ['$event["request"]["parameters"]["a"] = strtoupper("b");', false, true],
    ['usort($x, fn($a, $b) => $a <=> $b);', false, true],
    ['return $platform["api"]->get("a");', false, false],
    ['$get = $platform["api"]->get; return $get("a");', false, false],
    ['return $_SERVER["REQUEST_URI"];', false, false],
    ['sleep(1);', false, false],
    ['function f() {}', true, false],
    ['die("x");', true, false],
    ['dd(1);', true, false],
    ['ini_set("precision", 3);', true, false],
    ['include "a.php";', true, false],
    ['$f = $event["request"]["method"]; $f(1);', true, false],
    ['array_map("putenv", ["A=1"]);', true, false],
    ['new Foo();', true, false],
    ['Foo::bar();', true, false],
    ['`ls`;', true, false],
    ['static $a;', true, false],
    ['$GLOBALS["a"] = 1;', true, false],
    ['file_put_contents("a", "b");', true, false],
  ])('%s: pristine %s, quick %s', async (code, isPristine, isQuick) => {
    expect(await check(code)).toEqual({ kind: 'ready', isPristine, isQuick });
  });

  it.each([
    ['$a = ;', 1, 'unexpected token'],
    ['\n\nif (', 3, 'Unclosed'],
    ['\nbreak;', 2, 'break'],
    ['function a() {}\nfunction a() {}', 2, 'Cannot redeclare'],
    ['class A extends A {}', 1, ''],
    ['$x = fn($a, $a) => 1;', 1, 'Redefinition of parameter'],
  ])('%j is refused in line %i', async (code, line, message) => {
    const prepared = await check(code);
    if (code.startsWith('class')) expect(prepared).toMatchObject({ kind: 'ready' });
    else expect(prepared).toMatchObject({ kind: 'flawed', line, message: expect.stringContaining(message) });
  });

  it('is not run', async () => {
    const path = join(folder, 'written');
    expect(await check(`file_put_contents("${path}", "x"); exit;`)).toMatchObject({ kind: 'ready' });
    expect(await value(`return file_exists("${path}") ? "yes" : "no";`)).toBe('no');
  });

  it('is done in the process that runs scripts, which goes on', async () => {
    const pid = await value('return getmypid();');
    for (let i = 0; i < 5; i++) await check(`$a = ${i}; $b = ;`);
    expect(await value('return getmypid();')).toBe(pid);
    expect(returnedBy(await runner.run(invocationOf(programOf('return 2;'))))).toBe(2);
  });
});
