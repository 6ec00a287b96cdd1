// Workers that hear of the runs of connections. Invariant: a worker hears by the transport that its
// connection has now, and by no other one.
import type { Hear, Transport } from './transport.ts';

/** Who hears of what. */
interface Wish {
  readonly connection: string;
  readonly queues: readonly string[];
  readonly hear: Hear;
}

interface Subscription extends Wish {
  transport: Transport | undefined;
  stop: (() => void) | undefined;
}

/** Moves workers from a transport to the one that comes after it. */
export class Subscriptions {
  readonly #all = new Set<Subscription>();

  add(wish: Wish, transport: Transport | undefined): () => void {
    const subscription: Subscription = { ...wish, transport: undefined, stop: undefined };
    this.#all.add(subscription);
    moveTo(subscription, transport);
    return () => {
      this.#all.delete(subscription);
      moveTo(subscription, undefined);
    };
  }

  /** Connections may have other transports now. */
  move(transportOf: (connection: string) => Transport | undefined): void {
    for (const each of this.#all) moveTo(each, transportOf(each.connection));
  }

  /** Lets nobody hear of anything any more. */
  end(): void {
    this.move(() => undefined);
    this.#all.clear();
  }
}

function moveTo(subscription: Subscription, transport: Transport | undefined): void {
  if (subscription.transport === transport) return;
  subscription.stop?.();
  subscription.transport = transport;
  subscription.stop = transport?.consume(subscription.hear, subscription.queues);
  // What came while it heard of nothing.
  if (transport !== undefined) void subscription.hear();
}
