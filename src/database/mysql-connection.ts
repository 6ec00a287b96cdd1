// One connection to MySQL or MariaDB: made ready for our statements, with its prepared statements and exact
// values.
// Invariant: whatever was asked is answered or refused, also when the connection is given up meanwhile.
import type {
  Connection,
  ConnectionOptions,
  FieldPacket,
  PrepareStatementInfo,
  ResultSetHeader,
} from 'mysql2';
import { limits } from '../core/limits.ts';
import { type Bindable, DatabaseError, type Row, type WriteOutcome } from './connection.ts';
import { errorNumber, isLost, mysqlError } from './mysql-errors.ts';
import { type JsonRecords, type JsonShape, JsonText, type RowPacket, Scratch } from './mysql-json.ts';
import { binder, exactRows, type TypedParameters } from './mysql-values.ts';
import type { PooledConnection } from './pool.ts';

/**
 * Whether and how a connection is encrypted. `prefer`: where the server can; `verify-ca`: with a certificate
 * that is trusted; `verify-full`: which is for the host, too.
 */
export type MysqlTls = 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

/** Where a server is and who logs in. */
export interface MysqlLogin {
  readonly host: string;
  readonly port: number;
  /** In place of host and port. */
  readonly socket?: string | undefined;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  readonly tls: MysqlTls;
  /** PEM texts: who is trusted, and who we are. */
  readonly ca?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  readonly connectMs: number;
}

/** What a connection is set to before its first statement. */
export interface MysqlSession {
  /** Offset or name, as the server knows it. */
  readonly timeZone: string;
  /** The longest that a statement may take; 0: any time. */
  readonly statementMs: number;
}

/** What a server says of itself. */
export interface MysqlServer {
  readonly isMariadb: boolean;
  /** Comparable: 10.11.6 is 101106. */
  readonly version: number;
}

/** All results of one call of a procedure. */
export interface MysqlResults {
  readonly sets: readonly { readonly rows: Row[]; readonly fields: readonly FieldPacket[] }[];
}

