// How SQL Server spells the clauses that differ between engines.
// Invariant: patterns, keys and truths mean what they mean on the other engines, whatever the clause.
import { type RawBuilder, sql } from 'kysely';
import type { Grammar, InsertShape } from '../../dialect.ts';
import { columns } from '../../pieces.ts';
import { writtenMark } from '../../schema/field-function.ts';
import type { Field } from '../../schema.ts';

/** SQL Server's clauses. Its collations, as a rule, take upper and lower case for the same. */
export const mssqlGrammar: Grammar = {
  // OFFSET is a part of ORDER BY, so there always has to be one.
  page: (isOrdered) => {
    const order = isOrdered ? sql`` : sql`ORDER BY (SELECT NULL) `;
    return sql`${order}OFFSET ${0} ROWS FETCH NEXT ${0} ROWS ONLY`;
  },
  // FETCH refuses 0; a page of nothing lies behind everything.
  pageValues: (limit, offset) => (limit === 0 ? [Number.MAX_SAFE_INTEGER, 1] : [offset, limit]),
  order: (column, { descending, nulls }) => {
    const direction = descending ? sql` DESC` : sql` ASC`;
    if (nulls === undefined || (nulls === 'first') !== descending) return sql`${column}${direction}`;
    const isLast = nulls === 'last' ? sql`1 ELSE 0` : sql`0 ELSE 1`;
    return sql`CASE WHEN ${column} IS NULL THEN ${isLast} END, ${column}${direction}`;
  },
  // A bracket begins a set of characters here and nowhere else.
  like: (column, escaped) =>
    escaped
      ? sql`${column} LIKE REPLACE(${0}, '[', '\\[') ESCAPE '\\'`
      : sql`${column} LIKE REPLACE(${0}, '[', '[[]')`,
  // Conditions are no values here; what is unknown stays so.
  repeatsXor: true,
  xor: (left, right) => sql`(${truth(left)} <> ${truth(right)})`,
  mark,
  setMark: mark,
  read,
  summed,
  insert: (shape) => (shape.fields.some((field) => field.autoIncrement) ? withOwnKey(shape) : insert(shape)),
  generatedKey: 'returning',
  returnsAlone: true,
  breaksTransactions: true,
  keepsLongText: false,
};

function truth(condition: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`CASE WHEN ${condition} THEN 1 WHEN NOT (${condition}) THEN 0 END`;
}

// Text is not turned into bytes by itself, not even NULL.
function mark(field: Field): RawBuilder<unknown> {
  return field.type === 'binary' ? sql`CAST(${0} AS varbinary(max))` : sql`${0}`;
}

// The driver makes a double of decimals and a Date of moments, which loses digits: they are read as text.
function read({ column, type, dbType }: Field): RawBuilder<unknown> | undefined {
  const name = sql.id(column);
  switch (type) {
    case 'decimal':
      return sql`CONVERT(varchar(50), ${name})`;
    case 'money':
      return sql`CONVERT(varchar(50), ${name}, 2)`;
    case 'date':
      return sql`CONVERT(char(10), ${name}, 23)`;
    case 'time':
    case 'datetime':
      return sql`CONVERT(varchar(33), ${name}, 121)`;
    case 'datetimetz':
      return sql`CONVERT(varchar(33), SWITCHOFFSET(${name}, '+00:00'), 121)`;
    default:
      return /^(?:geography|geometry|hierarchyid)/.test(dbType) ? sql`${name}.ToString()` : undefined;
  }
}

// OUTPUT is refused by tables with triggers, so a number that counts up is asked for afterwards.
function insert({ table, fields, returning }: InsertShape): RawBuilder<unknown> {
  const [only, second] = returning;
  const isCounted = only?.autoIncrement === true && second === undefined;
  const output =
    returning.length === 0 || isCounted
      ? sql``
      : sql` output ${sql.join(returning.map(({ column }) => sql`inserted.${sql.id(column)}`))}`;
  const values =
    fields.length === 0
      ? sql` default values`
      : sql` values (${sql.join(fields.map((field) => writtenMark(field, 'INSERT', mark(field))))})`;
  const names = fields.length === 0 ? sql`` : sql` (${columns(fields)})`;
  const statement = sql`insert into ${sql.id(...table.path)}${names}${output}${values}`;
  return isCounted
    ? sql`${statement}; select cast(scope_identity() as bigint) as ${sql.id(only.column)}`
    : statement;
}

// Numbers for a column that counts up are only taken when that was said before.
function withOwnKey(shape: InsertShape): RawBuilder<unknown> {
  const table = sql.id(...shape.table.path);
  return sql`set identity_insert ${table} on; ${insert(shape)}; set identity_insert ${table} off`;
}

// A sum has the type of its column and its average no fraction, unless the column is made a wider decimal.
function summed(
  aggregate: 'SUM' | 'AVG',
  { type, column }: Field,
  distinct: RawBuilder<unknown>,
): RawBuilder<unknown> | undefined {
  if (type === 'double' || type === 'float') return undefined;
  const name = sql.id(column);
  if (aggregate === 'AVG') return sql`avg(${distinct}CAST(${name} AS decimal(38, 10)))`;
  const isExact = type === 'decimal' || type === 'money';
  return isExact ? undefined : sql`sum(${distinct}CAST(${name} AS decimal(38, 0)))`;
}
