// The master key, from which all keys of the server are derived (rulings 29): given by the operator, or made
// once and kept in the data folder. Invariant: the key itself leaves this file only as keys derived for a
// purpose.
import { hkdfSync, randomBytes, scryptSync } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';

const keyBytes = 32;

/**
 * Names of files in the data folder: the key; while it is changed also the one that is to follow, and the one
 * before as long as something may be sealed with it.
 */
export const keyFiles = { current: 'master.key', next: 'master.key.next', previous: 'master.key.previous' };

/** Derives keys from 32 secret bytes. */
export class MasterKey {
  readonly #bytes: Buffer;
  /** Names the key without telling it: 8 hex digits, written beside everything sealed with it. */
  readonly id: string;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.id = this.derive('key id').subarray(0, 4).toString('hex');
  }

  /** A key of 32 bytes for one purpose (HKDF-SHA-256); another salt gives another key. */
  derive(purpose: string, salt: Buffer = Buffer.alloc(0)): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#bytes, salt, `tenon ${purpose}`, keyBytes));
  }
}

/**
 * The key in `given` (32 bytes as base64 or hex, or a passphrase), or else the one in the folder `home`, made
 * when there is none. Throws `config.invalid` for a weak key and for a file that others may read.
 */
export function loadMasterKey({ given, home }: { given: string | undefined; home: string }): MasterKey {
  return given === undefined ? fromFile(home) : givenKey(given);
}

/** The key that an operator gave. Throws `config.invalid` for a weak one, naming its variable. */
export function givenKey(given: string, variable = 'TENON_MASTER_KEY'): MasterKey {
  try {
    return new MasterKey(fromText(given));
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    throw new PlatformError('config.invalid', error.message.replace('TENON_MASTER_KEY', variable));
  }
}

function fromText(text: string): Buffer {
  const key = readKey(text) ?? stretch(text);
  refuseWeak(key, text);
  return key;
}

function readKey(text: string): Buffer | undefined {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex');
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return Buffer.from(text, 'base64');
  return undefined;
}

// A passphrase is not uniformly random: scrypt makes each guess of it cost 32 MiB and tens of milliseconds.
function stretch(text: string): Buffer {
  if (text.length < limits.masterKeyChars) throw refused('is too short');
  return scryptSync(text.normalize('NFKC'), 'tenon master key', keyBytes, { N: 2 ** 15, maxmem: 2 ** 26 });
}

// Catches what people type to get on: one character repeated, words repeated. 32 random bytes hold about 30
// different.
function refuseWeak(key: Buffer, text: string): void {
  if (new Set(key).size < 16 || new Set(text).size < 10) throw refused('repeats itself');
}

function refused(problem: string): PlatformError {
  return new PlatformError(
    'config.invalid',
    `TENON_MASTER_KEY ${problem}. Give 32 random bytes as base64 (openssl rand -base64 32) or hex, ` +
      `or a passphrase of at least ${limits.masterKeyChars} characters.`,
  );
}

function fromFile(home: string): MasterKey {
  const path = join(home, keyFiles.current);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  return readKeyFile(path) ?? makeKeyFile(path);
}

/** The key in a file; undefined when there is none. Throws `config.invalid` for one that others may read. */
export function readKeyFile(path: string): MasterKey | undefined {
  const file = openIfThere(path);
  if (file === undefined) return undefined;
  try {
    const { mode } = fstatSync(file);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new PlatformError(
        'config.invalid',
        `The file ${basename(path)} in TENON_HOME may be read by others. Take that away (chmod 600) and ` +
          'start again; when others may have read it, consider the secrets of this server known.',
      );
    }
    return parseFile(readFileSync(file, 'utf8'), basename(path));
  } finally {
    closeSync(file);
  }
}

function parseFile(content: string, name: string): MasterKey {
  const key = readKey(content.trim());
  if (key !== undefined) return new MasterKey(key);
  throw new PlatformError(
    'config.invalid',
    `The file ${name} in TENON_HOME holds no key (32 bytes as base64). Restore it from a backup: ` +
      'without it the stored secrets cannot be read.',
  );
}

/**
 * Puts a key into a file, a random one unless given (32 bytes as base64 or hex), and returns what is there
 * then. Written aside and linked, so that a second process that starts at the same time sees a whole key or
 * none.
 */
export function makeKeyFile(path: string, text?: string): MasterKey {
  const bytes = text === undefined ? randomBytes(keyBytes) : fromText(text);
  const aside = `${path}.${randomBytes(6).toString('hex')}`;
  const file = openSync(aside, 'wx', 0o600);
  try {
    writeSync(file, `${bytes.toString('base64')}\n`);
    fsyncSync(file);
    linkSync(aside, path);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  } finally {
    closeSync(file);
    rmSync(aside, { force: true });
  }
  return readKeyFile(path) ?? makeKeyFile(path, text);
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
