import mysql from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canTest, type TestDatabase, testDatabase } from '../../test/databases.ts';
import { openSystemStore } from './open.ts';
import { storeSuite } from './suite.ts';

describe.runIf(canTest('mysql'))('on MariaDB', () => {
  let database: TestDatabase;
  let fresh: Emptying;
  const url = () => {
    const { user, password, host, port, database: name } = database;
    return `mysql://${user}:${encodeURIComponent(password)}@${host}:${port}/${name}`;
  };
  beforeAll(async () => {
    database = await testDatabase('mysql');
    await (await openSystemStore(url())).close();
    fresh = await emptying(url());
  }, 60_000);
  afterAll(async () => {
    await fresh.end();
    await database.drop();
  });

  storeSuite('MariaDB', async () => {
    await fresh.empty();
    return openSystemStore(url());
  });

  it('tells a server that is not there from a statement that is not taken', async () => {
    const away = openSystemStore('mysql://nobody@127.0.0.1:1/nothing');
    await expect(away).rejects.toMatchObject({ kind: 'service.unavailable' });
  });

  it('tells texts that differ by case alone, and takes long ones', async () => {
    await fresh.empty();
    const store = await openSystemStore(url());
    const more = { isActive: true, maxConcurrency: null, maxBodyBytes: null };
    for (const name of ['reader', 'Reader', 'READER'])
      await store.roles.create({ name, ...more, description: null }, null);
    const description = '\u{1F600}'.repeat(40_000);
    const made = await store.roles.create({ name: 'long', ...more, description }, null);
    expect((await store.roles.get(made.id))?.description).toBe(description);
    await store.close();
  });

  it('is migrated once, however many servers start', async () => {
    const { database: name, execute } = database;
    await execute(`drop database ${name}; create database ${name}`);
    const stores = await Promise.all([1, 2, 3].map(() => openSystemStore(url())));
    for (const store of stores) expect(await store.services.list()).toHaveLength(1);
    for (const store of stores) await store.close();
  }, 30_000);
});

interface Emptying {
  empty(): Promise<void>;
  end(): Promise<void>;
}

// Making all tables takes this server two seconds; so they are emptied instead, and get back what a new system
// begins with.
async function emptying(uri: string): Promise<Emptying> {
  const connection = await mysql.createConnection({ uri, multipleStatements: true });
  const [tables] = await connection.query<mysql.RowDataPacket[]>({ sql: 'show tables', rowsAsArray: true });
  const names = tables.map((row) => String(row[0])).filter((name) => !name.startsWith('kysely'));
  const filled = async () => {
    const found: { name: string; rows: mysql.RowDataPacket[] }[] = [];
    for (const name of names) {
      const [rows] = await connection.query<mysql.RowDataPacket[]>(`select * from \`${name}\``);
      if (rows.length > 0) found.push({ name, rows });
    }
    return found;
  };
  const first = await filled();
  return {
    empty: async () => {
      await connection.query('set foreign_key_checks = 0');
      for (const { name } of await filled()) await connection.query(`truncate table \`${name}\``);
      for (const { name, rows } of first) {
        const columns = Object.keys(rows[0] ?? {});
        const values = rows.map((row) => columns.map((column) => row[column]));
        await connection.query(`insert into \`${name}\` (??) values ?`, [columns, values]);
      }
      await connection.query('set foreign_key_checks = 1');
    },
    end: () => connection.end(),
  };
}
