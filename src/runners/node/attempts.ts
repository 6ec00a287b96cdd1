// `platform.once`, `retry` and `fail`: what the script of a queued run says to the attempts after this one.
// Invariant: what `once` gives back was remembered before, unless the run is no queued one.
import { AsyncLocalStorage } from 'node:async_hooks';
import { memo } from '../protocol.ts';
import type { ApiRequest, ApiResponse } from './api-call.ts';
import { jsonOf } from './json-text.ts';
import { throwRefusal } from './refusal.ts';

/** Where the calls of `platform.once` go: `send` is answered later, `sendNow` before it returns. */
export interface MemoSender {
  send(request: ApiRequest): Promise<ApiResponse>;
  sendNow(request: ApiRequest): ApiResponse;
}

type Work = () => unknown;

/** What is done in a function of `platform.once`. */
interface Place {
  /** What one run left is no place for another. */
  readonly of: Memos;
  readonly key: string;
}

// Made with the process: a storage that came with a run would be a trace of it.
const current = new AsyncLocalStorage<Place>();

/** What `platform.once` does in one run. */
export class Memos {
  readonly #sender: MemoSender;
  // The latest to be asked for each key.
  readonly #turns = new Map<string, Promise<unknown>>();
  // That of a script whose calls are answered at once.
  #now: string | undefined;

  constructor(sender: MemoSender) {
    this.#sender = sender;
  }

  /** The key in whose function a call is made now, behind those of the ones around; undefined: in none. */
  get current(): string | undefined {
    if (this.#now !== undefined) return this.#now;
    const place = current.getStore();
    return place?.of === this ? place.key : undefined;
  }

  /** `platform.once(key, fn)`. */
  readonly once = async (...given: unknown[]): Promise<unknown> => {
    const { key, work } = read(given);
    // Whoever is second while the first is at it finds what that one has left.
    const before = this.#turns.get(key);
    const value = before === undefined ? this.#do(key, work) : before.then(() => this.#do(key, work));
    const over = value.catch(() => undefined);
    this.#turns.set(key, over);
    return value;
  };

  /** The same for scripts whose calls are answered at once. */
  readonly onceNow = (...given: unknown[]): unknown => {
    const { key, work } = read(given);
    const found = this.#sender.sendNow(asking(key));
    throwRefusal(found);
    if (found.status === memo.known) return found.json();
    const value = this.#inside(key, work);
    if (found.status === memo.forgetful) return value;
    const text = textOf(value);
    throwRefusal(this.#sender.sendNow({ ...asking(key), payload: text }));
    return JSON.parse(text);
  };

  async #do(key: string, work: Work): Promise<unknown> {
    const found = await this.#sender.send(asking(key));
    throwRefusal(found);
    if (found.status === memo.known) return found.json();
    const value = await current.run({ of: this, key: this.#nested(key) }, async () => work());
    if (found.status === memo.forgetful) return value;
    const text = textOf(value);
    throwRefusal(await this.#sender.send({ ...asking(key), payload: text }));
    // As later attempts get it, so that they do the same.
    return JSON.parse(text);
  }

  #inside(key: string, work: Work): unknown {
    const outer = this.#now;
    this.#now = this.#nested(key);
    try {
      return work();
    } finally {
      this.#now = outer;
    }
  }

  #nested(key: string): string {
    const outer = this.current;
    return outer === undefined ? key : `${outer}\n${key}`;
  }
}

/** `platform.retry(afterSeconds, reason)`: throws what asks for another try of the run. */
export function retry(afterSeconds: unknown, reason?: unknown): never {
  if (typeof afterSeconds !== 'number' || !(afterSeconds >= 0) || afterSeconds === Infinity) {
    throw new TypeError('platform.retry takes the number of seconds until the next try, and a reason.');
  }
  const said = wordsOf(reason, 'The script asked to be tried again later.');
  throw Object.assign(new Error(said), { retry_after: afterSeconds, status_code: 503 });
}

/** `platform.fail(reason)`: throws what forbids another try of the run. */
export function fail(reason?: unknown): never {
  const said = wordsOf(reason, 'The script gave up.');
  throw Object.assign(new Error(said), { retry: false, status_code: 500 });
}

function asking(key: string): ApiRequest {
  return { method: memo.method, path: key, options: '', payload: undefined };
}

function read([key, work]: readonly unknown[]): { readonly key: string; readonly work: Work } {
  const isKey = typeof key === 'string' || (typeof key === 'number' && Number.isFinite(key));
  if (!isKey || typeof work !== 'function') throw new TypeError('platform.once takes a key and a function.');
  return { key: String(key), work: work as Work };
}

function textOf(value: unknown): string {
  try {
    return jsonOf(value) ?? 'null';
  } catch (thrown) {
    throw new TypeError('platform.once: what the function gave is nothing that JSON can hold.', {
      cause: thrown,
    });
  }
}

function wordsOf(reason: unknown, otherwise: string): string {
  return reason === undefined || reason === null || reason === '' ? otherwise : String(reason);
}
