// CSV of the API: the rows of an answer under the names of the first row, and bodies of requests the other
// way round. Invariant: every cell is text; what is nested stands in its cell as JSON.
import { CsvError, parse } from 'csv-parse/sync';
import { writeJson } from '../core/body.ts';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { ValueStream } from '../core/record-stream.ts';
import { isMap, rowsOf } from './rows.ts';

type Row = Readonly<Record<string, unknown>>;

/** The CSV of a JSON value: its list, or itself as the only row. */
export function writeCsv(value: unknown): string {
  const rows = linesOf(value).map((row) => (isMap(row) ? row : { value: row }));
  const [first] = rows;
  if (first === undefined) return '';
  const names = Object.keys(first);
  return header(names) + rowLines(names, rows);
}

/** The CSV of a list, in portions. There is no place for `meta` in it. */
export async function* streamCsv(stream: ValueStream): AsyncGenerator<string> {
  let names: readonly string[] | undefined;
  for await (const rows of stream.portions) {
    const [first] = rows;
    if (first === undefined) continue;
    const before = names === undefined ? header(Object.keys(first)) : '';
    names ??= Object.keys(first);
    yield before + rowLines(names, rows);
  }
}

// An error is one row of its own: code, context, message, status_code.
function linesOf(value: unknown): readonly unknown[] {
  return isMap(value) && isMap(value.error) ? [value.error] : rowsOf(value);
}

function header(names: readonly string[]): string {
  return names.length === 0 ? '' : rowLines(names, [Object.fromEntries(names.map((name) => [name, name]))]);
}

// A line without anything would be no row: an only cell that is empty is quoted.
// All cells are joined at once: a text for each line would be garbage a hundred thousand times.
function rowLines(names: readonly string[], rows: readonly Row[]): string {
  const parts: string[] = [];
  const last = names.length - 1;
  for (const row of rows) {
    for (let i = 0; i <= last; i++) {
      const text = cell(row[names[i] as string]);
      parts.push(text === '' && last === 0 ? '""' : text, i === last ? '\n' : ',');
    }
  }
  return parts.join('');
}

function cell(value: unknown): string {
  if (typeof value === 'string') return /[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? cell(writeJson(value)) : String(value);
}

/** The value of CSV with a line of names: `{resource: [rows]}`. Throws `request.malformed`. */
export function readCsv(text: string): { readonly resource: readonly Row[] } {
  refuseOversize(text);
  try {
    const rows: Row[] = parse(text, { columns: readNames, bom: true, skip_empty_lines: true });
    return { resource: rows };
  } catch (thrown) {
    if (thrown instanceof PlatformError) throw thrown;
    const reason = thrown instanceof CsvError ? thrown.message : 'it can not be read';
    throw malformed(reason.replace(/\.$/, '').slice(0, 200));
  }
}

// Every cell ends with one of these; those inside of quotes are counted as well.
function refuseOversize(text: string): void {
  let cells = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x2c || code === 0x0a || code === 0x0d) cells++;
  }
  if (cells <= limits.csvCells) return;
  throw new PlatformError(
    'request.too_large',
    `A CSV body may have at most ${limits.csvCells} cells. Send fewer records at a time.`,
  );
}

function readNames(names: readonly string[]): string[] {
  const trimmed = names.map((name) => name.trim());
  if (trimmed.includes('__proto__')) {
    throw new PlatformError('request.forbidden_key', "A column is named '__proto__', which is not accepted.");
  }
  const seen = new Set<string>();
  for (const name of trimmed) {
    if (seen.has(name)) throw malformed(`two columns are named '${name.slice(0, 100)}'`);
    seen.add(name);
  }
  return trimmed;
}

function malformed(reason: string): PlatformError {
  return new PlatformError('request.malformed', `The body is not usable CSV: ${reason}.`);
}
