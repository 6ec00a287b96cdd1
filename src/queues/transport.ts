// The port of transports: how workers hear of the runs of a connection. Invariant: the run store holds the
// truth; a transport carries ids and wake-ups, so that what it loses costs time and what it repeats nothing.

import type { Observe } from '../core/observe.ts';
import type { NewQueuedRun, QueueSignal, RunPerformer, RunStore } from '../core/queue.ts';
import type { ConfigField } from '../core/service.ts';
import type { Store } from '../core/store.ts';

/** What a transport carries of a run. */
export type RunNote = Pick<NewQueuedRun, 'id' | 'queue' | 'delayMs'>;

/** What a worker is told of a run. */
export type HeardNote = Pick<RunNote, 'id' | 'queue'>;

/**
 * Told that runs came: those with these ids, or, without any, that it is worth looking. Resolves when the
 * worker has looked, true, or when it is not going to, false: then others should be told. Never rejects.
 */
export type Hear = (notes?: readonly HeardNote[]) => Promise<boolean>;

/** How the runs of one connection get to those who perform them. */
export interface Transport {
  /** Begins what it does by itself; before, it only does what it is asked for. */
  start?(): void;
  /** How a run is kept in the run store; undefined: it is accepted and dropped. */
  keep(run: NewQueuedRun): NewQueuedRun | undefined;
  /** Tells of runs that the run store has. */
  push(notes: readonly RunNote[]): Promise<void>;
  /** Whether runs are left to workers. */
  readonly isWorked: boolean;
  /**
   * Lets a worker hear of runs of these queues, of which `*` stands for all others, until it calls what it
   * gets. Where nothing is left to workers it hears of nothing.
   */
  consume(hear: Hear, queues: readonly string[]): () => void;
  /** Why nothing can be told or heard at the moment; undefined: it can, and absent: always. */
  flaw?(): Promise<string | undefined>;
  /** Resolves when nothing is under way any more. */
  close(): Promise<void>;
}

/** What a transport is made with. */
export interface TransportSettings {
  /** Name of the connection. */
  readonly connection: string;
  readonly defaultQueue: string;
  /** Checked against the fields of its kind, secrets in clear. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly store: TransportStore;
  /** Asked for when the first run is performed: whoever performs runs also queues some. */
  readonly performer: () => RunPerformer;
  /** Where runs go that a performed one sets off. */
  readonly consign: (runs: readonly NewQueuedRun[]) => Consignment;
  readonly observe: Observe;
}

/** Of the system database: where runs are, and what tells of them. */
export interface TransportStore {
  readonly queue: RunStore;
  readonly queueSignal: QueueSignal;
  transaction: Store['transaction'];
}

/** Runs on their way to their connections. */
export interface Consignment {
  /** What the run store is to keep, each with its connection and queue. */
  readonly runs: readonly NewQueuedRun[];
  /** Tells the transports, once the run store has them. Never throws. */
  announce(): Promise<void>;
}

/** A kind of transport. */
export interface TransportKind {
  readonly name: string;
  readonly label: string;
  readonly description: string;
  readonly config: readonly ConfigField[];
  /** What is wrong with a configuration whose fields are there and of their types; secrets are in clear. */
  refuse?(config: Readonly<Record<string, unknown>>): ConfigFlaw | undefined;
  /** Must not fail because a broker is away: runs are kept all the same. */
  create(settings: TransportSettings): Transport;
}

/** What is wrong with a field of a configuration. */
export interface ConfigFlaw {
  readonly field: string;
  /** As the end of a sentence that begins with its name. */
  readonly reason: string;
}
