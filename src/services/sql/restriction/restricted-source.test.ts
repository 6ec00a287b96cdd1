import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Action, anonymous, type Principal } from '../../../core/operation.ts';
import type { Role } from '../../../core/role.ts';
import { roleOf } from '../../../core/role-fixture.ts';
import type { Location } from '../../../core/service.ts';
import { SqliteEngine } from '../dialects/sqlite/engine.ts';
import type { Table } from '../schema.ts';
import { EngineSource, type SqlSource } from '../source.ts';
import { filterOf, own, rowOf, userOf } from '../suite/restriction-fixture.ts';
import { WriteStatements } from '../writing/statements.ts';
import { Restrictions } from './restricted-source.ts';

let folder: string;
let source: EngineSource;
let restrictions: Restrictions;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tenon-restriction-'));
  const path = join(folder, 'db.sqlite');
  const database = new Sqlite(path);
  database.exec('CREATE TABLE note(id INTEGER PRIMARY KEY, owner INTEGER, text TEXT); CREATE TABLE bare(x)');
  database.close();
  const engine = new SqliteEngine({ path, synchronous: 'NORMAL' });
  const settings = {
    ...{ service: 'HR', maxRecords: 1000, allowUpsert: false, strictFields: false, transactionMs: 1 },
  };
  source = new EngineSource({ settings, engine });
  const locations = new Map<string, Location>();
  restrictions = new Restrictions({
    service: 'HR',
    dialect: engine.dialect,
    find: (table) => source.findTable(table),
    locate: (table, action) => {
      const key = `${table} ${action}`;
      const known = locations.get(key) ?? { component: `_table/${table}`, events: [], isRestrictable: true };
      locations.set(key, known);
      return known;
    },
  });
});
afterEach(async () => {
  await source.close();
  rmSync(folder, { recursive: true });
});

const seenBy = (principal: Principal): SqlSource => restrictions.of(source, { principal, requestor: 'api' });
const note = (id: number, role: Role, action?: Action): Table =>
  seenBy(userOf(id, role)).table('note', action);

describe('a source', () => {
  test('is the plain one for administrators, nobody, and roles without restrictions here', () => {
    const role = roleOf([rowOf('note', [own])]);
    expect(seenBy({ ...userOf(1, role), isAdmin: true })).toBe(source);
    expect(seenBy(anonymous)).toBe(source);
    expect(seenBy(userOf(1, roleOf([rowOf('note', [])])))).toBe(source);
    const elsewhere = roleOf([rowOf('note', []), rowOf('note', [own], { service: 'other' })]);
    expect(seenBy(userOf(1, elsewhere))).toBe(source);
    expect(seenBy(userOf(1, role))).not.toBe(source);
  });

  test('is restricted by rows of all services, too', () => {
    const role = roleOf([rowOf('', [own], { service: null, serviceId: null, component: '*' })]);
    expect(note(1, role).rows?.values).toEqual([1]);
  });
});

describe('a table', () => {
  test('is the same object for the same caller, and for all callers where the filter is', () => {
    const personal = roleOf([rowOf('note', [own])]);
    const uma = userOf(1, personal);
    expect(seenBy(uma).table('note')).toBe(seenBy(uma).table('NOTE'));
    expect(note(1, personal)).not.toBe(note(2, personal));
    const general = roleOf([rowOf('note', [filterOf('owner', '=', 5)])]);
    expect(note(1, general)).toBe(note(2, general));
  });

  test('is the plain one where only others are restricted', () => {
    const role = roleOf([rowOf('note', []), rowOf('bare', [filterOf('x', '=', 1)])]);
    expect(note(1, role)).toBe(source.table('note'));
  });

  test('is another one for another verb, and without records for one that is not granted', () => {
    const role = roleOf([
      rowOf('note', [own], { verbMask: 1 }),
      rowOf('note', [filterOf('owner', '=', 5)], { verbMask: 8 }),
      rowOf('note', [], { verbMask: 2 }),
    ]);
    expect(note(1, role).rows?.values).toEqual([1]);
    expect(note(1, role, 'PATCH').rows?.values).toEqual([5]);
    expect(note(1, role, 'POST').rows).toBeUndefined();
    const closed = note(1, role, 'DELETE');
    expect(closed.rows?.values).toEqual([]);
    const { plan, values } = source.plans.count({ table: closed, where: undefined });
    expect(source.database().column(plan, [...values])).toEqual([0]);
  });

  test('follows the schema', () => {
    const role = roleOf([rowOf('note', [own])]);
    const uma = userOf(1, role);
    const before = seenBy(uma).table('note');
    source.refresh();
    source.ready();
    const after = seenBy(uma).table('note');
    expect(after).not.toBe(before);
    expect(after.rows?.of).toBe(source.table('note'));
  });

  test('of which a filter says nonsense is listed, but can not be used', () => {
    const role = roleOf([rowOf('*', [own], { component: '*' })]);
    const seen = seenBy(userOf(1, role));
    expect(seen.tables().map(({ name }) => name)).toEqual(['bare', 'note']);
    expect(() => seen.table('bare')).toThrow(/'owner', which the table does not have/);
  });
});

describe('statements', () => {
  test('are shared by callers who differ in values only, and by roles with the same filter', () => {
    const role = roleOf([rowOf('note', [own])]);
    const [one, two] = [note(1, role), note(2, role)];
    const other = note(3, roleOf([rowOf('note', [filterOf('owner', '=', 7)])]));
    const shape = (table: Table) => ({
      table,
      fields: [...table.fields.values()],
      where: undefined,
      order: [],
    });
    const plans = [one, two, other].map((table) => source.plans.list(shape(table)));
    expect(new Set(plans.map(({ plan }) => plan)).size).toBe(1);
    expect(plans.map(({ values }) => values)).toEqual([[1], [2], [7]]);
    expect(source.plans.list(shape(source.table('note'))).plan).not.toBe(plans[0]?.plan);

    const statements = new WriteStatements(source.dialect);
    const keys = [...one.fields.values()].slice(0, 1);
    const removals = [one, two, source.table('note')].map((table) => statements.remove(table, { keys }));
    expect(removals[0]?.statement).toBe(removals[1]?.statement);
    expect(removals.map(({ conditions }) => conditions)).toEqual([[1], [2], []]);
    expect(removals.map(({ statement }) => statement.sql.replaceAll(/\s+/g, ' '))).toEqual([
      'delete from "note" where "id" = ? and ("owner" = ?)',
      'delete from "note" where "id" = ? and ("owner" = ?)',
      'delete from "note" where "id" = ?',
    ]);
  });

  test('hold no text of a filter', () => {
    const sly = `1' or '1'='1`;
    const table = note(1, roleOf([rowOf('note', [filterOf('text', 'contains', sly)])]));
    const where = { kind: 'compare', op: '=', field: 'text', value: sly } as const;
    const { plan, values } = source.plans.count({ table, where });
    expect(plan.sql).not.toContain('or');
    expect(values).toEqual([`%${sly}%`, sly]);
  });
});
