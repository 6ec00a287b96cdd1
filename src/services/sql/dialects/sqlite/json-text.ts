// JSON made by SQLite itself, which is faster than rows made into objects and then into text. Invariant: it
// answers what `decode` would, or fails with an error, upon which the caller takes the rows instead.
import { type RawBuilder, sql } from 'kysely';
import { limits } from '../../../../core/limits.ts';
import type { Field } from '../../schema.ts';

/**
 * `json_object(…)` over the columns; undefined where a field cannot be made JSON in SQL.
 */
export function jsonRecord(fields: readonly Field[]): RawBuilder<string> | undefined {
  // Each field is two arguments of a function, which takes 1,000.
  if (fields.length > limits.fields) return undefined;
  const pairs: RawBuilder<unknown>[] = [];
  for (const field of fields) {
    const value = columnJson(field);
    if (value === undefined) return undefined;
    pairs.push(sql`${sql.lit(field.name)}, ${value}`);
  }
  return sql<string>`json_object(${sql.join(pairs)})`;
}

/** A JSON list of records. */
export function jsonList(record: RawBuilder<string>): RawBuilder<string> {
  return sql<string>`json_group_array(${record})`;
}

/** A JSON list of texts that are JSON; a join, because json_group_array would read each text again. */
export function jsonJoined(text: RawBuilder<string>): RawBuilder<string> {
  return sql<string>`'[' || coalesce(group_concat(${text}, ','), '') || ']'`;
}

// json_object takes a BLOB for SQLite's binary JSON when it looks like it, so no BLOB may reach it. Columns
// hold what they like, so each is guarded by the cheapest test there is (per 100 rows of six columns, 44 µs
// without any): a cast in text columns costs 0.3 µs a column, a comparison 2.5 (the plus keeps it from trying
// texts as numbers, else 4), typeof() 5. BLOBs sort after everything, text after numbers. No binary JSON
// begins like this, so json_object refuses it.
const fail = sql`x'ff'`;

function columnJson(field: Field): RawBuilder<unknown> | undefined {
  const column = sql.id(field.column);
  const { isExact } = field;
  switch (field.type) {
    case 'binary':
      return undefined;
    case 'boolean':
      return sql`CASE ${column} WHEN 0 THEN json('false') WHEN 1 THEN json('true')
        ELSE ${nullOrFail(column)} END`;
    case 'json':
      return sql`CASE WHEN typeof(${column}) = 'text' AND json_valid(${column}) THEN json(${column})
        WHEN +${column} >= x'' THEN ${fail} ELSE ${column} END`;
    case 'decimal':
    case 'double':
    case 'float':
      return sql`CASE WHEN ${column} < 9e999 AND ${column} > -9e999 THEN ${column}
        ELSE ${nullOrFail(column)} END`;
    case 'string':
    case 'text':
      return textOf(field);
    default:
      return isExact ? column : sql`CASE WHEN +${column} >= x'' THEN ${fail} ELSE ${column} END`;
  }
}

// Only columns of text affinity hold no numbers; a type such as STRING turns what looks like one into it, and
// numbers with fractions have other digits as text in SQLite than here.
function textOf(field: Field): RawBuilder<unknown> {
  const column = sql.id(field.column);
  if (field.isExact) return column;
  if (field.dbType === '') return sql`CASE WHEN +${column} >= x'' THEN ${fail} ELSE ${column} END`;
  const asText = sql`CAST(${column} AS TEXT)`;
  const hasTextAffinity = /char|clob|text/.test(field.dbType) && !field.dbType.includes('int');
  return hasTextAffinity ? asText : sql`CASE typeof(${column}) WHEN 'real' THEN ${fail} ELSE ${asText} END`;
}

function nullOrFail(column: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`CASE WHEN ${column} IS NULL THEN NULL ELSE ${fail} END`;
}
