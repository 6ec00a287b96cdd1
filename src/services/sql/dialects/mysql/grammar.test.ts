import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canTest, type TestDatabase, testDatabase } from '../../../../../test/databases.ts';
import type { Action } from '../../../../core/operation.ts';
import type { Engine } from '../../dialect.ts';
import { parameterField } from '../../routines/routine.ts';
import { defineTable, type Field, type Table } from '../../schema.ts';
import { SqlService } from '../../service.ts';
import { dispatcherOf, operationOf } from '../../suite/path-fixture.ts';
import { compiler, MysqlEngine } from './engine.ts';
import { defaultKey, type Flavor, mysqlGrammar } from './grammar.ts';
import { engineOptions } from './login.ts';

const builder = compiler();
const flavors = {
  mariadb: { isMariadb: true, hasReturning: true, keyDefaults: new Map() },
  mysql: {
    isMariadb: false,
    hasReturning: false,
    keyDefaults: new Map([[defaultKey(['t'], 'id'), 'uuid()']]),
  },
} satisfies Record<string, Flavor>;

const field = (name: string, more: Partial<Field>): Field => ({
  ...parameterField({ name, type: 'string', dbType: 'varchar(9)' }),
  ...more,
});
const fields = [
  field('id', { type: 'integer', dbType: 'int' }),
  field('price', { type: 'decimal', dbType: 'decimal(10,2)', precision: 10, scale: 2 }),
  field('place', { dbType: 'point' }),
  field('data', { type: 'json', dbType: 'json' }),
] as const;
const [id, price, place, data] = fields;
const table: Table = defineTable({
  ...{
    name: 't',
    ownName: 't',
    path: ['db', 't`x'],
    label: 'T',
    plural: 'Ts',
    description: null,
    nameField: null,
  },
  ...{ isView: false, primaryKey: ['id'], fields: new Map(fields.map((each) => [each.name, each])) },
  relations: new Map(),
});
const text = (piece: ReturnType<typeof sql>) => piece.compile(builder).sql;

describe('the words of MySQL', () => {
  const mysql = mysqlGrammar(() => flavors.mysql);
  const mariadb = mysqlGrammar(() => flavors.mariadb);

  test('an insert', () => {
    expect(text(mysql.insert({ table, fields: [price, place], returning: [] }))).toBe(
      'insert into `db`.`t``x` (`price`, `place`) values (?, ST_GeomFromText(?))',
    );
    expect(text(mysql.insert({ table, fields: [], returning: [] }))).toBe(
      'insert into `db`.`t``x` () values ()',
    );
    expect(text(mariadb.insert({ table, fields: [price], returning: [id] }))).toBe(
      'insert into `db`.`t``x` (`price`) values (?) returning `id`',
    );
  });

  test('marks of values, by type and by server', () => {
    expect([id, price, place, data].map((each) => text(mysql.mark(each)))).toEqual([
      ...['?', 'CAST(? AS DECIMAL(65, 30))', 'ST_GeomFromText(?)', 'CAST(? AS JSON)'],
    ]);
    expect(text(mariadb.mark(data))).toBe('?');
    const long = field('long', { type: 'decimal', precision: 65, scale: 2 });
    expect(text(mysql.mark(long))).toBe('CAST(? AS DECIMAL(65, 2))');
  });

  test('orders with nulls where they are asked for', () => {
    const order = (descending: boolean, nulls?: 'first' | 'last') =>
      text(
        mysql.order(sql.id('a'), { descending, hasNulls: true, ...(nulls === undefined ? {} : { nulls }) }),
      );
    expect([order(false), order(false, 'first'), order(true), order(true, 'last')]).toEqual([
      ...['`a` ASC', '`a` ASC', '`a` DESC', '`a` DESC'],
    ]);
    expect([order(false, 'last'), order(true, 'first')]).toEqual([
      ...['`a` IS NULL ASC, `a` ASC', '`a` IS NULL DESC, `a` DESC'],
    ]);
  });

  test('a backslash in a pattern, which is no escape unless it is said so', () => {
    expect(text(mysql.like(sql.id('a'), true))).toBe("`a` LIKE ? ESCAPE '\\'");
    expect(text(mysql.like(sql.id('a'), false))).toBe("`a` LIKE REPLACE(?, '\\', '\\\\') ESCAPE '\\'");
    expect(text(sql`${sql.lit("it's \\")}`)).toBe("'it''s \\'");
  });

  test('a key that only the database can make is asked for before, where no insert answers it', () => {
    const plain = { ...table, path: ['t'] };
    const before = mysql.keyBefore?.(plain, id);
    expect(before === undefined ? undefined : text(before)).toBe('(uuid())');
    expect(mysql.keyBefore?.(plain, price)).toBeUndefined();
    expect(mariadb.keyBefore?.(plain, id)).toBeUndefined();
  });
});

