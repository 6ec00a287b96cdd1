// Fields that administrators compute: virtual ones, aggregates, and functions in place of columns.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Role } from '../../../core/role.ts';
import { openSqliteHouse, type SqliteSchemaHouse } from '../suite/schema-fixture.ts';

let house: SqliteSchemaHouse;
beforeEach(async () => {
  house = await openSqliteHouse(`
    CREATE TABLE person (id INTEGER PRIMARY KEY, first TEXT, last TEXT, score REAL, city TEXT);
    INSERT INTO person VALUES (1, 'Ada', 'Byron', 3, 'London'), (2, 'Alan', 'Turing', 5, 'London'),
      (3, 'Grace', 'Hopper', 9, 'New York');
  `);
});
afterEach(() => house.close());

const select = (text: string) => [{ use: ['SELECT'], function: text, function_type: 'database' }];
const virtual = (name: string, text: string, over: object = {}) =>
  house.ask('POST', '_schema/person/_field', {
    resource: [{ name, type: 'string', is_virtual: true, db_function: select(text), ...over }],
  });

describe('a virtual field', () => {
  it('is read, filtered by and sorted by like any other, and never written', async () => {
    expect((await virtual('full', `first || ' ' || last`)).status).toBe(200);
    const all = await house.ask('GET', '_table/person?fields=id,full&order=full desc');
    expect(all.body.resource).toEqual([
      { id: 3, full: 'Grace Hopper' },
      { id: 2, full: 'Alan Turing' },
      { id: 1, full: 'Ada Byron' },
    ]);
    const one = await house.ask('GET', `_table/person?filter=full contains turing&include_count=true`);
    expect(one.body).toMatchObject({ resource: [{ id: 2, full: 'Alan Turing' }], meta: { count: 1 } });
    const keyed = await house.ask('GET', '_table/person/1');
    expect(keyed.body).toMatchObject({ full: 'Ada Byron' });
    const written = await house.ask('PATCH', '_table/person/1?fields=*', { last: 'King', full: 'ignored' });
    expect(written.body).toMatchObject({ last: 'King', full: 'Ada King' });
    const view = await house.ask('GET', '_schema/person/_field/full');
    expect(view.body).toMatchObject({
      name: 'full',
      is_virtual: true,
      db_function: select(`first || ' ' || last`),
    });
  });

  it('needs its function, and changes and goes without the database knowing', async () => {
    const bare = await house.ask('POST', '_schema/person/_field', {
      name: 'v',
      type: 'string',
      is_virtual: true,
    });
    expect(bare.status).toBe(400);
    expect(bare.body.error.message).toMatch(/needs a 'db_function' for SELECT/);
    await virtual('twice', 'score * 2', { type: 'double' });
    await house.ask('PATCH', '_schema/person/_field/twice', {
      label: 'Double',
      db_function: select('score * 3'),
    });
    expect((await house.ask('GET', '_table/person/1?fields=twice')).body).toEqual({ twice: 9 });
    expect(await house.ask('DELETE', '_schema/person/_field/twice')).toMatchObject({
      body: { success: true },
    });
    expect((await house.ask('GET', '_table/person/1')).body).not.toHaveProperty('twice');
  });
});

describe('an aggregate', () => {
  it('is computed for groups, and is no part of a record', async () => {
    await virtual('total', 'sum(score)', { type: 'double', is_aggregate: true });
    expect((await house.ask('GET', '_table/person/1')).body).not.toHaveProperty('total');
    const grouped = await house.ask('GET', '_table/person?fields=city,total&group=city&order=city');
    expect(grouped.body.resource).toEqual([
      { city: 'London', total: 8 },
      { city: 'New York', total: 9 },
    ]);
    expect((await house.ask('GET', '_table/person?fields=total')).body.resource).toEqual([{ total: 17 }]);
  });
});

describe('a function in place of a column', () => {
  const functions = (...db_function: object[]) =>
    house.ask('PATCH', '_schema/person/_field/last', { db_function });

  it('is what is read, written and filtered by', async () => {
    const set = await functions(
      { use: ['SELECT'], function: 'upper(last)' },
      { use: ['INSERT', 'UPDATE'], function: "trim({value}, ' ?')" },
    );
    expect(set.status).toBe(200);
    expect((await house.ask('GET', '_table/person/1?fields=last')).body).toEqual({ last: 'BYRON' });
    await house.ask('PATCH', '_table/person/1', { last: ' Lovelace? ' });
    await house.ask('POST', '_table/person', { resource: [{ first: 'Mary', last: '?Keller' }] });
    expect(house.rows('SELECT last FROM person WHERE id IN (1, 4)')).toEqual([
      { last: 'Lovelace' },
      { last: 'Keller' },
    ]);
    await functions({ use: ['FILTER'], function: "last || '!'" });
    const found = await house.ask('GET', "_table/person?fields=id&filter=last='Turing!'");
    expect(found.body.resource).toEqual([{ id: 2 }]);
  });

  it.each([
    ['score); DROP TABLE person; --', /matching quotes and parentheses/],
    ['score; DROP TABLE person', /no ; \?/],
    ["last || 'x", /matching quotes/],
    ['score -- all', /no ; \?/],
    ['score /* all */', /no ; \?/],
    ['score + ?', /no ; \?/],
    ['score + $1', /no ; \?/],
    ['', /is needed/],
    ['lower({value})', /for INSERT and UPDATE only/],
  ])('refuses %s', async (text, message) => {
    const { status, body } = await functions({ use: ['SELECT'], function: text });
    expect(status).toBe(400);
    expect(body.error.message).toMatch(message);
    expect(house.rows('SELECT count(*) AS n FROM person')).toEqual([{ n: 3 }]);
  });

  it('is stored by administrators only', async () => {
    const grants = [
      { id: 1, serviceId: null, service: null, component: '*', verbMask: 31, requestorMask: 3 },
    ];
    const role = {
      id: 1,
      name: 'editor',
      isActive: true,
      grants: grants.map((grant) => ({ ...grant, ...unfiltered })),
    };
    const editor = house.as({ isAdmin: false, role: new Role(role) });
    const db_function = select('upper(last)');
    const refused = await editor.ask('PATCH', '_schema/person/_field/last', { db_function });
    expect(refused.status).toBe(403);
    expect(refused.body.error.message).toMatch(/only a system administrator may store SQL/);
    expect((await editor.ask('PATCH', '_schema/person/_field/last', { label: 'Family name' })).status).toBe(
      200,
    );
  });
});

const unfiltered = {
  ...{ filters: [], filterOp: 'AND', fields: [], createdDate: '', lastModifiedDate: '' },
  ...{ createdById: null, lastModifiedById: null },
};
