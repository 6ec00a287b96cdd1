// The port of SQL engines: what differs between them. One folder each in dialects/.
import type { Kysely, RawBuilder } from 'kysely';
import type { Literal } from '../../core/query.ts';
import type { Bindable, Database, MaybePromise } from '../../database/connection.ts';
import type { Field, Table } from './schema.ts';

/**
 * Tables are only known at run time, so the builder is untyped by table; identifiers are always quoted by it.
 */
export type AnySchema = Record<string, Record<string, unknown>>;

/** The language of a SQL engine as the service needs it. */
export interface Dialect {
  readonly name: string;
  /** Builds and compiles SQL text; never runs it. */
  readonly builder: Kysely<AnySchema>;
  /** What is bound for a JSON value of a field. Throws `request.invalid_record` naming the field. */
  encode(field: Field, value: unknown): Bindable;
  /**
   * What is bound for a value that a filter compares with. Throws `request.invalid_filter` naming the field.
   */
  encodeLiteral(field: Field, value: Literal): Bindable;
  /** The JSON value of what the driver read. */
  decode(field: Field, value: unknown): unknown;
  /**
   * An expression that makes the JSON text of a record in the engine, or undefined when a field forbids it.
   */
  jsonRecord(fields: readonly Field[]): RawBuilder<string> | undefined;
  /** An aggregate that makes a JSON list of such records. */
  jsonList(record: RawBuilder<string>): RawBuilder<string>;
  /** An aggregate that makes a JSON list of texts which are JSON already. */
  jsonJoined(text: RawBuilder<string>): RawBuilder<string>;
}

/** One database behind an engine's driver. Embedded engines only so far: its schema is read at once. */
export interface Engine {
  readonly dialect: Dialect;
  /** Opens on first use; throws DatabaseError `unavailable`. */
  database(): Database;
  /** Reads all tables and views with keys and relations. */
  introspect(): readonly Table[];
  /** Differs from an earlier answer when the schema was changed in between, by whomever. */
  schemaVersion(): unknown;
  close(): MaybePromise<void>;
}
