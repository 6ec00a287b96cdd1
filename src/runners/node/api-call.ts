// `platform.api`: calls that go over the runner's channel and come back as DreamFactory's Node scripts expect
// them.
// Invariant: an answer of any status is an answer; nothing here throws because of what the platform said.
import { STATUS_CODES } from 'node:http';

/** What a script asks for. */
export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  /** JSON of the options, '' for none. */
  readonly options: string;
  readonly payload: string | undefined;
  /** Number of the transaction that it joins; absent: none. */
  readonly transaction?: number;
  /** The key of `platform.once` in whose function it is made; absent: none. */
  readonly once?: string | undefined;
}

/** Sends a request and remembers who waits for its answer. */
export type SendCall = (request: ApiRequest, call: ApiCall) => void;

type Callback = (body: string, response: ApiResponse) => void;

/**
 * The second argument of a callback, and what `await` gives: an IncomingMessage as far as scripts use one.
 */
export class ApiResponse {
  readonly statusCode: number;
  readonly statusMessage: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The whole text. */
  readonly body: string;

  constructor(status: number, headers: string, body: string) {
    this.statusCode = status;
    this.statusMessage = STATUS_CODES[status] ?? '';
    this.headers = JSON.parse(headers) as Record<string, string>;
    this.body = body;
  }

  get status(): number {
    return this.statusCode;
  }

  get ok(): boolean {
    return this.statusCode < 400;
  }

  /** The body as a value: parsed when it is JSON, else the text. */
  get content(): unknown {
    try {
      return JSON.parse(this.body);
    } catch {
      return this.body;
    }
  }

  json(): unknown {
    return JSON.parse(this.body);
  }

  text(): string {
    return this.body;
  }

  setEncoding(): this {
    return this;
  }

  /** `data` and `end` come once, on the next microtask. */
  on(event: string, listener: (chunk?: string) => void): this {
    if (event === 'data' && this.body !== '') queueMicrotask(() => listener(this.body));
    if (event === 'end') queueMicrotask(() => queueMicrotask(() => listener()));
    return this;
  }
}

/** What a call returns: can be awaited, and takes the calls that scripts make on a ClientRequest. */
export class ApiCall implements PromiseLike<ApiResponse> {
  #callback: Callback | undefined;
  #response: ApiResponse | undefined;
  #promise: Promise<ApiResponse> | undefined;
  #resolve: ((response: ApiResponse) => void) | undefined;

  constructor(callback: Callback | undefined) {
    this.#callback = callback;
  }

  /** Hands over the answer; throws what the script's callback throws. */
  answer(response: ApiResponse): void {
    this.#response = response;
    this.#resolve?.(response);
    this.#callback?.(response.body, response);
  }

  // biome-ignore lint/suspicious/noThenProperty: awaiting a call is what it is for
  then<A = ApiResponse, B = never>(
    onAnswer?: ((response: ApiResponse) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#promise ??= new Promise((resolve) => {
      if (this.#response !== undefined) resolve(this.#response);
      else this.#resolve = resolve;
    });
    return this.#promise.then(onAnswer, onError);
  }

  catch<B>(onError: (error: unknown) => B | PromiseLike<B>): Promise<ApiResponse | B> {
    return this.then(undefined, onError);
  }

  finally(onEnd: () => void): Promise<ApiResponse> {
    return this.then().finally(onEnd);
  }

  on(): this {
    return this;
  }

  once(): this {
    return this;
  }

  end(): this {
    return this;
  }

  write(): boolean {
    return true;
  }

  setHeader(): this {
    return this;
  }

  setTimeout(): this {
    return this;
  }

  abort(): void {}

  destroy(): this {
    return this;
  }
}

/** The functions of `platform.api` (spec §1.6.1), for one run. */
export function platformApi(send: SendCall): Record<string, (...given: unknown[]) => ApiCall> {
  const call = (method: unknown, path: unknown, rest: readonly unknown[]) => {
    const callback = rest.find((value) => typeof value === 'function') as Callback | undefined;
    const [payload, options] = rest.map((value) => (typeof value === 'function' ? undefined : value));
    const verb = String(method).toUpperCase();
    const made = new ApiCall(callback);
    const request = { method: verb, path: String(path), options: optionsText(options) };
    send({ ...request, payload: payloadText(verb, payload) }, made);
    return made;
  };
  return {
    get: (path, options, callback) => call('GET', path, [undefined, options, callback]),
    post: (path, payload, options, callback) => call('POST', path, [payload, options, callback]),
    put: (path, payload, options, callback) => call('PUT', path, [payload, options, callback]),
    patch: (path, payload, options, callback) => call('PATCH', path, [payload, options, callback]),
    delete: (path, payload, options, callback) => call('DELETE', path, [payload, options, callback]),
    call: (verb, path, payload, options, callback) => call(verb, path, [payload, options, callback]),
  };
}

/**
 * The body to send: text as it is, anything else as JSON. `null` is a body, except where a body is unusual
 * (recorded: a DELETE with '' or null has none).
 */
export function payloadText(verb: string, payload: unknown): string | undefined {
  if (payload === undefined || payload === '') return undefined;
  if (payload === null) return verb === 'GET' || verb === 'DELETE' ? undefined : 'null';
  return typeof payload === 'string' ? payload : JSON.stringify(payload);
}

/** JSON of the options; '' for none. */
export function optionsText(options: unknown): string {
  return typeof options === 'object' && options !== null ? (JSON.stringify(options) ?? '') : '';
}
