// The connections of a server, and how they end when it stops. Invariant: a connection is closed only when
// nothing is under way on it and nothing has come by for a while, right after everything that had arrived
// was read: no request that was begun is lost, and hardly one can meet the end of its connection on the way.
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { limits } from '../core/limits.ts';

/** What is known of a connection: when something came by last, and how much had by then. */
interface Trace {
  bytes: number;
  since: number;
}

/** The open connections of servers. */
export class Connections {
  readonly #traces = new Map<Socket, Trace>();
  #taken = 0;

  /** Follows the connections of a server. */
  follow(server: Server): void {
    server.on('connection', (socket: Socket) => {
      this.#taken++;
      this.#traces.set(socket, { bytes: 0, since: performance.now() });
      socket.once('close', () => this.#traces.delete(socket));
    });
  }

  /** From now on it is noticed when nothing comes by. */
  watch(): void {
    for (const [socket, trace] of this.#traces) {
      trace.bytes = socket.bytesRead;
      trace.since = performance.now();
    }
  }

  /**
   * Resolves when nobody waits to be taken any more: Node takes one connection in a turn, and those that the
   * system has made already are cut off with the socket that is listened on.
   */
  async takeWaiting(): Promise<void> {
    const until = performance.now() + limits.drainQuietMs;
    for (let before = -1; before !== this.#taken && performance.now() < until; ) {
      before = this.#taken;
      await turn();
    }
  }

  /** Closes connections where nothing came by for so long, until there is none; after a while all of them. */
  async end(quietMs: number): Promise<void> {
    const until = performance.now() + limits.drainMs;
    for (;;) {
      // What had arrived is read before this turn is over; who has not written by then is not heard here.
      await turn();
      this.#closeQuiet(quietMs);
      await turn();
      if (this.#traces.size === 0) return;
      if (performance.now() >= until) break;
      await pause(limits.drainLookMs);
    }
    for (const socket of this.#traces.keys()) socket.destroy();
  }

  #closeQuiet(quietMs: number): void {
    const now = performance.now();
    for (const [socket, trace] of this.#traces) {
      if (isBusy(socket) || socket.bytesRead !== trace.bytes) {
        trace.bytes = socket.bytesRead;
        trace.since = now;
      } else if (now - trace.since >= quietMs) socket.destroy();
    }
  }
}

// Node keeps the answer under way with its connection, until all of it was handed over to the system. A
// server that kept that itself would pay for it with every request.
function isBusy(socket: Socket & { readonly _httpMessage?: ServerResponse | null }): boolean {
  return (socket._httpMessage ?? null) !== null || socket.writableLength > 0;
}
