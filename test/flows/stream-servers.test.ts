// Streamed answers from live database servers: complete, bounded, and broken off where the database breaks
// off.
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import mysql from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import { canTest, type ServerKind, type TestDatabase, testDatabase } from '../databases.ts';
import { startTestServer, type TestServer } from '../server.ts';

const count = 20_000;
const columns = `(id integer primary key, name varchar(40) not null, amount decimal(10,2), paid boolean,
  made date, big bigint, note varchar(700))`;

interface Kind {
  readonly kind: ServerKind;
  readonly type: string;
  /** Rows of the numbers 1 to `count`. */
  readonly numbers: string;
  /** Ends all connections to a database but the one that says so. */
  readonly cut: (database: TestDatabase) => Promise<void>;
}

const kinds: readonly Kind[] = [
  {
    kind: 'postgres',
    type: 'pgsql',
    numbers: `generate_series(1, ${count}) as n(i)`,
    cut: (database) =>
      database.execute(
        'select pg_terminate_backend(pid) from pg_stat_activity ' +
          'where datname = current_database() and pid <> pg_backend_pid()',
      ),
  },
  { kind: 'mysql', type: 'mysql', numbers: `(select seq as i from seq_1_to_${count}) as n`, cut: cutMysql },
];

async function cutMysql({ host, port, user, password, database }: TestDatabase): Promise<void> {
  const connection = await mysql.createConnection({ host, port, user, password });
  const [rows] = await connection.query<mysql.RowDataPacket[]>(
    'select id from information_schema.processlist where db = ?',
    [database],
  );
  for (const { id } of rows) await connection.query('kill ?', [id]);
  await connection.end();
}

for (const { kind, type, numbers, cut } of kinds) {
  describe.runIf(canTest(kind))(kind, () => {
    let server: TestServer;
    let database: TestDatabase;

    beforeAll(async () => {
      server = await startTestServer();
      database = await testDatabase(kind);
      await database.execute(`create table event ${columns}`);
      await database.execute(
        `insert into event select i, concat('Person "', i, '"'), i * 1.25, mod(i, 2) = 1, date '2026-01-31',
           9007199254740992 + i, case when mod(i, 3) = 0 then null else repeat('x', 700) end from ${numbers}`,
      );
      // More than the buffers between the database and a client that does not read can hold.
      await database.execute(
        'create view event_again as select e.* from event as e cross join event as other where other.id <= 10',
      );
      const { host, port, user: username, password, database: name } = database;
      const config = { host, port, username, password, database: name, max_records: 1_000_000 };
      const resource = [{ name: 'db', label: 'db', type, is_active: true, config }];
      const made = await server.ask('/api/v2/system/service', { method: 'POST', body: { resource } });
      expect(made.status).toBe(201);
    });

    afterAll(async () => {
      await server.close();
      await database.drop();
    });

    const events = '/api/v2/db/_table/event?order=id';
    const read = (query: string, accept = 'application/json') =>
      server.ask(`${events}${query}`, { headers: { Accept: accept } });

    async function opened(path = events): Promise<IncomingMessage> {
      const headers = { 'X-DreamFactory-Session-Token': server.token };
      const asked = request(server.url + path, { headers });
      asked.on('error', () => undefined);
      asked.end();
      const [response] = (await once(asked, 'response')) as [IncomingMessage];
      return response;
    }

    async function textOf(response: IncomingMessage): Promise<string> {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks).toString();
    }

    test('a long list is what its pages are together', async () => {
      const whole = await read('');
      expect([whole.status, whole.headers.get('transfer-encoding')]).toEqual([200, 'chunked']);
      const pages: string[] = [];
      for (let offset = 0; offset < count; offset += 2_000) {
        const { text } = await read(`&limit=2000&offset=${offset}`);
        pages.push(text.slice('{"resource":['.length, -']}'.length));
      }
      expect(whole.text === `{"resource":[${pages.join(',')}]}`).toBe(true);
      const lines = await read('', 'application/x-ndjson');
      expect(lines.text.trimEnd().split('\n').length).toBe(count);
    });

    test('is the same in CSV, to the last digit', async () => {
      const { text } = await read(
        '&fields=id,name,amount,paid,made,big&limit=3000&include_count=true',
        'text/csv',
      );
      const lines = text.split('\n');
      expect([lines.length, lines[0], lines[3]]).toEqual([
        3_002,
        'id,name,amount,paid,made,big',
        '3,"Person ""3""",3.75,true,2026-01-31,9007199254740995',
      ]);
      const meta = await read('&fields=id&limit=3000&include_count=true');
      expect(meta.body.meta).toEqual({ count, next: 3_000 });
    });

    test('one that turns out to be short is answered whole', async () => {
      const answer = await read('&filter=id%20%3C%203&fields=id');
      expect(answer.headers.get('content-length')).toBe(String(answer.text.length));
      expect(answer.body).toEqual({ resource: [{ id: 1 }, { id: 2 }] });
    });

    test('clients that go away leave no connection behind', async () => {
      for (let i = 0; i < limits.streams * 2; i++) {
        const response = await opened();
        response.destroy();
        await once(response, 'close');
      }
      expect((await read('&fields=id')).body.resource.length).toBe(count);
    });

    test('what breaks off in the middle is broken, told in the log, and over with the next request', async () => {
      server.observations.length = 0;
      const response = await opened('/api/v2/db/_table/event_again');
      await once(response, 'readable');
      await cut(database);
      await expect(textOf(response)).rejects.toThrow('aborted');
      expect(server.observations).toContainEqual(
        expect.objectContaining({
          kind: 'http.failed',
          error: expect.objectContaining({ cause: expect.objectContaining({ failure: 'unavailable' }) }),
        }),
      );
      const healed = await read('&fields=id');
      expect([healed.status, healed.body.resource.length]).toEqual([200, count]);
    });
  });
}
