import { afterEach, describe, expect, it } from 'vitest';
import type { SqlSettings } from '../source.ts';
import { goldenSql, openWriteFixture, type WriteFixture } from '../suite/write-fixture.ts';

let db: WriteFixture;
const open = (sql: string, settings: Partial<SqlSettings> = {}) => {
  db = openWriteFixture(sql, settings);
};
afterEach(() => db.close());
const messageOf = (answer: { body: { error: { message: string; context: unknown } } }): string => {
  const context = answer.body.error.context as { resource: { message?: string }[] } | null;
  return (
    context?.resource.findLast((entry) => entry.message !== undefined)?.message ?? answer.body.error.message
  );
};
const create = (table: string, ...records: unknown[]) =>
  db.ask('POST', table, { body: { resource: records } });

describe('batches', () => {
  const good = { title: 'good' };
  const bad = { priority: 1 };
  const cases = [
    { records: [good, bad, good], rule: {}, kept: 1, failed: [1], told: 2 },
    { records: [good, bad, good], rule: { continue: 'true' }, kept: 2, failed: [1], told: 3 },
    { records: [good, bad, good], rule: { rollback: 'true' }, kept: 0, failed: [1], told: 2 },
    { records: [bad, bad], rule: {}, kept: 0, failed: [0], told: 1 },
    { records: [bad, bad], rule: { continue: '1' }, kept: 0, failed: [0, 1], told: 2 },
    { records: [bad], rule: { rollback: 'on' }, kept: 0, failed: [0], told: 1 },
    { records: [good, 5, null, [good]], rule: { continue: 'y' }, kept: 1, failed: [1, 2, 3], told: 4 },
    { records: [good, good], rule: { rollback: 'yes', continue: 'no' }, kept: 2, failed: undefined, told: 2 },
  ];
  it.each(cases)('$rule: $failed of $records.length', async ({ records, rule, kept, failed, told }) => {
    open(goldenSql());
    const answer = await db.ask('POST', 'todo', { query: rule, body: { resource: records } });
    expect(db.look("SELECT id FROM todo WHERE title = 'good'")).toHaveLength(kept);
    if (failed === undefined) {
      expect(answer.body.resource).toHaveLength(told);
      return;
    }
    const { code, context, message } = answer.body.error;
    expect(answer.status).toBe(400);
    expect(code).toBe(1000);
    expect(context.error).toEqual(failed);
    expect(context.resource).toHaveLength(told);
    expect(message.endsWith('All changes rolled back.')).toBe('rollback' in rule);
  });

  it.each([
    [{}, ['a', 'Call Bob']],
    [{ continue: 'true' }, ['a', 'b']],
    [{ rollback: 'true' }, ['Buy milk', 'Call Bob']],
  ] as const)('PATCH with %o leaves %o', async (query, titles) => {
    open(goldenSql());
    const resource = [
      { id: 1, title: 'a' },
      { id: 99, title: 'x' },
      { id: 3, title: 'b' },
    ];
    const answer = await db.ask('PATCH', 'todo', { query, body: { resource } });
    expect(answer.body.error.context.error).toEqual([1]);
    expect(answer.body.error.message).toContain('could be updated.');
    expect(db.look('SELECT title FROM todo WHERE id IN (1, 3) ORDER BY id').map((row) => row.title)).toEqual(
      titles,
    );
  });

  it.each([
    [{}, [2, 3]],
    [{ continue: 'true' }, [2]],
    [{ rollback: 'true' }, [1, 2, 3]],
  ] as const)('DELETE with %o leaves %o', async (query, ids) => {
    open(goldenSql());
    const answer = await db.ask('DELETE', 'todo', {
      query,
      body: { resource: [{ id: 1 }, { id: 99 }, { id: 3 }] },
    });
    expect(answer.body.error.context.resource.slice(0, 2)).toMatchObject([{ id: 1 }, { code: 404 }]);
    expect(db.look('SELECT id FROM todo ORDER BY id').map((row) => row.id)).toEqual(ids);
  });

  it('goes on after a refusal of the database itself', async () => {
    open(goldenSql());
    const departments = ['Marketing', 'New', 'Sales', 'Newer'].map((dept_name, index) => ({
      dept_no: `x${index}`,
      dept_name,
    }));
    const answer = await db.ask('POST', 'departments', { query: { continue: 'true' }, body: departments });
    expect(answer.body.error.context.error).toEqual([0, 2]);
    expect(answer.body.error.context.resource).toMatchObject([
      { code: 409, message: "A record with the same value of 'dept_name' exists already." },
      { dept_no: 'x1' },
      { code: 409 },
      { dept_no: 'x3' },
    ]);
    expect(db.look("SELECT dept_no FROM departments WHERE dept_no LIKE 'x%'")).toHaveLength(2);
  });

  it('refuses more records than the service takes at once', async () => {
    open(goldenSql(), { maxRecords: 2 });
    const three = [{ title: 'a' }, { title: 'b' }, { title: 'c' }];
    const asked = [
      await create('todo', ...three),
      await db.ask('DELETE', 'todo', { query: { ids: '1,2,3' } }),
      await db.ask('DELETE', 'todo', { query: { filter: 'id > 0' } }),
      await db.ask('PATCH', 'todo', { query: { filter: 'id > 0' }, body: { done: true } }),
    ];
    for (const answer of asked) {
      expect(answer.status).toBe(400);
      expect(answer.body.error.message).toMatch(/\b2\b.*max_records|max_records: 2/);
    }
    expect(db.look('SELECT count(*) AS n FROM todo WHERE NOT done')[0].n).toBe(3);
  });
});

