// Scripts that try to take the server, its runners or other scripts down, in every language (the list of the
// threat model: time, memory, output, processes, files, channel, the parent, state of the runner).
// Invariant: none of them may cost the server anything but the run itself.

/** Bombs of one language by what they do. */
export type Bombs = Readonly<Record<string, string>>;

const node: Bombs = {
  'endless loop': 'while (true);',
  'endless microtasks': '(function f() { Promise.resolve().then(f); })();',
  'endless nextTick': '(function f() { process.nextTick(f); })();',
  'promise that never settles': 'await new Promise(() => {});',
  'backtracking regular expression': '/^(a+)+$/.test("a".repeat(40) + "b");',
  'heap bomb': 'const a = []; while (true) a.push(new Array(1e4).fill({}));',
  'buffer bomb': 'const a = []; while (true) a.push(Buffer.alloc(1e7, 1));',
  'flood of stdout': 'while (true) process.stdout.write("x".repeat(65536));',
  'flood of stderr': 'while (true) process.stderr.write("x".repeat(65536));',
  'flood of log lines': 'while (true) console.log("x".repeat(1e5));',
  'giant result': 'return "x".repeat(5e8);',
  'stack overflow': '(function f() { f(); })();',
  exit: 'process.exit(7);',
  abort: 'process.abort();',
  'unhandled rejection': 'Promise.reject(new Error("r")); await new Promise(() => {});',
  'kill of the parent': 'process.kill(process.ppid, "SIGKILL");',
  'kill of everybody': 'process.kill(-1, "SIGKILL");',
  'stop of itself': 'process.kill(process.pid, "SIGSTOP"); while (true);',
  'deaf to signals':
    'for (const s of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(s, () => {}); while (true);',
  'open files': 'const fs = require("fs"); const a = []; while (true) a.push(fs.openSync("/dev/null"));',
  'flood of threads':
    'const { Worker } = require("worker_threads"); for (let i = 0; i < 200; i++) ' +
    'new Worker("while (true);", { eval: true }); await new Promise(() => {});',
  'fork bomb':
    'const { spawn } = require("child_process"); for (let i = 0; i < 200; i++) ' +
    'spawn("sh", ["-c", "while :; do :; done"]).on("error", () => {}); while (true);',
  daemon:
    'require("child_process").spawn("sh", ["-c", "sleep 30"], { detached: true, stdio: "ignore" }).unref();',
  'disk bomb':
    'const fs = require("fs"); const b = Buffer.alloc(1e7); ' +
    'for (let i = 0; ; i++) fs.writeFileSync("f" + (i % 3), b, { flag: "a" });',
  'flood of calls': 'while (true) { platform.api.get("system"); await null; }',
  'calls without end': 'while (true) await platform.api.get("nowhere");',
  'recursion through the platform': 'return (await platform.api.get("SELF")).body;',
  'garbage on the channel': 'require("fs").writeSync(3, Buffer.alloc(64, 7));',
  'giant frame': 'require("fs").writeSync(3, Buffer.from("ffffff7f11", "hex"));',
  'half a frame': 'require("fs").writeSync(3, Buffer.from("4000000011aa", "hex")); while (true);',
  'forged result':
    'require("fs").writeSync(3, Buffer.from("15000000110000000000000000000000000000000000000000", "hex"));',
  'closed channel': 'require("fs").closeSync(3);',
  'broken built-ins':
    'JSON.stringify = Array.prototype.push = Map.prototype.get = () => { throw 1; }; return {a: 1};',
};

const python: Bombs = {
  'endless loop': 'while True: pass',
  'endless generator': 'import itertools\nfor i in itertools.count(): pass',
  sleep: 'import time\ntime.sleep(60)',
  'backtracking regular expression': 'import re\nre.match(r"(a+)+$", "a" * 40 + "b")',
  'heap bomb': 'a = []\nwhile True: a.append(bytearray(10_000_000))',
  'object bomb': 'a = []\nwhile True: a.append({"a": [1, 2, 3]})',
  'giant integer': '9 ** 9 ** 9',
  'flood of stdout': 'while True: print("x" * 65536)',
  'flood of stderr': 'import sys\nwhile True: sys.stderr.write("x" * 65536)',
  'flood of descriptor 1': 'import os\nwhile True: os.write(1, b"x" * 65536)',
  'giant result': 'return "x" * 500_000_000',
  'stack overflow': 'def f(): return f()\nreturn f()',
  'deep recursion': 'import sys\nsys.setrecursionlimit(10**9)\ndef f(): return f()\nreturn f()',
  exit: 'import sys\nsys.exit(7)',
  'hard exit': 'import os\nos._exit(7)',
  abort: 'import os\nos.abort()',
  'segmentation fault': 'import ctypes\nctypes.string_at(0)',
  'kill of the parent': 'import os, signal\nos.kill(os.getppid(), signal.SIGKILL)',
  'kill of everybody': 'import os, signal\nos.kill(-1, signal.SIGKILL)',
  'stop of itself': 'import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\nwhile True: pass',
  'deaf to signals': 'import signal\nfor s in (1, 2, 15): signal.signal(s, signal.SIG_IGN)\nwhile True: pass',
  'open files': 'a = []\nwhile True: a.append(open("/dev/null"))',
  'flood of threads':
    'import threading\nwhile True: threading.Thread(target=lambda: [0 for _ in iter(int, 1)]).start()',
  'fork bomb': 'import os\nwhile True: os.fork()',
  daemon: 'import subprocess\nsubprocess.Popen(["sh", "-c", "sleep 30"], start_new_session=True)',
  'disk bomb': 'f = open("f", "wb")\nwhile True: f.write(b"x" * 10_000_000)',
  'calls without end': 'while True: platform.api.get("nowhere")',
  'recursion through the platform': 'return platform.api.get("SELF").read().decode()',
  'garbage on the channel': 'import os\nos.write(3, b"\\7" * 64)',
  'giant frame': 'import os\nos.write(3, bytes.fromhex("ffffff7f11"))',
  'half a frame': 'import os\nos.write(3, bytes.fromhex("4000000011aa"))\nwhile True: pass',
  'forged result': 'import os\nos.write(3, bytes.fromhex("1500000011" + "00" * 20))',
  'closed channel': 'import os\nos.close(3)',
  'broken built-ins':
    'import json, builtins\njson.dumps = builtins.len = builtins.dict = None\nreturn {"a": 1}',
};

