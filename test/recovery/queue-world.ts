// The world of the proofs of the queue: nodes with workers, their databases, scripts that leave effects,
// clients, and a witness outside.
// Invariant: a proof judges by what lies in the databases when all is quiet, not by what the product tells.
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Balancer } from './node-balancer.ts';
import { Clients, type ClientsOptions, type Manner, type Notes } from './queue-client.ts';
import { type Engine, makeDatabases, type ProofDatabases, type ProofPlace } from './queue-database.ts';
import { freePort, QueueNode } from './queue-fleet.ts';
import type { Mutant } from './queue-mutant.ts';
import { judge, pendingIn, type Verdict } from './queue-verdict.ts';
import { Witness } from './queue-witness.ts';

/** What a world is made of. */
export interface WorldOptions {
  readonly engine: Engine;
  readonly nodes?: number;
  readonly place?: ProofPlace;
  /** Bounds of the nodes beside those that all proofs shorten. */
  readonly limits?: Readonly<Record<string, number>>;
  /** What the nodes are without, so that a proof can be seen to fail. */
  readonly mutant?: Mutant;
  readonly environment?: Readonly<Record<string, string>>;
  /** What single nodes are started with beside, in their order. */
  readonly own?: readonly Readonly<Record<string, string>>[];
  /** Whether writes set nothing off: there are neither scripts nor a queued service. */
  readonly isBare?: boolean;
  /** What an event does after its effect was written and before it ends. */
  readonly lastStep?: string;
}

/** Bounds of the nodes: seconds in life, parts of one here. */
const shortLimits = {
  ...{ queueLeaseMs: 1_500, queueBeatMs: 300, queueSweepMs: 250, queuePollMs: 200 },
  ...{ outboxPendingMs: 2_000, outboxPollMs: 250, outboxAwayMs: 500, outboxLookMs: 500 },
  ...{ idempotencyLeaseMs: 500, queueBackoffBaseMs: 50 },
  // No life kills so often: innocent runs would be taken for those that kill.
  queueCrashes: 1_000,
};

const account = { email: 'admin@example.com', password: 'correct horse battery' };
const quietMs = 30_000;

/** Everything a proof needs; `close` leaves nothing behind. */
export class QueueWorld {
  readonly databases: ProofDatabases;
  readonly witness: Witness;
  readonly nodes: readonly QueueNode[];
  readonly environment: Readonly<Record<string, string>>;
  /** Once it is there, clients reach the nodes by it. */
  balancer: Balancer | undefined;
  #token = '';

  private constructor(parts: Pick<QueueWorld, 'databases' | 'witness' | 'nodes' | 'environment'>) {
    this.databases = parts.databases;
    this.witness = parts.witness;
    this.nodes = parts.nodes;
    this.environment = parts.environment;
  }

  /** Starts all of it, with the service `data`, its event script and the queued service `job`. */
  static async open(options: WorldOptions): Promise<QueueWorld> {
    const { engine, place, nodes: count = 1, own = [], lastStep = '', isBare = false } = options;
    const databases = await makeDatabases(engine, place);
    const witness = new Witness();
    const outside = await witness.open();
    const environment = environmentOf(options, databases, outside);
    const ports = await Promise.all(Array.from({ length: count }, freePort));
    const nodes = ports.map((port, at) => new QueueNode(port, { ...environment, ...own[at] }));
    const world = new QueueWorld({ databases, witness, nodes, environment });
    try {
      await world.#furnish();
      if (!isBare) await world.#makeScripts(`http://${outside}`, lastStep);
      const started = await Promise.all(nodes.slice(1).map((node) => node.start()));
      if (started.includes(false)) throw new Error('a node did not start');
    } catch (error) {
      await world.close();
      throw error;
    }
    return world;
  }

  get urls(): readonly string[] {
    return this.balancer === undefined ? this.nodes.map(({ url }) => url) : [this.balancer.url];
  }

