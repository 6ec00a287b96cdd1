// How often callers may call: the limits in force, and the counters that they are held against.
// Invariant: which limits count an operation is worked out once per principal and location; where there are
// no limits at all nothing is worked out.
import { LRUCache } from 'lru-cache';
import { PlatformError } from '../../core/errors.ts';
import type { Count, LimitCounter, LimitCounters } from '../../core/limiter.ts';
import { limits } from '../../core/limits.ts';
import type { Headers, Operation, Principal } from '../../core/operation.ts';
import type { Location } from '../../core/service.ts';
import type { LimitRecord, Store } from '../../core/store.ts';
import { addressed, counted, counts, type LimitRule, limitTypes, periodSeconds } from './rule.ts';

/** What limits are held with. */
export interface RateLimitParts {
  readonly store: Pick<Store, 'limits' | 'services'>;
  readonly counters: LimitCounters;
  readonly now?: () => number;
}

interface Applied {
  readonly rule: LimitRule;
  /** Undefined: the address of each call says. */
  readonly who: string | undefined;
}

/** A counter that was found to be used up. */
interface Spent {
  /** When it is asked again, in case somebody let it begin anew. */
  readonly askAgainAt: number;
  readonly resetAt: number;
}

const nothing: readonly Applied[] = [];

/** The rate limits of this process. */
export class RateLimits {
  readonly #parts: RateLimitParts;
  readonly #now: () => number;
  readonly #spent = new LRUCache<string, Spent>({ max: limits.limitSpent });
  #rules: readonly LimitRule[] = [];
  #applied = new WeakMap<Principal, WeakMap<Location, readonly Applied[]>>();
  #fingerprint = '[]';
  #loading: Promise<void> = Promise.resolve();

  constructor(parts: RateLimitParts) {
    this.#parts = parts;
    this.#now = parts.now ?? Date.now;
  }

  /** Takes over the limits that are stored. One after the other, so that the newest count. */
  load(): Promise<void> {
    const next = () => this.#read();
    this.#loading = this.#loading.then(next, next);
    return this.#loading;
  }

  /** Counters whose window is open; of one limit or all. */
  counters(limitId?: number): Promise<readonly LimitCounter[]> {
    return this.#parts.counters.list(limitId);
  }

  /** Lets the counters of a limit, or of all, begin anew. */
  async reset(limitId?: number): Promise<void> {
    await this.#parts.counters.reset(limitId);
    this.#spent.clear();
  }

  /**
   * Counts an operation; the headers that its answer has, or undefined where no limit counts it. Rejects with
   * `limit.exceeded`.
   */
  take(operation: Operation, location: Location): Promise<Headers> | undefined {
    if (this.#rules.length === 0) return undefined;
    const applied = this.#appliedTo(operation, location);
    return applied.length === 0 ? undefined : this.#count(applied, operation);
  }

  async #read(): Promise<void> {
    const { store, counters } = this.#parts;
    const stored = (await store.limits.list()).filter(({ isActive }) => isActive);
    const services = stored.length === 0 ? [] : await store.services.list();
    const names = new Map(services.map(({ id, name }) => [id, name.toLowerCase()]));
    const fingerprint = JSON.stringify([stored, stored.map(({ serviceId }) => names.get(serviceId ?? 0))]);
    if (fingerprint === this.#fingerprint) return;
    const rules = stored.flatMap((limit) => ruleOf(limit, names)).sort(byNarrowness);
    await counters.prepare(rules.map(({ limit }) => countedLimit(limit)));
    this.#fingerprint = fingerprint;
    this.#rules = rules;
    this.#applied = new WeakMap();
    this.#spent.clear();
  }

  #appliedTo(operation: Operation, location: Location): readonly Applied[] {
    const { principal } = operation;
    let known = this.#applied.get(principal);
    if (known === undefined) {
      known = new WeakMap();
      this.#applied.set(principal, known);
    }
    let applied = known.get(location);
    if (applied === undefined) {
      const found = this.#rules.filter((rule) => counts(rule, operation, location));
      applied = found.map((rule) => ({ rule, who: counted(rule, operation) }));
      known.set(location, applied.length === 0 ? nothing : applied);
    }
    return applied;
  }

  // The narrower first: who has used up his own share takes nothing from what he shares with others.
  async #count(applied: readonly Applied[], { remoteAddress }: Operation): Promise<Headers> {
    const given = applied.map(({ rule, who }) => ({ rule, who: who ?? addressed(remoteAddress) }));
    for (const { rule, who } of given) this.#refuseSpent(rule.limit, who);
    let tightest: { limit: LimitRecord; count: Count } | undefined;
    for (const { rule, who } of given) {
      const { limit } = rule;
      const count = await this.#parts.counters.take(limit.id, who);
      // It was taken away while a narrower one was counted.
      if (count === undefined) continue;
      if (count.isExceeded) throw this.#spend(limit, who, count);
      if (tightest === undefined || remaining(limit, count) < remaining(tightest.limit, tightest.count)) {
        tightest = { limit, count };
      }
    }
    return tightest === undefined ? {} : this.#headers(tightest.limit, tightest.count);
  }

  // A flood of refused calls is no flood of writes.
  #refuseSpent(limit: LimitRecord, who: string): void {
    const spent = this.#spent.get(`${limit.id}:${who}`);
    const now = this.#now();
    if (spent === undefined || spent.askAgainAt <= now || spent.resetAt <= now) return;
    const count = { isExceeded: true, used: limit.rate, resetMs: spent.resetAt - now };
    throw exceeded(limit, count, this.#headers(limit, count));
  }

  #spend(limit: LimitRecord, who: string, count: Count): PlatformError {
    const now = this.#now();
    const spent = { askAgainAt: now + limits.limitSpentMs, resetAt: now + count.resetMs };
    this.#spent.set(`${limit.id}:${who}`, spent);
    return exceeded(limit, count, this.#headers(limit, count));
  }

  #headers(limit: LimitRecord, count: Count): Headers {
    return {
      'X-RateLimit-Limit': String(limit.rate),
      'X-RateLimit-Remaining': String(remaining(limit, count)),
      'X-RateLimit-Reset': String(Math.ceil((this.#now() + count.resetMs) / 1000)),
    };
  }
}

function exceeded(limit: LimitRecord, { resetMs }: Count, headers: Headers): PlatformError {
  const seconds = String(Math.max(1, Math.ceil(resetMs / 1000)));
  const { id, name, type, rate, period } = limit;
  return new PlatformError('limit.exceeded', 'API limit(s) exceeded. ', {
    context: [{ id, name, type, rate, period, retry_after: Number(seconds) }],
    headers: { ...headers, 'Retry-After': seconds },
  });
}

function remaining({ rate }: LimitRecord, { used }: Count): number {
  return Math.max(0, rate - used);
}

// A limit of a service that is gone must not become one of all services.
function ruleOf(limit: LimitRecord, services: ReadonlyMap<number, string>): LimitRule[] {
  if (limit.serviceId === null) return [{ limit, service: undefined }];
  const service = services.get(limit.serviceId);
  return service === undefined ? [] : [{ limit, service }];
}

function byNarrowness(one: LimitRule, other: LimitRule): number {
  const rank = ({ limit }: LimitRule) => (limitTypes as readonly string[]).indexOf(limit.type);
  return rank(one) - rank(other) || one.limit.id - other.limit.id;
}

function countedLimit({ id, rate, period }: LimitRecord) {
  return { id, rate, periodSeconds: periodSeconds[period] ?? 60 };
}
