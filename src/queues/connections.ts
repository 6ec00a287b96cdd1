// The connections of queues: those that always are there, and those that records add or change. Invariants:
// runs are kept in the run store before any transport hears of them, and what a transport loses is found
// there; a connection that nobody knows refuses runs before anything is kept.
import { PlatformError } from '../core/errors.ts';
import type { Observe } from '../core/observe.ts';
import type { NewQueuedRun, QueuePlace, RunPerformer, RunQueue } from '../core/queue.ts';
import type { QueueConnectionRecord, Store } from '../core/store.ts';
import { connectionPlace } from '../security/sealed-places.ts';
import { transportKinds } from './kinds.ts';
import type { Consignment, RunNote, Transport, TransportKind, TransportStore } from './transport.ts';

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
    await Promise.all(entries.map(({ transport }) => transport.close()));
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
        const reason = error instanceof Error ? error.message : String(error);
        this.#parts.observe({ kind: 'service.failed', service: 'queue', reason });
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
    for (const [name, entry] of before) if (after.get(name) !== entry) void entry.transport.close();
  }

  // They are there without anybody having made them, under the names of their kinds.
  #builtIn(): Plan[] {
    const defaultQueue = this.#parts.fallback.queue;
    return ['database', 'sync', 'null'].map((name) => {
      return { name, type: name, defaultQueue, mark: '', record: undefined };
    });
  }

  #open({ name, type, defaultQueue, mark, record }: Plan): Entry | undefined {
    const { store, secrets, performer, observe } = this.#parts;
    const kind = this.kinds.find((each) => each.name === type);
    try {
      if (kind === undefined) throw new Error(`there is no kind of queue connections '${type}'`);
      const config = configOf({ name, record, kind, secrets });
      const consign = (runs: readonly NewQueuedRun[]) => this.consign(runs);
      const transport = kind.create({ connection: name, config, store, performer, consign, observe });
      if (this.#isStarted) transport.start?.();
      return { name, type, defaultQueue, transport, mark };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      observe({ kind: 'service.failed', service: 'queue', reason: `connection '${name}': ${reason}` });
      return undefined;
    }
  }
}

interface Plan {
  readonly name: string;
  readonly type: string;
  readonly defaultQueue: string;
  readonly mark: string;
  readonly record: QueueConnectionRecord | undefined;
}

function planOf(record: QueueConnectionRecord): Plan {
  const { name, type, defaultQueue, config } = record;
  return { name, type, defaultQueue, mark: JSON.stringify([type, defaultQueue, config]), record };
}

function placed(run: NewQueuedRun, { name, defaultQueue, transport }: QueueConnection) {
  return transport.keep({ ...run, connection: name, queue: run.queue || defaultQueue });
}

function note(notes: Map<Transport, RunNote[]>, transport: Transport, { id, queue }: NewQueuedRun): void {
  const same = notes.get(transport);
  if (same === undefined) notes.set(transport, [{ id, queue }]);
  else same.push({ id, queue });
}

interface ConfigParts extends Pick<Plan, 'name' | 'record'>, Pick<QueueConnectionsParts, 'secrets'> {
  readonly kind: TransportKind;
}

function configOf({ name, record, kind, secrets }: ConfigParts): Readonly<Record<string, unknown>> {
  const entries = kind.config.map(({ name: field, secret, default: fallback }) => {
    const value = record?.config[field] ?? fallback ?? null;
    const isSealed = secret === true && typeof value === 'string' && value !== '';
    return [field, isSealed ? JSON.parse(secrets.open(value, connectionPlace(name, field))) : value];
  });
  return Object.fromEntries(entries);
}
