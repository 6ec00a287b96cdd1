// Schedules: operations that the clock asks for. Invariants: a slot is a moment that a schedule is for, told
// by the clock of the database alone; whoever moves a schedule on from a slot, which only one can, settles
// what becomes of it in the same transaction. All times are milliseconds since 1970 unless they say
// otherwise.
import type { Delivery, QueuedRun } from './queue.ts';
import type { Stamps } from './store.ts';

/** What becomes of a slot while the run of an earlier one is not over. */
export type Overlap = 'skip' | 'queue' | 'allow';

/** Which of the slots that nobody was there for are run late. */
export type MissedSlots = 'skip' | 'last' | 'all';

/** When a schedule comes: by a cron expression in a time zone or, without one, every so many minutes. */
export interface Timing {
  readonly cron: string | null;
  /** IANA name. */
  readonly timeZone: string;
  /** Minutes, counted from 1970 in UTC. */
  readonly frequency: number;
}

/** What the clock asks for, and when. */
export interface ScheduleRecord extends Stamps, Timing {
  readonly id: number;
  readonly name: string;
  readonly description: string | null;
  /** One that is not has no next slot: what would have come meanwhile is not missed. */
  readonly isActive: boolean;
  readonly serviceId: number;
  /** Path below the service, perhaps with a query. */
  readonly component: string;
  /** One of 1 GET, 2 POST, 4 PUT, 8 PATCH, 16 DELETE. */
  readonly verbMask: number;
  /** JSON text. */
  readonly payload: string | null;
  readonly overlap: Overlap;
  readonly missed: MissedSlots;
  /** How many of the missed slots are run late at most, the latest ones; for `all`. */
  readonly missedCount: number;
  /** Each run is begun so many seconds after its slot at most, at random. */
  readonly jitterSeconds: number;
  /** On whose authority the calls are made that it leads to; both null: that of the system. */
  readonly userId: number | null;
  readonly appId: number | null;
  /** Whether the call itself is made whatever that user may do. */
  readonly isPrivileged: boolean;
  /** Where it waits for a worker; null: the default ones. */
  readonly connection: string | null;
  readonly queue: string | null;
  readonly priority: number;
  /** How often the call may fail. */
  readonly tries: number;
  /** Null: as its worker has it. */
  readonly timeoutSeconds: number | null;
  readonly delivery: Delivery;
}

/** Why a run was set off: at its slot, later because nobody was there, or by a person. */
export type SlotCause = 'slot' | 'missed' | 'manual';

/**
 * Why a slot is not run: the run of an earlier one was not over, nobody was there, or there is nothing that
 * could be run, such as a service that is gone.
 */
export type SlotSkip = 'overlap' | 'missed' | 'unusable';

/** What became of a slot. */
export interface NewScheduleRun {
  /** Id of the queued run, where there is one. */
  readonly id: string;
  readonly scheduleId: number;
  /** Null: a person asked for it. */
  readonly slot: number | null;
  readonly cause: SlotCause;
  /** Null: it is run. */
  readonly skipped: SlotSkip | null;
  /** For how many slots it stands, this being the last: those that were missed are told of together. */
  readonly slots: number;
}

/** How the call of a run was answered, in its latest attempt. */
export interface ScheduleAnswer {
  readonly status: number;
  /** Text; its beginning where it is long. */
  readonly content: string | null;
}

/** A slot as it is remembered. */
export interface ScheduleRun extends NewScheduleRun {
  readonly createdDate: number;
  readonly answer: (ScheduleAnswer & { readonly date: number }) | null;
  /** As the queue has it; null: it does not know it any more, or never did. */
  readonly queued: Pick<
    QueuedRun,
    'position' | 'state' | 'attempt' | 'availableDate' | 'startedDate' | 'finishedDate' | 'reason' | 'logId'
  > | null;
}

/** The latest runs of a schedule; what was skipped is no run. */
export interface LatestScheduleRuns {
  readonly run: ScheduleRun | undefined;
  /** Of those of which it is known how they ended. */
  readonly ended: ScheduleRun | undefined;
}

