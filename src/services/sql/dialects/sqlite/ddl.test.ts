// Changing tables of SQLite that somebody else made: everything that is not meant has to stay as it is.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqliteHouse, type SqliteSchemaHouse } from '../../suite/schema-fixture.ts';

const made = `
  CREATE TABLE "order" ( -- what was ordered
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    "cust id" INTEGER NOT NULL CONSTRAINT to_customer REFERENCES customer (id) ON DELETE CASCADE,
    code VARCHAR(5) COLLATE NOCASE DEFAULT 'a,b' CHECK (length(code) < 4 /* short */),
    price REAL CONSTRAINT needed NOT NULL DEFAULT (1.5 + 1),
    twice REAL GENERATED ALWAYS AS (price * 2) STORED,
    note TEXT,
    parent INTEGER REFERENCES "order",
    CONSTRAINT one_code UNIQUE (code, price),
    CHECK (price >= 0)
  );
  CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT);
  CREATE TABLE line (id INTEGER PRIMARY KEY, order_id INTEGER REFERENCES "order" (id) ON DELETE CASCADE);
  CREATE INDEX order_note ON "order" (note) WHERE note IS NOT NULL;
  CREATE TABLE log (what TEXT);
  CREATE TRIGGER order_made AFTER INSERT ON "order" BEGIN INSERT INTO log VALUES (new.note || ';'); END;
  CREATE VIEW notes AS SELECT id, note FROM "order";
  INSERT INTO customer VALUES (1, 'Ada');
  INSERT INTO "order" (id, "cust id", code, price, note)
    VALUES (1, 1, 'x', 2, 'first'), (7, 1, 'Y', 3, NULL), (9, 1, 'z', 4, 'last');
  DELETE FROM "order" WHERE id = 9;
  INSERT INTO line VALUES (1, 1), (2, 7);
`;

let house: SqliteSchemaHouse;
beforeEach(async () => {
  house = await openSqliteHouse(made);
});
afterEach(() => house.close());

const schemaOf = (name: string): string =>
  house.rows(`SELECT sql FROM sqlite_schema WHERE name = '${name}'`)[0]?.sql;
const change = (field: string, body: object) => house.ask('PATCH', `_schema/order/_field/${field}`, body);

