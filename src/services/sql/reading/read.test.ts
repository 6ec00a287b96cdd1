import { afterEach, describe, expect, test } from 'vitest';
import { Body } from '../../../core/body.ts';
import { openReadFixture, type ReadFixture, type ReadFixtureOptions } from '../suite/read-fixture.ts';

const houses: ReadFixture[] = [];
const t = '/api/v2/hr/_table';

function open(options?: ReadFixtureOptions): ReadFixture {
  const house = openReadFixture(options);
  houses.push(house);
  return house;
}

afterEach(async () => {
  for (const house of houses.splice(0)) await house.close();
});

const keys = (rows: readonly { emp_no: number }[]) => rows.map((row) => row.emp_no);

describe('lists', () => {
  test('every alias means the same', async () => {
    const house = open();
    const plain = await house.ask(
      'GET',
      `${t}/employees?fields=emp_no&filter=emp_no>10990&limit=2&offset=1&order=emp_no desc`,
    );
    expect(keys(plain.body.resource)).toEqual([10999, 10998]);
    const other = await house.ask(
      'GET',
      `${t}/employees?select=emp_no&where=emp_no>10990&top=2&skip=1&sort=emp_no desc`,
    );
    expect(other).toEqual(plain);
    expect(
      await house.ask(
        'GET',
        `${t}/employees?fields=emp_no&filter=emp_no>10990&limit=2&offset=1&order_by=emp_no desc`,
      ),
    ).toEqual(plain);
  });

  test('a body asks as the query does, and the query wins', async () => {
    const house = open();
    const ask = (path: string, body: unknown) => house.ask('GET', `${t}/todo${path}`, { body });
    expect((await ask('?fields=id', { filter: 'id=:x', params: { x: 2 } })).body).toEqual({
      resource: [{ id: 2 }],
    });
    expect((await ask('?fields=id&filter=id=1', { filter: 'id=2' })).body).toEqual({ resource: [{ id: 1 }] });
    expect((await ask('?fields=id', { resource: [{ id: 3 }, { id: 1 }] })).body).toEqual({
      resource: [{ id: 3 }, { id: 1 }],
    });
    expect((await ask('?fields=id', { ids: [2], limit: 1 })).body).toEqual({ resource: [{ id: 2 }] });
  });

  test('placeholders of the query are bound', async () => {
    const { body } = await open().ask(
      'GET',
      `${t}/employees?fields=emp_no&filter=emp_no in (:a,:b)&params[a]=10001&params[:b]=10002`,
    );
    expect(keys(body.resource)).toEqual([10001, 10002]);
  });

  test('fields come in the order of asking, each once', async () => {
    const house = open();
    expect(await house.text(`${t}/employees?fields=last_name,emp_no,last_name&limit=1`)).toBe(
      '{"resource":[{"last_name":"Sluis","emp_no":10001}]}',
    );
    expect((await house.ask('GET', `${t}/todo?fields=*&limit=1`)).body.resource[0]).toHaveProperty(
      'price',
      null,
    );
  });

  test('a limit of 0 is no limit, and nothing found is an empty list', async () => {
    const house = open();
    expect((await house.ask('GET', `${t}/departments?limit=0`)).body.resource).toHaveLength(9);
    expect((await house.ask('GET', `${t}/departments?offset=100`)).body).toEqual({ resource: [] });
  });

  test('nulls stand where they are told to', async () => {
    const house = open({
      sql: 'CREATE TABLE a(id INTEGER PRIMARY KEY, n INTEGER); INSERT INTO a(n) VALUES (2), (NULL), (1)',
    });
    const order = async (by: string) =>
      (await house.ask('GET', `${t}/a?fields=n&order=${by}`)).body.resource.map(
        (row: { n: unknown }) => row.n,
      );
    expect(await order('n')).toEqual([null, 1, 2]);
    expect(await order('n nulls last')).toEqual([1, 2, null]);
    expect(await order('n desc nulls first')).toEqual([null, 2, 1]);
  });

  test('the same frozen query is answered from what is in the table now', async () => {
    const house = open();
    const path = `${t}/todo?fields=id&filter=done=true`;
    expect((await house.ask('GET', path)).body.resource).toEqual([]);
    house.change('UPDATE todo SET done = 1 WHERE id = 2');
    expect((await house.ask('GET', path)).body.resource).toEqual([{ id: 2 }]);
  });
});

