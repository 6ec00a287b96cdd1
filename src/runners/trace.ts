// Where in a script something was thrown, from the stack that its runner told.
// Invariant: nothing of our own program or of this machine's paths remains in a stack.
import { SourceMap } from 'node:module';
import type { Program, ThrownError } from '../core/runner.ts';

type Place = Pick<ThrownError, 'line' | 'column' | 'stack'>;

// The name under which hosts compile a script, maybe in a folder, with the place behind it.
const ours = /(?:(?:file:\/\/)?\/(?:[^\n()]*\/)?)?tenon-script-\d+:(\d+)(?::(\d+))?/;

/**
 * Line and column (from 1) in the script as it was written, and its stack; `told` is what the host knew
 * itself.
 */
export function placeOf(stack: string, program: Program, told: { line: unknown; column: unknown }): Place {
  const match = ours.exec(stack);
  const line = numberOf(told.line) ?? numberOf(match?.[1]);
  if (line === undefined) return {};
  const column = numberOf(told.column) ?? numberOf(match?.[2]) ?? caretColumn(stack);
  const place = original(program, line, column);
  return { ...place, stack: scriptStack(stack, program) };
}

// Lines are numbered with the original where a source map says so; others are kept.
function scriptStack(stack: string, program: Program): string {
  const lines = stack.split('\n').filter((line) => !/^\s*at /.test(line) || ours.test(line));
  const named = lines.map((line) =>
    line.replace(ours, (_whole, row: string, column?: string) => {
      const place = original(program, Number(row), numberOf(column));
      return [program.name, place.line, place.column].filter((part) => part !== undefined).join(':');
    }),
  );
  return named.join('\n');
}

// A SyntaxError shows its column only as a caret under the line.
function caretColumn(stack: string): number | undefined {
  const caret = /^( *)\^+\s*$/m.exec(stack);
  return caret === null ? undefined : (caret[1] ?? '').length + 1;
}

function original(program: Program, line: number, column: number | undefined): Place {
  const generated: Place = column === undefined ? { line } : { line, column };
  if (program.sourceMap === undefined) return generated;
  try {
    const map = new SourceMap(JSON.parse(program.sourceMap));
    const entry = map.findEntry(line - 1, (column ?? 1) - 1);
    if (!('originalLine' in entry)) return generated;
    return { line: entry.originalLine + 1, column: entry.originalColumn + 1 };
  } catch {
    // A map that cannot be read only costs the exact place.
    return generated;
  }
}

function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'string' || typeof value === 'number' ? Number(value) : Number.NaN;
  return Number.isInteger(number) && number > 0 ? number : undefined;
}
