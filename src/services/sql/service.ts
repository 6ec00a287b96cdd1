// A SQL database as a service: paths to tables and their schema, operations to reading, writing and
// describing. Invariant: a refusal of the database never reaches a caller in the driver's words.
import type { Body } from '../../core/body.ts';
import { PlatformError } from '../../core/errors.ts';
import type { Action, Operation, Result } from '../../core/operation.ts';
import type { CallContext, Endpoint, Location, Service } from '../../core/service.ts';
import { DatabaseError, type MaybePromise, whenDone } from '../../database/connection.ts';
import { describeEndpoints } from './describe.ts';
import type { Engine } from './dialect.ts';
import { describeTable, listRoot, listTables, wantsRefresh } from './listing.ts';
import { Locations } from './locations.ts';
import { readRecords } from './read.ts';
import { EngineSource, type SqlSettings, unavailable } from './source.ts';
import { RecordWriter } from './write.ts';

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
  readonly #locations: Locations;

  constructor({ type, settings, engine }: SqlServiceOptions) {
    this.name = settings.service;
    this.type = type;
    this.#source = new EngineSource({ settings, engine });
    this.#writer = new RecordWriter({ source: this.#source });
    this.#locations = new Locations({ service: this.name, tableName: (name) => this.#spelling(name) });
  }

  ready([root, name]: readonly string[]): Promise<void> | undefined {
    return root === undefined || name === undefined ? this.#source.ready() : this.#source.lookAgain(name);
  }

  locate(path: readonly string[], action: Action): Location | undefined {
    return this.#locations.find(path, action);
  }

  handle(operation: Operation, _location: Location, context: CallContext): Promise<Result> | Result {
    const otherwise = (error: unknown) => this.#afterFailure(error, operation, context);
    try {
      const result = this.#do(operation, context);
      return result instanceof Promise ? result.catch(otherwise) : result;
    } catch (error) {
      return otherwise(error);
    }
  }

  async describe(): Promise<readonly Endpoint[]> {
    await this.#source.ready();
    return describeEndpoints(this.#source.tables().map((table) => table.name));
  }

  async test(): Promise<void> {
    this.refresh();
    await this.#source.ready();
    this.#source.tables();
  }

  refresh(): void {
    this.#source.refresh();
    this.#locations.clear();
  }

  async close(): Promise<void> {
    await this.#source.close();
  }

  #do(operation: Operation, context: CallContext): MaybePromise<Result> {
    const { path, action } = operation;
    const [root, name, id] = path;
    if (root === '_table' && name !== undefined) {
      const table = this.#source.table(name);
      if (action === 'GET') return readRecords(this.#source, operation, { table, id, context });
      return this.#writer.write(operation, { table, id, context });
    }
    if (action !== 'GET') throw this.#unsupported(operation);
    if (wantsRefresh(operation.request)) this.refresh();
    const listed = () => ({ status: 200, headers: {}, body: this.#list(operation) });
    return whenDone(this.#source.ready(), listed);
  }

  #list({ path, request }: Operation): Body {
    const [root, name, ...rest] = path;
    if (root === undefined) return listRoot(this.#source, request);
    if (name === undefined) return listTables(this.#source, request);
    return describeTable(this.#source, request, { table: this.#source.table(name), rest });
  }

  // While the database cannot be used a table has the spelling it is asked for by: `handle` says what is
  // wrong.
  #spelling(name: string): string | undefined {
    try {
      return this.#source.findTable(name)?.name;
    } catch (error) {
      if (error instanceof PlatformError) return undefined;
      throw error;
    }
  }

  // A statement that the database does not understand is one for a schema that has been changed since it was
  // read.
  #afterFailure(error: unknown, operation: Operation, context: CallContext): MaybePromise<Result> {
    if (!(error instanceof DatabaseError)) throw error;
    if (error.failure !== 'other') throw unavailable(this.name, error);
    if (operation.action !== 'GET') throw this.#notDone(error);
    return whenDone(this.#source.refreshIfChanged(), (isChanged) => {
      if (!isChanged) throw this.#notDone(error);
      this.#locations.clear();
      return whenDone(this.#source.ready(), () => this.#do(operation, context));
    });
  }

  #notDone(cause: DatabaseError): PlatformError {
    return new PlatformError('request.failed', `The database of service '${this.name}' could not do this.`, {
      cause,
    });
  }

  #unsupported({ path, action }: Operation): PlatformError {
    const [root] = path;
    const what = root === undefined ? 'without a resource' : `on '${path.join('/')}'`;
    const hint =
      root === '_schema' ? ' Change the schema in the database and call GET _schema?refresh=true.' : '';
    return new PlatformError(
      'request.unsupported_verb',
      `${action} requests ${what} are not currently supported by the '${this.name}' service.${hint}`,
    );
  }
}
