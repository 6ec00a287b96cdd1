// Seals texts that must not lie open in the system database: AES-256-GCM, each under a key of its own.
// Invariant: a sealed text opens only with the same master key and at the place (table, row, field) it was
// sealed for.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { PlatformError } from '../core/errors.ts';
import type { MasterKey } from './master-key.ts';

const saltBytes = 16;
const nonceBytes = 12;
const tagBytes = 16;

/** Seals and opens texts. The form is `tenon:1:<key id>:<base64 of salt, nonce, tag and ciphertext>`. */
export class Secrets {
  readonly #keys = new Map<string, MasterKey>();
  readonly #current: MasterKey;

  /** `earlier`: keys that sealed texts may still carry after the master key was changed. */
  constructor({ key, earlier = [] }: { readonly key: MasterKey; readonly earlier?: readonly MasterKey[] }) {
    this.#current = key;
    for (const known of [...earlier, key]) this.#keys.set(known.id, known);
  }

  /** Seals a text for a place, e.g. `service|sales|config.password`. */
  seal(text: string, place: string): string {
    const salt = randomBytes(saltBytes);
    const nonce = randomBytes(nonceBytes);
    const { id } = this.#current;
    const cipher = createCipheriv('aes-256-gcm', this.#current.derive('secret', salt), nonce);
    cipher.setAAD(associated(place, id));
    const content = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return `tenon:1:${id}:${Buffer.concat([salt, nonce, cipher.getAuthTag(), content]).toString('base64')}`;
  }

  /** The text that was sealed for this place. Throws `config.invalid` for any other place, key or content. */
  open(sealed: string, place: string): string {
    const [, id = '', content = ''] = /^tenon:1:([0-9a-f]{8}):([A-Za-z0-9+/]+={0,2})$/.exec(sealed) ?? [];
    const key = this.#keys.get(id);
    const bytes = Buffer.from(content, 'base64');
    const start = saltBytes + nonceBytes + tagBytes;
    if (key === undefined || bytes.length < start) throw unreadable();
    const decipher = createDecipheriv(
      'aes-256-gcm',
      key.derive('secret', bytes.subarray(0, saltBytes)),
      bytes.subarray(saltBytes, saltBytes + nonceBytes),
      { authTagLength: tagBytes },
    );
    decipher.setAAD(associated(place, id));
    decipher.setAuthTag(bytes.subarray(saltBytes + nonceBytes, start));
    try {
      return Buffer.concat([decipher.update(bytes.subarray(start)), decipher.final()]).toString('utf8');
    } catch (cause) {
      throw unreadable(cause);
    }
  }
}

function associated(place: string, keyId: string): Buffer {
  return Buffer.from(`${place}|${keyId}`, 'utf8');
}

function unreadable(cause?: unknown): PlatformError {
  return new PlatformError(
    'config.invalid',
    'A stored secret cannot be read: it was changed, belongs elsewhere, or has another master key.',
    { cause },
  );
}
