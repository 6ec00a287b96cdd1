// Tables as the reader of a description may use them. Invariant: a description names no field that the reader
// would be told is unknown, and calls what he can not write read-only.
import type { DescriptionReader } from '../../../core/description.ts';
import type { Action } from '../../../core/operation.ts';
import type { FieldRule } from '../../../core/restriction.ts';
import { type FieldRules, restrictFields, ruleFor } from '../restriction/restricted-fields.ts';
import type { Table } from '../schema.ts';

/** The tables with the fields that are there for a reader; each the same object where all of them are. */
export function seenTables(tables: readonly Table[], reader: DescriptionReader): readonly Table[] {
  if (reader.restriction === undefined) return tables;
  const ruled = new Map(tables.map((table) => [table.name, { table, rules: rulesFor(table, reader) }]));
  return tables.map((table) =>
    restrictFields(table, ruled.get(table.name)?.rules ?? noRules, (name) => ruled.get(name)),
  );
}

const noRules: FieldRules = new Map();
const writing: readonly Action[] = ['POST', 'PUT', 'PATCH'];

// What is answered is as it is read; what none of the verbs that are there may write is only read.
function rulesFor(table: Table, reader: DescriptionReader): FieldRules {
  const path = ['_table', table.name];
  const may = (action: Action) => reader.may(path, action);
  const rulesOf = (action: Action) => reader.restriction?.(path, action)?.fields ?? noRules;
  const writes = writing.filter(may).map(rulesOf);
  const [first = noRules, ...others] = writes;
  const reads = may('GET') ? rulesOf('GET') : first;
  const rules = new Map(reads);
  for (const field of table.fields.values()) {
    const rule = ruleFor({ table, rules: first }, field);
    if (rule === undefined || ruleFor({ table, rules: reads }, field) !== undefined) continue;
    if (others.every((other) => ruleFor({ table, rules: other }, field) !== undefined)) {
      rules.set(field.name.toLowerCase(), readOnly(rule));
    }
  }
  return rules;
}

function readOnly({ field }: FieldRule): FieldRule {
  return { field, access: 'read_only', mask: null };
}
