// What a script is, where it plugs in, and the exchange that it sees and changes.
// Invariant: the path knows scripts only through this port; what a slot means is written in scripts/types.
import type { EventName } from './event.ts';
import type { Headers, InnerCall, Message, Operation, Result, RunMark } from './operation.ts';
import type { SetOff } from './outbox.ts';
import type { QueueOptions } from './queue-options.ts';
import type { RunOutcome } from './run.ts';

/** A script as it is stored: DreamFactory's event script with our fields beside it. */
export interface Script {
  /** The whole event name for event scripts. */
  readonly name: string;
  /** Language type: `nodejs`, `typescript`, `python3`, `php` … */
  readonly language: string;
  readonly content: string;
  readonly active: boolean;
  /** Without it a script may still refuse, but its changes are dropped. */
  readonly allowModification: boolean;
  readonly timeoutMs: number;
  /** Names of lookups that `{name}` in its string literals may stand for (rulings 4). */
  readonly lookups: readonly string[];
  /** The role in whose name its own calls are made; null or absent: that of whoever sets it off. */
  readonly runAsRoleId?: number | null;
  /** Of scripts that run from the queue. */
  readonly queue?: QueueOptions;
}

/** What the script of a queued run is told of it. */
export interface QueuedEvent {
  /** The same in every attempt. */
  readonly id: string;
  /** Which attempt this one is, from 1. */
  readonly attempt: number;
  /** Nobody knows whether what the event tells of has happened. */
  readonly isUncertain: boolean;
}

/** What a queued run remembers over its attempts, as JSON texts. */
export interface RunMemory {
  /** Undefined: nothing was remembered under the key, in any attempt. */
  recall(key: string): Promise<string | undefined>;
  /** Durably; false where the run is somebody else's by now. */
  remember(key: string, value: string): Promise<boolean>;
}

/** One request on its way: what the scripts of its slots see and may change. */
export interface Exchange {
  readonly operation: Operation;
  /** Current request: replaced when a before script edits it. */
  request: Message;
  /** Undefined until a before script, the handler or an error has made one. */
  result: Result | undefined;
  /** JSON of `request.headers`, once somebody wrote it; belongs to whoever makes sections. */
  headersText: { readonly of: Headers; readonly text: string } | undefined;
  /** Absent: the exchange is that of no queued run. */
  readonly queued?: QueuedEvent;
  /** Of a queued run. */
  readonly memory?: RunMemory;
  /** Calls the platform for a running script: requestor script, one level deeper, on the run's authority. */
  call(call: InnerCall, run?: RunMark): Promise<Result>;
}

/** A queued run, as the script takes it that it is of. */
export interface QueuedWork extends Pick<Exchange, 'operation' | 'result' | 'call'> {
  readonly queued: QueuedEvent;
  readonly memory: RunMemory;
  /** Version of the text; null: the latest. */
  readonly version: string | null;
  /** Instead of the script's own; null: that. */
  readonly timeoutMs: number | null;
  readonly signal: AbortSignal;
}

/** How a queued run ended. */
export type QueuedEnd =
  | { readonly outcome: 'finished' }
  | {
      readonly outcome: Exclude<RunOutcome, 'finished'>;
      readonly reason: string;
      /** Its record in the log of runs; null: none is kept. */
      readonly logId: string | null;
      /** Seconds after which it wants another try, or none at all; undefined: it did not say. */
      readonly retry: number | false | undefined;
    };

/** The scripts bound to one location, found once. */
export interface ScriptPlan {
  /** In firing order. Throws when a script refuses, fails or cannot be run; later ones are then not run. */
  before(exchange: Exchange): Promise<void>;
  after(exchange: Exchange): Promise<void>;
  readonly hasBefore: boolean;
  readonly hasAfter: boolean;
  /** The queued runs that the exchange sets off; absent: no script of the location is queued. */
  setOff?(exchange: Exchange): SetOff;
}

/** A script that is a whole service: its text is read once and run for every operation. */
export interface ScriptHandler {
  /** Runs the script; throws `script.*` when it refuses, fails or cannot be run. */
  handle(operation: Operation, call: Exchange['call']): Promise<Result>;
  /** Queues a run of the script instead; the answer says so (202). Throws when nothing keeps it. */
  enqueue(operation: Operation): Promise<Result>;
  /** Does a queued run of the script. */
  perform(work: QueuedWork): Promise<QueuedEnd>;
  /** Why its text cannot be loaded, with the place; undefined when it can. */
  flaw(): Promise<string | undefined>;
}

/** The script of a service before it is made a handler. */
export interface HandlerSource {
  /** For logs and messages: `service.<name>`. */
  readonly name: string;
  readonly language: string;
  readonly content: string;
  /** Options of the script: `timeout_ms`, `lookups`. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly runAsRoleId?: number | null;
  /** Whether its runs are queued. */
  readonly isQueued?: boolean;
}

/** Makes handlers of scripts: what a service that is a script needs of the rest of the house. */
export interface ScriptHandlers {
  handler(source: HandlerSource): ScriptHandler;
  /** Throws `script.invalid` for a source that could never be run as it is. */
  check(source: HandlerSource): void;
}

/** The scripts of the platform, as the path needs them. */
export interface ScriptDirectory {
  /** Undefined when no active script is bound to any of these events. */
  plan(events: readonly EventName[]): ScriptPlan | undefined;
  /** Grows with every change: plans of an older generation are dropped. */
  readonly generation: number;
}
