// The system database on a server, which two servers of ours share.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { canTest, type ServerKind, testDatabase } from '../databases.ts';
import { startTestServer } from '../server.ts';

const masterKey = randomBytes(32).toString('base64');

describe.each(['postgres', 'mysql'] as const)('a system database on %s', (kind: ServerKind) => {
  it.runIf(canTest(kind))(
    'is shared: what one server is told, the other knows',
    async () => {
      const database = await testDatabase(kind);
      const { user, password, host, port, database: name } = database;
      const TENON_DATABASE_URL = `${kind}://${user}:${encodeURIComponent(password)}@${host}:${port}/${name}`;
      const settings = { TENON_DATABASE_URL, TENON_MASTER_KEY: masterKey };
      const first = await startTestServer(settings);
      const second = await startTestServer(settings);
      try {
        await first.addDatabase('hr', 'CREATE TABLE todo (id INTEGER PRIMARY KEY, title TEXT);');
        const script = { type: 'nodejs', is_active: true, allow_event_modification: true };
        const content = "event.response.content = { by: 'a script' };";
        const event = '/api/v2/system/event_script/hr._table.todo.get.post_process';
        expect((await first.ask(event, { method: 'POST', body: { ...script, content } })).status).toBe(201);
        const lookup = { name: 'secret', value: 'of both', private: true };
        await first.ask('/api/v2/system/lookup', { method: 'POST', body: lookup });
        const settled = async () => {
          const { body } = await second.ask('/api/v2/hr/_table/todo');
          return body.by === 'a script';
        };
        await expect.poll(settled, { timeout: 10_000 }).toBe(true);
        // A session of one is a session of both, until either closes it.
        const headers = { 'X-DreamFactory-Session-Token': first.token };
        const asked = () => second.ask('/api/v2/system/role', { anonymous: true, headers });
        expect((await asked()).status).toBe(200);
        await first.ask('/api/v2/system/admin/session', { method: 'DELETE' });
        await expect.poll(async () => (await asked()).status, { timeout: 10_000 }).toBe(403);
        const { body } = await second.ask('/api/v2/system/audit?verify=true');
        expect(body).toMatchObject({ broken_at: null });
      } finally {
        await second.close();
        await first.close();
        await database.drop();
      }
    },
    120_000,
  );
});

describe('the address of a system database', () => {
  it('on a server needs a master key, which is not made beside it', () => {
    const TENON_DATABASE_URL = 'postgres://u:p@db.example.com/tenon';
    expect(() => readConfig({ TENON_DATABASE_URL })).toThrow(/TENON_MASTER_KEY must be given/);
    expect(readConfig({ TENON_DATABASE_URL, TENON_MASTER_KEY: masterKey }).databaseUrl).toBe(
      TENON_DATABASE_URL,
    );
  });

  it.each(['postgres://host', 'mysql://', 'oracle://a/b', 'postgres://h/', '/a/file'])(
    'is refused: %s',
    (url) => {
      expect(() => readConfig({ TENON_DATABASE_URL: url, TENON_MASTER_KEY: masterKey })).toThrow(
        /TENON_DATABASE_URL/,
      );
    },
  );
});
