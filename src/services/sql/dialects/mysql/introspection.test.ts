import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canTest, type TestDatabase, testDatabase } from '../../../../../test/databases.ts';
import type { Catalog, ColumnFacts, TableFacts } from '../../schema.ts';
import { defaultOf } from './default-value.ts';
import { MysqlEngine } from './engine.ts';
import { catalogOf, type DatabaseRows } from './introspection.ts';
import { engineOptions } from './login.ts';

describe.runIf(canTest('mysql'))('the schema of a database', () => {
  let place: TestDatabase;
  let other: TestDatabase;
  let engine: MysqlEngine;
  let catalog: Catalog;

  beforeAll(async () => {
    place = await testDatabase('mysql');
    other = await testDatabase('mysql');
    await other.execute('CREATE TABLE far(a INT, b INT, PRIMARY KEY (a, b))');
    await place.execute(`
      CREATE TABLE contact(
        id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, email VARCHAR(80) NOT NULL UNIQUE COMMENT 'where to write',
        name VARCHAR(40) CHARACTER SET latin1 NOT NULL DEFAULT 'it''s', note TEXT DEFAULT 'x(y)',
        n INT NOT NULL DEFAULT 5, at DATETIME DEFAULT CURRENT_TIMESTAMP, vip BOOLEAN NOT NULL DEFAULT true,
        code CHAR(36) DEFAULT uuid(), bits BIT(4) DEFAULT b'101', nothing INT DEFAULT NULL,
        whole VARCHAR(99) AS (concat(name, email)) STORED, half INT AS (n / 2) VIRTUAL,
        kind ENUM('a', 'it''s, b') NOT NULL, data JSON, hidden INT INVISIBLE, price DECIMAL(12,4),
        stamp TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
        KEY (n), KEY both_of (vip, kind), UNIQUE KEY part (note(5)), UNIQUE KEY pair (n, vip)
      ) COMMENT 'people';
      CREATE TABLE pair(a INT, b INT, contact_id INT UNSIGNED UNIQUE, far_a INT, far_b INT, PRIMARY KEY (b, a),
        CONSTRAINT to_contact FOREIGN KEY (contact_id) REFERENCES contact(id) ON DELETE CASCADE ON UPDATE SET NULL,
        CONSTRAINT to_far FOREIGN KEY (far_a, far_b) REFERENCES ${other.database}.far(a, b));
      CREATE TABLE _tenon_own(id INT);
      CREATE VIEW names AS SELECT id, name FROM contact;
      CREATE VIEW gone AS SELECT id FROM contact;
      CREATE TABLE tmp(id INT); CREATE VIEW broken AS SELECT * FROM tmp; DROP TABLE tmp;
      CREATE SEQUENCE counter;
      CREATE TABLE versioned(id INT PRIMARY KEY) WITH SYSTEM VERSIONING;`);
    const { host, port, user: username, password, database } = place;
    const config = { host, port, username, password, database, schema: ` ${other.database}, ` };
    engine = new MysqlEngine(engineOptions(config));
    catalog = await engine.introspect();
  });
  afterAll(async () => {
    engine.close();
    await place.drop();
    await other.drop();
  });

  const table = (name: string): TableFacts => {
    const found = catalog.tables.find((each) => each.name === name);
    if (found === undefined) throw new Error(`no table ${name}`);
    return found;
  };
  const column = (name: string, of = 'contact'): ColumnFacts => {
    const found = table(of).columns.find((each) => each.name === name);
    if (found === undefined) throw new Error(`no column ${name}`);
    return found;
  };

  test('has tables and views, those of other databases by both names, and not what is ours or broken', () => {
    expect(catalog.tables.map(({ name }) => name)).toEqual([
      ...['contact', 'gone', 'names', 'pair', 'versioned', `${other.database}.far`],
    ]);
    expect(table('names')).toMatchObject({ isView: true, primaryKey: [], description: null });
    expect(table(`${other.database}.far`).path).toEqual([other.database, 'far']);
    expect(table('contact')).toMatchObject({ path: ['contact'], description: 'people', primaryKey: ['id'] });
    expect(table('pair').primaryKey).toEqual(['b', 'a']);
  });

  test('columns have their defaults: literals as values, expressions as text', () => {
    const defaults = Object.fromEntries(
      table('contact').columns.map(({ name, default: given }) => [name, given]),
    );
    expect(defaults).toEqual({
      ...{ id: null, email: null, name: "it's", note: 'x(y)', n: 5, at: 'current_timestamp()', vip: true },
      ...{ code: 'uuid()', bits: 5, nothing: null, whole: null, half: null, kind: null, data: null },
      ...{ hidden: null, price: null, stamp: 'current_timestamp()' },
    });
  });

  test('and say what has to be given', () => {
    const required = table('contact').columns.filter((each) => each.required);
    expect(required.map(({ name }) => name)).toEqual(['email', 'kind']);
    expect(column('id')).toMatchObject({
      type: 'id',
      autoIncrement: true,
      range: { min: 0n, max: 4294967295n },
    });
    expect(column('whole')).toMatchObject({ isGenerated: true, dbType: 'varchar(99)' });
    expect(column('half')).toMatchObject({ isGenerated: true, type: 'integer' });
    expect(column('nothing')).toMatchObject({ allowNull: true, required: false });
  });

  test('with their types, comments, members and character sets', () => {
    expect(column('email')).toMatchObject({
      description: 'where to write',
      length: 80,
      supportsMultibyte: true,
    });
    expect(column('name').supportsMultibyte).toBe(false);
    expect(column('kind').picklist).toEqual(['a', "it's, b"]);
    expect(column('data')).toMatchObject({ type: 'json', dbType: 'json' });
    expect(column('price')).toMatchObject({ type: 'decimal', precision: 12, scale: 4 });
    expect(column('code')).toMatchObject({ fixedLength: true });
  });

  test('unique alone, or in an index', () => {
    const by = (is: 'isUnique' | 'isIndex') =>
      table('contact')
        .columns.filter((each) => each[is])
        .map(({ name }) => name);
    expect(by('isUnique')).toEqual(['email']);
    expect(by('isIndex')).toEqual(['n', 'vip', 'kind']);
  });

  test('foreign keys of one and several columns, into other databases too', () => {
    expect(catalog.foreignKeys).toEqual([
      {
        ...{
          table: 'pair',
          columns: ['contact_id'],
          isUnique: true,
          refTable: 'contact',
          refColumns: ['id'],
        },
        ...{ onUpdate: 'SET NULL', onDelete: 'CASCADE' },
      },
      {
        ...{ table: 'pair', columns: ['far_a', 'far_b'], isUnique: false, refTable: `${other.database}.far` },
        ...{ refColumns: ['a', 'b'], onUpdate: 'RESTRICT', onDelete: 'RESTRICT' },
      },
    ]);
  });

  test('has another version after every change, and the same one otherwise', async () => {
    const seen = new Set([await engine.schemaVersion()]);
    expect(seen.has(await engine.schemaVersion())).toBe(true);
    for (const change of [
      'ALTER TABLE contact ADD COLUMN fresh INT',
      'ALTER TABLE contact ALTER COLUMN fresh SET DEFAULT 3',
      'CREATE INDEX fresh_index ON contact(fresh)',
      'DROP VIEW gone',
      "ALTER TABLE pair COMMENT 'twos'",
    ]) {
      await place.execute(change);
      const version = await engine.schemaVersion();
      expect(seen.has(version), change).toBe(false);
      seen.add(version);
    }
    const again = await engine.introspect();
    expect(again.tables.find(({ name }) => name === 'pair')?.description).toBe('twos');
  });

  test('a duplicate names the columns of its index', async () => {
    await engine.introspect();
    await place.execute('INSERT INTO pair(a, b, far_a, far_b) VALUES (1, 2, NULL, NULL)');
    const again = engine.database().run({ sql: 'insert into `pair` (`a`, `b`) values (?, ?)' }, [1, 2]);
    await expect(again).rejects.toMatchObject({ failure: 'unique', field: 'b, a' });
  });
});

