// Scripts that take all they can get, inside the sandbox: the kernel refuses, or the pool ends them; after
// each, an ordinary run goes on and nothing is left.
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { Observation } from '../../core/observe.ts';
import type { Outcome, Runner } from '../../core/runner.ts';
import { createRunners } from '../index.ts';
import { createNodeRunner } from '../node/index.ts';
import { invocationOf, programOf, returnedBy } from '../suite.ts';
import { openSandbox } from './index.ts';

const sandbox = await openSandbox();
const pids: number[] = [];
const observe = (seen: Observation) => {
  if (seen.kind === 'runner.started') pids.push(seen.pid);
};
const runners = createRunners({
  ...{ nodePath: process.execPath, pythonPath: '', phpPath: '', runnersMin: 1, runnersMax: 2 },
  ...{ observe, platformConfig: {}, scriptReadPaths: [], sandbox, packages: () => ({}), environments: {} },
});

afterAll(async () => {
  await Promise.all([...runners.values()].map((runner) => runner.stop()));
  await sandbox.close();
});

const javascript = {
  'processes without end': `
    const { spawn } = require('child_process');
    for (;;) try { spawn('/bin/sleep', ['60'], { stdio: 'ignore' }).on('error', () => {}); } catch {}`,
  'children that hold memory': `
    const { spawn } = require('child_process');
    const hold = 'const held = []; for (let i = 0; i < 180; i++) held.push(Buffer.alloc(1 << 20, 1)); setInterval(() => held, 1e6)';
    for (let i = 0; i < 4; i++) spawn(process.execPath, ['-e', hold], { stdio: 'ignore' }).on('error', () => {});
    setInterval(() => {}, 1000);`,
  'files without end': `
    const fs = require('fs');
    for (let i = 0; ; i++) fs.writeFileSync('f' + i, '');`,
  'a full disk': `
    const fs = require('fs'), part = Buffer.alloc(1 << 20, 1);
    for (let i = 0; ; i++) { const f = fs.openSync('f' + i, 'w'); for (let n = 0; n < 63; n++) fs.writeSync(f, part); }`,
  'open files without end': `const fs = require('fs'); for (;;) fs.openSync('/dev/null', 'r');`,
  'signals to everybody': `process.kill(-1, 'SIGKILL'); while (true);`,
  'a daemon of its own': `
    require('child_process').spawn('/bin/sh', ['-c', '(sleep 61 &) ; sleep 62'], { detached: true, stdio: 'ignore' }).unref();`,
};

const python = {
  'processes without end': 'import os\nwhile True:\n    try: os.fork()\n    except OSError: pass',
  'memory without end': 'held = []\nwhile True: held.append(bytearray(1 << 20))',
  'shared memory without end':
    'import mmap\nheld = []\nwhile True:\n    m = mmap.mmap(-1, 1 << 24)\n    m.write(b"x" * (1 << 24))\n    held.append(m)',
  'files without end': 'n = 0\nwhile True:\n    open("f%d" % n, "w").close()\n    n += 1',
  'a full disk':
    'n = 0\nwhile True:\n    with open("f%d" % n, "wb") as f:\n        for i in range(63): f.write(bytes(1 << 20))\n    n += 1',
  'open files without end': 'import os\nwhile True: os.open("/dev/null", 0)',
  'signals to everybody': 'import os\nos.kill(-1, 9)\nwhile True: pass',
  'a daemon of its own': `
import os, time
if os.fork() == 0:
    if os.fork() > 0: os._exit(0)
    for n in range(64):
        try: os.close(n)
        except OSError: pass
    time.sleep(61)
    os._exit(0)
os.wait()`,
};

const php = {
  'memory without end': '$a = []; while (true) $a[] = str_repeat("x", 1 << 20);',
  'files without end': 'for ($i = 0; ; $i++) touch("f$i");',
  'a full disk':
    'for ($i = 0; ; $i++) { $f = fopen("f$i", "w"); for ($n = 0; $n < 63; $n++) fwrite($f, str_repeat("x", 1 << 20)); }',
  'open files without end':
    '$a = []; while (true) { $f = fopen("/dev/null", "r"); if (!$f) break; $a[] = $f; }',
  'a daemon of its own': 'shell_exec("(sleep 61 >/dev/null 2>&1 &)");',
};

