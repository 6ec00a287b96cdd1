// Calls of scripts to other hosts: what a script asked for becomes an outgoing call, and its answer a result
// as scripts of that language know it. Invariant: like any call of the platform, it never throws; what went
// wrong is an error result.
import { createHash } from 'node:crypto';
import { Body, writeJson } from '../core/body.ts';
import { errorResult } from '../core/dispatch.ts';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Headers, Result } from '../core/operation.ts';
import type { BridgeCall } from '../core/runner.ts';
import { type CurlSettings, headerLines, isCurlOption, readCurlOptions } from '../egress/curl-options.ts';
import type { OutgoingAnswer, OutgoingCall } from '../egress/outgoing.ts';

/** How a language calls other hosts: as it is (Node, Python), or as PHP's cURL does (PHP, v8js). */
export type ForeignStyle = 'plain' | 'curl';

/** Makes outgoing calls; throws `egress.*` for those that fail. */
export interface Outgoing {
  call(call: OutgoingCall): Promise<OutgoingAnswer>;
}

/** What foreign calls of one run have in common. */
export interface ForeignSurroundings {
  /** Name of the script. */
  readonly by: string;
  readonly outgoing: Outgoing;
  readonly style: ForeignStyle;
  /** Calls from script to script that this one makes, over the network or inside the server. */
  readonly hops: number;
  /** The key of a call that may change something, in queued runs: the same in every attempt. */
  readonly keyOf?: ((call: Keyed) => string) | undefined;
  /** Ends the calls with their run. */
  readonly signal: AbortSignal;
  /** Told what had no effect. */
  readonly warn: (text: string) => void;
}

const form = 'application/x-www-form-urlencoded';

/** What tells one call from another. */
export type Keyed = Pick<OutgoingCall, 'method' | 'url' | 'body'>;

/** Whether a path leads to another host: it has a scheme. */
export function isForeign(path: string): boolean {
  return /^\s*[a-z][a-z0-9+.-]*:\/\//i.test(path);
}

/** Makes the call. */
export async function callForeign(call: BridgeCall, surroundings: ForeignSurroundings): Promise<Result> {
  try {
    const { outgoing, style, warn, keyOf } = surroundings;
    const { ignored, ...asked } = keyed(outgoingCall(call, style), keyOf);
    if (ignored.length > 0) warn(`platform.api: without effect here: ${ignored.join(', ')}`);
    const { by, signal, hops } = surroundings;
    const answer = await outgoing.call({ ...asked, by, hops, signal });
    return style === 'curl' && answer.status >= 300 ? refusal(answer) : resultOf(answer);
  } catch (error) {
    return errorResult(error);
  }
}

// Whoever gets a call twice, because its run was tried twice, can tell by the key that it is the same one.
function keyed<C extends Keyed & Pick<OutgoingCall, 'headers'>>(call: C, keyOf?: (call: C) => string): C {
  if (keyOf === undefined || call.method === 'GET' || call.method === 'HEAD') return call;
  return { ...call, headers: { 'idempotency-key': keyOf(call), ...call.headers } };
}

/** Reads what a script asked for (spec §1.6.1 and §1.6.3). */
export function outgoingCall({ method, path, payload, options }: BridgeCall, style: ForeignStyle) {
  const given = isMap(options) ? options : {};
  const curl = readCurlOptions(given);
  const verb = (curl.method ?? method).toUpperCase();
  const isBodiless = verb === 'GET' || verb === 'HEAD';
  const query = style === 'curl' && isBodiless ? queryOf(payload) : undefined;
  const sent = query === undefined ? contentOf({ curl, payload, verb, style }) : {};
  const defaults = style === 'curl' ? { accept: '*/*', ...sent.headers } : { ...sent.headers };
  const call: Omit<OutgoingCall, 'by'> & { readonly ignored: readonly string[] } = {
    method: verb,
    url: withParameters(path.trim(), { ...query, ...(isMap(given.parameters) ? given.parameters : {}) }),
    headers: { ...defaults, ...headersOf(given, style), ...curl.headers },
    body: sent.body,
    redirects: curl.redirects ?? (style === 'curl' ? limits.egressRedirects : 0),
    ...(curl.timeoutMs === undefined ? {} : { timeoutMs: curl.timeoutMs }),
    ignored: curl.ignored,
  };
  return call;
}

