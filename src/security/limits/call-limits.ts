// All limits on callers as the path asks for them: how many at the same time, then how often.
// Invariant: administrators, scripts and the system itself are not limited (spec §5.11).
import type { LimitPolicy, Taken } from '../../core/limiter.ts';
import type { Headers, Operation } from '../../core/operation.ts';
import type { Location } from '../../core/service.ts';
import type { RateLimits } from './rate-limits.ts';
import type { RoleConcurrency } from './role-concurrency.ts';

/** What calls are limited by. */
export interface CallLimitParts {
  readonly rates: Pick<RateLimits, 'take'>;
  readonly concurrency: Pick<RoleConcurrency, 'enter'>;
}

/** The limits on callers. */
export class CallLimits implements LimitPolicy {
  readonly #parts: CallLimitParts;

  constructor(parts: CallLimitParts) {
    this.#parts = parts;
  }

  take(operation: Operation, location: Location): Taken | Promise<Taken> | undefined {
    const { depth, requestor, principal } = operation;
    if (depth > 0 || requestor !== 'api' || principal.isAdmin) return undefined;
    // First, because who is turned away for it has used nothing up.
    const release = this.#parts.concurrency.enter(principal.role);
    const counting = this.#parts.rates.take(operation, location);
    if (counting !== undefined) return counted(counting, release);
    return release && { headers: undefined, release };
  }
}

async function counted(counting: Promise<Headers>, release: (() => void) | undefined): Promise<Taken> {
  try {
    return { headers: await counting, release };
  } catch (error) {
    release?.();
    throw error;
  }
}
