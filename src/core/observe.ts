// Everything worth noticing is one union; code says that it happened, observers (log, metrics, audit) decide
// what to show.
import type { PlatformError } from './errors.ts';
import type { Action, Origin } from './operation.ts';
import type { RunOutcome } from './run.ts';
import type { SlotSkip } from './schedule.ts';

/** A line that a script wrote. */
export interface LogLine {
  readonly level: 'log' | 'info' | 'warn' | 'error' | 'debug';
  readonly text: string;
}

/** What is known of every outgoing call. */
interface OutgoingFacts {
  method: string;
  origin: string;
  by: string;
  ms: number;
}

/** Something that happened. Durations in milliseconds. */
export type Observation =
  | {
      kind: 'operation.failed';
      service: string;
      path: string;
      action: Action;
      origin: Origin;
      error: PlatformError;
    }
  | { kind: 'http.failed'; method: string; path: string; error: PlatformError }
  | {
      kind: 'script.finished';
      script: string;
      runner: string;
      ms: number;
      log: readonly LogLine[];
      /** Its id in the log of runs, where it is kept there. */
      run: string | null;
    }
  | {
      kind: 'script.failed';
      script: string;
      runner: string;
      ms: number;
      outcome: RunOutcome;
      reason: string;
      log: readonly LogLine[];
      run: string | null;
    }
  /** Runs that were to be recorded and are not. */
  | { kind: 'runs.dropped'; count: number; reason: string }
  | { kind: 'runner.started' | 'runner.retired'; language: string; pid: number; reason?: string }
  | { kind: 'runner.failed'; language: string; pid: number; reason: string }
  | { kind: 'sandbox.opened'; level: string; launcher: string; notes: readonly string[] }
  /** An outgoing call; `by` is the script that made it. */
  | ({ kind: 'egress.finished'; status: number } & OutgoingFacts)
  | ({ kind: 'egress.failed'; error: PlatformError } & OutgoingFacts)
  /**
   * A queued run: begun by a worker, over, tried again later, failed for good or put aside; not begun,
   * stopped because somebody wanted it, given back by a worker that stops, or held by somebody else by now.
   */
  | {
      kind:
        | 'queue.started'
        | 'queue.done'
        | 'queue.retried'
        | 'queue.failed'
        | 'queue.quarantined'
        | 'queue.postponed'
        | 'queue.cancelled'
        | 'queue.released'
        | 'queue.lost';
      id: string;
      /** Its short number. */
      position: number;
      script: string;
      queue: string;
      connection: string;
      attempt: number;
      reason: string | null;
    }
  /** A worker began, stops taking runs, lost its store, or has it again. */
  | {
      kind: 'worker.started' | 'worker.draining' | 'worker.stopped';
      worker: string;
      queues: readonly string[];
    }
  | { kind: 'worker.failed'; worker: string; reason: string }
  | { kind: 'worker.recovered'; worker: string }
  /** Runs that nobody handed on were found in an outbox. */
  | { kind: 'outbox.released'; service: string; count: number }
  /** A slot of a schedule was run, or was not; `lateMs` after it had come. */
  | { kind: 'schedule.fired'; schedule: string; slot: number; lateMs: number; run: string }
  | { kind: 'schedule.skipped'; schedule: string; slot: number; reason: SlotSkip; slots: number }
  /** What the clock could not do, and that it can again. */
  | { kind: 'schedule.failed'; reason: string }
  | { kind: 'schedule.recovered' }
  /** A process joined those that share the system database, or was not seen for its lease. */
  | { kind: 'node.started' | 'node.lost'; node: string; host: string; pid: number; version: string }
  /** A process cannot say that it is there, and why; it can again. */
  | { kind: 'node.failed'; reason: string }
  | { kind: 'node.recovered' }
  /** The file of the system database is where other machines may open it, too. */
  | { kind: 'store.doubtful'; reason: string }
  /** The broker of a queue connection is away, so that workers hear of runs by looking; and it is back. */
  | { kind: 'broker.failed'; connection: string; reason: string }
  | { kind: 'broker.recovered'; connection: string }
  /** Messages that are not ours were found in a queue of a broker, and dropped. */
  | { kind: 'broker.refused'; connection: string; place: string; count: number }
  /** Limits are counted together with other servers again, or by this one alone, and why. */
  | { kind: 'limits.counting'; isShared: boolean; reason: string | null }
  | { kind: 'config.changed'; record: string; by: number | null }
  /** Something was done with more authority than that of whoever caused it. */
  | { kind: 'elevated'; by: string; to: string; service: string; path: string; action: Action }
  | { kind: 'service.failed'; service: string; reason: string }
  | { kind: 'session.opened' | 'session.closed' | 'session.refused'; email: string; reason?: string };

/** Takes observations; must not throw and must not wait. */
export type Observe = (observation: Observation) => void;
