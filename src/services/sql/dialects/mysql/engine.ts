// One database on a MySQL or MariaDB server as the SQL service uses it.
// Invariant: connections are made when first needed; what the server is, is known before any statement is
// made.
import { createHash } from 'node:crypto';
import { DummyDriver, Kysely, MysqlAdapter, MysqlIntrospector, MysqlQueryCompiler } from 'kysely';
import { PlatformError } from '../../../../core/errors.ts';
import type { Bindable } from '../../../../database/connection.ts';
import { MysqlDatabase, type MysqlOptions } from '../../../../database/mysql.ts';
import type { JsonShape } from '../../../../database/mysql-json.ts';
import type { AnySchema, Dialect, Engine } from '../../dialect.ts';
import type { Catalog, Field } from '../../schema.ts';
import { mysqlDdl } from './ddl.ts';
import { type Flavor, mysqlGrammar } from './grammar.ts';
import {
  catalogOf,
  type DatabaseRows,
  type IndexColumns,
  indexColumnsOf,
  indexKey,
  keyDefaultsOf,
  readDatabases,
  type Scope,
} from './introspection.ts';
import { jsonJoined, jsonList, jsonRecord } from './json-text.ts';
import { mysqlOutbox } from './outbox.ts';
import { MysqlRoutines } from './routines.ts';
import { decode, encode, encodeLiteral, jsonShape } from './values.ts';

/** How the server is reached, and which of its databases are served. */
export interface MysqlEngineOptions extends Omit<MysqlOptions, 'indexColumns'> {
  /** Databases beside the one that is logged in to. */
  readonly others: readonly string[];
}

/** An engine over one server. */
export class MysqlEngine implements Engine {
  readonly dialect: Dialect;
  readonly routines: MysqlRoutines;
  readonly #options: MysqlEngineOptions;
  readonly #database: MysqlDatabase;
  #flavor: Flavor = { isMariadb: true, hasReturning: false, keyDefaults: new Map() };
  #indexes: IndexColumns = new Map();
  /** What the last look at the schema found, until it is used. */
  #seen: readonly DatabaseRows[] | undefined;
  readonly #shapes = new WeakMap<readonly Field[], JsonShape>();
  #version: string | undefined;

  constructor(options: MysqlEngineOptions) {
    this.#options = options;
    this.#database = new MysqlDatabase({
      ...options,
      indexColumns: (table, index) => this.#indexes.get(indexKey(table, index)),
    });
    const grammar = mysqlGrammar(() => this.#flavor);
    const builder = compiler();
    this.dialect = {
      name: 'mysql',
      builder,
      grammar,
      encode: isUtc(options.timeZone) ? encode : encodeZoned,
      encodeLiteral,
      decode,
      jsonRecord,
      readJson: (session, { statement, values, fields }) =>
        session instanceof MysqlDatabase
          ? session.records(statement, values, this.#shape(fields))
          : undefined,
      jsonList,
      jsonJoined,
      ddl: mysqlDdl,
      outbox: mysqlOutbox,
    };
    this.routines = new MysqlRoutines({
      database: this.#database,
      builder,
      databases: [options.login.database, ...options.others],
    });
  }

  database(): MysqlDatabase {
    return this.#database;
  }

  async introspect(): Promise<Catalog> {
    const scope = await this.#scope();
    const rows = this.#seen ?? (await readDatabases(this.#database, scope));
    this.#seen = undefined;
    this.#indexes = indexColumnsOf(rows);
    this.#flavor = { ...this.#flavor, keyDefaults: keyDefaultsOf(rows, scope) };
    return catalogOf(rows, scope);
  }

  // Neither of the servers counts changes of its schema, so the version is a sum of all that is read of it.
  async schemaVersion(): Promise<string> {
    const rows = await readDatabases(this.#database, await this.#scope());
    const version = createHash('sha256').update(JSON.stringify(rows)).digest('base64');
    // Whoever finds a new version asks for the schema next.
    if (version !== this.#version) this.#seen = rows;
    this.#version = version;
    return version;
  }

  close(): void {
    this.#database.close();
  }

  #shape(fields: readonly Field[]): JsonShape {
    let shape = this.#shapes.get(fields);
    if (shape === undefined) {
      shape = jsonShape(fields);
      this.#shapes.set(fields, shape);
    }
    return shape;
  }

  async #scope(): Promise<Scope> {
    const { isMariadb, version } = await this.#database.server();
    this.#flavor = { ...this.#flavor, isMariadb, hasReturning: isMariadb && version >= 10_05_00 };
    return { main: this.#options.login.database, others: this.#options.others, isMariadb };
  }
}

function isUtc(timeZone: string): boolean {
  return timeZone === '+00:00';
}

// What comes with a zone is made UTC, which a session in another zone would take for its own time.
function encodeZoned(field: Field, value: unknown): Bindable {
  const hasZone = typeof value === 'string' && /:\d\d(?:\.\d+)?\s?(?:Z|[+-]\d\d:?(?:\d\d)?)$/i.test(value);
  if (field.type !== 'timestamp' || !hasZone) return encode(field, value);
  throw new PlatformError(
    'request.invalid_record',
    `Field '${field.name}' must be a date and time without a zone, because the service has one of its own.`,
  );
}

// A builder that only makes text: the statements run on our own driver. Backslashes are no escapes in our
// sessions, so literals double their quotes only.
class PlainCompiler extends MysqlQueryCompiler {
  protected override sanitizeStringLiteral(value: string): string {
    return value.replaceAll("'", "''");
  }
}

/** A builder that only makes text. */
export function compiler(): Kysely<AnySchema> {
  return new Kysely<AnySchema>({
    dialect: {
      createAdapter: () => new MysqlAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (builder) => new MysqlIntrospector(builder),
      createQueryCompiler: () => new PlainCompiler(),
    },
  });
}
