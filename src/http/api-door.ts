// The door of the API: from a request's headers to the last byte of its answer, by way of the dispatcher.
// Invariant: every request is answered exactly once, whatever throws.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Dispatcher } from '../core/dispatch.ts';
import { asPlatformError, PlatformError } from '../core/errors.ts';
import type { Observe } from '../core/observe.ts';
import type { Operation, Result } from '../core/operation.ts';
import type { Cors } from './cors.ts';
import { sendPortions } from './portions.ts';
import type { RequestReader } from './request.ts';
import { type Rendered, render, renderRefusal } from './response.ts';
import { originForm } from './target.ts';
import { methods } from './verb.ts';
import { type Wanted, wantedStream } from './wanted.ts';

/** What the door leads to. */
export interface ApiDoorParts {
  readonly dispatcher: Pick<Dispatcher, 'dispatch'>;
  readonly reader: RequestReader;
  readonly cors: Cors;
  /** Answers `GET /api/v2`. */
  readonly listServices: (operation: Operation) => Promise<Result>;
  readonly observe: Observe;
}

/** Answers requests below `/api`. */
export class ApiDoor {
  readonly #parts: ApiDoorParts;
  #isClosing = false;

  constructor(parts: ApiDoorParts) {
    this.#parts = parts;
  }

  /** From now on every answer asks its client to open a new connection, which another server will take. */
  drain(): void {
    this.#isClosing = true;
  }

  /** Answers a request. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let rendered: Rendered;
    try {
      rendered = await this.#render(request, response);
    } catch (thrown) {
      rendered = await this.#failed(request, thrown);
    }
    const { portions } = rendered;
    if (portions === undefined) this.#send(request, response, rendered);
    else await this.#stream(request, response, { ...rendered, portions });
  }

  async #render(request: IncomingMessage, response: ServerResponse): Promise<Rendered> {
    const { cors, reader } = this.#parts;
    if (request.method === 'OPTIONS') return cors.preflight(request.headers, request.url ?? '');
    const operation = await reader.read(request, originForm(request.url ?? '/'));
    const { path, service, action } = operation;
    const wanted: Wanted = {
      accept: request.headers.accept,
      parameters: operation.request.parameters,
      action,
      resource: path[path.length - 1] ?? service,
    };
    const result = await this.#result(request, operation, wanted);
    const { stream } = result;
    if (stream === undefined) return render(result, wanted);
    // However the answer ends, also when its client goes away: the read that is behind it ends as well.
    response.once('close', () => stream.close());
    if (response.destroyed) stream.close();
    return render(result, wanted);
  }

  // Without chunks, which came with HTTP/1.1, nobody could tell a broken answer from a complete one.
  #result(request: IncomingMessage, operation: Operation, wanted: Wanted): Promise<Result> {
    if (operation.service === '') return this.#list(operation);
    const streams = request.httpVersion === '1.0' ? undefined : wantedStream(wanted);
    return this.#parts.dispatcher.dispatch(operation, streams);
  }

  #list(operation: Operation): Promise<Result> {
    if (operation.action === 'GET') return this.#parts.listServices(operation);
    throw new PlatformError('request.unsupported_verb', 'The list of services can only be read. Use GET.');
  }

  async #failed(request: IncomingMessage, thrown: unknown): Promise<Rendered> {
    const error = asPlatformError(thrown);
    if (error.status >= 500) this.#observe(request, error);
    const rendered = await renderRefusal(error, request.headers.accept);
    if (error.kind !== 'request.method_not_allowed') return rendered;
    return { ...rendered, headers: [...rendered.headers, 'Allow', methods] };
  }

  #send(request: IncomingMessage, response: ServerResponse, rendered: Rendered): void {
    const { status, headers, payload, bytes } = rendered;
    const lines = this.#headers(request, headers);
    const length = bytes?.length ?? Buffer.byteLength(payload);
    if (status !== 204 && status !== 304) lines.push('Content-Length', String(length));
    response.writeHead(status, lines);
    response.end(request.method === 'HEAD' ? undefined : (bytes ?? payload));
  }

  async #stream(request: IncomingMessage, response: ServerResponse, rendered: Streamed): Promise<void> {
    const { status, headers, portions } = rendered;
    response.writeHead(status, this.#headers(request, headers));
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    try {
      await sendPortions(response, portions);
    } catch (thrown) {
      response.destroy();
      this.#observe(request, asPlatformError(thrown));
    }
  }

  #headers(request: IncomingMessage, headers: readonly string[]): string[] {
    const { origin } = request.headers;
    const lines = [...headers];
    if (origin !== undefined && request.method !== 'OPTIONS' && !allowsOrigin(headers)) {
      lines.push(...this.#parts.cors.headers(origin, request.url ?? ''));
    }
    if (this.#isClosing) lines.push('Connection', 'close');
    return lines;
  }

  #observe(request: IncomingMessage, error: PlatformError): void {
    const [path = ''] = (request.url ?? '').split('?', 1);
    this.#parts.observe({ kind: 'http.failed', method: request.method ?? '', path, error });
  }
}

/** An answer that is sent as it comes. */
interface Streamed extends Rendered {
  readonly portions: AsyncIterable<string>;
}

// A script may have said itself which origins it answers; browsers refuse two such headers.
function allowsOrigin(headers: readonly string[]): boolean {
  return headers.some((name) => name.toLowerCase() === 'access-control-allow-origin');
}
