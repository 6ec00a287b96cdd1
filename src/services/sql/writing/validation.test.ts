// The rules of fields and the values that fields get by themselves, for every way a record is written.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { UserView } from '../../../core/operation.ts';
import { openSqliteHouse, type SqliteSchemaHouse } from '../suite/schema-fixture.ts';

let house: SqliteSchemaHouse;
beforeEach(async () => {
  house = await openSqliteHouse(`
    CREATE TABLE item (id INTEGER PRIMARY KEY, v TEXT, n INTEGER, made TIMESTAMP, changed TIMESTAMP,
      maker INTEGER, changer INTEGER, doc JSON);
    INSERT INTO item (id, v, n) VALUES (1, 'old', 1);
  `);
});
afterEach(() => house.close());

const rule = async (validation: object, over: object = {}) => {
  const { status, body } = await house.ask('PATCH', '_schema/item/_field/v', { validation, ...over });
  expect({ status, error: body.error }).toEqual({ status: 200, error: undefined });
};
const change = async (v: unknown) => {
  const { status, body } = await house.ask('PATCH', '_table/item/1', { v });
  return status === 200 ? 'taken' : body.error.message;
};
const encoded = (pattern: string) => Buffer.from(pattern).toString('base64');

const cases: readonly (readonly [object, readonly unknown[], readonly unknown[]])[] = [
  [{ not_null: null }, ['', 'x'], [null]],
  [{ not_empty: null }, ['x', '0'], ['', null]],
  [{ not_zero: null }, ['1', 'x', null], ['0', 0, '0.0']],
  [
    { email: null },
    ['a@b.co', 'x.y+z@sub.example.org', null, ''],
    ['a', 'a@b', '@b.co', 'a b@c.de', 'a@b.c@d.e'],
  ],
  [{ url: null }, ['https://example.com/a?b', 'ftp://x.y', null], ['example.com', 'http://', 'http:// x']],
  [{ int: { range: { min: 2, max: 5 } } }, ['2', 5, null], [1, 6, '5.5', 'x', '']],
  [{ int: null }, ['-7', 0], ['x', 1.5]],
  [{ float: null }, ['1.5', -2, '1e3', null], ['x', '1,5', '']],
  [{ boolean: null }, ['yes', 'off', true, null], ['maybe', '2']],
  [{ match: { regexp: encoded('/^[a-z]{2,4}$/i') } }, ['ab', 'ABCD', null], ['a', 'abcde', 'a1']],
  [{ match: { regexp: encoded('^(a+)+$') } }, ['aaaa'], [`${'a'.repeat(1500)}!`]],
  [{ picklist: null }, ['red', null], ['blue', 'RED', '']],
  [{ multi_picklist: { min: 1, max: 2 } }, ['red', 'red,green', null], ['', 'red,blue', 'red,green,red']],
  [{ multi_picklist: { delimiter: ';' } }, ['red;green'], ['red,green']],
];

describe('a rule', () => {
  it.each(cases)('%j', async (validation, good, bad) => {
    await rule(validation, { picklist: ['red', 'green'] });
    for (const value of good) expect([value, await change(value)]).toEqual([value, 'taken']);
    for (const value of bad) {
      expect([value, await change(value)]).toEqual([value, expect.stringMatching(/^Field 'v' value /)]);
    }
  });

  it('may say its own message, or leave the field out', async () => {
    await rule({ email: { on_fail: 'That is no address.' } });
    expect(await change('x')).toBe('That is no address.');
    await rule({ email: { on_fail: 'ignore_field' } });
    const { status } = await house.ask('PATCH', '_table/item/1', { v: 'x', n: 5 });
    expect(status).toBe(200);
    expect(house.rows('SELECT v, n FROM item')).toEqual([{ v: 'old', n: 5 }]);
  });

  it('api_read_only keeps callers from writing a field', async () => {
    await rule({ api_read_only: null });
    expect(await change('x')).toBe("Field 'v' is read only.");
    const made = await house.ask('POST', '_table/item', { resource: [{ v: 'x' }] });
    expect(made.status).toBe(400);
  });

  it('create_only lets a field be given once', async () => {
    await rule({ create_only: null });
    expect((await house.ask('POST', '_table/item', { resource: [{ v: 'x' }] })).status).toBe(200);
    expect(await change('y')).toBe("Field 'v' can only be set during record creation.");
  });

  it('holds for every record of a batch on its own', async () => {
    await rule({ email: null });
    const resource = [{ v: 'a@b.co' }, { v: 'x' }, { v: 'c@d.eu' }];
    const { status, body } = await house.ask('POST', '_table/item?continue=true', { resource });
    expect(status).toBe(400);
    expect(body.error.context.error).toEqual([1]);
    expect(house.rows('SELECT count(*) AS n FROM item')).toEqual([{ n: 3 }]);
  });

  it.each([
    [{ nonsense: null }, /no rule 'nonsense'/],
    [{ match: null }, /'regexp' must be/],
    [{ match: { regexp: encoded('(a') } }, /not closed/],
    [{ match: { regexp: encoded('(?=a)') } }, /lookaround/],
    [{ match: { regexp: encoded(String.raw`(a)\1`) } }, /backreferences/],
    [{ match: { regexp: encoded('a{1000}{1000}') } }, /repeats a repetition/],
    [{ match: { regexp: encoded('(a{1000}){1000}') } }, /too long/],
    [{ int: { range: { min: 'x' } } }, /whole numbers/],
    [{ email: { on_fail: 5 } }, /'on_fail' must be/],
    [{ multi_picklist: { delimiter: '' } }, /'delimiter'/],
    ['x', /must be an object/],
  ])('can not be %j', async (validation, message) => {
    const { status, body } = await house.ask('PATCH', '_schema/item/_field/v', { validation });
    expect({ status, message: body.error.message }).toEqual({
      status: 400,
      message: expect.stringMatching(message),
    });
  });
});

