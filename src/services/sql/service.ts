// A SQL database as a service: paths to tables and their schema, operations to reading, writing and
// describing. Invariant: a refusal of the database never reaches a caller in the driver's words.

import { isAllowed, restrictionAt } from '../../core/access.ts';
import type { Body } from '../../core/body.ts';
import { PlatformError } from '../../core/errors.ts';
import { type Action, actions, type Operation, type Result } from '../../core/operation.ts';
import type { CallContext, Endpoint, Location, Service } from '../../core/service.ts';
import { DatabaseError, type MaybePromise, whenDone } from '../../database/connection.ts';
import { withFault } from './connection-fault.ts';
import { describeEndpoints } from './description/describe.ts';
import type { Engine } from './dialect.ts';
import { Locations } from './locations.ts';
import { Departures, departs } from './outbox/departures.ts';
import { type OutboxDesk, SqlOutbox } from './outbox/outbox.ts';
import { readRecords } from './reading/read.ts';
import { restrictFields } from './restriction/restricted-fields.ts';
import { Restrictions } from './restriction/restricted-source.ts';
import { describeRoutines } from './routines/describe-routines.ts';
import { RoutineDesk, routineKind } from './routines/routine-desk.ts';
import { routineName } from './routines/routine-request.ts';
import { describeTable, listRoot, listTables, type RootResource, wantsRefresh } from './schema/listing.ts';
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
  readonly outbox: SqlOutbox | undefined;
  readonly dropsUncertain: boolean;
  readonly #transactions: SqlTransactions;
  readonly #departures: Departures;
  readonly #schema: SchemaWriter;
  readonly #locations: Locations;
  readonly #restrictions: Restrictions;
  #located: unknown;
  readonly #routines: RoutineDesk;
  #described: { readonly tables: readonly Table[]; readonly endpoints: readonly Endpoint[] } | undefined;

  constructor({ type, settings, engine }: SqlServiceOptions) {
    this.name = settings.service;
    this.type = type;
    this.#source = new EngineSource({ settings, engine });
    this.#writer = new RecordWriter({ source: this.#source });
    this.outbox = outboxOf(this.#source);
    this.dropsUncertain = settings.dropsUncertain === true;
    this.#transactions = new SqlTransactions({ source: this.#source, outbox: this.outbox });
    this.#departures = new Departures({ outbox: this.outbox, transactions: this.#transactions });
    this.#routines = new RoutineDesk({ service: this.name, routines: engine.routines });
    const changed = () => this.#locations.clear();
    this.#schema = new SchemaWriter({ source: this.#source, engine, changed });
    this.#locations = new Locations({
      service: this.name,
      tableName: (name, isOwn) => this.#spelling(name, isOwn),
      routines: this.#routines,
    });
    this.#restrictions = new Restrictions({
      service: this.name,
      dialect: engine.dialect,
      find: (table) => this.#source.findTable(table),
      locate: (table, action) => this.#locations.find(['_table', table], action),
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

  /** Lets the house know when runs wait in its database. */
  useOutboxes(desk: OutboxDesk): void {
    this.outbox?.useDesk(desk);
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
      const source = this.#restrictions.of(inside?.source ?? this.#source, operation);
      const table = source.table(name, action);
      if (action === 'GET') return readRecords(source, operation, { table, id, context });
      const write = (joined: Inside) => {
        const seen = this.#restrictions.of(joined.source, operation);
        return this.#writer.inside(seen).write(operation, { table, id, context: joined.context });
      };
      const isElsewhere = mayWriteElsewhere(operation, table);
      const work = (joined: Inside | undefined) => {
        if (joined !== undefined) return write(joined);
        if (isElsewhere) return this.#transactions.alone(context, write, operation.transaction);
        return this.#writer.of(source).write(operation, { table, id, context });
      };
      if (!departs(operation, context)) return work(inside);
      return this.#departures.write({ operation, context, inside, mayRepeat: !isElsewhere, work });
    }
    const kind = routineKind(root);
    if (kind !== undefined && name !== undefined) {
      const work = (joined: Inside | undefined) => this.#routines.call(kind, operation, joined?.session);
      if (!departs(operation, context)) return work(inside);
      // Alone it may end its transaction itself.
      if (inside === undefined) return this.#departures.foretold(context, () => work(undefined));
      return this.#departures.write({ operation, context, inside, mayRepeat: false, work });
    }
    if (root === '_schema' && action !== 'GET') {
      // What is open elsewhere, where this may be done meanwhile, is nothing that could hold it.
      const isElsewhere = inside === undefined && operation.transaction?.allowsOthers === true;
      const asked = isElsewhere ? { ...operation, transaction: undefined } : operation;
      return this.#departures.foretold(context, () => this.#schema.write(asked));
    }
    if (action !== 'GET') throw this.#unsupported(operation);
    if (wantsRefresh(operation.request)) this.refresh();
    if (kind !== undefined) return this.#routines.list(kind, operation);
    const listed = () => ({ status: 200, headers: {}, body: this.#list(operation) });
    return whenDone(root === undefined ? this.#readyWithRoutines() : this.#source.ready(), listed);
  }

  #list(operation: Operation): Body {
    const { path, request } = operation;
    const [root, name, ...rest] = path;
    if (root === undefined) {
      const may = (at: readonly string[], action: Action) => this.#may(at, action, operation);
      return listRoot(request, { resources: this.#resources(), may });
    }
    const accessOf = (table: Table) => this.#accessTo(table, operation);
    const source = this.#restrictions.of(this.#source, operation);
    const seen = (table: Table) => withinGrant(table, operation, this.#locations.find(path, 'GET'));
    if (name === undefined) return listTables(source, request, { root, accessOf, seen });
    const table = source.table(this.#source.ownTable(name).name);
    return describeTable(source, request, { table: seen(table), rest, accessOf });
  }

  #resources(): readonly RootResource[] {
    const names = this.#source.tables().map(({ name }) => name);
    const routines: readonly RootResource[] = this.#routines.isOffered
      ? [
          { root: '_func', actions: ['GET'], names: this.#routines.names('function') },
          { root: '_proc', actions: ['GET'], names: this.#routines.names('procedure') },
        ]
      : [];
    return [...routines, { root: '_schema', actions, names }, { root: '_table', actions: ['GET'], names }];
  }

  #may(path: readonly string[], action: Action, { principal, requestor }: Operation): boolean {
    const location = this.#locations.find(path, action);
    const asking = { principal, requestor, service: this.name, action };
    return location !== undefined && isAllowed(asking, location);
  }

  // The view of a database can only be read, whatever is granted.
  #accessTo(table: Table, operation: Operation): readonly Action[] {
    const [root = ''] = operation.path;
    return actions.filter((action) => {
      if (table.isView && action !== 'GET') return false;
      return this.#may([root, table.name], action, operation);
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

function outboxOf(source: EngineSource): SqlOutbox | undefined {
  const { outbox: words } = source.dialect;
  const isClosed = source.settings.keepsOutbox === false;
  return words && new SqlOutbox({ source, words, isClosed });
}

// What a role hides below `_schema` it hides there, whatever it grants of the records.
function withinGrant(table: Table, asking: Operation, at: Location | undefined): Table {
  const restriction = at && restrictionAt(asking, at);
  return restriction === undefined ? table : restrictFields(table, restriction.fields);
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
