// Programs inside: the interpreters that scripts are written for start and find what they need, and what takes
// too much comes to an end without anybody looking.
import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { findInterpreter } from '../interpreter.ts';
import { findLaunchers } from './ground.ts';
import { type OpenSandbox, openSandbox } from './index.ts';

const sandbox = await openSandbox({ memoryMb: 96 });
// Each launcher of this machine, the best first.
const launched = await Promise.all(findLaunchers().map((launcher) => openSandbox({ launchers: [launcher] })));
const isContained = sandbox.level === 'L2';
const { dropsUser } = sandbox.report;
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
afterAll(async () => {
  for (const opened of [sandbox, ...launched]) await opened.close();
});

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly output: string;
  readonly folder: string;
}

interface Start {
  readonly command: string;
  readonly args: readonly string[];
  readonly readable?: readonly string[];
  /** Called when the program has written a first line. */
  readonly settles?: boolean;
  readonly by?: OpenSandbox;
}

function workFolder(): string {
  const folder = mkdtempSync(join(sandbox.folder ?? tmpdir(), 'tenon-test-'));
  folders.push(folder);
  return folder;
}

/** Starts a program as runners are started, and waits for its end. */
function runInside({ command, args, readable = [], settles = false, by = sandbox }: Start): Promise<Ended> {
  const folder = workFolder();
  const inside = by.enclose({ command, args, folder, readable });
  const child = spawn(inside.command, inside.args, {
    cwd: folder,
    detached: true,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: folder, TMPDIR: folder, LANG: 'C.UTF-8' },
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  });
  let output = '';
  const hear = (chunk: Buffer) => {
    if (settles && output === '') {
      inside.settle(child.pid ?? 0);
      // The bound is set by another process; what is to be bounded waits for a line.
      setTimeout(() => child.stdin.end('go\n'), 500);
    }
    output += String(chunk);
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  child.stdin.on('error', () => {});
  return new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, output: output.trim(), folder }));
  });
}

const node = (code: string, more: Partial<Start> = {}) =>
  runInside({ command: process.execPath, args: ['-e', code], ...more });
const shell = (code: string, by?: OpenSandbox) =>
  runInside({ command: '/bin/sh', args: ['-c', code], ...(by === undefined ? {} : { by }) });
const foundPath = (names: readonly string[]) => {
  const found = findInterpreter({ given: '', names });
  return 'path' in found ? found.path : '';
};
const python = foundPath(['python3']);
const php = foundPath(['php']);

describe.runIf(isContained).each(launched)('a program behind the launcher in $report.launcher', (by) => {
  it('has no rights, no way to get any, and no user of anybody', async () => {
    const { output } = await shell('while read -r line; do echo "$line"; done < /proc/$$/status', by);
    expect(output).toMatch(/^NoNewPrivs:\s1$/m);
    expect(output).toMatch(/^Seccomp:\s2$/m);
    expect(output).toMatch(/^Cap(Eff|Prm|Inh|Amb):\s0{16}$/m);
    if (dropsUser) expect(output).toMatch(/^Uid:\s(\d{8,})\s\1\s\1\s\1$/m);
    if (dropsUser) expect(output).toMatch(/^Groups:\s*$/m);
  });

  it('gets descriptor 3 and none of the launcher', async () => {
    const { output } = await shell('for n in $(seq 0 40); do [ -e /proc/$$/fd/$n ] && echo $n; done', by);
    expect(output.split('\n').filter((line) => Number(line) < 10)).toEqual(['0', '1', '2', '3']);
  });

  it('has signals as the system sets them', async () => {
    const { output } = await shell('while read -r line; do echo "$line"; done < /proc/$$/status', by);
    expect(output).toMatch(/^SigIgn:\s0{16}$/m);
    expect(output).toMatch(/^SigBlk:\s0{16}$/m);
  });

  it('that is not there says so', async () => {
    const { code, output } = await runInside({ command: '/nowhere/tool', args: [], by });
    expect([code, output]).toEqual([126, 'sandbox: start /nowhere/tool: No such file or directory']);
  });
});

