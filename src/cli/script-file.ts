// What a file of a script says: its language by its ending, its event by its opening comment, and the place
// of a problem in it. Invariant: only the comment that a file opens with counts, no string further down.
import { existsSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { CommandError } from './failure.ts';

/** Script types by the ending of a file. */
const types = new Map([
  ['.js', 'nodejs'],
  ['.mjs', 'nodejs'],
  ['.cjs', 'nodejs'],
  ['.ts', 'typescript'],
  ['.mts', 'typescript'],
  ['.py', 'python3'],
  ['.php', 'php'],
]);

/** The type of a script by the ending of its file, unless it is given. */
export function typeOf(file: string, given: string | undefined): string {
  const type = given ?? types.get(extname(file).toLowerCase());
  if (type !== undefined) return type;
  throw new CommandError(
    `${file}: the language is not known by its ending.`,
    'Name it with --type nodejs, typescript, python3 or php.',
  );
}

/** The text of a file. */
export function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
    throw new CommandError(`${file} cannot be read (${reason}).`);
  }
}

/** The event that a file names for itself, or a JSON file beside it; undefined when neither does. */
export function eventOfFile(file: string, content: string): string | undefined {
  return eventInHeader(content) ?? eventBeside(file);
}

const header = /^(?:#!.*\n)?(?:\s*<\?php\b)?(?:\s*(?:\/\/.*|#.*|\/\*[\s\S]*?\*\/))*/;

function eventInHeader(content: string): string | undefined {
  return /@event\s+(\S+)/.exec(header.exec(content)?.[0] ?? '')?.[1];
}

function eventBeside(file: string): string | undefined {
  const beside = `${file.slice(0, -extname(file).length)}.json`;
  if (!existsSync(beside)) return undefined;
  try {
    const { event } = JSON.parse(readFileSync(beside, 'utf8'));
    return typeof event === 'string' ? event : undefined;
  } catch {
    throw new CommandError(`${beside} is not valid JSON.`);
  }
}

/** Where in a file something is wrong; counted from 1. */
export interface Spot {
  readonly line: number;
  readonly column: number | null;
}

/** The place that a message of the server ends with, such as `(line 2, column 14)`. */
export function spotIn(message: string): Spot | undefined {
  const [, line, column] = /\(line (\d+)(?:, column (\d+))?\)\.?$/.exec(message) ?? [];
  return line === undefined ? undefined : { line: Number(line), column: column ? Number(column) : null };
}

/** `file:line:column` and the line itself with a mark under the column; tabs stay tabs. */
export function excerpt(file: string, content: string, { line, column }: Spot): string {
  const place = `  ${file}:${line}${column === null ? '' : `:${column}`}`;
  const text = content.split('\n')[line - 1]?.trimEnd();
  if (text === undefined) return place;
  const number = String(line);
  const shown = `  ${number} | ${text}`;
  if (column === null) return `${place}\n${shown}`;
  const indent = text.slice(0, column - 1).replace(/[^\t]/g, ' ');
  return `${place}\n${shown}\n  ${' '.repeat(number.length)} | ${indent}^`;
}
