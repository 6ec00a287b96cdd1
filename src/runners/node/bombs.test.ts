// Scripts that try to take the server, its runners or each other down; after each, ordinary runs go on.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Outcome, Runner } from '../../core/runner.ts';
import { invocationOf, programOf, returnedBy } from '../suite.ts';
import { createNodeRunner } from './index.ts';

let runner: Runner;

beforeAll(() => {
  runner = createNodeRunner({ observe: () => {}, platformConfig: '{}', max: 3, heapMb: 48, memoryMb: 220 });
});

afterAll(() => runner.stop());

const explode = (code: string, timeoutMs = 400): Promise<Outcome> =>
  runner.run(invocationOf(programOf(code, { isAsync: code.includes('await') }), { timeoutMs }));

const bombs: Record<string, [code: string, kind: string]> = {
  'an endless loop': ['while (true);', 'timeout'],
  'endless microtasks': ['(function f() { Promise.resolve().then(f); })();', 'timeout'],
  'endless nextTick': ['(function f() { process.nextTick(f); })();', 'timeout'],
  'endless immediates': ['(function f() { setImmediate(f); })();', 'timeout'],
  'an open interval': ['setInterval(function () {}, 1);', 'timeout'],
  'a promise that never settles': ['await new Promise(() => {});', 'timeout'],
  'an open socket': ['require("net").createServer().listen(0);', 'timeout'],
  'an endless generator': ['for (const x of (function* () { while (true) yield 1; })()) void x;', 'timeout'],
  'a regular expression that backtracks': ['/^(a+)+$/.test("a".repeat(40) + "b");', 'timeout'],
  // What is not read in time waits in the memory of the script's own process, whose end that may be first.
  'a flood of stdout': ['while (true) process.stdout.write("x".repeat(65536));', 'timeout|crashed'],
  'a flood of stderr': ['while (true) process.stderr.write("x".repeat(65536));', 'timeout|crashed'],
  'a stop of its own process': ['process.kill(process.pid, "SIGSTOP"); while (true);', 'timeout'],
  'an endless exit listener': ['process.on("exit", () => { while (true); }); process.exit(1);', 'exited'],
  'a stack overflow': ['(function f() { f(); })();', 'threw'],
  'an abort': ['process.abort();', 'crashed'],
  'a segmentation fault': ['process.kill(process.pid, "SIGSEGV"); while (true);', 'crashed'],
  'a kill of its own group': ['process.kill(-process.pid, "SIGKILL"); while (true);', 'crashed'],
  'an unhandled rejection': ['Promise.reject(new Error("r"));', 'threw'],
  'a late exception': ['setTimeout(() => { throw 1; }, 2);', 'threw'],
  'an error whose message throws': ['throw new Proxy({}, {get() { throw 1; }});', 'threw'],
  'a giant message': ['throw new Error("x".repeat(12e6));', 'threw'],
  'a value that throws as JSON': ['return {toJSON() { throw new Error("j"); }};', 'threw'],
  'a replaced JSON': ['JSON.stringify = () => { throw new Error("j"); }; return {a: 1};', 'crashed'],
  'an overwritten Map': [
    'Map.prototype.get = function () { while (true); }; await platform.api.get("x");',
    'timeout',
  ],
};

