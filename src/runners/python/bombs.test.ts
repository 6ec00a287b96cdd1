// Scripts that try to take the server, its runners or each other down; after each, ordinary runs go on.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Outcome, Runner } from '../../core/runner.ts';
import { invocationOf, returnedBy } from '../suite.ts';
import { pythonPath, runRead, testRunner } from './python-fixture.ts';

let runner: Runner;

beforeAll(() => {
  runner = testRunner({ max: 3, memoryMb: 200 });
});

afterAll(() => runner.stop());

const explode = (code: string, timeoutMs = 600): Promise<Outcome> => runRead(runner, code, { timeoutMs });

const bombs: Record<string, [code: string, kind: string]> = {
  'an endless loop': ['while True: pass', 'timeout'],
  'an endless loop that catches all': [
    'while True:\n  try:\n    while True: pass\n  except BaseException: pass',
    'timeout',
  ],
  'an endless generator': ['for x in iter(int, 1): pass', 'timeout'],
  'an endless sum': ['sum(iter(int, 1))', 'timeout'],
  'a regular expression that backtracks': ['import re\nre.match("^(a+)+$", "a" * 40 + "b")', 'timeout'],
  'a number that is too large': ['x = 9 ** 9 ** 9', 'timeout|threw'],
  'a number as text': ['return str(9 ** 999999)', 'timeout|threw'],
  'a long sleep': ['import time\ntime.sleep(60)', 'timeout'],
  'a sleep that ignores signals': [
    'import signal, time\nfor n in range(1, 60):\n  try: signal.signal(n, signal.SIG_IGN)\n  except (OSError, ValueError): pass\ntime.sleep(60)',
    'timeout',
  ],
  'a lock that nobody opens': ['import threading\nl = threading.Lock()\nl.acquire()\nl.acquire()', 'timeout'],
  'a thread that never ends': [
    'import threading, time\nthreading.Thread(target=lambda: time.sleep(60)).start()',
    'timeout',
  ],
  'a flood of threads': [
    'import threading, time\nfor i in range(400): threading.Thread(target=lambda: time.sleep(60), daemon=True).start()',
    'finished|threw|timeout',
  ],
  'an exit function that never ends': [
    'import atexit, time\natexit.register(lambda: time.sleep(60))',
    'timeout',
  ],
  'a destructor that never ends': ['class A:\n  def __del__(self):\n    while True: pass\nA()', 'timeout'],
  'a coroutine that waits for nothing': [
    'import asyncio\nawait asyncio.get_event_loop().create_future()',
    'timeout',
  ],
  'a flood of stdout past our own': ['import os\nwhile True: os.write(1, b"x" * 65536)', 'timeout|crashed'],
  'a flood of stderr past our own': ['import os\nwhile True: os.write(2, b"x" * 65536)', 'timeout|crashed'],
  'a stop of its own process': ['import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)', 'timeout'],
  'a stop of the process before it': [
    'import os, signal, time\nos.kill(os.getppid(), signal.SIGSTOP)\ntime.sleep(60)',
    'timeout',
  ],
  'a kill of the process before it': [
    'import os, signal, time\nos.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(60)',
    'crashed',
  ],
  'a kill of its group': ['import os, signal, time\nos.kill(0, signal.SIGKILL)\ntime.sleep(60)', 'crashed'],
  'an abort': ['import os\nos.abort()', 'crashed'],
  'a segmentation fault': ['import ctypes\nctypes.string_at(0)', 'crashed'],
  'an end without a word': ['import os\nos._exit(0)', 'exited'],
  'another program in its place': ['import os\nos.execv("/bin/sh", ["sh", "-c", "exit 5"])', 'exited'],
  'a stack overflow': ['def f(): f()\nf()', 'threw'],
  'a stack overflow in C': [
    'import sys\nsys.setrecursionlimit(10 ** 8)\ndef f(): return repr(f())\nf()',
    'timeout|threw|crashed',
  ],
  'a deep value': ['a = []\nfor i in range(100000): a = [a]\nreturn a', 'threw'],
  'a value that contains itself': ['a = {}\na["a"] = a\nevent.request.parameters = a', 'threw'],
  'a giant message': ['raise Exception("x" * 12000000)', 'threw'],
  'an exception that cannot be shown': [
    'class E(Exception):\n  def __str__(self): return 1\nraise E()',
    'threw',
  ],
  'a group of exceptions in a circle': ['a = Exception("a")\na.__cause__ = a\nraise a', 'threw'],
  'a giant result': ['return "x" * 20000000', 'threw'],
  'a replaced writer of JSON': [
    'import sys\nfor m in list(sys.modules.values()):\n  if hasattr(m, "json_of"): m.json_of = None\nraise Exception("x")',
    'threw|crashed',
  ],
  'replaced builtins': [
    'import builtins\nfor n in list(vars(builtins)):\n  if n != "print": delattr(builtins, n)',
    'finished|threw|crashed',
  ],
  'more descriptors than there are': [
    'import os\ntry:\n  while True: os.open("/dev/null", os.O_RDONLY)\nexcept OSError: pass\nreturn 1',
    'finished|threw|crashed',
  ],
};

