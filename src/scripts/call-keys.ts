// Idempotency keys of the calls that a queued run makes to other hosts.
// Invariant: calls that say different things never share a key, whatever an attempt leaves out or does
// besides: the other host would take the second for the first, and not do it. Counting all calls in their
// order would give the second call of one attempt the key of the first of another.
import { createHash } from 'node:crypto';
import type { Keyed } from './foreign-call.ts';

/** The keys of one run, the same in every attempt that makes the same calls. */
export class CallKeys {
  readonly #run: string;
  readonly #made = new Map<string, number>();

  constructor(run: string) {
    this.#run = run;
  }

  /**
   * `<run>:<what is asked>:<how often by now>`. `once`: the key of `platform.once` in whose function it is
   * made; what is done there once must not shift the count of the same call elsewhere.
   */
  of({ method, url, body }: Keyed, once: string | undefined): string {
    const said = JSON.stringify([once ?? null, method, url, body ?? null]);
    const digest = createHash('sha256').update(said).digest('base64url').slice(0, 22);
    const count = (this.#made.get(digest) ?? 0) + 1;
    this.#made.set(digest, count);
    return `${this.#run}:${digest}:${count}`;
  }
}