describe('a bomb', () => {
  it.each(Object.entries(bombs))('%s', async (_name, [code, kind]) => {
    // Only what ends by the deadline must not wait for a late one.
    const outcome = await explode(code, kind.startsWith('timeout') ? 400 : 20_000);
    expect(outcome.kind).toMatch(new RegExp(`^(${kind})$`));
    expect(returnedBy(await runner.run(invocationOf('return 1;')))).toBe(1);
  });

  it('of the heap ends its process before the machine suffers', async () => {
    const outcome = await explode('const a = []; while (true) a.push({a: [1, 2, 3]});', 20_000);
    expect(outcome).toMatchObject({ kind: 'crashed' });
    expect(outcome).toMatchObject({ reason: expect.stringMatching(/heap|memory/) });
  });

  it.runIf(process.platform === 'linux')('of buffers is stopped by the memory of its process', async () => {
    // Slow enough that the test cannot take more of the machine than the limit and a little.
    const code =
      'const a = []; for (let i = 0; i < 40; i++) { a.push(Buffer.alloc(1e7, 1)); ' +
      'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30); } while (true);';
    const outcome = await explode(code, 20_000);
    expect(outcome).toEqual({ kind: 'crashed', reason: 'it took more than 220 MB of memory', log: [] });
  });

  it('of output keeps the first megabyte of it', async () => {
    const outcome = await explode('for (let i = 0; i < 30; i++) console.log("x".repeat(1e5));', 10_000);
    const log = 'log' in outcome ? outcome.log : [];
    expect(log.at(-1)).toEqual({ level: 'warn', text: 'Further output of this run was dropped.' });
    expect(log.reduce((sum, line) => sum + line.text.length, 0)).toBeLessThanOrEqual(1_048_576 + 100);
  });

  it('of empty lines ends too', async () => {
    const outcome = await explode('for (let i = 0; i < 200000; i++) console.log("");', 10_000);
    expect(outcome.kind).toBe('finished');
    expect('log' in outcome ? outcome.log.length : 0).toBeLessThan(100_000);
  });

  it('of calls is killed', async () => {
    const answer = { status: 200, headers: {}, body: undefined };
    const flood = programOf('for (let i = 0; i < 5000; i++) platform.api.get("x");');
    const outcome = await runner.run(invocationOf(flood, { bridge: { call: async () => answer } }));
    expect(outcome).toMatchObject({ kind: 'crashed', reason: expect.stringContaining('protocol') });
  });
});

// A result that never left the host: kind 17, a made-up id, everything else as it should be.
const forged = (id: string, times: number) => `
  const b = Buffer.alloc(4 + 1 + 16 + 1 + 1 + 4 + 4 * 10, 255);
  b.writeUInt32LE(b.length - 4, 0); b[4] = 17; b.write(${id}, 5, 'latin1'); b[21] = 0; b[22] = 0; b.writeUInt32LE(0, 23);
  for (let i = 0; i < ${times}; i++) require('fs').writeSync(3, b);
  while (true);`;

describe('a forged frame', () => {
  it.each([
    ['with an unknown id', forged('"0123456789abcdef"', 1)],
    ['of zeros', 'require("fs").writeSync(3, Buffer.alloc(100)); while (true);'],
    ['of giant length', 'require("fs").writeSync(3, Buffer.alloc(100, 255)); while (true);'],
    ['of an unknown kind', 'require("fs").writeSync(3, Buffer.from([1, 0, 0, 0, 99])); while (true);'],
    ['that says ready again', 'require("fs").writeSync(3, Buffer.from([1, 0, 0, 0, 16])); while (true);'],
    [
      'that drops a run',
      'require("fs").writeSync(3, Buffer.from([17, 0, 0, 0, 19, ...Array(16).fill(0)])); while (true);',
    ],
  ])('%s kills its process and is not accepted', async (_name, code) => {
    const others = Array.from({ length: 30 }, () => runner.run(invocationOf('return 1;')));
    const outcome = await explode(code, 5_000);
    expect(outcome).toMatchObject({ kind: 'crashed', reason: expect.stringContaining('broke the protocol') });
    for (const other of await Promise.all(others)) expect(returnedBy(other)).toBe(1);
  });

  it('that is never finished is ended by the deadline', async () => {
    const code = 'require("fs").writeSync(3, Buffer.from([50, 0, 0, 0, 17, 1])); while (true);';
    expect((await explode(code)).kind).toBe('timeout');
  });
});

describe('a server that is killed', () => {
  it.runIf(process.platform !== 'win32')(
    'leaves no runner behind, not even one in an endless loop',
    async () => {
      const index = fileURLToPath(new URL('./index.ts', import.meta.url));
      const suite = { code: 'while (true);', hash: 'a', name: 'a', isAsync: false, isPristine: false };
      const sections = { parameters: '', headers: '', content: '', payload: '', session: '', response: '' };
      const server = `
      const { createNodeRunner } = await import(${JSON.stringify(index)});
      const observe = (seen) => seen.kind === 'runner.started' && console.log(seen.pid);
      const runner = createNodeRunner({ observe, platformConfig: '{}', max: 2 });
      const sections = { meta: '{}', responseContent: '', ...${JSON.stringify(sections)} };
      const run = (code) => runner.run({ program: { ...${JSON.stringify(suite)}, code, hash: code }, sections,
        timeoutMs: 60000, depth: 0, bridge: {} });
      await run('return 1;');
      void run('while (true);');
      setTimeout(() => console.log('ready'), 300);`;
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
      expect(pids.length).toBeGreaterThanOrEqual(1);
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
