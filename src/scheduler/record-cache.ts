// Records that are read for every slot, as they are at a generation of the configuration. Invariant: what is
// remembered of a generation was read in a transaction that saw it, and is forgotten with the next one.
import type { ScheduleRecord } from '../core/schedule.ts';
import type { ServiceRecord, Store } from '../core/store.ts';

type Source = Pick<Store, 'schedules' | 'services'>;

/** Schedules and services, read when they are needed. */
class Records {
  readonly #schedules = new Map<number, ScheduleRecord | undefined>();
  readonly #services = new Map<number, ServiceRecord | undefined>();

  async schedule({ schedules }: Source, id: number): Promise<ScheduleRecord | undefined> {
    if (!this.#schedules.has(id)) this.#schedules.set(id, await schedules.get(id));
    return this.#schedules.get(id);
  }

  async service({ services }: Source, id: number): Promise<ServiceRecord | undefined> {
    if (!this.#services.has(id)) this.#services.set(id, await services.get(id));
    return this.#services.get(id);
  }
}

/** What is remembered of records. */
export class RecordCache {
  #generation = -1;
  #records = new Records();

  /** The records of a generation. */
  at(generation: number): Records {
    if (generation !== this.#generation) this.#records = new Records();
    this.#generation = generation;
    return this.#records;
  }
}
