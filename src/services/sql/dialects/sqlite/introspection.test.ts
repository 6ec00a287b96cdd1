import { afterEach, describe, expect, test } from 'vitest';
import { openSqlite, type SqliteDatabase } from '../../../../database/sqlite.ts';
import { assemble } from '../../schema/assembly.ts';
import type { Field, Table } from '../../schema.ts';
import { introspectSqlite } from './introspection.ts';

const open: SqliteDatabase[] = [];

afterEach(async () => {
  for (const db of open.splice(0)) await db.close();
});

async function read(
  sql: string,
): Promise<{ table: (name: string) => Table; names: string[]; exact: string[] }> {
  const db = openSqlite({ path: ':memory:' });
  open.push(db);
  for (const statement of sql.split(';')) {
    if (statement.trim() !== '') await db.run({ sql: statement }, []);
  }
  const tables = assemble(introspectSqlite(db));
  const exact = tables.flatMap(({ fields }) => [...fields.values()].filter((each) => each.isExact));
  const table = (name: string) => {
    const found = tables.find((each) => each.name === name);
    if (found === undefined) throw new Error(`no table ${name}`);
    return found;
  };
  return { table, names: tables.map((each) => each.name), exact: exact.map((each) => each.name) };
}

function field(table: Table, name: string): Field {
  const found = table.field(name);
  if (found === undefined) throw new Error(`no field ${name}`);
  return found;
}

describe('tables', () => {
  test('our own and the engine’s stay hidden, so do the parts of virtual tables', async () => {
    const { names, table } =
      await read(`CREATE TABLE a(x); CREATE TABLE _tenon_outbox(id INTEGER PRIMARY KEY);
      CREATE TABLE b(id INTEGER PRIMARY KEY AUTOINCREMENT); CREATE VIEW v AS SELECT x FROM a;
      CREATE VIRTUAL TABLE words USING fts5(text)`);
    expect(names.toSorted()).toEqual(['a', 'b', 'v', 'words']);
    expect(table('v').isView).toBe(true);
    expect(table('a').isView).toBe(false);
  });

  test('a broken view hides itself and nothing else', async () => {
    const { names } = await read(`CREATE TABLE a(x); CREATE TABLE b(x); CREATE VIEW bad AS SELECT * FROM b;
      DROP TABLE b`);
    expect(names).toEqual(['a']);
  });

  test('names are what the database says, found in any case', async () => {
    const { table } = await read('CREATE TABLE "Größe, ""x"""("sel ect" TEXT, "Über" TEXT, "group" TEXT)');
    const odd = table('Größe, "x"');
    expect([...odd.fields.keys()]).toEqual(['sel ect', 'Über', 'group']);
    expect(odd.field('GROUP')?.name).toBe('group');
    expect(odd.field('constructor')).toBeUndefined();
  });

  test.each([
    ['todo', 'Todo', 'Todos'],
    ['dept_emp', 'Dept Emp', 'Dept Emps'],
    ['city', 'City', 'Cities'],
    ['day', 'Day', 'Days'],
    ['tax_box', 'Tax Box', 'Tax Boxes'],
    ['employees', 'Employees', 'Employees'],
  ])('%s is called %s and %s', async (name, label, plural) => {
    const { table } = await read(`CREATE TABLE ${name}(x)`);
    expect(table(name)).toMatchObject({ label, plural });
  });
});

