// Clients of a proof: they write without a pause to whichever node answers, and note what was acknowledged.
// Invariant: a mark is noted as acknowledged only when a whole answer of the 200s came back; a request is
// repeated only where it has an idempotency key.
import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

/** How a client writes. */
export type Manner =
  /** One record at a time. */
  | 'plain'
  /** Three records in one request. */
  | 'batch'
  /** One record with an idempotency key, repeated until it is acknowledged. */
  | 'keyed'
  /** A call of a queued service. */
  | 'job'
  /** Records are read. */
  | 'read';

/** What clients know when they are done. */
export interface Notes {
  /** Marks of records whose write was acknowledged. */
  readonly items: ReadonlySet<string>;
  /** Marks of calls of the queued service that were acknowledged. */
  readonly jobs: ReadonlySet<string>;
  /** Marks of writes that were repeated until they were acknowledged. */
  readonly keyed: ReadonlySet<string>;
  /** Answers by status; 0: none came, or not a whole one. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Answers that are not in order, in words. */
  readonly faults: readonly string[];
  readonly slowestMs: number;
  readonly requests: number;
}

/** An answer, or status 0 where there was none. */
interface Reply {
  readonly status: number;
  readonly text: string;
  /** Nobody listened, so that nothing of the request was heard. */
  readonly isRefused: boolean;
}

/** What clients are told. */
export interface ClientsOptions {
  /** The nodes there are. */
  urls(): readonly string[];
  readonly token: string;
  readonly manners: readonly Manner[];
  /** Waited between requests of one client. */
  readonly pauseMs?: number;
  /** Requests of all clients in a second, as far as they are answered so soon; in place of pauses. */
  readonly perSecond?: number;
  /** What their marks begin with, so that they are not those of other clients. */
  readonly name?: string;
  /** Statuses that are in order beside those of the 200s; else 503 alone. */
  readonly accepted?: readonly number[];
  /** Whether no answer at all is a fault, too. */
  readonly mustAnswer?: boolean;
  /** Whether connections are kept though all must be answered: a balancer does not close them too soon. */
  readonly keepsAlive?: boolean;
}

const retryMs = 5;

/** Clients at work. */
export class Clients {
  readonly #options: ClientsOptions;
  readonly #agent: Agent;
  readonly #items = new Set<string>();
  readonly #jobs = new Set<string>();
  readonly #keyed = new Set<string>();
  readonly #statuses = new Map<number, number>();
  readonly #faults: string[] = [];
  readonly #work: Promise<void>[];
  #slowestMs = 0;
  #requests = 0;
  #isOver = false;

  constructor(options: ClientsOptions) {
    this.#options = options;
    // A request on a connection that is being closed has no answer; one on a new connection must.
    this.#agent = new Agent({ keepAlive: options.keepsAlive ?? options.mustAnswer !== true });
    this.#work = options.manners.map((manner, client) => this.#write(manner, client));
  }

  /** How many writes were acknowledged up to now. */
  get acknowledged(): number {
    return this.#items.size + this.#jobs.size;
  }

