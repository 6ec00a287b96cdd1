// What the default of a column is, from the text that information_schema has of it.
// Invariant: a literal becomes its value, an expression stays text; no default and the default NULL are null.
import type { ColumnFacts, FieldType } from '../../schema.ts';

/** How the text is to be read. */
export interface DefaultContext {
  readonly type: FieldType;
  /** MariaDB puts texts in quotes and says `NULL`; MySQL has the bare text. */
  readonly isMariadb: boolean;
  /** MySQL says beside the text that it is an expression. */
  readonly isExpression: boolean;
}

/** The default that a text of information_schema is. */
export function defaultOf(text: string | null, context: DefaultContext): ColumnFacts['default'] {
  if (text === null) return null;
  const { type, isMariadb, isExpression } = context;
  if (isMariadb && /^null$/i.test(text)) return null;
  const quoted = isMariadb ? /^'((?:[^']|'')*)'$/.exec(text)?.[1] : undefined;
  if (quoted !== undefined) return literalOf(quoted.replaceAll("''", "'"), type);
  if (isExpression || (isMariadb && !isLiteral(text))) return text;
  return literalOf(text, type);
}

function isLiteral(text: string): boolean {
  return /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(text) || /^b'[01]*'$/.test(text);
}

function literalOf(text: string, type: FieldType): ColumnFacts['default'] {
  const bits = /^b'([01]*)'$/.exec(text)?.[1];
  const value = bits === undefined ? text : String(Number.parseInt(bits, 2));
  switch (type) {
    case 'boolean':
      return /^[01]$/.test(value) ? value === '1' : value;
    case 'smallint':
    case 'integer':
    case 'bigint':
    case 'decimal':
    case 'double':
    case 'float':
      return value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : value;
    default:
      return value;
  }
}
