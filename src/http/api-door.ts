// The door of the API: from a request's headers to the last byte of its answer, by way of the dispatcher.
// Invariant: every request is answered exactly once, whatever throws.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Dispatcher } from '../core/dispatch.ts';
import { asPlatformError, PlatformError } from '../core/errors.ts';
import type { Observe } from '../core/observe.ts';
import type { Operation, Result } from '../core/operation.ts';
import type { Cors } from './cors.ts';
import type { RequestReader } from './request.ts';
import { type Rendered, render, renderRefusal } from './response.ts';
import { originForm } from './target.ts';
import { methods } from './verb.ts';

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
      rendered = await this.#render(request);
    } catch (thrown) {
      rendered = await this.#failed(request, thrown);
    }
    this.#send(request, response, rendered);
  }

  async #render(request: IncomingMessage): Promise<Rendered> {
    const { cors, reader, dispatcher } = this.#parts;
    if (request.method === 'OPTIONS') return cors.preflight(request.headers);
    const operation = await reader.read(request, originForm(request.url ?? '/'));
    const result = await (operation.service === '' ? this.#list(operation) : dispatcher.dispatch(operation));
    const { path, service, action } = operation;
    return render(result, {
      accept: request.headers.accept,
      parameters: operation.request.parameters,
      action,
      resource: path[path.length - 1] ?? service,
    });
  }

  #list(operation: Operation): Promise<Result> {
    if (operation.action === 'GET') return this.#parts.listServices(operation);
    throw new PlatformError('request.unsupported_verb', 'The list of services can only be read. Use GET.');
  }

  async #failed(request: IncomingMessage, thrown: unknown): Promise<Rendered> {
    const error = asPlatformError(thrown);
    if (error.status >= 500) {
      const [path = ''] = (request.url ?? '').split('?', 1);
      this.#parts.observe({ kind: 'http.failed', method: request.method ?? '', path, error });
    }
    const rendered = await renderRefusal(error, request.headers.accept);
    if (error.kind !== 'request.method_not_allowed') return rendered;
    return { ...rendered, headers: [...rendered.headers, 'Allow', methods] };
  }

  #send(request: IncomingMessage, response: ServerResponse, { status, headers, payload }: Rendered): void {
    const { origin } = request.headers;
    const lines = [...headers];
    if (status !== 204 && status !== 304) lines.push('Content-Length', String(Buffer.byteLength(payload)));
    if (origin !== undefined && request.method !== 'OPTIONS' && !allowsOrigin(headers)) {
      lines.push(...this.#parts.cors.headers(origin));
    }
    if (this.#isClosing) lines.push('Connection', 'close');
    response.writeHead(status, lines);
    response.end(request.method === 'HEAD' ? undefined : payload);
  }
}

// A script may have said itself which origins it answers; browsers refuse two such headers.
function allowsOrigin(headers: readonly string[]): boolean {
  return headers.some((name) => name.toLowerCase() === 'access-control-allow-origin');
}
