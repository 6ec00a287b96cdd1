// What a run comes to: how it is written down, what is queued with it, and what is told. Invariant: only a
// failure of the script uses up a try, and only the last one sets off what follows a failure.
import { limits } from '../core/limits.ts';
import type { Observation } from '../core/observe.ts';
import type { Backoff, ClaimedRun, NewQueuedRun, Performed, RunEnd } from '../core/queue.ts';
import { backoffOf, waitAfter } from './backoff.ts';
import type { StopReason } from './held-run.ts';

/** What workers do with runs that say nothing of it. */
export interface RunRules {
  readonly tries: number;
  readonly timeoutMs: number;
  readonly backoff: Backoff;
}

/** The end of a run. */
export interface Verdict {
  /** Undefined: it is given back as it was. */
  readonly end: RunEnd | undefined;
  /** What is queued in the transaction that ends it. */
  readonly further: readonly NewQueuedRun[];
  readonly told: Extract<Observation, { queue: string }>['kind'];
  readonly reason: string | null;
}

/** A run that is over, as far as its worker is concerned. */
export interface Ended {
  readonly run: ClaimedRun;
  /** Undefined: it did not stop when it was told to. */
  readonly performed: Performed | undefined;
  readonly stopped: StopReason | undefined;
  readonly rules: RunRules;
}

/** What is to become of it. */
export function verdictOn(ended: Ended): Verdict {
  const { run, performed, stopped } = ended;
  const { position, token } = run;
  // What is done is done, whoever wanted to stop it meanwhile.
  if (performed?.outcome === 'done') {
    const end = { position, token, outcome: 'done' } as const;
    return { end, further: performed.further, told: 'queue.done', reason: null };
  }
  if (stopped === 'cancelled') return cancelled(run, performed);
  if (stopped === 'stopping' && startsOnce(run) && performed?.outcome !== 'postponed') {
    return failed(ended, { ...failureOf(performed), reason: interrupted });
  }
  if (stopped === 'lost' || stopped === 'stopping') return givenBack;
  if (stopped === 'timeout') {
    const timedOut = { ...failureOf(performed), reason: tooLong(run, ended.rules) };
    return failed(ended, timedOut);
  }
  if (performed?.outcome === 'postponed') return postponed(run, performed);
  return failed(ended, failureOf(performed));
}

/** How long a run may take. */
export function timeoutOf(run: ClaimedRun, rules: RunRules): number {
  return Math.min(run.timeoutMs ?? rules.timeoutMs, limits.queueTimeoutMaxMs);
}

/** A reason at the length that is kept. */
export function shortened(reason: string): string {
  const most = limits.queueReasonChars;
  return reason.length <= most ? reason : `${reason.slice(0, most - 1)}…`;
}

const givenBack: Verdict = { end: undefined, further: [], told: 'queue.released', reason: null };

type Failure = Extract<Performed, { outcome: 'failed' }>;

const interrupted = 'its worker was stopped while it ran, and it is not started again';

// Whatever became of it, and however many tries it was given.
function startsOnce({ delivery }: ClaimedRun): boolean {
  return delivery === 'at-most-once';
}

function failureOf(performed: Performed | undefined): Failure {
  if (performed?.outcome === 'failed') return performed;
  const reason =
    performed?.outcome === 'postponed' ? performed.reason : 'it did not stop when it was told to';
  return { outcome: 'failed', reason, logId: null, retry: undefined, onFailure: undefined };
}

function tooLong(run: ClaimedRun, rules: RunRules): string {
  return `it took longer than ${timeoutOf(run, rules) / 1_000} s`;
}

function cancelled({ position, token }: ClaimedRun, performed: Performed | undefined): Verdict {
  const logId = performed?.outcome === 'failed' ? performed.logId : null;
  const reason = 'cancelled while it ran';
  const end = { position, token, outcome: 'cancelled', reason, logId } as const;
  return { end, further: [], told: 'queue.cancelled', reason };
}

function postponed(
  { position, token }: ClaimedRun,
  { delayMs, reason: why }: Extract<Performed, { outcome: 'postponed' }>,
): Verdict {
  const reason = shortened(why);
  // One that could start at once would be asked for again and again.
  const wait = Math.max(delayMs, limits.queueLeastWaitMs);
  const end = { position, token, outcome: 'postponed', delayMs: wait, reason, logId: null } as const;
  return { end, further: [], told: 'queue.postponed', reason };
}

function failed({ run, rules }: Ended, { reason: why, logId, retry, onFailure }: Failure): Verdict {
  const { position, token } = run;
  const reason = shortened(why);
  const failures = run.attempt + 1;
  const about = { position, token, reason, logId };
  if (retry === 'never' || startsOnce(run) || failures >= (run.tries ?? rules.tries)) {
    const further = onFailure === undefined ? [] : [onFailure];
    return { end: { ...about, outcome: 'failed' }, further, told: 'queue.failed', reason };
  }
  const delayMs = retry?.afterMs ?? waitAfter(failures, backoffOf(run.backoff, rules.backoff));
  return { end: { ...about, outcome: 'retry', delayMs }, further: [], told: 'queue.retried', reason };
}
