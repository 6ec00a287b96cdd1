// Starts a variant of a scenario as processes of its own and tells what they cost: CPU time and memory of the
// whole tree.
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';

/** A started variant. */
export interface Started {
  readonly url: string;
  readonly pid: number;
  /** From spawn to the first answer, in ms. */
  readonly startMs: number;
  stop(): Promise<void>;
}

/**
 * What to start: program and arguments after `node`, its environment, and the path that answers when it is
 * ready.
 */
export interface Program {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly ready: string;
  /** Names of the variables that the port goes into. */
  readonly portVariable: string;
}

/** Starts a program on a free port and waits for its first answer. */
export async function start(program: Program): Promise<Started> {
  const port = await freePort();
  const began = performance.now();
  const child = spawn(process.execPath, [...program.args], {
    env: { PATH: process.env.PATH ?? '', ...program.environment, [program.portVariable]: String(port) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const url = `http://127.0.0.1:${port}`;
  await firstAnswer(url + program.ready, child);
  return { url, pid: child.pid ?? 0, startMs: performance.now() - began, stop: () => stopped(child) };
}

/** A port of this machine that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address !== null ? done(address.port) : fail(new Error()),
      );
    });
  });
}

async function firstAnswer(url: string, child: ChildProcess): Promise<void> {
  for (let i = 0; i < 10_000; i++) {
    if (child.exitCode !== null) throw new Error(`${url}: the server ended with ${child.exitCode}`);
    try {
      const response = await fetch(url);
      await response.arrayBuffer();
      if (response.ok) return;
    } catch {
      // Not listening yet.
    }
    await new Promise((done) => setTimeout(done, 1));
  }
  throw new Error(`${url} did not answer`);
}

function stopped(child: ChildProcess): Promise<void> {
  return new Promise((done) => {
    child.once('exit', () => done());
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), 5_000).unref();
  });
}

/** CPU time of a process and all its descendants, in ms; ended children count through their parent. */
export function cpuMs(pid: number): number {
  return tree(pid)
    .map((id) => statOf(id))
    .reduce(
      (sum, fields) => sum + [11, 12, 13, 14].reduce((part, at) => part + Number(fields[at] ?? 0), 0) * 10,
      0,
    );
}

/** Proportional memory of one process in MB. */
export function pssMb(pid: number): number {
  const match = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
  return Number(match?.[1] ?? 0) / 1_024;
}

/** A process and its descendants. */
function tree(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync('/proc')) {
    if (/^\d+$/.test(entry)) parents.set(Number(entry), Number(statOf(Number(entry))[1] ?? 0));
  }
  const found = [pid];
  for (const id of found) {
    for (const [child, parent] of parents) if (parent === id) found.push(child);
  }
  return found;
}

// Fields of /proc/PID/stat after the command's closing bracket: [0] state, [1] parent, [11..14] CPU ticks of
// 10 ms.
function statOf(pid: number): string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}
