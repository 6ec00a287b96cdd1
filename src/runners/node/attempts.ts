// `platform.once`, `retry` and `fail`: what the script of a queued run says to the attempts after this one.
// Invariant: what `once` gives back was remembered before, unless the run is no queued one.
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

/** What `platform.once` does in one run. */
export class Memos {
  readonly #sender: MemoSender;
  // The latest to be asked for each key.
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(sender: MemoSender) {
    this.#sender = sender;
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
    const value = work();
    if (found.status === memo.forgetful) return value;
    const text = textOf(value);
    throwRefusal(this.#sender.sendNow({ ...asking(key), payload: text }));
    return JSON.parse(text);
  };

  async #do(key: string, work: Work): Promise<unknown> {
    const found = await this.#sender.send(asking(key));
    throwRefusal(found);
    if (found.status === memo.known) return found.json();
    const value = await work();
    if (found.status === memo.forgetful) return value;
    const text = textOf(value);
    throwRefusal(await this.#sender.send({ ...asking(key), payload: text }));
    // As later attempts get it, so that they do the same.
    return JSON.parse(text);
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
