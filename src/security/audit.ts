// The audit log: who changed what, and who acted with more than his own authority. Invariant: each entry
// carries a digest over itself and the one before, and the end of the log one over the last entry and their
// number, made with a key that is sealed; whoever edits, moves or takes out an entry breaks the chain.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { limits } from '../core/limits.ts';
import type { AuditEntry, AuditHead, AuditLink, AuditSeal, Store } from '../core/store.ts';
import { auditPlace } from './sealed-places.ts';
import type { Secrets } from './secrets.ts';

/** What there is to tell; the date is added. */
export type AuditNote = Omit<AuditEntry, 'date'>;

/** Where the chain stands. */
export interface AuditCheck {
  /** How many entries follow from one another. */
  readonly entries: number;
  /** Id of the first entry that does not follow from the one before, or is missing at the end; null: none. */
  readonly brokenAt: number | null;
}

const keyBytes = 32;

/** What an audit log is made with. */
export interface AuditLogParts {
  readonly store: Pick<Store, 'audit'>;
  readonly secrets: Pick<Secrets, 'seal' | 'open'>;
}

/** Adds entries and follows the chain. */
export class AuditLog {
  readonly #store: AuditLogParts['store'];
  readonly #secrets: AuditLogParts['secrets'];

  constructor({ store, secrets }: AuditLogParts) {
    this.#store = store;
    this.#secrets = secrets;
  }

  /**
   * Adds an entry in the transaction of the store that is given, so that it stays only if the change does.
   */
  add(note: AuditNote, store: Pick<Store, 'audit'> = this.#store): Promise<void> {
    return this.#add(note, store, (head) => this.#ring(head));
  }

  /**
   * Adds an entry with a new key for itself and all that follow. What was signed with earlier ones stays
   * true: the new entry holds it in place.
   */
  rotate(note: AuditNote, store: Pick<Store, 'audit'>): Promise<void> {
    return this.#add(note, store, (head) => ({ keys: [...this.#ring(head).keys, newKey()], sealed: null }));
  }

  /** Follows the chain from its beginning to its end, also while entries are added. */
  async verify(): Promise<AuditCheck> {
    const { audit } = this.#store;
    const chain: Chain = { entries: 0, last: 0, previous: beginning, keyNumber: 0 };
    let hadEnded = false;
    for (;;) {
      const portion = await audit.chain(chain.last, limits.records);
      // Read after the entries: it knows at least of these, and has the keys of all of them.
      const head = await audit.head();
      const keys = this.#opened(head) ?? [];
      for (const link of portion) if (!follows(chain, link, keys)) return brokenAt(chain, link.id);
      const hasEnded = portion.length === 0;
      const isAll = chain.entries === head.entries && chain.previous === head.hash;
      if (hasEnded && isAll && isEnd(chain, head, keys)) return { entries: chain.entries, brokenAt: null };
      // More may have been added in between; who finds nothing twice has found that something is missing.
      if (hasEnded && hadEnded) return brokenAt(chain);
      hadEnded = hasEnded;
    }
  }

  #add(note: AuditNote, store: Pick<Store, 'audit'>, ringOf: (head: AuditHead) => Ring): Promise<void> {
    const record = note.record.slice(0, limits.auditRecordChars);
    const entry = { date: new Date().toISOString(), ...note, record };
    return store.audit.add(entry, (head, content) => this.#seal(head, content, ringOf(head)));
  }

  // An end that somebody made up is made to stay broken: otherwise the next entry would cover it.
  #seal(head: AuditHead, content: string, { keys, sealed }: Ring): AuditSeal {
    const { entries, hash: previous } = head;
    const isTrue = isEnd({ entries: entries - 1, previous }, head, this.#opened(head) ?? []);
    const keyNumber = keys.length - 1;
    const key = keys[keyNumber] ?? unopened();
    const hash = isTrue ? linkDigest(key, previous, content) : digest(key, `broken\n${content}`);
    const mac = endDigest(key, { entries, hash });
    return { hash, mac, keyNumber, keys: sealed ?? this.#secrets.seal(JSON.stringify(keys), auditPlace) };
  }

  // Keys that cannot be opened (another master key, a forgery) must not keep anybody from working: the log
  // goes on with a new one, and following the chain tells that it broke.
  #ring(head: AuditHead): Ring {
    const keys = this.#opened(head);
    return keys === undefined ? { keys: [newKey()], sealed: null } : { keys, sealed: head.keys };
  }

  #opened({ keys: sealed }: AuditHead): readonly string[] | undefined {
    if (sealed === null) return undefined;
    try {
      return JSON.parse(this.#secrets.open(sealed, auditPlace)) as string[];
    } catch {
      return undefined;
    }
  }
}

/** The keys of a log, the newest last; `sealed` where they are kept so already. */
interface Ring {
  readonly keys: readonly string[];
  readonly sealed: string | null;
}

/** How far the chain was followed. */
interface Chain {
  entries: number;
  last: number;
  previous: string;
  keyNumber: number;
}

/** What the first entry follows. */
const beginning = '0'.repeat(64);

// A key is never used again after a newer one: who knows an old master key can make no new entries with it.
function follows(chain: Chain, link: AuditLink, keys: readonly string[]): boolean {
  const { keyNumber, previousHash, hash, content, isConsistent } = link;
  const key = keys[keyNumber];
  if (key === undefined || keyNumber < chain.keyNumber || !isConsistent) return false;
  if (previousHash !== chain.previous || !isSame(hash, linkDigest(key, previousHash, content))) return false;
  Object.assign(chain, { entries: chain.entries + 1, last: link.id, previous: hash, keyNumber });
  return true;
}

type End = Pick<Chain, 'entries' | 'previous'>;

function isEnd({ entries, previous: hash }: End, { mac, keys: sealed }: AuditHead, keys: readonly string[]) {
  const key = keys.at(-1);
  if (key === undefined || mac === null) return entries === 0 && hash === beginning && sealed === mac;
  return isSame(mac, endDigest(key, { entries, hash }));
}

function brokenAt({ entries, last }: Chain, id = last + 1): AuditCheck {
  return { entries, brokenAt: id };
}

function linkDigest(key: string, previous: string, content: string): string {
  return digest(key, `entry\n${previous}\n${content}`);
}

function endDigest(key: string, { entries, hash }: Pick<AuditHead, 'entries' | 'hash'>): string {
  return digest(key, `end\n${entries}\n${hash}`);
}

function digest(key: string, text: string): string {
  return createHmac('sha256', Buffer.from(key, 'base64')).update(text).digest('hex');
}

function newKey(): string {
  return randomBytes(keyBytes).toString('base64');
}

function unopened(): never {
  throw new Error('an audit log without a key');
}

function isSame(one: string, other: string): boolean {
  const left = Buffer.from(one);
  const right = Buffer.from(other);
  return left.length === right.length && timingSafeEqual(left, right);
}