describe('a bomb', () => {
  it.each(Object.entries(bombs))('%s', async (_name, [code, kind]) => {
    // Those that end by themselves get the time for it, however busy the machine is.
    const outcome = await explode(code, kind.startsWith('timeout') ? 600 : 20_000);
    expect(outcome.kind).toMatch(new RegExp(`^(${kind})$`));
    expect(returnedBy(await runner.run(invocationOf('return 1')))).toBe(1);
  });

  it('of processes is gone with its run', async () => {
    const code = 'import os, time\nfor i in range(20):\n  if os.fork() == 0: time.sleep(60)\ntime.sleep(60)';
    expect((await explode(code)).kind).toBe('timeout');
    expect(returnedBy(await runner.run(invocationOf('return 1')))).toBe(1);
  });

  it('that leaves a process behind costs the one that it came from', async () => {
    const left =
      'import os, time\nwarm = os.getppid()\npid = os.fork()\nif pid == 0: time.sleep(60)\nreturn [warm, pid]';
    const pids = returnedBy(await runRead(runner, left)) as number[];
    expect(pids).toHaveLength(2);
    await expect.poll(() => pids.filter(isAlive), { timeout: 10_000 }).toEqual([]);
    expect(returnedBy(await runner.run(invocationOf('return 1')))).toBe(1);
  });

  it
    .runIf(process.platform === 'linux')
    .each([
      'a = []\nwhile True: a.append({"a": [1, 2, 3]})',
      'a = bytearray(10 ** 12)',
      'a = "x" * 10 ** 11',
      'import os\na = []\nwhile True: a.append(bytearray(10 ** 6))',
      'import mmap\na = []\nwhile True: a.append(mmap.mmap(-1, 10 ** 7))',
    ])('of memory is stopped: %j', async (code) => {
    const outcome = await explode(code, 20_000);
    expect(outcome.kind).toMatch(/^(threw|crashed)$/);
    if (outcome.kind === 'threw') expect(outcome.error.message).toMatch(/MemoryError|allocate memory/);
    expect(returnedBy(await runner.run(invocationOf('return 1')))).toBe(1);
  });

  it('of output keeps the first megabyte of it', async () => {
    const outcome = await explode('for i in range(30): print("x" * 100000)', 10_000);
    const log = 'log' in outcome ? outcome.log : [];
    expect(log.at(-1)).toEqual({ level: 'warn', text: 'Further output of this run was dropped.' });
    expect(log.reduce((sum, line) => sum + line.text.length, 0)).toBeLessThanOrEqual(1_048_576 + 100);
  });

  it.each(['for i in range(200000): print("")', 'for i in range(200000): print("x", end="")'])(
    'of small output ends too: %s',
    async (code) => {
      const outcome = await explode(code, 10_000);
      expect(outcome.kind).toBe('finished');
      expect('log' in outcome ? outcome.log.length : 0).toBeLessThan(100_000);
    },
  );

  it('of calls is killed', async () => {
    const answer = { status: 200, headers: {}, body: undefined };
    const bridge = { call: async () => answer };
    const outcome = await runRead(runner, 'for i in range(5000): platform.api.get("x")', { bridge });
    expect(outcome).toMatchObject({ kind: 'crashed', reason: expect.stringContaining('protocol') });
  });

  it.each([
    ['an endless loop', 'x = [1]\nwhile x: pass', /./],
    ['a giant text', `a = ${'1 + '.repeat(100_000)}1`, /too deeply|recursion|too complex|takes too long|./],
    ['a long sum of texts', `return ${'"x" + '.repeat(3_000)}"y"`, /too deeply/],
    ['nested brackets', `${'['.repeat(5_000)}${']'.repeat(5_000)}`, /too many nested|too deeply/],
    ['bytes that are no text', 'a = "\0"', /null/],
  ])('in a text that is only read does nothing: %s', async (_name, content, message) => {
    const found = await runner.prepare?.({ name: 'x', content });
    if (found?.kind === 'ready') expect(found.isQuick).toBe(true);
    else expect(found).toMatchObject({ kind: 'flawed', message: expect.stringMatching(message) });
    expect(returnedBy(await runner.run(invocationOf('return 1')))).toBe(1);
  });
});

