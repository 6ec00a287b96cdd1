// NDJSON of the API: each record as JSON on a line of its own, out and in.
// Invariant: every line is a value by itself, so that what was read so far can be used.
import { Body, writeJson } from '../core/body.ts';
import { PlatformError } from '../core/errors.ts';
import type { TextStream } from '../core/record-stream.ts';
import { rowsOf } from './rows.ts';

/** The lines of a value: of its records, or of itself. */
export function writeNdjson(value: unknown): string {
  return linesOf(rowsOf(value).map(writeJson));
}

/** The lines of a list, in portions. There is no place for `meta` in them. */
export async function* streamNdjson(stream: TextStream): AsyncGenerator<string> {
  for await (const texts of stream.portions) yield linesOf(texts);
}

/** The value of lines: `{resource: [values]}`. Throws `request.*` naming the line that can not be taken. */
export function readNdjson(text: string): { readonly resource: readonly unknown[] } {
  const resource: unknown[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() !== '') resource.push(readLine(line, index + 1));
  }
  return { resource };
}

function readLine(line: string, number: number): unknown {
  try {
    return Body.ofText(line, 'application/json').exactValue;
  } catch (thrown) {
    if (!(thrown instanceof PlatformError)) throw thrown;
    throw new PlatformError(thrown.kind, `${thrown.message} (line ${number})`, { cause: thrown });
  }
}

function linesOf(texts: readonly string[]): string {
  return texts.length === 0 ? '' : `${texts.join('\n')}\n`;
}
