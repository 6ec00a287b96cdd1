// The log of runs: what is kept of a script's run once it is over, and the port of where it is kept.
// Invariant: a record is never changed; it is dropped when it is too old or one too many.
import type { EventName, Stage } from './event.ts';
import type { LogLine } from './observe.ts';
import type { Action, Message, Operation, Origin, Principal, Result } from './operation.ts';
import type { Order, Where } from './query.ts';
import type { Changes } from './runner.ts';
import type { Exchange } from './script.ts';

/** How a run ended; `refused`: it finished, and what it made of its event was an error. */
export type RunOutcome =
  | 'finished'
  | 'threw'
  | 'exited'
  | 'timeout'
  | 'aborted'
  | 'crashed'
  | 'saturated'
  | 'unavailable'
  | 'not_loaded'
  | 'refused';

/** One run of a script, as it is kept once it is over. Never changed afterwards. */
export interface RunRecord {
  /** UUID of version 7: sorts by time. */
  readonly id: string;
  readonly script: string;
  /** Type of the script: `nodejs`, `python3` … */
  readonly type: string;
  /** Start of the hash of its text: another one means that the text was another. */
  readonly version: string;
  /** `pre_process`, `post_process`, '' (final) or `service`. */
  readonly stage: string;
  readonly service: string;
  /** Path below the service. */
  readonly resource: string;
  readonly action: Action;
  readonly door: Origin;
  readonly caller: Principal['kind'];
  readonly userId: number | null;
  readonly appId: number | null;
  readonly depth: number;
  /** The run that made the call in which this one ran. */
  readonly parentId: string | null;
  /** The queued run that it was an attempt of; null: it came from no queue. */
  readonly queuedRunId: string | null;
  readonly startedDate: string;
  /** To the microsecond. */
  readonly durationMs: number;
  readonly outcome: RunOutcome;
  /** Status of the answer as it was after the run, where there was one. */
  readonly status: number | null;
  /** What it printed, as far as it is kept. */
  readonly output: readonly LogLine[];
  readonly isOutputCut: boolean;
  readonly errorMessage: string | null;
  readonly errorLine: number | null;
  readonly errorColumn: number | null;
  readonly errorStack: string | null;
}

/** A run with its place in the log: greater for what was recorded later, never used twice. */
export interface KeptRun extends RunRecord {
  readonly position: number;
}

/** Which runs are wanted; names are fields of a kept run. */
export interface RunQuery {
  readonly where?: Where | undefined;
  readonly order?: readonly Order[];
  readonly limit: number;
  readonly skip?: number;
  /** Without their output and stacks, which are long. */
  readonly isBrief?: boolean;
}

/** The log of runs. It is no configuration: nothing here counts as a change of it. */
export interface RunRepository {
  /** In the order given; all or none. */
  add(runs: readonly RunRecord[]): Promise<void>;
  /** Newest first unless an order is given. */
  find(query: RunQuery): Promise<KeptRun[]>;
  get(id: string): Promise<KeptRun | undefined>;
  count(where?: Where): Promise<number>;
  /** How many of these there were. */
  delete(ids: readonly string[]): Promise<number>;
  /**
   * Drops the oldest: those before a date and those beyond a number. Does a part at a time; returns how many
   * went, 0 when there is nothing left to drop.
   */
  trim(bounds: { readonly before: string; readonly keep: number; readonly atOnce: number }): Promise<number>;
}

/** A script that is tried out once, with an event made up for it. */
export interface Trial {
  readonly script: {
    readonly name: string;
    readonly type: string;
    readonly content: string;
    readonly allowModification: boolean;
    readonly timeoutMs: number | undefined;
  };
  /** The event it is tried on. */
  readonly event: EventName;
  readonly stage: Exclude<Stage, 'queued'>;
  /** What the event tells of; its principal is whose authority the script has. */
  readonly operation: Operation;
  /** The answer that a post_process script finds. */
  readonly result: Result | undefined;
  /** Answers the calls that the script makes. */
  readonly call: Exchange['call'];
}

/** What became of a trial. */
export interface TrialEnd {
  readonly record: RunRecord;
  /** What it returned, as JSON. */
  readonly returned: string | undefined;
  readonly changes: Changes;
  /** Request and answer as the script left them. */
  readonly request: Message;
  readonly result: Result | undefined;
}
