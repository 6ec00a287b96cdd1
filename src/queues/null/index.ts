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
  readonly isWorked = false;

  keep(): undefined {
    return undefined;
  }

  async push(): Promise<void> {}

  consume(): () => void {
    return () => undefined;
  }

  async close(): Promise<void> {}
}