  clients(manners: readonly Manner[], more: Partial<ClientsOptions> = {}): Clients {
    return new Clients({ urls: () => this.urls, token: this.#token, manners, ...more });
  }

  /** Asks the first node that answers, as the administrator. */
  async ask(method: string, path: string, body?: unknown): Promise<{ status: number; text: string }> {
    for (let at = 0; ; at++) {
      try {
        const answer = await fetch(`${this.urls[at % this.urls.length]}/api/v2/${path}`, {
          method,
          headers: { 'content-type': 'application/json', 'x-dreamfactory-session-token': this.#token },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        return { status: answer.status, text: await answer.text() };
      } catch (error) {
        if (at >= 100) throw error;
        await pause(50);
      }
    }
  }

  /** Makes a service or a script; throws unless it is there then. */
  async make(path: string, body: unknown): Promise<void> {
    const { status, text } = await this.ask('POST', path, body);
    if (status !== 201) throw new Error(`${path}: ${status} ${text}`);
  }

  /** Waits until nothing is on its way any more; tells what is left when nothing has moved for long. */
  async settle(patienceMs = quietMs): Promise<number> {
    let pending = Number.NaN;
    for (let moved = performance.now(); performance.now() - moved < patienceMs; await pause(100)) {
      const now = await pendingIn(this.databases);
      if (now === 0) return 0;
      if (now !== pending) moved = performance.now();
      pending = now;
    }
    return pending;
  }

  /** Ends the clients, waits until all is quiet, and judges. */
  async verdict(clients: Clients): Promise<Verdict> {
    const notes: Notes = await clients.end();
    const unsettled = await this.settle();
    const { testimony } = this.witness;
    const verdict = await judge({ databases: this.databases, notes, unsettled, testimony });
    if (verdict.findings.length > 0) for (const node of this.nodes) console.log(node.said);
    return verdict;
  }

  async close(): Promise<void> {
    await this.balancer?.close();
    for (const node of this.nodes) node.thaw();
    await Promise.all(this.nodes.map((node) => node.kill()));
    this.witness.close();
    await this.databases.remove();
  }

  async #furnish(): Promise<void> {
    const [first] = this.nodes;
    if (first === undefined || !(await first.start())) throw new Error(`no server: ${first?.said}`);
    const { status, text } = await this.ask('POST', 'system/admin/session', account);
    if (status !== 200) throw new Error(`no session: ${text}`);
    this.#token = JSON.parse(text).session_token;
    const { type, config } = this.databases.service;
    await this.make('system/service', {
      resource: [{ name: 'data', label: 'data', type, config, is_active: true }],
    });
  }

  async #makeScripts(outside: string, lastStep: string): Promise<void> {
    const script = { type: 'nodejs', is_active: true };
    const event = 'data._table.item.post.queued';
    await this.make(`system/event_script/${event}`, { ...script, content: eventScript(outside, lastStep) });
    const job = { ...script, name: 'job', label: 'job' };
    await this.make('system/service', {
      resource: [{ ...job, config: { content: jobScript(outside), queued: true, config: { tries: 2 } } }],
    });
  }
}

function environmentOf(options: WorldOptions, databases: ProofDatabases, outside: string) {
  const { limits = {}, mutant, environment = {} } = options;
  return {
    TENON_HOME: databases.home,
    TENON_DATABASE_URL: databases.systemUrl,
    TENON_MASTER_KEY: randomBytes(32).toString('base64'),
    TENON_ADMIN_EMAIL: account.email,
    TENON_ADMIN_PASSWORD: account.password,
    TENON_EGRESS_ALLOW: outside,
    TENON_LOG_LEVEL: 'warn',
    TENON_RUNNERS_MIN: '1',
    TENON_RUNNERS_MAX: '2',
    TENON_WORKER_CONCURRENCY: '4',
    // Nobody waits for balancers where there are none.
    TENON_DRAIN_DELAY: '0',
    PROOF_CACHE: `${databases.home}/compiled`,
    PROOF_LIMITS: JSON.stringify({ ...shortLimits, ...limits }),
    ...(mutant === undefined ? {} : { PROOF_MUTANT: mutant }),
    ...environment,
  };
}

// An answer that is not in order must be a failure of the run, or its effect would be missing.
const writing = `
  const write = async (marks) => {
    const rows = marks.map((mark) => ({ mark, event: event.id, attempt: event.attempt ?? 0 }));
    const answer = await platform.api.post('data/_table/effect', { resource: rows });
    if (answer.statusCode >= 400) throw new Error('effect: ' + JSON.stringify(answer.content));
  };`;

function eventScript(outside: string, lastStep: string): string {
  // What was refused sets it off, too.
  return `${writing}
  if (event.response.status_code >= 400) return;
  await platform.api.post('${outside}/' + event.id, {});
  await write(event.request.payload.resource.map(({ mark }) => mark));
  ${lastStep}`;
}

function jobScript(outside: string): string {
  return `${writing}
  const { mark, deed } = event.request.payload;
  if (deed === 'runner falls') process.kill(process.pid, 'SIGKILL');
  await platform.api.post('${outside}/' + (deed === undefined ? event.id : encodeURIComponent(deed)), {});
  await write([mark]);
  return { success: true };`;
}
