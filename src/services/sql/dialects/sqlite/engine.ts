// One SQLite file (or memory) as the SQL service uses it.
// Invariant: opened when first needed, so that a service can be made while its file is not there yet.
import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import type { MaybePromise, Transaction } from '../../../../database/connection.ts';
import { openSqlite, type SqliteDatabase, type SqliteOptions } from '../../../../database/sqlite.ts';
import type { AnySchema, Dialect, Engine } from '../../dialect.ts';
import type { Catalog, Field } from '../../schema.ts';
import { coerceLiteral } from '../../values/values.ts';
import { sqliteDdl } from './ddl.ts';
import { sqliteGrammar } from './grammar.ts';
import { introspectSqlite } from './introspection.ts';
import { jsonJoined, jsonList, jsonRecord } from './json-text.ts';
import { sqliteOutbox } from './outbox.ts';
import { decode, encode } from './values.ts';

const schemaVersion = { sql: 'PRAGMA schema_version' };

/** An engine over one SQLite database. */
export class SqliteEngine implements Engine {
  readonly dialect: Dialect;
  readonly #options: SqliteOptions;
  #database: SqliteDatabase | undefined;

  constructor(options: SqliteOptions) {
    this.#options = options;
    this.dialect = {
      name: 'sqlite',
      builder: compiler(),
      grammar: sqliteGrammar,
      encode,
      encodeLiteral,
      decode: decodeAny,
      jsonRecord,
      jsonList,
      jsonJoined,
      ddl: sqliteDdl,
      outbox: sqliteOutbox,
    };
  }

  database(): SqliteDatabase {
    this.#database ??= openSqlite(this.#options);
    return this.#database;
  }

  introspect(): Catalog {
    return introspectSqlite(this.database());
  }

  changeSchema<T>(work: (session: Transaction) => MaybePromise<T>): Promise<T> {
    return this.database().rebuild(work);
  }

  schemaVersion(): unknown {
    return this.database().column(schemaVersion, [])[0];
  }

  async close(): Promise<void> {
    await this.#database?.close();
    this.#database = undefined;
  }
}

// A builder that only makes text: the statements run on our own driver.
function compiler(): Kysely<AnySchema> {
  return new Kysely<AnySchema>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (builder) => new SqliteIntrospector(builder),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  });
}

// A column without a type, such as `count(*)` of a view, has no affinity: text would never equal its numbers.
function encodeLiteral(field: Field, value: string | number | bigint | boolean | null) {
  const literal = coerceLiteral(field, value);
  if (typeof literal === 'boolean') return Number(literal);
  const isNumeric =
    field.dbType === '' && typeof literal === 'string' && /^-?\d{1,15}(?:\.\d+)?$/.test(literal);
  return isNumeric ? Number(literal) : literal;
}

// Bytes in a text column are text that some program wrote as bytes; what has no declared type stays what it
// is.
function decodeAny(field: Field, stored: unknown): unknown {
  const isText = field.type === 'string' || field.type === 'text';
  if (isText && stored instanceof Uint8Array && field.dbType !== '') return new TextDecoder().decode(stored);
  if (isText && typeof stored !== 'string' && field.dbType === '' && !(stored instanceof Uint8Array)) {
    return stored ?? null;
  }
  return decode(field, stored);
}