describe('counting', () => {
  const capped = () => open({ config: { max_records: 10 } });

  test('only the cap, not a limit of the caller, adds count and next by itself', async () => {
    const house = capped();
    const meta = async (query: string) =>
      (await house.ask('GET', `${t}/employees?fields=emp_no&${query}`)).body.meta;
    expect(await meta('limit=3')).toBeUndefined();
    expect(await meta('limit=10')).toBeUndefined();
    expect(await meta('')).toEqual({ count: 1000, next: 10 });
    expect(await meta('limit=500')).toEqual({ count: 1000, next: 10 });
    expect(await meta('offset=20')).toEqual({ count: 1000, next: 30 });
    expect(await meta('offset=995')).toEqual({ count: 1000 });
    expect(await meta('offset=5000')).toEqual({ count: 1000 });
    expect(await meta('filter=emp_no<10006')).toBeUndefined();
    expect(await meta('filter=emp_no<10011')).toBeUndefined();
    expect(await meta('filter=emp_no<10012')).toEqual({ count: 11, next: 10 });
  });

  test('on request it is always there', async () => {
    const house = open();
    const meta = async (query: string) =>
      (await house.ask('GET', `${t}/employees?fields=emp_no&${query}`)).body.meta;
    expect(await meta('include_count=true&limit=3')).toEqual({ count: 1000, next: 3 });
    expect(await meta('include_count&limit=3&offset=997')).toEqual({ count: 1000 });
    expect(await meta('include_count=yes&filter=emp_no=10001')).toEqual({ count: 1 });
    expect(await meta('include_count=false&limit=3')).toBeUndefined();
    expect(await house.text(`${t}/employees?count_only=1&filter=gender='F'`)).toMatch(/^\d+$/);
  });

  test('groups are counted as groups', async () => {
    const { body } = await open().ask(
      'GET',
      `${t}/employees?group_by=gender&include_count=true&order=gender desc`,
    );
    expect(body).toEqual({ resource: [{ gender: 'M' }, { gender: 'F' }], meta: { count: 2 } });
    const house = open();
    expect(await house.text(`${t}/employees?group=gender&count_only=true`)).toBe('2');
    expect((await house.ask('GET', `${t}/employees?group=gender&fields=*`)).body.error.message).toMatch(
      /'emp_no'/,
    );
  });
});

