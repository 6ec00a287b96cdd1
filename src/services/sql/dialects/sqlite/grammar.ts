// How SQLite spells the clauses that differ between engines.
import { type RawBuilder, sql } from 'kysely';
import type { Grammar } from '../../dialect.ts';
import { columns } from '../../pieces.ts';
import { writtenMark } from '../../schema/field-function.ts';
import type { Field } from '../../schema.ts';

const mark = () => sql`${0}`;

/** SQLite's clauses. Its LIKE takes the case of ASCII letters for nothing, and sorts nulls first. */
export const sqliteGrammar: Grammar = {
  page: () => sql`LIMIT ${0} OFFSET ${0}`,
  pageValues: (limit, offset) => [limit, offset],
  order: (column, { descending, nulls }) => {
    const place = nulls === undefined ? sql`` : nulls === 'first' ? sql` NULLS FIRST` : sql` NULLS LAST`;
    return sql`${column}${descending ? sql` DESC` : sql` ASC`}${place}`;
  },
  like: (column, escaped) => (escaped ? sql`${column} LIKE ${0} ESCAPE '\\'` : sql`${column} LIKE ${0}`),
  xor: (left, right) => sql`(${left} <> ${right})`,
  mark,
  setMark: mark,
  insert: ({ table, fields, returning }) => {
    const given = fields.map((field) => writtenMark(field, 'INSERT', mark()));
    const row =
      fields.length === 0 ? sql`default values` : sql`(${columns(fields)}) values (${sql.join(given)})`;
    const answer = returning.length === 0 ? sql`` : sql` returning ${columns(returning)}`;
    return sql`insert into ${sql.id(...table.path)} ${row}${answer}`;
  },
  summed,
  generatedKey: 'last_id',
  returnsAlone: false,
  breaksTransactions: false,
  keepsLongText: true,
};

// SQLite adds decimals as doubles; ten digits behind the point are rid of what that adds.
function summed(
  aggregate: 'SUM' | 'AVG',
  { type, column }: Field,
  distinct: RawBuilder<unknown>,
): RawBuilder<unknown> | undefined {
  if (aggregate === 'AVG' || type !== 'decimal') return undefined;
  const sum = sql`sum(${distinct}${sql.id(column)})`;
  return sql`CASE WHEN typeof(${sum}) = 'real' THEN round(${sum}, 10) ELSE ${sum} END`;
}
