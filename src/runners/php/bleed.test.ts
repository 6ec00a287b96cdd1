// Nothing that one run leaves is seen by the next: pairs of a script that leaves something and one that looks.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Observation } from '../../core/observe.ts';
import type { Program, Runner } from '../../core/runner.ts';
import { invocationOf, programOf, returnedBy, someSections } from '../suite.ts';
import { answering, phpPath, runOf, testPhp } from './php-fixture.ts';

// One process, so that the next run meets what the last one left, unless the process was given up.
let runner: Runner;
const observed: Observation[] = [];

beforeAll(() => {
  const observe = (observation: Observation) => observed.push(observation);
  runner = testPhp({ observe, min: 1, max: 1, environment: { SHARED: 'yes' } });
});

afterAll(() => runner.stop());

const value = async (code: string) => returnedBy(await runOf(runner, code));

const traces: [leave: string, look: string, clean: unknown][] = [
  ['$x = 5;', 'return isset($x) ? "left" : "clean";', 'clean'],
  ['$GLOBALS["x"] = 5;', 'return isset($GLOBALS["x"]) ? "left" : "clean";', 'clean'],
  ['global $g; $g = 5;', 'global $g; return $g ?? "clean";', 'clean'],
  ['static $n = 0; $n++;', 'static $n = 0; return ++$n;', 1],
  ['function evil() {}', 'return function_exists("evil") ? "left" : "clean";', 'clean'],
  ['class Evil {}', 'return class_exists("Evil") ? "left" : "clean";', 'clean'],
  ['define("EVIL", 1);', 'return defined("EVIL") ? "left" : "clean";', 'clean'],
  ['const EVIL2 = 1;', 'return defined("EVIL2") ? "left" : "clean";', 'clean'],
  ['class_alias("stdClass", "Evil");', 'return class_exists("Evil") ? "left" : "clean";', 'clean'],
  ['class S { static $v = 0; } S::$v = 5;', 'class S { static $v = 1; } return S::$v;', 1],
  ['ini_set("precision", "3");', 'return ini_get("precision");', '14'],
  ['ini_set("memory_limit", "32M");', 'return ini_get("memory_limit");', '192M'],
  ['error_reporting(1);', 'return error_reporting();', 32_767],
  ['set_error_handler(fn() => true);', '$x = $y; return 1;', 1],
  [
    'set_exception_handler(fn() => 1);',
    'return set_exception_handler(null) === null ? "clean" : "left";',
    'clean',
  ],
  [
    'spl_autoload_register(fn($c) => eval("class $c {}"));',
    'return class_exists("Anything") ? "left" : "clean";',
    'clean',
  ],
  ['register_shutdown_function(fn() => print("evil"));', 'return 1;', 1],
  ['putenv("EVIL=1");', 'return getenv("EVIL") === false ? "clean" : "left";', 'clean'],
  ['putenv("SHARED=no");', 'return getenv("SHARED");', 'yes'],
  ['$_ENV["SHARED"] = "no";', 'return $_ENV["SHARED"];', 'yes'],
  ['$_SERVER["EVIL"] = 1;', 'return isset($_SERVER["EVIL"]) ? "left" : "clean";', 'clean'],
  ['$_GET["limit"] = "9"; $_POST["a"] = 1;', 'return [$_GET, $_POST];', [{ limit: '1' }, []]],
  [
    '$_COOKIE = ["a" => 1]; $_FILES = [1]; $_REQUEST = 5;',
    'return [$_COOKIE, $_FILES, $_REQUEST];',
    [[], [], { limit: '1' }],
  ],
  ['chdir("/");', 'return getcwd() === "/" ? "left" : "clean";', 'clean'],
  ['setlocale(LC_NUMERIC, "C.UTF-8");', 'return setlocale(LC_NUMERIC, "0");', 'C'],
  ['date_default_timezone_set("Asia/Tokyo");', 'return date_default_timezone_get();', 'UTC'],
  ['mb_internal_encoding("ISO-8859-1");', 'return mb_internal_encoding();', 'UTF-8'],
  [
    'mt_srand(5); mt_rand();',
    'mt_srand(5); return mt_rand() === 953453411 ? 1 : mt_rand() > 0;',
    expect.anything(),
  ],
  ['strtok("secret data", " ");', 'return strtok(" ") === false ? "clean" : "left";', 'clean'],
  ['set_include_path("/evil");', 'return get_include_path() === "/evil" ? "left" : "clean";', 'clean'],
  ['ob_start(fn($x) => "evil"); echo "x";', 'return ob_get_level();', 1],
  [
    'header("X-Evil: 1"); http_response_code(404);',
    'return [headers_list(), http_response_code()];',
    [[], 200],
  ],
  [
    'stream_wrapper_unregister("file");',
    'return in_array("file", stream_get_wrappers()) ? "clean" : "left";',
    'clean',
  ],
  ['libxml_use_internal_errors(true);', 'return libxml_use_internal_errors() ? "left" : "clean";', 'clean'],
  [
    '$f = fopen("php://memory", "w+"); fwrite($f, "secret");',
    'return count(get_resources("stream"));',
    expect.any(Number),
  ],
  ['file_put_contents("left.txt", "secret");', 'return file_exists("left.txt") ? "left" : "clean";', 'clean'],
  ['mkdir("left");', 'return is_dir("left") ? "left" : "clean";', 'clean'],
  ['touch(sys_get_temp_dir() . "/left.txt");', 'return glob(getcwd() . "/*");', undefined],
  [
    '$event["evil"] = 1; $event["request"]["parameters"]["evil"] = 1;',
    'return isset($event["evil"]) ? 2 : $event["request"]["parameters"];',
    { limit: '1' },
  ],
  [
    '$platform["config"]["version"] = "evil"; $platform["evil"] = 1;',
    'return [$platform["config"]["version"], isset($platform["evil"])];',
    ['1.0', false],
  ],
  [
    '$platform["api"]->get = null; $platform["api"]->evil = 1;',
    'return [gettype($platform["api"]->get), isset($platform["api"]->evil)];',
    ['object', false],
  ],
  ['$platform["store"]->set("k", "secret");', 'return $platform["store"]->get("k", "clean");', 'clean'],
  ['json_decode("{");', 'return json_last_error();', undefined],
  ['trigger_error("evil");', 'return error_get_last() === null ? "clean" : "left";', 'clean'],
  [
    '\\Tenon\\Runner\\KnownFunctions::isPure("x"); \\DreamFactory\\Core\\Exceptions\\RestException::class;',
    'return 1;',
    1,
  ],
  ['$f = "ini" . "_set"; $f("precision", "3");', 'return ini_get("precision");', '14'],
  ['array_map("ini" . "_set", ["precision"], ["3"]);', 'return ini_get("precision");', '14'],
  ['extract(["f" => "ini_set"]); $f("precision", "3");', 'return ini_get("precision");', '14'],
  ['$n = "f"; $$n = "ini_set"; $f("precision", "3");', 'return ini_get("precision");', '14'],
  ['[$f] = ["ini_set"]; $f("precision", "3");', 'return ini_get("precision");', '14'],
  ['foreach (["ini_set"] as $f) $f("precision", "3");', 'return ini_get("precision");', '14'],
  ['(new ArrayObject(["3", "precision"]))->uasort("ini_set");', 'return ini_get("precision");', '14'],
  ['(new ArrayObject(["3", "precision"]))->uasort("ini" . "_set");', 'return ini_get("precision");', '14'],
  ['$o = new ArrayObject(["ini_set"]); $o[0]("precision", "3");', 'return ini_get("precision");', '14'],
  ['("ini" . "_set")("precision", "3");', 'return ini_get("precision");', '14'],
  ['(fn($f) => $f("precision", "3"))("ini_set");', 'return ini_get("precision");', '14'],
  ['$f = ini_set(...); $f("precision", "3");', 'return ini_get("precision");', '14'],
  ['(new ReflectionFunction("ini_set"))->invoke("precision", "3");', 'return ini_get("precision");', '14'],
  ['call_user_func("def" . "ine", "EVIL3", 1);', 'return defined("EVIL3") ? "left" : "clean";', 'clean'],
  ['usort($event["response"]["content"]["resource"], "ini_set");', 'return ini_get("precision");', '14'],
];

