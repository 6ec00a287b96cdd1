// Writes with an idempotency key: the first one with a key is done, the others get its answer.
// Invariant: a key is held by one request at a time, whichever server it came to; an answer that says that
// nothing was decided (too busy, failed, not allowed) is not kept, and frees the key.
import { randomBytes } from 'node:crypto';
import { PlatformError } from '../../core/errors.ts';
import {
  type IdempotencyPolicy,
  type IdempotencyRepository,
  type KeyedCall,
  replayedHeader,
} from '../../core/idempotency.ts';
import { limits } from '../../core/limits.ts';
import type { Observe } from '../../core/observe.ts';
import type { Operation, Result } from '../../core/operation.ts';
import { openAnswer, sealAnswer } from './answer.ts';
import { isKnown, type Keyed, keyedBy } from './keyed.ts';

/** What the policy takes. */
export interface IdempotencyParts {
  readonly store: { readonly idempotency: IdempotencyRepository };
  readonly observe: Observe;
  /** Which installation this is: others may keep keys in the same database of data. */
  readonly house?: string;
}

/** Keeps answers in the system database, for all servers on it. */
export class Idempotency implements IdempotencyPolicy {
  readonly #parts: IdempotencyParts;
  #timer: NodeJS.Timeout | undefined;
  #trimming: Promise<void> = Promise.resolve();

  constructor(parts: IdempotencyParts) {
    this.#parts = parts;
  }

  /** Drops what is too old, now and every hour. */
  start(): void {
    this.#timer = setInterval(() => this.#begin(), limits.upkeepMs);
    this.#timer.unref();
    this.#begin();
  }

  /** Resolves when nothing is being dropped any more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#trimming;
  }

  async once(
    { operation, keepsNotes }: KeyedCall,
    work: (noted: Operation) => Promise<Result>,
  ): Promise<Result> {
    const keyed = keyedBy(operation, this.#parts.house);
    const { id, digest } = keyed;
    if (operation.transaction !== undefined) {
      // What is kept here would stay when the transaction is undone: there, only its own database can know.
      if (keepsNotes) return work({ ...operation, idempotency: { id, digest } });
      throw notInside(operation);
    }
    const token = randomBytes(16).toString('hex');
    const found = await this.#parts.store.idempotency.reserve({ id, digest, token });
    if (found.state === 'reserved') {
      const { origin } = found;
      return this.#do({ keyed, token }, { ...operation, idempotency: { id, digest, origin } }, work);
    }
    if (found.state === 'busy') throw inProgress();
    if (found.state === 'reused') throw reused();
    const { headers, ...kept } = openAnswer(found.answer, { secret: keyed.secret, token: found.token });
    return { ...kept, headers: { ...headers, [replayedHeader]: 'true' } };
  }

  async #do(hold: Hold, noted: Operation, work: (noted: Operation) => Promise<Result>): Promise<Result> {
    const renewing = setInterval(() => void this.#renew(hold), limits.idempotencyLeaseMs / 3);
    renewing.unref();
    try {
      const result = await work(noted);
      await this.#settle(hold, result, isFinal(result, noted));
      return result;
    } finally {
      clearInterval(renewing);
    }
  }

  // Whatever becomes of the answer here, the caller gets it: what it tells of was done. Where it is not kept
  // the key is in progress until its lease ends.
  async #settle({ keyed, token }: Hold, result: Result, keeps: boolean): Promise<void> {
    const { idempotency } = this.#parts.store;
    try {
      if (keeps) await idempotency.keep(keyed.id, token, sealAnswer(result, { secret: keyed.secret, token }));
      else await idempotency.release(keyed.id, token);
    } catch (thrown) {
      this.#failed('the answer to a key is not kept', thrown);
    }
  }

  // Where it cannot be told now it is tried again before the lease ends.
  async #renew({ keyed, token }: Hold): Promise<void> {
    try {
      await this.#parts.store.idempotency.renew(keyed.id, token);
    } catch (thrown) {
      this.#failed('a key is not prolonged', thrown);
    }
  }

  #begin(): void {
    this.#trimming = this.#trim().catch((thrown: unknown) =>
      this.#failed('old keys are not dropped', thrown),
    );
  }

  async #trim(): Promise<void> {
    while ((await this.#parts.store.idempotency.trim()) > 0);
  }

  #failed(what: string, thrown: unknown): void {
    const reason = `idempotency: ${what}: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
    this.#parts.observe({ kind: 'service.failed', service: 'system', reason });
  }
}

/** A key that a request holds. */
interface Hold {
  readonly keyed: Keyed;
  readonly token: string;
}

// Who may not now may later, and what collided, came too often or failed may be asked again. A service that
// knows the key for something else says 422: that must not become what the key stands for.
const undecided: ReadonlySet<number> = new Set([401, 403, 408, 409, 422, 425, 429]);

// Strangers, who may be anybody, get only what was done kept for them: the rest would be theirs to fill.
function isFinal({ status }: Result, { principal }: Operation): boolean {
  if (status >= 500 || undecided.has(status)) return false;
  return status < 400 || isKnown(principal);
}

// Most requests are over in a second; how long the lease of one lasts whose server died is not told.
function inProgress(): PlatformError {
  return new PlatformError(
    'request.key_in_progress',
    'A request with this Idempotency-Key is being answered. Try again a little later, with the same key.',
    { headers: { 'Retry-After': '1' } },
  );
}

function reused(): PlatformError {
  return new PlatformError(
    'request.key_reused',
    'This Idempotency-Key was used for another request (method, path, parameters, body, app and role ' +
      'count). Use a new key for each write.',
  );
}

function notInside({ service }: Operation): PlatformError {
  return new PlatformError(
    'request.malformed',
    `The header Idempotency-Key is not taken by service '${service}' inside a transaction, or in a queued ` +
      'script whose effects are applied once: what was done there could be undone with the transaction ' +
      'while its key stays used. Call without it, or wrap the call in platform.once(key, fn).',
  );
}