describe('keys', () => {
  test.each([
    ['id INTEGER PRIMARY KEY', ['id'], 'id'],
    ['id INTEGER PRIMARY KEY AUTOINCREMENT', ['id'], 'id'],
    ['id INT PRIMARY KEY', ['id'], 'integer'],
    ['id TEXT PRIMARY KEY', ['id'], 'text'],
    ['a INTEGER, id INTEGER, PRIMARY KEY (id, a)', ['id', 'a'], 'integer'],
    ['id INTEGER', [], 'integer'],
  ])('%s', async (columns, key, type) => {
    const { table } = await read(`CREATE TABLE t(${columns})`);
    const t = table('t');
    expect(t.primaryKey).toEqual(key);
    expect(field(t, 'id')).toMatchObject({ type, autoIncrement: type === 'id', required: false });
  });

  test('a table without a row number generates no keys', async () => {
    const { table } = await read('CREATE TABLE t(id INTEGER PRIMARY KEY, x) WITHOUT ROWID');
    expect(field(table('t'), 'id')).toMatchObject({ type: 'integer', autoIncrement: false });
  });

  test('unique means a constraint over this column alone', async () => {
    const { table } =
      await read(`CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT UNIQUE, b TEXT, c TEXT, d TEXT,
      UNIQUE (b, c)); CREATE UNIQUE INDEX part ON t(d) WHERE d > 'x'; CREATE INDEX plain ON t(c)`);
    const t = table('t');
    const unique = [...t.fields.values()].filter((each) => each.isUnique).map((each) => each.name);
    expect(unique).toEqual(['a']);
    expect(field(t, 'c').isIndex).toBe(true);
    expect(field(t, 'b').isIndex).toBe(false);
  });
});

describe('fields', () => {
  test.each([
    ['VARCHAR(80)', { type: 'string', dbType: 'varchar(80)', length: 80, fixedLength: false }],
    ['CHAR(4)', { type: 'string', length: 4, fixedLength: true }],
    ['DECIMAL(10,2)', { type: 'decimal', length: 10, precision: 10, scale: 2 }],
    ['NUMERIC( 8 , 3 )', { type: 'decimal', precision: 8, scale: 3 }],
    ['BOOLEAN', { type: 'boolean' }],
    ['tinyint(1)', { type: 'boolean' }],
    ['BIGINT', { type: 'bigint' }],
    ['MEDIUMINT', { type: 'integer' }],
    ['DOUBLE PRECISION', { type: 'double' }],
    ['REAL', { type: 'float' }],
    ['DATE', { type: 'date' }],
    ['TIME', { type: 'time' }],
    ['DATETIME', { type: 'datetime' }],
    ['TIMESTAMP', { type: 'timestamp' }],
    ['JSON', { type: 'json' }],
    ['UUID', { type: 'uuid' }],
    ['BLOB', { type: 'binary' }],
    ['CLOB', { type: 'text' }],
    ['whatever you like', { type: 'string' }],
    ['', { type: 'string', dbType: '' }],
  ] as const)('type %s', async (declared, expected) => {
    const { table } = await read(`CREATE TABLE t(x ${declared})`);
    expect(field(table('t'), 'x')).toMatchObject(expected);
  });

  test.each([
    ['BOOLEAN DEFAULT 0', false],
    ['BOOLEAN DEFAULT TRUE', true],
    ['INTEGER DEFAULT 7', 7],
    ['INTEGER DEFAULT -1', -1],
    ['DECIMAL DEFAULT 1.5', 1.5],
    ["TEXT DEFAULT 'it''s'", "it's"],
    ["TEXT DEFAULT '5'", '5'],
    ['TEXT DEFAULT NULL', null],
    ['TEXT', null],
    ['TIMESTAMP DEFAULT CURRENT_TIMESTAMP', 'CURRENT_TIMESTAMP'],
  ])('default of %s', async (declared, expected) => {
    const { table } = await read(`CREATE TABLE t(x ${declared})`);
    expect(field(table('t'), 'x').default).toBe(expected);
  });

  test('required is what has no null, no default and no generator', async () => {
    const { table } = await read(`CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT NOT NULL, b TEXT,
      c TEXT NOT NULL DEFAULT 'x', d TEXT NOT NULL AS (a || 'd') STORED, e INT AS (1))`);
    const t = table('t');
    const required = [...t.fields.values()].filter((each) => each.required).map((each) => each.name);
    expect(required).toEqual(['a']);
    expect(field(t, 'd').isGenerated).toBe(true);
    expect(field(t, 'e').isGenerated).toBe(true);
    expect(field(t, 'b')).toMatchObject({ allowNull: true, isGenerated: false });
  });

  test('values are sure to have their type in row numbers and strict tables only', async () => {
    const { exact } = await read(`CREATE TABLE loose(id INTEGER PRIMARY KEY, a TEXT);
      CREATE TABLE firm(b TEXT, c ANY) STRICT`);
    expect(exact.toSorted()).toEqual(['b', 'id']);
  });
});

