// What tables, columns and foreign keys are to be, in the words of spec §5.8: what a caller asked for, once
// it was understood. Invariant: everything here has been checked as far as that needs no database; names are
// the database's own.

import type { FieldType } from '../schema.ts';
import type { FieldSaid, RelationSaid, TableSaid } from './overlay.ts';

/** What a word for a type stands for: the type of the field that it becomes. */
export const typeWords = {
  id: 'integer',
  smallid: 'integer',
  mediumid: 'integer',
  bigid: 'bigint',
  tinyint: 'smallint',
  smallint: 'smallint',
  mediumint: 'integer',
  int: 'integer',
  integer: 'integer',
  bigint: 'bigint',
  boolean: 'boolean',
  string: 'string',
  text: 'text',
  mediumtext: 'text',
  longtext: 'text',
  decimal: 'decimal',
  double: 'double',
  float: 'float',
  money: 'money',
  date: 'date',
  time: 'time',
  timetz: 'timetz',
  datetime: 'datetime',
  datetimetz: 'datetimetz',
  timestamp: 'timestamp',
  timestamptz: 'timestamptz',
  timestamp_on_create: 'timestamp',
  timestamp_on_update: 'timestamp',
  user_id: 'integer',
  user_id_on_create: 'integer',
  user_id_on_update: 'integer',
  reference: 'integer',
  json: 'json',
  jsonb: 'json',
  object: 'json',
  array: 'json',
  binary: 'binary',
  uuid: 'uuid',
  timeuuid: 'uuid',
} as const satisfies Record<string, FieldType>;

/** A word for a type. */
export type TypeWord = keyof typeof typeWords;

/** The value of a new record's field that is not given. */
export type ColumnDefault =
  | { readonly kind: 'literal'; readonly value: string | number | bigint | boolean }
  | { readonly kind: 'moment' | 'uuid' };

/** What a column refers to. */
export interface Reference {
  /** As the caller says it. */
  readonly table: string;
  /** Undefined: the primary key. */
  readonly field: string | undefined;
  readonly onUpdate: ForeignKeyAction | null;
  readonly onDelete: ForeignKeyAction | null;
}

/** What happens to records that refer to one that changes or goes. */
export type ForeignKeyAction = 'NO ACTION' | 'RESTRICT' | 'CASCADE' | 'SET NULL' | 'SET DEFAULT';

/** What was said of a column; what is absent was not said. */
export interface ColumnRequest {
  readonly type?: TypeWord;
  /** A type in the database's own words. */
  readonly dbType?: string;
  readonly length?: number | null;
  readonly precision?: number | null;
  readonly scale?: number | null;
  /** As given; read when the type is known. Null: none. */
  readonly default?: unknown;
  readonly allowNull?: boolean;
  readonly isPrimaryKey?: boolean;
  readonly autoIncrement?: boolean;
  readonly isUnique?: boolean;
  readonly isIndex?: boolean;
  readonly fixedLength?: boolean;
  readonly supportsMultibyte?: boolean;
  /** Null: it is to refer to nothing. */
  readonly reference?: Reference | null;
}

/** A field as asked for. */
export interface FieldRequest {
  readonly name: string;
  /** Undefined for a virtual field. */
  readonly column: ColumnRequest | undefined;
  /** What is said beside the database. */
  readonly said: FieldSaid;
}

/** A relation as asked for. */
export interface RelationRequest {
  /** Undefined: as such relations are called. */
  readonly name: string | undefined;
  readonly said: RelationSaid;
  readonly onUpdate: ForeignKeyAction | null;
  readonly onDelete: ForeignKeyAction | null;
}

/** A table as asked for; lists that are undefined were not given. */
export interface TableRequest {
  readonly name: string;
  readonly said: TableSaid;
  readonly fields: readonly FieldRequest[] | undefined;
  readonly relations: readonly RelationRequest[] | undefined;
}

/** A column as it is to be made. */
export interface ColumnDefinition {
  readonly name: string;
  readonly type: TypeWord;
  /** Instead of what `type` means to the engine. */
  readonly dbType: string | null;
  readonly length: number | null;
  readonly precision: number | null;
  readonly scale: number | null;
  readonly default: ColumnDefault | null;
  readonly allowNull: boolean;
  readonly isPrimaryKey: boolean;
  readonly autoIncrement: boolean;
  readonly isUnique: boolean;
  readonly isIndex: boolean;
  readonly fixedLength: boolean;
  readonly supportsMultibyte: boolean;
}

/** A foreign key as it is to be made. */
export interface ForeignKeyDefinition {
  readonly columns: readonly string[];
  /** Identifiers of the other table for SQL. */
  readonly refPath: readonly string[];
  readonly refColumns: readonly string[];
  readonly onUpdate: ForeignKeyAction | null;
  readonly onDelete: ForeignKeyAction | null;
}

/** A table as it is to be made. */
export interface TableDefinition {
  readonly path: readonly string[];
  readonly columns: readonly ColumnDefinition[];
  readonly primaryKey: readonly string[];
  readonly foreignKeys: readonly ForeignKeyDefinition[];
}
