// The balancer of deploy/haproxy.cfg for tests: the file as it is, but for the addresses, and for how long it
// waits for an answer to its checks, because tests run on machines that do other things as well.
// Invariant: it is a process of its own, and gone when it is stopped.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from './recovery/queue-fleet.ts';

/** A running balancer. */
export interface Balancer {
  readonly url: string;
  stop(): Promise<void>;
}

/** Where Debian puts it, which is not on everybody's path. */
export function balancerProgram(): string {
  const usual = '/usr/sbin/haproxy';
  return existsSync(usual) ? usual : 'haproxy';
}

/** Whether there is an HAProxy to start. Where tests must not be skipped, its absence is an error. */
export function hasBalancer(): boolean {
  const isThere = spawnSync(balancerProgram(), ['-v']).status === 0;
  if (!isThere && process.env.CI) throw new Error('tests need haproxy (Debian: haproxy)');
  if (!isThere) console.warn('SKIPPED: tests with HAProxy, because there is no haproxy on PATH');
  return isThere;
}

/** Its file, for servers at these ports of this machine. */
export function balancerFile(port: number, ports: readonly number[]): string {
  const text = readFileSync(new URL('../deploy/haproxy.cfg', import.meta.url), 'utf8');
  return ports.reduce(
    (made, own, at) => made.replace(`server-${at + 1}:8080`, `127.0.0.1:${own}`),
    text.replace('bind :8080', `bind 127.0.0.1:${port}`).replace('timeout check 3s', 'timeout check 30s'),
  );
}

/** Starts it before servers at these ports; its file is written to a folder. */
export async function startBalancer(folder: string, ports: readonly number[]): Promise<Balancer> {
  const port = await freePort();
  const file = join(folder, 'haproxy.cfg');
  writeFileSync(file, balancerFile(port, ports));
  const child = spawn(balancerProgram(), ['-db', '-f', file], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  await listening(port, child);
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function listening(port: number, child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`haproxy ended with ${child.exitCode}`);
    const socket = connect(port, '127.0.0.1');
    const isOpen = await new Promise<boolean>((done) => {
      socket.once('connect', () => done(true)).once('error', () => done(false));
    });
    socket.destroy();
    if (isOpen) return;
    await pause(20);
  }
}
