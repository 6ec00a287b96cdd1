// Answers as they are kept beside their idempotency keys. Invariant: they are sealed with the key that came
// with the request, which is kept nowhere: whoever reads the system database alone cannot read them.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { Body } from '../../core/body.ts';
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Headers, Result } from '../../core/operation.ts';

const nonceBytes = 12;
const tagBytes = 16;

/** What an answer is sealed with: what its caller said, and what is different for each answer. */
export interface AnswerKey {
  readonly secret: string;
  readonly token: string;
}

interface Kept {
  readonly status: number;
  readonly headers: Headers;
  readonly mediaType?: string;
  readonly body?: { readonly text: string; readonly type?: string; readonly isBase64?: true };
  /** Its content was too long to be kept. */
  readonly isCut?: true;
}

/** An answer as it is kept: base64 of nonce, tag and JSON. */
export function sealAnswer(result: Result, key: AnswerKey): string {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', derived(key), nonce);
  const content = Buffer.concat([cipher.update(JSON.stringify(keptOf(result)), 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), content]).toString('base64');
}

/** The answer that was kept. Throws `request.failed` for one that was changed. */
export function openAnswer(sealed: string, key: AnswerKey): Result {
  const bytes = Buffer.from(sealed, 'base64');
  const start = nonceBytes + tagBytes;
  try {
    const nonce = bytes.subarray(0, nonceBytes);
    const decipher = createDecipheriv('aes-256-gcm', derived(key), nonce, { authTagLength: tagBytes });
    decipher.setAuthTag(bytes.subarray(nonceBytes, start));
    const content = Buffer.concat([decipher.update(bytes.subarray(start)), decipher.final()]);
    return resultOf(JSON.parse(content.toString('utf8')) as Kept);
  } catch (cause) {
    const message = 'The answer that is kept for this Idempotency-Key cannot be read. Use another key.';
    throw new PlatformError('request.failed', message, { cause });
  }
}

function derived({ secret, token }: AnswerKey): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, token, 'answer of an idempotency key', 32));
}

function keptOf({ status, headers, mediaType, body }: Result): Kept {
  const head = { status, headers, ...(mediaType === undefined ? undefined : { mediaType }) };
  if (body === undefined) return head;
  const isLong = (body.isBinary ? body.bytes.length : body.text.length) > limits.idempotencyAnswerChars;
  return isLong ? { ...head, isCut: true } : { ...head, body: keptBody(body) };
}

function keptBody(body: Body): NonNullable<Kept['body']> {
  const type = body.mediaType === undefined ? undefined : { type: body.mediaType };
  if (!body.isBinary) return { text: body.text, ...type };
  return { text: Buffer.from(body.bytes).toString('base64'), isBase64: true, ...type };
}

function resultOf({ status, headers, mediaType, body, isCut }: Kept): Result {
  const cut = isCut === true ? { 'Idempotency-Content': 'omitted' } : undefined;
  return {
    status,
    headers: { ...headers, ...cut },
    body: body && bodyOf(body),
    ...(mediaType === undefined ? undefined : { mediaType }),
  };
}

function bodyOf({ text, type, isBase64 }: NonNullable<Kept['body']>): Body {
  if (isBase64 === true) return Body.ofBytes(Buffer.from(text, 'base64'), type ?? 'application/octet-stream');
  return Body.ofText(text, type);
}
