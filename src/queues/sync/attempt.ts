// One run that whoever queued it performs. Invariant: what becomes of it is said in one transaction with the
// runs that it set off; where somebody else holds it by then, nothing is said and nothing queued.
import { limits } from '../../core/limits.ts';
import type { ClaimedRun, NewQueuedRun, Performed, RunControl, RunEnd } from '../../core/queue.ts';
import type { Consignment, TransportSettings } from '../transport.ts';

/** Performs a run that is held. Throws when the store cannot be asked: then the run is taken over later. */
export async function attempt(settings: TransportSettings, run: ClaimedRun): Promise<void> {
  tell(settings, run, { kind: 'queue.started' });
  await finish(settings, run, await performHeld(settings, run));
}

async function performHeld(settings: TransportSettings, run: ClaimedRun): Promise<Performed> {
  const { queue } = settings.store;
  const abort = new AbortController();
  const beat = setInterval(() => {
    // What cannot be asked now is asked again before the lease is over.
    queue.beat([run], limits.queueLeaseMs).then(
      ([answer]) => answer !== 'held' && abort.abort(),
      () => undefined,
    );
  }, limits.queueBeatMs);
  const deadline = run.timeoutMs === null ? undefined : setTimeout(() => abort.abort(), run.timeoutMs);
  const control: RunControl = {
    signal: abort.signal,
    noteEffects: (service) => queue.noteEffects(run, service),
    recall: (key) => queue.recall(run, key),
    remember: (key, value) => queue.remember(run, key, value),
  };
  try {
    return await settings.performer().perform(run, control);
  } finally {
    clearInterval(beat);
    clearTimeout(deadline);
  }
}

async function finish(settings: TransportSettings, run: ClaimedRun, ended: Performed): Promise<void> {
  const further = settings.consign(furtherRuns(ended));
  const end = endOf(run, ended);
  const counted = await settings.store.transaction(async (inside) => {
    const [isCounted = false] = await inside.queue.finish([end]);
    if (isCounted) await inside.queue.push(further.runs);
    return isCounted;
  });
  if (!counted) return;
  if (ended.outcome === 'done') tell(settings, run, { kind: 'queue.done' });
  else tell(settings, run, { kind: `queue.${ended.outcome}`, reason: ended.reason });
  await announce(further);
}

function furtherRuns(ended: Performed): readonly NewQueuedRun[] {
  if (ended.outcome === 'done') return ended.further;
  return ended.outcome === 'postponed' || ended.onFailure === undefined ? [] : [ended.onFailure];
}

function endOf({ position, token }: ClaimedRun, ended: Performed): RunEnd {
  if (ended.outcome === 'done') return { position, token, outcome: 'done' };
  const { outcome, reason } = ended;
  if (outcome === 'postponed') {
    // One that could start at once would be asked for again and again.
    const delayMs = Math.max(ended.delayMs, limits.queuePollMs);
    return { position, token, outcome, delayMs, reason, logId: null };
  }
  // Whoever waits for the answer does not wait for another try.
  return { position, token, outcome, reason, logId: ended.logId };
}

async function announce(further: Consignment): Promise<void> {
  if (further.runs.length > 0) await further.announce();
}

interface Seen {
  readonly kind: 'queue.started' | 'queue.done' | 'queue.failed' | 'queue.postponed';
  readonly reason?: string;
}

function tell({ observe }: TransportSettings, run: ClaimedRun, { kind, reason }: Seen): void {
  const { id, position, script, queue, connection, attempt: before } = run;
  observe({
    ...{ kind, id, position, script, queue, connection, reason: reason ?? null },
    attempt: before + 1,
  });
}