const php: Bombs = {
  'endless loop': 'while (true);',
  sleep: 'sleep(60);',
  'endless generator': 'foreach ((function () { while (true) yield 1; })() as $x);',
  'backtracking regular expression': 'preg_match("/^(a+)+$/", str_repeat("a", 40) . "b");',
  'heap bomb': '$a = []; while (true) $a[] = str_repeat("x", 10000000);',
  'object bomb': '$a = []; while (true) $a[] = new stdClass();',
  'memory without a limit':
    'ini_set("memory_limit", "-1"); $a = []; while (true) $a[] = str_repeat("x", 10000000);',
  'flood of stdout': 'while (true) echo str_repeat("x", 65536);',
  'flood of stderr': 'while (true) fwrite(fopen("php://stderr", "w"), str_repeat("x", 65536));',
  'flood of descriptor 1': '$o = fopen("php://fd/1", "w"); while (true) fwrite($o, str_repeat("x", 65536));',
  'giant result': 'return str_repeat("x", 100000000);',
  'stack overflow': 'function f() { return f(); } return f();',
  exit: 'exit(7);',
  die: 'die("dead");',
  'fatal error': 'class A implements Traversable {}',
  'shutdown function': 'register_shutdown_function(function () { while (true); }); exit(1);',
  'kill of the parent': 'posix_kill(posix_getppid(), 9);',
  'kill of everybody': 'posix_kill(-1, 9);',
  'kill of itself': 'posix_kill(posix_getpid(), 9);',
  'segmentation fault': 'posix_kill(posix_getpid(), 11); while (true);',
  'stop of itself': 'posix_kill(posix_getpid(), 19); while (true);',
  'deaf to signals': 'foreach ([1, 2, 15] as $s) pcntl_signal($s, SIG_IGN); while (true);',
  'open files': '$a = []; while (true) $a[] = fopen("/dev/null", "r");',
  'fork bomb': 'while (true) pcntl_fork();',
  'flood of programs': '$a = []; while (true) $a[] = popen("sleep 30", "r");',
  daemon: 'exec("setsid sleep 30 > /dev/null 2>&1 &");',
  'disk bomb': '$f = fopen("f", "w"); while (true) fwrite($f, str_repeat("x", 10000000));',
  'calls without end': '$get = $platform["api"]->get; while (true) $get("nowhere");',
  'recursion through the platform': '$get = $platform["api"]->get; return $get("SELF");',
  'garbage on the channel': '$c = fopen("php://fd/3", "w"); fwrite($c, str_repeat("\\7", 64)); fflush($c);',
  'giant frame': '$c = fopen("php://fd/3", "w"); fwrite($c, hex2bin("ffffff7f11")); fflush($c);',
  'half a frame':
    '$c = fopen("php://fd/3", "w"); fwrite($c, hex2bin("4000000011aa")); fflush($c); while (true);',
  'forged result':
    '$c = fopen("php://fd/3", "w"); fwrite($c, hex2bin("1500000011" . str_repeat("00", 20))); fflush($c);',
  'endless error handler': 'set_error_handler(function () { while (true); }); echo $nothing;',
};

/** Languages by script type, each with an ordinary script that must go on working. */
export const languages: Readonly<Record<string, { readonly bombs: Bombs; readonly ordinary: string }>> = {
  nodejs: { bombs: node, ordinary: 'return { fine: event.request.parameters.n };' },
  python3: { bombs: python, ordinary: "return {'fine': event.request.parameters.n}" },
  php: { bombs: php, ordinary: "return ['fine' => $event['request']['parameters']['n']];" },
};
