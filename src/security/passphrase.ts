// Seals values under a passphrase, for documents that leave the server: scrypt makes the key, AES-256-GCM
// seals.
// Invariant: the master key has no part in it; a sealed value opens only with its passphrase, in a document
// with the same salt, and at the place it was sealed for.
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';

/** How the values of a document are sealed: what it takes to open them, beside the passphrase. */
export interface SealHeader {
  readonly cipher: 'aes-256-gcm';
  readonly kdf: 'scrypt';
  readonly n: number;
  readonly r: number;
  readonly p: number;
  /** Base64. */
  readonly salt: string;
}

const saltBytes = 16;
const nonceBytes = 12;
const tagBytes = 16;
// 64 MiB and a tenth of a second for each guess.
const cost = { n: 2 ** 16, r: 8, p: 1 };
const derive = promisify<string, Buffer, number, { N: number; r: number; p: number; maxmem: number }, Buffer>(
  scrypt,
);

/** Seals and opens the values of one document. */
export class PassphraseSeal {
  readonly header: SealHeader;
  readonly #key: Buffer;

  private constructor(header: SealHeader, key: Buffer) {
    this.header = header;
    this.#key = key;
  }

  /** For a new document. Throws `request.invalid_record` for a passphrase that is too short. */
  static async begin(passphrase: string): Promise<PassphraseSeal> {
    if (passphrase.length < limits.passphraseChars) {
      throw refused(`The passphrase must have at least ${limits.passphraseChars} characters.`);
    }
    const salt = randomBytes(saltBytes).toString('base64');
    return PassphraseSeal.#of(passphrase, { cipher: 'aes-256-gcm', kdf: 'scrypt', ...cost, salt });
  }

  /** For a document whose header says how it was sealed. Throws `request.invalid_record` for other ways. */
  static async open(passphrase: string, header: unknown): Promise<PassphraseSeal> {
    const { cipher, kdf, n, r, p, salt } = (header ?? {}) as Partial<SealHeader>;
    // Costs that a document may choose would be memory that a stranger may choose.
    const isOurs =
      cipher === 'aes-256-gcm' && kdf === 'scrypt' && n === cost.n && r === cost.r && p === cost.p;
    if (!isOurs || typeof salt !== 'string' || Buffer.from(salt, 'base64').length !== saltBytes) {
      throw refused(
        "Its part 'secrets' does not say how values are sealed, or says a way that is not known.",
      );
    }
    return PassphraseSeal.#of(passphrase, { cipher, kdf, n, r, p, salt });
  }

  static async #of(passphrase: string, header: SealHeader): Promise<PassphraseSeal> {
    const { n, r, p, salt } = header;
    const options = { N: n, r, p, maxmem: 2 ** 27 };
    const key = await derive(passphrase.normalize('NFKC'), Buffer.from(salt, 'base64'), 32, options);
    return new PassphraseSeal(header, key);
  }

  /** Seals a value that JSON can hold for a place in the document. */
  seal(value: unknown, place: string): string {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce);
    cipher.setAAD(Buffer.from(place, 'utf8'));
    const content = Buffer.concat([cipher.update(JSON.stringify(value), 'utf8'), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), content]).toString('base64');
  }

  /** The value that was sealed for this place. Throws `request.invalid_record` for anything else. */
  open(sealed: string, place: string): unknown {
    const bytes = Buffer.from(sealed, 'base64');
    const start = nonceBytes + tagBytes;
    if (bytes.length <= start) throw unreadable(place);
    const decipher = createDecipheriv('aes-256-gcm', this.#key, bytes.subarray(0, nonceBytes), {
      authTagLength: tagBytes,
    });
    decipher.setAAD(Buffer.from(place, 'utf8'));
    decipher.setAuthTag(bytes.subarray(nonceBytes, start));
    try {
      const content = Buffer.concat([decipher.update(bytes.subarray(start)), decipher.final()]);
      return JSON.parse(content.toString('utf8'));
    } catch (cause) {
      throw unreadable(place, cause);
    }
  }
}

function unreadable(place: string, cause?: unknown): PlatformError {
  const message =
    `The sealed value of ${place} can not be opened: the passphrase is another one, or the value was ` +
    'changed or moved.';
  return new PlatformError('request.invalid_record', message, { cause });
}

function refused(message: string): PlatformError {
  return new PlatformError('request.invalid_record', message);
}
