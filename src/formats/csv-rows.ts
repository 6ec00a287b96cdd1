// CSV of any length, row by row. Invariant: never more than a portion of rows is in memory beside the content
// itself, and others get their turn between portions.
import { CsvError, parse } from 'csv-parse';
import { PlatformError } from '../core/errors.ts';

/** A row: its cells, in the order of the columns. */
export type CsvRow = readonly string[];

/**
 * The rows of CSV, the line of names among them, in portions. Throws `request.malformed` naming the line
 * that can not be read.
 */
export async function* csvPortions(content: Uint8Array, rows: number): AsyncGenerator<readonly CsvRow[]> {
  const parser = parse({ bom: true, skip_empty_lines: true, record_delimiter: ['\r\n', '\n', '\r'] });
  parser.end(Buffer.from(content));
  let portion: CsvRow[] = [];
  try {
    for await (const row of parser as AsyncIterable<CsvRow>) {
      portion.push(row);
      if (portion.length < rows) continue;
      yield portion;
      portion = [];
    }
  } catch (thrown) {
    if (!(thrown instanceof CsvError)) throw thrown;
    throw new PlatformError('request.malformed', `The CSV can not be read: ${thrown.message.slice(0, 200)}`);
  }
  if (portion.length > 0) yield portion;
}