// MySQL itself has other words for the same: what its information_schema says, taken from its manual.
describe('the schema of MySQL 8', () => {
  const base = {
    ...{ length: null, digits: null, scale: null, charset: null, nullable: 'YES', extra: '', generated: '' },
    ...{ comment: '', fallback: null, part_of: '', tab: 't' },
  };
  const rows: DatabaseRows = {
    database: 'shop',
    tables: [{ name: 't', type: 'BASE TABLE', comment: '' }],
    columns: [
      {
        ...base,
        name: 'id',
        data_type: 'char',
        column_type: 'char(36)',
        nullable: 'NO',
        fallback: 'uuid()',
        extra: 'DEFAULT_GENERATED',
        part_of: 'PRI',
      },
      { ...base, name: 'a', data_type: 'varchar', column_type: 'varchar(9)', fallback: "it's" },
      { ...base, name: 'b', data_type: 'varchar', column_type: 'varchar(9)', fallback: 'NULL' },
      {
        ...base,
        name: 'c',
        data_type: 'timestamp',
        column_type: 'timestamp',
        nullable: 'NO',
        fallback: 'CURRENT_TIMESTAMP',
        extra: 'DEFAULT_GENERATED on update CURRENT_TIMESTAMP',
      },
      { ...base, name: 'd', data_type: 'json', column_type: 'json' },
      {
        ...base,
        name: 'e',
        data_type: 'int',
        column_type: 'int',
        extra: 'VIRTUAL GENERATED',
        nullable: 'NO',
      },
      { ...base, name: 'f', data_type: 'bit', column_type: 'bit(3)', fallback: "b'101'" },
      { ...base, name: 'g', data_type: 'tinyint', column_type: 'tinyint(1)', fallback: '1' },
      {
        ...base,
        name: 'h',
        data_type: 'int',
        column_type: 'int unsigned',
        extra: 'INVISIBLE',
        fallback: '7',
      },
    ],
    indexes: [{ tab: 't', name: 'PRIMARY', repeats: 0, col: 'id', part: null }],
    keys: [],
    checks: [],
  };
  const scope = { main: 'shop', others: [], isMariadb: false };

  test('is read as it is meant', () => {
    const columns = catalogOf([rows], scope).tables[0]?.columns ?? [];
    const told = columns.map(({ type, default: given, required, isGenerated }) => [
      ...[type, given, required, isGenerated],
    ]);
    expect(told).toEqual([
      ['string', 'uuid()', false, false],
      ['string', "it's", false, false],
      ['string', 'NULL', false, false],
      ['timestamp', 'CURRENT_TIMESTAMP', false, false],
      ['json', null, false, false],
      ['integer', null, false, true],
      ['integer', 5, false, false],
      ['boolean', true, false, false],
      ['integer', 7, false, false],
    ]);
  });

  test.each([
    [null, true, null],
    ['NULL', true, null],
    ["'NULL'", true, 'NULL'],
    ['NULL', false, 'NULL'],
    ["'a''b'", true, "a'b"],
    ['(1 + 2)', true, '(1 + 2)'],
  ])('the default %s of MariaDB (%s) is %s', (text, isMariadb, value) => {
    expect(defaultOf(text, { type: 'string', isMariadb, isExpression: false })).toBe(value);
  });
});
