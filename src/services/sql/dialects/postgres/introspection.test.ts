import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canTest, type TestDatabase, testDatabase } from '../../../../../test/databases.ts';
import { PostgresDatabase } from '../../../../database/postgres.ts';
import type { ColumnFacts, TableFacts } from '../../schema.ts';
import { connectionOf } from './connection.ts';
import { columnDefault } from './default.ts';
import { introspectPostgres, type PostgresCatalog, schemaVersion } from './introspection.ts';

const schema = `
  CREATE SCHEMA sales; CREATE SCHEMA "Odd.One"; CREATE SCHEMA secret;
  CREATE TYPE mood AS ENUM ('sad', 'happy');
  CREATE DOMAIN code AS varchar(8) DEFAULT 'none' CHECK (VALUE <> '');
  CREATE DOMAIN must AS int NOT NULL;
  CREATE TABLE person(id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int, b int, UNIQUE (a, b));
  COMMENT ON TABLE person IS 'Somebody'; COMMENT ON COLUMN person.a IS 'A number';
  CREATE TABLE kinds(
    id bigserial PRIMARY KEY, counted serial, name varchar(20) NOT NULL DEFAULT 'it''s', fixed char(4),
    price numeric(10,2) DEFAULT 1.50, many int[] DEFAULT '{}', feeling mood DEFAULT 'sad', mark code,
    needed must, made timestamptz DEFAULT now(), twice int GENERATED ALWAYS AS (counted * 2) STORED,
    doc jsonb DEFAULT '{"a": 1}', on_it boolean DEFAULT true, less int DEFAULT '-1',
    big bigint, exact numeric,
    email text UNIQUE, part text, plain text, person_a int, person_b int,
    FOREIGN KEY (person_a, person_b) REFERENCES person(a, b) ON DELETE CASCADE ON UPDATE SET NULL);
  CREATE UNIQUE INDEX some_parts ON kinds(part) WHERE part > 'x';
  CREATE UNIQUE INDEX expressed ON kinds(lower(plain));
  CREATE INDEX plainly ON kinds(plain) INCLUDE (part);
  CREATE TABLE sales.bill(id int PRIMARY KEY, person int UNIQUE REFERENCES person(id), day date);
  CREATE TABLE "Odd.One"."Two ""x""."(v int);
  CREATE TABLE secret.hidden(v int);
  CREATE TABLE _tenon_outbox(id int);
  CREATE TABLE parts(id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
  CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2030-01-01');
  CREATE VIEW seen AS SELECT id, name FROM kinds;
  CREATE MATERIALIZED VIEW kept AS SELECT id FROM kinds;
  CREATE EXTENSION pg_stat_statements;`;

