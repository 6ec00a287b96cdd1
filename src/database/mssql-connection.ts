// One connection to SQL Server through tedious: statements one after the other, values bound by their kind.
// Invariant: a statement's end is always told, also when the connection ends under it; a connection in doubt
// says so.
import type { Connection, ConnectionConfiguration, Request } from 'tedious';
import { limits } from '../core/limits.ts';
import type { Bindable, Row, WriteOutcome } from './connection.ts';
import { mssqlError } from './mssql-errors.ts';
import type { PooledConnection } from './pool.ts';

type Driver = typeof import('tedious');

/** Where a server is and who asks. */
export interface MssqlLogin {
  readonly host: string;
  /** Undefined where a named instance is asked for its port. */
  readonly port: number | undefined;
  readonly instance: string | undefined;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** A domain for NTLM; undefined: a login of the server. */
  readonly domain: string | undefined;
  /** `strict`: TLS before anything else is said (TDS 8). */
  readonly encrypt: 'off' | 'on' | 'strict';
  readonly trustServerCertificate: boolean;
  readonly ca: string | undefined;
  readonly serverName: string | undefined;
  readonly appName: string;
  readonly connectMs: number;
}

/** A result of a call: its rows, and the names of its columns. */
export interface MssqlResults {
  readonly sets: readonly (readonly Row[])[];
  readonly out: Readonly<Record<string, unknown>>;
  readonly returned: unknown;
}

/** A parameter of a procedure call by the names of the driver's types. */
export interface MssqlParameter {
  readonly name: string;
  readonly value: Bindable;
  readonly isOutput: boolean;
  /** For output: `NVarChar`, `Int` … */
  readonly type: string;
  readonly precision?: number | null;
  readonly scale?: number | null;
}

/** Connects and logs in. Throws DatabaseError. */
export async function openConnection(login: MssqlLogin, statementMs: number): Promise<MssqlConnection> {
  // The driver is loaded by the first connection: who has no such database pays nothing for it.
  const module = await import('tedious');
  const driver = (module as unknown as { default?: Driver }).default ?? module;
  const connection = new driver.Connection(configurationOf(login, statementMs));
  return new Promise((resolve, reject) => {
    // Errors of a connection that nobody listens to would end the process.
    connection.on('error', () => undefined);
    connection.connect((error) => {
      if (error === undefined || error === null) {
        resolve(new MssqlConnection(connection, driver));
        return;
      }
      connection.close();
      reject(mssqlError(error));
    });
  });
}

function configurationOf(login: MssqlLogin, statementMs: number): ConnectionConfiguration {
  const { host, user, password, domain, encrypt, ca, serverName } = login;
  const authentication =
    domain === undefined
      ? { type: 'default' as const, options: { userName: user, password } }
      : { type: 'ntlm' as const, options: { userName: user, password, domain } };
  return {
    server: host,
    authentication,
    options: {
      ...(login.instance === undefined ? { port: login.port ?? 1433 } : { instanceName: login.instance }),
      database: login.database,
      appName: login.appName,
      connectTimeout: login.connectMs,
      requestTimeout: statementMs,
      cancelTimeout: limits.poolConnectMs,
      encrypt: encrypt === 'strict' ? 'strict' : encrypt === 'on',
      trustServerCertificate: login.trustServerCertificate,
      ...(serverName === undefined ? {} : { serverName }),
      ...(ca === undefined ? {} : { cryptoCredentialsDetails: { ca } }),
      useUTC: true,
      enableArithAbort: true,
      enableAnsiNull: true,
      abortTransactionOnError: false,
      isolationLevel: 2,
      // Rows that were read and not wanted yet are few: a stream is paused in between.
      rowCollectionOnDone: false,
      rowCollectionOnRequestCompletion: false,
      maxRetriesOnTransientErrors: 0,
    },
  };
}

/** Told each row; what comes of the statement is told at its end. */
export interface RowReader {
  row(row: Row, set: number): void;
}

/** An open connection. */
export class MssqlConnection implements PooledConnection {
  readonly #connection: Connection;
  readonly #driver: Driver;
  #isUsable = true;
  #request: Request | undefined;
  #refuse: ((error: Error) => void) | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  busySince = 0;
  idleSince = 0;
  onEnd: (() => void) | undefined;