describe.runIf(canTest('mysql')).each(['mariadb', 'mysql'] as const)(
  'keys that %s makes by a default',
  (name) => {
    let place: TestDatabase;
    let ask: (action: Action, path: string, body?: unknown) => Promise<unknown>;
    let close: () => Promise<void>;

    // A server without RETURNING is like MySQL: the same statements run on it.
    beforeAll(async () => {
      place = await testDatabase('mysql');
      await place.execute(`
      CREATE TABLE named(id UUID PRIMARY KEY DEFAULT uuid(), v INT);
      CREATE TABLE pair(code CHAR(9) DEFAULT 'it''s', n INT AUTO_INCREMENT, v INT, PRIMARY KEY (n, code));
      CREATE TABLE bare(id INT AUTO_INCREMENT PRIMARY KEY, v INT DEFAULT 7)`);
      const { host, port, user: username, password, database } = place;
      const real = new MysqlEngine(engineOptions({ host, port, username, password, database }));
      const defaults: [string, string][] = [
        [defaultKey(['named'], 'id'), 'uuid()'],
        [defaultKey(['pair'], 'code'), "'it''s'"],
      ];
      const grammar = mysqlGrammar(() => ({
        ...flavors[name],
        isMariadb: true,
        keyDefaults: new Map(defaults),
      }));
      const engine: Engine = {
        dialect: { ...real.dialect, grammar },
        database: () => real.database(),
        introspect: () => real.introspect(),
        schemaVersion: () => real.schemaVersion(),
        close: () => real.close(),
      };
      const settings = {
        service: 'hr',
        maxRecords: 100,
        allowUpsert: false,
        strictFields: false,
        transactionMs: 9_000,
      };
      const service = new SqlService({ type: 'mysql', settings, engine });
      const dispatcher = dispatcherOf([service], [], undefined);
      ask = async (action, path, body) => {
        const result = await dispatcher.dispatch(operationOf(action, `/api/v2/hr/${path}`, { body }));
        expect(result.status, result.body?.text).toBe(200);
        return result.body?.value;
      };
      close = () => service.close();
    });
    afterAll(async () => {
      await close();
      await place.drop();
    });

    test('are answered, of one record and of many', async () => {
      const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
      const { resource } = (await ask('POST', '_table/named', { resource: [{ v: 1 }, { v: 2 }] })) as {
        resource: { id: string }[];
      };
      expect(resource.map(({ id: made }) => uuid.test(made))).toEqual([true, true]);
      expect(await ask('GET', `_table/named/${resource[1]?.id}?fields=v`)).toEqual({ v: 2 });
      const one = (await ask('POST', '_table/named?fields=*', { resource: [{ v: 3 }] })) as typeof resource;
      expect(one).toMatchObject({ resource: [{ v: 3, id: expect.stringMatching(uuid) }] });
    });

    test('also beside a number that counts up, and without any field', async () => {
      expect(await ask('POST', '_table/pair', { resource: [{ v: 1 }] })).toEqual({
        resource: [{ n: 1, code: "it's" }],
      });
      expect(await ask('POST', '_table/pair?fields=*', { resource: [{ v: 2, code: 'x' }] })).toEqual({
        resource: [{ code: 'x', n: 2, v: 2 }],
      });
      expect(await ask('POST', '_table/bare?fields=*', { resource: [{}] })).toEqual({
        resource: [{ id: 1, v: 7 }],
      });
    });
  },
);