describe.runIf(canTest('postgres'))('the catalog of PostgreSQL', () => {
  let own: TestDatabase;
  let database: PostgresDatabase;
  let all: PostgresCatalog;

  beforeAll(async () => {
    own = await testDatabase('postgres');
    await own.execute(schema);
    database = open({});
    all = await introspectPostgres(database, { schemas: [] });
  });

  afterAll(async () => {
    await database.close();
    await own.drop();
  });

  function open(login: Record<string, string>): PostgresDatabase {
    const { host, port, user: username, password, database: name } = own;
    return new PostgresDatabase(connectionOf({ host, port, username, password, database: name, ...login }));
  }

  function table(name: string, catalog = all): TableFacts {
    const found = catalog.tables.find((each) => each.name === name);
    if (found === undefined) throw new Error(`no table ${name}`);
    return found;
  }

  function column(name: string): ColumnFacts {
    const found = table('kinds').columns.find((each) => each.name === name);
    if (found === undefined) throw new Error(`no column ${name}`);
    return found;
  }

  test('has the tables of all schemas, our own, parts and those of extensions left out', () => {
    expect(all.tables.map(({ name }) => name).toSorted()).toEqual([
      ...['Odd.One.Two "x".', 'kept', 'kinds', 'parts', 'person', 'sales.bill', 'secret.hidden', 'seen'],
    ]);
    expect(table('sales.bill').path).toEqual(['sales', 'bill']);
    expect(table('Odd.One.Two "x".').path).toEqual(['Odd.One', 'Two "x".']);
    expect(['kept', 'seen', 'kinds', 'parts'].map((name) => table(name).isView)).toEqual([
      ...[true, true, false, false],
    ]);
    expect(table('person').description).toBe('Somebody');
    expect(table('parts').primaryKey).toEqual(['id', 'day']);
  });

  test('is cut to the schemas that are wanted, the first of them bare', async () => {
    const some = await introspectPostgres(database, { schemas: ['sales', 'public'] });
    const names = some.tables.map(({ name }) => name);
    expect(names).toContain('bill');
    expect(names).toContain('public.kinds');
    expect(names).not.toContain('secret.hidden');
    expect((await introspectPostgres(database, { schemas: ['missing'] })).tables).toEqual([]);
  });

  test.each<[string, Partial<ColumnFacts>]>([
    [
      'id',
      { type: 'id', dbType: 'bigint', autoIncrement: true, required: false, default: null, isUnique: false },
    ],
    ['counted', { type: 'integer', autoIncrement: true, required: false, allowNull: false }],
    [
      'name',
      { type: 'string', dbType: 'character varying(20)', length: 20, default: "it's", required: false },
    ],
    ['fixed', { type: 'string', dbType: 'character(4)', length: 4, fixedLength: true, allowNull: true }],
    ['price', { type: 'decimal', precision: 10, scale: 2, default: 1.5 }],
    ['many', { type: 'array', dbType: 'integer[]', default: '{}' }],
    ['feeling', { type: 'string', picklist: ['sad', 'happy'], default: 'sad' }],
    ['mark', { type: 'string', dbType: 'code', length: 8, allowNull: true }],
    ['needed', { type: 'integer', dbType: 'must', allowNull: false, required: true }],
    ['made', { type: 'timestamptz', default: 'now()' }],
    ['twice', { type: 'integer', isGenerated: true, required: false, default: null }],
    ['doc', { type: 'json', default: '{"a": 1}' }],
    ['on_it', { type: 'boolean', default: true }],
    ['less', { type: 'integer', default: -1 }],
    ['big', { type: 'bigint', range: null }],
    ['exact', { type: 'decimal', precision: null, scale: null }],
    ['email', { type: 'text', isUnique: true, isIndex: false }],
    ['part', { isUnique: false, isIndex: true }],
    ['plain', { isUnique: false, isIndex: true }],
  ])('says what column %s is', (name, expected) => {
    expect(column(name)).toMatchObject(expected);
  });

  test('knows identities that may not be given, comments and ranges', () => {
    const [id, a] = table('person').columns;
    expect(id).toMatchObject({ type: 'id', isGenerated: true, autoIncrement: true, required: false });
    expect(a).toMatchObject({
      description: 'A number',
      range: { min: -2_147_483_648n, max: 2_147_483_647n },
    });
  });

  test('has foreign keys of several columns and between schemas', () => {
    expect(all.foreignKeys.toSorted((one, two) => (one.table < two.table ? -1 : 1))).toEqual([
      {
        ...{ table: 'kinds', columns: ['person_a', 'person_b'], refTable: 'person', refColumns: ['a', 'b'] },
        ...{ isUnique: false, onUpdate: 'SET NULL', onDelete: 'CASCADE' },
      },
      {
        ...{ table: 'sales.bill', columns: ['person'], refTable: 'person', refColumns: ['id'] },
        ...{ isUnique: true, onUpdate: 'NO ACTION', onDelete: 'NO ACTION' },
      },
    ]);
  });

  test('holds no more than the user may read', async () => {
    const username = `r_${own.database}`;
    await own.execute(`CREATE ROLE ${username} LOGIN PASSWORD 'pw';
      GRANT SELECT (id, name) ON kinds TO ${username};
      GRANT SELECT ON sales.bill TO ${username}; GRANT SELECT ON person TO ${username};`);
    const limited = open({ username, password: 'pw' });
    try {
      const some = await introspectPostgres(limited, { schemas: [] });
      expect(some.tables.map(({ name }) => name)).toEqual(['kinds', 'person']);
      expect(table('kinds', some).columns.map(({ name }) => name)).toEqual(['id', 'name']);
      expect(some.foreignKeys).toEqual([]);
    } finally {
      await limited.close();
      await own.execute(`DROP OWNED BY ${username}; DROP ROLE ${username}`);
    }
  });

  test('has another version after each change, and only then', async () => {
    const version = () => schemaVersion(database, { schemas: [] });
    const changes = [
      'CREATE TABLE more(v int)',
      'ALTER TABLE more ADD COLUMN w int',
      'ALTER TABLE more ALTER w TYPE bigint',
      'ALTER TABLE more ALTER w SET DEFAULT 5',
      'ALTER TABLE more ALTER w SET NOT NULL',
      'ALTER TABLE more RENAME w TO x',
      'CREATE INDEX more_x ON more(x)',
      'ALTER TABLE more ADD CHECK (x > 0)',
      "COMMENT ON COLUMN more.x IS 'ex'",
      "ALTER TYPE mood ADD VALUE 'fine'",
      'GRANT SELECT ON more TO PUBLIC',
      'ALTER TABLE more SET SCHEMA sales',
      'DROP TABLE sales.more',
      'CREATE FUNCTION one() RETURNS int LANGUAGE sql AS $$SELECT 1$$',
    ];
    let before = await version();
    for (const change of changes) {
      await own.execute(change);
      const after = await version();
      expect(after, change).not.toBe(before);
      before = after;
    }
    await own.execute('INSERT INTO person(a) VALUES (1); ANALYZE person; UPDATE person SET b = 2;');
    expect(await version()).toBe(before);
  });
});

describe('defaults', () => {
  test.each([
    ["'abc'::character varying", 'string', 'abc'],
    ["'abc'::character varying(20)", 'string', 'abc'],
    ["'2020-01-01'::date", 'date', '2020-01-01'],
    ["'5'::text", 'text', '5'],
    ['\'x\'::"Odd"', 'string', 'x'],
    ["'x'::sales.kind", 'string', 'x'],
    ['(-1)', 'integer', -1],
    ["'-1'::integer", 'integer', -1],
    ['9223372036854775807', 'bigint', '9223372036854775807'],
    ['0.0', 'decimal', 0],
    ['false', 'boolean', false],
    ['NULL::character varying', 'string', null],
    ['CURRENT_TIMESTAMP', 'timestamp', 'CURRENT_TIMESTAMP'],
    ["nextval('x'::regclass)", 'integer', "nextval('x'::regclass)"],
    ["('a'::text || 'b'::text)", 'text', "('a'::text || 'b'::text)"],
    [null, 'text', null],
  ] as const)('%s of type %s', (expression, type, expected) => {
    expect(columnDefault(expression, type)).toBe(expected);
  });
});
