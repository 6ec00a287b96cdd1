// What differs between the engines that can hold the system database. Everything else in this folder is
// portable: adding an engine is one file here beside sqlite.ts and nothing in the repositories.
import type {
  ColumnDataType,
  ColumnDefinitionBuilder,
  Dialect,
  InsertQueryBuilder,
  RawBuilder,
} from 'kysely';
import type { Channel } from './queue/signal.ts';
import type { Handle, TableRow } from './table.ts';

/** A statement that adds rows. */
export type Insertion = InsertQueryBuilder<Record<string, TableRow>, string, unknown>;

/** An engine of the system database. */
export interface StoreDialect {
  /** How Kysely speaks to it; already bound to its database. */
  readonly kysely: Dialect;
  /** Type of a column of generated identifiers. */
  readonly keyType: ColumnDataType;
  /** Makes a column of generated identifiers count by itself. */
  generated(column: ColumnDefinitionBuilder): ColumnDefinitionBuilder;
  /**
   * The column whose uniqueness a refused write would break; undefined when it was refused for another
   * reason.
   */
  conflict(error: unknown): string | undefined;
  /**
   * Does work in a transaction that need not have reached the disk when it is over: a power cut may undo it
   * as a whole.
   */
  loosely<T>(handle: Handle, work: (handle: Handle) => Promise<T>): Promise<T>;
  /** What is to be read once the schema is as it should be. */
  migrated?(handle: Handle): Promise<void>;
  /** How servers on it tell each other that runs were queued; absent: they do not. */
  readonly channel?: Channel;
  /** Its clock: milliseconds since 1970. */
  readonly now: RawBuilder<number>;
  /** Whether transactions happen side by side, so that rows that one is about to change must be locked. */
  readonly isConcurrent: boolean;
  /** Whether an index may leave out rows without a value. */
  readonly hasPartialIndexes: boolean;
  /**
   * Behind the name of a table, says that its rows are found by their key: an engine that reads a small table
   * whole would lock all of it. Absent: it only locks what it finds.
   */
  readonly byKey?: RawBuilder<unknown>;
  /** Whether a change can answer with the rows that it changed. */
  readonly hasReturning: boolean;
  /** Is told of statements that are asked very often, to have the server plan them once. */
  keep?(text: string): void;
  /** Leaves out rows that would break uniqueness. */
  skippingDuplicates(insertion: Insertion): Insertion;
  /** Whether a transaction lost against another one and may be done again. */
  isCollision(error: unknown): boolean;
}