describe('fields of records', () => {
  const shop = `
    CREATE TABLE item(
      id INTEGER PRIMARY KEY, name VARCHAR(5) NOT NULL, price REAL CHECK (price > 0),
      doubled REAL GENERATED ALWAYS AS (price * 2), code TEXT UNIQUE, parent INTEGER REFERENCES item(id));
    CREATE VIEW cheap AS SELECT * FROM item WHERE price < 5;
    CREATE TABLE pair(a INTEGER, b TEXT, note TEXT, PRIMARY KEY(a, b));
    CREATE TABLE loose(x, y TEXT);
    CREATE TABLE tag(slug TEXT PRIMARY KEY COLLATE NOCASE, note TEXT);
    CREATE TABLE token(id TEXT PRIMARY KEY DEFAULT (lower(hex(randomblob(8)))), note TEXT);
    CREATE TABLE blank(id INTEGER PRIMARY KEY, note TEXT);
    CREATE TABLE exact(n INTEGER PRIMARY KEY, t TEXT) STRICT;
    CREATE TABLE later(
      id INTEGER PRIMARY KEY, item INTEGER REFERENCES item(id) DEFERRABLE INITIALLY DEFERRED);
    CREATE TABLE "odd ""name.x"(
      id INTEGER PRIMARY KEY, "a b.c as d" TEXT, "__proto__x" TEXT, "1" TEXT, "0" TEXT);
  `;

  it('ignores unknown fields, unless the service is strict', async () => {
    open(shop);
    expect(await create('item', { name: 'a', nope: 1 })).toMatchObject({ status: 200 });
    expect(messageOf(await create('item', { nope: 1 }))).toBe(
      "No field of the record exists in table 'item'.",
    );
    await db.close();
    open(shop, { strictFields: true });
    expect(messageOf(await create('item', { name: 'a', nope: 1 }))).toBe(
      "Field 'nope' does not exist in table 'item'.",
    );
    expect(messageOf(await create('item', { name: 'abcdef' }))).toBe(
      "Field 'name' can not be longer than 5 characters.",
    );
    expect(await create('item', { name: '\u{1F600}'.repeat(5) })).toMatchObject({ status: 200 });
  });

  it('finds fields in any case and refuses one that is given twice', async () => {
    open(shop);
    expect(await create('item', { NAME: 'a' })).toMatchObject({ status: 200 });
    expect(messageOf(await create('item', { NAME: 'a', name: 'b' }))).toBe(
      "Field 'name' is given twice in one record.",
    );
  });

  it('refuses computed fields, views and relations by name', async () => {
    open(shop);
    expect(messageOf(await create('item', { name: 'a', doubled: 4 }))).toContain("'doubled' is computed");
    expect((await create('cheap', { name: 'a' })).body.error.message).toContain("'cheap' is a view");
    expect(messageOf(await create('item', { name: 'a', item_by_parent: [] }))).toContain('is a relation');
    expect(db.look('SELECT * FROM item')).toEqual([]);
  });

  it('says which rule of the database a record breaks, without its SQL', async () => {
    open(shop);
    await create('item', { id: 1, name: 'a', code: 'c' });
    for (const [record, status, message] of [
      [{ name: 'b', code: 'c' }, 409, "A record with the same value of 'code' exists already."],
      [{ id: 1, name: 'b' }, 409, "A record with the same value of 'id' exists already."],
      [{ name: 'b', price: -1 }, 400, "The record breaks a rule of table 'item'."],
      [{ name: 'b', parent: 77 }, 409, "'parent' must be a key of 'item'."],
    ] as const) {
      const answer = await create('item', record);
      expect(answer.body.error.context.resource[0].status_code).toBe(status);
      expect(messageOf(answer)).toContain(message);
      expect(JSON.stringify(answer.body)).not.toMatch(/constraint failed|SQLITE|INSERT/i);
    }
    await create('item', { id: 2, name: 'b', parent: 1 });
    const referenced = await db.ask('DELETE', 'item', { id: '1' });
    expect(referenced.status).toBe(409);
    expect(referenced.body.error.message).toContain('still referenced');
  });

  it('refuses what the database refuses only at the commit', async () => {
    open(shop);
    const alone = await create('later', { item: 5 });
    const many = await create('later', { item: 5 }, { item: 6 });
    expect([alone.status, many.status]).toEqual([400, 409]);
    expect(messageOf(many)).toContain("'item' must be a key of 'item'");
    expect(db.look('SELECT * FROM later')).toEqual([]);
  });

  it('uses keys of several fields from records and lists, but not from the path', async () => {
    open(shop);
    const made = await create('pair', { a: 1, b: 'x', note: 'n' }, { a: 1, b: 'y' });
    expect(made.body).toEqual({
      resource: [
        { a: 1, b: 'x' },
        { a: 1, b: 'y' },
      ],
    });
    const patched = await db.ask('PATCH', 'pair', { body: { resource: [{ b: 'y', a: 1, note: 'm' }] } });
    expect(patched.body).toEqual({ resource: [{ a: 1, b: 'y' }] });
    const partly = await db.ask('PATCH', 'pair', { body: { resource: [{ a: 1, note: 'all?' }] } });
    expect(messageOf(partly)).toContain("Field 'b' is needed in every record");
    const single = await db.ask('DELETE', 'pair', { id: '1' });
    expect(single.status).toBe(400);
    expect(single.body.error.message).toContain("'a', 'b'");
    expect(
      (await db.ask('DELETE', 'pair', { body: { ids: [[1, 'x'], { a: 1, b: 'z' }] } })).body,
    ).toMatchObject({
      error: { context: { error: [1], resource: [{ a: 1, b: 'x' }, { code: 404 }] } },
    });
    expect(db.look('SELECT * FROM pair')).toEqual([{ a: 1, b: 'y', note: 'm' }]);
  });

  it('needs a key to change records, and none to create them', async () => {
    open(shop);
    expect((await create('loose', { x: 5, y: 'a' })).body).toEqual({ resource: [{}] });
    expect(db.look('SELECT typeof(x) AS t FROM loose')).toEqual([{ t: 'integer' }]);
    const patched = await db.ask('PATCH', 'loose', { query: { filter: 'x = 5' }, body: { y: 'b' } });
    expect(patched.body.error.message).toContain(
      "has no primary key: name the field that identifies records in 'id_field'",
    );
    const named = await db.ask('PATCH', 'loose', {
      body: { id_field: 'x', ids: [5], resource: [{ y: 'b' }] },
    });
    expect(named.body).toEqual({ resource: [{ x: 5 }] });
    expect((await db.ask('POST', 'loose', { query: { fields: '*' }, body: [{ y: 'c' }] })).status).toBe(400);
    expect(db.look('SELECT y FROM loose')).toEqual([{ y: 'b' }]);
  });

  it('takes text keys, in the spelling that the collation allows', async () => {
    open(shop);
    expect((await create('tag', { slug: 'Böse/../x', note: '1' })).body).toEqual({
      resource: [{ slug: 'Böse/../x' }],
    });
    expect((await create('tag', { slug: 'AbC' })).status).toBe(200);
    const answer = await db.ask('PATCH', 'tag', { id: 'aBc', query: { fields: '*' }, body: { note: 'n' } });
    expect(answer.body).toEqual({ slug: 'AbC', note: 'n' });
    expect(messageOf(await create('tag', { note: 'no key' }))).toBe("Required field 'slug' can not be NULL.");
    expect(messageOf(await create('tag', { slug: null }))).toBe("Field 'slug' can not be NULL.");
    expect((await db.ask('DELETE', 'tag', { id: 'Böse/../x' })).status).toBe(200);
  });

  it('answers keys that the database makes', async () => {
    open(shop);
    const { body } = await create('token', { note: 'a' }, { id: 'mine' });
    expect(body.resource[0].id).toMatch(/^[0-9a-f]{16}$/);
    expect(body.resource[1]).toEqual({ id: 'mine' });
    expect(db.look('SELECT id FROM token ORDER BY rowid')[0].id).toBe(body.resource[0].id);
    expect((await create('blank', {}, { id: null }, { id: 9 }, { note: 'x' })).body).toEqual({
      resource: [{ id: 1 }, { id: 2 }, { id: 9 }, { id: 10 }],
    });
  });

  it('keeps the key of a record as it is', async () => {
    open(shop);
    await create('blank', { id: 1, note: 'a' }, { id: 2 });
    const same = await db.ask('PATCH', 'blank', { id: '1', body: { id: '1', note: 'b' } });
    expect(same.body).toEqual({ id: 1 });
    const other = await db.ask('PATCH', 'blank', { id: '1', body: { id: 7, note: 'c' } });
    expect(other.body.error.message).toBe("Field 'id' identifies the record and can not be changed.");
    const onlyKey = await db.ask('PATCH', 'blank', { id: '1', body: { id: 1 } });
    expect(onlyKey.body.error.message).toBe("The record names no field of table 'blank' to change.");
    expect(db.look('SELECT note FROM blank WHERE id = 1')).toEqual([{ note: 'b' }]);
  });

  it('makes records that PUT does not find only where the service allows it', async () => {
    open(shop, { allowUpsert: true });
    expect((await db.ask('PUT', 'blank', { id: '5', body: { note: 'five' } })).body).toEqual({ id: 5 });
    expect(
      (await db.ask('PUT', 'blank', { id: '5', query: { fields: '*' }, body: { note: '5' } })).body,
    ).toEqual({
      id: 5,
      note: '5',
    });
    const list = await db.ask('PUT', 'tag', {
      body: {
        resource: [
          { slug: 'a', note: 'x' },
          { slug: 'b', note: 'y' },
        ],
      },
    });
    expect(list.body).toEqual({ resource: [{ slug: 'a' }, { slug: 'b' }] });
    expect((await db.ask('PUT', 'item', { id: '1', body: { price: 2 } })).body.error.message).toBe(
      "Required field 'name' can not be NULL.",
    );
    expect((await db.ask('PATCH', 'blank', { id: '6', body: { note: 'x' } })).status).toBe(404);
    expect(db.look('SELECT * FROM item')).toEqual([]);
  });

  it('answers 404 for identifiers that can not be keys', async () => {
    open(shop);
    for (const id of ['abc', '1.5', '9'.repeat(30), '', "1' OR '1'='1"]) {
      const answer = await db.ask('PATCH', 'item', { id, body: { name: 'x' } });
      expect(answer.body.error).toMatchObject({
        code: 404,
        message: `Record with identifier '${id}' not found.`,
      });
    }
  });

  it('quotes names whatever they hold', async () => {
    open(shop);
    const record = { '1': 'one', 'a b.c as d': 'v', '0': 'zero', __proto__x: 'p' };
    const made = await db.ask('POST', 'odd "name.x', { query: { fields: '*' }, body: [record] });
    expect(made.body).toEqual({ resource: [{ id: 1, ...record }] });
    const changed = await db.ask('PATCH', 'odd "name.x', {
      id: '1',
      body: { '1': 'uno', 'a b.c as d': 'w' },
    });
    expect(changed.body).toEqual({ id: 1 });
    expect(db.look('SELECT * FROM "odd ""name.x"')).toEqual([
      { ...record, id: 1, '1': 'uno', 'a b.c as d': 'w' },
    ]);
  });

  it('refuses a key named like a prototype before anything else', async () => {
    open(shop);
    const answer = await db.ask('POST', 'item', { body: '{"resource":[{"name":"a","__proto__":{"x":1}}]}' });
    expect(answer.body.error.message).toContain('__proto__');
  });

  it('keeps integers beyond 2^53 exact, as values and as keys', async () => {
    open(shop);
    const text = '{"resource":[{"n":9007199254740993,"t":"a"},{"n":9223372036854775807}]}';
    expect(await db.askText('POST', 'exact', { query: { fields: 'n' }, body: text })).toBe(
      '{"resource":[{"n":9007199254740993},{"n":9223372036854775807}]}',
    );
    expect((await db.ask('PATCH', 'exact', { id: '9007199254740993', body: { t: 'b' } })).status).toBe(200);
    expect((await db.ask('DELETE', 'exact', { query: { ids: '9223372036854775807' } })).status).toBe(200);
    expect(db.look('SELECT CAST(n AS TEXT) AS n, t FROM exact')).toEqual([{ n: '9007199254740993', t: 'b' }]);
  });
});
