// The connections to one database on a server: made when needed, given out one caller at a time, dropped when
// broken or idle. Our own, because the drivers' pools wait without an end, or answer a turn of the event loop
// later. Invariant: whoever waits is answered within limits.databaseWaitMs, and a connection that comes back
// in doubt is never given out again.
import { limits } from '../core/limits.ts';
import { DatabaseError, type MaybePromise } from './connection.ts';

/** A connection as the pool sees it. */
export interface PooledConnection {
  /** False once it is broken, closed or in doubt. */
  readonly isUsable: boolean;
  /** When its statement under way began, by performance.now(); 0: none is. */
  readonly busySince: number;
  /** Set by the pool: when it was given back. */
  idleSince: number;
  /** Set by the pool, told when the connection ends by itself. */
  onEnd: (() => void) | undefined;
  /** Asks the server, where a connection that was idle for long may be dead without knowing. */
  isAlive?(withinMs: number): Promise<boolean>;
  /** Whether the next one who gets it could see something of what was done; `renew` puts an end to that. */
  readonly isUsed?: boolean;
  renew?(): Promise<void>;
  /** Says goodbye and ends. */
  close(): MaybePromise<void>;
  /** Ends at once; what is under way fails with the error. */
  destroy(error?: Error): void;
}

/** What a pool is made with. */
export interface PoolOptions<Connection extends PooledConnection> {
  readonly open: () => Promise<Connection>;
  /** The most connections at a time. */
  readonly size: number;
  /** The longest that the server may say nothing while a statement runs; 0: any time. */
  readonly silenceMs: number;
}

interface Waiter<Connection> {
  readonly take: (connection: Connection) => void;
  readonly refuse: (error: DatabaseError) => void;
  readonly since: number;
}

/** A pool of connections. */
export class Pool<Connection extends PooledConnection> {
  readonly #options: PoolOptions<Connection>;
  readonly #idle: Connection[] = [];
  readonly #taken = new Set<Connection>();
  readonly #line: Waiter<Connection>[] = [];
  #opening = 0;
  #isClosed = false;
  #away: { readonly until: number; readonly error: DatabaseError } | undefined;
  #doubtedAt = 0;
  #clock: NodeJS.Timeout | undefined;

  constructor(options: PoolOptions<Connection>) {
    this.#options = options;
  }

