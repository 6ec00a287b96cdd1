// A Redis of their own for tests: on a free port, without a file, gone when they are. Debian's package is
// among those that the set-up for tests installs.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';

/** A running Redis. */
export interface RedisServer {
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** Whether there is a Redis to start. Where tests must not be skipped, its absence is an error. */
export function hasRedis(): boolean {
  const isThere = spawnSync('redis-server', ['--version']).status === 0;
  if (!isThere && process.env.CI) throw new Error('tests need redis-server (Debian: redis-server)');
  if (!isThere) console.warn('SKIPPED: tests with Redis, because there is no redis-server on PATH');
  return isThere;
}

/** Starts a Redis and waits until it answers. */
export async function startRedis(given?: number): Promise<RedisServer> {
  const port = given ?? (await freePort());
  const place = ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no'];
  const child = spawn('redis-server', place, { stdio: 'ignore' });
  const url = `redis://127.0.0.1:${port}/0`;
  await answers(url);
  return { url, port, stop: () => ended(child) };
}

async function answers(url: string): Promise<void> {
  for (;;) {
    const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
    client.on('error', () => undefined);
    const pong = await client.connect().then(
      () => client.ping(),
      () => undefined,
    );
    client.disconnect();
    if (pong === 'PONG') return;
    await pause(10);
  }
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
