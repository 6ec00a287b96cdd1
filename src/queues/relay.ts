// Hands on what waits in outboxes: runs that were kept in the transaction of the write that set them off, and
// whose server did not, or could not, hand them on itself. Invariants: an entry is removed only when the run
// store has its runs; what fails stays, is tried again, and stands in nobody's way.
import { limits } from '../core/limits.ts';
import type { Observe } from '../core/observe.ts';
import type { Outbox } from '../core/outbox.ts';
import type { Service } from '../core/service.ts';
import type { QueueConnections } from './connections.ts';
import { Line } from './line.ts';
import type { OutboxRegister } from './outbox-register.ts';

/** What handing on takes. */
export interface RelayParts {
  /** Of the system database. */
  readonly outbox: Outbox;
  /** Those that keep an outbox are looked at. */
  readonly services: { list(): readonly Pick<Service, 'name' | 'outbox'>[] };
  readonly queue: Pick<QueueConnections, 'pushPromised'>;
  /** Which services' outboxes are in use; the others are left in peace. Absent: all are. */
  readonly register?: Pick<OutboxRegister, 'has' | 'load'>;
  readonly observe: Observe;
}

/** The name under which the outbox of the system database is told of. */
const own = 'system';

/** Looks at all outboxes: when it is told of an entry, and from time to time. */
export class Relay {
  readonly #parts: RelayParts;
  #lines: ReadonlyMap<string, Line> = new Map();
  /** Of services that are gone. */
  readonly #ending = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(parts: RelayParts) {
    this.#parts = parts;
  }

  /** Looks now and from now on. */
  start(): void {
    this.#timer = setInterval(() => void this.#look(), limits.outboxPollMs);
    this.#timer.unref();
    void this.#look();
  }

  /** Looks where something was kept: in the outbox of a service, of the system (`system`), or in all. */
  wake(service?: string): void {
    if (this.#isStopped) return;
    const lines = this.#current();
    const woken = service === undefined ? [...lines.values()] : [lines.get(service)];
    for (const line of woken) line?.wake();
  }

  /** Resolves when nothing is being handed on any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    for (const line of this.#lines.values()) this.#end(line);
    await Promise.all(this.#ending);
  }

  async #look(): Promise<void> {
    // A system database that is away has nowhere to hand entries on to; what was known before stays so.
    await this.#parts.register?.load().catch(() => undefined);
    if (this.#isStopped) return;
    for (const line of this.#current().values()) line.look();
  }

  // Services come and go; one that was made anew has another outbox, and what its line knew counts no more.
  #current(): ReadonlyMap<string, Line> {
    const { outbox, services, register } = this.#parts;
    const lines = new Map([[own, this.#line(own, outbox)]]);
    for (const service of services.list()) {
      const isUsed = register?.has(service.name) ?? true;
      if (isUsed && service.outbox !== undefined)
        lines.set(service.name, this.#line(service.name, service.outbox));
    }
    const current = new Set(lines.values());
    for (const line of this.#lines.values()) if (!current.has(line)) this.#end(line);
    this.#lines = lines;
    return lines;
  }

  #end(line: Line): void {
    const ending = line.stop().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  #line(service: string, outbox: Outbox): Line {
    const line = this.#lines.get(service);
    if (line?.outbox === outbox) return line;
    const { queue, observe } = this.#parts;
    return new Line({ service, outbox, push: (runs) => queue.pushPromised(runs), observe });
  }
}