describe('a PHP run', () => {
  it.each(traces)('that does %j leaves nothing to see', async (leave, look, clean) => {
    expect(await value(look)).toEqual(clean);
    await runOf(runner, leave);
    expect(await value(look)).toEqual(clean);
  });

  it('of one caller never gets the event of another', async () => {
    const program = programOf(
      'return $event["request"]["parameters"]["n"] . "/" . $event["response"]["content"];',
      {
        isQuick: true,
      },
    );
    const outcomes = await Promise.all(
      Array.from({ length: 500 }, (_, n) => {
        const sections = { ...someSections, parameters: `{"n":${n}}`, responseContent: `${n}` };
        return runner.run(invocationOf(program, { sections }));
      }),
    );
    expect(outcomes.map(returnedBy)).toEqual(outcomes.map((_, n) => `${n}/${n}`));
  });

  it('leaves nothing in twenty thousand runs of all kinds, mixed', async () => {
    const quick = { isQuick: true };
    const look = programOf(
      'return [isset($secret), isset($GLOBALS["secret"]), function_exists("secret"), defined("SECRET"), getenv("SECRET")];',
    );
    const leavers: Program[] = [
      programOf('$secret = $event["request"]["parameters"]["n"];', quick),
      programOf('$GLOBALS["secret"] = 1;'),
      programOf('function secret() {} define("SECRET", 1);'),
      programOf('putenv("SECRET=1"); die("x");'),
      programOf('$event["response"]["content"] = $event["request"]["parameters"];', quick),
      programOf('throw new Exception($event["request"]["parameters"]["n"]);', quick),
    ];
    const clean = [false, false, false, false, false];
    const check = async (n: number) => {
      const sections = { ...someSections, parameters: `{"n":"${n}"}` };
      const program = n % 10 === 0 ? look : (leavers[n % leavers.length] ?? look);
      const outcome = await runner.run(invocationOf(program, { sections, timeoutMs: 60_000 }));
      if (program === look) expect(returnedBy(outcome)).toEqual(clean);
      else if (outcome.kind === 'threw') expect(outcome.error.message).toBe(`${n}`);
      else if ('changes' in outcome && outcome.changes.responseContent?.startsWith('{')) {
        expect(outcome.changes.responseContent).toBe(`{"n":"${n}"}`);
      }
      return outcome.kind;
    };
    const kinds = new Set<string>();
    for (let start = 0; start < 20_000; start += 50) {
      const outcomes = await Promise.all(Array.from({ length: 50 }, (_, n) => check(start + n)));
      for (const kind of outcomes) kinds.add(kind);
    }
    expect([...kinds].toSorted()).toEqual(['exited', 'finished', 'threw']);
  }, 120_000);

  it.each([
    ['a plain one', '$x = 5; return 1;'],
    ['one that declares functions and classes', 'function f() {} class F {} return 1;'],
    ['one that changes settings', 'ini_set("precision", "3"); putenv("A=1"); chdir("/"); return 1;'],
    ['one that throws', 'throw new Exception("x");'],
    ['one that leaves', 'exit;'],
    ['one that calls the platform', '$get = $platform["api"]->get; return $get("db/x");'],
  ])('does not cost its process when it is %s', async (_name, code) => {
    const before = await value('return getmypid();');
    await runner.run(invocationOf(code, { bridge: answering('{}').bridge }));
    expect(await value('return getmypid();')).toBe(before);
  });

  it.each([
    ['leaves a file', 'file_put_contents("left.txt", "secret");'],
    ['leaves a process', 'proc_open(["sleep", "60"], [], $pipes); return 1;'],
    ['leaves a fork', 'if (pcntl_fork() === 0) { sleep(60); } return 1;'],
    [
      'calls by a name that nobody could foresee',
      'array_map("def" . "ine", ["MADE_" . getmypid()], [1]); return 1;',
    ],
  ])('costs its process when it %s', async (_name, code) => {
    const before = await value('return getmypid();');
    await runOf(runner, code);
    expect(await value('return getmypid();')).not.toBe(before);
  });

  it('is told apart in what is observed', () => {
    const reasons = observed.flatMap((seen) => (seen.kind === 'runner.retired' ? [seen.reason] : []));
    expect(new Set(reasons)).toEqual(new Set(['a run may have left traces']));
  });
});