describe.runIf(isContained)('a program inside', () => {
  it('writes to its work folder, and nowhere else', async () => {
    const { output, folder } = await shell('echo a > here; echo b > ../there && echo was written; ls -a ..');
    expect(readFileSync(join(folder, 'here'), 'utf8')).toBe('a\n');
    expect(output).not.toContain('written');
    expect(existsSync(join(folder, '..', 'there'))).toBe(false);
  });

  it('runs nothing that it wrote', async () => {
    const { output } = await shell('cp /bin/true mine && chmod 755 mine; ./mine && echo it ran');
    expect(output).not.toContain('it ran');
  });

  it('reads what it was given, and its neighbours not', async () => {
    const place = workFolder();
    chmodSync(place, 0o755);
    mkdirSync(join(place, 'given'));
    writeFileSync(join(place, 'given', 'a'), 'A');
    writeFileSync(join(place, 'b'), 'B');
    const code =
      'for (const f of process.argv.slice(1)) try { console.log(require("fs").readFileSync(f, "utf8")) } catch (e) { console.log(e.code) }';
    const args = ['-e', code, join(place, 'given', 'a'), join(place, 'b')];
    const { output } = await runInside({ command: process.execPath, args, readable: [join(place, 'given')] });
    expect(output.split('\n')).toEqual(['A', 'EACCES']);
  });

  it('is ended with all that it started by one signal to its group', async () => {
    const code =
      'const {spawn} = require("child_process"); const c = spawn("/bin/sleep", ["600"], {detached: true, stdio: "ignore"});' +
      'spawn("/bin/sh", ["-c", "sleep 601 & sleep 602"], {stdio: "ignore"}); console.log(process.pid);' +
      'setTimeout(() => process.kill(0, "SIGKILL"), 300)';
    const { output, signal } = await node(code);
    expect(signal).toBe('SIGKILL');
    await expect.poll(() => isGroupAlive(Number(output)), { timeout: 5_000 }).toBe(false);
  });
});

function isGroupAlive(group: number): boolean {
  try {
    return process.kill(-group, 0);
  } catch {
    return false;
  }
}

describe.runIf(isContained)('what interpreters need works:', () => {
  it('Node: threads, children, compression, time zones, memory', async () => {
    const code = `
      const { Worker } = require('worker_threads');
      const said = [require('zlib').gzipSync('a').length > 0, require('child_process').execSync('echo hi') + '',
        new Intl.DateTimeFormat('de', { timeZone: 'Asia/Tokyo', hour: 'numeric' }).format(0),
        process.memoryUsage().rss > 0, require('os').cpus().length > 0, require('crypto').randomBytes(8).length,
        require('fs').mkdtempSync(require('path').join(require('os').tmpdir(), 'x')).startsWith(process.env.HOME)];
      new Worker('require("worker_threads").parentPort.postMessage(1)', { eval: true })
        .on('message', (m) => require('fs/promises').writeFile('a', 'b').then(() => console.log(JSON.stringify([...said, m]))));`;
    const { output } = await node(code);
    expect(JSON.parse(output)).toEqual([true, 'hi\n', '09 Uhr', true, true, 8, true, 1]);
  });

  it.runIf(python !== '')('Python: its library, threads, children, temporary files', async () => {
    const code = `
import ssl, json, tempfile, subprocess, threading, datetime, zoneinfo, sqlite3, hashlib, os, decimal
seen = []
thread = threading.Thread(target=lambda: seen.append(1)); thread.start(); thread.join()
with tempfile.TemporaryDirectory() as folder: seen.append(folder.startswith(os.environ['HOME']))
seen.append(subprocess.run(['echo', 'hi'], capture_output=True, text=True).stdout)
seen.append(str(datetime.datetime.fromtimestamp(0, zoneinfo.ZoneInfo('Asia/Tokyo')).hour))
child = os.fork()
if child == 0: os._exit(7)
seen.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(json.dumps(seen))`;
    const { output } = await runInside({ command: python, args: ['-I', '-c', code] });
    expect(JSON.parse(output)).toEqual([1, true, 'hi\n', '9', 7]);
  });

  it.runIf(php !== '')('PHP: its extensions, children, temporary files', async () => {
    const code = `
      $d = new DateTime('@0'); $d->setTimezone(new DateTimeZone('Asia/Tokyo'));
      echo json_encode([extension_loaded('mbstring'), mb_strlen('ä'), shell_exec('echo hi'), $d->format('G'),
        strpos(tempnam(sys_get_temp_dir(), 'x'), getenv('HOME')) === 0]);`;
    const { output } = await runInside({ command: php, args: ['-r', code] });
    expect(JSON.parse(output)).toEqual([true, 1, 'hi\n', '9', true]);
  });
});

