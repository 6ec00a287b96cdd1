// Lookups in written records (spec §5.7): a value that is `{name}` and nothing else stands for the lookup's.
// Invariant: a text that only holds a lookup stays as it is; records without lookups stay the same objects.
import type { Principal } from '../../core/operation.ts';
import { meantValue } from '../../query/lookups.ts';
import type { Table } from './schema.ts';
import type { SqlSource } from './source.ts';
import { isRecord, type WriteContent } from './writing/records.ts';

/** Whose records they are, and of which table. */
export interface MeantRecords {
  readonly source: SqlSource;
  readonly table: Table;
  readonly principal: Principal;
}

/** The records of a write as their caller means them, with those that they bring. */
export function meantContent(content: WriteContent, of: MeantRecords): WriteContent {
  const { list, bare } = content;
  if (list !== undefined) return { ...content, list: list.map((record) => meant(record, of)) };
  return bare === undefined ? content : { ...content, bare: meant(bare, of) as typeof bare };
}

function meant(record: unknown, of: MeantRecords): unknown {
  if (!isRecord(record)) return record;
  let changed: Record<string, unknown> | undefined;
  for (const [name, value] of Object.entries(record)) {
    const own = meantMember(name, value, of);
    if (own === value) continue;
    changed ??= { ...record };
    changed[name] = own;
  }
  return changed ?? record;
}

function meantMember(name: string, value: unknown, of: MeantRecords): unknown {
  if (typeof value === 'string') return meantValue(value, of.principal);
  if (typeof value !== 'object' || value === null || of.table.field(name) !== undefined) return value;
  const relation = of.table.relations.get(name);
  if (relation === undefined || relation.refService !== null) return value;
  const within = { ...of, table: of.source.table(relation.refTable) };
  if (!Array.isArray(value)) return meant(value, within);
  const records = value.map((record) => meant(record, within));
  return records.some((record, index) => record !== value[index]) ? records : value;
}
