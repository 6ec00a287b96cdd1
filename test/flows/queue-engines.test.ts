// Queues over HTTP with the system database on a server, which two servers of ours share: what one of them
// runs, the other sees, stops and starts anew; filters mean the same on every engine.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { canTest, type ServerKind, testDatabase } from '../databases.ts';
import { startTestServer, type TestServer } from '../server.ts';

const masterKey = randomBytes(32).toString('base64');
const script = 'shop._table.todo.post.queued';
const content = `
  const [{ title }] = event.request.payload.resource;
  if (title === 'endless') await new Promise(() => setInterval(() => {}, 1000));
  if (title !== 'good') throw new Error('no way: ' + title);`;

/** Conditions, and how many of the runs below they choose. */
const filters: readonly (readonly [filter: string, count: number])[] = [
  ["state = 'failed'", 3],
  ["(state = 'failed') and (queue = 'default')", 3],
  ["reason contains 'NO WAY'", 3],
  ["reason like 'no%d2'", 1],
  ["script starts with 'shop.'", 4],
  ['position > 1', 3],
  ['position between 2 and 3', 2],
  ['position in (1, 4)', 2],
  ["position = '2'", 1],
  ['is_cancelling = false', 4],
  ['is_cancelling = true', 0],
  ["created_date > '2020-01-01T00:00:00Z'", 4],
  ["created_date > '2999-01-01'", 0],
  ['worker is null', 4],
  ['user_id is not null', 4],
  ["not (state in ('failed','done'))", 0],
];

async function once(server: TestServer, position: number, state: string): Promise<void> {
  const found = async () => (await server.ask(`/api/v2/system/queued_run/${position}`)).body.state;
  await expect.poll(found, { timeout: 20_000 }).toBe(state);
}

describe.each(['postgres', 'mysql'] as const)('queues in a system database on %s', (kind: ServerKind) => {
  it.runIf(canTest(kind))(
    'are those of all servers',
    async () => {
      const database = await testDatabase(kind);
      const { user, password, host, port, database: name } = database;
      const TENON_DATABASE_URL = `${kind}://${user}:${encodeURIComponent(password)}@${host}:${port}/${name}`;
      const settings = { TENON_DATABASE_URL, TENON_MASTER_KEY: masterKey };
      const first = await startTestServer(settings);
      const second = await startTestServer({ ...settings, TENON_WORKER_QUEUES: 'none' });
      const ask = (path: string, method = 'GET', body?: unknown) =>
        second.ask(`/api/v2/system/${path}`, { method, ...(body === undefined ? {} : { body }) });
      try {
        await first.addDatabase('shop', 'CREATE TABLE todo (id INTEGER PRIMARY KEY, title TEXT);');
        const stored = { type: 'nodejs', content, is_active: true, config: { tries: 1 } };
        await first.ask(`/api/v2/system/event_script/${script}`, { method: 'POST', body: stored });
        for (const [index, title] of ['good', 'bad1', 'bad2', 'bad3'].entries()) {
          await first.ask('/api/v2/shop/_table/todo', { method: 'POST', body: { resource: [{ title }] } });
          await once(second, index + 1, title === 'good' ? 'done' : 'failed');
        }
        for (const [filter, count] of filters) {
          const asked = await ask(`queued_run?filter=${encodeURIComponent(filter)}&count_only=true`);
          expect(asked.body, `${filter}: ${asked.text}`).toBe(count);
        }
        const listed = await ask('queued_run?order=state,position desc&fields=position,payload&limit=2');
        expect(listed.body.resource).toMatchObject([{ position: 1 }, { position: 4, payload: { v: 1 } }]);
        // Another server writes its log of runs twice a second.
        const attempts = async () => {
          const { body } = await ask('queued_run/2?related=run_by_queued_run_id');
          return body.run_by_queued_run_id;
        };
        await expect.poll(attempts, { timeout: 10_000 }).toMatchObject([{ error_message: 'no way: bad1' }]);
        const { body: whole } = await ask('queued_run/2');
        expect((await ask(`run/${whole.log_id}?related=*`)).body).toMatchObject({
          queued_run_by_queued_run_id: { position: 2 },
        });
        // All or none, and then one after the other.
        expect((await ask('queued_run/retry?ids=2,1&rollback=true', 'POST')).status).toBe(400);
        expect((await ask('queue/default?fields=failed')).body).toEqual({ failed: 3 });
        expect((await ask('queued_run/retry?force=true&limit=2', 'POST')).body).toEqual({
          count: 2,
          next: 3,
        });
        expect((await ask('queued_run/retry?force=true&after=3', 'POST')).body).toEqual({ count: 1 });
        for (const position of [2, 3, 4]) await once(second, position, 'failed');
        expect((await ask('queue/default/flush', 'POST')).body).toEqual({ count: 3 });
        const endless = { method: 'POST', body: { resource: [{ title: 'endless' }] } };
        await first.ask('/api/v2/shop/_table/todo', endless);
        await once(second, 5, 'running');
        expect((await ask('queued_run/5/cancel?fields=is_cancelling', 'POST')).body).toMatchObject({
          is_cancelling: true,
        });
        await once(second, 5, 'cancelled');
      } finally {
        await second.close();
        await first.close();
        await database.drop();
      }
    },
    120_000,
  );
});
