// Lookups in configurations where a server begins with them, and where another process changes them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Answer, startTestServer, type TestServer } from '../server.ts';

let folder = '';
const servers: TestServer[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tenon-lookups-'));
  for (const name of ['one', 'two']) {
    const database = new Database(join(folder, `${name}.sqlite`));
    database.exec(
      `create table word (id integer primary key, text text); insert into word values (1, '${name}')`,
    );
    database.close();
  }
});

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
  rmSync(folder, { recursive: true, force: true });
});

async function open(home: string): Promise<TestServer> {
  const server = await startTestServer({ TENON_HOME: home });
  servers.push(server);
  return server;
}

const post = (server: TestServer, path: string, record: unknown): Promise<Answer> =>
  server.ask(`/api/v2/system/${path}`, { method: 'POST', body: { resource: [record] } });

const word = async (server: TestServer) => (await server.ask('/api/v2/words/_table/word/1')).body.text;

async function furnish(server: TestServer): Promise<number> {
  const value = join(folder, 'one.sqlite');
  const made = await post(server, 'lookup', { name: 'words_file', value, private: true });
  const config = { database: '{words_file}' };
  await post(server, 'service', { name: 'words', label: 'Words', type: 'sqlite', is_active: true, config });
  return made.body.resource[0].id;
}

test('a server that starts has the lookups of its services', async () => {
  const home = join(folder, 'home');
  const first = await open(home);
  await furnish(first);
  expect(await word(first)).toBe('one');
  await first.close();
  servers.length = 0;
  expect(await word(await open(home))).toBe('one');
});

test('a lookup that one process changes is in force in the others', async () => {
  const home = join(folder, 'home');
  const [here, there] = [await open(home), await open(home)];
  const id = await furnish(here);
  await vi.waitFor(async () => expect(await word(there)).toBe('one'), { timeout: 10_000, interval: 50 });
  const body = { value: join(folder, 'two.sqlite') };
  await here.ask(`/api/v2/system/lookup/${id}`, { method: 'PATCH', body });
  expect(await word(here)).toBe('two');
  await vi.waitFor(async () => expect(await word(there)).toBe('two'), { timeout: 10_000, interval: 50 });
});
