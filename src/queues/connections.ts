// The connections of queues: those that always are there, and those that records add or change. Invariants:
// runs are kept in the run store before any transport hears of them, and what a transport loses is found
// there; a connection that nobody knows refuses runs before anything is kept.
import { PlatformError } from '../core/errors.ts';
import type { Observe } from '../core/observe.ts';
import type { NewQueuedRun, QueuePlace, RunPerformer, RunQueue } from '../core/queue.ts';
import type { QueueConnectionRecord, Store } from '../core/store.ts';
import { connectionPlace } from '../security/sealed-places.ts';
import { transportKinds } from './kinds.ts';
import { reasonOf } from './outage.ts';
import { Subscriptions } from './subscriptions.ts';
import type { Consignment, Hear, RunNote, Transport, TransportKind, TransportStore } from './transport.ts';

/** What connections are made with. */
export interface QueueConnectionsParts {
  readonly store: TransportStore & Pick<Store, 'queueConnections'>;
  /** The connection and queue of runs that name none, unless a record says otherwise. */
  readonly fallback: QueuePlace;
  /** Opens what is sealed in configurations; throws what was not sealed with a key that is known. */
  readonly secrets: { open(sealed: string, place: string): string };
  /** Who performs runs where no worker does; asked for when there is the first one. */
  readonly performer: () => RunPerformer;
  readonly observe: Observe;
  /** Where a connection `redis` is that nobody made; undefined: there is none. */
  readonly redisUrl?: string | undefined;
  /** Those that there are unless others are given. */
  readonly kinds?: readonly TransportKind[];
}

/** A connection in use. */
export interface QueueConnection {
  readonly name: string;
  /** Kind of its transport. */
  readonly type: string;
  /** Where its runs go whose script names no queue. */
  readonly defaultQueue: string;
  readonly transport: Transport;
}

interface Entry extends QueueConnection {
  /** What it was made of. */
  readonly mark: string;
}

/** The queue as those who put runs there know it, and its connections. */
export class QueueConnections implements RunQueue {
  readonly #parts: QueueConnectionsParts;
  /** The kinds of transports that there are. */
  readonly kinds: readonly TransportKind[];
  #entries: ReadonlyMap<string, Entry> = new Map();
  #default: string;
  /** Names that are being stored, perhaps together with scripts that name them. */
  readonly #expected = new Set<string>();
  readonly #subscriptions = new Subscriptions();
  /** Transports that were made anew, and are not closed yet. */
  readonly #retired = new Set<Promise<void>>();
  #isStarted = false;

  constructor(parts: QueueConnectionsParts) {
    this.#parts = parts;
    this.kinds = parts.kinds ?? transportKinds;
    this.#default = parts.fallback.connection;
    this.#take([]);
  }

