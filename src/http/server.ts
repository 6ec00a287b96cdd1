// The HTTP server: the API's door on plain node:http, Fastify for everything beside it.
// Invariant: no client can hold a connection, memory or the event loop beyond the limits given here.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, Server as NetServer } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import type { Dispatcher } from '../core/dispatch.ts';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Observe } from '../core/observe.ts';
import type { Operation, Result } from '../core/operation.ts';
import type { CorsRecord } from '../core/store.ts';
import { ApiDoor } from './api-door.ts';
import type { Authentication } from './authentication.ts';
import { ClientAddresses } from './client-address.ts';
import { Connections } from './connections.ts';
import { Cors } from './cors.ts';
import { addDocsPages } from './docs.ts';
import { frameworkFailure, refuseConnection } from './failures.ts';
import { type MetricsSource, metricsPage } from './metrics.ts';
import { RequestReader } from './request.ts';
import { type Rendered, renderError, renderPage } from './response.ts';
import { type Health, isReady, livePage, readyPage, statusPage } from './status.ts';
import { isApi } from './target.ts';

/** What an HTTP server is made with. */
export interface HttpServerOptions {
  readonly dispatcher: Pick<Dispatcher, 'dispatch'>;
  readonly authentication: Authentication;
  /** Answers `GET /api/v2`; the operation's service and path are empty. Throws PlatformError for refusals. */
  readonly listServices: (operation: Operation) => Promise<Result>;
  /** Asked with each request of `/status*`, so it must not do more than look at what is known. */
  readonly status: () => Health;
  readonly observe: Observe;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Largest request body. */
  readonly bodyBytes: number;
  /** Addresses and ranges of proxies that may say who calls; absent: none may. */
  readonly proxies?: readonly string[];
  /** Origins that pages may call from; `*` for all. */
  readonly corsOrigins: readonly string[];
  /** What administrators say beside it for single paths. */
  readonly corsRules: () => readonly CorsRecord[];
  /** Milliseconds; the limits of the platform when absent. */
  readonly timeouts?: Timeouts;
  /** Counts requests; absent: nobody does. */
  readonly requests?: RequestMeter | undefined;
  /** What `/metrics` tells; absent: there is no such page. */
  readonly metrics?: MetricsSource | undefined;
}

/** How long clients may take, in milliseconds. */
export interface Timeouts {
  readonly headersMs: number;
  readonly requestMs: number;
  readonly checkMs: number;
}

/** A listening server. */
export interface HttpServer {
  /** E.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly port: number;
  /** Whether requests are wanted. */
  readonly isReady: boolean;
  /** From now on requests are answered and not wanted: probes are told, and every client to connect anew. */
  drain(): void;
  /**
   * Takes no more connections and ends when the requests in flight have, at most limits.drainMs later. Idle
   * connections are closed once they were silent for so long since `drain`.
   */
  close(quietMs?: number): Promise<void>;
}

const defaultTimeouts: Timeouts = {
  headersMs: limits.headersTimeoutMs,
  requestMs: limits.requestTimeoutMs,
  checkMs: limits.connectionCheckMs,
};

/** Starts a server; rejects when it cannot listen. */
export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { authentication, bodyBytes, corsOrigins, corsRules, dispatcher, listServices, observe, host, port } =
    options;
  const door = new ApiDoor({
    ...{ dispatcher, listServices, observe },
    reader: new RequestReader({ authentication, bodyBytes, addresses: new ClientAddresses(options.proxies) }),
    cors: new Cors({ origins: corsOrigins, rules: corsRules }),
  });
  const listening = new Listening(door);
  const answer = answering(door, options.requests);
  const app = Fastify({
    // Below /api nothing of Fastify's is used: neither routes nor body parsing nor hooks. Answering there
    // before it takes 11.3 µs of a processor for a small GET instead of 12.1, and 17 for a small POST instead
    // of 20.
    serverFactory: (handler) =>
      listening.add(
        createServer(serverOptions(options.timeouts ?? defaultTimeouts), (request, response) => {
          if (isApi(pathOf(request))) answer(request, response);
          else {
            if (listening.isDraining) response.setHeader('Connection', 'close');
            handler(request, response);
          }
        }),
      ),
    return503OnClosing: false,
    frameworkErrors: (error, _request, reply) => respond(reply, renderError(frameworkFailure(error))),
  });
  addPages(app, options, listening);
  await app.listen({ host, port });
  const address = app.server.address() as AddressInfo;
  return {
    url: `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`,
    port: address.port,
    get isReady() {
      return isReady(options.status(), listening.isDraining);
    },
    drain: () => listening.drain(),
    close: async (quietMs = 0) => {
      await listening.close(quietMs);
      await app.close();
    },
  };
}

