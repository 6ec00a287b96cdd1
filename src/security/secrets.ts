// Seals texts that must not lie open in the system database: AES-256-GCM, each under a key of its own.
// Invariant: a sealed text opens only with the same master key and at the place (table, row, field) it was
// sealed for.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { PlatformError } from '../core/errors.ts';
import type { MasterKey } from './master-key.ts';

const saltBytes = 16;
const nonceBytes = 12;
const tagBytes = 16;
const sealedForm = /^tenon:1:([0-9a-f]{8}):([A-Za-z0-9+/]+={0,2})$/;

/** The master keys that texts may be sealed with. */
export interface Keys {
  /** The one that texts are sealed with now. */
  current(): MasterKey;
  /** The one with an id, earlier ones included. */
  find(id: string): MasterKey | undefined;
}

/** Seals and opens texts. The form is `tenon:1:<key id>:<base64 of salt, nonce, tag and ciphertext>`. */
export class Secrets {
  readonly #keys: Keys;

  constructor(parts: KeyChoice | { readonly keys: Keys }) {
    this.#keys = 'keys' in parts ? parts.keys : fixedKeys(parts);
  }

  /** Seals a text for a place, e.g. `service|sales|config.password`. */
  seal(text: string, place: string): string {
    const salt = randomBytes(saltBytes);
    const nonce = randomBytes(nonceBytes);
    const key = this.#keys.current();
    const { id } = key;
    const cipher = createCipheriv('aes-256-gcm', key.derive('secret', salt), nonce);
    cipher.setAAD(associated(place, id));
    const content = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return `tenon:1:${id}:${Buffer.concat([salt, nonce, cipher.getAuthTag(), content]).toString('base64')}`;
  }

  /** The text that was sealed for this place. Throws `config.invalid` for any other place, key or content. */
  open(sealed: string, place: string): string {
    const [, id = '', content = ''] = sealedForm.exec(sealed) ?? [];
    const key = id === '' ? undefined : this.#keys.find(id);
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

/** A key, and earlier ones that texts may still be sealed with. */
export interface KeyChoice {
  readonly key: MasterKey;
  readonly earlier?: readonly MasterKey[];
}

/** Keys that stay the same as long as the process runs. */
export function fixedKeys({ key, earlier = [] }: KeyChoice): Keys {
  const known = new Map([...earlier, key].map((each) => [each.id, each]));
  return { current: () => key, find: (id) => known.get(id) };
}

/** Id of the key that a text is sealed with; undefined when it is not sealed. */
export function sealedWith(text: unknown): string | undefined {
  return typeof text === 'string' ? sealedForm.exec(text)?.[1] : undefined;
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
