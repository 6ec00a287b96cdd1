// Says to the other processes on the system database that this one is there, and tells of those that are
// lost. Invariant: where the system database is a file, a process says so only while no other machine does:
// one that was thought lost stays silent, and is not healthy.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { limits } from './core/limits.ts';
import type { NodePresence, NodeRecord } from './core/node.ts';
import type { Observe } from './core/observe.ts';
import type { Store } from './core/store.ts';
import { secondHost } from './store/file-place.ts';
import { version } from './version.ts';

/** What a process is, as far as it does not find out itself. */
export type NodeFacts = Pick<NodePresence, 'kind' | 'url' | 'queues'>;

/** What it takes. */
export interface NodeWatchParts {
  readonly store: Store;
  readonly hostMark: string;
  /** Whether all processes must be on one machine. */
  readonly isOneHost: boolean;
  readonly observe: Observe;
}

/** This process among those that share the system database. */
export class NodeWatch {
  readonly id = randomUUID();
  readonly #parts: NodeWatchParts;
  #facts: NodeFacts | undefined;
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> = Promise.resolve();
  #isDraining = false;
  isHealthy = true;

  constructor(parts: NodeWatchParts) {
    this.#parts = parts;
  }

  /** From now on this process is there. Throws `config.invalid` where another machine is. */
  async start(facts: NodeFacts): Promise<void> {
    const { observe } = this.#parts;
    this.#facts = facts;
    await this.#beat();
    const { host, pid } = this.#presence(facts);
    observe({ kind: 'node.started', node: this.id, host, pid, version });
    this.#timer = setInterval(() => this.#next(), limits.nodeBeatMs);
    this.#timer.unref();
  }

  /** Says that this process takes nothing new; nobody waits for it. */
  drain(): void {
    this.#isDraining = true;
    this.#next();
  }

  /** Says that this process is gone. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#beating;
    if (this.#facts === undefined) return;
    this.#facts = undefined;
    // Who cannot say so is found lost.
    await this.#parts.store.nodes.leave(this.id).catch(() => undefined);
  }

  #next(): void {
    this.#beating = this.#beating.then(() => this.#tryBeat());
  }

  async #tryBeat(): Promise<void> {
    const { store, observe } = this.#parts;
    try {
      await this.#beat();
      for (const node of await store.nodes.takeLost()) observe(lost(node));
      await store.nodes.trim();
      if (!this.isHealthy) observe({ kind: 'node.recovered' });
      this.isHealthy = true;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (this.isHealthy) observe({ kind: 'node.failed', reason });
      this.isHealthy = false;
    }
  }

  async #beat(): Promise<void> {
    const { store, hostMark, isOneHost } = this.#parts;
    if (this.#facts === undefined) return;
    const presence = this.#presence(this.#facts);
    if (!isOneHost) return store.nodes.beat(presence);
    // Of two machines that begin at the same moment, one is the second.
    await store.transaction(async ({ nodes }) => {
      const [other] = await nodes.elsewhere(hostMark);
      if (other !== undefined) throw secondHost(other.host);
      await nodes.beat(presence);
    });
  }

  #presence(facts: NodeFacts): NodePresence {
    const { hostMark } = this.#parts;
    const own = { id: this.id, host: hostname(), hostMark, pid: process.pid, version };
    return { ...own, ...facts, isDraining: this.#isDraining };
  }
}

function lost({ id, host, pid, version: its }: NodeRecord) {
  return { kind: 'node.lost', node: id, host, pid, version: its } as const;
}
