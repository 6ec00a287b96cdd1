// One SQL source: its database, dialect, settings and cached schema; handed to reading, writing and
// describing. Invariant: tables are read once and kept until refreshed; a name that is not found is looked
// for in a changed schema.
import { PlatformError } from '../../core/errors.ts';
import { type Database, DatabaseError, type MaybePromise } from '../../database/connection.ts';
import type { Dialect, Engine } from './dialect.ts';
import { ReadPlans } from './plan.ts';
import type { Table } from './schema.ts';

/** Settings common to all SQL service types. */
export interface SqlSettings {
  /** Name of the service, for inner calls and messages. */
  readonly service: string;
  /**
   * Number of the service, which schema answers name as `ref_service_id`; none for a source beside services.
   */
  readonly serviceId?: number;
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
  /** Compiled reads, by shape. */
  readonly plans: ReadPlans;
  /** Opens on first use; throws `service.unavailable`. */
  database(): Database;
  /** The table of that name in any case; throws 404 `Table "x" does not exist in the database.` */
  table(name: string): Table;
  /** In alphabetical order. */
  tables(): readonly Table[];
}

interface Schema {
  readonly tables: readonly Table[];
  readonly byName: ReadonlyMap<string, Table>;
  readonly version: unknown;
}

/** A source over one engine's database. */
export class EngineSource implements SqlSource {
  readonly settings: SqlSettings;
  readonly dialect: Dialect;
  readonly plans: ReadPlans;
  readonly #engine: Engine;
  #schema: Schema | undefined;

  constructor({ settings, engine }: { readonly settings: SqlSettings; readonly engine: Engine }) {
    this.settings = settings;
    this.dialect = engine.dialect;
    this.plans = new ReadPlans(engine.dialect);
    this.#engine = engine;
  }

  database(): Database {
    return this.#asking(() => this.#engine.database());
  }

  table(name: string): Table {
    const table = this.findTable(name);
    if (table !== undefined) return table;
    throw new PlatformError('request.not_found', `Table "${name}" does not exist in the database.`);
  }

  tables(): readonly Table[] {
    return this.#loaded().tables;
  }

  /** Like `table`, but undefined when there is none. */
  findTable(name: string): Table | undefined {
    const schema = this.#loaded();
    const table = schema.byName.get(name) ?? schema.byName.get(name.toLowerCase());
    if (table !== undefined || !this.refreshIfChanged()) return table;
    return this.#loaded().byName.get(name.toLowerCase());
  }

  /** Reads the schema anew when it next is needed. */
  refresh(): void {
    this.#schema = undefined;
  }

  /** Forgets the schema if somebody changed it since it was read; says whether that is so. */
  refreshIfChanged(): boolean {
    const version = this.#asking(() => this.#engine.schemaVersion());
    if (this.#schema?.version === version) return false;
    this.refresh();
    return true;
  }

  close(): MaybePromise<void> {
    return this.#engine.close();
  }

  #loaded(): Schema {
    this.#schema ??= this.#asking(() => readSchema(this.#engine));
    return this.#schema;
  }

  #asking<T>(question: () => T): T {
    try {
      return question();
    } catch (error) {
      if (error instanceof DatabaseError) throw unavailable(this.settings.service, error);
      throw error;
    }
  }
}

function readSchema(engine: Engine): Schema {
  const version = engine.schemaVersion();
  const tables = engine.introspect().toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const byName = new Map<string, Table>();
  for (const table of tables) byName.set(table.name.toLowerCase(), table);
  for (const table of tables) byName.set(table.name, table);
  return { tables, byName, version };
}

/** What the caller reads when a database cannot be used right now. */
export function unavailable(service: string, cause: DatabaseError): PlatformError {
  const why = cause.failure === 'busy' ? 'is busy. Please try again.' : 'is not available.';
  return new PlatformError('service.unavailable', `The database of service '${service}' ${why}`, { cause });
}