// A result that never left our own program: kind 17, a made-up id, everything else as it should be.
const forged = (id: string, times: number) => `
import os, struct
body = bytes([17]) + ${id} + bytes([0, 0]) + struct.pack('<i', 0) + b'\\xff' * 40
for i in range(${times}): os.write(3, struct.pack('<I', len(body)) + body)
while True: pass`;

describe('a forged frame', () => {
  it.each([
    ['with an unknown id', forged("b'0123456789abcdef'", 1)],
    ['of zeros', 'import os\nos.write(3, bytes(100))\nwhile True: pass'],
    ['of giant length', 'import os\nos.write(3, b"\\xff" * 100)\nwhile True: pass'],
    ['of an unknown kind', 'import os\nos.write(3, bytes([1, 0, 0, 0, 99]))\nwhile True: pass'],
    ['that says ready again', 'import os\nos.write(3, bytes([1, 0, 0, 0, 16]))\nwhile True: pass'],
    ['that drops a run', 'import os\nos.write(3, bytes([17, 0, 0, 0, 19]) + bytes(16))\nwhile True: pass'],
  ])('%s kills its process and is not accepted', async (_name, code) => {
    const others = Array.from({ length: 30 }, () => runner.run(invocationOf('return 1')));
    const outcome = await explode(code, 5_000);
    expect(outcome).toMatchObject({ kind: 'crashed', reason: expect.stringContaining('broke the protocol') });
    for (const other of await Promise.all(others)) expect(returnedBy(other)).toBe(1);
  });

  it('that is never finished is ended by the deadline', async () => {
    const code = 'import os\nos.write(3, bytes([50, 0, 0, 0, 17, 1]))\nwhile True: pass';
    expect((await explode(code)).kind).toBe('timeout');
  });
});

describe('a server that is killed', () => {
  it.runIf(process.platform !== 'win32')(
    'leaves no runner behind, not even one in an endless loop or in a fork',
    async () => {
      const index = fileURLToPath(new URL('./index.ts', import.meta.url));
      const suite = { code: '', hash: 'a', name: 'a', isAsync: false, isPristine: false };
      const sections = { parameters: '', headers: '', content: '', payload: '', session: '', response: '' };
      const server = `
      const { createPythonRunner } = await import(${JSON.stringify(index)});
      const observe = (seen) => seen.kind === 'runner.started' && console.log(seen.pid);
      const pythonPath = ${JSON.stringify(pythonPath)};
      const runner = createPythonRunner({ observe, platformConfig: '{}', max: 3, pythonPath });
      const sections = { meta: '{}', responseContent: '', ...${JSON.stringify(sections)} };
      const run = (code) => runner.run({ program: { ...${JSON.stringify(suite)}, code, hash: code }, sections,
        timeoutMs: 60000, depth: 0, bridge: {} });
      await run('return 1');
      void run('while True: pass');
      void run('import os, time\\ntime.sleep(60)\\nos.fork()');
      setTimeout(() => console.log('ready'), 500);`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', server], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let said = '';
      for await (const chunk of child.stdout) {
        said += String(chunk);
        if (said.includes('ready')) child.kill('SIGKILL');
      }
      const pids = said
        .split('\n')
        .map(Number)
        .filter((pid) => pid > 0);
      expect(pids.length).toBeGreaterThanOrEqual(2);
      await expect.poll(() => pids.filter(isAlive), { timeout: 10_000 }).toEqual([]);
    },
  );
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