/** Connects, logs in and sets the session. Throws DatabaseError. */
export async function openConnection(login: MysqlLogin, session: MysqlSession): Promise<MysqlConnection> {
  const connection = await loggedIn(login);
  try {
    await connection.begin(session);
    return connection;
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

async function loggedIn(login: MysqlLogin): Promise<MysqlConnection> {
  try {
    return await connect(login, login.tls !== 'disable');
  } catch (error) {
    const cause = mysqlError(error);
    const { code } = cause.cause as { code?: string };
    if (login.tls === 'prefer' && code === 'HANDSHAKE_NO_SSL_SUPPORT') return connect(login, false);
    throw cause;
  }
}

// The driver is loaded by the first connection: who has no such database pays nothing for it.
async function connect(login: MysqlLogin, isEncrypted: boolean): Promise<MysqlConnection> {
  const { default: driver } = await import('mysql2');
  const { tls, ca, certificate, key } = login;
  const ssl = {
    rejectUnauthorized: tls === 'verify-ca' || tls === 'verify-full',
    verifyIdentity: tls === 'verify-full',
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === undefined ? {} : { cert: certificate }),
    ...(key === undefined ? {} : { key }),
  };
  const connection = driver.createConnection({
    ...driverOptions,
    ...(login.socket === undefined ? {} : { socketPath: login.socket }),
    host: login.host,
    port: login.port,
    user: login.user,
    password: login.password,
    database: login.database,
    connectTimeout: login.connectMs,
    ...(isEncrypted ? { ssl } : {}),
  });
  return new Promise((resolve, reject) => {
    // Errors come here until the login is done, and to the connection afterwards: never to nobody.
    const refuse = (error: Error) => {
      connection.destroy();
      reject(mysqlError(error));
    };
    connection.on('error', refuse);
    connection.once('connect', () => {
      connection.off('error', refuse);
      resolve(new MysqlConnection(connection, driver.TypedParameter));
    });
  });
}

const driverOptions: ConnectionOptions = {
  charset: 'UTF8MB4_UNICODE_CI',
  supportBigNumbers: true,
  dateStrings: true,
  jsonStrings: true,
  multipleStatements: false,
  // No statement can make the driver read a file of this machine; IGNORE_SPACE would reserve names of
  // functions.
  flags: ['FOUND_ROWS', '-LOCAL_FILES', '-IGNORE_SPACE', '-ODBC'],
  enableKeepAlive: true,
  keepAliveInitialDelay: limits.poolIdleMs,
  // We keep fewer, and close them ourselves.
  maxPreparedStatements: limits.preparedStatements * 2,
};

/** A connection that is logged in. One caller at a time. */
export class MysqlConnection implements PooledConnection {
  readonly #connection: Connection;
  readonly #prepared = new Map<string, PrepareStatementInfo>();
  readonly #waiting = new Set<(error: Error) => void>();
  readonly #scratch = new Scratch();
  #sessionSql = '';
  #server: MysqlServer = { isMariadb: false, version: 0 };
  readonly #bound: (value: Bindable) => unknown;
  #isUsable = true;
  /** Whether its session may be another one than it was, so that nobody else should have it as it is. */
  isUsed = false;
  /** When the statement that runs now was asked for; 0: none does. */
  busySince = 0;
  /** When it was last given back to its pool. */
  idleSince = 0;
  /** Called once, when it can not be used any more. */
  onEnd: (() => void) | undefined;

  constructor(connection: Connection, types: TypedParameters) {
    this.#connection = connection;
    this.#bound = binder(types);
    connection.on('error', (error: Error) => this.#end(error));
    connection.on('end', () => this.#end(new Error('Connection lost: The server closed the connection.')));
  }

  /** Whether statements can be asked of it. */
  get isUsable(): boolean {
    return this.#isUsable;
  }

  /** What the server is. */
  get server(): MysqlServer {
    return this.#server;
  }

  /** Sets the session. */
  async begin(session: MysqlSession): Promise<void> {
    const [row] = await this.#ask<Row[]>('SELECT version() AS version');
    this.#server = serverOf(String(row?.version));
    this.#sessionSql = sessionSql(session, this.#server);
    await this.#ask(this.#sessionSql);
  }

  /** Forgets all that statements left in the session: variables, temporary tables, locks, transactions. */
  async renew(): Promise<void> {
    this.#prepared.clear();
    await this.#answered<void>((done) => this.#connection.reset((error) => done(error)));
    await this.#ask(this.#sessionSql);
    this.isUsed = false;
  }

  /** Rows of a query. */
  rows(sql: string, values: readonly Bindable[]): Promise<Row[]> {
    return this.#execute({
      ...{ sql, values },
      take: (result, fields) => (Array.isArray(result) ? exactRows(result, fields) : []),
    });
  }

  /** Rows of a query as a JSON list of records. */
  records(sql: string, values: readonly Bindable[], shape: JsonShape): Promise<JsonRecords> {
    let text: JsonText | undefined;
    return this.#execute({
      ...{ sql, values },
      take: (result) => written(text, result),
      text: () => {
        text = new JsonText(shape, this.#scratch);
        return text;
      },
    });
  }

  /** What a statement did. */
  run(sql: string, values: readonly Bindable[]): Promise<WriteOutcome> {
    return this.#execute({
      ...{ sql, values },
      take: (result) => {
        if (Array.isArray(result)) return { changes: 0, lastId: undefined };
        return { changes: result.affectedRows, lastId: keyOf(result) };
      },
    });
  }

  /** A statement of a fixed text without values, such as COMMIT. */
  async command(sql: string): Promise<void> {
    await this.#ask(sql);
  }

  /** All rows of all results of a statement. */
  results(sql: string, values: readonly Bindable[]): Promise<MysqlResults> {
    this.isUsed = true;
    return this.#execute({
      ...{ sql, values },
      take: (result, fields) => ({ sets: setsOf(result, fields) }),
    });
  }

  /** Rows as they come; `pause` and `resume` hold them up. Resolves after the last one. */
  async each(sql: string, values: readonly Bindable[], take: (row: Row) => void): Promise<void> {
    const prepared = await this.#prepare(sql);
    let fields: readonly FieldPacket[] = [];
    await this.#answered<void>((done) => {
      const query = prepared.execute(values.map(this.#bound));
      query.on('fields', (found: unknown) => {
        fields = found as readonly FieldPacket[];
      });
      query.on('result', (row) => take(exactRows([row as Row], fields)[0] as Row));
      query.on('error', (error) => done(error));
      query.on('end', () => done(null));
    });
  }

  /** Takes no more rows from the server until `resume`. */
  pause(): void {
    this.#connection.pause();
  }

  /** Goes on after `pause`. */
  resume(): void {
    this.#connection.resume();
  }

  /** Whether the server still answers, within a time. */
  async isAlive(withinMs: number): Promise<boolean> {
    const timer = setTimeout(() => this.destroy(), withinMs).unref();
    try {
      await this.#answered<void>((done) => this.#connection.ping((error) => done(error)));
      return true;
    } catch {
      return false;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Says goodbye. Pending statements are answered first. */
  close(): void {
    if (!this.#isUsable) return;
    this.#isUsable = false;
    this.#connection.end(() => this.#connection.destroy());
  }

  /** Ends it at once; what runs is refused as `unavailable`. */
  destroy(error: Error = new Error('Connection lost: it was given up.')): void {
    this.#end(error);
  }

  #end(error: Error): void {
    this.#connection.destroy();
    if (!this.#isUsable && this.#waiting.size === 0) return;
    this.#isUsable = false;
    for (const refuse of this.#waiting) refuse(error);
    this.#waiting.clear();
    this.onEnd?.();
    this.onEnd = undefined;
  }

  #execute<T>(what: Execution<T>): Promise<T> {
    const prepared = this.#prepared.get(what.sql);
    if (prepared === undefined) return this.#executeFirst(what);
    return this.#executed(prepared, what, () => {
      this.#forget(what.sql);
      return this.#executeFirst(what);
    });
  }

  async #executeFirst<T>(what: Execution<T>): Promise<T> {
    try {
      return await this.#executed(await this.#prepare(what.sql), what);
    } catch (error) {
      // Some statements, such as CREATE TRIGGER, can not be prepared.
      const isOther = !(error instanceof DatabaseError) || errorNumber(error) !== 1295;
      if (isOther || what.values.length > 0) throw error;
      return this.#answered<T>((done) => {
        this.#connection.query(what.sql, (failure, result, fields) => {
          if (failure) done(failure);
          else done(null, what.take(result as unknown as Row[] | ResultSetHeader, fields ?? []));
        });
      });
    }
  }

  #executed<T>(
    prepared: PrepareStatementInfo,
    { values, take, text }: Execution<T>,
    again?: () => Promise<T>,
  ): Promise<T> {
    return this.#answered<T>((done) => {
      const parameters = values.length === 0 ? values : values.map(this.#bound);
      const command = prepared.execute(parameters, (error, result, fields) => {
        if (error) done(error);
        else done(null, take(result as unknown as Row[] | ResultSetHeader, fields ?? []));
      });
      if (text !== undefined) takeRows(command, text());
    }, again);
  }

  async #prepare(sql: string): Promise<PrepareStatementInfo> {
    if (this.#prepared.size >= limits.preparedStatements) this.#forgetOldest();
    const prepared = await this.#answered<PrepareStatementInfo>((done) => {
      this.#connection.prepare(sql, (error, statement) => done(error, statement));
    });
    this.#prepared.set(sql, prepared);
    return prepared;
  }

  // The server keeps a limited number of statements for all its clients.
  #forgetOldest(): void {
    const [oldest] = this.#prepared.keys();
    if (oldest !== undefined) this.#forget(oldest);
  }

  #forget(sql: string): void {
    this.#prepared.delete(sql);
    if (this.#isUsable) this.#connection.unprepare(sql);
  }

  #ask<T>(sql: string): Promise<T> {
    return this.#answered<T>((done) => {
      this.#connection.query(sql, (error, result) => done(error, result as T));
    });
  }

  /**
   * Whatever becomes of the connection, an answer comes. `again`: what is done when the server has forgotten
   * the statement, or wants it prepared anew because a table has changed, so that nothing was done yet.
   */
  #answered<T>(
    ask: (done: (error: Error | null, value?: T) => void) => void,
    again?: () => Promise<T>,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (!this.#isUsable) {
        reject(mysqlError(new Error('Connection lost: it is closed.')));
        return;
      }
      const refuse = (error: Error): void => {
        const failure = mysqlError(error);
        this.#answeredOne(refuse);
        if (isLost(failure)) this.#end(failure);
        if (again !== undefined && forgotten.has(errorNumber(failure) ?? 0)) resolve(again());
        else reject(failure);
      };
      this.#waiting.add(refuse);
      this.busySince = performance.now();
      ask((error, value) => {
        if (error) {
          refuse(error);
          return;
        }
        this.#answeredOne(refuse);
        resolve(value as T);
      });
    });
  }

  #answeredOne(refuse: (error: Error) => void): void {
    this.#waiting.delete(refuse);
    if (this.#waiting.size === 0) this.busySince = 0;
  }
}

