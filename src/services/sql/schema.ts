// What a SQL service knows of its tables, in the words of spec §5.8; read by introspection, kept until
// refreshed. Names are the database's own; look-ups by name ignore case where the engine does.

/** Field types that SQL engines' columns become (spec §5.8). */
export type FieldType =
  | 'id'
  | 'integer'
  | 'bigint'
  | 'boolean'
  | 'string'
  | 'text'
  | 'decimal'
  | 'double'
  | 'float'
  | 'date'
  | 'time'
  | 'datetime'
  | 'timestamp'
  | 'json'
  | 'binary'
  | 'uuid'
  | 'reference';

/** A column. */
export interface Field {
  readonly name: string;
  readonly label: string;
  readonly type: FieldType;
  /** As declared, e.g. `varchar(80)`. */
  readonly dbType: string;
  readonly length: number | null;
  readonly precision: number | null;
  readonly scale: number | null;
  readonly default: string | number | boolean | null;
  /** Must be given when a record is created. */
  readonly required: boolean;
  readonly allowNull: boolean;
  readonly fixedLength: boolean;
  readonly autoIncrement: boolean;
  /** Computed by the database: never written. */
  readonly isGenerated: boolean;
  readonly isPrimaryKey: boolean;
  readonly isUnique: boolean;
  readonly isIndex: boolean;
  readonly refTable: string | null;
  readonly refField: string | null;
  readonly refOnUpdate: string | null;
  readonly refOnDelete: string | null;
}

/** A relation of a table to another, named as in spec §5.9. */
export interface Relation {
  readonly name: string;
  readonly label: string;
  readonly type: 'belongs_to' | 'has_one' | 'has_many' | 'many_many';
  readonly field: string;
  readonly refTable: string;
  readonly refField: string;
  readonly refOnUpdate: string | null;
  readonly refOnDelete: string | null;
  readonly junction: { readonly table: string; readonly field: string; readonly refField: string } | null;
}

/** A table or view. */
export interface Table {
  readonly name: string;
  readonly label: string;
  readonly plural: string;
  readonly isView: boolean;
  /** Empty when there is none. */
  readonly primaryKey: readonly string[];
  /** In column order, by name. */
  readonly fields: ReadonlyMap<string, Field>;
  /** In alphabetical order, by name. */
  readonly relations: ReadonlyMap<string, Relation>;
  /** The field of that name in any case, or undefined. */
  field(name: string): Field | undefined;
}

/** A table made of its parts; fields are found by name in any case. */
export function defineTable(parts: Omit<Table, 'field'>): Table {
  const byLowerName = new Map<string, Field>();
  for (const field of parts.fields.values()) byLowerName.set(field.name.toLowerCase(), field);
  return { ...parts, field: (name) => parts.fields.get(name) ?? byLowerName.get(name.toLowerCase()) };
}
