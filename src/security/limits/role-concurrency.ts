// How many operations of a role's callers are under way at the same time, in this process.
// Invariant: every operation that was let in is counted out exactly once.
import { PlatformError } from '../../core/errors.ts';
import type { Role } from '../../core/role.ts';

/** Counts the operations under way of roles that have a bound. */
export class RoleConcurrency {
  // By id: a role in force is another object after each change of configuration.
  readonly #busy = new Map<number, number>();

  /** Operations of a role that are under way. */
  busy(roleId: number): number {
    return this.#busy.get(roleId) ?? 0;
  }

  /**
   * Lets an operation in, giving what counts it out; undefined for roles without a bound. Throws
   * `limit.concurrency` at once when there are as many as there may be.
   */
  enter(role: Role | null): (() => void) | undefined {
    if (role === null || role.maxConcurrency === null) return undefined;
    const { id, maxConcurrency } = role;
    const busy = this.busy(id);
    if (busy >= maxConcurrency) throw full(role, maxConcurrency);
    this.#busy.set(id, busy + 1);
    let isOut = false;
    return () => {
      if (isOut) return;
      isOut = true;
      const left = this.busy(id) - 1;
      if (left === 0) this.#busy.delete(id);
      else this.#busy.set(id, left);
    };
  }
}

function full({ name }: Role, most: number): PlatformError {
  const message =
    `The role '${name}' allows ${most} requests at the same time, and as many are under way. ` +
    'Send fewer at once, or this one again in a moment.';
  return new PlatformError('limit.concurrency', message, { headers: { 'Retry-After': '1' } });
}
