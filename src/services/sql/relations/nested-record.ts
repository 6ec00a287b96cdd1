// A written record that brings related ones, taken apart: its own fields, and what it brings for each
// relation (spec §5.9). Invariant: a name is a field before it is a relation; what is neither stays for the
// checks of fields to judge.
import { PlatformError } from '../../../core/errors.ts';
import type { Relation, Table } from '../schema.ts';
import { isRecord } from '../writing/records.ts';

/** Related records for one relation, as written. */
export interface NestedPart {
  readonly relation: Relation;
  readonly records: readonly NestedMember[];
}

/** A related record and where it stands, for messages: `phone_by_contact_id[1]`. */
export interface NestedMember {
  readonly record: Readonly<Record<string, unknown>>;
  readonly place: string;
}

/** A record's own fields, by the names of the schema, and what it brings. */
export interface NestedRecord {
  readonly own: Readonly<Record<string, unknown>>;
  readonly parts: readonly NestedPart[];
}

/** Whether a record brings related ones. */
export function bringsRelated(table: Table, record: unknown): boolean {
  if (table.relations.size === 0 || !isRecord(record)) return false;
  for (const name in record) if (table.relations.has(name) && table.shown(name) === undefined) return true;
  return false;
}

/** Takes a record apart. Throws `request.invalid_record` naming the place. */
export function takeApart(table: Table, record: Readonly<Record<string, unknown>>, place = ''): NestedRecord {
  const own: Record<string, unknown> = {};
  const parts: NestedPart[] = [];
  for (const [name, value] of Object.entries(record)) {
    const field = table.shown(name);
    const relation = field === undefined ? table.relations.get(name) : undefined;
    if (relation !== undefined) {
      const records = membersOf(relation, value, place);
      if (records.length > 0) parts.push({ relation, records });
    } else if (field !== undefined && Object.hasOwn(own, field.name)) {
      throw invalid(`Field '${field.name}' is given twice in one record.`);
    } else {
      own[field?.name ?? name] = value;
    }
  }
  return { own, parts };
}

// As an answer shows them: null or an object where there is at most one, else a list.
function membersOf(relation: Relation, value: unknown, place: string): readonly NestedMember[] {
  const at = place === '' ? relation.name : `${place}.${relation.name}`;
  if (value === null || value === undefined) return [];
  const isOne = relation.type === 'belongs_to' || relation.type === 'has_one';
  if (isRecord(value)) return [{ record: value, place: isOne ? at : `${at}[0]` }];
  if (isOne || !Array.isArray(value)) {
    throw invalid(`'${at}' is a relation: it takes ${isOne ? 'an object' : 'a list of objects'}.`);
  }
  return value.map((record, index) => {
    if (isRecord(record)) return { record, place: `${at}[${index}]` };
    throw invalid(`'${at}[${index}]' must be an object with field names as its keys.`);
  });
}

function invalid(message: string): PlatformError {
  return new PlatformError('request.invalid_record', message);
}
