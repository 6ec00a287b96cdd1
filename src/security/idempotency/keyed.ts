// What an idempotency key stands for: whose it is, and what was asked for with it.
// Invariant: neither the key nor the content of the request can be read from what is kept; the credentials
// that came with a request are no part of it, because a token may be renewed between two tries.
import { createHash } from 'node:crypto';
import type { Body } from '../../core/body.ts';
import { PlatformError } from '../../core/errors.ts';
import { type IdempotencyNote, idempotencyHeader } from '../../core/idempotency.ts';
import { limits } from '../../core/limits.ts';
import type { Message, Operation, Principal } from '../../core/operation.ts';

/** A key with what it stands for. */
export interface Keyed extends IdempotencyNote {
  /** The key as it came, with whose it is: what the answer is sealed with. */
  readonly secret: string;
}

const credentials: ReadonlySet<string> = new Set(['api_key', 'session_token']);

/** The key of an operation in an installation. Throws `request.malformed` for one that cannot be taken. */
export function keyedBy(operation: Operation, house = ''): Keyed {
  const key = checked(operation.request.headers[idempotencyHeader]);
  const secret = `${house} ${callerOf(operation)}\n${key}`;
  return { secret, id: sha256(`id\n${secret}`), digest: digestOf(operation) };
}

function checked(given: unknown): string {
  const key = String(given).trim();
  if (key === '') throw malformed('is empty');
  if (key.length > limits.idempotencyKeyChars) {
    throw malformed(`is longer than ${limits.idempotencyKeyChars} characters`);
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(key)) throw malformed('has control characters');
  return key;
}

function malformed(problem: string): PlatformError {
  return new PlatformError(
    'request.malformed',
    `The header Idempotency-Key ${problem}. Send a text that is different for each write, such as a UUID.`,
  );
}

// Scripts have keys of their own: one that hands the headers of its request on asks for something else.
function callerOf({ principal, requestor, remoteAddress }: Operation): string {
  return `${requestor} ${whoIs(principal) ?? `address:${remoteAddress ?? ''}`}`;
}

/** Whether anybody is known to ask. */
export function isKnown(principal: Principal): boolean {
  return whoIs(principal) !== undefined;
}

function whoIs({ kind, user, app }: Principal): string | undefined {
  if (user !== undefined) return `user:${user.id}`;
  if (app !== null) return `app:${app.id}`;
  return kind === 'system' ? 'system' : undefined;
}

// With the role: an answer shows what the role allows, and is not for the same user in another one.
function digestOf(operation: Operation): string {
  const { action, service, path, request, principal } = operation;
  const { isAdmin, role, app } = principal;
  const parameters = Object.entries(request.parameters)
    .filter(([name]) => !credentials.has(name.toLowerCase()))
    .sort(([one], [other]) => (one < other ? -1 : 1));
  const rights = [isAdmin, role?.id ?? null, app?.id ?? null];
  const head = JSON.stringify([
    action,
    service.toLowerCase(),
    path,
    parameters,
    rights,
    request.body?.mediaType ?? '',
  ]);
  const hash = createHash('sha256').update(`${head}\n`);
  if (request.body !== undefined) hash.update(contentOf(request.body, request));
  return hash.digest('hex');
}

// A form in parts is divided by a text that clients make up anew for each request.
function contentOf(body: Body, { headers }: Message): string | Uint8Array {
  if (body.mediaType !== 'multipart/form-data') return body.isBinary ? body.bytes : body.text;
  const [, quoted, plain] = /boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(headers['content-type'] ?? '') ?? [];
  const boundary = quoted ?? plain;
  return boundary === undefined ? body.text : body.text.replaceAll(boundary, '');
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
