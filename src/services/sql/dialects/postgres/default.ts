// Defaults of columns as the catalog writes them: literals become values, expressions stay text.
import type { ColumnFacts, FieldType } from '../../schema.ts';

/** The default of a column of a type. */
export function columnDefault(expression: string | null, type: FieldType): ColumnFacts['default'] {
  if (expression === null) return null;
  const literal = withoutCast(expression);
  if (/^null$/i.test(literal)) return null;
  const quoted = /^'((?:[^']|'')*)'$/.exec(literal)?.[1];
  const value =
    quoted === undefined ? literal.replace(/^\((-[\d.]+)\)$/, '$1') : quoted.replaceAll("''", "'");
  if (type === 'boolean' && /^(?:true|false)$/.test(value)) return value === 'true';
  const isNumber = /^(?:id|smallint|integer|bigint|decimal|money|double|float|reference)$/.test(type);
  const number = isNumber && /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : undefined;
  if (number !== undefined && (Number.isSafeInteger(number) || value.includes('.'))) return number;
  return quoted === undefined ? expression : value;
}

// 'abc'::character varying(20), (-1)::numeric: the cast says the type that the column has anyway.
function withoutCast(expression: string): string {
  const cast =
    /^('(?:[^']|'')*'|\(?-?[\d.]+\)?|NULL)::(?:[a-z_ ]+|"[^"]+"|\w+\.\w+)(?:\([\d, ]+\))?(?:\[\])?$/i;
  return cast.exec(expression)?.[1] ?? expression;
}
