// Which services have an outbox in use, as all servers know it. Invariant: a service is noted before the
// first entry is put into its database, so that databases that nothing was ever put into are never asked for
// any, and those that something was are asked by whichever server is there.
import { PlatformError } from '../core/errors.ts';
import type { Store } from '../core/store.ts';

const owner = 'outbox';

/** The services whose databases are to be looked at. */
export class OutboxRegister {
  readonly #store: Pick<Store, 'settings'>;
  /** As it was read last, and what was noted here since. */
  #names: ReadonlySet<string> = new Set();
  readonly #noted = new Map<string, Promise<void>>();

  constructor({ store }: { readonly store: Pick<Store, 'settings'> }) {
    this.#store = store;
  }

  /** Notes a service; resolves when all servers will know it. */
  note(service: string): Promise<void> {
    const known = this.#noted.get(service);
    if (known !== undefined) return known;
    const noting = this.#write(service);
    this.#noted.set(service, noting);
    // What could not be written is tried again by whoever asks next.
    noting.catch(() => this.#noted.delete(service));
    return noting;
  }

  /** Reads what others noted. */
  async load(): Promise<void> {
    const marks = await this.#store.settings.list({ owner });
    this.#names = new Set(marks.map(({ name }) => name));
  }

  /** Whether something may lie there. */
  has(service: string): boolean {
    return this.#names.has(service) || this.#noted.has(service);
  }

  async #write(service: string): Promise<void> {
    const { settings } = this.#store;
    if ((await settings.list({ owner, name: service })).length > 0) return;
    try {
      await settings.add({ owner, userId: null, name: service, value: true }, null);
    } catch (error) {
      // Another server noted it at the same moment.
      if (!(error instanceof PlatformError) || error.kind !== 'config.conflict') throw error;
    }
  }
}