describe('records by identifier', () => {
  test('another field may identify', async () => {
    const house = open();
    expect((await house.ask('GET', `${t}/departments/Sales?id_field=dept_name`)).body.dept_no).toBe('d007');
    // Blank text is as if nothing was given.
    expect((await house.ask('GET', `${t}/departments/d007?id_field=%20`)).body.dept_name).toBe('Sales');
    const { body } = await house.ask(
      'GET',
      `${t}/departments?ids=Sales,Finance&id_field=dept_name&fields=dept_no`,
    );
    expect(body).toEqual({ resource: [{ dept_no: 'd007' }, { dept_no: 'd002' }] });
  });

  test.each(['abc', '1.5', '1e3', '99999999999999999999', '-1', ' ', "1' or '1'='1", '0x1', 'null'])(
    'no record has the number %s',
    async (id) => {
      const answer = await open().ask('GET', `${t}/todo/${encodeURIComponent(id)}`);
      expect(answer.status).toBe(404);
      expect(answer.body.error.message).toBe(`Record with identifier '${id}' not found.`);
    },
  );

  test('ids are answered in their order, twice when they come twice', async () => {
    const { body } = await open().ask('GET', `${t}/todo?ids=3, 1,3&fields=title&include_count=true`);
    expect(body).toEqual({
      resource: [{ title: 'Call Bob' }, { title: 'Buy milk' }, { title: 'Call Bob' }],
      meta: { count: 3 },
    });
  });

  test('one missing identifier is a plain 404, one of several a batch error', async () => {
    const house = open();
    expect(await house.ask('GET', `${t}/todo?ids=77`)).toMatchObject({ status: 404 });
    const { status, body } = await house.ask('GET', `${t}/todo?ids=77,abc,1&fields=id`);
    expect(status).toBe(400);
    expect(body.error).toMatchObject({ code: 1000, context: { error: [0, 1] } });
    expect(body.error.context.resource[2]).toEqual({ id: 1 });
  });

  test('an identifier without a text of its own is simply not found', async () => {
    const ids = [{ emp_no: { toString: 1 } }, [{ valueOf: 1, toString: 1 }]];
    for (const id of ids) {
      const { status, body } = await open().ask('GET', `${t}/employees`, { body: { ids: [id] } });
      expect([status, body.error.message]).toEqual([404, expect.stringContaining('{"')]);
    }
  });

  test('more identifiers than the cap, or none, are refused', async () => {
    const house = open({ config: { max_records: 3 } });
    expect((await house.ask('GET', `${t}/todo?ids=1,2,3,4`)).body.error.message).toMatch(
      /no more than 3 records/,
    );
    expect((await house.ask('GET', `${t}/todo`, { body: { ids: [] } })).status).toBe(400);
  });

  test('a thousand identifiers and one more statement shape', async () => {
    const ids = Array.from({ length: 1000 }, (_each, index) => 11_000 - index);
    const { body } = await open().ask('GET', `${t}/employees?fields=emp_no`, { body: { ids } });
    expect(keys(body.resource)).toEqual(ids);
  });

  test('keys of several fields', async () => {
    const house = open({
      sql: `CREATE TABLE pair(a INTEGER, b TEXT, v TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID;
        INSERT INTO pair VALUES (1, 'x', 'one'), (1, 'y', 'two'), (2, 'x', 'three')`,
    });
    expect((await house.ask('GET', `${t}/pair/1,y`)).body).toEqual({ a: 1, b: 'y', v: 'two' });
    expect((await house.ask('GET', `${t}/pair?ids=(2,x),(1,x)&fields=v`)).body).toEqual({
      resource: [{ v: 'three' }, { v: 'one' }],
    });
    expect(
      (await house.ask('GET', `${t}/pair`, { body: { resource: [{ b: 'y', a: 1 }] } })).body.resource[0].v,
    ).toBe('two');
    expect((await house.ask('GET', `${t}/pair/1`)).status).toBe(404);
    expect((await house.ask('GET', `${t}/pair/1,y,z`)).status).toBe(404);
  });

  test('text keys under a collation that ignores case', async () => {
    const house = open({
      sql: "CREATE TABLE c(code TEXT COLLATE NOCASE PRIMARY KEY); INSERT INTO c VALUES ('Abc'), ('x')",
    });
    expect((await house.ask('GET', `${t}/c?ids=aBC,X`)).body).toEqual({
      resource: [{ code: 'Abc' }, { code: 'x' }],
    });
  });

  test('without a primary key the caller must name the field', async () => {
    const house = open({
      sql: `CREATE TABLE bag(x INTEGER); INSERT INTO bag VALUES (5);
        CREATE VIEW v AS SELECT x, x * 2 AS y FROM bag`,
    });
    expect((await house.ask('GET', `${t}/bag/5`)).body.error.message).toMatch(/no primary key.*id_field/);
    expect((await house.ask('GET', `${t}/bag/5?id_field=x`)).body).toEqual({ x: 5 });
    expect((await house.ask('GET', `${t}/v?filter=y>9`)).body).toEqual({ resource: [{ x: 5, y: 10 }] });
  });
});

