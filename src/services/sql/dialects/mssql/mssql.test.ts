import { describe, expect, test } from 'vitest';
import { PlatformError } from '../../../../core/errors.ts';
import { parseFilter } from '../../../../query/filter.ts';
import { ReadPlans } from '../../reading/plan.ts';
import { bindWhere } from '../../reading/where.ts';
import { restrictFields } from '../../restriction/restricted-fields.ts';
import { assemble } from '../../schema/assembly.ts';
import type { Field, Table } from '../../schema.ts';
import { WriteStatements } from '../../writing/statements.ts';
import { mssqlDialect } from './engine.ts';
import { catalogOf } from './introspection.ts';
import { connectionOf, schemasOf } from './login.ts';
import { functionSql, routinesOf } from './routines.ts';
import { decode, encode, encodeLiteral } from './values.ts';

const column = (id: number, number: number, name: string, type: string, more: object = {}) => ({
  ...{ id, number, name, type, max_length: 4, precision: 10, scale: 0, is_nullable: true },
  ...{ is_identity: false, is_computed: false, generated_always: 0, default: null, description: null },
  ...more,
});
const index = (id: number, number: number, name: string, columnName: string, more: object = {}) => ({
  ...{ id, number, name, column: columnName, is_unique: true, is_primary_key: false, has_filter: false },
  ...more,
});

const catalog = catalogOf(
  {
    tables: [
      { id: 1, schema: 'dbo', name: 'contact', kind: 'U ', description: 'People' },
      { id: 2, schema: 'sales', name: 'order', kind: 'U ', description: null },
      { id: 3, schema: 'dbo', name: 'names', kind: 'V ', description: null },
    ],
    columns: [
      column(1, 1, 'id', 'int', { is_identity: true, is_nullable: false }),
      column(1, 2, 'name', 'nvarchar', { max_length: 80, is_nullable: false }),
      column(1, 3, 'price', 'decimal', { precision: 10, scale: 2, default: '((0))' }),
      column(1, 4, 'made', 'datetime2', { scale: 7, default: '(getdate())' }),
      column(1, 5, 'photo', 'varbinary', { max_length: -1 }),
      column(1, 6, 'upper', 'nvarchar', { max_length: 80, is_computed: true }),
      column(1, 7, 'active', 'bit', { default: '((1))' }),
      column(2, 1, 'a', 'int', { is_nullable: false }),
      column(2, 2, 'b', 'uniqueidentifier', { is_nullable: false, default: '(newid())' }),
      column(2, 3, 'contact', 'int'),
      column(3, 1, 'name', 'nvarchar', { max_length: 80 }),
    ],
    indexes: [
      index(1, 1, 'PK_contact', 'id', { is_primary_key: true }),
      index(1, 2, 'UQ_name', 'name'),
      index(2, 1, 'PK_order', 'a', { is_primary_key: true }),
      index(2, 1, 'PK_order', 'b', { is_primary_key: true }),
    ],
    keys: [
      {
        ...{ id: 9, table_id: 2, ref_id: 1, column: 'contact', ref_column: 'id' },
        ...{ on_update: 'NO_ACTION', on_delete: 'CASCADE' },
      },
    ],
  },
  { usual: 'dbo', only: [] },
);
const tables = assemble(catalog);
const dialect = mssqlDialect();
const plans = new ReadPlans(dialect);
const statements = new WriteStatements(dialect);

function tableNamed(name: string): Table {
  const table = tables.find((each) => each.name === name);
  if (table === undefined) throw new Error(`no table ${name}`);
  return table;
}

function fieldOf(table: string, name: string): Field {
  const field = tableNamed(table).field(name);
  if (field === undefined) throw new Error(`no field ${name}`);
  return field;
}

const contact = tableNamed('contact');
const flat = (text: string) => text.replace(/\s+/g, ' ').trim();

describe('introspection', () => {
  test('names tables of the usual schema plainly and others with theirs', () => {
    expect(tables.map(({ name, path, isView }) => [name, path.join('/'), isView])).toEqual([
      ['contact', 'dbo/contact', false],
      ['sales.order', 'sales/order', false],
      ['names', 'dbo/names', true],
    ]);
  });

  test('knows keys, defaults, computed columns and relations', () => {
    expect(fieldOf('contact', 'id')).toMatchObject({ type: 'id', autoIncrement: true, required: false });
    expect(fieldOf('contact', 'name')).toMatchObject({ length: 40, isUnique: true, required: true });
    expect(fieldOf('contact', 'price')).toMatchObject({ default: 0, dbType: 'decimal(10,2)', scale: 2 });
    expect(fieldOf('contact', 'made')).toMatchObject({ default: 'getdate()', type: 'datetime' });
    expect(fieldOf('contact', 'upper').isGenerated).toBe(true);
    expect(fieldOf('contact', 'active').default).toBe(true);
    expect(tableNamed('sales.order').primaryKey).toEqual(['a', 'b']);
    expect([...tableNamed('sales.order').relations.keys()]).toEqual(['contact_by_contact']);
    expect(contact.relations.get('sales.order_by_contact')).toMatchObject({
      type: 'has_many',
      refOnDelete: 'CASCADE',
    });
  });
});

