// What an import changes, for people: a sign for each record, and its fields before and after. Invariant:
// every change is told; texts of several lines are told by the lines that differ.
import { styleText } from 'node:util';

/** What the server answers to an import. */
export interface ImportReport {
  readonly dry_run: boolean;
  readonly summary: Readonly<Record<string, number>>;
  readonly resource: readonly ImportedRecord[];
  readonly warnings: readonly string[];
}

interface ImportedRecord {
  readonly kind: string;
  readonly name: string;
  readonly action: string;
  readonly changes: readonly FieldChange[];
}

interface FieldChange {
  readonly field: string;
  readonly before: unknown;
  readonly after: unknown;
}

type Paint = (colour: 'green' | 'red' | 'yellow' | 'bold', text: string) => string;

const signs = { created: '+', updated: '~', deleted: '-' } as const;
const colours = { created: 'green', updated: 'yellow', deleted: 'red' } as const;

/** The records that change, with their fields; empty when none do. */
export function differenceText({ resource }: ImportReport, { isColoured }: { isColoured: boolean }): string {
  const paint: Paint = (colour, text) =>
    isColoured ? styleText(colour, text, { validateStream: false }) : text;
  return resource.flatMap((record) => recordLines(record, paint)).join('\n');
}

/** How many records were changed, in a line. */
export function summaryText({ summary, dry_run: isDryRun }: ImportReport): string {
  const counts = Object.entries(summary).filter(([, count]) => count > 0);
  if (!counts.some(([action]) => action in signs)) return 'Nothing to change.';
  const told = counts.map(([action, count]) => `${count} ${action}`).join(', ');
  return isDryRun ? `It would be: ${told}.` : `Done: ${told}.`;
}

function recordLines({ kind, name, action, changes }: ImportedRecord, paint: Paint): string[] {
  if (!(action in signs)) return [];
  const known = action as keyof typeof signs;
  const head = `${paint(colours[known], signs[known])} ${paint('bold', `${kind} ${name}`)}`;
  // What goes is told by its name: nothing of it is left to compare.
  if (known === 'deleted') return [head];
  const isNew = known === 'created';
  const told = changes.filter(({ after }) => !isNew || after !== name);
  return [head, ...told.flatMap((change) => changeLines(change, { isNew, paint }))];
}

interface Shown {
  readonly isNew: boolean;
  readonly paint: Paint;
}

function changeLines({ field, before, after }: FieldChange, { isNew, paint }: Shown): string[] {
  if (isLong(before) || isLong(after)) {
    const lines = lineChanges(linesOf(before), linesOf(after));
    return [`    ${field}:`, ...lines.map((line) => `      ${painted(line, paint)}`)];
  }
  const [old, now] = [textOf(before), textOf(after)];
  if (isNew) return [`    ${field}: ${paint('green', now)}`];
  return [`    ${field}: ${paint('red', old)} → ${paint('green', now)}`];
}

function painted(line: string, paint: Paint): string {
  if (line.startsWith('+')) return paint('green', line);
  return line.startsWith('-') ? paint('red', line) : line;
}

function textOf(value: unknown): string {
  return value === null || value === undefined ? 'none' : JSON.stringify(value);
}

function isLong(value: unknown): boolean {
  return typeof value === 'string' && value.includes('\n');
}

function linesOf(value: unknown): readonly string[] {
  if (value === null || value === undefined) return [];
  return typeof value === 'string' ? value.split('\n') : [JSON.stringify(value)];
}

// Lines at the beginning and the end that are the same are left out, but for one on each side.
function lineChanges(old: readonly string[], now: readonly string[]): string[] {
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start++;
  let end = 0;
  const most = Math.min(old.length, now.length) - start;
  while (end < most && old[old.length - 1 - end] === now[now.length - 1 - end]) end++;
  return [
    ...(start > 1 ? [`  … ${start - 1} lines`] : []),
    ...(start > 0 ? [`  ${now[start - 1] ?? ''}`] : []),
    ...old.slice(start, old.length - end).map((line) => `- ${line}`),
    ...now.slice(start, now.length - end).map((line) => `+ ${line}`),
    ...(end > 0 ? [`  ${now[now.length - end] ?? ''}`] : []),
    ...(end > 1 ? [`  … ${end - 1} lines`] : []),
  ];
}
