// The transport `null`: runs are accepted and dropped, for installations that must not perform any.
// Invariant: nothing of them is kept.
import type { Transport, TransportKind } from '../transport.ts';

/** Runs are dropped. */
export const nullKind: TransportKind = {
  name: 'null',
  label: 'Nowhere',
  description: 'Runs are accepted and dropped: nothing is kept, nothing is performed.',
  config: [],
  create: () => new NullTransport(),
};

class NullTransport implements Transport {
  keep(): undefined {
    return undefined;
  }

  async push(): Promise<void> {}

  consume(): undefined {
    return undefined;
  }

  async close(): Promise<void> {}
}
