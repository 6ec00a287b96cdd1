// How PostgreSQL spells the clauses that differ between engines.
import { type RawBuilder, sql } from 'kysely';
import type { Grammar } from '../../dialect.ts';
import { columns } from '../../pieces.ts';
import { writtenMark } from '../../schema/field-function.ts';
import type { Field } from '../../schema.ts';

const bare = sql`${0}`;
const wide = sql`${0}::bigint`;

// Compared as 64 bits, any number finds what it means, whatever the width of the column; an index is used
// all the same. A float4 column is compared with the double that its value is.
function mark(field: Field): RawBuilder<unknown> {
  switch (field.type) {
    case 'id':
    case 'smallint':
    case 'integer':
    case 'bigint':
    case 'reference':
      return wide;
    case 'float':
      return sql`${0}::double precision`;
    case 'money':
      return sql`${0}::numeric::money`;
    default:
      return bare;
  }
}

/** PostgreSQL's clauses. */
export const postgresGrammar: Grammar = {
  page: () => sql`LIMIT ${0} OFFSET ${0}`,
  pageValues: (limit, offset) => [limit, offset],
  // Nulls last, as PostgreSQL sorts by itself, is also the order of its indexes: so a column that has no
  // nulls is sorted without saying where they go.
  order: (column, { descending, nulls, hasNulls }) => {
    const way = descending ? sql` DESC` : sql` ASC`;
    const place = nulls ?? (descending ? 'last' : 'first');
    if (!hasNulls) return sql`${column}${way}`;
    return sql`${column}${way}${place === 'first' ? sql` NULLS FIRST` : sql` NULLS LAST`}`;
  },
  like: (column, escaped) =>
    escaped ? sql`${column}::text ILIKE ${0} ESCAPE '\\'` : sql`${column}::text ILIKE ${0} ESCAPE ''`,
  xor: (left, right) => sql`(${left} <> ${right})`,
  mark,
  setMark: (field) => (field.type === 'money' ? mark(field) : bare),
  insert: ({ table, fields, returning }) => {
    const values = sql.join(
      fields.map((field) => writtenMark(field, 'INSERT', postgresGrammar.setMark(field))),
    );
    const row = fields.length === 0 ? sql`default values` : sql`(${columns(fields)}) values (${values})`;
    const answer = returning.length === 0 ? sql`` : sql` returning ${columns(returning)}`;
    return sql`insert into ${sql.id(...table.path)} ${row}${answer}`;
  },
  // Sums of money are answered as the numbers that they are.
  summed: (aggregate, { type, column }, distinct) =>
    type === 'money'
      ? sql`${aggregate === 'SUM' ? sql`sum` : sql`avg`}(${distinct}${sql.id(column)}::numeric)`
      : undefined,
  severalRows: { parameters: 32_000, returnsKeys: true },
  generatedKey: 'returning',
  returnsAlone: true,
  breaksTransactions: true,
  keepsLongText: false,
};
