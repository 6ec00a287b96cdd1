import { describe, expect, it } from 'vitest';
import { canTest, testDatabase } from '../../../../../test/databases.ts';
import type { SqlService } from '../../service.ts';
import { openSchemaHouse } from '../../suite/schema-fixture.ts';
import { schemaSuite } from '../../suite/schema-suite.ts';
import { mariadb } from './index.ts';

async function open() {
  const own = await testDatabase('mysql');
  const { host, port, user: username, password, database } = own;
  const config = { host, port, username, password, database };
  const house = await openSchemaHouse(
    ({ id, name }) => mariadb.create({ id, name, label: name, config }) as SqlService,
  );
  const close = async () => {
    await house.close();
    await own.drop();
  };
  return { ...house, close, execute: own.execute.bind(own) };
}

describe.runIf(canTest('mysql'))('live', () => {
  schemaSuite('MariaDB', open);

  it('keeps what is not said of a column that somebody else made', async () => {
    const house = await open();
    await house.execute(`CREATE TABLE t (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
      a VARCHAR(9) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL DEFAULT 'x, (''y' COMMENT 'it''s',
      b TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, c JSON, INDEX pair (a, b))`);
    const shown = async () => {
      const { body } = await house.ask('GET', '_schema/t');
      return body.field.map(({ name, db_type, default: preset }: Record<string, unknown>) => [
        name,
        db_type,
        preset,
      ]);
    };
    expect((await house.ask('PATCH', '_schema/t/_field/a', { length: 20 })).status).toBe(200);
    expect((await house.ask('PATCH', '_schema/t/_field/b', { allow_null: false })).status).toBe(200);
    expect((await house.ask('PATCH', '_schema/t/_field/c', { type: 'text' })).status).toBe(200);
    expect((await house.ask('GET', '_schema/t/_field/a')).body).toMatchObject({
      ...{ length: 20, default: "x, ('y", allow_null: false, description: "it's" },
    });
    expect((await shown()).map(([name, type]: string[]) => [name, type])).toEqual([
      ...[
        ['id', 'bigint(20) unsigned'],
        ['a', 'varchar(20)'],
        ['b', 'timestamp'],
        ['c', 'text'],
      ],
    ]);
    await house.ask('POST', '_table/t', { resource: [{ c: 'no JSON' }] });
    expect((await house.ask('GET', '_table/t/1?fields=a,c')).body).toEqual({ a: "x, ('y", c: 'no JSON' });
    await house.ask('PATCH', '_schema/t/_field/a', { default: 'back\\slash' });
    await house.ask('POST', '_table/t', { resource: [{}] });
    expect((await house.ask('GET', '_table/t/2?fields=a')).body).toEqual({ a: 'back\\slash' });
    await house.close();
  });

  it('says what was done before a change that it can not undo failed', async () => {
    const house = await open();
    const { status, body } = await house.ask('POST', '_schema', {
      resource: [
        { name: 'first', field: [{ name: 'id', type: 'id' }] },
        // No engine takes rows of this width.
        { name: 'second', field: [{ name: 'a', type: 'string', length: 60_000 }] },
      ],
    });
    expect(status).toBe(400);
    expect(body.error.message).toMatch(
      /Refused was: table 'second' created\. .*Done before: table 'first' created\.$/,
    );
    expect((await house.ask('GET', '_schema')).body).toEqual({ resource: [{ name: 'first' }] });
    await house.close();
  });
});