  /** Lets transports do what they do by themselves: only servers and workers want that, and no command. */
  start(): void {
    this.#isStarted = true;
    for (const { transport } of this.#entries.values()) transport.start?.();
  }

  /** Takes over what is stored; connections that changed are made anew, runs wait meanwhile in the store. */
  async load(): Promise<void> {
    this.#expected.clear();
    this.#take(await this.#parts.store.queueConnections.list());
  }

  /**
   * Lets a worker hear of the runs of a connection, also when it is made anew meanwhile; while it is not
   * there, of nothing. Until it calls what it gets.
   */
  consume(name: string, queues: readonly string[], hear: Hear): () => void {
    return this.#subscriptions.add({ connection: name, queues, hear }, this.#entries.get(name)?.transport);
  }

  /** Why the transport of a connection can do nothing at the moment; undefined: it can, or is not there. */
  async flaw(name: string): Promise<string | undefined> {
    return this.#entries.get(name)?.transport.flaw?.();
  }

  /** Active connections by name. */
  names(): readonly string[] {
    return [...this.#entries.keys()].sort();
  }

  /** The connection of that name, '' being the default one. Throws `queue.unknown_connection`. */
  find(name: string): QueueConnection {
    const wanted = name === '' ? this.#default : name;
    const entry = this.#entries.get(wanted);
    if (entry !== undefined) return entry;
    throw new PlatformError(
      'queue.unknown_connection',
      `There is no active queue connection '${wanted}'. There are ${this.names().join(', ')}; ` +
        'system/queue_connection adds others.',
    );
  }

  /** Refuses a connection that runs could not be queued on. Throws `queue.unknown_connection`. */
  check(name: string): void {
    if (!this.#expected.has(name)) this.find(name);
  }

  /** From now on until connections are loaded again, scripts may name this one: it is going to be there. */
  expect(name: string): void {
    this.#expected.add(name);
  }

  async push(runs: readonly NewQueuedRun[]): Promise<void> {
    for (const { connection } of runs) this.find(connection);
    await (await this.#keep(runs)).announce();
  }

  /** Queues runs that were accepted before, and that nobody is there any more to be told of. */
  async pushPromised(runs: readonly NewQueuedRun[]): Promise<void> {
    // Nobody waits for what is performed at once; those who do it see to it that it ends.
    void (await this.#keep(runs)).announce();
  }

  /**
   * Runs with their places, for whoever keeps them himself together with something else: `runs` go into the
   * run store, then `announce` is called. Those whose connection is gone are kept under its name until it is
   * there again.
   */
  consign(runs: readonly NewQueuedRun[]): Consignment {
    const kept: NewQueuedRun[] = [];
    const notes = new Map<Transport, RunNote[]>();
    for (const run of runs) {
      const connection = this.#entries.get(run.connection || this.#default);
      const own = connection === undefined ? this.#orphaned(run) : placed(run, connection);
      if (own !== undefined) kept.push(own);
      if (own !== undefined && connection !== undefined) note(notes, connection.transport, own);
    }
    return { runs: kept, announce: () => this.#announce(notes) };
  }

  /** Resolves when no transport does anything any more. */
  async close(): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#entries = new Map();
    this.#subscriptions.end();
    await Promise.all([...entries.map(({ transport }) => transport.close()), ...this.#retired]);
  }

  async #keep(runs: readonly NewQueuedRun[]): Promise<Consignment> {
    const consignment = this.consign(runs);
    if (consignment.runs.length > 0) await this.#parts.store.queue.push(consignment.runs);
    return consignment;
  }

  #orphaned(run: NewQueuedRun): NewQueuedRun {
    const { queue } = this.#parts.fallback;
    return { ...run, connection: run.connection || this.#default, queue: run.queue || queue };
  }

  // What is kept is found without being told of, so that nobody fails for it.
  async #announce(notes: ReadonlyMap<Transport, readonly RunNote[]>): Promise<void> {
    for (const [transport, of] of notes) {
      try {
        await transport.push(of);
      } catch (error) {
        this.#parts.observe({ kind: 'service.failed', service: 'queue', reason: reasonOf(error) });
      }
    }
  }

  #take(records: readonly QueueConnectionRecord[]): void {
    const before = this.#entries;
    const after = new Map<string, Entry>();
    const built = this.#builtIn().filter(({ name }) => !records.some((record) => record.name === name));
    for (const plan of [...built, ...records.filter(({ isActive }) => isActive).map(planOf)]) {
      const old = before.get(plan.name);
      const entry = old?.mark === plan.mark ? old : this.#open(plan);
      if (entry !== undefined) after.set(plan.name, entry);
    }
    this.#entries = after;
    const chosen = records.find(({ isDefault, isActive }) => isDefault && isActive);
    this.#default = chosen?.name ?? this.#parts.fallback.connection;
    this.#subscriptions.move((name) => after.get(name)?.transport);
    for (const [name, entry] of before) if (after.get(name) !== entry) this.#retire(entry);
  }

  // What it still does ends by itself, without anybody waiting for it but whoever closes all.
  #retire({ transport }: Entry): void {
    const retired: Promise<void> = transport
      .close()
      .catch((error: unknown) => {
        this.#parts.observe({ kind: 'service.failed', service: 'queue', reason: reasonOf(error) });
      })
      .finally(() => this.#retired.delete(retired));
    this.#retired.add(retired);
  }

  // They are there without anybody having made them, under the names of their kinds.
  #builtIn(): Plan[] {
    const { fallback, redisUrl } = this.#parts;
    const plain = { defaultQueue: fallback.queue, mark: '' };
    const always = ['database', 'sync', 'null'].map((name) => ({ name, type: name, ...plain, config: {} }));
    if (redisUrl === undefined) return always;
    return [...always, { name: 'redis', type: 'redis', ...plain, config: { url: redisUrl } }];
  }

  #open(plan: Plan): Entry | undefined {
    const { store, secrets, performer, observe } = this.#parts;
    const { name, type, defaultQueue, mark } = plan;
    const kind = this.kinds.find((each) => each.name === type);
    try {
      if (kind === undefined) throw new Error(`there is no kind of queue connections '${type}'`);
      const config = configOf(kind, plan, secrets);
      const consign = (runs: readonly NewQueuedRun[]) => this.consign(runs);
      const transport = kind.create({
        connection: name,
        defaultQueue,
        config,
        store,
        performer,
        consign,
        observe,
      });
      if (this.#isStarted) transport.start?.();
      return { name, type, defaultQueue, transport, mark };
    } catch (error) {
      observe({
        kind: 'service.failed',
        service: 'queue',
        reason: `connection '${name}': ${reasonOf(error)}`,
      });
      return undefined;
    }
  }
}

interface Plan extends Pick<Entry, 'name' | 'type' | 'defaultQueue' | 'mark'> {
  /** As it is stored: secrets are sealed. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Whether it is that of a record. */
  readonly isStored?: boolean;
}

function planOf({ name, type, defaultQueue, config }: QueueConnectionRecord): Plan {
  return {
    name,
    type,
    defaultQueue,
    mark: JSON.stringify([type, defaultQueue, config]),
    config,
    isStored: true,
  };
}

function placed(run: NewQueuedRun, { name, defaultQueue, transport }: QueueConnection) {
  return transport.keep({ ...run, connection: name, queue: run.queue || defaultQueue });
}

function note(notes: Map<Transport, RunNote[]>, transport: Transport, run: NewQueuedRun): void {
  const { id, queue, delayMs } = run;
  const same = notes.get(transport);
  if (same === undefined) notes.set(transport, [{ id, queue, delayMs }]);
  else same.push({ id, queue, delayMs });
}

function configOf(
  kind: TransportKind,
  { name, config, isStored }: Plan,
  secrets: QueueConnectionsParts['secrets'],
): Readonly<Record<string, unknown>> {
  const entries = kind.config.map(({ name: field, secret, default: fallback }) => {
    const value = config[field] ?? fallback ?? null;
    const isSealed = isStored === true && secret === true && typeof value === 'string' && value !== '';
    return [field, isSealed ? JSON.parse(secrets.open(value, connectionPlace(name, field))) : value];
  });
  return Object.fromEntries(entries);
}
