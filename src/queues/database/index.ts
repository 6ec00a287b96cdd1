// The transport `database`: workers look into the system database, and are woken by its signal.
// Invariant: nothing is told here that the run store does not tell by itself after its commit.
import type { NewQueuedRun } from '../../core/queue.ts';
import type { Hear, Transport, TransportKind, TransportSettings } from '../transport.ts';

/** Runs wait in the system database. */
export const databaseKind: TransportKind = {
  name: 'database',
  label: 'System database',
  description: 'Runs wait in the system database; workers of all servers that share it are woken.',
  config: [],
  create: (settings) => new DatabaseTransport(settings),
};

class DatabaseTransport implements Transport {
  readonly isWorked = true;
  readonly #settings: TransportSettings;
  readonly #stops = new Set<() => void>();

  constructor(settings: TransportSettings) {
    this.#settings = settings;
  }

  keep(run: NewQueuedRun): NewQueuedRun {
    return run;
  }

  async push(): Promise<void> {}

  consume(hear: Hear): () => void {
    const { store, connection } = this.#settings;
    const stop = store.queueSignal.listen(connection, () => void hear());
    this.#stops.add(stop);
    return () => {
      stop();
      this.#stops.delete(stop);
    };
  }

  async close(): Promise<void> {
    for (const stop of this.#stops) stop();
    this.#stops.clear();
  }
}
