// One PostgreSQL database as the SQL service uses it. Invariant: values are read and written by the types
// that introspection found, a type by its declaration.
import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely';
import { PostgresDatabase, type PostgresOptions } from '../../../../database/postgres.ts';
import type { AnySchema, Dialect, Engine } from '../../dialect.ts';
import type { Catalog } from '../../schema.ts';
import type { ValueType } from './column-type.ts';
import { postgresDdl } from './ddl.ts';
import { postgresGrammar } from './grammar.ts';
import { introspectPostgres, type SchemaChoice, schemaVersion } from './introspection.ts';
import { postgresOutbox } from './outbox.ts';
import { PostgresRoutines } from './routine-call.ts';
import { PostgresValues } from './values.ts';

/** Where the database is, and which schemas of it are served. */
export interface PostgresEngineOptions extends SchemaChoice {
  readonly connection: PostgresOptions;
}

/** An engine over one PostgreSQL database. */
export class PostgresEngine implements Engine {
  readonly dialect: Dialect;
  readonly routines: PostgresRoutines;
  readonly #options: PostgresEngineOptions;
  readonly #types = new Map<string, ValueType>();
  readonly #database: PostgresDatabase;

  constructor(options: PostgresEngineOptions) {
    this.#options = options;
    this.#database = new PostgresDatabase(options.connection);
    const values = new PostgresValues(this.#types);
    this.dialect = {
      name: 'postgres',
      builder: compiler(),
      grammar: postgresGrammar,
      encode: (field, value) => values.encode(field, value),
      encodeLiteral: (field, value) => values.encodeLiteral(field, value),
      decode: (field, value) => values.decode(field, value),
      // The server would take as long for JSON as we take for rows, and we take less for the bytes.
      jsonRecord: () => undefined,
      readJson: (session, { statement, values: bound, fields }) =>
        session instanceof PostgresDatabase
          ? session.records(statement, bound, values.jsonShape(fields))
          : undefined,
      jsonList: (record) => record,
      jsonJoined: (text) => text,
      ddl: postgresDdl(options.schemas[0] ?? 'public'),
      outbox: postgresOutbox(options.schemas[0] ?? 'public'),
    };
    this.routines = new PostgresRoutines({
      ...{ schemas: options.schemas, database: this.#database, dialect: this.dialect, types: this.#types },
    });
  }

  database(): PostgresDatabase {
    return this.#database;
  }

  async introspect(): Promise<Catalog> {
    const catalog = await introspectPostgres(this.#database, this.#options);
    for (const [declared, type] of catalog.types) this.#types.set(declared, type);
    return catalog;
  }

  schemaVersion(): Promise<unknown> {
    return schemaVersion(this.#database, this.#options);
  }

  close(): Promise<void> {
    return this.#database.close();
  }
}

// A builder that only makes text: the statements run on our own driver.
function compiler(): Kysely<AnySchema> {
  return new Kysely<AnySchema>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (builder) => new PostgresIntrospector(builder),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });
}