describe('reading', () => {
  const list = (
    filter: string,
    order: { field: string; descending: boolean; nulls?: 'first' | 'last' }[],
  ) => {
    const where = parseFilter(filter, {
      field: (name) => contact.field(name)?.name,
      parameter: () => undefined,
    });
    const fields = ['id', 'price', 'made'].map((name) => fieldOf('contact', name));
    const { plan, values } = plans.list({ table: contact, fields, where, order });
    return { sql: flat(plan.rows.sql), values, json: plan.json };
  };

  test('pages by OFFSET and FETCH, and reads decimals and moments as text', () => {
    const { sql, values, json } = list("name contains 'a[b'", [
      { field: 'price', descending: true, nulls: 'last' },
    ]);
    expect(json).toBeUndefined();
    expect(sql).toBe(
      'SELECT "id", CONVERT(varchar(50), "price") AS "price", CONVERT(varchar(33), "made", 121) AS "made" ' +
        `FROM "dbo"."contact" WHERE "name" LIKE REPLACE(@1, '[', '\\[') ESCAPE '\\' ` +
        'ORDER BY "price" DESC OFFSET @2 ROWS FETCH NEXT @3 ROWS ONLY',
    );
    expect(values).toEqual(['%a[b%']);
    expect(dialect.grammar.pageValues(10, 20)).toEqual([20, 10]);
  });

  test('has an order where none is asked for, and puts nulls where they are wanted', () => {
    expect(list('id = 1', []).sql).toContain('ORDER BY (SELECT NULL) OFFSET @2 ROWS');
    const first = list('id = 1', [{ field: 'price', descending: false, nulls: 'last' }]).sql;
    expect(first).toContain('ORDER BY CASE WHEN "price" IS NULL THEN 1 ELSE 0 END, "price" ASC');
  });

  test('makes values of conditions for xor, which stays unknown with nulls', () => {
    expect(list('(id = 1) xor (price > 2)', []).sql).toContain(
      'CASE WHEN ("id" = @1) THEN 1 WHEN NOT (("id" = @2)) THEN 0 END',
    );
    const bound = (filter: string) => list(filter, []).values.map(Number);
    expect(bound('(id = 1) xor (id = 2)')).toEqual([1, 1, 2, 2]);
    expect(bound('(id = 1) xor (id = 2) xor (id = 3)')).toEqual([1, 1, 2, 2, 1, 1, 2, 2, 3, 3]);
    expect(bound('(id in (1,2) and not (id = 3)) xor (id is null)')).toEqual([1, 2, 3, 1, 2, 3]);
    const { sql } = list('(id = 4) and ((id = 1) xor (id = 2) xor (id = 3)) and (id = 5)', []);
    expect(sql.match(/@\d+/g)?.length).toBe(12 + 2);
    const many = new Array(40).fill('(id is null)').join(' xor ');
    expect(() => list(many, [])).toThrow(/Too many conditions are joined by XOR/);
  });

  test('answers a mask in place of a column, in letters of all languages', () => {
    const rules = new Map([['price', { field: 'price', access: 'masked' as const, mask: "it's •" }]]);
    const seen = restrictFields(contact, rules);
    const fields = ['id', 'price'].map((name) => seen.shown(name) ?? fieldOf('contact', name));
    const { rows } = plans.list({ table: seen, fields, where: undefined, order: [] }).plan;
    expect(flat(rows.sql)).toMatch(
      /^SELECT "id", "tenon mask 2" AS "price" FROM \(SELECT .* N'it''s •' AS "tenon mask 2", .* FROM "dbo"."contact"\) AS "tenon table" ORDER/,
    );
  });

  test('finds records of several keys', () => {
    const order = tableNamed('sales.order');
    const keys = ['a', 'b'].map((name) => fieldOf('sales.order', name));
    expect(flat(plans.keyed({ table: order, fields: keys, keys, count: 2 }).plan.rows.sql)).toBe(
      'SELECT "a", "b" FROM "sales"."order" WHERE ("a" = @1 AND "b" = @2) OR ("a" = @3 AND "b" = @4)',
    );
  });
});

