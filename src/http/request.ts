// HTTP request → operation. Invariant: whatever a client sends, this gives an operation or throws a 4xx.
import type { IncomingMessage } from 'node:http';
import { LRUCache } from 'lru-cache';
import type { Body } from '../core/body.ts';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Action, Headers, Operation, Parameters, Principal } from '../core/operation.ts';
import { noParameters, parseParameters } from '../query/parameters.ts';
import type { Asking, Authentication } from './authentication.ts';
import type { ClientAddresses } from './client-address.ts';
import { type BodyBound, hasContent, readBody, readContent, tooLarge } from './content.ts';
import { readTarget, redactUri } from './target.ts';
import { actionOf, overriddenAction } from './verb.ts';

/** What requests are read with. */
export interface RequestReaderParts {
  readonly authentication: Authentication;
  readonly bodyBytes: number;
  /** Absent: that of the connection is the address of a caller. */
  readonly addresses?: ClientAddresses | undefined;
}

/** Reads requests. */
export class RequestReader {
  readonly #parts: RequestReaderParts;
  readonly #parameters = new LRUCache<string, Parameters>({ max: limits.parameterCache });

  constructor(parts: RequestReaderParts) {
    this.#parts = parts;
  }

  /**
   * The operation that a request asks for; `url` is its origin form. Service and path are empty for the list
   * of services.
   */
  async read(request: IncomingMessage, url: string): Promise<Operation> {
    checkHeaders(request);
    const { service, path, apiVersion, query } = readTarget(url);
    const parameters = this.#readParameters(query);
    const action = readAction(request, parameters);
    const { headers } = request;
    const { addresses } = this.#parts;
    const remoteAddress = addresses === undefined ? request.socket.remoteAddress : addresses.of(request);
    const asking = { headers, parameters, body: undefined, action, service, path, remoteAddress };
    const received = hasContent(request) ? await this.#readBody(request, asking) : undefined;
    const found = received?.principal ?? this.#parts.authentication.principal(asking);
    const principal: Principal = found instanceof Promise ? await found : found;
    return {
      service,
      path,
      action,
      origin: 'http',
      requestor: 'api',
      principal,
      depth: 0,
      ...(headers[hopsHeader] === undefined ? undefined : { hops: readHops(headers[hopsHeader]) }),
      request: { parameters, headers: plainHeaders(request), body: received?.body },
      uri: redactUri(url),
      apiVersion,
      ...(remoteAddress === undefined ? undefined : { remoteAddress }),
    };
  }

  // Credentials may stand in the body, so that it is read first; but where roles bound it, whoever is known
  // without it is known before it is read.
  async #readBody(request: IncomingMessage, asking: Asking): Promise<Received> {
    const { authentication, bodyBytes } = this.#parts;
    const early = authentication.hasBodyBounds ? await authentication.principal(asking) : undefined;
    const content = await readContent(request, boundOf(early, bodyBytes));
    const body = await readBody(content, request.headers);
    if (early !== undefined && isSettled(early)) return { body, principal: early };
    const found = authentication.principal({ ...asking, body });
    const principal = found instanceof Promise ? await found : found;
    const bound = boundOf(principal, bodyBytes);
    if (content.length > bound.bytes) throw tooLarge(bound);
    return { body, principal };
  }

  // The same text gives the same object, by which services recognise a request that they planned before.
  #readParameters(query: string): Parameters {
    if (query === '') return noParameters;
    if (query.length > limits.parameterCacheChars) return parseParameters(query);
    let parameters = this.#parameters.get(query);
    if (parameters === undefined) {
      parameters = parseParameters(query);
      this.#parameters.set(query, parameters);
    }
    return parameters;
  }
}

interface Received {
  readonly body: Body | undefined;
  readonly principal: Principal;
}

// A role may allow less than the server, not more.
function boundOf(principal: Principal | undefined, bytes: number): BodyBound {
  const own = principal?.role?.maxBodyBytes ?? bytes;
  return own < bytes ? { bytes: own, role: principal?.role?.name } : { bytes, role: undefined };
}

// Nothing in a body would make it somebody else.
function isSettled({ failure, user, apiKey }: Principal): boolean {
  return failure !== undefined || (user !== undefined && apiKey !== null);
}

function readAction(request: IncomingMessage, parameters: Parameters): Action {
  const action = actionOf(request.method);
  if (action === undefined) {
    throw new PlatformError(
      'request.method_not_allowed',
      `The API has no method ${request.method}. Use GET, POST, PUT, PATCH or DELETE.`,
    );
  }
  return action === 'POST' ? overriddenAction(request.headers, parameters) : action;
}

// Written by the way out of the server that a script called from, this one or another. Whoever makes it up
// only comes nearer to the limit.
const hopsHeader = 'x-tenon-hops';

function readHops(value: string | readonly string[] | undefined): number {
  const hops = Number(value);
  if (!Number.isInteger(hops) || hops < 0) {
    throw new PlatformError('request.malformed', `The header ${hopsHeader} must be a whole number.`);
  }
  if (hops <= limits.callDepth) return hops;
  throw new PlatformError(
    'request.recursion',
    `Scripts call each other over the network for more than ${limits.callDepth} times. Give them a ` +
      'condition that ends the chain.',
  );
}

function checkHeaders(request: IncomingMessage): void {
  if (request.httpVersionMajor < 1) {
    throw new PlatformError('request.malformed', 'Requests must be HTTP/1.0 or HTTP/1.1.');
  }
  if (request.rawHeaders.length > limits.headerCount * 2) {
    throw new PlatformError(
      'request.too_many_headers',
      `The request has more than ${limits.headerCount} headers.`,
    );
  }
}

// Only set-cookie comes as a list, and clients do not send it: the copy is made for those who do anyway.
function plainHeaders({ headers }: IncomingMessage): Headers {
  const cookies = headers['set-cookie'];
  if (cookies === undefined) return headers as Headers;
  return { ...headers, 'set-cookie': cookies.join(', ') } as Headers;
}
