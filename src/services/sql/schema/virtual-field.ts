// Fields that are no columns: computed by an expression that an administrator wrote, never written.
import { labelOf } from '../naming.ts';
import type { Field, FieldType } from '../schema.ts';

/** A virtual field of a name; what is said of it comes on top. */
export function virtualField(name: string, type: string | null): Field {
  return {
    name,
    column: name,
    label: labelOf(name),
    type: (type ?? 'string') as FieldType,
    // Without a declared type nothing is assumed of its values.
    dbType: '',
    ...{ length: null, precision: null, scale: null, default: null },
    ...{ required: false, allowNull: true, fixedLength: false, supportsMultibyte: true },
    ...{ autoIncrement: false, isGenerated: true, isUnique: false, isIndex: false, isExact: false },
    ...{ description: null, picklist: null, range: null, isPrimaryKey: false },
    ...{ refTable: null, refField: null, refOnUpdate: null, refOnDelete: null },
    extras: {
      ...{ alias: null, automatic: null, validation: null, functions: [] },
      ...{ isVirtual: true, isAggregate: false, clientInfo: null },
    },
  };
}
