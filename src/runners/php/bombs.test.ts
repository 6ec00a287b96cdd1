// PHP scripts that try to take the server, its runners or each other down; after each, ordinary runs go on.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { limits } from '../../core/limits.ts';
import type { Outcome, Runner } from '../../core/runner.ts';
import { invocationOf, returnedBy } from '../suite.ts';
import { answering, runOf, testPhp } from './php-fixture.ts';

let runner: Runner;

beforeAll(() => {
  runner = testPhp({ max: 3, heapMb: 64 });
});

afterAll(() => runner.stop());

const explode = (code: string, timeoutMs = 400): Promise<Outcome> => runOf(runner, code, { timeoutMs });
const goesOn = async () => expect(returnedBy(await runOf(runner, 'return 1;'))).toBe(1);

const bombs: Record<string, [code: string, kind: string]> = {
  'an endless loop': ['while (true);', 'timeout'],
  'an endless loop in a fork': ['function f() { while (true); } f();', 'timeout'],
  'an endless generator': ['foreach ((function () { while (true) yield 1; })() as $x);', 'timeout'],
  'an endless recursion': ['$f = function () use (&$f) { return $f(); }; $f();', 'threw|crashed'],
  'an endless recursion of a function': ['function f() { f(); } f();', 'threw|crashed'],
  'a recursion through sorting': [
    'function f() { usort($GLOBALS["a"], "f"); } $a = [2, 1]; $GLOBALS["a"] = [2, 1]; f();',
    'threw|crashed|finished',
  ],
  'an endless sleep': ['sleep(1000);', 'timeout'],
  'a regular expression that backtracks': [
    'return preg_match("/^(a+)+$/", str_repeat("a", 40) . "b") === false;',
    'finished',
  ],
  'a heap of text': ['$a = ""; while (true) $a .= str_repeat("x", 1000000);', 'threw'],
  'a heap of lists': ['$a = []; while (true) $a[] = [1, 2, 3];', 'threw'],
  'a heap in a fork': ['function f() { $a = []; while (true) $a[] = [1, 2, 3]; } f();', 'threw'],
  'a heap without a limit': [
    'ini_set("memory_limit", "-1"); $a = []; for ($i = 0; $i < 3; $i++) $a[] = str_repeat("x", 20000000); return 1;',
    'finished',
  ],
  'a giant text at once': ['str_repeat("x", PHP_INT_MAX - 1000);', 'threw'],
  'a flood of output': ['while (true) echo str_repeat("x", 65536);', 'timeout'],
  'a flood of standard output': [
    'while (true) fwrite(fopen("php://stdout", "w"), str_repeat("x", 65536));',
    'timeout|threw|crashed',
  ],
  'a flood of standard errors': [
    '$e = fopen("php://stderr", "w"); while (true) fwrite($e, str_repeat("x", 65536));',
    'timeout',
  ],
  'a flood of warnings': ['while (true) { $x = $y; }', 'timeout'],
  'a stop of its own process': ['posix_kill(getmypid(), SIGSTOP); while (true);', 'timeout'],
  'a stop of its parent': ['posix_kill(posix_getppid(), SIGSTOP); while (true);', 'timeout'],
  'a kill of its own process': ['posix_kill(getmypid(), SIGKILL);', 'crashed'],
  'a kill of its parent': ['posix_kill(posix_getppid(), SIGKILL); while (true);', 'crashed'],
  'a kill of its group': ['posix_kill(0, SIGKILL); while (true);', 'crashed'],
  'a segmentation fault': ['posix_kill(getmypid(), SIGSEGV); sleep(1);', 'crashed'],
  'an abort': ['posix_kill(getmypid(), SIGABRT); sleep(1);', 'crashed'],
  'a fork that stays': ['if (pcntl_fork() === 0) { while (true); } return 1;', 'finished|timeout'],
  'a fork that answers, too': ['pcntl_fork(); return 1;', 'finished|crashed'],
  'a daemon': ['if (pcntl_fork() === 0) { posix_setsid(); sleep(2); exit; } return 1;', 'finished|timeout'],
  'a process that stays': ['proc_open(["sleep", "30"], [], $p); return 1;', 'finished'],
  'a shell': ['return strlen((string) shell_exec("echo hello")) > 0;', 'finished'],
  'a flood of files': [
    'for ($i = 0; $i < 2000; $i++) $f[] = fopen("php://memory", "w"); for ($i = 0; $i < 2000; $i++) touch("f$i"); return 1;',
    'finished|timeout',
  ],
  'a symbolic link out of its folder': ['symlink("/etc", "out"); return 1;', 'finished'],
  'an endless shutdown function': [
    'register_shutdown_function(function () { while (true); }); return 1;',
    'timeout',
  ],
  'an endless destructor': [
    'class D { function __destruct() { while (true); } } $GLOBALS["d"] = new D; return 1;',
    'finished',
  ],
  'an exit in a destructor': [
    'class D { function __destruct() { exit(3); } } $d = new D; return 1;',
    'exited|finished',
  ],
  'an exit in a shutdown function': [
    'register_shutdown_function(function () { exit(3); }); return 1;',
    'finished|exited',
  ],
  'a throw in a shutdown function': [
    'register_shutdown_function(function () { throw new Exception("late"); }); return 1;',
    'finished|threw',
  ],
  'a signal that is ignored': [
    'pcntl_async_signals(true); pcntl_signal(SIGTERM, SIG_IGN); pcntl_alarm(1); while (true);',
    'timeout',
  ],
  'an exception whose message throws': [
    'throw new class extends Exception { function getStatusCode() { throw new Exception("s"); } };',
    'threw',
  ],
  'a giant message': ['throw new Exception(str_repeat("x", 12000000));', 'threw'],
  'a chain of a thousand exceptions': [
    '$e = null; for ($i = 0; $i < 1000; $i++) $e = new Exception("e", 0, $e); throw $e;',
    'threw',
  ],
  'a value that throws as JSON': [
    'return new class implements JsonSerializable { function jsonSerialize(): mixed { throw new Exception("j"); } };',
    'threw',
  ],
  'a value without an end': [
    'return new class implements JsonSerializable { function jsonSerialize(): mixed { return [$this]; } };',
    'threw|crashed',
  ],
  'a reference to itself': ['$event["response"]["content"] = &$event;', 'threw|finished'],
  'a text of a million brackets': [
    'return eval("return " . str_repeat("[", 100000) . str_repeat("]", 100000) . ";");',
    'threw|crashed|finished',
  ],
  'an error handler that throws for ever': [
    'set_error_handler(function ($n, $m) { throw new Exception($m); }); $x = $y;',
    'threw',
  ],
  'an autoloader that never ends': [
    'spl_autoload_register(function () { while (true); }); new Foo();',
    'timeout',
  ],
  'an include of itself': [
    'file_put_contents("a.php", "<?php include \\"a.php\\";"); include "a.php";',
    'threw|crashed|timeout',
  ],
  'a buffer that cannot be closed': ['ob_start(fn($x) => $x, 0, 0); echo "x"; return 1;', 'finished'],
  'an output handler that prints': [
    'ob_start(function ($x) { echo "y"; return $x; }); echo "x"; return 1;',
    'finished|threw',
  ],
  'a change of the host itself': [
    '\\Tenon\\Runner\\Run::$current = null; echo "x"; return 1;',
    'finished|crashed|threw|exited',
  ],
};