describe('writing', () => {
  const id = fieldOf('contact', 'id');
  const name = fieldOf('contact', 'name');
  const photo = fieldOf('contact', 'photo');

  test('asks for the number that was counted, which works beside triggers', () => {
    expect(flat(statements.insert(contact, [name, photo], [id]).sql)).toBe(
      'insert into "dbo"."contact" ("name", "photo") values (@1, CAST(@2 AS varbinary(max))); ' +
        'select cast(scope_identity() as bigint) as "id"',
    );
    expect(flat(statements.insert(contact, [], [id]).sql)).toMatch(
      /^insert into "dbo"\."contact" default values;/,
    );
  });

  test('takes a number of the caller for a column that counts', () => {
    expect(flat(statements.insert(contact, [id, name], []).sql)).toBe(
      'set identity_insert "dbo"."contact" on; insert into "dbo"."contact" ("id", "name") values (@1, @2); ' +
        'set identity_insert "dbo"."contact" off',
    );
  });

  test('binds the condition of a role behind what is asked for', () => {
    const where = { kind: 'compare', op: '>', field: 'price', value: '2' } as const;
    const { shape, values } = bindWhere(where, contact, dialect);
    const seen: Table = { ...contact, rows: { of: contact, plans: contact, where, shape, values } };
    const change = statements.update(seen, [name], { keys: [id] });
    expect(flat(change.statement.sql)).toBe(
      'update "dbo"."contact" set "name" = @1 where "id" = @2 and ("price" > @3)',
    );
    expect(change.conditions).toEqual(values);
    expect(flat(statements.remove(seen, { keys: [] }).statement.sql)).toBe(
      'delete from "dbo"."contact" where ("price" > @1)',
    );
    const keyed = plans.keyed({ table: seen, fields: [id], keys: [id], count: 2 });
    expect(flat(keyed.plan.rows.sql)).toBe(
      'SELECT "id" FROM "dbo"."contact" WHERE ("id" IN (@1, @2)) AND ("price" > @3)',
    );
    expect(keyed.values).toEqual(values);
  });

  test('answers other keys that the database makes, changes and deletes by key', () => {
    const order = tableNamed('sales.order');
    const [a, b] = [fieldOf('sales.order', 'a'), fieldOf('sales.order', 'b')];
    expect(flat(statements.insert(order, [a], [b]).sql)).toBe(
      'insert into "sales"."order" ("a") output inserted."b" values (@1)',
    );
    expect(flat(statements.update(contact, [name], { keys: [id] }).statement.sql)).toBe(
      'update "dbo"."contact" set "name" = @1 where "id" = @2',
    );
    expect(flat(statements.remove(order, { keys: [a, b] }).statement.sql)).toBe(
      'delete from "sales"."order" where "a" = @1 and "b" = @2',
    );
  });
});

describe('values', () => {
  const price = fieldOf('contact', 'price');
  const made = fieldOf('contact', 'made');

  test.each([
    [price, 1.5, '1.5'],
    [price, '12345678.91', '12345678.91'],
    [made, '2026-01-31T09:30:00+02:00', '2026-01-31T07:30:00'],
    [fieldOf('contact', 'active'), 'yes', 1],
    [fieldOf('contact', 'id'), 5, 5],
    [fieldOf('contact', 'name'), 'ü', 'ü'],
  ])('go in: %#', (field, given, bound) => expect(encode(field, given)).toEqual(bound));

  test.each([
    [price, '123456789.1'],
    [price, '0.123'],
    [price, 'x'],
    [made, 'yesterday'],
    [fieldOf('contact', 'id'), 2 ** 31],
  ])('are refused by the field’s name: %#', (field, given) => {
    expect(() => encode(field, given)).toThrow(PlatformError);
    expect(() => encode(field, given)).toThrow(field.name);
  });

  test('may be compared beyond what a column holds', () => {
    expect(encodeLiteral(price, '999999999999.123')).toBe('999999999999.123');
    expect(encodeLiteral(fieldOf('contact', 'id'), 99_999_999_999)).toBe(99_999_999_999);
  });

  test('come out as they mean', () => {
    expect(decode(price, '12.50')).toBe(12.5);
    expect(JSON.stringify(decode({ ...price, precision: 30 }, '12345678901234567890.12'))).toBe(
      '12345678901234567890.12',
    );
    expect(decode(made, '2026-01-31 09:30:00.1200000')).toBe('2026-01-31 09:30:00.12');
    expect(decode(made, '2026-01-31 09:30:00.0000000')).toBe('2026-01-31 09:30:00');
    expect(decode({ ...made, type: 'datetimetz' }, '2026-01-31 07:30:00.0000000 +00:00')).toBe(
      '2026-01-31T07:30:00Z',
    );
    expect(decode({ ...price, type: 'bigint' }, '9223372036854775807')).toBe(9_223_372_036_854_775_807n);
    expect(decode(fieldOf('sales.order', 'b'), '6F1C1F0E-7A52-4A38-9F3B-0C6A4C6F1B2D')).toBe(
      '6f1c1f0e-7a52-4a38-9f3b-0c6a4c6f1b2d',
    );
    expect(decode(fieldOf('contact', 'photo'), new Uint8Array([0, 255]))).toBe('AP8=');
  });
});

