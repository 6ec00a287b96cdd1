// Servers that queues keep their runs in, for the comparison alone: Redis and PostgreSQL, with writes as safe
// as their makers recommend for queues.
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { databaseIn } from '../test/databases.ts';
import { startPrivateServer } from '../tools/databases.mjs';
import { freePort } from './process.ts';

/** A place of one contestant for one round. */
export interface QueuePlace {
  /** What its program needs to know. */
  readonly task: Readonly<Record<string, unknown>>;
  /** Processes that work for it. */
  readonly servers: readonly number[];
  remove(): Promise<void>;
}

/** A new folder. */
export async function folderPlace(): Promise<QueuePlace & { readonly folder: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-queue-'));
  const remove = async () => rmSync(folder, { recursive: true, force: true });
  return { folder, task: { place: join(folder, 'system.db') }, servers: [], remove };
}

/** A new Redis server that writes everything down: to the disk each second, or before it answers. */
export async function redisPlace(fsync: 'everysec' | 'always'): Promise<QueuePlace> {
  const { folder, remove: removeFolder } = await folderPlace();
  const port = await freePort();
  const kept = ['--appendonly', 'yes', '--appendfsync', fsync, '--save', '', '--dir', folder];
  const child = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', ...kept], {
    stdio: 'ignore',
  });
  const ended = new Promise<void>((done) => {
    child.once('error', () => done());
    child.once('exit', () => done());
  });
  await listening(port, () => child.exitCode === null && child.pid !== undefined);
  const remove = async () => {
    child.kill('SIGTERM');
    await ended;
    await removeFolder();
  };
  return { task: { port }, servers: [child.pid ?? 0], remove };
}

/** Databases in a PostgreSQL server that waits for its disk, as those of tests do not. */
export async function postgresPlaces(): Promise<{
  make(): Promise<QueuePlace>;
  remove(): Promise<void>;
}> {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-queue-'));
  // The server's own user must get in.
  chmodSync(folder, 0o711);
  const home = join(folder, 'server');
  mkdirSync(home);
  const options = ['fsync=on', 'full_page_writes=on', 'shared_buffers=256MB'].flatMap((each) => ['-c', each]);
  const server = await startPrivateServer('postgres', { folder: home, options });
  const make = async () => {
    const { host, port, user, password, database, drop } = await databaseIn('postgres', server);
    const login = { host, port, user, password, database };
    const place = `postgres://${user}:${password}@${host}:${port}/${database}`;
    return { task: { login, place }, servers: [server.pid], remove: drop };
  };
  const remove = async () => {
    await server.remove();
    rmSync(folder, { recursive: true, force: true });
  };
  return { make, remove };
}

async function listening(port: number, isAlive: () => boolean): Promise<void> {
  for (let i = 0; i < 2_000; i++) {
    const isThere = await new Promise<boolean>((done) => {
      const socket = connect(port, '127.0.0.1', () => done(true));
      socket.once('error', () => done(false));
      socket.unref();
      setTimeout(() => socket.destroy(), 50).unref();
    });
    if (isThere) return;
    if (!isAlive()) break;
    await new Promise((done) => setTimeout(done, 5));
  }
  throw new Error('redis-server does not start; it is needed for this comparison (Debian: redis-server)');
}
