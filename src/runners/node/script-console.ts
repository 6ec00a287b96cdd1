// The `console` of scripts: lines with a level that travel with the result, never to the server's own output.
// Invariant: at most `maxBytes` characters a run are kept; the rest is dropped and said to be.
import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { format, inspect } from 'node:util';

/** A line as it travels: level and text. */
export type LoggedLine = readonly [level: string, text: string];

/** Lines of one run. */
export class RunLog {
  readonly lines: LoggedLine[] = [];
  #left: number;
  #printer: Console | undefined;

  constructor(maxBytes: number) {
    this.#left = maxBytes;
  }

  add(level: string, text: string): void {
    if (this.#left <= 0) return;
    this.lines.push([level, text.length > this.#left ? text.slice(0, this.#left) : text]);
    // The marks around each line count too, or endless empty lines would cost nothing.
    this.#left -= text.length + 16;
    if (this.#left <= 0) this.lines.push(['warn', 'Further output of this run was dropped.']);
  }

  /** Node's own console over this log. Counters, timers and indentation live here, so each run has its own. */
  get printer(): Console {
    if (this.#printer === undefined) {
      const write = (chunk: Buffer, _encoding: string, done: () => void) => {
        this.add('log', chunk.toString().replace(/\n$/, ''));
        done();
      };
      const stream = new Writable({ write });
      this.#printer = new Console({ stdout: stream, stderr: stream });
    }
    return this.#printer;
  }
}

/** Where lines go now: the log of the current run, and what must be made before an object is printed. */
export interface ConsoleTarget {
  log(): RunLog | undefined;
  beforeObjects(): void;
}

const levels = ['log', 'info', 'debug', 'warn', 'error'] as const;

/** A frozen console: what one run hangs onto it cannot reach another. */
export function scriptConsole(target: ConsoleTarget): Readonly<Record<string, unknown>> {
  const made: Record<string, unknown> = {};
  const write = (level: string, values: unknown[]) => {
    if (values.some((value) => typeof value === 'object')) target.beforeObjects();
    target.log()?.add(level, format(...values));
  };
  for (const level of levels) made[level] = (...values: unknown[]) => write(level, values);
  made.trace = (...values: unknown[]) => write('error', values);
  made.dir = (value: unknown, options?: object) => {
    target.beforeObjects();
    target.log()?.add('log', inspect(value, options));
  };
  made.assert = (holds: unknown, ...values: unknown[]) => {
    if (!holds) write('warn', values.length === 0 ? ['Assertion failed'] : values);
  };
  for (const name of ['table', 'count', 'countReset', 'time', 'timeEnd', 'timeLog', 'group', 'groupEnd']) {
    made[name] = (...values: unknown[]) => rest(target, name, values);
  }
  return Object.freeze(made);
}

function rest(target: ConsoleTarget, name: string, values: unknown[]): void {
  const printer = target.log()?.printer;
  (printer as unknown as Record<string, (...values: unknown[]) => void> | undefined)?.[name]?.(...values);
}
