// What a SQL service knows of its tables, in the words of spec §5.8: assembled from what introspection found,
// kept until refreshed. Invariant: `name` is what callers say, `column` and `path` are what SQL says;
// look-ups by name ignore case where it is unambiguous.
import type { Where } from '../../core/query.ts';
import type { Bindable } from '../../database/connection.ts';

/** Field types that SQL engines' columns become (spec §5.8). */
export type FieldType =
  | 'id'
  | 'smallint'
  | 'integer'
  | 'bigint'
  | 'boolean'
  | 'string'
  | 'text'
  | 'decimal'
  | 'money'
  | 'double'
  | 'float'
  | 'date'
  | 'time'
  | 'timetz'
  | 'datetime'
  | 'datetimetz'
  | 'timestamp'
  | 'timestamptz'
  | 'json'
  | 'binary'
  | 'uuid'
  | 'array'
  | 'reference';

/** The least and the greatest whole number that a column holds. */
export interface IntegerRange {
  readonly min: bigint;
  readonly max: bigint;
}

/** What introspection knows of a column, in the database's own names. */
export interface ColumnFacts {
  readonly name: string;
  readonly type: FieldType;
  /** As declared, e.g. `varchar(80)`; arrays end in `[]`. */
  readonly dbType: string;
  readonly length: number | null;
  readonly precision: number | null;
  readonly scale: number | null;
  readonly default: string | number | boolean | null;
  /** Must be given when a record is created. */
  readonly required: boolean;
  readonly allowNull: boolean;
  readonly fixedLength: boolean;
  readonly supportsMultibyte: boolean;
  readonly autoIncrement: boolean;
  /** Computed by the database: never written. */
  readonly isGenerated: boolean;
  /** Unique by a constraint or index over this column alone; a primary key says so itself. */
  readonly isUnique: boolean;
  readonly isIndex: boolean;
  /** Whether stored values always have the declared type (not so in SQLite's loose tables). */
  readonly isExact: boolean;
  /** Whether the column's own collation tells upper from lower case; absent where that is known of all. */
  readonly tellsCase?: boolean;
  /** The column's comment. */
  readonly description: string | null;
  /** The values of an enumeration. */
  readonly picklist: readonly string[] | null;
  /** Undefined range of an integer type: that of 64 bits. */
  readonly range: IntegerRange | null;
}

/** What introspection knows of a table or view. */
export interface TableFacts {
  /** What callers say unless it has an alias: the name, after its schema where that is not the default. */
  readonly name: string;
  /** Identifiers for SQL, outermost first: `['public', 'contact']` or `['contact']`. */
  readonly path: readonly string[];
  readonly isView: boolean;
  readonly description: string | null;
  /** Column names; empty when there is none. */
  readonly primaryKey: readonly string[];
  /** In column order. */
  readonly columns: readonly ColumnFacts[];
}

/** A foreign key of one or more columns, between tables by the names of their facts. */
export interface ForeignKeyFacts {
  readonly table: string;
  readonly columns: readonly string[];
  /** Whether the columns are unique, so that there is at most one record for each one they refer to. */
  readonly isUnique: boolean;
  readonly refTable: string;
  readonly refColumns: readonly string[];
  /** In capitals: `NO ACTION`, `CASCADE` … */
  readonly onUpdate: string;
  readonly onDelete: string;
}

/** All that introspection finds. */
export interface Catalog {
  readonly tables: readonly TableFacts[];
  readonly foreignKeys: readonly ForeignKeyFacts[];
}

/** A field of records. */
export interface Field extends ColumnFacts {
  /** What callers say. */
  readonly name: string;
  /** The column's own name. */
  readonly column: string;
  readonly label: string;
  readonly isPrimaryKey: boolean;
  readonly refTable: string | null;
  readonly refField: string | null;
  readonly refOnUpdate: string | null;
  readonly refOnDelete: string | null;
  /** What administrators said of it beside the database; absent: nothing. */
  readonly extras?: FieldExtras;
  /** What a role may not do with it; absent: nothing is forbidden. */
  readonly limit?: FieldLimit;
}

/** A field that a role does not have for its own free use; it is never written. */
export interface FieldLimit {
  /** Masked: answered as `mask`, and of no other use. */
  readonly access: 'masked' | 'read_only';
  readonly mask: string | null;
  /** The column's own name, where `column` is that of the mask. */
  readonly column: string;
}

/** A value that a field gets by itself when its record is created or changed. */
export type AutomaticType =
  | 'timestamp_on_create'
  | 'timestamp_on_update'
  | 'user_id'
  | 'user_id_on_create'
  | 'user_id_on_update';

/** When a function of the database stands in place of a field. */
export type FunctionUse = 'SELECT' | 'INSERT' | 'UPDATE' | 'FILTER';

/** An expression that an administrator wrote; `{value}` in it is the value that is written. */
export interface DatabaseFunction {
  readonly use: readonly FunctionUse[];
  readonly function: string;
  readonly function_type: 'database';
}

