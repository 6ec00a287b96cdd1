// Schedules of a proof: many that come each second, whose calls write a row.
// Invariant: from when to when slots must be there is told by the clock of the database, which is the only
// one that counts.
import { setTimeout as pause } from 'node:timers/promises';
import type { ProofDatabases } from './queue-database.ts';
import type { QueueWorld } from './queue-world.ts';
import { judgeSchedules, type ScheduleVerdict } from './schedule-verdict.ts';

/** How schedules differ from those of every second that are run whatever happened. */
export interface ScheduleLoadOptions {
  readonly count: number;
  /** What their names begin with. */
  readonly prefix?: string;
  /** Fields of their records, in their order. */
  readonly fields?: readonly Readonly<Record<string, unknown>>[];
}

const clocks: Readonly<Record<ProofDatabases['engine'], string>> = {
  sqlite: "select cast((julianday('now') - 2440587.5) * 86400000 as integer) as now",
  postgres: 'select cast(extract(epoch from clock_timestamp()) * 1000 as bigint) as now',
  mysql: 'select floor(unix_timestamp(now(3)) * 1000) as now',
};

const patienceMs = 60_000;

/** Schedules that come each second. */
export class ScheduleLoad {
  readonly #world: QueueWorld;
  readonly #ids: readonly number[];
  readonly #from: number;

  private constructor(world: QueueWorld, ids: readonly number[], from: number) {
    this.#world = world;
    this.#ids = ids;
    this.#from = from;
  }

  /** Makes them. */
  static async make(
    world: QueueWorld,
    { count, prefix = 'tick', fields = [] }: ScheduleLoadOptions,
  ): Promise<ScheduleLoad> {
    const [service] = await world.databases.system("select id from service where name = 'data'");
    const resource = Array.from({ length: count }, (_, at) => {
      const name = `${prefix}-${at}`;
      const payload = { resource: [{ schedule: name }] };
      const call = { service_id: Number(service?.id), component: '_table/tick', verb: 'POST', payload };
      const timing = { cron: '* * * * * *', time_zone: 'UTC', overlap: 'allow', missed: 'all' };
      return { name, is_active: true, ...call, ...timing, ...fields[at] };
    });
    const { status, text } = await world.ask('POST', 'system/scheduler', { resource });
    if (status !== 201) throw new Error(`no schedules: ${status} ${text}`);
    const made = JSON.parse(text) as { resource: { id: number }[] };
    return new ScheduleLoad(
      world,
      made.resource.map(({ id }) => id),
      await timeOf(world.databases),
    );
  }

  /** Resolves when each has come so often, and what is due by now has been settled. */
  async came(times: number): Promise<void> {
    const slots = `select count(*) as n from schedule_run
      where skipped is null and schedule_id in (${this.#ids.join()})`;
    await this.#until(async () => {
      const [row] = await this.#world.databases.system(slots);
      return Number(row?.n) >= times * this.#ids.length;
    });
  }

  /** Ends them and judges, once all is quiet. */
  async verdict(): Promise<ScheduleVerdict> {
    const { databases } = this.#world;
    const until = await timeOf(databases);
    // What came by now has been moved on from; what comes later may or may not be there.
    await this.#until(async () => {
      const [row] = await databases.system('select min(next_slot) as slot from schedule_slot');
      return Number(row?.slot) > until;
    });
    const resource = this.#ids.map((id) => ({ id, is_active: false }));
    const { status, text } = await this.#world.ask('PATCH', 'system/scheduler', { resource });
    if (status !== 200) throw new Error(`schedules go on: ${status} ${text}`);
    const unsettled = await this.#world.settle();
    const verdict = await judgeSchedules(databases, { ids: this.#ids, from: this.#from, until, unsettled });
    if (verdict.findings.length > 0) for (const node of this.#world.nodes) console.log(node.said);
    return verdict;
  }

  async #until(isSo: () => Promise<boolean>): Promise<void> {
    for (const began = performance.now(); !(await isSo()); await pause(50)) {
      if (performance.now() - began < patienceMs) continue;
      for (const node of this.#world.nodes) console.log(node.said);
      throw new Error('schedules do not come');
    }
  }
}

async function timeOf({ engine, system }: ProofDatabases): Promise<number> {
  const [row] = await system(clocks[engine]);
  return Number(row?.now);
}
