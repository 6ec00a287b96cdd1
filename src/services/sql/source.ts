// One SQL source: its database, dialect, settings and cached schema; handed to reading, writing and
// describing. Invariant: tables are read once and kept until refreshed; a name that is not found is looked
// for in a changed schema.
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Action } from '../../core/operation.ts';
import { type Database, DatabaseError, type MaybePromise, whenDone } from '../../database/connection.ts';
import type { Dialect, Engine } from './dialect.ts';
import { ReadPlans } from './reading/plan.ts';
import { assemble } from './schema/assembly.ts';
import { noOverlay, type ServiceOverlay } from './schema/overlay.ts';
import type { Catalog, Table } from './schema.ts';

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
  /** How long a transaction of a script may stay open, in ms. */
  readonly transactionMs: number;
  /** Whether its database keeps what its writes set off, where its engine can; yes unless told otherwise. */
  readonly keepsOutbox?: boolean;
  /** Whether what a write sets off is dropped where nobody knows if it was committed; absent: no. */
  readonly dropsUncertain?: boolean;
}

/** What reading and writing work on. */
export interface SqlSource {
  readonly settings: SqlSettings;
  readonly dialect: Dialect;
  /** Compiled reads, by shape. */
  readonly plans: ReadPlans;
  /** Opens on first use; throws `service.unavailable`. */
  database(): Database;
  /**
   * The table of that name in any case, as the caller may do something to it; to read it unless said
   * otherwise. Throws 404 `Table "x" does not exist in the database.`
   */
  table(name: string, action?: Action): Table;
  /** In alphabetical order. */
  tables(): readonly Table[];
}

interface Schema {
  readonly tables: readonly Table[];
  readonly byName: ReadonlyMap<string, Table>;
  readonly version: unknown;
  readonly catalog: Catalog;
  readonly overlay: ServiceOverlay;
}

/** A source over one engine's database. */
export class EngineSource implements SqlSource {
  readonly settings: SqlSettings;
  readonly dialect: Dialect;
  readonly plans: ReadPlans;
  readonly #engine: Engine;
  #schema: Schema | undefined;
  #loading: Promise<void> | undefined;
  #failure: PlatformError | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #overlay = () => noOverlay;
  #generation = 0;

  constructor({ settings, engine }: { readonly settings: SqlSettings; readonly engine: Engine }) {
    this.settings = settings;
    this.dialect = engine.dialect;
    this.plans = new ReadPlans(engine.dialect);
    this.#engine = engine;
  }

  /** Lays over the tables what administrators say of them, which may be another thing at any time. */
  useOverlay(overlay: () => ServiceOverlay): void {
    this.#overlay = overlay;
    this.refresh();
  }

  /** Another number when the tables may be others. */
  get generation(): number {
    return this.#generation;
  }

  /** What the database itself says of its tables. */
  catalog(): Catalog {
    return this.#loaded().catalog;
  }

  /** What administrators say of its tables. */
  overlay(): ServiceOverlay {
    return this.#loaded().overlay;
  }

  database(): Database {
    try {
      return this.#engine.database();
    } catch (error) {
      throw this.#explained(error);
    }
  }