/** What the system database says of a field. */
export interface FieldExtras {
  readonly alias: string | null;
  readonly automatic: AutomaticType | null;
  /** As callers gave it, by the name of the rule. */
  readonly validation: Readonly<Record<string, unknown>> | null;
  readonly functions: readonly DatabaseFunction[];
  /** No column: computed by its function for SELECT, never written. */
  readonly isVirtual: boolean;
  /** Virtual, over the records of a group. */
  readonly isAggregate: boolean;
  /** What clients keep with the field for themselves. */
  readonly clientInfo: unknown;
}

/** A relation of a table to another, named as in spec §5.9. */
export interface Relation {
  readonly name: string;
  readonly label: string;
  readonly type: 'belongs_to' | 'has_one' | 'has_many' | 'many_many';
  /** As callers read it: the names in `fields`, with commas where there are several. */
  readonly field: string;
  readonly refTable: string;
  readonly refField: string;
  readonly refOnUpdate: string | null;
  readonly refOnDelete: string | null;
  readonly junction: Junction | null;
  /** The fields by which records relate; each is the counterpart of the one at its place in `refFields`. */
  readonly fields: readonly string[];
  /** Fields of `refTable`; for many_many counterparts of `junction.refFields`. */
  readonly refFields: readonly string[];
  /** What it is called unless `name` is an alias. */
  readonly ownName: string;
  readonly description: string | null;
  /** Kept by us, without a foreign key; may lead to another service. */
  readonly isVirtual: boolean;
  /** The other service that `refTable` is a table of; null: this one. */
  readonly refService: ForeignService | null;
  /** The other service that the junction is a table of; null: this one. */
  readonly junctionService: ForeignService | null;
  /** Whether records come with it although nobody asked for it. */
  readonly alwaysFetch: boolean;
  /** Whether the fields of the one related record are answered among the record's own. */
  readonly flatten: boolean;
  /** Whether such fields are answered without the relation's name before theirs. */
  readonly flattenDropPrefix: boolean;
}

/** A service that a virtual relation leads to. */
export interface ForeignService {
  readonly id: number;
  /** Null while there is no such service. */
  readonly name: string | null;
}

/** The table whose records join those of two others. */
export interface Junction {
  readonly table: string;
  readonly field: string;
  readonly refField: string;
  /** Counterparts of the near table's `fields`. */
  readonly fields: readonly string[];
  /** Counterparts of the far table's `refFields`. */
  readonly refFields: readonly string[];
}

/** What the records of a table must meet, whatever else is asked of them: the filter of a role. */
export interface RowCondition {
  /** The table as it is for those who are not restricted; the condition is about its fields. */
  readonly of: Table;
  /** The same for tables that differ in nothing but this condition, which then share their statements. */
  readonly plans: Table;
  readonly where: Where;
  /** Conditions of one shape have the same SQL. */
  readonly shape: string;
  readonly values: readonly Bindable[];
}

/** A table or view. */
export interface Table {
  /** What callers say. */
  readonly name: string;
  /** What it is called unless `name` is an alias. */
  readonly ownName: string;
  /** Identifiers for SQL, outermost first. */
  readonly path: readonly string[];
  readonly label: string;
  readonly plural: string;
  readonly description: string | null;
  /** The field whose value says to people which record it is. */
  readonly nameField: string | null;
  readonly isView: boolean;
  /** Names of fields; empty when there is none. */
  readonly primaryKey: readonly string[];
  /** In column order, by name. */
  readonly fields: ReadonlyMap<string, Field>;
  /** In alphabetical order, by name. */
  readonly relations: ReadonlyMap<string, Relation>;
  /**
   * Columns whose values the caller may not know, where a role keeps some from him: there for what
   * administrators wrote of the table, never to be named or answered.
   */
  readonly concealed?: readonly Field[];
  /** Which of its records the caller's role reaches; absent: all. A condition of every statement about it. */
  readonly rows?: RowCondition;
  /** The field of that name in any case, or undefined; not a masked one, which is compared with nothing. */
  field(name: string): Field | undefined;
  /** The same with masked fields, for what answers or refuses them. */
  shown(name: string): Field | undefined;
}

/** A table made of its parts; fields are found by name in any case. */
export function defineTable(parts: Omit<Table, 'field' | 'shown'>): Table {
  const byLowerName = new Map<string, Field>();
  for (const field of parts.fields.values()) byLowerName.set(field.name.toLowerCase(), field);
  const shown = (name: string) => parts.fields.get(name) ?? byLowerName.get(name.toLowerCase());
  const usable = (name: string) => {
    const field = shown(name);
    return field?.limit?.access === 'masked' ? undefined : field;
  };
  return { ...parts, shown, field: parts.concealed === undefined ? shown : usable };
}

/** All that a table holds, also what the caller may not know. */
export function everyField({ fields, concealed = [] }: Table): readonly Field[] {
  return [...fields.values(), ...concealed];
}
