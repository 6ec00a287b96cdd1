// A beanstalkd of their own for tests: on a free port, without a file, gone when they are. Debian's package
// is among those that the set-up for tests installs.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { type AddressInfo, connect, createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** A running beanstalkd. */
export interface BeanstalkdServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** Whether there is one to start. Where tests must not be skipped, its absence is an error. */
export function hasBeanstalkd(): boolean {
  const isThere = spawnSync('beanstalkd', ['-v']).status === 0;
  if (!isThere && process.env.CI) throw new Error('tests need beanstalkd (Debian: beanstalkd)');
  if (!isThere) console.warn('SKIPPED: tests with beanstalkd, because there is none on PATH');
  return isThere;
}

/** Starts one and waits until it takes connections. */
export async function startBeanstalkd(given?: number): Promise<BeanstalkdServer> {
  const port = given ?? (await freePort());
  const begin = () => spawn('beanstalkd', ['-l', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
  let child = begin();
  while (!(await takesConnections(port))) {
    await pause(10);
    // Its predecessor may not have let go of the port yet.
    if (child.exitCode !== null) child = begin();
  }
  return { port, stop: () => ended(child) };
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