  /** A connection for the caller alone, at once where one is idle. Throws or rejects DatabaseError. */
  acquire(): MaybePromise<Connection> {
    if (this.#isClosed) throw unavailable('The database connection is not open');
    const idle = this.#line.length === 0 ? this.#popIdle() : undefined;
    if (idle !== undefined) return this.#given(idle);
    const away = this.#away;
    if (away !== undefined && performance.now() < away.until && this.#taken.size === 0) throw away.error;
    const waiting = new Promise<Connection>((take, refuse) => {
      this.#line.push({ take, refuse, since: performance.now() });
    });
    this.#watch();
    this.#openMore();
    return waiting;
  }

  /** Gives a connection back. In doubt whether its transaction has ended, destroy it before. */
  release(connection: Connection): void {
    if (connection.isUsed !== true || !connection.isUsable || connection.renew === undefined) {
      this.#released(connection);
      return;
    }
    const over = () => this.#released(connection);
    connection.renew().then(over, (error: DatabaseError) => {
      connection.destroy(error);
      over();
    });
  }

  #released(connection: Connection): void {
    this.#taken.delete(connection);
    if (this.#isClosed) void connection.close();
    if (!connection.isUsable) {
      this.#openMore();
      return;
    }
    const next = this.#line.shift();
    if (next === undefined) {
      connection.idleSince = performance.now();
      this.#idle.push(connection);
    } else {
      this.#taken.add(connection);
      next.take(connection);
    }
  }

  /** Closes idle connections now, and those in use when they come back; who waits is refused. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#clock);
    for (const waiter of this.#line.splice(0)) waiter.refuse(unavailable('The database was closed'));
    await Promise.all(this.#idle.splice(0).map((connection) => connection.close()));
  }

  // One that was idle for long may be dead without knowing, behind a firewall that forgot it.
  #given(connection: Connection): MaybePromise<Connection> {
    this.#taken.add(connection);
    const now = performance.now();
    const isFresh = now - connection.idleSince < limits.databaseProbeMs;
    if (isFresh || connection.isAlive === undefined) return connection;
    return connection.isAlive(limits.poolConnectMs).then((isAlive) => {
      if (isAlive) return connection;
      this.release(connection);
      return this.acquire();
    });
  }

  #popIdle(): Connection | undefined {
    for (let found = this.#idle.pop(); found !== undefined; found = this.#idle.pop()) {
      if (found.isUsable) return found;
    }
    return undefined;
  }

  #openMore(): void {
    const { size } = this.#options;
    while (this.#opening < this.#line.length && this.#taken.size + this.#idle.length + this.#opening < size) {
      this.#opening++;
      this.#options.open().then(
        (connection) => this.#opened(connection),
        (error: unknown) => this.#notOpened(error as DatabaseError),
      );
    }
  }

  #opened(connection: Connection): void {
    this.#opening--;
    this.#away = undefined;
    connection.onEnd = () => this.#ended(connection);
    this.#taken.add(connection);
    this.release(connection);
  }

  // A server that has no room for more connections still serves those that we have.
  #notOpened(error: DatabaseError): void {
    this.#opening--;
    if (error.failure === 'busy' && this.#taken.size + this.#opening > 0) return;
    if (error.failure !== 'busy') this.#away = { until: performance.now() + limits.poolLookMs, error };
    for (const waiter of this.#line.splice(0)) waiter.refuse(error);
  }

  #ended(connection: Connection): void {
    const index = this.#idle.indexOf(connection);
    if (index >= 0) this.#idle.splice(index, 1);
    this.#openMore();
  }

  #watch(): void {
    this.#clock ??= setInterval(() => this.#look(performance.now()), watchMs).unref();
  }

  #look(now: number): void {
    for (let first = this.#line[0]; first !== undefined; first = this.#line[0]) {
      if (now - first.since < limits.databaseWaitMs) break;
      this.#line.shift();
      first.refuse(new DatabaseError('busy', undefined, new Error('all connections are in use')));
    }
    const { silenceMs } = this.#options;
    for (const connection of this.#taken) {
      const isSilent = silenceMs > 0 && connection.busySince > 0 && now - connection.busySince > silenceMs;
      if (isSilent) connection.destroy(timedOut());
    }
    if (silenceMs > 0) this.#doubt(now);
    for (const connection of [...this.#idle]) {
      if (now - connection.idleSince > limits.poolIdleMs) this.#retire(connection);
    }
    if (this.#line.length + this.#taken.size + this.#idle.length > 0) return;
    clearInterval(this.#clock);
    this.#clock = undefined;
  }

  // Whether a statement is slow or the server is gone, another connection tells.
  #doubt(now: number): void {
    const since = now - 2 * limits.poolConnectMs;
    const isWaiting = ({ busySince }: Connection) => busySince > 0 && busySince < since;
    if (this.#doubtedAt > since || ![...this.#taken].some(isWaiting)) return;
    this.#doubtedAt = now;
    this.#options.open().then(
      (connection) => connection.close(),
      (error: DatabaseError) => {
        if (error.failure !== 'unavailable') return;
        for (const connection of this.#taken) if (isWaiting(connection)) connection.destroy(timedOut());
      },
    );
  }

  #retire(connection: Connection): void {
    this.#idle.splice(this.#idle.indexOf(connection), 1);
    void connection.close();
  }
}

/** How often is looked for those who waited too long, and for silence. */
const watchMs = 250;

function unavailable(reason: string): DatabaseError {
  return new DatabaseError('unavailable', undefined, new Error(reason));
}

function timedOut(): Error {
  return new Error('Connection lost: the server said nothing for too long.');
}
