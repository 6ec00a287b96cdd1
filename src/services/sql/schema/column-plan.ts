// From what was asked of a column to the column that is to be made, or what is to change of one that is
// there. Invariant: what is not said stays as it is; what an engine can not do is refused before anything is
// done.
import { PlatformError } from '../../../core/errors.ts';
import { parameterField } from '../routines/routine.ts';
import type { Field, FieldType } from '../schema.ts';
import { coerceValue } from '../values/values.ts';
import { isRecord, textOf } from '../writing/records.ts';
import type { ColumnChange, Ddl } from './ddl.ts';
import { isDbType } from './ddl.ts';
import {
  type ColumnDefault,
  type ColumnDefinition,
  type ColumnRequest,
  type TypeWord,
  typeWords,
} from './definition.ts';
import { excerpt, invalidSchema } from './definition-values.ts';

/** What a column of the other side of a reference is, which the referring one has to be, too. */
export type ReferredType = Pick<
  ColumnDefinition,
  'type' | 'dbType' | 'length' | 'precision' | 'scale' | 'fixedLength'
>;

/** A request about a column and what is needed to understand it. */
export interface ColumnInput {
  readonly ddl: Ddl;
  readonly name: string;
  readonly request: ColumnRequest;
  /** The column that it refers to, where it does. */
  readonly referred: ReferredType | undefined;
}

const idTypes: readonly TypeWord[] = ['id', 'smallid', 'mediumid', 'bigid'];

/** A new column. Throws `request.invalid_schema` naming the field. */
export function newColumn({ ddl, name, request, referred }: ColumnInput): ColumnDefinition {
  const word = request.type ?? (request.dbType === undefined ? undefined : 'string');
  if (word === undefined) {
    throw invalidSchema(`Field '${name}' needs a 'type': one of ${Object.keys(typeWords).join(', ')}.`);
  }
  const isId = idTypes.includes(word);
  const isPrimaryKey = request.isPrimaryKey ?? isId;
  const type = word === 'reference' && referred !== undefined ? referred : undefined;
  const column: ColumnDefinition = {
    name,
    type: type?.type ?? word,
    dbType: type?.dbType ?? checkedDbType(ddl, name, request.dbType),
    length: type?.length ?? request.length ?? null,
    precision: type?.precision ?? request.precision ?? null,
    scale: type?.scale ?? request.scale ?? null,
    default: readDefault(name, word, request.default),
    allowNull: !isPrimaryKey && request.allowNull !== false,
    isPrimaryKey,
    autoIncrement: request.autoIncrement ?? isId,
    isUnique: request.isUnique === true && !isPrimaryKey,
    isIndex: request.isIndex === true && !isPrimaryKey,
    fixedLength: type?.fixedLength ?? request.fixedLength ?? false,
    supportsMultibyte: request.supportsMultibyte ?? true,
  };
  checkSizes(name, request);
  checkCounter(column);
  return column;
}

/** What of a column is to change; undefined: nothing. Throws `request.invalid_schema` naming the field. */
export function changedColumn(before: Field, input: ColumnInput): ColumnChange | undefined {
  const { name } = input;
  const request = withoutRepetition(before, input.request);
  refuseFixed(before, request);
  const after = newColumn({ ...input, request: { ...currentRequest(before), ...request } });
  const changes = new Set<'type' | 'default' | 'allowNull' | 'isUnique' | 'isIndex'>();
  if (isOtherType(before, request)) changes.add('type');
  if (request.default !== undefined && !isSameDefault(before, after)) changes.add('default');
  if (request.allowNull !== undefined && request.allowNull !== before.allowNull && !before.isPrimaryKey) {
    changes.add('allowNull');
  }
  if (request.isUnique !== undefined && request.isUnique !== before.isUnique && !before.isPrimaryKey) {
    changes.add('isUnique');
  }
  const isCovered = after.isUnique || before.isPrimaryKey;
  if (request.isIndex !== undefined && request.isIndex !== before.isIndex && !(request.isIndex && isCovered))
    changes.add('isIndex');
  if (changes.size === 0) return undefined;
  const isOwnDefault = !changes.has('default');
  const type = changes.has('type') ? {} : typeOf(before);
  return {
    before,
    changes,
    after: {
      ...after,
      ...type,
      name,
      default: isOwnDefault ? null : after.default,
      allowNull: nullOf(before, after),
    },
  };
}

function nullOf(before: Field, after: ColumnDefinition): boolean {
  return before.isPrimaryKey ? before.allowNull : after.allowNull;
}

// A request that says of the column what it is.
function currentRequest(field: Field): ColumnRequest {
  return {
    type: wordOf(field),
    length: field.length,
    precision: field.precision,
    scale: field.scale,
    allowNull: field.allowNull,
    isPrimaryKey: field.isPrimaryKey,
    autoIncrement: field.autoIncrement,
    isUnique: field.isUnique,
    isIndex: field.isIndex,
    fixedLength: field.fixedLength,
    supportsMultibyte: field.supportsMultibyte,
  };
}

/** The type of a column that is there, as it is declared. */
export function typeOf(field: Field): ReferredType {
  const { length, precision, scale, fixedLength } = field;
  return { type: wordOf(field), dbType: field.dbType, length, precision, scale, fixedLength };
}

