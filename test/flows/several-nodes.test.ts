// Three servers on one system database: what one is told, all follow; what callers may do, they may do once.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import { hasRedis, type RedisServer, startRedis } from '../../src/store/limits/redis-fixture.ts';
import { canTest, type ServerKind, type TestDatabase, testDatabase } from '../databases.ts';
import { startTestServer, type TestServer } from '../server.ts';
import { SharedChanges } from '../shared-changes.ts';

const limitHeader = 'X-RateLimit-Limit';
const kinds = (['postgres', 'mysql'] as const).filter(canTest);

describe.each(kinds)('three servers on %s', (kind: ServerKind) => {
  const folder = mkdtempSync(join(tmpdir(), 'tenon-nodes-'));
  const changes = new SharedChanges(folder);
  let database: TestDatabase;
  let servers: TestServer[] = [];
  let redis: RedisServer | undefined;

  beforeAll(async () => {
    database = await testDatabase(kind);
    const { user, password, host, port, database: name } = database;
    // Counted in the system database of the one, and in Redis beside the other.
    if (kind === 'mysql' && hasRedis()) redis = await startRedis();
    const settings = {
      ...(redis === undefined ? {} : { TENON_REDIS_URL: redis.url }),
      TENON_DATABASE_URL: `${kind}://${user}:${encodeURIComponent(password)}@${host}:${port}/${name}`,
      ...{ TENON_MASTER_KEY: randomBytes(32).toString('base64'), TENON_RUNNERS_MIN: '0' },
    };
    // The first brings the schema up to date; each makes its sessions of its own.
    servers = [await startTestServer(settings)];
    servers.push(...(await Promise.all([startTestServer(settings), startTestServer(settings)])));
  });

  afterAll(async () => {
    for (const server of servers) await server.close();
    await redis?.stop();
    await database?.drop();
    rmSync(folder, { recursive: true, force: true });
  });

  const [first, ...others] = [0, 1, 2].map((at) => () => servers[at]?.url ?? '');

  it('follow what one of them is told', async () => {
    const told = await changes.prepare(first?.() ?? '');
    const all = (isExpected: boolean) =>
      Promise.all(
        told.flatMap(({ name, isFollowed }) =>
          others.map((url) =>
            expect.poll(() => isFollowed(url()), { timeout: 10_000, message: name }).toBe(isExpected),
          ),
        ),
      );
    // Each is seen as it was first, so that each server remembers what will no longer be true.
    await all(false);
    for (const change of told) await change.make(first?.() ?? '');
    await all(true);
  });

  it('know of each other, with what each is', async () => {
    const { body } = await changes.ask(others[0]?.() ?? '', 'system/node?order=started_date');
    expect(body.resource.map(({ url }: { url: string }) => url).sort()).toEqual(
      servers.map(({ url }) => url).sort(),
    );
    for (const node of body.resource) {
      expect(node).toMatchObject({ kind: 'serve', is_alive: true, is_draining: false, pid: process.pid });
      expect(Date.parse(node.seen_date)).toBeGreaterThanOrEqual(Date.parse(node.started_date));
    }
  });

  it('let through exactly as many calls as a limit allows, whichever of them is asked', async () => {
    const rate = 20;
    const url = first?.() ?? '';
    const { headers } = await changes.limitedCaller(url, rate);
    // Each has it in force: the counter begins anew after they were asked.
    for (const other of [first, ...others]) {
      const isCounted = async () =>
        (await changes.ask(other?.() ?? '', 'data/_table/todo', { headers })).headers.has(limitHeader);
      await expect.poll(isCounted, { timeout: 10_000 }).toBe(true);
    }
    await changes.ask(url, 'system/limit_cache?allow_delete=true', { method: 'DELETE' });
    const asked = Array.from({ length: rate * 3 }, (_, at) =>
      changes.ask(servers[at % 3]?.url ?? '', 'data/_table/todo', { headers }),
    );
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(rate);
    expect(statuses.filter((status) => status === 429)).toHaveLength(rate * 2);
  });

  it('together let through no more wrong passwords than one of them would', async () => {
    // Refused logins of the other tests came from the same address.
    await database.execute('delete from limit_counter');
    if (redis !== undefined) await emptied(redis.url);
    const body = { email: 'guessed@example.com', password: 'is it this one' };
    const guesses = Array.from({ length: limits.loginAttempts * 2 }, (_, at) =>
      changes.ask(servers[at % 3]?.url ?? '', 'user/session', { method: 'POST', body, headers: {} }),
    );
    const statuses = (await Promise.all(guesses)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(limits.loginAttempts);
    expect(statuses.filter((status) => status === 429)).toHaveLength(limits.loginAttempts);
  });
});

async function emptied(url: string): Promise<void> {
  const client = new Redis(url);
  await client.flushdb();
  client.disconnect();
}
