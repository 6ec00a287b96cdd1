// Password hashes: Argon2id with 19 MiB and two passes (OWASP), computed off the event loop.
// Invariant: however many logins come at once, only a few hashes are computed and few more wait.
import { randomBytes } from 'node:crypto';
import { hash, verify } from '@node-rs/argon2';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';

// Algorithm.Argon2id of the library; its enum is `const` and can not be used with isolated modules.
const argon2id = 2;
const settings = { algorithm: argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** Hashes passwords and compares with them, a few at a time. */
export class Passwords {
  // Compared with when there is no such user, so that the time of the answer does not tell.
  readonly #dummy = hash(randomBytes(32).toString('base64'), settings);
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** The hash of a password as PHC text. Throws `request.invalid_field` when it is too short or too long. */
  async hash(password: string): Promise<string> {
    const normal = normalise(password);
    if (normal.length < limits.passwordMin || normal.length > limits.passwordMax) {
      throw new PlatformError(
        'request.invalid_field',
        `Field 'password' must have ${limits.passwordMin} to ${limits.passwordMax} characters.`,
      );
    }
    return this.#inTurn(() => hash(normal, settings));
  }

  /**
   * Whether a password is the one of the hash. Takes as long without a hash (no such user, or one without a
   * password, whose hash is empty), and then it is not. Throws `access.too_many_attempts` when too many
   * others wait.
   */
  async verify(expected: string | undefined, password: string): Promise<boolean> {
    const normal = normalise(password);
    if (normal.length > limits.passwordMax) return false;
    const isThere = expected !== undefined && expected !== '';
    const against = isThere ? expected : await this.#dummy;
    const isRight = await this.#inTurn(() => compare(against, normal));
    return isRight && isThere;
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= limits.hashesAtOnce) await this.#turn();
    else this.#running++;
    try {
      return await work();
    } finally {
      // The place is handed on to the next in line, so the count only falls when nobody waits.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= limits.hashesWaiting) {
      throw new PlatformError(
        'access.too_many_attempts',
        'Too many logins at the same time. Try again in a few seconds.',
      );
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

// The same password typed on another keyboard may arrive in another Unicode form (NIST SP 800-63B 5.1.1.2).
function normalise(password: string): string {
  return password.normalize('NFKC');
}

// A stored text that is no Argon2 hash fits no password.
async function compare(expected: string, password: string): Promise<boolean> {
  try {
    return await verify(expected, password);
  } catch {
    return false;
  }
}