describe('routines', () => {
  const routines = routinesOf(
    {
      routines: [
        { id: 1, schema: 'dbo', name: 'add up', kind: 'P', description: null },
        { id: 2, schema: 'sales', name: 'tax', kind: 'FN', description: 'Tax' },
        { id: 3, schema: 'dbo', name: 'top', kind: 'IF', description: null },
      ],
      parameters: [
        {
          id: 1,
          number: 1,
          name: '@n',
          is_output: false,
          type: 'int',
          max_length: 4,
          precision: 10,
          scale: 0,
        },
        {
          id: 1,
          number: 2,
          name: '@sum',
          is_output: true,
          type: 'money',
          max_length: 8,
          precision: 19,
          scale: 4,
        },
        {
          id: 2,
          number: 0,
          name: '',
          is_output: true,
          type: 'decimal',
          max_length: 9,
          precision: 10,
          scale: 2,
        },
        {
          id: 2,
          number: 1,
          name: '@of',
          is_output: false,
          type: 'int',
          max_length: 4,
          precision: 10,
          scale: 0,
        },
        {
          id: 3,
          number: 1,
          name: '@n',
          is_output: false,
          type: 'int',
          max_length: 4,
          precision: 10,
          scale: 0,
        },
      ],
    },
    { usual: 'dbo', only: [] },
  );

  test('have kinds, parameters and what they answer', () => {
    expect(routines.map(({ name, kind, returns }) => [name, kind, returns])).toEqual([
      ['add up', 'procedure', null],
      ['sales.tax', 'function', { dbType: 'decimal(10,2)', isRows: false }],
      ['top', 'function', { dbType: 'table', isRows: true }],
    ]);
    expect(routines[0]?.parameters.map(({ name, mode }) => [name, mode])).toEqual([
      ['n', 'IN'],
      ['sum', 'INOUT'],
    ]);
  });

  test('are selected from, with defaults for what is left out', () => {
    const [, tax, top] = routines;
    const text = (routine: typeof tax, isGiven: boolean) => {
      if (routine === undefined) throw new Error('no routine');
      const values = new Map(isGiven ? routine.parameters.map((each) => [each, 1] as const) : []);
      return functionSql(routine, values).compile(dialect.builder).sql;
    };
    expect(text(tax, true)).toBe('SELECT "sales"."tax"(@1) AS "value"');
    expect(text(tax, false)).toBe('SELECT "sales"."tax"(DEFAULT) AS "value"');
    expect(text(top, true)).toBe('SELECT * FROM "dbo"."top"(@1)');
  });
});

describe('settings', () => {
  test('come one by one or as a URL', () => {
    const { login } = connectionOf({ url: 'mssql://sa:p%40ss@db.example:1444/shop', encrypt: 'strict' });
    expect(login).toMatchObject({
      host: 'db.example',
      port: 1_444,
      user: 'sa',
      password: 'p@ss',
      database: 'shop',
    });
    expect(login.encrypt).toBe('strict');
    expect(
      connectionOf({ host: 'h', instance: 'X', database: 'd', username: 'u' }).login.port,
    ).toBeUndefined();
    expect(schemasOf({ schema: 'sales, dbo' })).toEqual({ usual: 'sales', only: ['sales', 'dbo'] });
  });

  test.each([
    [{}, 'host'],
    [{ host: 'h', username: 'u' }, 'database'],
    [{ host: 'h', username: 'u', database: 'd', port: 0 }, 'port'],
    [{ host: 'h', username: 'u', database: 'd', encrypt: 'maybe' }, 'encrypt'],
    [{ url: 'http://x' }, 'url'],
  ])('are refused by their names: %#', (config, name) => {
    expect(() => connectionOf(config)).toThrow(new RegExp(`Setting '${name}'`));
  });
});
