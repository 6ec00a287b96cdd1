// Runs one script: its program, the runner of its language, and what is told and kept of the run.
// Invariant: whatever the script does, the caller gets an ending or a PlatformError that names no internals.
import { createHash } from 'node:crypto';
import { asPlatformError } from '../core/errors.ts';
import type { LogLine, Observe } from '../core/observe.ts';
import type { RunRecord } from '../core/run.ts';
import type { Changes, Outcome, Runner, Sections } from '../core/runner.ts';
import type { Exchange, Script } from '../core/script.ts';
import type { Elevations } from '../security/elevations.ts';
import { CallBridge, type Elevate } from './bridge.ts';
import type { Compiler } from './compiler.ts';
import {
  type Failure,
  failureOf,
  loggedReason,
  refusal,
  unknownLanguage,
  unloadable,
  withContext,
} from './failure.ts';
import type { ForeignStyle, Outgoing } from './foreign-call.ts';
import type { RunHistory } from './history.ts';
import { runRecord } from './run-record.ts';
import { runnerOf } from './script-types.ts';
import type { Compiled } from './source.ts';

/** What runs need. Runners by language, e.g. `nodejs`. */
export interface ScriptRunsParts {
  readonly compiler: Compiler;
  readonly runners: ReadonlyMap<string, Runner>;
  readonly observe: Observe;
  /** Calls other hosts; without, scripts cannot. */
  readonly outgoing?: Outgoing;
  /** Keeps runs; without, none is kept. */
  readonly history?: RunHistory;
  /** Gives scripts the roles that they are to run as; without, calls of those that have one are refused. */
  readonly elevations?: Pick<Elevations, 'act'>;
}

/** One run asked for. */
export interface Run {
  readonly script: LoadedScript;
  readonly exchange: Exchange;
  /** `pre_process`, `post_process`, '' (final) or `service`. */
  readonly stage: string;
  readonly sections: Sections;
  /** False: what the script changes is dropped. */
  readonly wantsChanges: boolean;
  /** False: what the script prints is dropped. Default true. */
  readonly keepsLog?: boolean;
  /** Makes what the script left count; what it throws makes the run one that refused. */
  readonly settle?: (finished: Finished) => void;
  /** Given the record of the run, which is then kept in any case. */
  readonly told?: (record: RunRecord) => void;
  /** Given why the run does not count, before that is thrown. */
  readonly failed?: (failure: Failure, logId: string | null) => void;
  /** Ends the run where it is; absent: what ends the run that caused it does. */
  readonly signal?: AbortSignal;
  /** How long it may take; absent: as the script says. */
  readonly timeoutMs?: number;
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
  #version: string | undefined;

  constructor({ script, compiler }: { readonly script: Script; readonly compiler: Compiler }) {
    this.script = script;
    this.#compiler = compiler;
  }

  /** The program, or why there is none; a promise only the first time. */
  compiled(): Compiled | Promise<Compiled> {
    return this.#compiled ?? this.#compile();
  }

  /** Start of the hash of its text, for the log of runs. */
  get version(): string {
    this.#version ??= createHash('sha256').update(this.script.content).digest('hex').slice(0, 12);
    return this.#version;
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

  /** Throws `script.*` when the script refuses, fails, or can not be loaded or run. */
  async run(run: Run): Promise<Finished> {
    const { script } = run.script;
    const bridge = this.#bridge(run.exchange, script);
    bridge.signal = run.signal ?? run.exchange.operation.run?.signal;
    const about: Running = { run, bridge, start: performance.now() };
    const runner = this.#parts.runners.get(runnerOf(script.language) ?? '');
    if (runner === undefined) throw this.#failed(about, unknownLanguage(script.name, script.language), []);
    const found = run.script.compiled();
    const compiled = found instanceof Promise ? await found : found;
    if (!compiled.ok) throw this.#failed(about, unloadable(script.name, compiled), []);
    // Once per text: what a run takes is told without it.
    if (found instanceof Promise) about.start = performance.now();
    const outcome = await runner.run({
      program: compiled.program,
      sections: run.sections,
      timeoutMs: run.timeoutMs ?? script.timeoutMs,
      depth: run.exchange.operation.depth,
      wantsChanges: run.wantsChanges,
      signal: bridge.signal,
      bridge,
    });
    const ending = bridge.end();
    if (ending !== undefined) await ending;
    const log = run.keepsLog === false ? [] : logOf(outcome, bridge);
    if (!isEnding(outcome)) throw this.#failed(about, failureOf(outcome, script.name), log);
    return this.#finished(about, outcome, log);
  }

  // The calls of the run, made in the way of its language.
  #bridge(exchange: Exchange, script: Script): CallBridge {
    const { outgoing } = this.#parts;
    const { name, language } = script;
    // Scripts of v8js were run by PHP.
    const style: ForeignStyle = language === 'php' || language === 'v8js' ? 'curl' : 'plain';
    const { depth, hops = 0 } = exchange.operation;
    const abroad = outgoing && { outgoing, by: name, style, hops: hops + depth + 1 };
    return new CallBridge(exchange, abroad, this.#elevate(exchange, script));
  }

  // One entry of the audit log may stand for many runs, so whoever counts them is asked once per run.
  #elevate({ operation }: Exchange, { name: script, runAsRoleId }: Script): Elevate | undefined {
    if (runAsRoleId === null || runAsRoleId === undefined) return undefined;
    const { elevations } = this.#parts;
    let isCounted = false;
    return (call) => {
      if (elevations === undefined) throw new Error(`nobody gives '${script}' a role to run as`);
      const run = { script, roleId: runAsRoleId, operation, call, isCounted };
      isCounted = true;
      return elevations.act(run);
    };
  }

