// What SQL Server is told to change its schema: the text, because there is no server to run it on here.
import { describe, expect, test } from 'vitest';
import type { Bindable, Row, Session, Statement } from '../../../../database/connection.ts';
import { assemble } from '../../schema/assembly.ts';
import { isDbType, type Sql } from '../../schema/ddl.ts';
import { readTable } from '../../schema/definition-request.ts';
import { noOverlay } from '../../schema/overlay.ts';
import { SchemaPlan } from '../../schema/schema-plan.ts';
import type { Catalog, ColumnFacts } from '../../schema.ts';
import { mssqlDdl, partsStatement } from './ddl.ts';
import { mssqlDialect } from './engine.ts';

const { builder } = mssqlDialect();
const textOf = (statement: Sql) => statement.compile(builder).sql;

const column = (name: string, over: Partial<ColumnFacts> = {}): ColumnFacts => ({
  ...{
    name,
    type: 'string',
    dbType: 'nvarchar(20)',
    length: 20,
    precision: null,
    scale: null,
    default: null,
  },
  ...{ required: false, allowNull: true, fixedLength: false, supportsMultibyte: true, autoIncrement: false },
  ...{
    isGenerated: false,
    isUnique: false,
    isIndex: false,
    isExact: true,
    description: null,
    picklist: null,
  },
  range: null,
  ...over,
});

const catalog: Catalog = {
  tables: [
    {
      ...{ name: 'person', path: ['dbo', 'person'], isView: false, description: null, primaryKey: ['id'] },
      columns: [
        column('id', { type: 'id', dbType: 'int', length: null, autoIncrement: true, allowNull: false }),
        column('code', { default: 'x', isUnique: true }),
        column('boss', { type: 'integer', dbType: 'int', length: null }),
      ],
    },
  ],
  foreignKeys: [
    {
      ...{ table: 'person', columns: ['boss'], isUnique: false, refTable: 'person', refColumns: ['id'] },
      ...{ onUpdate: 'NO ACTION', onDelete: 'NO ACTION' },
    },
  ],
};

// Answers what the catalog would say of the table, and keeps what was asked.
class Catalogue implements Session {
  readonly asked: (readonly [Statement, readonly Bindable[]])[] = [];

  rows(statement: Statement, values: readonly Bindable[]): Row[] {
    this.asked.push([statement, values]);
    return [
      { name: 'DF__code', kind: 'default', column: 'code', definition: "(N'x')" },
      { name: 'UQ__code', kind: 'unique constraint', column: 'code', definition: null },
      { name: 'FK__boss', kind: 'foreign', column: 'boss', definition: null },
    ];
  }

  column(): never {
    throw new Error('not asked');
  }

  run(): never {
    throw new Error('not run');
  }
}

function planned(request: Record<string, unknown>): SchemaPlan {
  const plan = new SchemaPlan({
    ...{ ddl: mssqlDdl('dbo'), tables: assemble(catalog), catalog, overlay: noOverlay },
    ...{ serviceId: 1, isAdmin: true },
  });
  const mode = { creates: true, addsFields: true, refusesExisting: false, replaces: false, drops: false };
  plan.tables([readTable(request)], mode);
  return plan;
}

async function altered(...field: Record<string, unknown>[]): Promise<readonly string[]> {
  const [change] = planned({ name: 'person', field }).alterations;
  if (change === undefined) return [];
  return (await mssqlDdl('dbo').alterTable(new Catalogue(), change)).map(textOf);
}

