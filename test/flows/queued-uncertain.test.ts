// Writes that are noted before they are done, and services whose runs are rather dropped than run for a write
// that nobody knows of.
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { saveScript } from '../scenario.ts';
import { startTestServer, type TestServer } from '../server.ts';

let server: TestServer;

beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

const table = 'create table todo (id integer primary key autoincrement, title varchar(40));';

async function addService(name: string, config: Record<string, unknown>): Promise<void> {
  await server.addDatabase(name, table, { events: 'intent', ...config });
  const { path, body } = saveScript(`${name}._table.todo.post.queued`, 'console.log(event.id);');
  expect((await server.ask(path, { method: 'POST', body })).status).toBeLessThan(300);
}

const add = (service: string) => {
  const body = { resource: [{ title: 'x' }] };
  return server.ask(`/api/v2/${service}/_table/todo`, { method: 'POST', body });
};
const rows = async (service: string) =>
  (await server.ask(`/api/v2/${service}/_table/todo`)).body.resource.length;
const done = () => server.observations.filter(({ kind }) => kind === 'queue.done').length;

test('a write is not done where it cannot be noted, unless nobody wants the note', async () => {
  await addService('sure', {});
  await addService('quick', { events_unknown: 'drop' });
  expect((await add('sure')).status).toBe(200);
  await expect.poll(done, { timeout: 20_000 }).toBe(1);
  // What notes are kept in is gone.
  const system = new Database(join(server.home, 'system.sqlite'));
  system.exec('alter table outbox rename to elsewhere');
  system.close();
  expect((await add('sure')).status).toBeGreaterThanOrEqual(500);
  expect(await rows('sure')).toBe(1);
  expect((await add('quick')).status).toBe(200);
  expect(await rows('quick')).toBe(1);
  // What was refused sets off a run as well, which sees that answer.
  await expect.poll(done, { timeout: 20_000 }).toBe(3);
});

test('the setting has two words', async () => {
  const config = { database: join(server.home, 'x.sqlite'), events_unknown: 'maybe' };
  const body = { resource: [{ name: 'x', label: 'x', type: 'sqlite', config }] };
  const { status, text } = await server.ask('/api/v2/system/service', { method: 'POST', body });
  expect([status, text]).toEqual([400, expect.stringContaining('assume-committed, drop')]);
});