function wordOf({ type }: Field): TypeWord {
  return type === 'reference' ? 'integer' : type;
}

function refuseFixed(field: Field, request: ColumnRequest): void {
  if (request.isPrimaryKey !== undefined && request.isPrimaryKey !== field.isPrimaryKey) {
    throw invalidSchema(
      `Field '${field.name}': the primary key of a table that is there can not be changed.`,
    );
  }
  if (request.autoIncrement !== undefined && request.autoIncrement !== field.autoIncrement) {
    throw invalidSchema(`Field '${field.name}': 'auto_increment' can not be changed.`);
  }
}

// What a client read and writes back says the type three times, and the default as the database does; what
// differs from the column is what is meant.
function withoutRepetition(field: Field, request: ColumnRequest): ColumnRequest {
  const { dbType, default: preset, ...rest } = request;
  const isSameType = dbType?.toLowerCase() === field.dbType.toLowerCase();
  const isSamePreset = preset !== undefined && String(preset) === String(field.default);
  return {
    ...rest,
    ...(dbType === undefined || isSameType ? {} : { dbType }),
    ...(preset === undefined || isSamePreset ? {} : { default: preset }),
  };
}

function isOtherType(field: Field, request: ColumnRequest): boolean {
  if (request.dbType !== undefined) return true;
  const { type } = request;
  const isSameWord =
    type === undefined || type === field.type || type === 'reference' || type === field.extras?.automatic;
  const isCounter = type !== undefined && idTypes.includes(type) && field.autoIncrement;
  if (!isSameWord && !isCounter && typeWords[type] !== field.type) return true;
  return (['length', 'precision', 'scale'] as const).some(
    (size) => typeof request[size] === 'number' && request[size] !== field[size],
  );
}

function isSameDefault({ default: current }: Field, { default: wanted }: ColumnDefinition): boolean {
  if (wanted === null || current === null) return wanted === null && current === null;
  return wanted.kind === 'literal' && String(wanted.value) === String(current);
}

function checkedDbType(ddl: Ddl, name: string, dbType: string | undefined): string | null {
  if (dbType === undefined || dbType === '') return null;
  if (isDbType(ddl, dbType)) return dbType;
  throw invalidSchema(
    `Field '${name}': '${excerpt(dbType)}' is no 'db_type' that this database takes from here. Leave it ` +
      "out and say 'type', 'length', 'precision' and 'scale' instead.",
  );
}

const lengthMax = 1_000_000_000;
const precisionMax = 65;

function checkSizes(name: string, { length, precision, scale }: ColumnRequest): void {
  const check = (value: number | null | undefined, key: string, max: number) => {
    if (value === null || value === undefined || (value >= (key === 'scale' ? 0 : 1) && value <= max)) return;
    throw invalidSchema(
      `Field '${name}': '${key}' must be at most ${max}${key === 'scale' ? '' : ' and not 0'}.`,
    );
  };
  check(length, 'length', lengthMax);
  check(precision, 'precision', precisionMax);
  check(scale, 'scale', precision ?? precisionMax);
}

function checkCounter({ name, autoIncrement, isPrimaryKey, type, default: preset }: ColumnDefinition): void {
  if (!autoIncrement) return;
  const isWhole = ['integer', 'bigint', 'smallint'].includes(typeWords[type]);
  if (!isWhole) throw invalidSchema(`Field '${name}': only whole numbers can count by themselves.`);
  if (!isPrimaryKey) throw invalidSchema(`Field '${name}': only a primary key can count by itself.`);
  if (preset !== null) throw invalidSchema(`Field '${name}': what counts by itself has no default.`);
}

const momentTypes: readonly FieldType[] = [
  'date',
  'time',
  'timetz',
  'datetime',
  'datetimetz',
  'timestamp',
  'timestamptz',
];
const momentWords =
  /^(?:current_(?:timestamp|date|time)|now|getdate|sysutcdatetime|localtimestamp)\s*(?:\(\d?\))?$/i;
const uuidWords = /^(?:uuid|gen_random_uuid|uuid_generate_v4|newid)\s*\(\)$/i;

// A value, or one of the few functions that every engine has: other expressions could be anything.
function readDefault(name: string, word: TypeWord, given: unknown): ColumnDefault | null {
  if (given === undefined) return word === 'timestamp_on_create' ? { kind: 'moment' } : null;
  if (given === null) return null;
  const value = isRecord(given) && Object.hasOwn(given, 'expression') ? given.expression : given;
  const type = typeWords[word];
  if (typeof value === 'string' && momentTypes.includes(type) && momentWords.test(value))
    return { kind: 'moment' };
  if (typeof value === 'string' && type === 'uuid' && uuidWords.test(value)) return { kind: 'uuid' };
  if (value !== given) {
    throw invalidSchema(
      `Field '${name}': '${excerpt(textOf(value))}' is no expression that a default may be.`,
    );
  }
  return { kind: 'literal', value: literalOf(name, type, given) };
}

function literalOf(name: string, type: FieldType, given: unknown): string | number | bigint | boolean {
  try {
    const value = coerceValue(parameterField({ name, type, dbType: type }), given);
    if (value !== null && !(value instanceof Uint8Array) && !/\0/.test(String(value))) return value;
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
  }
  throw invalidSchema(`Field '${name}': '${excerpt(textOf(given))}' can not be its 'default'.`);
}