describe('a table', () => {
  test('is made in the usual schema, its references last', () => {
    const { create } = planned({
      name: 'order',
      field: [
        { name: 'id', type: 'bigid' },
        { name: 'na]me', type: 'string' },
      ].map((field) => ({ ...field, name: field.name.replace(']', ' ') })),
    });
    const { first } = mssqlDdl('dbo').createTable(
      create[0] ?? { path: [], columns: [], primaryKey: [], foreignKeys: [] },
    );
    expect(first.map(textOf)).toEqual([
      'CREATE TABLE "dbo"."order" ("id" bigint IDENTITY(1,1) NOT NULL, "na me" nvarchar(255) NULL, PRIMARY KEY ("id"))',
    ]);
  });

  test('has its own words for types, and defaults with names', () => {
    const words = [
      'boolean',
      'text',
      'double',
      'timestamp',
      'datetimetz',
      'json',
      'binary',
      'uuid',
      'tinyint',
    ];
    const field = words.map((type) => ({ name: type, type }));
    const extra = [
      {
        name: 'short',
        type: 'string',
        length: 10,
        fixed_length: true,
        supports_multibyte: false,
        default: "it's",
      },
      { name: 'long', type: 'string', length: 5000, is_index: true },
      { name: 'when', type: 'datetime', default: 'CURRENT_TIMESTAMP' },
      { name: 'boss', type: 'reference', ref_table: 'person', ref_on_delete: 'RESTRICT' },
    ];
    const { create } = planned({ name: 't', field: [...field, ...extra] });
    const { first, last } = mssqlDdl('dbo').createTable(
      create[0] ?? { path: [], columns: [], primaryKey: [], foreignKeys: [] },
    );
    const [made = '', index] = first.map(textOf);
    for (const part of [
      ...['"boolean" bit', '"text" nvarchar(max)', '"double" float', '"timestamp" datetime2'],
      ...['"datetimetz" datetimeoffset', '"json" nvarchar(max)', '"binary" varbinary(max)'],
      ...['"uuid" uniqueidentifier', '"tinyint" smallint', '"long" nvarchar(max)', '"boss" int NULL'],
      `"short" char(10) NULL CONSTRAINT "t_short_default" DEFAULT N'it''s'`,
      '"when" datetime2 NULL CONSTRAINT "t_when_default" DEFAULT CAST(sysutcdatetime() AS datetime2)',
    ]) {
      expect(made).toContain(part);
    }
    expect(index).toBe('CREATE INDEX "t_long_index" ON "dbo"."t" ("long")');
    expect(last.map(textOf)).toEqual([
      'ALTER TABLE "dbo"."t" ADD CONSTRAINT "t_boss_foreign" FOREIGN KEY ("boss") REFERENCES "dbo"."person" ("id") ' +
        'ON DELETE NO ACTION',
    ]);
  });
});

describe('a column', () => {
  test('whose type changes loses its default meanwhile', async () => {
    expect(await altered({ name: 'code', length: 40 })).toEqual([
      'ALTER TABLE "dbo"."person" DROP CONSTRAINT "DF__code"',
      'ALTER TABLE "dbo"."person" ALTER COLUMN "code" nvarchar(40) NULL',
      `ALTER TABLE "dbo"."person" ADD CONSTRAINT "DF__code" DEFAULT (N'x') FOR "code"`,
    ]);
  });

  test('whose default, need and uniqueness change', async () => {
    expect(await altered({ name: 'code', default: 'y', allow_null: false, is_unique: false })).toEqual([
      'ALTER TABLE "dbo"."person" DROP CONSTRAINT "UQ__code"',
      'ALTER TABLE "dbo"."person" DROP CONSTRAINT "DF__code"',
      'ALTER TABLE "dbo"."person" ALTER COLUMN "code" nvarchar(20) NOT NULL',
      `ALTER TABLE "dbo"."person" ADD CONSTRAINT "person_code_default" DEFAULT N'y' FOR "code"`,
    ]);
  });

  test('that goes takes its constraints with it, one that comes brings its index', async () => {
    const plan = planned({ name: 'person', field: [{ name: 'mail', type: 'string', is_unique: true }] });
    const [table] = plan.context.tables;
    if (table === undefined) throw new Error('no table');
    plan.dropField(table, 'code');
    plan.dropField(table, 'boss');
    const [change] = plan.alterations;
    if (change === undefined) throw new Error('no change');
    const catalogue = new Catalogue();
    const statements = await mssqlDdl('dbo').alterTable(catalogue, change);
    expect(statements.map(textOf)).toEqual([
      'ALTER TABLE "dbo"."person" DROP CONSTRAINT "FK__boss"',
      'ALTER TABLE "dbo"."person" DROP CONSTRAINT "DF__code"',
      'ALTER TABLE "dbo"."person" DROP CONSTRAINT "UQ__code"',
      'ALTER TABLE "dbo"."person" DROP COLUMN "code"',
      'ALTER TABLE "dbo"."person" DROP COLUMN "boss"',
      'ALTER TABLE "dbo"."person" ADD "mail" nvarchar(255) NULL',
      'CREATE UNIQUE INDEX "person_mail_unique" ON "dbo"."person" ("mail")',
    ]);
    expect(catalogue.asked).toEqual([[partsStatement, ['dbo', 'person']]]);
  });

  test('that is written back as it was read stays', async () => {
    expect(
      await altered({ name: 'code', type: 'string', db_type: 'nvarchar(20)', length: 20, default: 'x' }),
    ).toEqual([]);
  });
});

test.each([
  ['nvarchar(max)', true],
  ['decimal(10, 2)', true],
  ['DateTime2(3)', true],
  ['int; DROP TABLE x', false],
  ['int identity', false],
  ['int null', false],
  ['nvarchar(max)]', false],
  ["varchar('a')", false],
  ['', false],
])('a type %s may be named: %s', (text, isTaken) => {
  expect(isDbType(mssqlDdl('dbo'), text)).toBe(isTaken);
});
