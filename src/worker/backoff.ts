// How long a run that failed waits before it is tried again. Invariant: whatever a run says of it, the wait
// is a number of milliseconds from zero to the most that a delay may be.
import { limits } from '../core/limits.ts';
import type { Backoff } from '../core/queue.ts';

/** What runs and workers have that say nothing of it. */
export const usualBackoff: Backoff = {
  kind: 'exponential',
  baseMs: limits.queueBackoffBaseMs,
  mostMs: limits.queueBackoffMostMs,
  jitter: limits.queueBackoffJitter,
};

/** The wait after so many failures, the first being 1; `random` is from 0 to 1. */
export function waitAfter(failures: number, backoff: Backoff, random: number = Math.random()): number {
  if (backoff.kind === 'list') {
    const { delaysMs } = backoff;
    return bounded(delaysMs[Math.min(failures, delaysMs.length) - 1] ?? 0);
  }
  // Beyond that many doublings it is the most in any case, and no number any more.
  const doublings = Math.min(Math.max(0, failures - 1), 40);
  const whole = Math.min(backoff.mostMs, backoff.baseMs * 2 ** doublings);
  return bounded(whole * (1 - backoff.jitter * random));
}

/** The back-off of a run, from its JSON text; `otherwise` where it has none, or one that nobody reads. */
export function backoffOf(text: string | null, otherwise: Backoff): Backoff {
  if (text === null) return otherwise;
  try {
    const value: unknown = JSON.parse(text);
    return isBackoff(value) ? value : otherwise;
  } catch {
    return otherwise;
  }
}

function isBackoff(value: unknown): value is Backoff {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, delaysMs, baseMs, mostMs, jitter } = value as Record<string, unknown>;
  if (kind === 'list')
    return Array.isArray(delaysMs) && delaysMs.length > 0 && delaysMs.every(Number.isFinite);
  return kind === 'exponential' && [baseMs, mostMs, jitter].every(Number.isFinite);
}

function bounded(ms: number): number {
  return Math.round(Math.min(Math.max(0, ms), limits.queueDelaySeconds * 1_000));
}