/** Counts requests and how long they took. */
export interface RequestMeter {
  /** Tells the time, by performance.now(). */
  begin(): number;
  end(method: string, status: number, began: number): void;
}

// Counted beside the door, which is as short as without.
function answering(door: ApiDoor, requests: RequestMeter | undefined): Answering {
  if (requests === undefined) {
    return (request, response) => void door.answer(request, response).catch(() => response.destroy());
  }
  return (request, response) => {
    const began = requests.begin();
    const end = () => requests.end(request.method ?? '', response.statusCode, began);
    door.answer(request, response).then(end, () => {
      response.destroy();
      end();
    });
  };
}

type Answering = (request: IncomingMessage, response: ServerResponse) => void;

/** The servers of all addresses that are listened on, until they end. */
class Listening {
  readonly #door: ApiDoor;
  readonly #servers: Server[] = [];
  readonly #connections = new Connections();
  isDraining = false;

  constructor(door: ApiDoor) {
    this.#door = door;
  }

  add(server: Server): Server {
    this.#servers.push(harden(server));
    this.#connections.follow(server);
    return server;
  }

  drain(): void {
    if (this.isDraining) return;
    this.isDraining = true;
    this.#door.drain();
    this.#connections.watch();
  }

  async close(quietMs: number): Promise<void> {
    this.drain();
    await this.#connections.takeWaiting();
    // Not that of node:http, which would also cut off idle connections, and answers that are on their way.
    for (const server of this.#servers) NetServer.prototype.close.call(server);
    await this.#connections.end(quietMs);
  }
}

function serverOptions({ headersMs, requestMs, checkMs }: Timeouts) {
  return {
    headersTimeout: headersMs,
    requestTimeout: requestMs,
    connectionsCheckingInterval: checkMs,
    keepAliveTimeout: limits.keepAliveMs,
    maxHeaderSize: limits.headerBytes,
    noDelay: true,
  };
}

function harden(server: Server): Server {
  server.maxConnections = limits.connections;
  // One more than allowed, because Node leaves out what is beyond without telling.
  server.maxHeadersCount = limits.headerCount + 1;
  server.setTimeout(limits.socketIdleMs);
  server.on('clientError', refuseConnection);
  server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    const message = 'The header Expect may ask for 100-continue only.';
    write(response, renderError(new PlatformError('request.unsupported_expectation', message)));
  });
  return server;
}

function pathOf(request: IncomingMessage): string {
  const url = request.url ?? '/';
  if (url.charCodeAt(0) === 0x2f) return url;
  return url.replace(/^https?:\/\/[^/?#]*/i, '');
}

function addPages(
  app: FastifyInstance,
  { status, metrics }: HttpServerOptions,
  listening: { readonly isDraining: boolean },
): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  app.get('/status', (_request, reply) => respond(reply, statusPage(status(), listening.isDraining)));
  app.get('/status/ready', (_request, reply) => respond(reply, readyPage(status(), listening.isDraining)));
  app.get('/status/live', (_request, reply) => respond(reply, livePage()));
  if (metrics !== undefined) {
    app.get('/metrics', async (request, reply) => respond(reply, await metricsPage(request.raw, metrics)));
  }
  app.get('/', (_request, reply) => {
    respond(
      reply,
      renderPage(200, { name: 'Tenon', links: { status: '/status', api: '/api/v2', docs: '/docs' } }),
    );
  });
  addDocsPages(app);
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1).join('').slice(0, 200);
    const places = 'The API is at /api/v2, its reference at /docs, the health at /status.';
    const message = `There is nothing at '${path}'. ${places}`;
    respond(reply, renderError(new PlatformError('request.not_found', message)));
  });
  app.setErrorHandler((error, _request, reply) => respond(reply, renderError(frameworkFailure(error))));
}

// Past Fastify, which would add a charset to the content type.
function respond(reply: Hijackable, rendered: Rendered): void {
  reply.hijack();
  write(reply.raw, rendered);
}

function write(response: ServerResponse, { status, headers, payload }: Rendered): void {
  response.writeHead(status, [...headers, 'Content-Length', String(Buffer.byteLength(payload))]);
  response.end(payload);
}

interface Hijackable {
  readonly raw: ServerResponse;
  hijack(): unknown;
}
