// One connection to PostgreSQL: its prepared statements, and the commands of transactions that travel with
// the next statement instead of making a round trip of their own.
// Invariant: one statement at a time; a connection that broke says so and is never given back to a pool.
import type { Client, ClientConfig } from 'pg';
import { limits } from '../core/limits.ts';
import { type Bindable, DatabaseError, type Row, type Statement, type WriteOutcome } from './connection.ts';
import type { PooledConnection } from './pool.ts';
import { isStale, translate } from './postgres-errors.ts';
import { type JsonRecords, type JsonShape, JsonText } from './postgres-json.ts';
import { type Answer, type Prepared, Query, type RowSink } from './postgres-query.ts';
import { type Listening, takeRows } from './postgres-wire.ts';

/** How a connection is made. */
export interface ConnectionOptions {
  readonly client: ClientConfig;
  /** Run once when the connection is made: the settings of its session. */
  readonly setup: string;
  /** Keeps statements prepared; not behind a pooler that hands out another connection each time. */
  readonly isPreparing: boolean;
  /** Counts how often some connection found its statements stale. */
  readonly shared: { generation: number };
  /** A connection that is not there by then will not come. */
  readonly connectMs: number;
}

// Bytes that a connection keeps to write JSON into.
const firstRoom = 4_096;
const mostRoom = 262_144;

/** What is wanted of a statement. */
interface Form {
  /** The first column instead of rows. */
  readonly isColumn: boolean;
  readonly isOnce: boolean;
  /** Takes the rows as they come instead. */
  readonly sink?: RowSink;
}

const probe: Statement = { sql: 'SELECT 1' };

const asRows: Form = { isColumn: false, isOnce: false };
const asColumn: Form = { isColumn: true, isOnce: false };
const asRowsOnce: Form = { isColumn: false, isOnce: true };

/** Opens one. Throws DatabaseError `unavailable`. */
export async function connect(options: ConnectionOptions): Promise<PostgresConnection> {
  // Loaded when first needed: who has no such database pays nothing for it.
  const { default: pg } = await import('pg');
  const client = new pg.Client(options.client);
  const connection = new PostgresConnection(client, options);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    connection.destroy();
  }, options.connectMs);
  try {
    await client.connect();
    await client.query(options.setup);
    return connection;
  } catch (error) {
    connection.destroy();
    throw translate(isLate ? new Error('timeout expired', { cause: error }) : error);
  } finally {
    clearTimeout(timer);
  }
}

/** An open connection. */
export class PostgresConnection implements PooledConnection {
  readonly #client: Client;
  readonly #options: ConnectionOptions;
  readonly #shared: { generation: number };
  readonly #statements = new Map<Statement, Prepared>();
  #ahead: Prepared[] = [];
  #forgotten: string[] = [];
  #named = 0;
  #generation: number;
  // One statement at a time writes to it.
  #room: Buffer = Buffer.allocUnsafeSlow(firstRoom);
  #query: Query | undefined;
  #isBroken = false;
  busySince = 0;
  idleSince = 0;
  onEnd: (() => void) | undefined;

