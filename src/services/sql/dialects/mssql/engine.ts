// One SQL Server database as the SQL service uses it.
import { DummyDriver, Kysely, MssqlAdapter, MssqlIntrospector, MssqlQueryCompiler } from 'kysely';
import { MssqlDatabase, type MssqlOptions } from '../../../../database/mssql.ts';
import type { AnySchema, Dialect, Engine } from '../../dialect.ts';
import type { Catalog } from '../../schema.ts';
import { mssqlDdl } from './ddl.ts';
import { mssqlGrammar } from './grammar.ts';
import { catalogStatements, introspectMssql, type SchemaChoice } from './introspection.ts';
import { MssqlRoutines } from './routines.ts';
import { decode, encode, encodeLiteral } from './values.ts';

/** Where the database is, and which schemas of it are served. */
export interface MssqlEngineOptions extends SchemaChoice {
  readonly connection: Omit<MssqlOptions, 'indexColumns'>;
}

/** SQL Server's language. Its JSON functions do not keep what JSON keeps, so rows are read. */
export function mssqlDialect(schema = 'dbo'): Dialect {
  return {
    name: 'mssql',
    builder: compiler(),
    grammar: mssqlGrammar,
    encode,
    encodeLiteral,
    decode,
    jsonRecord: () => undefined,
    jsonList: (record) => record,
    jsonJoined: (text) => text,
    ddl: mssqlDdl(schema),
  };
}

/** An engine over one SQL Server database. */
export class MssqlEngine implements Engine {
  readonly dialect: Dialect;
  readonly routines: MssqlRoutines;
  readonly #options: MssqlEngineOptions;
  readonly #database: MssqlDatabase;
  #indexes: ReadonlyMap<string, string> = new Map();

  constructor(options: MssqlEngineOptions) {
    this.#options = options;
    this.dialect = mssqlDialect(options.usual);
    const indexColumns = (index: string) => this.#indexes.get(index);
    this.#database = new MssqlDatabase({ ...options.connection, indexColumns });
    const { builder } = this.dialect;
    this.routines = new MssqlRoutines({ database: () => this.#database, builder, choice: options });
  }

  database(): MssqlDatabase {
    return this.#database;
  }

  async introspect(): Promise<Catalog> {
    const { catalog, indexes } = await introspectMssql(this.#database, this.#options);
    this.#indexes = indexes;
    return catalog;
  }

  async schemaVersion(): Promise<unknown> {
    const [version] = await this.#database.column(catalogStatements.version, []);
    return version;
  }

  close(): Promise<void> {
    return this.#database.close();
  }
}

// A builder that only makes text: the statements run on our own driver.
function compiler(): Kysely<AnySchema> {
  return new Kysely<AnySchema>({
    dialect: {
      createAdapter: () => new MssqlAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (builder) => new MssqlIntrospector(builder),
      createQueryCompiler: () => new NationalTexts(),
    },
  });
}

// Texts without the N are cut to the letters of the database's own code page.
class NationalTexts extends MssqlQueryCompiler {
  protected override appendStringLiteral(value: string): void {
    this.append('N');
    super.appendStringLiteral(value);
  }
}
