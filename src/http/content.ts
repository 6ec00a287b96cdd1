// The body of a request: bytes within the limit, as UTF-8 text or as a file, with the media type it is to be
// read as (spec §5.3).
// Invariant: a request without content has no Body; nothing is parsed here but forms, whose values no text
// can stand for. CSV and XML are read when somebody looks at their values.
import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Body } from '../core/body.ts';
import { PlatformError } from '../core/errors.ts';
import { readableBody } from '../formats/index.ts';
import { parseParameters } from '../query/parameters.ts';

const form = 'application/x-www-form-urlencoded';

/** Types of content that need not be text. Whoever gets it takes it as bytes, or refuses it. */
const files: ReadonlySet<string> = new Set([
  ...['application/octet-stream', 'application/zip', 'application/x-zip-compressed', 'multipart/form-data'],
]);

/** Whether a request comes with content. */
export function hasContent({ headers }: { readonly headers: IncomingHttpHeaders }): boolean {
  const length = headers['content-length'];
  return (length !== undefined && length !== '0') || headers['transfer-encoding'] !== undefined;
}

/** How large a body may be, and the role that says so; undefined: the server does. */
export interface BodyBound {
  readonly bytes: number;
  readonly role: string | undefined;
}

/** Reads the content of a request. Throws `request.too_large` as soon as it is known to exceed its bound. */
export function readContent(request: IncomingMessage, bound: BodyBound): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > bound.bytes) return Promise.reject(tooLarge(bound));
  // Its end was told before anybody listened, and would not be told again.
  if (request.destroyed) return Promise.reject(aborted());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      // What follows is read and thrown away until the request ends or its time is over, so that the client,
      // which is still writing, sees the answer instead of a broken connection.
      if (size > bound.bytes) reject(tooLarge(bound));
      else chunks.push(chunk);
      if (size > bound.bytes) chunks.length = 0;
    });
    request.on('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
    request.on('error', () => reject(aborted()));
    request.on('close', () => {
      if (!request.complete) reject(aborted());
    });
  });
}

/**
 * The body that the content is, later only for CSV and XML; undefined when it is empty. Throws `request.*`
 * for what is no text we read.
 */
export function readBody(content: Buffer, headers: IncomingHttpHeaders): Body | undefined | Promise<Body> {
  if (content.length === 0) return undefined;
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw unsupported(`Content-Encoding '${encoding}' is not accepted. Send the body uncompressed.`);
  }
  const declared = readType(headers['content-type']);
  if (!isUtf8(content)) {
    if (files.has(declared)) return Body.ofBytes(content, declared);
    throw new PlatformError('request.malformed_text', 'The body is not valid UTF-8 text.');
  }
  const text = content.toString('utf8');
  return bodyOf(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text, declared);
}

function bodyOf(text: string, declared: string): Body | Promise<Body> {
  if (declared === '') return Body.ofText(text, looksLikeJson(text) ? 'application/json' : 'text/plain');
  if (declared === form) return formBody(text);
  const body = Body.ofText(text, declared);
  return readableBody(body) ?? body;
}

// `curl -d '{…}'` says that its JSON is a form: no form field begins with a bracket.
function formBody(text: string): Body {
  if (/^\s*[{[]/.test(text)) return Body.ofText(text, 'application/json');
  return Body.ofParsed(text, parseParameters(text), form);
}

// What begins with a bracket is meant to be JSON, and told so when it is malformed; other JSON is one scalar.
function looksLikeJson(text: string): boolean {
  if (/^\s*[{[]/.test(text)) return true;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The media type of a Content-Type header without parameters, in lower case; '' without a header. */
function readType(header: string | undefined): string {
  if (header === undefined || header === 'application/json') return header ?? '';
  const [type = '', ...parameters] = header.toLowerCase().split(';');
  for (const parameter of parameters) {
    const [name = '', value = ''] = parameter.split('=');
    if (name.trim() === 'charset') checkCharset(value.trim().replace(/^"(.*)"$/, '$1'));
  }
  const plain = type.trim();
  if (plain !== '' && !/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/.test(plain)) {
    throw unsupported('The Content-Type header is malformed. Use application/json.');
  }
  return plain;
}

function checkCharset(charset: string): void {
  if (!['utf-8', 'utf8', 'us-ascii'].includes(charset)) {
    throw unsupported(`The charset '${charset}' of the body is not accepted. Send UTF-8.`);
  }
}

function unsupported(message: string): PlatformError {
  return new PlatformError('request.unsupported_media_type', message);
}

/** The refusal of a body beyond its bound, which it names. */
export function tooLarge({ bytes, role }: BodyBound): PlatformError {
  const whose = role === undefined ? '' : `, the most that the role '${role}' allows`;
  const where = role === undefined ? 'TENON_BODY_BYTES' : '`max_body_bytes` of the role';
  const advice = `Send fewer records at a time, or have the limit raised (${where}).`;
  return new PlatformError('request.too_large', `The body is larger than ${bytes} bytes${whose}. ${advice}`);
}

function aborted(): PlatformError {
  return new PlatformError('request.malformed', 'The request ended before its body was complete.');
}
