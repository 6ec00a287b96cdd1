// Idempotency keys as rows. Invariant: a key has one row, and its row one holder, whose random token every
// change of it names; all times are those of the database's clock.
import { type RawBuilder, sql } from 'kysely';
import type { IdempotencyRepository, NewReservation, Reservation } from '../core/idempotency.ts';
import { limits } from '../core/limits.ts';
import type { StoreDialect } from './dialect.ts';
import type { Handle, TableRow } from './table.ts';

const table = 'idempotency_key';
const hourMs = 3_600_000;

/** The kept keys. */
export class IdempotencyKeys implements IdempotencyRepository {
  readonly #handle: Handle;
  readonly #dialect: StoreDialect;

  constructor({ handle, dialect }: { readonly handle: Handle; readonly dialect: StoreDialect }) {
    this.#handle = handle;
    this.#dialect = dialect;
  }

  async reserve(wanted: NewReservation): Promise<Reservation> {
    // Whoever held it may let go of it, or take it, between two statements; then the row is looked at anew.
    for (let tries = 0; tries < limits.deadlockTries; tries++) {
      const found = await this.#try(wanted);
      if (found !== undefined) return found;
    }
    return { state: 'busy' };
  }

  // Undefined: it is to be tried again.
  async #try(wanted: NewReservation): Promise<Reservation | undefined> {
    try {
      await this.#insert(wanted);
      const row = await this.#read(wanted.id);
      return row === undefined ? undefined : await this.#judge(row, wanted);
    } catch (error) {
      if (this.#dialect.isCollision(error)) return undefined;
      throw error;
    }
  }

  async renew(id: string, token: string): Promise<boolean> {
    return this.#change(id, token, { lease_until: this.#in(limits.idempotencyLeaseMs) });
  }

  async keep(id: string, token: string, answer: string): Promise<boolean> {
    return this.#change(id, token, { answer });
  }

  async release(id: string, token: string): Promise<void> {
    await this.#handle
      .deleteFrom(table)
      .where('id', '=', id)
      .where('token', '=', token)
      .where('answer', 'is', null)
      .execute();
  }

  async trim(): Promise<number> {
    const old = await this.#handle
      .selectFrom(table)
      .select('token')
      .where('created_date', '<', this.#in(-limits.idempotencyHours * hourMs))
      .where('lease_until', '<', this.#in(0))
      .limit(limits.queuePartRows)
      .execute();
    // By their tokens: a key that is that old may have been taken anew meanwhile.
    const tokens = old.map(({ token }) => String(token));
    if (tokens.length > 0) await this.#handle.deleteFrom(table).where('token', 'in', tokens).execute();
    return tokens.length;
  }

  async #insert({ id, digest, token }: NewReservation): Promise<void> {
    const dates = { lease_until: this.#in(limits.idempotencyLeaseMs), created_date: this.#in(0) };
    const row = { id, digest, token, seed: token, ...dates } as unknown as TableRow;
    await this.#dialect.skippingDuplicates(this.#handle.insertInto(table).values(row)).execute();
  }

  async #read(id: string): Promise<TableRow | undefined> {
    return this.#handle
      .selectFrom(table)
      .select(['digest', 'token', 'seed', 'lease_until', 'created_date', 'answer', this.#in(0).as('now')])
      .where('id', '=', id)
      .executeTakeFirst() as Promise<TableRow | undefined>;
  }

  // Undefined: the row changes, or is gone, and the key may be free now. By the token, and not by what the
  // insertion says of itself: engines count differently what they left out.
  async #judge(row: TableRow, wanted: NewReservation): Promise<Reservation | undefined> {
    const token = String(row.token);
    const reserved = { state: 'reserved', origin: originOf(row) } as const;
    if (token === wanted.token) return reserved;
    const now = Number(row.now);
    const isOver = Number(row.lease_until) < now;
    if (isOver && Number(row.created_date) < now - limits.idempotencyHours * hourMs) {
      await this.#handle.deleteFrom(table).where('id', '=', wanted.id).where('token', '=', token).execute();
      return undefined;
    }
    if (row.digest !== wanted.digest) return { state: 'reused' };
    if (row.answer !== null) return { state: 'answered', answer: String(row.answer), token };
    if (!isOver) return { state: 'busy' };
    return (await this.#takeOver(wanted, token)) ? reserved : undefined;
  }

  #takeOver({ id, token }: NewReservation, former: string): Promise<boolean> {
    return this.#change(id, former, { token, lease_until: this.#in(limits.idempotencyLeaseMs) });
  }

  async #change(
    id: string,
    token: string,
    changes: Readonly<Record<string, string | RawBuilder<number>>>,
  ): Promise<boolean> {
    const { numUpdatedRows } = await this.#handle
      .updateTable(table)
      .set(changes)
      .where('id', '=', id)
      .where('token', '=', token)
      .where('answer', 'is', null)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  #in(ms: number): RawBuilder<number> {
    return sql<number>`${this.#dialect.now} + ${sql.lit(ms)}`;
  }
}

// The same for whoever takes the key over, and another one when it was free in between.
function originOf({ created_date: since, seed }: TableRow): string {
  return `${Number(since).toString(16).padStart(12, '0')}${String(seed)}`;
}