describe('relations', () => {
  const names = (table: Table) => [...table.relations.values()].map((each) => `${each.type} ${each.name}`);

  test('both sides of a foreign key and what lies beyond a junction', async () => {
    const { table } =
      await read(`CREATE TABLE a(id INTEGER PRIMARY KEY); CREATE TABLE b(code TEXT PRIMARY KEY);
      CREATE TABLE ab(id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a ON DELETE CASCADE,
        b_code TEXT REFERENCES B(CODE))`);
    expect(names(table('ab'))).toEqual(['belongs_to a_by_a_id', 'belongs_to b_by_b_code']);
    expect(names(table('a'))).toEqual(['has_many ab_by_a_id', 'many_many b_by_ab']);
    expect(names(table('b'))).toEqual(['many_many a_by_ab', 'has_many ab_by_b_code']);
    expect(table('a').relations.get('b_by_ab')).toMatchObject({
      label: 'B By Ab',
      field: 'id',
      refTable: 'b',
      refField: 'code',
      junction: { table: 'ab', field: 'a_id', refField: 'b_code' },
    });
    expect(field(table('ab'), 'a_id')).toMatchObject({
      type: 'reference',
      refTable: 'a',
      refField: 'id',
      refOnDelete: 'CASCADE',
    });
    expect(field(table('ab'), 'b_code')).toMatchObject({ type: 'text', refField: 'code' });
  });

  test('a unique foreign key leads to one record', async () => {
    const { table } = await read(`CREATE TABLE a(id INTEGER PRIMARY KEY);
      CREATE TABLE profile(a_id INTEGER UNIQUE REFERENCES a);
      CREATE TABLE extra(id INTEGER PRIMARY KEY REFERENCES a)`);
    expect(names(table('a'))).toEqual(['has_one extra_by_id', 'has_one profile_by_a_id']);
  });

  test('two ways between the same tables have two names', async () => {
    const { table } = await read(`CREATE TABLE u(id INTEGER PRIMARY KEY);
      CREATE TABLE follows(follower INTEGER REFERENCES u, followee INTEGER REFERENCES u)`);
    expect(names(table('u'))).toEqual([
      'has_many follows_by_followee',
      'has_many follows_by_follower',
      'many_many u_by_follows',
      'many_many u_by_follows_by_followee',
    ]);
  });

  test('a table may refer to itself', async () => {
    const { table } = await read('CREATE TABLE node(id INTEGER PRIMARY KEY, up INTEGER REFERENCES node)');
    expect(names(table('node'))).toEqual(['belongs_to node_by_up', 'has_many node_by_up_by_up']);
  });

  test('keys of several columns relate by all of them, keys to nothing not at all', async () => {
    const { table } = await read(`CREATE TABLE a(x INT, y INT, PRIMARY KEY (x, y));
      CREATE TABLE b(x INT, y INT, gone INT REFERENCES nowhere(id), hidden INT REFERENCES _tenon_x(id),
        FOREIGN KEY (x, y) REFERENCES a(x, y)); CREATE TABLE _tenon_x(id INTEGER PRIMARY KEY)`);
    expect(names(table('b'))).toEqual(['belongs_to a_by_x_y']);
    expect(names(table('a'))).toEqual(['has_many b_by_x_y']);
    expect(table('a').relations.get('b_by_x_y')).toMatchObject({ field: 'x,y', refFields: ['x', 'y'] });
    expect(field(table('b'), 'y')).toMatchObject({ refTable: 'a', refField: 'y', type: 'reference' });
    expect(field(table('b'), 'gone')).toMatchObject({ refTable: null, type: 'integer' });
  });
});
