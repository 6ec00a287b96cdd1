// What a declared SQLite column type means. SQLite takes any word for a type; what is not known is a
// string, which is how it is answered; the words are matched as SQLite does, anywhere in the type.
import type { FieldType } from '../../schema.ts';

/** A declared type, taken apart. */
export interface ColumnType {
  readonly type: FieldType;
  /** Lower case, as recorded: `varchar(80)`. */
  readonly dbType: string;
  readonly length: number | null;
  readonly precision: number | null;
  readonly scale: number | null;
  readonly fixedLength: boolean;
}

const families: readonly (readonly [RegExp, FieldType])[] = [
  [/^(?:bool|boolean|bit|tinyint\(1\))$/, 'boolean'],
  [/^(?:bigint|int8|unsigned big int)/, 'bigint'],
  [/^(?:date)$/, 'date'],
  [/^(?:time)(?:\(|$)/, 'time'],
  [/^(?:datetime)/, 'datetime'],
  [/^(?:timestamp)/, 'timestamp'],
  [/^jsonb?$/, 'json'],
  [/^(?:uuid|guid|uniqueidentifier)/, 'uuid'],
  [/int|^serial/, 'integer'],
  [/text|clob/, 'text'],
  [/char|string/, 'string'],
  [/blob|binary|bytea|^image/, 'binary'],
  [/^(?:double)/, 'double'],
  [/^(?:real|float)/, 'float'],
  [/^(?:dec|numeric|number|money)/, 'decimal'],
  [/real|floa|doub/, 'double'],
];

/** What a declared type means. */
export function columnType(declared: string): ColumnType {
  const dbType = declared.trim().toLowerCase().replace(/\s+/g, ' ');
  const type = families.find(([pattern]) => pattern.test(dbType))?.[1] ?? 'string';
  const [, first, second] = /\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)/.exec(dbType) ?? [];
  const length = first === undefined ? null : Number(first);
  const isNumber = type === 'decimal' || type === 'double' || type === 'float';
  return {
    type,
    dbType,
    length,
    precision: isNumber ? length : null,
    scale: isNumber && second !== undefined ? Number(second) : null,
    fixedLength: /^(?:n?char|character)\b(?! varying)/.test(dbType),
  };
}