describe.runIf(isContained)('a program that takes too much', () => {
  const bomb = `
    console.log('warm');
    process.stdin.once('data', () => {
      const held = [];
      const { readFileSync } = require('fs');
      const peak = () => Number(/VmHWM:\\s*(\\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))[1]) / 1024;
      try { for (;;) { held.push(Buffer.alloc(1 << 20, 1)); if (held.length % 8 === 0) require('fs').writeFileSync('peak', String(peak())); } }
      catch (error) { process.exit(3); }
    });`;

  it('of memory is refused more: the first by a limit set while it runs, later ones by one set before', async () => {
    const warm = (await node('console.log(Math.round(process.memoryUsage().rss / 1048576))')).output;
    for (const settles of [true, true]) {
      const { folder, code, signal } = await node(bomb, { settles });
      expect(code === 0).toBe(false);
      expect(code ?? signal).not.toBeNull();
      const peak = Number(readFileSync(join(folder, 'peak'), 'utf8'));
      expect(peak).toBeLessThan(Number(warm) + 96 + 64);
      expect(peak).toBeGreaterThan(48);
    }
  });

  it.runIf(dropsUser)('of processes gets no more of them', async () => {
    const { output } = await shell(
      'n=0; while [ $n -lt 200 ]; do sleep 0.3 & n=$((n + 1)); done 2>&1; echo never',
    );
    expect(output).toMatch(/[Cc]annot fork|Resource temporarily unavailable/);
    expect(output).not.toContain('never');
  });

  it('of open files gets no more of them', async () => {
    const code =
      'let n = 0; try { for (;;) { require("fs").openSync("/dev/null"); n++; } } catch (e) { console.log(n < 256, e.code) }';
    expect((await node(code)).output).toBe('true EMFILE');
  });

  it('of disk gets no larger file', async () => {
    const { folder, signal, code } = await shell('exec dd if=/dev/urandom of=big bs=1M count=100');
    expect(signal ?? code).not.toBe(0);
    expect(lstatSync(join(folder, 'big')).size).toBeLessThanOrEqual(64 * 1_048_576);
  });

  it('of shared memory gets none', async () => {
    if (python === '') return;
    const code =
      'import mmap\ntry:\n  mmap.mmap(-1, 1 << 20)\n  print("open")\nexcept OSError as e:\n  print(e.errno)';
    expect((await runInside({ command: python, args: ['-c', code] })).output).toBe('1');
  });
});

describe.runIf(isContained && dropsUser)('what lies below a private home', () => {
  it('is reached by copies: the program, and what it reads', async () => {
    const home = workFolder();
    writeFileSync(join(home, 'message'), 'from home');
    writeFileSync(join(home, 'tool'), readFileSync('/bin/cat'), { mode: 0o755 });
    expect(statSync(home).mode & 0o077).toBe(0);
    const message = sandbox.reachable(join(home, 'message'));
    const { output } = await runInside({ command: join(home, 'tool'), args: [message], readable: [message] });
    expect(output).toBe('from home');
  });
});
