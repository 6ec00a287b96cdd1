import { describe, expect, it } from 'vitest';
import { canTest, testDatabase } from '../../../../../test/databases.ts';
import type { SqlService } from '../../service.ts';
import { openSchemaHouse } from '../../suite/schema-fixture.ts';
import { schemaSuite } from '../../suite/schema-suite.ts';
import { postgres } from './index.ts';

async function open() {
  const own = await testDatabase('postgres');
  const { host, port, user: username, password, database } = own;
  const config = { host, port, username, password, database };
  const house = await openSchemaHouse(
    ({ id, name }) => postgres.create({ id, name, label: name, config }) as SqlService,
  );
  const close = async () => {
    await house.close();
    await own.drop();
  };
  return { ...house, close, execute: own.execute.bind(own) };
}

describe.runIf(canTest('postgres'))('live', () => {
  schemaSuite('PostgreSQL', open);

  it('keeps the default and the constraints of a column whose type changes, and other schemas apart', async () => {
    const house = await open();
    await house.execute(`CREATE SCHEMA sales; CREATE TABLE sales.t (id int PRIMARY KEY, n int DEFAULT (4 + 3)
      CHECK (n > 0) UNIQUE, v text)`);
    expect((await house.ask('PATCH', '_schema/sales.t/_field/n', { type: 'bigint' })).status).toBe(200);
    await house.ask('POST', '_table/sales.t', { resource: [{ id: 1 }] });
    expect((await house.ask('GET', '_table/sales.t/1')).body).toEqual({ id: 1, n: 7, v: null });
    expect((await house.ask('POST', '_table/sales.t', { resource: [{ id: 2, n: -1 }] })).status).toBe(400);
    const view = await house.ask('GET', '_schema/sales.t/_field/n');
    expect(view.body).toMatchObject({ type: 'bigint', is_unique: true });
    expect((await house.ask('PATCH', '_schema/sales.t/_field/n', { is_unique: false })).status).toBe(200);
    const made = await house.ask('POST', '_schema', {
      resource: [
        {
          name: 'sales.u',
          field: [
            { name: 'id', type: 'id' },
            { name: 't', type: 'reference', ref_table: 'sales.t' },
          ],
        },
        { name: 'v', field: [{ name: 'id', type: 'id' }] },
      ],
    });
    expect(made.body).toEqual({ resource: [{ name: 'sales.u' }, { name: 'v' }] });
    expect((await house.ask('GET', '_schema')).body.resource).toEqual([
      ...[{ name: 'sales.t' }, { name: 'sales.u' }, { name: 'v' }],
    ]);
    const bad = await house.ask('POST', '_schema', {
      name: 'pg_catalog.x',
      field: [{ name: 'id', type: 'id' }],
    });
    expect(bad.status).toBe(400);
    await house.close();
  });

  it('leaves nothing of several changes when a later one fails', async () => {
    const house = await open();
    await house.execute("CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t VALUES (1, 'x')");
    const { status, body } = await house.ask('PATCH', '_schema/t', {
      field: [
        { name: 'new', type: 'integer' },
        { name: 'a', type: 'integer' },
      ],
    });
    expect(status).toBe(409);
    expect(body.error.message).toMatch(/Values that are there do not fit.* Nothing was changed\.$/);
    expect((await house.ask('GET', '_schema/t')).body.field).toHaveLength(2);
    await house.close();
  });
});