  #finished(about: Running, outcome: Ending, log: readonly LogLine[]): Finished {
    const { run, bridge } = about;
    const returned = outcome.kind === 'finished' ? outcome.returned : undefined;
    const finished = { returned, changes: outcome.changes };
    try {
      run.settle?.(finished);
    } catch (thrown) {
      throw this.#failed(about, refusal(asPlatformError(thrown)), log);
    }
    const { history } = this.#parts;
    const isWanted = log.length > 0 || bridge.isNamed || run.told !== undefined;
    const isKept = history?.isKept === true && (isWanted || history.isSample());
    const ms = performance.now() - about.start;
    this.#parts.observe({
      kind: 'script.finished',
      script: run.script.script.name,
      runner: runnerOf(run.script.script.language) ?? '',
      ms,
      log,
      run: isKept ? bridge.id : null,
    });
    if (isKept || run.told !== undefined) this.#keep(about, { ms, log });
    return finished;
  }

  #failed(about: Running, failure: Failure, log: readonly LogLine[]): Error {
    const { run, bridge, start } = about;
    const { script } = run.script;
    const ms = performance.now() - start;
    const id = this.#parts.history?.isKept === true ? bridge.id : null;
    this.#parts.observe({
      kind: 'script.failed',
      script: script.name,
      runner: runnerOf(script.language) ?? script.language,
      ms,
      outcome: failure.outcome,
      reason: loggedReason(failure),
      log,
      run: id,
    });
    this.#keep(about, { ms, log, failure });
    run.failed?.(failure, id);
    return told(failure, about, id);
  }

  #keep(
    { run, bridge }: Running,
    end: Pick<Parameters<typeof runRecord>[0], 'ms' | 'log' | 'failure'>,
  ): void {
    const { history } = this.#parts;
    if (history === undefined && run.told === undefined) return;
    const { script, exchange, stage } = run;
    const { name, language } = script.script;
    const record = runRecord({
      ...end,
      id: bridge.id,
      operation: exchange.operation,
      script: { name, language, version: script.version },
      stage,
      queuedRunId: exchange.queued?.id,
      status: exchange.result?.status,
    });
    history?.add(record);
    run.told?.(record);
  }
}

interface Running {
  readonly run: Run;
  readonly bridge: CallBridge;
  start: number;
}

type Ending = Extract<Outcome, { kind: 'finished' | 'exited' }>;

function isEnding(outcome: Outcome): outcome is Ending {
  return outcome.kind === 'finished' || (outcome.kind === 'exited' && outcome.code === 0);
}

function logOf(outcome: Outcome, { notes }: CallBridge): readonly LogLine[] {
  const log = 'log' in outcome ? outcome.log : [];
  return notes.length === 0 ? log : [...log, ...notes];
}

// A script that calls others reads their errors; it gets them the same whoever runs it, so only what asks
// from outside is told more.
function told({ error, reason, trace }: Failure, { run }: Running, id: string | null): Error {
  const { principal, requestor } = run.exchange.operation;
  if (!principal.isAdmin || requestor === 'script') return error;
  const { line = null, column = null, stack = null } = trace;
  return withContext(error, { script: run.script.script.name, run_id: id, line, column, stack, reason });
}
