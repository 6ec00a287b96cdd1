// Clears away what nobody can use any more: sessions and codes that are over, and accounts that somebody
// registered and nobody confirmed. Invariant: an account that an administrator made, or that anybody ever
// could log in to, stays.
import { limits } from '../core/limits.ts';
import type { Observe } from '../core/observe.ts';
import type { Store, UserRecord } from '../core/store.ts';
import type { AuditLog } from './audit.ts';

/** What clearing away takes. */
export interface AccountUpkeepParts {
  readonly store: Store;
  readonly audit: Pick<AuditLog, 'add'>;
  readonly observe: Observe;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** Clears away at the start and every hour. */
export class AccountUpkeep {
  readonly #parts: AccountUpkeepParts;
  readonly #now: () => number;
  #timer: NodeJS.Timeout | undefined;
  #clearing: Promise<void> = Promise.resolve();

  constructor(parts: AccountUpkeepParts) {
    this.#parts = parts;
    this.#now = parts.now ?? Date.now;
  }

  start(): void {
    this.#timer = setInterval(() => this.#begin(), limits.upkeepMs);
    this.#timer.unref();
    this.#begin();
  }

  /** Resolves when nothing is being cleared any more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#clearing;
  }

  /** Clears away now. */
  async clear(): Promise<void> {
    const { store } = this.#parts;
    await store.sessions.prune();
    const now = new Date(this.#now()).toISOString();
    for (const { id, expiresDate } of await store.userCodes.list()) {
      if (expiresDate < now) await store.userCodes.delete(id);
    }
    const waiting = new Set((await store.userCodes.list()).map(({ userId }) => userId));
    const oldest = new Date(this.#now() - limits.unconfirmedDays * 86_400_000).toISOString();
    for (const user of await store.users.list()) {
      if (isAbandoned(user) && user.lastModifiedDate < oldest && !waiting.has(user.id))
        await this.#drop(user);
    }
  }

  async #drop({ id, email }: UserRecord): Promise<void> {
    const { store, audit, observe } = this.#parts;
    const note = {
      ...{ action: 'delete', record: `user/${id}`, userId: null, userEmail: null, remoteAddress: null },
      ...{ door: 'schedule' as const, before: { id, email, confirmed: false }, after: null },
    };
    await store.transaction(async (inside) => {
      if (await inside.users.delete(id)) await audit.add(note, inside);
    });
    observe({ kind: 'config.changed', record: note.record, by: null });
  }

  #begin(): void {
    this.#clearing = this.clear().catch((thrown: unknown) => {
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      this.#parts.observe({ kind: 'service.failed', service: 'user', reason: `upkeep: ${reason}` });
    });
  }
}

function isAbandoned(user: UserRecord): boolean {
  const { isConfirmed, isSysAdmin, createdById, lastLoginDate, passwordHash } = user;
  if (isConfirmed || isSysAdmin || passwordHash !== '') return false;
  return createdById === null && lastLoginDate === null;
}