// An object with neither key is headers as a whole, as with calls of this server; cURL's options are none.
function headersOf(options: Readonly<Record<string, unknown>>, style: ForeignStyle): Headers {
  const isWhole = style === 'plain' && !('headers' in options) && !('parameters' in options);
  if (!isWhole) return headerLines(options.headers);
  return headerLines(Object.fromEntries(Object.entries(options).filter(([name]) => !isCurlOption(name))));
}

interface Given {
  readonly curl: CurlSettings;
  readonly payload: string | undefined;
  readonly verb: string;
  readonly style: ForeignStyle;
}

function contentOf({ curl, payload, verb, style }: Given): { headers?: Headers; body?: string } {
  if (isMap(curl.body)) return multipart(curl.body);
  const body = curl.body ?? payload;
  if (style === 'plain') return body === undefined || body === '' ? {} : { body };
  if (verb === 'GET' || verb === 'HEAD') return body === undefined ? {} : { body };
  return { headers: { 'content-type': form }, body: body === 'null' ? '' : (body ?? '') };
}

// An array of PHP as the payload of a GET is meant as parameters: of this server it asks the same way.
function queryOf(payload: string | undefined): Readonly<Record<string, unknown>> | undefined {
  if (payload === undefined || !/^\s*(\{|null\s*$|\[\s*\]\s*$)/.test(payload)) return undefined;
  try {
    const value: unknown = JSON.parse(payload);
    return isMap(value) ? value : {};
  } catch {
    return undefined;
  }
}

/** Appends parameters, encoded; what the URL says already stays as it is. */
function withParameters(url: string, parameters: Readonly<Record<string, unknown>>): string {
  const added = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) append(added, name, value);
  if (added.size === 0) return url;
  const [, start = '', fragment = ''] = /^([^#]*)(#.*)?$/s.exec(url) ?? [];
  const joint = start.includes('?') ? (/[?&]$/.test(start) ? '' : '&') : '?';
  return `${start}${joint}${added}${fragment}`;
}

function append(added: URLSearchParams, name: string, value: unknown): void {
  if (value === null || value === undefined) return;
  if (typeof value !== 'object') added.append(name, asParameter(value));
  else for (const [key, each] of Object.entries(value)) append(added, `${name}[${key}]`, each);
}

// As PHP writes them.
function asParameter(value: unknown): string {
  return typeof value === 'boolean' ? (value ? '1' : '0') : String(value);
}

/**
 * A form of fields, as cURL sends an array: lists become several fields of one name. Equal fields make equal
 * forms, so that a call that is repeated is the same one; no field can hold the digest of all of them.
 */
function multipart(fields: Readonly<Record<string, unknown>>): { headers: Headers; body: string } {
  const digest = createHash('sha256').update(writeJson(fields)).digest('hex').slice(0, 16);
  const boundary = `${'-'.repeat(24)}${digest}`;
  const parts = Object.entries(fields).flatMap(([name, value]) =>
    leaves(value).map(
      (text) =>
        `--${boundary}\r\nContent-Disposition: form-data; name="${fieldName(name)}"\r\n\r\n${text}\r\n`,
    ),
  );
  return {
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: `${parts.join('')}--${boundary}--\r\n`,
  };
}

function leaves(value: unknown): string[] {
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(leaves);
  return [value === null || value === undefined ? '' : asParameter(value)];
}

function fieldName(name: string): string {
  return name.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function resultOf({ status, headers, body }: OutgoingAnswer): Result {
  const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  return { status, headers, body: body === '' ? undefined : Body.ofText(body, type ?? 'text/plain') };
}

// PHP sees an error of another host as it sees one of this server: the answer is the message (spec §1.6.3).
function refusal({ status, body }: OutgoingAnswer): Result {
  const message = body === '' ? `The other host answered with status ${status}.` : body;
  return errorResult(new PlatformError('egress.failed', message, { status }));
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