describe('what is stored is what is answered', () => {
  const odd = `CREATE TABLE odd(id INTEGER PRIMARY KEY, name TEXT, n INTEGER, day DATE, ok BOOLEAN,
    price DECIMAL(10,2),
    real REAL, doc JSON, raw BLOB, "any");
    INSERT INTO odd(id, n) VALUES (1, 9007199254740993);
    INSERT INTO odd(id, name) VALUES (2, 'é "quoted" \\ 😀' || char(10, 0, 9));
    INSERT INTO odd(id, ok, price, real) VALUES (3, 1, 12.50, 0.1), (4, 0, 100, 1e300), (5, 7, 0.1, 9e999);
    INSERT INTO odd(id, doc) VALUES (6, '{"a":[1,{"b":null}]}'), (7, '"text"'), (8, 'no json'), (9, '17');
    INSERT INTO odd(id, raw) VALUES (10, x'00ff10'), (11, 'text');
    INSERT INTO odd(id, name) VALUES (12, x'c3a9');
    INSERT INTO odd(id, day) VALUES (13, x'00'), (14, 1700000000);
    INSERT INTO odd(id, n) VALUES (15, 'abc'), (16, 1.5);
    INSERT INTO odd(id, "any") VALUES (17, 5), (18, '5'), (19, x'01');
    INSERT INTO odd(id, day) VALUES (20, '2020-01-31');`;

  test('by either path', async () => {
    const house = open({ sql: odd });
    const value = async (id: number, field: string) => {
      const text = await house.text(`${t}/odd/${id}?fields=${field}`);
      const { resource } = Body.ofText(await house.text(`${t}/odd?filter=id=${id}&fields=${field}`))
        .exactValue as { resource: unknown[] };
      const one = Body.ofText(text).exactValue as Record<string, unknown>;
      expect(resource).toEqual([one]);
      const beside = Body.ofText(await house.text(`${t}/odd/${id}?fields=${field},raw`)).exactValue as Record<
        string,
        unknown
      >;
      expect(beside[field]).toEqual(one[field]);
      return one[field];
    };
    expect(await value(1, 'n')).toBe(9_007_199_254_740_993n);
    expect(await value(2, 'name')).toBe('é "quoted" \\ 😀\n\0\t');
    expect(await value(3, 'ok')).toBe(true);
    expect(await value(4, 'ok')).toBe(false);
    expect(await value(5, 'ok')).toBe(true);
    expect(await value(1, 'ok')).toBe(null);
    expect(await value(3, 'price')).toBe(12.5);
    expect(await value(4, 'price')).toBe(100);
    expect(await value(5, 'price')).toBe(0.1);
    expect(await value(3, 'real')).toBe(0.1);
    expect(await value(4, 'real')).toBe(1e300);
    expect(await value(5, 'real')).toBe(null);
    expect(await value(6, 'doc')).toEqual({ a: [1, { b: null }] });
    expect(await value(7, 'doc')).toBe('text');
    expect(await value(8, 'doc')).toBe('no json');
    expect(await value(9, 'doc')).toBe(17);
    expect(await value(10, 'raw')).toBe('AP8Q');
    expect(await value(11, 'raw')).toBe('dGV4dA==');
    expect(await value(12, 'name')).toBe('é');
    expect(await value(13, 'day')).toBe('AA==');
    expect(await value(14, 'day')).toBe(1_700_000_000);
    expect(await value(20, 'day')).toBe('2020-01-31');
    expect(await value(15, 'n')).toBe('abc');
    expect(await value(16, 'n')).toBe(1.5);
    expect(await value(17, 'any')).toBe(5);
    expect(await value(18, 'any')).toBe('5');
    expect(await value(19, 'any')).toBe('AQ==');
  });

  test('a list that held bytes once is answered from then on too', async () => {
    const house = open({ sql: odd });
    const days = async () =>
      (await house.ask('GET', `${t}/odd?fields=id,day&filter=id in (13,20)&limit=5`)).body.resource;
    expect(await days()).toEqual([
      { id: 13, day: 'AA==' },
      { id: 20, day: '2020-01-31' },
    ]);
    house.change('UPDATE odd SET day = NULL WHERE id = 13');
    expect(await days()).toEqual([
      { id: 13, day: null },
      { id: 20, day: '2020-01-31' },
    ]);
  });

  test('wide tables, reserved words and any letters as names', async () => {
    const wide = Array.from({ length: 450 }, (_each, index) => `c${index} INTEGER DEFAULT ${index}`);
    const house = open({
      sql: `CREATE TABLE wide(id INTEGER PRIMARY KEY, ${wide.join()}); INSERT INTO wide(id) VALUES (1);
        CREATE TABLE "order"("select" INTEGER PRIMARY KEY, "it's a ""name""" TEXT, "größe.x as y" TEXT);
        INSERT INTO "order" VALUES (1, 'a', 'b');
        CREATE TABLE "ta ble/ü"(x); INSERT INTO "ta ble/ü" VALUES (1)`,
    });
    expect((await house.ask('GET', `${t}/wide/1`)).body.c449).toBe(449);
    expect((await house.ask('GET', `${t}/order?filter=select=1&order=select`)).body).toEqual({
      resource: [{ select: 1, 'it\'s a "name"': 'a', 'größe.x as y': 'b' }],
    });
    expect(
      (await house.ask('GET', `${t}/order?filter=[größe.x as y]=b&fields=größe.x as y`)).body.resource,
    ).toEqual([{ 'größe.x as y': 'b' }]);
    expect((await house.ask('GET', `${t}/${encodeURIComponent('ta ble/ü')}?fields=x`)).body).toEqual({
      resource: [{ x: 1 }],
    });
  });
});