describe('a field that gets its value by itself', () => {
  const ada = { id: 7, name: 'Ada' } as UserView;

  beforeEach(async () => {
    const types = {
      ...{ made: 'timestamp_on_create', changed: 'timestamp_on_update' },
      ...{ maker: 'user_id_on_create', changer: 'user_id_on_update' },
    };
    const field = Object.entries(types).map(([name, type]) => ({ name, type }));
    await house.ask('PATCH', '_schema/item/_field', { resource: field });
  });

  it('is shown with its type, and nothing of the database is changed for it', async () => {
    expect((await house.ask('GET', '_schema/item/_field/maker')).body).toMatchObject({
      ...{ type: 'user_id_on_create', db_type: 'integer' },
    });
    expect(house.rows("SELECT sql FROM sqlite_schema WHERE name = 'item'")[0].sql).toContain(
      'maker INTEGER, changer',
    );
  });

  it('gets it when a record is made and when it is changed, whatever the caller says', async () => {
    const user = house.as({ user: ada });
    const resource = [{ v: 'x', maker: 99, made: '2000-01-01 00:00:00' }];
    const { body } = await user.ask('POST', '_table/item?fields=*', { resource });
    const [made] = body.resource;
    expect(made).toMatchObject({ maker: 7, changer: 7 });
    expect(made.made).toMatch(/^20[2-9]\d-\d\d-\d\d \d\d:\d\d:\d\d$/);
    expect(made.changed).toBe(made.made);
    const grace = house.as({ user: { ...ada, id: 8 } });
    const changed = await grace.ask('PATCH', `_table/item/${made.id}?fields=*`, { v: 'y', maker: 1 });
    expect(changed.body).toMatchObject({ v: 'y', maker: 7, changer: 8, made: made.made });
  });

  it('is left alone where nobody is logged in', async () => {
    const { body } = await house
      .as({ user: undefined })
      .ask('POST', '_table/item?fields=*', { resource: [{ v: 'x' }] });
    expect(body.resource[0]).toMatchObject({ maker: null, changer: null });
    expect(body.resource[0].made).not.toBeNull();
  });

  it('is taken back by another type', async () => {
    await house.ask('PATCH', '_schema/item/_field/maker', { type: 'integer' });
    const { body } = await house
      .as({ user: ada })
      .ask('POST', '_table/item?fields=*', { resource: [{ maker: 3 }] });
    expect(body.resource[0]).toMatchObject({ maker: 3, changer: 7 });
  });
});

describe('SQL in a record', () => {
  it('is refused by name, and is a value where values are JSON', async () => {
    const expression = { expression: "upper('x')" };
    const refused = await house.ask('PATCH', '_table/item/1', { v: expression });
    expect(refused.status).toBe(400);
    expect(refused.body.error.message).toMatch(/^Field 'v': SQL expressions in records are not taken/);
    const taken = await house.ask('PATCH', '_table/item/1?fields=doc', { doc: expression });
    expect(taken.body).toEqual({ doc: expression });
  });
});
