// The content of an answer as text: unpacked, decoded, and never more than may be held.
// Invariant: both what arrives and what becomes of it are bounded, so that a small answer cannot turn into a
// large one.
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, inflateRaw } from 'node:zlib';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Headers } from '../core/operation.ts';

/** The content of an answer. */
export interface Content {
  readonly bytes: Buffer;
  /** The bytes in the encoding that the answer names. */
  text(): string;
  /** Whether it was packed: then its length and encoding are no longer those of the text. */
  readonly wasPacked: boolean;
}

type Unpack = (packed: Buffer) => Promise<Buffer>;

const most = { maxOutputLength: limits.egressBytes };
const unpackGzip: Unpack = (packed) => promisify(gunzip)(packed, most);
// With the head that its standard asks for, or without, as some servers send it.
const unpackDeflate: Unpack = (packed) =>
  ((packed[0] ?? 0) & 0x0f) === 8 ? promisify(inflate)(packed, most) : promisify(inflateRaw)(packed, most);

const unpackers: Readonly<Record<string, Unpack>> = {
  gzip: unpackGzip,
  'x-gzip': unpackGzip,
  deflate: unpackDeflate,
  br: (packed) => promisify(brotliDecompress)(packed, most),
};

/** Encodings that an answer may have. */
export const acceptedEncodings = 'gzip, deflate, br';

/**
 * Reads all of the body of an answer to `method`. Throws `egress.failed` when it is too large, and zlib's
 * errors when it cannot be unpacked.
 */
export async function readContent(body: Readable, headers: Headers, method: string): Promise<Content> {
  // What answers HEAD only tells how much there would be.
  const announced = method === 'HEAD' ? 0 : Number(headers['content-length'] ?? 0);
  if (announced > limits.egressBytes) {
    // What else the body tells of its end is of no interest.
    body.on('error', () => undefined).destroy();
    throw tooLarge();
  }
  const bytes = await readBytes(body);
  const coding = (headers['content-encoding'] ?? '').trim().toLowerCase();
  const unpack = Object.hasOwn(unpackers, coding) ? unpackers[coding] : undefined;
  const wasPacked = unpack !== undefined && bytes.length > 0;
  const unpacked = wasPacked ? await bounded(unpack(bytes)) : bytes;
  return { bytes: unpacked, text: () => decode(unpacked, headers['content-type'] ?? ''), wasPacked };
}

async function readBytes(body: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let held = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      held += chunk.length;
      if (held > limits.egressBytes) throw tooLarge();
      chunks.push(chunk);
    }
  } finally {
    body.destroy();
  }
  return Buffer.concat(chunks);
}

async function bounded(unpacking: Promise<Buffer>): Promise<Buffer> {
  try {
    return await unpacking;
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? tooLarge() : error;
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
