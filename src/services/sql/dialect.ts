// The port of SQL engines: what differs between them beyond the driver. One folder each in dialects/.
import type { Kysely, RawBuilder } from 'kysely';
import type { Bindable, MaybePromise, Session } from '../../database/connection.ts';
import type { Field, Table } from './schema.ts';

/** Tables are only known at run time, so the builder is untyped by table; identifiers are always quoted by it. */
export type AnySchema = Record<string, Record<string, unknown>>;

/** A SQL engine as the service needs it. */
export interface Dialect {
  readonly name: string;
  /** Builds and compiles SQL text; never runs it. */
  readonly builder: Kysely<AnySchema>;
  /** Reads all tables and views with keys and relations. */
  introspect(session: Session): MaybePromise<readonly Table[]>;
  /** What is bound for a JSON value of a field. Throws `request.invalid_record` naming the field. */
  encode(field: Field, value: unknown): Bindable;
  /** The JSON value of what the driver read. */
  decode(field: Field, value: unknown): unknown;
  /** An expression that makes the JSON text of a record in the engine, or undefined when a field forbids it. */
  jsonRecord(fields: readonly Field[]): RawBuilder<string> | undefined;
}
