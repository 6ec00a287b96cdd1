// A node without the fence: what keeps a worker that lost a run from going on with it is taken out, so that a
// proof can be seen to fail. Only the program of proofs knows of it.
// Invariant: everything else is the product as it is.
import { SqlOutbox } from '../../src/services/sql/outbox/outbox.ts';
import { Queue } from '../../src/store/queue/queue.ts';
import { HeldRun } from '../../src/worker/held-run.ts';

/** Takes the fence out of this process, for good. */
export function removeFence(): void {
  // That effects were committed before is not noted, and not asked for.
  SqlOutbox.prototype.apply = async () => undefined;
  SqlOutbox.prototype.isApplied = async () => false;
  SqlOutbox.prototype.wasApplied = async () => false;
  // Whoever begins is taken for the one who holds the run.
  Queue.prototype.noteEffects = async () => true;
  // A worker that is told that it lost a run goes on.
  const { stop } = HeldRun.prototype;
  HeldRun.prototype.stop = function (reason) {
    if (reason !== 'lost') stop.call(this, reason);
  };
}