  /** How many requests were answered, but not with success. */
  get refusals(): number {
    const refused = [...this.#statuses].filter(([status]) => status >= 300);
    return refused.reduce((sum, [, count]) => sum + count, 0);
  }

  /** Ends the clients, once those with keys have what they wait for. */
  async end(): Promise<Notes> {
    this.#isOver = true;
    await Promise.all(this.#work);
    this.#agent.destroy();
    return {
      ...{ items: this.#items, jobs: this.#jobs, keyed: this.#keyed, faults: this.#faults },
      statuses: Object.fromEntries(this.#statuses),
      slowestMs: Math.round(this.#slowestMs),
      requests: this.#requests,
    };
  }

  async #write(manner: Manner, client: number): Promise<void> {
    for (let turn = 0; !this.#isOver; turn++) {
      const began = performance.now();
      const mark = `${manner}:${client}${this.#options.name ?? ''}:${turn}`;
      if (manner === 'read') await this.#reach(`${itemsPath}?limit=5`);
      else if (manner === 'job') await this.#call(mark);
      else if (manner === 'keyed') await this.#writeUntilKept(mark);
      else await this.#writeOnce(mark, manner === 'batch' ? 3 : 1);
      await pause(this.#restOf(began));
    }
  }

  #restOf(began: number): number {
    const { perSecond, pauseMs = retryMs, manners } = this.#options;
    if (perSecond === undefined) return pauseMs;
    return Math.max(0, began + (manners.length * 1_000) / perSecond - performance.now());
  }

  async #writeOnce(mark: string, count: number): Promise<void> {
    const marks = Array.from({ length: count }, (_, at) => `${mark}:${at}`);
    const reply = await this.#reach(itemsPath, recordsOf(marks));
    if (isGood(reply)) for (const each of marks) this.#items.add(each);
  }

  async #call(mark: string): Promise<void> {
    const reply = await this.#reach('/api/v2/job', JSON.stringify({ mark }));
    if (reply.status === 202) this.#jobs.add(mark);
    else if (isGood(reply)) this.#fault(`a queued service answered ${reply.status}: ${reply.text}`);
  }

  async #writeUntilKept(mark: string): Promise<void> {
    const headers = { 'idempotency-key': randomUUID() };
    for (const patience = performance.now() + patienceMs; performance.now() < patience; ) {
      const reply = await this.#reach(itemsPath, recordsOf([mark]), headers);
      if (isGood(reply)) {
        this.#items.add(mark);
        this.#keyed.add(mark);
        return;
      }
      await pause(retryMs);
    }
    this.#fault(`${mark}: no success in ${patienceMs} ms`);
  }

  // Where nobody listens the request was not heard, and another node may be asked.
  async #reach(path: string, body?: string, headers: Headers = {}): Promise<Reply> {
    for (let at = Math.floor(Math.random() * 1_000); ; at++) {
      const urls = this.#options.urls();
      const url = urls[at % Math.max(1, urls.length)] ?? '';
      const began = performance.now();
      const reply = await this.#ask(url + path, body, headers);
      if (!reply.isRefused) {
        this.#slowestMs = Math.max(this.#slowestMs, performance.now() - began);
        this.#judge(reply, path, headers);
        return reply;
      }
      if (this.#isOver && urls.length === 0) return reply;
      await pause(retryMs);
    }
  }

  #judge({ status, text }: Reply, path: string, headers: Headers): void {
    this.#requests++;
    this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
    const { accepted = [503], mustAnswer = false } = this.#options;
    const isInProgress = status === 409 && 'idempotency-key' in headers;
    const isFine = status === 0 ? !mustAnswer : (status >= 200 && status < 300) || isInProgress;
    if (!isFine && !accepted.includes(status)) this.#fault(`${path}: ${status} ${text}`);
  }

  #fault(text: string): void {
    if (this.#faults.length < 20) this.#faults.push(text.slice(0, 300));
  }

  #ask(url: string, body: string | undefined, headers: Headers): Promise<Reply> {
    const sent = {
      ...headers,
      ...(body === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      'x-dreamfactory-session-token': this.#options.token,
    };
    return new Promise((done) => {
      const fail = (error: NodeJS.ErrnoException) => {
        done({ status: 0, text: error.message, isRefused: error.code === 'ECONNREFUSED' });
      };
      const method = body === undefined ? 'GET' : 'POST';
      const options = { method, headers: sent, agent: this.#agent, timeout: patienceMs };
      const outgoing = request(url, options, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', fail);
        incoming.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          done({ status: incoming.complete ? (incoming.statusCode ?? 0) : 0, text, isRefused: false });
        });
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')));
      outgoing.on('error', fail);
      outgoing.end(body);
    });
  }
}

type Headers = Readonly<Record<string, string>>;

const itemsPath = '/api/v2/data/_table/item';
const patienceMs = 60_000;

function recordsOf(marks: readonly string[]): string {
  return JSON.stringify({ resource: marks.map((mark) => ({ mark })) });
}

function isGood({ status }: Reply): boolean {
  return status >= 200 && status < 300;
}
