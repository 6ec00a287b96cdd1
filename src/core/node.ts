// The processes that share a system database: servers, and workers beside them.
// Invariant: that one is there is said by the clock of the database, never by that of a machine.

/** What a process says of itself. */
export interface NodePresence {
  /** Made when the process begins. */
  readonly id: string;
  /** Name of its machine. */
  readonly host: string;
  /** What no two running machines have in common, and all processes of one. */
  readonly hostMark: string;
  readonly pid: number;
  readonly kind: 'serve' | 'work';
  /** Where a server listens; null: nowhere. */
  readonly url: string | null;
  readonly version: string;
  /** Queues that it works, as `connection:name`. */
  readonly queues: readonly string[];
  /** Whether it takes nothing new, because it is about to end. */
  readonly isDraining: boolean;
}

/** A process as the others know it. Dates are milliseconds since 1970 by the clock of the database. */
export interface NodeRecord extends NodePresence {
  readonly startedDate: number;
  readonly seenDate: number;
  /** Whether it was seen within its lease. */
  readonly isAlive: boolean;
}

/** Who is there. */
export interface NodeRegistry {
  /** Says that a process is there, and how it is. */
  beat(node: NodePresence): Promise<void>;
  /** To be said by a process that ends. */
  leave(id: string): Promise<void>;
  /** All that are there or were not long ago, in the order in which they began. */
  list(): Promise<NodeRecord[]>;
  /** Those that are there on other machines than that of the mark. */
  elsewhere(hostMark: string): Promise<NodeRecord[]>;
  /** Those whose lease is over since it was last asked, by whichever process: each is told once. */
  takeLost(): Promise<NodeRecord[]>;
  /** Forgets those that were lost long ago; tells how many. */
  trim(): Promise<number>;
}
