// What came of schedules that come each second: slots, runs and the rows that calls wrote, against each
// other.
// Invariant: every kind of loss and of doubling is counted by itself; a proof holds only if each is 0.
import type { ProofDatabases, Row } from './queue-database.ts';

/** How late something was, in milliseconds. */
export interface Lateness {
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
}

/** Counts; what must be 0 comes first. */
export interface ScheduleVerdict {
  /** Slots of which nothing is known. */
  readonly missing: number;
  readonly doubledSlots: number;
  /** Runs that were queued before their slot, by the clock of the database. */
  readonly early: number;
  /** Runs without a row in the data. */
  readonly missingEffects: number;
  /** Rows beyond one for each run. */
  readonly doubledEffects: number;
  /** Runs that are on their way when nothing moves any more, or ended otherwise than done. */
  readonly unsettled: number;
  readonly failed: number;
  /** Runs that the queue does not know any more. */
  readonly forgotten: number;
  /** Slots that came while each had to come once. */
  readonly slots: number;
  readonly runs: number;
  /** Slots that were told of as missed, or skipped. */
  readonly passed: number;
  /** Runs of slots that were missed. */
  readonly late: number;
  /** From the slot until its run was queued. */
  readonly queuedMs: Lateness;
  /** From the slot until its call was done. */
  readonly doneMs: Lateness;
  /** In words: what is wrong. */
  readonly findings: readonly string[];
}

/** Which slots must be there: those after one moment, up to another. */
export interface SlotSpan {
  readonly ids: readonly number[];
  readonly from: number;
  readonly until: number;
  readonly unsettled: number;
}

const everyMs = 1_000;

const remembered = `
  select told.id, told.schedule_id, told.slot, told.slots, told.cause, told.skipped, told.created_date,
    queued.state, queued.finished_date
  from schedule_run told left join queued_run queued on queued.id = told.id
  where told.slot is not null`;

/** Looks at everything, once all is quiet. */
export async function judgeSchedules(databases: ProofDatabases, span: SlotSpan): Promise<ScheduleVerdict> {
  const { data, system } = databases;
  const told = await system(remembered);
  const runs = told.filter(({ skipped }) => skipped === null);
  const applied = new Set((await data('select run_id from _tenon_applied')).map(({ run_id }) => run_id));
  const [rows] = await data('select count(*) as n from tick');
  const judged = {
    ...coverage(told, span),
    early: told.filter((row) => Number(row.created_date) < Number(row.slot)).length,
    missingEffects: runs.filter(({ id }) => !applied.has(id)).length,
    doubledEffects: Math.max(0, Number(rows?.n) - runs.length),
    unsettled: span.unsettled,
    forgotten: runs.filter(({ state }) => state === null).length,
    failed: runs.filter(({ state }) => state !== null && state !== 'done').length,
  };
  return {
    ...judged,
    slots: slotsOf(span).length * span.ids.length,
    runs: runs.length,
    passed: told.length - runs.length,
    late: runs.filter(({ cause }) => cause === 'missed').length,
    queuedMs: latenessOf(runs.map((row) => Number(row.created_date) - Number(row.slot))),
    doneMs: latenessOf(runs.flatMap((row) => sinceSlot(row))),
    findings: Object.entries(judged).flatMap(([name, count]) => (count === 0 ? [] : [`${name}: ${count}`])),
  };
}

// What is told of together stands for as many slots as it says, of which it names the last.
function coverage(told: readonly Row[], span: SlotSpan) {
  const counts = new Map<string, number>();
  for (const { schedule_id: id, slot, slots } of told) {
    for (let back = 0; back < Number(slots); back++) {
      const key = `${Number(id)} ${Number(slot) - back * everyMs}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  const wanted = span.ids.flatMap((id) => slotsOf(span).map((slot) => `${id} ${slot}`));
  const doubledSlots = [...counts.values()].reduce((sum, count) => sum + count - 1, 0);
  return { missing: wanted.filter((key) => !counts.has(key)).length, doubledSlots };
}

function slotsOf({ from, until }: SlotSpan): readonly number[] {
  const first = Math.floor(from / everyMs) + 1;
  const last = Math.floor(until / everyMs);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, at) => (first + at) * everyMs);
}

function sinceSlot({ finished_date: finished, slot }: Row): number[] {
  return finished === null ? [] : [Number(finished) - Number(slot)];
}

function latenessOf(times: readonly number[]): Lateness {
  const sorted = times.toSorted((left, right) => left - right);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
  return { p50: at(0.5), p99: at(0.99), most: at(1) };
}
