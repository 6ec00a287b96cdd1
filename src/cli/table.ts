// Tables for terminals: columns as wide as their widest cell.
import { limits } from '../core/limits.ts';

/** Rows as lines, the first being the heading; `right` names columns of numbers. */
export function tableText(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) => lineOf(row, { widths, right })).join('\n');
}

interface Form {
  readonly widths: readonly number[];
  readonly right: readonly number[];
}

function lineOf(row: readonly string[], { widths, right }: Form): string {
  const cells = row.map((cell, column) => {
    const width = widths[column] ?? 0;
    return right.includes(column) ? cell.padStart(width) : cell.padEnd(width);
  });
  return cells.join('  ').trimEnd();
}

/** The first line of a text that may be long, as a cell has room for it. */
export function cellText(text: string): string {
  const line = text.trim().split('\n', 1)[0] ?? '';
  return line.length <= limits.queueLineChars ? line : `${line.slice(0, limits.queueLineChars - 1)}…`;
}