type Take<T> = (result: Row[] | ResultSetHeader, fields: readonly FieldPacket[]) => T;

interface Execution<T> {
  readonly sql: string;
  readonly values: readonly Bindable[];
  readonly take: Take<T>;
  /** Takes the rows as they come, in place of the driver's own reader. */
  readonly text?: () => JsonText;
}

/** The part of the driver's command in which it makes a reader for the rows of a result. */
interface RowCommand {
  buildParserFromFields(fields: readonly FieldPacket[]): () => RowReader;
}

interface RowReader {
  next(packet: RowPacket): unknown;
}

// The driver makes the reader, by `new`, when it has the columns of the result.
function takeRows(command: unknown, text: JsonText): void {
  (command as RowCommand).buildParserFromFields = (fields) => {
    text.begin(fields);
    return function makeReader() {
      return text;
    };
  };
}

function written(text: JsonText | undefined, result: Row[] | ResultSetHeader): JsonRecords {
  const { length } = Array.isArray(result) ? result : [];
  if (text?.count === length) return text.end();
  throw new Error('rows were read by the driver itself');
}

const forgotten: ReadonlySet<number> = new Set([1243, 1461, 1615]);

function serverOf(version: string): MysqlServer {
  const [, major = '0', minor = '0', patch = '0'] =
    /(\d+)\.(\d+)\.(\d+)(?:-mariadb|[^.]*$)/i.exec(version) ?? [];
  return {
    isMariadb: /mariadb/i.test(version),
    version: Number(major) * 10_000 + Number(minor) * 100 + Number(patch),
  };
}