describe('a PHP that cannot fork', () => {
  let folder: string;
  let alone: Runner;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tenon-test-'));
    const wrapper = join(folder, 'php');
    writeFileSync(wrapper, `#!/bin/sh\nexec ${phpPath} -d disable_functions=pcntl_fork "$@"\n`);
    chmodSync(wrapper, 0o755);
    alone = testPhp({ phpPath: wrapper, max: 1 });
  });
  afterAll(async () => {
    await alone.stop();
    rmSync(folder, { recursive: true });
  });

  it('uses each process once for what may leave something behind', async () => {
    const pids = new Set<unknown>();
    for (let i = 0; i < 3; i++) {
      pids.add(returnedBy(await runOf(alone, 'function f() { return getmypid(); } return f();')));
    }
    expect(pids.size).toBe(3);
  });

  it('stays warm for everything else', async () => {
    const before = returnedBy(await runOf(alone, 'return getmypid();'));
    expect(returnedBy(await runOf(alone, 'return getmypid();'))).toBe(before);
  });

  it('reads texts and tells how runs end all the same', async () => {
    const read = await alone.prepare?.({ name: 'a', content: 'function f() {}' });
    expect(read).toEqual({ kind: 'ready', isPristine: true, isQuick: false });
    expect(await alone.prepare?.({ name: 'a', content: '\n$a = ;' })).toMatchObject({
      kind: 'flawed',
      line: 2,
    });
    expect(await runOf(alone, 'exit(4);')).toMatchObject({ kind: 'exited', code: 4 });
    expect(await runOf(alone, 'die("text");')).toMatchObject({ kind: 'exited', code: 0 });
    const twice = await runOf(alone, 'function a() {}\nfunction a() {}');
    expect(twice).toMatchObject({ kind: 'threw', error: { line: 2 } });
  });
});
