// Runs one script: its program, the runner of its language, and what is told about the run.
// Invariant: whatever the script does, the caller gets an ending or a PlatformError that names no internals.
import { STATUS_CODES } from 'node:http';
import { PlatformError } from '../core/errors.ts';
import type { LogLine, Observe } from '../core/observe.ts';
import type { Changes, Outcome, Runner, Sections, ThrownError } from '../core/runner.ts';
import type { Exchange, Script } from '../core/script.ts';
import { CallBridge } from './bridge.ts';
import type { Compiler } from './compiler.ts';
import type { Outgoing } from './foreign-call.ts';
import { runnerOf } from './script-types.ts';
import { type Compiled, problemOf } from './source.ts';

/** What runs need. Runners by language, e.g. `nodejs`. */
export interface ScriptRunsParts {
  readonly compiler: Compiler;
  readonly runners: ReadonlyMap<string, Runner>;
  readonly observe: Observe;
  /** Calls other hosts; without, scripts cannot. */
  readonly outgoing?: Outgoing;
}

/** One run asked for. */
export interface Run {
  readonly script: LoadedScript;
  readonly sections: Sections;
  readonly depth: number;
  readonly bridge: CallBridge;
  /** False: what the script changes is dropped. */
  readonly wantsChanges: boolean;
  /** False: what the script prints is dropped. Default true. */
  readonly keepsLog?: boolean;
}

/** How a run that may count ended. */
export interface Finished {
  readonly returned: string | undefined;
  readonly changes: Changes;
}

/** A script whose program is looked up once. */
export class LoadedScript {
  readonly script: Script;
  readonly #compiler: Compiler;
  #compiled: Compiled | undefined;

  constructor({ script, compiler }: { readonly script: Script; readonly compiler: Compiler }) {
    this.script = script;
    this.#compiler = compiler;
  }

  /** The program, or why there is none; a promise only the first time. */
  compiled(): Compiled | Promise<Compiled> {
    return this.#compiled ?? this.#compile();
  }

  // A failure is asked for again: it may have been that of the compiler, and those of scripts it knows.
  async #compile(): Promise<Compiled> {
    const compiled = await this.#compiler.compile(this.script);
    if (compiled.ok) this.#compiled = compiled;
    return compiled;
  }
}

/** Runs scripts and observes their ends. */
export class ScriptRuns {
  readonly #parts: ScriptRunsParts;

  constructor(parts: ScriptRunsParts) {
    this.#parts = parts;
  }

  /** The calls of one run of a script, made in the way of its language. */
  bridge(exchange: Exchange, { language }: Script): CallBridge {
    const { outgoing } = this.#parts;
    // Scripts of v8js were run by PHP.
    const style = language === 'php' || language === 'v8js' ? 'curl' : 'plain';
    return new CallBridge(exchange, outgoing === undefined ? undefined : { outgoing, style });
  }

  /** Throws `script.*` when the script refuses, fails, or can not be loaded or run. */
  async run({ script: loaded, keepsLog = true, ...asked }: Run): Promise<Finished> {
    const { script } = loaded;
    const runner = this.#parts.runners.get(runnerOf(script.language) ?? '');
    if (runner === undefined) throw this.#noRunner(script);
    const start = performance.now();
    const found = loaded.compiled();
    const compiled = found instanceof Promise ? await found : found;
    if (!compiled.ok) {
      const problem = problemOf(compiled);
      this.#failed({ script, runner, start, reason: problem, log: [] });
      if (compiled.isUnread) {
        throw new PlatformError(
          'script.unavailable',
          `Script '${script.name}' can not be run: ${compiled.message}`,
        );
      }
      throw new PlatformError('script.not_loaded', `Script '${script.name}' can not be loaded: ${problem}.`);
    }
    const { program } = compiled;
    const outcome = await runner.run({ ...asked, program, timeoutMs: script.timeoutMs });
    asked.bridge.end();
    const { notes } = asked.bridge;
    if (outcome.kind === 'finished' || (outcome.kind === 'exited' && outcome.code === 0)) {
      this.#parts.observe({
        kind: 'script.finished',
        script: script.name,
        runner: runner.language,
        ms: performance.now() - start,
        log: keepsLog ? [...outcome.log, ...notes] : [],
      });
      return {
        returned: outcome.kind === 'finished' ? outcome.returned : undefined,
        changes: outcome.changes,
      };
    }
    const log = keepsLog && 'log' in outcome ? outcome.log : [];
    this.#failed({ script, runner, start, reason: reasonOf(outcome), log });
    throw errorOf(outcome, script.name);
  }

  #failed({ script, runner, start, reason, log }: Failed): void {
    const ms = performance.now() - start;
    this.#parts.observe({
      kind: 'script.failed',
      script: script.name,
      runner: runner.language,
      ms,
      reason,
      log,
    });
  }

  #noRunner(script: Script): PlatformError {
    const reason = `scripts of type '${script.language}' can not be run by this server`;
    this.#parts.observe({
      kind: 'script.failed',
      script: script.name,
      runner: script.language,
      ms: 0,
      reason,
      log: [],
    });
    return new PlatformError('script.unavailable', `Script '${script.name}' can not be run: ${reason}.`);
  }
}

interface Failed {
  readonly script: Script;
  readonly runner: Runner;
  readonly start: number;
  readonly reason: string;
  readonly log: readonly LogLine[];
}

type Failing = Exclude<Outcome, { kind: 'finished' }>;

/** What the log says, for whoever wrote the script or runs the server. */
function reasonOf(outcome: Failing): string {
  switch (outcome.kind) {
    case 'threw':
      return thrownReason(outcome.error);
    case 'exited':
      return `exited with code ${outcome.code}`;
    case 'timeout':
      return `did not end within ${outcome.ms} ms`;
    case 'crashed':
      return `crashed: ${outcome.reason}`;
    case 'saturated':
    case 'unavailable':
      return outcome.message;
  }
}

function thrownReason({ message, line, column, stack }: ThrownError): string {
  if (line === undefined) return stack ?? message;
  const told = `${message} (line ${line}${column === undefined ? '' : `, column ${column}`})`;
  return stack === undefined ? told : `${told}\n${stack}`;
}

/** What the caller is told. Place and stack are for the log: `error.context` stays null, as recorded. */
function errorOf(outcome: Failing, name: string): PlatformError {
  switch (outcome.kind) {
    case 'threw':
      return thrownError(outcome.error, name);
    case 'exited':
      return new PlatformError('script.threw', `Executed command returned with error code: ${outcome.code}`);
    case 'timeout':
      return new PlatformError('script.timeout', `Script '${name}' did not end within ${outcome.ms} ms.`);
    case 'crashed':
      return new PlatformError('script.crashed', `Script '${name}' ended the process that ran it.`, {
        cause: outcome.reason,
      });
    case 'saturated':
      return new PlatformError(
        'script.saturated',
        `Script '${name}' could not start because too many scripts are running. Try again later.`,
        { cause: outcome.message },
      );
    case 'unavailable':
      return new PlatformError('script.unavailable', `Script '${name}' can not be run at the moment.`, {
        cause: outcome.message,
      });
  }
}

function thrownError(error: ThrownError, name: string): PlatformError {
  const { message, code, stack } = error;
  const status = [error.status, code].find(isErrorStatus) ?? 500;
  return new PlatformError('script.threw', message || `Script '${name}' threw an error without a message.`, {
    status,
    code: typeof code === 'number' ? code : status,
    cause: stack,
  });
}

function isErrorStatus(value: unknown): value is number {
  return typeof value === 'number' && value >= 400 && STATUS_CODES[value] !== undefined;
}