  /** Use `connect`. */
  constructor(client: Client, options: ConnectionOptions) {
    this.#client = client;
    this.#options = options;
    this.#shared = options.shared;
    this.#generation = options.shared.generation;
    const { connection } = client as unknown as { connection: Listening };
    takeRows(connection, () => this.#query);
    // An event `error` that nobody listens to would end the process.
    client.on('error', () => this.destroy());
    client.on('end', () => this.#ended());
  }

  get isUsable(): boolean {
    return !this.#isBroken;
  }

  async rows(statement: Statement, values: readonly Bindable[]): Promise<Row[]> {
    return (await this.#ask(statement, values, asRows)).rows as Row[];
  }

  /** Rows of a statement that is used once. */
  async rowsOnce(statement: Statement, values: readonly Bindable[]): Promise<Row[]> {
    return (await this.#ask(statement, values, asRowsOnce)).rows as Row[];
  }

  /** Records as JSON, made of the rows as they come. */
  async records(statement: Statement, values: readonly Bindable[], shape: JsonShape): Promise<JsonRecords> {
    const sink = new JsonText(shape, this.#room);
    await this.#ask(statement, values, { isColumn: false, isOnce: false, sink });
    const records = sink.end();
    if (sink.room.length <= mostRoom) this.#room = sink.room;
    return records;
  }

  async column(statement: Statement, values: readonly Bindable[]): Promise<unknown[]> {
    return (await this.#ask(statement, values, asColumn)).rows as unknown[];
  }

  async run(statement: Statement, values: readonly Bindable[]): Promise<WriteOutcome> {
    const { tag } = await this.#ask(statement, values, asColumn);
    return { changes: Number(/ (\d+)$/.exec(tag)?.[1] ?? 0), lastId: undefined };
  }

  /** Sends a command and answers what was done. */
  async command(statement: Statement): Promise<string> {
    return (await this.#ask(statement, [], asColumn)).tag;
  }

  /** Has a command done ahead of the next statement. */
  later(statement: Statement): void {
    this.#forgetStale();
    this.#ahead.push(this.#prepare(statement));
  }

  /** Forgets the commands that wait when this is the first of them; says whether that is so. */
  takeBack(first: Statement): boolean {
    if (this.#ahead[0]?.statement !== first) return false;
    this.#ahead = [];
    return true;
  }

  async isAlive(withinMs: number): Promise<boolean> {
    const timer = setTimeout(() => this.destroy(), withinMs).unref();
    try {
      await this.command(probe);
      return !this.#isBroken;
    } catch {
      this.destroy();
      return false;
    } finally {
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    this.#isBroken = true;
    await this.#client.end().catch(() => undefined);
  }

  destroy(): void {
    this.#ended();
    const { connection } = this.#client as unknown as { connection: { stream: { destroy(): void } } };
    connection.stream.destroy();
  }

  #ended(): void {
    this.#isBroken = true;
    this.onEnd?.();
    this.onEnd = undefined;
  }

  async #ask(statement: Statement, values: readonly Bindable[], form: Form): Promise<Answer> {
    if (this.#isBroken) throw broken();
    const isAlone = this.#ahead.length === 0 && this.#isOutside();
    try {
      return await this.#send(statement, values, form);
    } catch (error) {
      const failure = translate(error, statement.names);
      if (!isStale(failure)) throw failure;
      this.#shared.generation++;
      if (!isAlone) throw failure;
    }
    try {
      return await this.#send(statement, values, form);
    } catch (error) {
      throw translate(error, statement.names);
    }
  }

  #send(statement: Statement, values: readonly Bindable[], form: Form): Promise<Answer> {
    this.#forgetStale();
    const prepared = form.isOnce ? unnamed(statement) : this.#prepare(statement);
    const [ahead, forgotten] = [this.#ahead, this.#forgotten];
    this.#ahead = [];
    this.#forgotten = [];
    this.busySince = performance.now();
    return new Promise<Answer>((resolve, reject) => {
      const onDone = (answer: Answer) => {
        this.#rest();
        resolve(answer);
      };
      const onError = (error: unknown) => {
        this.#rest();
        for (const each of [...ahead, prepared]) if (!each.isParsed) this.#forget(each.statement);
        reject(error);
      };
      const { isColumn, sink } = form;
      this.#query = new Query({ ahead, prepared, values, isColumn, sink, forgotten, onDone, onError });
      this.#client.query(this.#query as unknown as { submit: () => void });
    });
  }

  #rest(): void {
    this.busySince = 0;
  }

  #isOutside(): boolean {
    const { getTransactionStatus } = this.#client as unknown as { getTransactionStatus(): string | null };
    return getTransactionStatus.call(this.#client) === 'I';
  }

  #prepare(statement: Statement): Prepared {
    if (!this.#options.isPreparing) return unnamed(statement);
    let prepared = this.#statements.get(statement);
    if (prepared === undefined) {
      if (this.#statements.size >= limits.preparedStatements) this.#forgetOldest();
      const name = `tenon_${++this.#named}`;
      prepared = { statement, name, isParsed: false, columns: undefined };
      this.#statements.set(statement, prepared);
    }
    return prepared;
  }

  // The one that was prepared first: those that are used often come back under a new name.
  #forgetOldest(): void {
    for (const statement of this.#statements.keys()) {
      this.#forget(statement);
      return;
    }
  }

  // Another connection learned that the schema changed: what is prepared here is stale, too.
  #forgetStale(): void {
    if (this.#generation === this.#shared.generation || this.#ahead.length > 0 || !this.#isOutside()) return;
    this.#generation = this.#shared.generation;
    for (const statement of [...this.#statements.keys()]) this.#forget(statement);
  }

  // Under a new name next time, because a refused statement may or may not be there.
  #forget(statement: Statement): void {
    const prepared = this.#statements.get(statement);
    if (prepared === undefined) return;
    this.#statements.delete(statement);
    this.#forgotten.push(prepared.name);
  }
}

function unnamed(statement: Statement): Prepared {
  return { statement, name: '', isParsed: false, columns: undefined };
}

function broken(): DatabaseError {
  return new DatabaseError('unavailable', undefined, new Error('The connection is closed'));
}