// What a statement means must not depend on how the server is set up.
function sessionSql({ timeZone, statementMs }: MysqlSession, { isMariadb }: MysqlServer): string {
  const waitSeconds = Math.max(1, Math.round(limits.databaseWaitMs / 1_000));
  const settings = [
    'NAMES utf8mb4',
    `sql_mode = '${sqlMode}'`,
    `time_zone = '${timeZone.replaceAll("'", "''")}'`,
    `innodb_lock_wait_timeout = ${waitSeconds}`,
    `lock_wait_timeout = ${waitSeconds}`,
    'autocommit = 1',
    'group_concat_max_len = 1073741824',
    isMariadb ? `max_statement_time = ${statementMs / 1_000}` : `max_execution_time = ${statementMs}`,
  ];
  return `SET ${settings.join(', ')}`;
}

const sqlMode = [
  'STRICT_ALL_TABLES',
  'NO_ZERO_DATE',
  'NO_ZERO_IN_DATE',
  'ERROR_FOR_DIVISION_BY_ZERO',
  'NO_ENGINE_SUBSTITUTION',
  'NO_BACKSLASH_ESCAPES',
].join();

// Made keys are above 0; those beyond 2^63 come as negative numbers.
function keyOf({ insertId }: { readonly insertId: number | string }): number | bigint | undefined {
  if (typeof insertId === 'number' && insertId >= 0) return insertId === 0 ? undefined : insertId;
  return BigInt.asUintN(64, BigInt(insertId));
}

function setsOf(result: unknown, fields: unknown): MysqlResults['sets'] {
  const lists = Array.isArray(result) && Array.isArray(result[0]) ? result : [result];
  const heads = lists === result ? (fields as readonly (readonly FieldPacket[] | undefined)[]) : [fields];
  return lists.flatMap((rows, index) => {
    const head = (heads[index] ?? []) as readonly FieldPacket[];
    return Array.isArray(rows) ? [{ rows: exactRows(rows as Row[], head), fields: head }] : [];
  });
}
