// The `console` of scripts: lines with a level that travel with the result, never to the server's own output.
// Invariant: at most `maxBytes` characters a run are kept; the rest is dropped and said to be.
import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { format, inspect, types } from 'node:util';

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

  /**
   * Node's own console over this log. Counters, timers and indentation live here, so each run has its own.
   */
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

/** Where lines go now: the log of the current run. */
export interface ConsoleTarget {
  log(): RunLog | undefined;
}

const levels = ['log', 'info', 'debug', 'warn', 'error'] as const;

/** A frozen console: what one run hangs onto it cannot reach another. */
export function scriptConsole(target: ConsoleTarget): Readonly<Record<string, unknown>> {
  const made: Record<string, unknown> = {};
  const write = (level: string, values: unknown[]) => {
    target.log()?.add(level, format(...values.map(plain)));
  };
  for (const level of levels) made[level] = (...values: unknown[]) => write(level, values);
  made.trace = (...values: unknown[]) => write('error', values);
  made.dir = (value: unknown, options?: object) => {
    target.log()?.add('log', inspect(plain(value), options));
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
  (printer as unknown as Record<string, (...values: unknown[]) => void> | undefined)?.[name]?.(
    ...values.map(plain),
  );
}

// An event is to look like the plain data that it stands for, also one level inside something else.
function plain(value: unknown): unknown {
  if (types.isProxy(value)) return copied(value as object);
  if (isHolder(value) && Object.values(value).some(types.isProxy)) return copied(value);
  return value;
}

function copied(value: object): object {
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]));
}

function isHolder(value: unknown): value is object {
  return Array.isArray(value) || Object.prototype.toString.call(value) === '[object Object]';
}
