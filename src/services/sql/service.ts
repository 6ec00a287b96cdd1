// A SQL database as a service: paths to tables and their schema, operations to reading, writing and
// describing. Invariant: a refusal of the database never reaches a caller in the driver's words.

import { isAllowed } from '../../core/access.ts';
import type { Body } from '../../core/body.ts';
import { PlatformError } from '../../core/errors.ts';
import { type Action, actions, type Operation, type Result } from '../../core/operation.ts';
import type { CallContext, Endpoint, Location, Service } from '../../core/service.ts';
import { DatabaseError, type MaybePromise, whenDone } from '../../database/connection.ts';
import { withFault } from './connection-fault.ts';
import { describeEndpoints } from './description/describe.ts';
import type { Engine } from './dialect.ts';
import { Locations } from './locations.ts';
import { readRecords } from './reading/read.ts';
import { describeRoutines } from './routines/describe-routines.ts';
import { RoutineDesk, routineKind } from './routines/routine-desk.ts';
import { routineName } from './routines/routine-request.ts';
import { describeTable, listRoot, listTables, type RoutineNames, wantsRefresh } from './schema/listing.ts';
import type { OverlayDesk } from './schema/overlays.ts';
import { SchemaWriter } from './schema/schema-writer.ts';
import type { Table } from './schema.ts';
import { EngineSource, type SqlSettings, unavailable } from './source.ts';
import { type Inside, SqlTransactions } from './transaction.ts';
import { RecordWriter } from './writing/write.ts';

/** What a SQL service is made of. */
export interface SqlServiceOptions {
  readonly type: string;
  readonly settings: SqlSettings;
  readonly engine: Engine;
}

/** A service over one SQL database. */
export class SqlService implements Service {
  readonly name: string;
  readonly type: string;
  readonly #source: EngineSource;
  readonly #writer: RecordWriter;
  readonly #transactions: SqlTransactions;
  readonly #schema: SchemaWriter;
  readonly #locations: Locations;
  #located: unknown;
  readonly #routines: RoutineDesk;
  #described: { readonly tables: readonly Table[]; readonly endpoints: readonly Endpoint[] } | undefined;