const bombs = Object.entries({ nodejs: javascript, python3: python, php }).flatMap(([language, scripts]) =>
  Object.entries(scripts).map(([name, code]): [string, string, string] => [language, name, code]),
);

const ordinary: Readonly<Record<string, string>> = {
  nodejs: 'return 1;',
  python3: 'return 1',
  php: 'return 1;',
};

function explode(runner: Runner, code: string): Promise<Outcome> {
  return runner.run(invocationOf(programOf(code, { isPristine: true }), { timeoutMs: 3_000 }));
}

/** Lines of ps: the processes of groups that have not ended. */
function aliveIn(groups: readonly string[]): string[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,pgid=,stat=,args='], { encoding: 'utf8' }).split('\n');
  return lines.filter((line) => {
    const [, group = '', state = ''] = line.trim().split(/\s+/);
    return groups.includes(group) && !state.startsWith('Z');
  });
}

/** What runners started and left. */
function leftovers(): string[] {
  const groups = pids.map(String);
  return aliveIn(groups).filter((line) => !groups.includes(line.trim().split(/\s+/)[0] ?? ''));
}

describe.runIf(sandbox.level === 'L2')('a bomb', () => {
  it.each(bombs)('in %s: %s', async (language, _name, code) => {
    const runner = runners.get(language);
    if (runner === undefined) throw new Error(`there is no runner for ${language}`);
    const outcome = await explode(runner, code);
    expect(['finished', 'threw', 'timeout', 'crashed', 'exited']).toContain(outcome.kind);
    expect(returnedBy(await runner.run(invocationOf(ordinary[language] ?? '')))).toBe(1);
    await expect.poll(leftovers, { timeout: 5_000 }).toEqual([]);
  });

  it('leaves nothing in the folder that work folders are made in', async () => {
    const folder = mkdtempSync(join(sandbox.folder ?? tmpdir(), 'tenon-test-'));
    chmodSync(folder, 0o711);
    const runner = createNodeRunner({ observe, platformConfig: '{}', folder, sandbox, max: 1 });
    await explode(runner, 'require("fs").mkdirSync("deep/er", { recursive: true });');
    await explode(runner, javascript['files without end']);
    await runner.stop();
    expect(readdirSync(folder)).toEqual([]);
    rmSync(folder, { recursive: true });
  });
});

describe.runIf(sandbox.level === 'L2')('a server that is killed', () => {
  it('leaves nothing behind of loops, children and daemons inside', async () => {
    const from = (path: string) => JSON.stringify(fileURLToPath(new URL(path, import.meta.url)));
    const daemon = JSON.stringify(`${javascript['a daemon of its own']} while (true);`);
    const program = `
      const { openSandbox } = await import(${from('./index.ts')});
      const { createNodeRunner } = await import(${from('../node/index.ts')});
      const observe = (seen) => seen.kind === 'runner.started' && console.log(seen.pid);
      const runner = createNodeRunner({ observe, platformConfig: '{}', max: 2, sandbox: await openSandbox() });
      const some = { meta: '{}', parameters: '{}', headers: '{}', session: '{}' };
      const sections = { ...some, content: '', payload: '', response: '', responseContent: '' };
      const about = { name: 'a', isAsync: false, isPristine: true };
      const run = (code) => runner.run({ program: { ...about, code, hash: code }, sections, timeoutMs: 60000, depth: 0, bridge: {} });
      await run('return 1;');
      void run(${daemon});
      setTimeout(() => console.log('ready'), 500);`;
    const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    for await (const chunk of child.stdout) {
      said += String(chunk);
      if (said.includes('ready')) child.kill('SIGKILL');
    }
    const groups = said.split('\n').filter((line) => /^\d+$/.test(line));
    expect(groups.length).toBeGreaterThanOrEqual(1);
    await expect.poll(() => aliveIn(groups), { timeout: 5_000 }).toEqual([]);
  });
});