  constructor(connection: Connection, driver: Driver) {
    this.#connection = connection;
    this.#driver = driver;
    connection.on('end', () => this.#ended(new Error('Connection lost: the server ended it.')));
    connection.on('error', (error) => this.#ended(error));
  }

  get isUsable(): boolean {
    return this.#isUsable;
  }

  /** All rows of a statement. */
  async rows(sql: string, values: readonly Bindable[]): Promise<Row[]> {
    const rows: Row[] = [];
    await this.each(sql, values, { row: (row) => rows.push(row) });
    return rows;
  }

  /** What a write did. */
  async run(sql: string, values: readonly Bindable[]): Promise<WriteOutcome> {
    const changes = await this.each(sql, values, { row: () => undefined });
    return { changes, lastId: undefined };
  }

  /** Hands on each row; resolves with the number of rows that were read or written. */
  each(sql: string, values: readonly Bindable[], reader: RowReader): Promise<number> {
    return this.#inTurn(() =>
      this.#send(sql, reader, (request) => {
        for (const [index, value] of values.entries()) this.#bind(request, String(index + 1), value);
        this.#connection.execSql(request);
      }),
    );
  }

  /** Text without values, such as of transactions, outside of the server's cache of plans. */
  command(sql: string): Promise<number> {
    return this.#inTurn(() =>
      this.#send(sql, { row: () => undefined }, (request) => this.#connection.execSqlBatch(request)),
    );
  }

  /** Calls a procedure by its quoted name. */
  async call(name: string, parameters: readonly MssqlParameter[]): Promise<MssqlResults> {
    const sets: Row[][] = [];
    const out: Record<string, unknown> = {};
    let returned: unknown;
    const reader = {
      row: (row: Row, set: number) => {
        const rows = sets[set] ?? [];
        rows.push(row);
        sets[set] = rows;
      },
    };
    await this.#inTurn(() =>
      this.#send(name, reader, (request) => {
        request.on('returnValue', (parameter, value) => {
          out[parameter] = value;
        });
        request.on('doneProc', (_rowCount, _more, status) => {
          returned = status;
        });
        for (const parameter of parameters) this.#declare(request, parameter);
        this.#connection.callProcedure(request);
      }),
    );
    return { sets: sets.filter((set) => set !== undefined), out, returned };
  }

  /** Lets no more rows come until `resume`. */
  pause(): void {
    this.#request?.pause();
  }

  /** Goes on after `pause`. */
  resume(): void {
    this.#request?.resume();
  }

  async isAlive(withinMs: number): Promise<boolean> {
    const timer = setTimeout(() => this.destroy(), withinMs).unref();
    try {
      await this.command('SELECT 1');
      return this.#isUsable;
    } catch {
      this.destroy();
      return false;
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#isUsable = false;
    this.#connection.close();
  }

  destroy(error: Error = new Error('Connection lost: it was given up.')): void {
    this.#ended(error);
    this.#connection.close();
  }

  #ended(error: Error): void {
    const isNews = this.#isUsable;
    this.#isUsable = false;
    this.#refuse?.(error);
    if (isNews) this.onEnd?.();
    this.onEnd = undefined;
  }

  // The protocol takes one statement at a time.
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#tail.then(work, work);
    this.#tail = done.catch(() => undefined);
    return done;
  }

  async #send(sql: string, reader: RowReader, start: (request: Request) => void): Promise<number> {
    this.busySince = performance.now();
    try {
      return await new Promise<number>((resolve, reject) => {
        if (!this.#isUsable) throw new Error('Connection lost: it has ended.');
        this.#refuse = reject;
        const request = new this.#driver.Request(sql, (error, rowCount) => {
          if (error === undefined || error === null) resolve(rowCount ?? 0);
          else reject(error);
        });
        let set = -1;
        request.on('columnMetadata', () => set++);
        request.on('row', (columns: readonly Column[]) => reader.row(rowOf(columns), Math.max(0, set)));
        this.#request = request;
        start(request);
      });
    } catch (error) {
      throw mssqlError(error);
    } finally {
      this.busySince = 0;
      this.#request = undefined;
      this.#refuse = undefined;
    }
  }

  #bind(request: Request, name: string, value: Bindable): void {
    const { TYPES } = this.#driver;
    if (typeof value === 'bigint') request.addParameter(name, TYPES.BigInt, value.toString());
    else if (typeof value === 'number') {
      const isWhole = Number.isSafeInteger(value);
      const isSmall = isWhole && Math.abs(value) < 2 ** 31;
      if (isWhole && !isSmall) request.addParameter(name, TYPES.BigInt, String(value));
      else request.addParameter(name, isSmall ? TYPES.Int : TYPES.Float, value);
    } else if (value instanceof Uint8Array) {
      request.addParameter(name, TYPES.VarBinary, Buffer.from(value), { length: Number.POSITIVE_INFINITY });
    } else request.addParameter(name, TYPES.NVarChar, value, { length: lengthOf(value) });
  }

  #declare(request: Request, parameter: MssqlParameter): void {
    const { name, value, isOutput, type, precision, scale } = parameter;
    const types = this.#driver.TYPES as unknown as Record<string, Driver['TYPES']['NVarChar']>;
    if (!isOutput) {
      this.#bind(request, name, value);
      return;
    }
    const options = {
      ...(precision === undefined || precision === null ? {} : { precision }),
      ...(scale === undefined || scale === null ? {} : { scale }),
      ...(type === 'NVarChar' || type === 'VarBinary' ? { length: Number.POSITIVE_INFINITY } : {}),
    };
    request.addOutputParameter(name, types[type] ?? this.#driver.TYPES.NVarChar, value, options);
  }
}

interface Column {
  readonly value: unknown;
  readonly metadata: { readonly colName: string };
}

// A plan is kept for each length that is declared, so there are two: 4,000 characters and any number.
function lengthOf(value: string | null): number {
  return value === null || value.length <= 4_000 ? 4_000 : Number.POSITIVE_INFINITY;
}

function rowOf(columns: readonly Column[]): Row {
  const row: Row = {};
  for (const { value, metadata } of columns) row[metadata.colName] = value;
  return row;
}
