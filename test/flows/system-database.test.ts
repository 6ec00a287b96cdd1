// The system database on a server, which two servers of ours share.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { lookAtSystemStore } from '../../src/store/open.ts';
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

describe.each(['postgres', 'mysql'] as const)('a configuration on %s', (kind: ServerKind) => {
  it.runIf(canTest(kind))(
    'goes out and in like one in a file; looking at it changes nothing',
    async () => {
      const database = await testDatabase(kind);
      const { user, password, host, port, database: name } = database;
      const TENON_DATABASE_URL = `${kind}://${user}:${encodeURIComponent(password)}@${host}:${port}/${name}`;
      expect(await lookAtSystemStore(TENON_DATABASE_URL)).toBeUndefined();
      const server = await startTestServer({ TENON_DATABASE_URL, TENON_MASTER_KEY: masterKey });
      const make = (resource: string, record: object) =>
        server.ask(`/api/v2/system/${resource}`, { method: 'POST', body: { resource: [record] } });
      const transfer = (query: string, body: unknown) =>
        server.ask(`/api/v2/system/package${query}`, { method: 'POST', body });
      try {
        const access = { service_id: null, component: '*', verb_mask: 1, requestor_mask: 1 };
        const made = [
          await make('role', { name: 'reader', role_service_access_by_role_id: [access] }),
          await make('app', { name: 'shop', role_id: 1 }),
          await make('lookup', { name: 'color', value: 'red' }),
          await make('cors', { path: 'api/*' }),
          await make('email_template', { name: 'hello', subject: 'Hello {name}' }),
          await make('limit', { name: 'all', type: 'instance', rate: 1_000, period: 'day' }),
          await make('queue_connection', { name: 'mails', type: 'database', is_default: true }),
        ];
        expect(made.map(({ status }) => status)).toEqual(Array(7).fill(201));
        const manifest = (await server.ask('/api/v2/system/package')).body;
        const exported = await transfer('', manifest);
        expect(exported.status).toBe(200);
        // What is taken is refused inside a transaction, which must not keep what follows from being done.
        expect((await make('role', { name: 'READER' })).status).toBe(201);
        expect((await make('role', { name: 'reader' })).body.error.message).toContain(
          "name 'reader' is already",
        );
        await server.ask('/api/v2/system/role/1', { method: 'DELETE' });
        const dry = await transfer('?dry_run=true', exported.body);
        expect([dry.status, dry.text]).toEqual([200, expect.stringContaining('"created"')]);
        expect((await server.ask("/api/v2/system/role?filter=name='reader'&count_only=true")).body).toBe(0);
        expect((await transfer('', exported.body)).status).toBe(200);
        const { body } = await server.ask("/api/v2/system/app?filter=name='shop'&related=role_by_role_id");
        expect(body.resource[0].role_by_role_id).toMatchObject({ name: 'reader' });
        expect((await server.ask('/api/v2/system/audit?verify=true')).body).toMatchObject({
          broken_at: null,
        });
      } finally {
        await server.close();
      }
      const store = await lookAtSystemStore(TENON_DATABASE_URL);
      expect((await store?.roles.list())?.map((role) => role.name).sort()).toEqual(['READER', 'reader']);
      await store?.close();
      await database.drop();
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