describe('bad requests', () => {
  test.each([
    ['limit=abc', "Parameter 'limit' must be a whole number, 0 or more."],
    ['limit=1.5', "Parameter 'limit' must be a whole number, 0 or more."],
    ['limit[]=1', "Parameter 'limit' must be a whole number, 0 or more."],
    ['top=-1', "Parameter 'limit' must be a whole number, 0 or more."],
    ['offset=1e9', "Parameter 'offset' must be a whole number, 0 or more."],
    ['offset=99999999999999999999', "Parameter 'offset' must be a whole number, 0 or more."],
    ['include_count=maybe', "Parameter 'include_count' must be true or false."],
    ['fields=nope', 'Invalid field requested: nope'],
    ['fields=,', "Parameter 'fields' must name at least one field."],
    ['fields=emp_no;drop table employees', 'Invalid field requested: emp_no;drop table employees'],
    ['fields=(select 1)', 'Invalid field requested: (select 1)'],
    ['fields[a]=b', "Parameter 'fields' must be text."],
    ['id_field=nope&ids=1', 'Invalid field requested: nope'],
    ['group=1', 'Invalid field requested: 1'],
    ['related=nope', 'Invalid relationship requested: nope'],
    ['related=__proto__', 'Invalid relationship requested: __proto__'],
    [
      'related=dept_emp_by_emp_no&dept_emp_by_emp_no.limit=x',
      "Parameter 'dept_emp_by_emp_no.limit' must be a whole number, 0 or more.",
    ],
    ['related=dept_emp_by_emp_no&dept_emp_by_emp_no.fields=nope', 'Invalid field requested: nope'],
    ['related=dept_emp_by_emp_no&group=gender', "Parameter 'related' can not be combined with 'group'."],
    ['filter=constructor=1', "Invalid or unparsable field in filter request: 'constructor'"],
    ['filter=emp_no=abc', "Field 'emp_no' must be a valid integer."],
  ])('%s', async (query, message) => {
    const { status, body } = await open().ask('GET', `${t}/employees?${query}`);
    expect(body.error?.message).toBe(message);
    expect(status).toBe(400);
  });

  test.each([
    'order=emp_no;--',
    'order=(select 1)',
    'order=emp_no sideways',
    'filter=1=1 or 1=1',
    "filter=emp_no=1'; drop table todo",
    'ids=1[&ids[x]=1',
  ])('injection by %s changes nothing and is refused', async (query) => {
    const house = open();
    expect((await house.ask('GET', `${t}/employees?${query}`)).status).toBe(400);
    expect((await house.ask('GET', `${t}/todo?count_only=true`)).body).toBe(3);
  });

  test.each([
    'sqlite_master',
    'sqlite_sequence',
    '_tenon_outbox',
    'todo; drop table todo',
    'todo"',
    'main.todo',
    '__proto__',
    'constructor',
  ])('there is no table %s', async (name) => {
    const house = open();
    house.change('CREATE TABLE _tenon_outbox(id INTEGER PRIMARY KEY)');
    expect((await house.ask('GET', `${t}/${encodeURIComponent(name)}`)).status).toBe(404);
  });
});

describe('a database that changes or is not there', () => {
  test('a new table is found by itself', async () => {
    const house = open();
    expect((await house.ask('GET', `${t}/fresh`)).status).toBe(404);
    house.change('CREATE TABLE fresh(x); INSERT INTO fresh VALUES (1)');
    expect((await house.ask('GET', `${t}/Fresh`)).body).toEqual({ resource: [{ x: 1 }] });
    expect(house.fired.at(-1)).toBe('hr._table.fresh.get');
  });

  test('a column that went away is left out, one that came is there after a refresh', async () => {
    const house = open();
    await house.ask('GET', `${t}/todo`);
    house.change('ALTER TABLE todo DROP COLUMN price');
    const { status, body } = await house.ask('GET', `${t}/todo/1`);
    expect(status).toBe(200);
    expect(body).not.toHaveProperty('price');
    house.change('ALTER TABLE todo ADD COLUMN note TEXT');
    await house.ask('GET', `${t}?refresh=true`);
    expect((await house.ask('GET', `${t}/todo/1`)).body).toHaveProperty('note', null);
  });

  test('a missing file is a 503 that does not say where it is missing', async () => {
    const house = open({ config: { database: '/no/such/place/data.sqlite' } });
    const { status, body } = await house.ask('GET', `${t}/todo`);
    expect(status).toBe(503);
    expect(body.error.message).toBe("The database of service 'hr' is not available.");
    await expect(house.service.test()).rejects.toThrow(/not available/);
  });
});
