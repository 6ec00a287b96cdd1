// The port of SQL engines: what differs between them. One folder each in dialects/, one conformance suite for
// all (suite.ts). Invariant: shared code never asks which engine it is, only for the clause or fact it needs.
import type { Kysely, RawBuilder } from 'kysely';
import type { Literal, Order } from '../../core/query.ts';
import type {
  Bindable,
  Database,
  MaybePromise,
  Session,
  Statement,
  Transaction,
} from '../../database/connection.ts';
import type { OutboxWords } from './outbox/tables.ts';
import type { Routines } from './routines/routine.ts';
import type { Ddl } from './schema/ddl.ts';
import type { Catalog, Field, Table } from './schema.ts';

/**
 * Tables are only known at run time, so the builder is untyped by table; identifiers are always quoted by it.
 */
export type AnySchema = Record<string, Record<string, unknown>>;

/** A row to insert: the fields that are bound, in order, and those that are to be answered. */
export interface InsertShape {
  readonly table: Table;
  readonly fields: readonly Field[];
  readonly returning: readonly Field[];
}

/** How a column is sorted, and whether it can have nulls. */
export interface OrderTerm extends Pick<Order, 'descending' | 'nulls'> {
  readonly hasNulls: boolean;
}

/** How an engine takes several rows in one INSERT. */
export interface SeveralRows {
  /** The most values that a statement binds. */
  readonly parameters: number;
  /** Whether it answers the keys that it made, in the order of the rows. */
  readonly returnsKeys: boolean;
}

/** The clauses that engines spell differently. Pieces of SQL with a mark for each value. */
export interface Grammar {
  /** The end of a list that binds `pageValues`; `isOrdered`: an ORDER BY stands before it. */
  page(isOrdered: boolean): RawBuilder<unknown>;
  /** What `page` binds, in its order. */
  pageValues(limit: number, offset: number): readonly Bindable[];
  /** One term of ORDER BY. Nulls come first in ascending order unless the caller says otherwise. */
  order(column: RawBuilder<unknown>, term: OrderTerm): RawBuilder<unknown>;
  /**
   * Whether a column is like a bound pattern, upper and lower case alike. `escaped`: the pattern's own `%`,
   * `_` and `\` stand after a backslash; without it there is no escape character.
   */
  like(column: RawBuilder<unknown>, escaped: boolean, field?: Field): RawBuilder<unknown>;
  /** Whether exactly one of two conditions holds. */
  xor(left: RawBuilder<unknown>, right: RawBuilder<unknown>): RawBuilder<unknown>;
  /** Whether `xor` says each condition twice, one after the other; absent: once. */
  readonly repeatsXor?: boolean;
  /** The mark of a value that a field is compared with. */
  mark(field: Field): RawBuilder<unknown>;
  /**
   * SUM or AVG of a column, which comes with DISTINCT before it where that was asked for, when the engine's
   * own would cut, round or overflow; undefined: its own.
   */
  summed?(
    aggregate: 'SUM' | 'AVG',
    field: Field,
    distinct: RawBuilder<unknown>,
  ): RawBuilder<unknown> | undefined;
  /** The mark of a value that a field is set to. */
  setMark(field: Field): RawBuilder<unknown>;
  /** What is selected for a field that the driver would not read faithfully; absent: the column itself. */
  read?(field: Field): RawBuilder<unknown> | undefined;
  /** An INSERT of one row; without fields, of defaults only. */
  insert(shape: InsertShape): RawBuilder<unknown>;
  /**
   * An expression for a key that the database would make and no INSERT can answer: asked for before, then
   * bound.
   * Absent or undefined: an INSERT answers it.
   */
  keyBefore?(table: Table, field: Field): RawBuilder<unknown> | undefined;
  /** Absent where inserting rows one by one is as quick. */
  readonly severalRows?: SeveralRows;
  /** How an insert tells a key that the database made: by the driver's `lastId`, or as a row. */
  readonly generatedKey: 'last_id' | 'returning';
  /** Whether an insert that answers a row may run outside a transaction, as one statement. */
  readonly returnsAlone: boolean;
  /** Whether a refused statement leaves its transaction unusable, so that each needs a savepoint. */
  readonly breaksTransactions: boolean;
  /** Whether text longer than its column is stored all the same. */
  readonly keepsLongText: boolean;
}

/** A read whose records are wanted as JSON. */
export interface JsonRead {
  readonly statement: Statement;
  readonly values: readonly Bindable[];
  readonly fields: readonly Field[];
}

/** A JSON list of records, and how many there are. */
export interface JsonRecords {
  readonly text: string;
  readonly count: number;
}

/** The language of a SQL engine as the service needs it. */
export interface Dialect {
  readonly name: string;
  /** Builds and compiles SQL text; never runs it. */
  readonly builder: Kysely<AnySchema>;
  readonly grammar: Grammar;
  /** What is bound for a JSON value of a field. Throws `request.invalid_record` naming the field. */
  encode(field: Field, value: unknown): Bindable;
  /**
   * What is bound for a value that a filter compares with. Throws `request.invalid_filter` naming the field.
   */
  encodeLiteral(field: Field, value: Literal): Bindable;
  /** The JSON value of what the driver read. */
  decode(field: Field, value: unknown): unknown;
  /**
   * An expression that makes the JSON text of a record in the engine, or undefined when a field forbids it or
   * rows are quicker there.
   */
  jsonRecord(fields: readonly Field[]): RawBuilder<string> | undefined;
  /**
   * Records straight as JSON text, where the driver makes it quicker than rows do; undefined where it does
   * not. The statement selects the fields in their order.
   */
  readJson?(session: Session, read: JsonRead): Promise<JsonRecords> | undefined;
  /** An aggregate that makes a JSON list of such records. */
  jsonList(record: RawBuilder<string>): RawBuilder<string>;
  /** An aggregate that makes a JSON list of texts which are JSON already. */
  jsonJoined(text: RawBuilder<string>): RawBuilder<string>;
  /** How the schema is changed. */
  readonly ddl: Ddl;
  /** How runs are kept beside what sets them off; absent: they are not. */
  readonly outbox?: OutboxWords;
}

/** One database behind an engine's driver. */
export interface Engine {
  readonly dialect: Dialect;
  /** Absent where the engine knows no procedures and functions. */
  readonly routines?: Routines;
  /** Opens on first use, or makes a pool that connects on first use; throws DatabaseError `unavailable`. */
  database(): Database;
  /** Reads all tables and views with their keys. Embedded engines answer at once. */
  introspect(): MaybePromise<Catalog>;
  /**
   * Changes the schema in what comes nearest to a transaction on this engine; absent: a transaction of the
   * database.
   */
  changeSchema?<T>(work: (session: Transaction) => MaybePromise<T>): Promise<T>;
  /** Differs from an earlier answer when the schema was changed in between, by whomever. */
  schemaVersion(): MaybePromise<unknown>;
  close(): MaybePromise<void>;
}