describe('a PHP bomb', () => {
  it.each(Object.entries(bombs))('%s', async (_name, [code, kind]) => {
    // Only what ends by the deadline must not wait for a late one.
    const outcome = await explode(code, kind.startsWith('timeout') ? 400 : 20_000);
    expect(outcome.kind).toMatch(new RegExp(`^(${kind})$`));
    await goesOn();
  });

  it('of the heap says how much there was', async () => {
    const outcome = await explode('$a = []; while (true) $a[] = [1, 2, 3];', 10_000);
    const message = expect.stringContaining('Allowed memory size of 67108864 bytes exhausted');
    expect(outcome).toMatchObject({ kind: 'threw', error: { message, line: 1 } });
  });

  it('of output keeps the first megabyte of it', async () => {
    const outcome = await explode(
      'for ($i = 0; $i < 30; $i++) { echo str_repeat("x", 100000); $y = $z; }',
      10_000,
    );
    const log = 'log' in outcome ? outcome.log : [];
    expect(log.at(-1)).toEqual({ level: 'warn', text: 'Further output of this run was dropped.' });
    const size = log.reduce((sum, line) => sum + line.text.length, 0);
    expect(size).toBeLessThanOrEqual(limits.scriptLogBytes + 100);
  });

  it('of a thousand at once leaves the others alone', async () => {
    const loops = Array.from({ length: 3 }, () => explode('while (true);', 300));
    const others = await Promise.all(Array.from({ length: 60 }, () => runOf(runner, 'return 1;')));
    expect(others.map(returnedBy)).toEqual(Array(60).fill(1));
    for (const loop of await Promise.all(loops)) expect(loop.kind).toBe('timeout');
  });

  it('of calls is answered with an error, and killed when it goes on', async () => {
    const { bridge } = answering('{}');
    const code = 'for ($i = 0; $i < 5000; $i++) $platform["api"]->get("x");';
    const outcome = await runOf(runner, code, { bridge, timeoutMs: 30_000 });
    expect(outcome).toMatchObject({ kind: 'crashed', reason: expect.stringContaining('protocol') });
    await goesOn();
  });
});

// A result that never left the host: kind 17, a made-up id, everything else as it should be.
const forged = (times: number) => `
  $body = chr(17) . "0123456789abcdef" . "\\0\\0" . "\\0\\0\\0\\0" . str_repeat("\\xff", 40);
  for ($i = 0; $i < ${times}; $i++) fwrite(fopen("php://fd/3", "w"), pack("V", strlen($body)) . $body);
  while (true);`;
const raw = (text: string) => `fwrite(fopen("php://fd/3", "w"), "${text}"); while (true);`;

describe('a forged frame of a PHP script', () => {
  it.each([
    ['with an unknown id', forged(1)],
    ['twice', forged(2)],
    ['of zeros', raw('\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0')],
    ['of giant length', raw('\\xff\\xff\\xff\\xff\\xff')],
    ['of an unknown kind', raw('\\x01\\0\\0\\0\\x63')],
    ['that says ready again', raw('\\x01\\0\\0\\0\\x10')],
  ])('%s kills its process and is not accepted', async (_name, code) => {
    const others = Array.from({ length: 30 }, () => runner.run(invocationOf('return 1;')));
    const outcome = await explode(code, 5_000);
    expect(outcome).toMatchObject({ kind: 'crashed', reason: expect.stringContaining('broke the protocol') });
    for (const other of await Promise.all(others)) expect(returnedBy(other)).toBe(1);
  });

  it('that is never finished is ended by the deadline', async () => {
    expect((await explode(raw('\\x32\\0\\0\\0\\x11\\x01'))).kind).toBe('timeout');
    await goesOn();
  });

  it('to the process that waits for the fork is no answer either', async () => {
    const code = 'foreach (get_resources("stream") as $s) @fwrite($s, "garbage"); sleep(10);';
    expect((await explode(code, 1_000)).kind).toMatch(/^(crashed|timeout)$/);
    await goesOn();
  });
});