describe('a table that is made anew', () => {
  it('keeps rows, counter, checks, collations, indexes, triggers, views and references', async () => {
    const before = house.rows('SELECT * FROM "order"');
    expect(
      await change('note', { allow_null: true, type: 'string', length: 30, default: "it's" }),
    ).toMatchObject({ status: 200 });
    expect(house.rows('SELECT * FROM "order"')).toEqual(before);
    expect(house.rows('SELECT * FROM line')).toHaveLength(2);
    const text = schemaOf('order');
    for (const part of [
      '-- what was ordered',
      `"cust id" INTEGER NOT NULL CONSTRAINT to_customer REFERENCES customer (id) ON DELETE CASCADE,`,
      `code VARCHAR(5) COLLATE NOCASE DEFAULT 'a,b' CHECK (length(code) < 4 /* short */),`,
      'price REAL CONSTRAINT needed NOT NULL DEFAULT (1.5 + 1),',
      'twice REAL GENERATED ALWAYS AS (price * 2) STORED,',
      `note varchar(30) DEFAULT 'it''s',`,
      'CONSTRAINT one_code UNIQUE (code, price)',
      'CHECK (price >= 0)',
    ]) {
      expect(text).toContain(part);
    }
    expect(schemaOf('order_note')).toBe('CREATE INDEX order_note ON "order" (note) WHERE note IS NOT NULL');
    expect(schemaOf('line')).toContain('REFERENCES "order" (id) ON DELETE CASCADE');
    await house.ask('POST', '_table/order', { resource: [{ 'cust id': 1, code: 'n', note: 'new' }] });
    // The number 9 was given once already.
    expect(house.rows('SELECT max(id) AS id FROM "order"')).toEqual([{ id: 10 }]);
    expect(house.rows('SELECT what FROM log')).toContainEqual({ what: 'new;' });
    expect((await house.ask('GET', '_table/notes?count_only=true')).body).toBe(3);
    expect(
      (await house.ask('POST', '_table/order', { resource: [{ 'cust id': 1, code: 'long' }] })).status,
    ).toBe(400);
    await house.ask('DELETE', '_table/order/7');
    expect(house.rows('SELECT id FROM line')).toEqual([{ id: 1 }]);
    expect(house.rows('PRAGMA foreign_key_check')).toEqual([]);
    expect(house.rows("SELECT name FROM sqlite_schema WHERE name LIKE '_tenon%'")).toEqual([]);
  });

  it('loses exactly the clause that is meant', async () => {
    expect((await change('price', { allow_null: true, default: null })).status).toBe(200);
    expect(schemaOf('order')).toContain('price REAL,');
    expect((await house.ask('DELETE', '_schema/order/_related/customer_by_cust id')).status).toBe(200);
    expect(schemaOf('order')).toContain('"cust id" INTEGER NOT NULL,');
    expect(schemaOf('order')).toContain('REFERENCES "order"');
  });

  it('stays as it was when the change is refused', async () => {
    const [before, rows] = [schemaOf('order'), house.rows('SELECT * FROM "order"')];
    const refused = await change('note', { required: true });
    expect(refused.status).toBe(409);
    // A column that a check or a view needs can not go; nothing of the attempt is left.
    const dropped = await house.ask('DELETE', '_schema/order/_field/price');
    expect(dropped.status).toBe(400);
    expect(dropped.body.error.message).toMatch(
      /^The database does not take this\. .* Nothing was changed\.$/,
    );
    expect([schemaOf('order'), house.rows('SELECT * FROM "order"')]).toEqual([before, rows]);
    expect(schemaOf('order_note')).toBeDefined();
    expect(house.rows("SELECT name FROM sqlite_schema WHERE name LIKE '_tenon%'")).toEqual([]);
  });

  it('enforces references again afterwards, also when the change failed', async () => {
    await change('note', { length: 40, type: 'string' });
    await house.ask('DELETE', '_schema/order/_field/price');
    const orphan = await house.ask('POST', '_table/line', { resource: [{ order_id: 99 }] });
    expect(orphan.status).toBe(400);
  });

  it('lets writes of records wait, and none is lost', async () => {
    const writes = Array.from({ length: 20 }, (_, index) =>
      house.ask('POST', '_table/order', {
        resource: [{ 'cust id': 1, code: `c${index}`, note: `n${index}` }],
      }),
    );
    const changes = ['string', 'text', 'string'].map((type) =>
      change('note', { type, ...(type === 'text' ? {} : { length: 50 }) }),
    );
    const answers = await Promise.all([...writes, ...changes]);
    expect(answers.map(({ status }) => status)).toEqual(new Array(23).fill(200));
    expect(house.rows('SELECT count(*) AS n FROM "order"')).toEqual([{ n: 22 }]);
  });
});

describe('columns', () => {
  it('go with their indexes and references', async () => {
    const dropped = await house.ask('DELETE', '_schema/order/_field/parent');
    expect(dropped).toEqual({ status: 200, body: { success: true } });
    expect(schemaOf('order')).not.toContain('parent');
    expect(house.rows('SELECT count(*) AS n FROM line')).toEqual([{ n: 2 }]);
  });

  it('are put together with PUT, which drops what is not listed only when it is forced', async () => {
    await house.ask('POST', '_schema', {
      name: 'plain',
      field: [
        { name: 'id', type: 'id' },
        { name: 'a', type: 'text' },
        { name: 'b', type: 'text' },
      ],
    });
    const listed = { field: [{ name: 'id', type: 'id' }, { name: 'b' }, { name: 'c', type: 'date' }] };
    const names = async () =>
      (await house.ask('GET', '_schema/plain')).body.field.map(({ name }: { name: string }) => name);
    await house.ask('PUT', '_schema/plain', listed);
    expect(await names()).toEqual(['id', 'a', 'b', 'c']);
    await house.ask('PUT', '_schema/plain?force=true', listed);
    expect(await names()).toEqual(['id', 'b', 'c']);
  });

  it('of a view and of a table that is not there can not be changed', async () => {
    const view = await house.ask('POST', '_schema/notes/_field', { name: 'x', type: 'text' });
    expect(view).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringMatching(/is a view/) } },
    });
    expect((await house.ask('PATCH', '_schema/notes/_field/note', { label: 'Said' })).status).toBe(200);
    expect((await house.ask('DELETE', '_schema/notes')).status).toBe(400);
    expect((await house.ask('POST', '_schema/nowhere/_field', { name: 'x', type: 'text' })).status).toBe(404);
    expect((await change('nothing', { label: 'X' })).status).toBe(404);
  });

  it('of the primary key stay', async () => {
    const key = await change('id', { is_primary_key: false });
    expect(key.body.error.message).toMatch(/primary key of a table that is there can not be changed/);
    const added = await house.ask('POST', '_schema/order/_field', { name: 'k', type: 'id' });
    expect(added.body.error.message).toMatch(/only be made together with its table/);
  });
});
