// What a column type of SQL Server means, and what numbers it holds.
import type { ColumnFacts, FieldType, IntegerRange } from '../../schema.ts';

/** A column as sys.columns describes it. */
export interface DeclaredColumn {
  /** Name of the base type. */
  readonly type: string;
  /** In bytes; -1 is `max`. */
  readonly maxLength: number;
  readonly precision: number;
  readonly scale: number;
  readonly isIdentity: boolean;
}

/** What of a column follows from its type. */
export type TypeFacts = Pick<
  ColumnFacts,
  'type' | 'dbType' | 'length' | 'precision' | 'scale' | 'fixedLength' | 'supportsMultibyte' | 'range'
>;

const types: Readonly<Record<string, FieldType>> = {
  bigint: 'bigint',
  int: 'integer',
  smallint: 'smallint',
  tinyint: 'smallint',
  bit: 'boolean',
  decimal: 'decimal',
  numeric: 'decimal',
  money: 'money',
  smallmoney: 'money',
  float: 'double',
  real: 'float',
  date: 'date',
  time: 'time',
  datetime: 'datetime',
  datetime2: 'datetime',
  smalldatetime: 'datetime',
  datetimeoffset: 'datetimetz',
  char: 'string',
  varchar: 'string',
  nchar: 'string',
  nvarchar: 'string',
  sysname: 'string',
  text: 'text',
  ntext: 'text',
  xml: 'text',
  binary: 'binary',
  varbinary: 'binary',
  image: 'binary',
  timestamp: 'binary',
  rowversion: 'binary',
  uniqueidentifier: 'uuid',
  json: 'json',
};

const ranges: Readonly<Record<string, IntegerRange>> = {
  int: { min: -(2n ** 31n), max: 2n ** 31n - 1n },
  smallint: { min: -32_768n, max: 32_767n },
  tinyint: { min: 0n, max: 255n },
};

/** What a declared type means; what is not known is text. */
export function typeFacts(declared: DeclaredColumn): TypeFacts {
  const { type, maxLength, precision, scale, isIdentity } = declared;
  const isWide = /^n(?:char|varchar)$|^sysname$/.test(type);
  const isMax = maxLength === -1;
  const known = types[type] ?? 'string';
  const fieldType = known === 'string' && isMax ? 'text' : known;
  const isCounted = isIdentity && /int$/.test(type);
  const hasLength = fieldType === 'string' || (fieldType === 'binary' && !isMax);
  const length = hasLength && maxLength > 0 ? maxLength / (isWide ? 2 : 1) : null;
  const isNumber = fieldType === 'decimal' || fieldType === 'money' || fieldType === 'double';
  return {
    type: isCounted ? 'id' : fieldType,
    dbType: written(declared, length),
    length,
    precision: isNumber ? precision : null,
    scale: fieldType === 'decimal' || fieldType === 'money' ? scale : null,
    fixedLength: /^n?char$|^binary$/.test(type),
    supportsMultibyte: isWide || type === 'ntext' || type === 'xml',
    range: ranges[type] ?? null,
  };
}

function written({ type, maxLength, precision, scale }: DeclaredColumn, length: number | null): string {
  if (/^(?:decimal|numeric)$/.test(type)) return `${type}(${precision},${scale})`;
  if (/^(?:datetime2|datetimeoffset|time)$/.test(type)) return `${type}(${scale})`;
  if (!/^(?:n?(?:var)?char|(?:var)?binary)$/.test(type)) return type;
  return `${type}(${maxLength === -1 ? 'max' : (length ?? maxLength)})`;
}
