import { describe, expect, it } from 'vitest';
import type { DescriptionReader } from '../../../core/description.ts';
import type { Action } from '../../../core/operation.ts';
import type { FieldRule } from '../../../core/restriction.ts';
import { assemble } from '../schema/assembly.ts';
import type { ColumnFacts } from '../schema.ts';
import { seenTables } from './seen-tables.ts';

const column = (name: string): ColumnFacts => ({
  ...{ name, type: 'string', dbType: 'text', length: null, precision: null, scale: null, default: null },
  ...{ required: false, allowNull: true, fixedLength: false, supportsMultibyte: true, autoIncrement: false },
  ...{ isGenerated: false, isUnique: false, isIndex: false, isExact: true, description: null },
  ...{ picklist: null, range: null },
});
const table = (name: string, columns: readonly string[]) => ({
  ...{ name, path: [name], isView: false, description: null, primaryKey: ['id'] },
  columns: columns.map(column),
});
const tables = assemble({
  tables: [table('person', ['id', 'name', 'ssn']), table('phone', ['id', 'person_id'])],
  foreignKeys: [
    {
      ...{ table: 'phone', columns: ['person_id'], isUnique: false, refTable: 'person', refColumns: ['id'] },
      ...{ onUpdate: 'NO ACTION', onDelete: 'NO ACTION' },
    },
  ],
});

type Said = Readonly<Record<string, FieldRule['access']>>;

/** Tables as somebody sees them whose role says this of the fields of `person`, by verb. */
function seenWith(said: Partial<Record<Action, Said>>) {
  const rules = (given: Said) =>
    new Map(Object.entries(given).map(([field, access]) => [field, { field, access, mask: null }]));
  const reader: DescriptionReader = {
    ...{ tables: undefined, isCompact: false },
    may: ([, name], action) => name !== 'person' || said[action] !== undefined,
    restriction: ([, name], action) => {
      const given = name === 'person' ? said[action] : undefined;
      return given && { rows: [], fields: rules(given) };
    },
  };
  const [person, phone] = seenTables(tables, reader);
  const limits = [...(person?.fields.values() ?? [])].map(({ name, limit }) => [name, limit?.access]);
  return { person, phone, limits: Object.fromEntries(limits) };
}

describe('a table in a description', () => {
  it('is the same object for whoever is not restricted', () => {
    const reader: DescriptionReader = { tables: undefined, isCompact: false, may: () => true };
    expect(seenTables(tables, reader)).toBe(tables);
    expect(seenWith({ GET: {}, PATCH: {} }).person).toBe(tables[0]);
  });

  it('has the fields that are read', () => {
    const { limits, phone } = seenWith({ GET: { ssn: 'hidden', id: 'masked' }, PATCH: {} });
    expect(limits).toEqual({ id: 'masked', name: undefined });
    expect([...(phone?.relations.keys() ?? [])]).toEqual([]);
    expect(phone?.field('person_id')?.refField).toBeNull();
  });

  it('has read-only fields where no verb writes them', () => {
    const name = { name: 'read_only' } as const;
    expect(seenWith({ GET: {}, POST: name, PATCH: { name: 'hidden' } }).limits.name).toBe('read_only');
    expect(seenWith({ GET: {}, POST: {}, PATCH: name }).limits.name).toBeUndefined();
    expect(seenWith({ GET: { name: 'masked' }, POST: name }).limits.name).toBe('masked');
  });

  it('that is only written has what may be written', () => {
    expect(seenWith({ POST: { ssn: 'hidden' } }).limits).toEqual({ id: undefined, name: undefined });
  });
});
