// Texts of scripts by their version, so that a queued run finds the one that it was queued with.
// Invariant: a text is never changed under its version, and stays as long as a run may ask for it.
import { sql } from 'kysely';
import { limits } from '../core/limits.ts';
import type { ScriptTextRepository } from '../core/store.ts';
import type { StoreDialect } from './dialect.ts';
import type { Handle } from './table.ts';

const table = 'script_text';

/** The kept texts of scripts. */
export class ScriptTexts implements ScriptTextRepository {
  readonly #handle: Handle;
  readonly #dialect: StoreDialect;

  constructor({ handle, dialect }: { readonly handle: Handle; readonly dialect: StoreDialect }) {
    this.#handle = handle;
    this.#dialect = dialect;
  }

  async keep(version: string, content: string): Promise<void> {
    const row = { version, content, kept_date: this.#dialect.now as unknown as number };
    await this.#dialect.skippingDuplicates(this.#handle.insertInto(table).values(row)).execute();
  }

  async get(version: string): Promise<string | undefined> {
    const row = await this.#handle
      .selectFrom(table)
      .select('content')
      .where('version', '=', version)
      .executeTakeFirst();
    return row === undefined ? undefined : String(row.content);
  }

  async trim(current: readonly string[], olderThanMs: number): Promise<number> {
    const old = await this.#handle
      .selectFrom(`${table} as kept`)
      .select('kept.version')
      .where('kept.kept_date', '<', sql<number>`${this.#dialect.now} - ${olderThanMs}`)
      .where((build) =>
        build.not(
          build.exists(
            build
              .selectFrom('queued_run as run')
              .select('run.position')
              .whereRef('run.version', '=', 'kept.version')
              .where('run.state', '!=', 'done'),
          ),
        ),
      )
      .limit(limits.queuePartRows)
      .execute();
    const gone = old.map(({ version }) => String(version)).filter((version) => !current.includes(version));
    if (gone.length > 0) await this.#handle.deleteFrom(table).where('version', 'in', gone).execute();
    return gone.length;
  }
}
