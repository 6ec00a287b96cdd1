// Result → HTTP: status, headers, text. The only place where an answer, or an error, takes its form on the
// wire.
// Invariant: nothing that a script or service puts into a result can break the framing of HTTP.
import { validateHeaderName, validateHeaderValue } from 'node:http';
import { Body } from '../core/body.ts';
import { errorResult } from '../core/dispatch.ts';
import { PlatformError } from '../core/errors.ts';
import type { Result } from '../core/operation.ts';
import type { RecordStream } from '../core/record-stream.ts';
import { contentType, formatOf, streamText, writable, writtenBody } from '../formats/index.ts';
import type { Acceptance } from './negotiation.ts';
import { acceptanceOf, disposition, listType, type Wanted, wrapOf } from './wanted.ts';

/** An answer ready to be sent: header names and values in turn; content length is left to the sender. */
export interface Rendered {
  readonly status: number;
  readonly headers: readonly string[];
  readonly payload: string;
  /** In place of the payload, where the answer is no text. */
  readonly bytes?: Uint8Array;
  /** What is sent after the payload, as it comes; its length is not known. */
  readonly portions?: AsyncIterable<string>;
}

interface Content {
  readonly type: string;
  readonly payload: string;
  readonly bytes?: Uint8Array;
}

const jsonType = 'application/json';
const plainType = 'text/plain';

