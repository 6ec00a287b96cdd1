// How MySQL and MariaDB spell the clauses that differ between engines. In our sessions a backslash is a
// character like any other.
// Invariant: what differs between the two is asked of the server that is there, when a statement is made.
import { type RawBuilder, sql } from 'kysely';
import type { Grammar } from '../../dialect.ts';
import { columns } from '../../pieces.ts';
import { writtenMark } from '../../schema/field-function.ts';
import type { Field } from '../../schema.ts';
import { isGeometry } from './geometry.ts';

/** What a grammar has to know of its server. */
export interface Flavor {
  readonly isMariadb: boolean;
  /** Whether an INSERT can answer its row, as MariaDB's can since 10.5. */
  readonly hasReturning: boolean;
  /** Expressions for the defaults of keys, by `defaultKey`. */
  readonly keyDefaults: ReadonlyMap<string, string>;
}

/** How the default of a column is found. */
export function defaultKey(path: readonly string[], column: string): string {
  return [...path, column].join('\0');
}

const mark = () => sql`${0}`;

// There always is an escape character, which is a backslash if none is said: so that it means itself in a
// pattern it is doubled.
const plainPattern = () => sql`REPLACE(${0}, '\\', '\\\\')`;

/** The clauses of a server. Null sorts first by itself. */
export function mysqlGrammar(flavor: () => Flavor): Grammar {
  return {
    page: () => sql`LIMIT ${0} OFFSET ${0}`,
    pageValues: (limit, offset) => [limit, offset],
    order: (column, { descending, nulls }) => {
      const term = descending ? sql`${column} DESC` : sql`${column} ASC`;
      const isAsItComes = nulls === undefined || (nulls === 'first') === !descending;
      if (isAsItComes) return term;
      return nulls === 'first' ? sql`${column} IS NULL DESC, ${term}` : sql`${column} IS NULL ASC, ${term}`;
    },
    like: (column, escaped, field) => {
      const pattern = escaped ? mark() : plainPattern();
      return field?.tellsCase === true
        ? sql`LOWER(${column}) LIKE LOWER(${pattern}) ESCAPE '\\'`
        : sql`${column} LIKE ${pattern} ESCAPE '\\'`;
    },
    xor: (left, right) => sql`(${left} XOR ${right})`,
    mark: (field) => markOf(field, flavor()),
    setMark: (field) => (isGeometry(field) ? sql`ST_GeomFromText(${0})` : mark()),
    read: (field) => (isGeometry(field) ? sql`ST_AsText(${sql.id(field.column)})` : undefined),
    insert: ({ table, fields, returning }) => {
      const given = fields.map((field) =>
        writtenMark(field, 'INSERT', isGeometry(field) ? sql`ST_GeomFromText(${0})` : mark()),
      );
      const row =
        fields.length === 0 ? sql`() values ()` : sql`(${columns(fields)}) values (${sql.join(given)})`;
      const answer = returning.length === 0 ? sql`` : sql` returning ${columns(returning)}`;
      return sql`insert into ${sql.id(...table.path)} ${row}${answer}`;
    },
    keyBefore: ({ path }, { column }) => {
      const { hasReturning, keyDefaults } = flavor();
      const made = hasReturning ? undefined : keyDefaults.get(defaultKey(path, column));
      // Text of the schema itself, which whoever made the table wrote.
      return made === undefined ? undefined : sql`(${sql.raw(made)})`;
    },
    get severalRows() {
      return { parameters: 32_000, returnsKeys: flavor().hasReturning };
    },
    generatedKey: 'last_id',
    returnsAlone: false,
    breaksTransactions: false,
    keepsLongText: false,
  };
}

// Text beside a number or a document would be compared as a double or as text.
function markOf(field: Field, { isMariadb }: Flavor): RawBuilder<unknown> {
  if (isGeometry(field)) return sql`ST_GeomFromText(${0})`;
  if (field.type === 'json' && !isMariadb) return sql`CAST(${0} AS JSON)`;
  if (field.type === 'decimal') return sql`CAST(${0} AS DECIMAL(65, ${sql.raw(String(digitsAfter(field)))}))`;
  return mark();
}

// As many as there may be beside the digits before the point: a filter's value is not rounded to its column.
function digitsAfter({ precision, scale }: Field): number {
  const before = (precision ?? 65) - (scale ?? 0);
  return Math.min(maxScale, 65 - before);
}

const maxScale = 30;
