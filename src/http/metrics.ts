// The page that Prometheus reads. Invariant: without a token only those on this very machine read it, who
// came directly: neither through a proxy, which makes everybody local, nor as a page of the web that calls
// us by a name of its own.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { PlatformError } from '../core/errors.ts';
import { type Rendered, renderError } from './response.ts';

/** Where the text comes from, and who may read it. */
export interface MetricsSource {
  readonly contentType: string;
  text(): Promise<string>;
  /** What readers show as a bearer token; undefined: only those on this machine read it. */
  readonly token: string | undefined;
}

/** The answer for a reader, or for who may not be one. */
export async function metricsPage(request: IncomingMessage, source: MetricsSource): Promise<Rendered> {
  const refused = refusal(request, source.token);
  if (refused !== undefined) return refused;
  const payload = await source.text();
  return { status: 200, headers: ['Content-Type', source.contentType, 'Cache-Control', 'no-store'], payload };
}

function refusal(request: IncomingMessage, token: string | undefined): Rendered | undefined {
  if (token === undefined) return isLocal(request) ? undefined : renderError(elsewhere());
  if (hasToken(request, token)) return undefined;
  const { status, headers, payload } = renderError(tokenless());
  return { status, headers: [...headers, 'WWW-Authenticate', 'Bearer realm="metrics"'], payload };
}

function tokenless(): PlatformError {
  return new PlatformError(
    'access.unauthenticated',
    'Metrics are read with the token of this server: `Authorization: Bearer`, and TENON_METRICS_TOKEN.',
  );
}

function elsewhere(): PlatformError {
  return new PlatformError(
    'access.forbidden',
    'Metrics are told to programs on the same machine alone, which ask localhost and ask it directly. ' +
      'Set TENON_METRICS_TOKEN for others.',
  );
}

function hasToken({ headers }: IncomingMessage, token: string): boolean {
  const [, given] = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '') ?? [];
  return given !== undefined && timingSafeEqual(digest(given), digest(token));
}

// Of one length, whatever was given.
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

const forwarding = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'];

function isLocal({ headers, socket }: IncomingMessage): boolean {
  const isDirect = forwarding.every((name) => headers[name] === undefined);
  return isDirect && isLoopback(socket.remoteAddress ?? '') && isOwnName(headers.host ?? '');
}

function isLoopback(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address);
}

function isOwnName(host: string): boolean {
  const name = host.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1');
  return name.toLowerCase() === 'localhost' || isIP(name) > 0;
}