// Framing belongs to the server, the content type to `Result.mediaType`.
const ownHeaders = new Set([
  'connection',
  'content-length',
  'content-type',
  'date',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** The answer that an error is: the envelope, always as JSON. */
export function renderError(thrown: unknown): Rendered {
  const { status, body } = errorResult(thrown);
  return { status, headers: headersOf(jsonType), payload: body?.text ?? '' };
}

/** The answer that an error is for a client of the API. */
export async function renderRefusal(thrown: unknown, accept: string | undefined): Promise<Rendered> {
  if (thrown instanceof PlatformError && thrown.kind === 'request.not_acceptable') return renderText(thrown);
  const wanted: Wanted = { accept, parameters: {}, action: 'GET', resource: '' };
  try {
    return await render(errorResult(thrown), wanted);
  } catch {
    return renderError(thrown);
  }
}

// No form was acceptable, so it is none but words, as recorded.
function renderText({ status, message }: PlatformError): Rendered {
  return { status, headers: headersOf(plainType), payload: message };
}

/** The answer that a JSON value of the server's own is. */
export function renderPage(status: number, value: unknown): Rendered {
  return { status, headers: jsonHeaders, payload: JSON.stringify(value) };
}

/**
 * The answer that a result is for a client: at once for JSON and text, later for what must be converted.
 * Throws PlatformError for a result that cannot be sent to it.
 */
export function render(result: Result, wanted: Wanted): Rendered | Promise<Rendered> {
  const { status } = result;
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw unsendable(`the status '${String(status)}' is not between 200 and 599`);
  }
  if (result.stream !== undefined) return renderStream(result, result.stream, wanted);
  const isBare = status === 204 || status === 205 || status === 304;
  const shown = wanted.parameters.wrap === undefined || status >= 400 ? result : wrapped(result, wanted);
  const content = isBare ? undefined : negotiate(shown, wanted);
  if (!(content instanceof Promise)) return rendered(result, wanted, content);
  return content.then((converted) => rendered(result, wanted, converted));
}

// What is said beside a list (`meta`) has its place only in the object around it.
function wrapped(result: Result, wanted: Wanted): Result {
  const { body } = result;
  const wrap = wrapOf(wanted);
  if (wrap === undefined || body === undefined || !body.isJson) return result;
  const value = body.exactValue;
  if (wrap) return Array.isArray(value) ? { ...result, body: Body.ofValue({ resource: value }) } : result;
  const list = isOnlyList(value) ? value.resource : undefined;
  return list === undefined ? result : { ...result, body: Body.ofValue(list) };
}

function isOnlyList(value: unknown): value is { readonly resource: readonly unknown[] } {
  if (typeof value !== 'object' || value === null || !('resource' in value)) return false;
  return Array.isArray(value.resource) && Object.keys(value).length === 1;
}

async function renderStream(result: Result, stream: RecordStream, wanted: Wanted): Promise<Rendered> {
  const type = listType(wanted) ?? jsonType;
  const headers = [...headersOf(type), ...extraHeaders(result, wanted, type)];
  return { status: result.status, headers, payload: '', portions: await streamText(stream, type) };
}

function rendered(result: Result, wanted: Wanted, content: Content | undefined): Rendered {
  const { status, body } = result;
  const headers = content === undefined ? bareHeaders : headersOf(content.type);
  const extra = extraHeaders(result, wanted, body === undefined ? undefined : content?.type);
  return {
    status,
    headers: extra.length === 0 ? headers : [...headers, ...extra],
    payload: content?.payload ?? '',
    ...(content?.bytes === undefined ? undefined : { bytes: content.bytes }),
  };
}

// The plain case of nearly every request, JSON for a client that takes JSON, is decided first.
function negotiate(result: Result, wanted: Wanted): Content | Promise<Content> {
  const { body } = result;
  const type = plainMediaType(result.mediaType) ?? body?.mediaType;
  const acceptance = acceptanceOf(wanted);
  if (body === undefined || isNull(body)) return { type: type ?? jsonType, payload: '' };
  if (type === undefined || type === jsonType) {
    if (acceptance.accepts(jsonType)) return { type: jsonType, payload: jsonOf(body) };
    const converted = convert(body, acceptance);
    if (converted !== undefined) return converted;
    if (acceptance.accepts(plainType)) return { type: plainType, payload: plainOf(body) };
    return refuse(result, wanted, { type: jsonType, payload: jsonOf(body) });
  }
  return typedContent({ result, wanted, body, type, acceptance });
}

// Text of another type, in an answer that is said to be JSON, is a value like any other.
function convert(body: Body, acceptance: Acceptance): Promise<Content> | undefined {
  const type = writable.find((each) => acceptance.accepts(each));
  if (type === undefined) return undefined;
  return formatOf(type)?.then((format) => ({ type, payload: writtenBody(body, format) }));
}

interface Typed {
  readonly result: Result;
  readonly wanted: Wanted;
  readonly body: Body;
  readonly type: string;
  readonly acceptance: Acceptance;
}

// Text of a type that a script chose. HTML is sent as such even to who asks for JSON: it is a page for
// people, and a JSON string of it would help nobody.
// Bytes have no other form either.
function typedContent({ result, wanted, body, type, acceptance }: Typed): Content | Promise<Content> {
  if (body.isBinary) return { type, payload: '', bytes: body.bytes };
  const text = textOf(body, type);
  if (text === undefined) {
    return negotiate({ status: result.status, headers: result.headers, body }, wanted);
  }
  if (type === 'text/html' || acceptance.accepts(type)) return { type, payload: text };
  if (acceptance.accepts(jsonType)) return { type: jsonType, payload: JSON.stringify(text) };
  if (acceptance.accepts(plainType)) return { type: plainType, payload: text };
  return refuse(result, wanted, { type, payload: text });
}

// A write that was done is not answered with an error because of the form of its answer; neither is an error.
function refuse({ status }: Result, wanted: Wanted, content: Content): Content {
  if (status >= 400 || wanted.action !== 'GET') return content;
  throw new PlatformError(
    'request.not_acceptable',
    `The answer is ${content.type}, which Accept (or the parameter accept or file) does not allow. ` +
      `Ask for ${content.type} or */*.`,
  );
}

// The text that content of a type consists of; undefined when it is a value that the type cannot hold.
function textOf(body: Body, type: string): string | undefined {
  if (!body.isJson) return body.text;
  if (type.endsWith('+json')) return jsonOf(body);
  if (typeof body.value === 'string') return body.value;
  return type === plainType ? body.text : undefined;
}

// Text of another media type, in an answer that is said to be JSON, is a JSON string.
function jsonOf(body: Body): string {
  return body.isJson ? body.text : JSON.stringify(body.text);
}

function plainOf(body: Body): string {
  return body.isJson && body.text.startsWith('"') ? String(body.value) : body.text;
}

function isNull(body: Body): boolean {
  return body.isParsed
    ? body.value === null || body.value === undefined
    : body.isJson && body.text === 'null';
}

function plainMediaType(type: string | undefined): string | undefined {
  if (type === undefined || type === jsonType) return type;
  const plain = (type.split(';', 1)[0] ?? '').trim().toLowerCase();
  return /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/.test(plain) ? plain : undefined;
}

const bareHeaders: readonly string[] = ['X-Content-Type-Options', 'nosniff'];
const jsonHeaders: readonly string[] = ['Content-Type', jsonType, ...bareHeaders];

function headersOf(type: string): readonly string[] {
  if (type === jsonType) return jsonHeaders;
  return ['Content-Type', contentType(type), ...bareHeaders];
}

function extraHeaders(result: Result, wanted: Wanted, type: string | undefined): string[] {
  const extra: string[] = [];
  for (const name in result.headers) {
    if (!ownHeaders.has(name.toLowerCase())) addHeader(extra, name, result.headers[name]);
  }
  const saved = type === undefined || result.status >= 400 ? undefined : disposition(wanted, type);
  if (saved !== undefined) addHeader(extra, 'Content-Disposition', saved);
  return extra;
}

function addHeader(headers: string[], name: string, given: unknown): void {
  const value = String(given);
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  } catch {
    throw unsendable(`its header '${name.replace(/[^\w-]/g, '?')}' has characters that HTTP does not allow`);
  }
  headers.push(name, value);
}

function unsendable(problem: string): PlatformError {
  return new PlatformError('request.failed', `The answer can not be sent: ${problem}.`);
}
