// The audit log: who changed what, and who acted with more than his own authority. Invariant: each entry
// carries a digest over itself and the one before, made with a key that is not in the database; whoever edits
// or takes out an entry there breaks the chain.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { limits } from '../core/limits.ts';
import type { AuditEntry, Store } from '../core/store.ts';
import type { MasterKey } from './master-key.ts';

/** What there is to tell; the date is added. */
export type AuditNote = Omit<AuditEntry, 'date'>;

/** Where the chain stands. */
export interface AuditCheck {
  readonly entries: number;
  /** Id of the first entry that does not follow from the one before; null: all do. */
  readonly brokenAt: number | null;
}

/** Adds entries and follows the chain. */
export class AuditLog {
  readonly #store: Pick<Store, 'audit'>;
  readonly #key: Buffer;

  constructor({ store, key }: { readonly store: Pick<Store, 'audit'>; readonly key: MasterKey }) {
    this.#store = store;
    this.#key = key.derive('audit');
  }

  /** Adds an entry in the transaction of the store that is given, so that it stays only if the change does. */
  async add(note: AuditNote, store: Pick<Store, 'audit'> = this.#store): Promise<void> {
    const entry = { date: new Date().toISOString(), ...note };
    await store.audit.add(entry, (previous, content) => this.#digest(previous, content));
  }

  /** Follows the chain from its beginning. */
  async verify(): Promise<AuditCheck> {
    let entries = 0;
    let last = 0;
    let previous = '0'.repeat(64);
    for (;;) {
      const portion = await this.#store.audit.chain(last, limits.records);
      for (const { id, previousHash, hash, content } of portion) {
        const isNext = previousHash === previous && isSame(hash, this.#digest(previous, content));
        if (!isNext) return { entries, brokenAt: id };
        entries++;
        last = id;
        previous = hash;
      }
      if (portion.length === 0) return { entries, brokenAt: null };
    }
  }

  #digest(previous: string, content: string): string {
    return createHmac('sha256', this.#key).update(`${previous}\n${content}`).digest('hex');
  }
}

function isSame(one: string, other: string): boolean {
  const left = Buffer.from(one);
  const right = Buffer.from(other);
  return left.length === right.length && timingSafeEqual(left, right);
}
