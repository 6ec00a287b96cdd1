// Successful answers to GET, kept for a while. Invariant: an answer is given again only to the same caller
// with the same rights asking the same, for a script may look at all of that; what only describes the
// connection does not count.
import { LRUCache } from 'lru-cache';
import { limits } from '../../core/limits.ts';
import type { Headers, Operation, Parameters, Result } from '../../core/operation.ts';

/** How long answers are kept, by which clock (ms). */
export interface AnswerCacheOptions {
  readonly seconds: number;
  readonly now?: () => number;
}

interface Kept {
  readonly result: Result;
  readonly until: number;
}

/** The kept answers of one service. */
export class AnswerCache {
  readonly #ms: number;
  readonly #now: () => number;
  readonly #kept = new LRUCache<string, Kept>({
    max: limits.answerCache,
    maxSize: limits.answerCacheChars,
    sizeCalculation: ({ result }, key) => key.length + (result.body?.text.length ?? 0) + 1,
  });
  readonly #marks = new WeakMap<object, number>();
  #lastMark = 0;
  #generation = 0;

  constructor({ seconds, now = Date.now }: AnswerCacheOptions) {
    this.#ms = seconds * 1_000;
    this.#now = now;
  }

  /** The kept answer, or a new one, which is kept when it is a success. */
  async answer(operation: Operation, make: () => Promise<Result>): Promise<Result> {
    const { action, request, transaction } = operation;
    // What a transaction sees may never come to be.
    if (action !== 'GET' || request.body !== undefined || transaction !== undefined) return make();
    const key = this.#keyOf(operation);
    const known = this.#kept.get(key);
    if (known !== undefined && known.until > this.#now()) return known.result;
    const generation = this.#generation;
    const result = await make();
    const isSuccess = result.status >= 200 && result.status < 300;
    // What was made before the cache was cleared may be of data that are no more.
    if (isSuccess && generation === this.#generation && result.headers['set-cookie'] === undefined) {
      this.#kept.set(key, { result, until: this.#now() + this.#ms });
    }
    return result;
  }

  #keyOf({ principal, requestor, path, request }: Operation): string {
    const { user, isAdmin, role, app, lookups, apiKey } = principal;
    const rights = [this.#markOf(role), lookups.open, lookups.secret];
    const caller = [user?.id, isAdmin, app?.id, apiKey, requestor, ...rights];
    return JSON.stringify([caller, path, withoutTime(request.parameters), telling(request.headers)]);
  }

  // A role that was changed is another object under the same id.
  #markOf(part: object | null): number {
    if (part === null) return 0;
    let mark = this.#marks.get(part);
    if (mark === undefined) {
      mark = ++this.#lastMark;
      this.#marks.set(part, mark);
    }
    return mark;
  }

  /** Forgets all answers. */
  clear(): void {
    this.#generation++;
    this.#kept.clear();
  }
}

const ofTheConnection: ReadonlySet<string> = new Set([
  ...['accept-encoding', 'cache-control', 'connection', 'content-length', 'date', 'dnt', 'forwarded'],
  ...['keep-alive', 'origin', 'postman-token', 'pragma', 'priority', 'referer', 'te', 'traceparent'],
  ...['tracestate', 'upgrade-insecure-requests', 'user-agent', 'via', 'x-correlation-id', 'x-real-ip'],
  ...['x-request-id', 'x-dreamfactory-api-key', 'x-dreamfactory-session-token'],
]);

// Clients add `_` so that nothing on the way answers from a cache; ours is meant to.
function withoutTime(parameters: Parameters): unknown {
  const names = Object.keys(parameters).filter((name) => name !== '_');
  return names.sort().map((name) => [name, parameters[name]]);
}

function telling(headers: Headers): unknown {
  const names = Object.keys(headers).filter(
    (name) => !ofTheConnection.has(name) && !/^(if|sec|x-forwarded)-/.test(name),
  );
  return names.sort().map((name) => [name, headers[name]]);
}
