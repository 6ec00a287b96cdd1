// Outgoing calls: every connection that this server makes for a script goes through here.
// Invariant: each redirect is a call of its own, judged like the first; a call ends at its deadline, with an
// answer or an error of the catalogue, whatever the other side does.
import type { Readable } from 'node:stream';
import type { Agent } from 'undici';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Observe } from '../core/observe.ts';
import type { Headers } from '../core/operation.ts';
import { acceptedEncodings, readContent } from './content.ts';
import { Allowances } from './destinations.ts';
import { Dialer, type Resolve } from './dialer.ts';
import { asEgressError } from './failure.ts';
import { type Checked, check, type OutgoingAnswer, type OutgoingCall, redirected } from './outgoing.ts';

/** What an egress is made with. */
export interface EgressOptions {
  /** Entries of TENON_EGRESS_ALLOW. */
  readonly allow: readonly string[];
  readonly observe: Observe;
  /** Finds the addresses of a name; the system's way when absent. */
  readonly resolve?: Resolve;
}

/** Calls other hosts. */
export class Egress {
  readonly #options: EgressOptions;
  readonly #allowances: Allowances;
  #agent: Promise<Agent> | undefined;

  /** Throws `config.invalid` for an exception that names no place. */
  constructor(options: EgressOptions) {
    this.#options = options;
    this.#allowances = new Allowances(options.allow);
  }

  /**
   * Makes a call. Throws `egress.*` or `request.*` when it may not be made or fails; an answer of any status
   * is an answer.
   */
  async call(call: OutgoingCall): Promise<OutgoingAnswer> {
    const start = performance.now();
    const limit = Math.max(1, Math.min(call.timeoutMs ?? limits.egressMs, limits.egressMs));
    const timeout = AbortSignal.timeout(limit);
    const signal = call.signal === undefined ? timeout : AbortSignal.any([timeout, call.signal]);
    const told = { method: call.method, by: call.by, origin: '' };
    const { observe } = this.#options;
    try {
      const checked = check(call);
      told.origin = checked.url.origin;
      const answer = await this.#follow(checked, { ...call, signal });
      observe({ kind: 'egress.finished', ...told, ms: performance.now() - start, status: answer.status });
      return answer;
    } catch (thrown) {
      const error = asEgressError(thrown, { origin: told.origin, ms: limit, isTimeout: timeout.aborted });
      observe({ kind: 'egress.failed', ...told, ms: performance.now() - start, error });
      throw error;
    }
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    const agent = this.#agent;
    this.#agent = undefined;
    await (await agent)?.destroy();
  }

  async #follow(
    first: Checked,
    { redirects, ...about }: Pick<OutgoingCall, 'redirects'> & About,
  ): Promise<OutgoingAnswer> {
    let checked = first;
    let passed: Headers = {};
    for (let left = Math.min(redirects, limits.egressRedirects); ; left--) {
      const answer = await this.#once(checked, about);
      passed = { ...passed, ...answer.headers };
      const next: Checked | undefined = redirects > 0 ? redirected(checked, answer) : undefined;
      if (next === undefined) return { ...answer, headers: passed };
      if (left === 0) throw new PlatformError('egress.failed', 'The call was redirected too often.');
      checked = next;
    }
  }

  async #once(
    { url, method, headers, body }: Checked,
    { signal, hops, isBinary = false }: About,
  ): Promise<OutgoingAnswer> {
    this.#agent ??= this.#start();
    const agent = await this.#agent;
    const defaults = { 'user-agent': 'tenon', 'accept-encoding': acceptedEncodings };
    const answer = await agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      // Any verb may be sent, also those that undici has no word for.
      method: method as 'GET',
      headers: { ...defaults, ...headers, ...(hops === undefined ? {} : { 'x-tenon-hops': String(hops) }) },
      body: body ?? null,
      signal,
      headersTimeout: limits.egressMs,
      bodyTimeout: limits.egressMs,
    });
    const received = flat(answer.headers);
    const content = await readContent(answer.body as Readable, received, method);
    const read = isBinary ? { body: '', bytes: content.bytes } : { body: content.text() };
    if (!content.wasPacked) return { status: answer.statusCode, headers: received, ...read };
    const { 'content-encoding': _coding, 'content-length': _length, ...rest } = received;
    return { status: answer.statusCode, headers: rest, ...read };
  }

  // Loaded with the first call: a server that calls nobody starts quicker without.
  async #start(): Promise<Agent> {
    // Its parts by name are not there in a bundle.
    const { Agent, buildConnector } = (await import('undici')).default;
    const { resolve } = this.#options;
    const parts = { allowances: this.#allowances, build: buildConnector };
    const dialer = new Dialer(resolve === undefined ? parts : { ...parts, resolve });
    return new Agent({
      connect: (options, done) => dialer.connect(options, done),
      connections: limits.egressConnections,
      pipelining: 1,
      maxHeaderSize: limits.headerBytes,
    });
  }
}

/** What all hops of a call have in common. */
type About = Pick<OutgoingCall, 'hops' | 'isBinary'> & { readonly signal: AbortSignal };

// Of no use to who reads the answer.
const aboutConnection = new Set(['connection', 'keep-alive', 'transfer-encoding', 'trailer', 'upgrade']);

function flat(headers: Readonly<Record<string, string | string[] | undefined>>): Headers {
  const entries = Object.entries(headers).filter(
    ([name, value]) => value !== undefined && name !== '__proto__' && !aboutConnection.has(name),
  );
  return Object.fromEntries(
    entries.map(([name, value]) => [
      name.toLowerCase(),
      Array.isArray(value) ? value.join(', ') : String(value),
    ]),
  );
}
