// The content of an answer as text: unpacked, decoded, and never more than may be held.
// Invariant: what is read is counted after unpacking, so that a small answer cannot become a large one.
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Headers } from '../core/operation.ts';

/** What an answer says of its content, beside the content itself. */
export interface Content {
  readonly text: string;
  readonly bytes: number;
  /** Whether it was packed: then its length and encoding are no longer those of the text. */
  readonly wasPacked: boolean;
}

const unpackers = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
} as const;

/** Encodings that an answer may have. */
export const acceptedEncodings = 'gzip, deflate, br';

/** Reads all of a body. Throws `egress.failed` when it is too large or not what its headers say. */
export async function readContent(body: Readable, headers: Headers): Promise<Content> {
  const announced = Number(headers['content-length'] ?? 0);
  const coding = (headers['content-encoding'] ?? '').trim().toLowerCase();
  const unpack = Object.hasOwn(unpackers, coding) ? unpackers[coding as keyof typeof unpackers] : undefined;
  try {
    if (announced > limits.egressBytes) throw tooLarge();
    const chunks: Buffer[] = [];
    const bytes = { packed: 0, held: 0 };
    const count = (kind: 'packed' | 'held') =>
      async function* (source: AsyncIterable<Buffer>) {
        for await (const chunk of source) {
          bytes[kind] += chunk.length;
          if (bytes[kind] > limits.egressBytes) throw tooLarge();
          yield chunk;
        }
      };
    const keep = async (source: AsyncIterable<Buffer>) => {
      for await (const chunk of source) chunks.push(chunk);
    };
    if (unpack === undefined) await pipeline(body, count('held'), keep);
    else await pipeline(body, count('packed'), unpack(), count('held'), keep);
    const text = decode(Buffer.concat(chunks), headers['content-type'] ?? '');
    return { text, bytes: bytes.held, wasPacked: unpack !== undefined };
  } finally {
    body.destroy();
  }
}

// Scripts get text. Bytes that are none become replacement characters, as in a browser.
function decode(bytes: Buffer, contentType: string): string {
  const [, label = 'utf-8'] = /charset\s*=\s*"?([^\s";]+)/i.exec(contentType) ?? [];
  return decoderOf(label).decode(bytes);
}

function decoderOf(label: string) {
  try {
    return new TextDecoder(label);
  } catch {
    return new TextDecoder();
  }
}

function tooLarge(): PlatformError {
  return new PlatformError('egress.failed', `The answer is larger than ${limits.egressBytes} bytes.`);
}
