// One SQL source: its database, dialect, settings and cached schema; handed to reading, writing and describing.
import type { Database } from '../../database/connection.ts';
import type { Dialect } from './dialect.ts';
import type { Table } from './schema.ts';

/** Settings common to all SQL service types. */
export interface SqlSettings {
  /** Name of the service, for inner calls and messages. */
  readonly service: string;
  /** Page and batch cap (rulings 26). */
  readonly maxRecords: number;
  /** Whether PUT of an unknown identifier inserts. */
  readonly allowUpsert: boolean;
  /** Whether unknown fields in written records are refused instead of ignored. */
  readonly strictFields: boolean;
}

/** What reading and writing work on. */
export interface SqlSource {
  readonly settings: SqlSettings;
  readonly dialect: Dialect;
  /** Opens on first use; throws `service.unavailable`. */
  database(): Database;
  /** The table of that name; throws 404 `Table "x" does not exist in the database.` */
  table(name: string): Table;
  tables(): readonly Table[];
}
