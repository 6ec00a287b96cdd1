// SUM, COUNT, AVG, MIN and MAX in `fields`, `order` and `having` (spec §5.5): what they are called, of which
// type they are and what they may be made of. Invariant: an aggregate has the same type on every engine.
import { PlatformError } from '../../../core/errors.ts';
import { functionFor } from '../schema/field-function.ts';
import type { Field, FieldType, Table } from '../schema.ts';

const functions = ['COUNT', 'SUM', 'AVG', 'MIN', 'MAX'] as const;

/** A function over the records of a group. */
export interface Aggregate {
  /** Its key in answers: `SUM_price`, `COUNT_ALL`, `COUNT_DISTINCT_name`. */
  readonly name: string;
  readonly function: (typeof functions)[number];
  readonly isDistinct: boolean;
  /** What it is over; undefined for `COUNT(*)`. */
  readonly of: Field | undefined;
  /** The field that it is in answers. */
  readonly field: Field;
  /** What an administrator wrote to be computed in its place. */
  readonly expression?: string;
}

/** The aggregate that a virtual field is; undefined for any other field. */
export function virtualAggregate(field: Field): Aggregate | undefined {
  const expression = field.extras?.isAggregate === true ? functionFor(field, 'SELECT') : undefined;
  if (expression === undefined) return undefined;
  const own = { ...field, column: field.name };
  return { name: field.name, function: 'COUNT', isDistinct: false, of: field, field: own, expression };
}

const integers: ReadonlySet<FieldType> = new Set(['id', 'smallint', 'integer', 'bigint', 'reference']);
const numbers: ReadonlySet<FieldType> = new Set([...integers, 'decimal', 'money', 'double', 'float']);
const unordered: ReadonlySet<FieldType> = new Set(['boolean', 'json', 'binary', 'array', 'uuid']);

function isInteger({ type }: Field): boolean {
  return integers.has(type);
}

/**
 * The aggregate that a text is, such as `SUM(price)` or `COUNT(*)`; undefined for any other text.
 * Throws `request.invalid_field` for one that can not be.
 */
export function readAggregate(table: Table, text: string): Aggregate | undefined {
  const match = /^(\w+)\s*\(\s*(distinct\s+)?(.*?)\s*\)$/is.exec(text.trim());
  const named = functions.find((name) => name === match?.[1]?.toUpperCase());
  if (match === null || named === undefined) return undefined;
  const isDistinct = match[2] !== undefined;
  const inner = unquoted(match[3] ?? '');
  if (inner === '*') {
    if (named === 'COUNT' && !isDistinct) return aggregateOf(named, undefined, false);
    throw refused(`'${text.trim()}' is not possible: only COUNT(*) counts records.`);
  }
  const of = table.field(inner);
  if (of === undefined) throw refused(`Invalid field requested: ${inner}`);
  return checked(aggregateOf(named, of, isDistinct));
}

/** The aggregate of a key, such as `SUM_price`, as `order` and `having` may name it. */
export function aggregateOfKey(table: Table, key: string): Aggregate | undefined {
  const match = /^(COUNT|SUM|AVG|MIN|MAX)_(DISTINCT_)?(.+)$/i.exec(key);
  const named = functions.find((name) => name === match?.[1]?.toUpperCase());
  if (match === null || named === undefined) return undefined;
  if (/^COUNT_ALL$/i.test(key)) return aggregateOf('COUNT', undefined, false);
  const [whole, rest = ''] = [`${match[2] ?? ''}${match[3]}`, match[3]];
  const of = table.field(whole);
  if (of !== undefined) return checked(aggregateOf(named, of, false));
  const distinct = match[2] === undefined ? undefined : table.field(rest);
  return distinct && checked(aggregateOf(named, distinct, true));
}

function aggregateOf(named: Aggregate['function'], of: Field | undefined, isDistinct: boolean): Aggregate {
  const name = of === undefined ? `${named}_ALL` : `${named}_${isDistinct ? 'DISTINCT_' : ''}${of.name}`;
  return { name, function: named, isDistinct, of, field: fieldOf(name, named, of) };
}

function checked(aggregate: Aggregate): Aggregate {
  const { function: named, of, isDistinct } = aggregate;
  if (of === undefined) return aggregate;
  const { type, name } = of;
  // A column without a declared type may hold numbers.
  const isNumber = numbers.has(type) || of.dbType === '';
  if ((named === 'SUM' || named === 'AVG') && !isNumber) {
    throw refused(`Field '${name}' is no number: ${named} can not be made of it.`);
  }
  if ((named === 'MIN' || named === 'MAX') && unordered.has(type)) {
    throw refused(`Field '${name}' has no order: ${named} can not be made of it.`);
  }
  if (isDistinct && (type === 'json' || type === 'binary')) {
    throw refused(`Values of field '${name}' can not be told apart: leave DISTINCT out.`);
  }
  return aggregate;
}

// Sums of exact numbers are exact numbers of any size, counts are whole numbers of 64 bits.
function fieldOf(name: string, named: Aggregate['function'], of: Field | undefined): Field {
  if ((named === 'MIN' || named === 'MAX') && of !== undefined) {
    const type = isInteger(of) ? 'bigint' : of.type;
    return { ...of, ...computed, name, column: name, label: name, type };
  }
  const kinds = named === 'COUNT' || of === undefined ? counts : isDouble(of) ? doubles : decimals;
  return { ...nothing, ...kinds, ...computed, name, column: name, label: name };
}

function isDouble({ type }: Field): boolean {
  return type === 'double' || type === 'float';
}

const counts = { type: 'bigint', dbType: 'bigint' } as const;
const doubles = { type: 'double', dbType: 'double precision' } as const;
const decimals = { type: 'decimal', dbType: 'numeric' } as const;

const computed = {
  isPrimaryKey: false,
  autoIncrement: false,
  isGenerated: true,
  isUnique: false,
  isIndex: false,
  allowNull: true,
  required: false,
  refTable: null,
  refField: null,
  refOnUpdate: null,
  refOnDelete: null,
} as const;

const nothing = {
  length: null,
  precision: null,
  scale: null,
  default: null,
  fixedLength: false,
  supportsMultibyte: false,
  isExact: true,
  description: null,
  picklist: null,
  range: null,
} as const;

function unquoted(name: string): string {
  const match = /^`(.*)`$|^\[(.*)\]$/s.exec(name);
  return match?.[1]?.replaceAll('``', '`') ?? match?.[2]?.replaceAll(']]', ']') ?? name;
}

function refused(message: string): PlatformError {
  return new PlatformError('request.invalid_field', message);
}