/** A schedule whose slot has come. */
export interface DueSchedule {
  readonly id: number;
  readonly slot: number;
}

/** Which remembered slots are told; the newest first. */
export interface ScheduleRunQuery {
  /** Absent: of all schedules. */
  readonly scheduleId?: number;
  /** Only the one with this id. */
  readonly runId?: string;
  readonly limit: number;
  readonly skip?: number;
}

/** Which remembered slots are dropped. */
export interface ScheduleRunBounds {
  readonly olderThanMs: number;
  /** So many are kept of each schedule at most. */
  readonly keep: number;
  readonly atOnce: number;
}

/**
 * The slots of schedules: the truth about what the clock did. In a transaction of the store, part of that.
 */
export interface ScheduleSlots {
  /** The time by the clock of the database. */
  now(): Promise<number>;
  /** Schedules whose slot has come, the earliest first, and the time. */
  due(limit: number): Promise<{ readonly now: number; readonly schedules: readonly DueSchedule[] }>;
  /** In how many milliseconds the next slot comes, 0 when one has; undefined: none does. */
  nextDue(): Promise<number | undefined>;
  /** The next slots of schedules that have one. */
  next(): Promise<ReadonlyMap<number, number>>;
  /** Says when a schedule comes next, whatever was said before; null: it does not. */
  plan(scheduleId: number, slot: number | null): Promise<void>;
  /**
   * Of schedules whose slot has come, those that nobody else moves on at this moment or did; until the end of
   * the transaction that it is asked in, others leave them out. Waits for nobody.
   */
  hold(due: readonly DueSchedule[]): Promise<DueSchedule[]>;
  /** Moves a schedule on from a slot; false where somebody else did. */
  advance(due: DueSchedule, to: number | null): Promise<boolean>;
  /**
   * Remembers what became of slots. Refuses the run of one that is remembered already; where it is told that
   * one was not run, what is remembered stands.
   */
  note(runs: readonly NewScheduleRun[]): Promise<void>;
  /** Remembers how the call of a run was answered; one that is not remembered is left out. */
  answered(runId: string, answer: ScheduleAnswer): Promise<void>;
  runs(query: ScheduleRunQuery): Promise<ScheduleRun[]>;
  /** The latest runs of a schedule, or of all. */
  latest(scheduleId?: number): Promise<ReadonlyMap<number, LatestScheduleRuns>>;
  countRuns(scheduleId?: number): Promise<number>;
  /** Drops what is remembered, the oldest first, a part at a time; 0 when there is nothing left to drop. */
  trim(bounds: ScheduleRunBounds): Promise<number>;
  /** Forgets the slots of a schedule that is gone. */
  forget(scheduleId: number): Promise<void>;
}

/** Works out when schedules come. */
export interface Timetable {
  /** Refuses what it cannot read or what never comes. Throws `request.invalid_parameter` with the field. */
  check(timing: Timing): void;
  /** The next moments after one, at most so many; fewer where there are no more. */
  next(timing: Timing, after: number, count: number): number[];
}

/** What a scheduled call is queued for. */
export interface ScheduleOrder {
  readonly schedule: ScheduleRecord;
  /** Name of its service. */
  readonly service: string;
  /** Of the run: a UUID of version 7. */
  readonly id: string;
  /** Null: a person asked for it. */
  readonly slot: number | null;
  readonly delayMs: number;
}

/** What a person's wish to run a schedule now came to. */
export type ManualRun =
  | { readonly outcome: 'queued'; readonly id: string }
  /** The run of an earlier slot is not over, and the schedule skips then. */
  | { readonly outcome: 'busy'; readonly id: string };

/** Schedules as those who administer them know the clock. */
export interface ScheduleDesk {
  readonly timetable: Timetable;
  /** Queues a run at once, whether or not the schedule is active. Throws where its service is gone. */
  runNow(scheduleId: number): Promise<ManualRun>;
}