  constructor({ type, settings, engine }: SqlServiceOptions) {
    this.name = settings.service;
    this.type = type;
    this.#source = new EngineSource({ settings, engine });
    this.#writer = new RecordWriter({ source: this.#source });
    this.#transactions = new SqlTransactions({ source: this.#source });
    this.#routines = new RoutineDesk({ service: this.name, routines: engine.routines });
    const changed = () => this.#locations.clear();
    this.#schema = new SchemaWriter({ source: this.#source, engine, changed });
    this.#locations = new Locations({
      service: this.name,
      tableName: (name, isOwn) => this.#spelling(name, isOwn),
      routines: this.#routines,
    });
  }

  ready([root, name]: readonly string[], isInTransaction = false): Promise<void> | undefined {
    // The first operation inside may take the last connection, so whatever later ones need is read before.
    if (isInTransaction) return this.#readyWithRoutines();
    const kind = routineKind(root);
    if (kind !== undefined) {
      return this.#routines.ready(kind, name === undefined ? undefined : routineName(name));
    }
    return root === undefined || name === undefined ? this.#source.ready() : this.#source.lookAgain(name);
  }

  /** Lays over the tables what administrators say of them, and lets it be changed. */
  useOverlays(overlays: OverlayDesk): void {
    const { serviceId } = this.#source.settings;
    if (serviceId === undefined) return;
    this.#source.useOverlay(() => overlays.of(serviceId));
    this.#schema.useOverlays(overlays);
  }

  locate(path: readonly string[], action: Action): Location | undefined {
    if (this.#located !== this.#source.generation) this.#locations.clear();
    const location = this.#locations.find(path, action);
    // Finding it may have read the schema for the first time.
    this.#located = this.#source.generation;
    return location;
  }

  handle(operation: Operation, _location: Location, context: CallContext): Promise<Result> | Result {
    if (operation.transaction !== undefined) return this.#handleInside(operation, context);
    return this.#handleAlone(operation, context);
  }

  #handleAlone(operation: Operation, context: CallContext): Promise<Result> | Result {
    const otherwise = (error: unknown) => this.#afterFailure(error, operation, context);
    try {
      const result = this.#do(operation, context);
      return result instanceof Promise ? result.catch(otherwise) : result;
    } catch (error) {
      return otherwise(error);
    }
  }

  async describe(): Promise<readonly Endpoint[]> {
    await this.#readyWithRoutines();
    const tables = this.#source.tables();
    if (this.#described?.tables !== tables) {
      this.#described = {
        tables,
        endpoints: [...describeEndpoints(tables), ...describeRoutines(this.#routines)],
      };
    }
    return this.#described.endpoints;
  }

  async test(): Promise<void> {
    this.refresh();
    await this.#source.ready();
    try {
      this.#source.tables();
    } catch (error) {
      throw withFault(this.name, error);
    }
  }

  refresh(): void {
    this.#source.refresh();
    this.#routines.refresh();
    this.#locations.clear();
  }

  async close(): Promise<void> {
    await this.#source.close();
  }

  async #handleInside(operation: Operation, outer: CallContext): Promise<Result> {
    try {
      return await this.#transactions.join(operation, outer, (inside) =>
        inside === undefined
          ? this.#handleAlone(operation, outer)
          : this.#do(operation, inside.context, inside),
      );
    } catch (error) {
      if (!(error instanceof DatabaseError)) throw error;
      throw this.#explained(error);
    }
  }

  #do(operation: Operation, context: CallContext, inside?: Inside): MaybePromise<Result> {
    const { path, action } = operation;
    const [root, name, id] = path;
    if (root === '_table' && name !== undefined) {
      const source = inside?.source ?? this.#source;
      const table = source.table(name);
      if (action === 'GET') return readRecords(source, operation, { table, id, context });
      const write = (joined: Inside) =>
        this.#writer.inside(joined.source).write(operation, { table, id, context: joined.context });
      if (inside !== undefined) return write(inside);
      if (mayWriteElsewhere(operation, table)) return this.#transactions.alone(context, write);
      return this.#writer.write(operation, { table, id, context });
    }
    const kind = routineKind(root);
    if (kind !== undefined && name !== undefined)
      return this.#routines.call(kind, operation, inside?.session);
    if (root === '_schema' && action !== 'GET') return this.#schema.write(operation);
    if (action !== 'GET') throw this.#unsupported(operation);
    if (wantsRefresh(operation.request)) this.refresh();
    if (kind !== undefined) return this.#routines.list(kind, operation);
    const listed = () => ({ status: 200, headers: {}, body: this.#list(operation) });
    return whenDone(root === undefined ? this.#readyWithRoutines() : this.#source.ready(), listed);
  }

  #list(operation: Operation): Body {
    const { path, request } = operation;
    const [root, name, ...rest] = path;
    if (root === undefined) return listRoot(this.#source, request, this.#routineNames());
    const accessOf = (table: Table) => this.#accessTo(table, operation);
    if (name === undefined) return listTables(this.#source, request, { root, accessOf });
    return describeTable(this.#source, request, { table: this.#source.ownTable(name), rest, accessOf });
  }

  // The view of a database can only be read, whatever is granted.
  #accessTo(table: Table, operation: Operation): readonly Action[] {
    const { principal, requestor, path } = operation;
    const [root = ''] = path;
    return actions.filter((action) => {
      if (table.isView && action !== 'GET') return false;
      const location = this.#locations.find([root, table.name], action);
      const asking = { principal, requestor, service: this.name, action };
      return location !== undefined && isAllowed(asking, location);
    });
  }

  #readyWithRoutines(): Promise<void> | undefined {
    if (!this.#routines.isOffered) return this.#source.ready();
    return Promise.all([
      this.#source.ready(),
      this.#routines.ready('function', undefined),
      this.#routines.ready('procedure', undefined),
    ]).then(() => undefined);
  }

  #routineNames(): RoutineNames | undefined {
    if (!this.#routines.isOffered) return undefined;
    return { functions: this.#routines.names('function'), procedures: this.#routines.names('procedure') };
  }

  // While the database cannot be used a table has the spelling it is asked for by: `handle` says what is
  // wrong.
  #spelling(name: string, isOwn: boolean): string | undefined {
    try {
      return this.#source.findTable(name, isOwn)?.name;
    } catch (error) {
      if (error instanceof PlatformError) return undefined;
      throw error;
    }
  }

  // A statement that the database does not understand is one for a schema that has been changed since it was
  // read. It did nothing, and neither did the transaction that it was in, so that it can be tried again.
  #afterFailure(error: unknown, operation: Operation, context: CallContext): MaybePromise<Result> {
    if (!(error instanceof DatabaseError)) throw error;
    const explained = this.#explained(error);
    // A routine may have done something all the same.
    const isHarmless = operation.action === 'GET' || operation.path[0] === '_table';
    if (explained.kind !== 'request.failed' || !isHarmless) throw explained;
    return whenDone(this.#source.refreshIfChanged(), (isChanged) => {
      if (!isChanged) throw explained;
      this.#locations.clear();
      return whenDone(this.#source.ready(), () => this.#do(operation, context));
    });
  }

  #explained(cause: DatabaseError): PlatformError {
    if (cause.failure === 'busy' || cause.failure === 'unavailable') return unavailable(this.name, cause);
    if (cause.failure === 'type') return unfit(cause);
    return new PlatformError('request.failed', `The database of service '${this.name}' could not do this.`, {
      cause,
    });
  }

  #unsupported({ path, action }: Operation): PlatformError {
    const what = path.length === 0 ? 'without a resource' : `on '${path.join('/')}'`;
    return new PlatformError(
      'request.unsupported_verb',
      `${action} requests ${what} are not currently supported by the '${this.name}' service.`,
    );
  }
}

// Related records of other services are written by calls, whose scripts may call back.
function mayWriteElsewhere({ request }: Operation, { relations }: Table): boolean {
  for (const { name, refService } of relations.values()) {
    if (refService !== null && request.body?.text.includes(name) === true) return true;
  }
  return false;
}

function unfit(cause: DatabaseError): PlatformError {
  return new PlatformError(
    'request.invalid_parameter',
    'The database can not do this with the given values: one of them does not fit what it is used for.',
    { cause },
  );
}
