// The world outside of a proof: an HTTP server that scripts call, and that counts what cannot be undone.
// Invariant: what happens here is counted and told, never taken back, however often a run is begun.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/** What the witness saw. */
export interface Testimony {
  /** Calls of scripts. */
  readonly calls: number;
  /** Calls of events that had been called for before. */
  readonly repeated: number;
  /** Calls without an idempotency key. */
  readonly keyless: number;
}

/** Counts calls; tells those who wait for one. */
export class Witness {
  readonly #server = createServer((incoming, outgoing) => this.#hear(incoming, outgoing));
  readonly #events = new Map<string, number>();
  /** Told the path of each call before it is answered. */
  heard: ((path: string) => void) | undefined;
  #calls = 0;
  #keyless = 0;
  #listeners: ((path: string) => void)[] = [];

  /** Where it is; to be called once. */
  async open(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    return `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  }

  get testimony(): Testimony {
    const repeated = this.#calls - this.#events.size;
    return { calls: this.#calls, repeated, keyless: this.#keyless };
  }

  /** Resolves with the next call of a script; false when none comes in time. */
  next(withinMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), withinMs);
      this.#listeners.push(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #hear(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const path = incoming.url ?? '';
    this.#calls++;
    this.#events.set(path, (this.#events.get(path) ?? 0) + 1);
    if (incoming.headers['idempotency-key'] === undefined) this.#keyless++;
    this.heard?.(path);
    for (const listener of this.#listeners.splice(0)) listener(path);
    incoming.resume().on('end', () => outgoing.end('{}'));
  }
}