  /** Reads the schema unless it is there; resolves also when that fails, which `tables` then says. */
  ready(): Promise<void> | undefined {
    this.#followOverlay();
    if (this.#schema !== undefined) return undefined;
    this.#loading ??= this.#load()?.finally(() => (this.#loading = undefined));
    return this.#loading;
  }

  /**
   * Looks whether the schema was changed, because a table is asked for that it does not have, and reads it
   * anew then. Not more often than once a moment on servers, where each look is a call.
   */
  lookAgain(name: string): Promise<void> | undefined {
    if (this.#schema === undefined || this.#known(name) !== undefined) return this.ready();
    const now = performance.now();
    if (now - this.#lookedAt < limits.schemaLookMs) return undefined;
    const changed = this.refreshIfChanged();
    if (!(changed instanceof Promise)) return this.ready();
    this.#lookedAt = now;
    return changed.then(
      () => this.ready(),
      () => undefined,
    );
  }

  table(name: string): Table {
    const table = this.findTable(name);
    if (table !== undefined) return table;
    throw new PlatformError('request.not_found', `Table "${name}" does not exist in the database.`);
  }

  tables(): readonly Table[] {
    return this.#loaded().tables;
  }

  /** The table of that name, which below `_schema` may be its own instead of its alias; throws 404. */
  ownTable(name: string): Table {
    return this.findTable(name, true) ?? this.table(name);
  }

  /** Like `table`, but undefined when there is none; `isOwn` finds it by what its alias stands for, too. */
  findTable(name: string, isOwn = false): Table | undefined {
    const { tables } = this.#loaded();
    const table = this.#known(name);
    if (table !== undefined || !isOwn) return table;
    return tables.find(({ ownName }) => ownName.toLowerCase() === name.toLowerCase());
  }

  /** Reads the schema anew when it next is needed. */
  refresh(): void {
    this.#schema = undefined;
  }

  /** Forgets the schema if somebody changed it since it was read; says whether that is so. */
  refreshIfChanged(): MaybePromise<boolean> {
    const compare = (version: unknown) => {
      if (this.#schema?.version === version) return false;
      this.refresh();
      return true;
    };
    try {
      const version = this.#engine.schemaVersion();
      return version instanceof Promise
        ? version.then(compare, (error) => Promise.reject(this.#explained(error)))
        : compare(version);
    } catch (error) {
      throw this.#explained(error);
    }
  }

  close(): MaybePromise<void> {
    return this.#engine.close();
  }

  // Another revision means that the database was changed through us, perhaps by another process.
  #followOverlay(): void {
    const schema = this.#schema;
    const overlay = this.#overlay();
    if (schema === undefined || schema.overlay === overlay) return;
    const isRevised = schema.overlay.revision !== overlay.revision;
    this.#schema = isRevised ? undefined : schemaOf(schema, overlay);
    this.#generation++;
  }

  #known(name: string): Table | undefined {
    return this.#schema?.byName.get(name) ?? this.#schema?.byName.get(name.toLowerCase());
  }

  #loaded(): Schema {
    if (this.#schema !== undefined) return this.#schema;
    // Embedded engines answer at once; a server's answer was awaited in `ready`.
    const loading = this.ready();
    if (this.#schema !== undefined) return this.#schema;
    if (loading !== undefined && this.#failure === undefined) throw notReadYet(this.settings.service);
    throw this.#failure ?? notReadYet(this.settings.service);
  }

  #load(): Promise<void> | undefined {
    const keep = (schema: Schema) => {
      this.#schema = schema;
      this.#generation++;
      this.#failure = undefined;
    };
    const explain = (error: unknown) => {
      this.#failure = this.#explained(error);
    };
    try {
      const schema = readSchema(this.#engine, this.#overlay());
      if (schema instanceof Promise) return schema.then(keep, explain);
      keep(schema);
    } catch (error) {
      explain(error);
    }
    return undefined;
  }

  #explained(error: unknown): PlatformError {
    if (error instanceof PlatformError) return error;
    if (error instanceof DatabaseError) return unavailable(this.settings.service, error);
    return new PlatformError(
      'request.failed',
      `The schema of service '${this.settings.service}' is unclear.`,
      {
        cause: error,
      },
    );
  }
}

function readSchema(engine: Engine, overlay: ServiceOverlay): MaybePromise<Schema> {
  return whenDone(engine.schemaVersion(), (version) =>
    whenDone(engine.introspect(), (catalog) => schemaOf({ version, catalog }, overlay)),
  );
}

function schemaOf(
  { version, catalog }: Pick<Schema, 'version' | 'catalog'>,
  overlay: ServiceOverlay,
): Schema {
  const tables = assemble(catalog, overlay).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const byName = new Map<string, Table>();
  for (const table of tables) byName.set(table.name.toLowerCase(), table);
  for (const table of tables) byName.set(table.name, table);
  return { tables, byName, version, catalog, overlay };
}

function notReadYet(service: string): PlatformError {
  return new PlatformError('service.unavailable', `The schema of service '${service}' is being read.`);
}

/** What the caller reads when a database cannot be used right now. */
export function unavailable(service: string, cause: DatabaseError): PlatformError {
  const why = cause.failure === 'busy' ? 'is busy. Please try again.' : 'is not available.';
  return new PlatformError('service.unavailable', `The database of service '${service}' ${why}`, { cause });
}
