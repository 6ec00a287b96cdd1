// What a column type of MySQL or MariaDB means, from the words of information_schema.
// Invariant: a range is told for every whole number, so that nothing out of it reaches the database.
import type { FieldType, IntegerRange } from '../../schema.ts';

/** What information_schema says of a column's or parameter's type. */
export interface DeclaredType {
  /** `int`. */
  readonly dataType: string;
  /** `int(10) unsigned`. */
  readonly columnType: string;
  readonly length: number | null;
  readonly precision: number | null;
  readonly scale: number | null;
  readonly charset: string | null;
  /** MariaDB keeps JSON as text with a check that it is valid. */
  readonly isJson: boolean;
}

/** A declared type, taken apart. */
export interface ColumnType {
  readonly type: FieldType;
  readonly dbType: string;
  readonly length: number | null;
  readonly precision: number | null;
  readonly scale: number | null;
  readonly fixedLength: boolean;
  readonly supportsMultibyte: boolean;
  readonly picklist: readonly string[] | null;
  readonly range: IntegerRange | null;
}

const families: Readonly<Record<string, FieldType>> = {
  tinyint: 'smallint',
  smallint: 'smallint',
  mediumint: 'integer',
  int: 'integer',
  bigint: 'bigint',
  year: 'integer',
  decimal: 'decimal',
  float: 'float',
  double: 'double',
  tinytext: 'text',
  text: 'text',
  mediumtext: 'text',
  longtext: 'text',
  binary: 'binary',
  varbinary: 'binary',
  tinyblob: 'binary',
  blob: 'binary',
  mediumblob: 'binary',
  longblob: 'binary',
  date: 'date',
  time: 'time',
  datetime: 'datetime',
  timestamp: 'timestamp',
  json: 'json',
  uuid: 'uuid',
};

const integerBits: Readonly<Record<string, number>> = {
  tinyint: 8,
  smallint: 16,
  mediumint: 24,
  int: 32,
  bigint: 64,
};

/** What a declared type means. */
export function columnType(declared: DeclaredType): ColumnType {
  const { dataType, length, precision, scale, charset } = declared;
  const dbType = declared.isJson ? 'json' : declared.columnType;
  const type = typeOf(declared);
  const isNumber = type === 'decimal' || type === 'double' || type === 'float';
  const isText = type === 'string' && (dataType === 'char' || dataType === 'varchar');
  return {
    type,
    dbType,
    length: isText || type === 'binary' || type === 'text' ? length : null,
    precision: isNumber ? precision : null,
    scale: isNumber ? scale : null,
    fixedLength: dataType === 'char' || dataType === 'binary',
    supportsMultibyte: charset !== null && /^(?:utf|ucs|gb|big5|sjis|cp932|eucjp|euckr)/.test(charset),
    picklist: dataType === 'enum' || dataType === 'set' ? membersOf(declared.columnType) : null,
    range: rangeOf(declared),
  };
}

function typeOf({ dataType, columnType: declared, isJson }: DeclaredType): FieldType {
  if (isJson) return 'json';
  if (declared === 'tinyint(1)') return 'boolean';
  if (dataType === 'bit')
    return bitsOf(declared) === 1 ? 'boolean' : bitsOf(declared) < 32 ? 'integer' : 'bigint';
  return families[dataType] ?? 'string';
}

function rangeOf({ dataType, columnType: declared }: DeclaredType): IntegerRange | null {
  if (dataType === 'bit') return { min: 0n, max: 2n ** BigInt(bitsOf(declared)) - 1n };
  if (dataType === 'year') return { min: 0n, max: 2155n };
  const bits = integerBits[dataType];
  if (bits === undefined || declared === 'tinyint(1)') return null;
  const all = 2n ** BigInt(bits);
  return / unsigned/.test(declared) ? { min: 0n, max: all - 1n } : { min: -all / 2n, max: all / 2n - 1n };
}

function bitsOf(declared: string): number {
  return Number(/\((\d+)\)/.exec(declared)?.[1] ?? 1);
}

// `enum('a','it''s')`
function membersOf(declared: string): readonly string[] {
  return [...declared.matchAll(/'((?:[^']|'')*)'/g)].map(([, member = '']) => member.replaceAll("''", "'"));
}
