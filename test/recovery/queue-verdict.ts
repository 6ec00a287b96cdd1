// What came of a proof: rows, effects and runs against what clients know.
// Invariant: every kind of loss and of doubling is counted by itself; a proof holds only if each is 0.
import type { Notes } from './queue-client.ts';
import type { ProofDatabases, Row } from './queue-database.ts';
import type { Testimony } from './queue-witness.ts';

/** Counts; what must be 0 comes first. */
export interface Verdict {
  /** Acknowledged records that are not there. */
  readonly lost: number;
  /** Records that are there more than once. */
  readonly doubledRows: number;
  /** Records that are there, acknowledged or not, without an effect. */
  readonly missing: number;
  readonly doubledEffects: number;
  /** Effects of records that are not there. */
  readonly ghosts: number;
  /** Acknowledged calls of a queued service without an effect. */
  readonly missingJobs: number;
  /** Runs and entries that are on their way when nothing moves any more. */
  readonly unsettled: number;
  /** Failed tries of all runs: kills must not use any up. */
  readonly failedTries: number;
  readonly quarantined: number;
  readonly states: Readonly<Record<string, number>>;
  readonly items: number;
  readonly effects: number;
  /** Effects of runs that had lost a worker before. */
  readonly takenOver: number;
  readonly acknowledged: number;
  readonly requests: number;
  readonly statuses: Readonly<Record<string, number>>;
  readonly slowestMs: number;
  readonly outside: Testimony;
  /** In words: what is wrong. */
  readonly findings: readonly string[];
}

interface Evidence {
  readonly databases: ProofDatabases;
  readonly notes: Notes;
  readonly unsettled: number;
  readonly testimony: Testimony;
}

/** Runs and entries of outboxes that are on their way. */
export async function pendingIn({ data, system }: ProofDatabases): Promise<number> {
  const counts = await Promise.all([
    system("select count(*) as n from queued_run where state in ('ready', 'running')"),
    system('select count(*) as n from outbox'),
    data('select count(*) as n from _tenon_outbox').catch(noTable),
  ]);
  return counts.reduce((sum, rows) => sum + Number(rows[0]?.n ?? 0), 0);
}

// The product makes its table when it needs it first.
function noTable(error: unknown): readonly Row[] {
  if (/no such table|does not exist|doesn't exist/.test(String(error))) return [];
  throw error;
}

/** Looks at everything, once all is quiet. */
export async function judge({ databases, notes, unsettled, testimony }: Evidence): Promise<Verdict> {
  const { data, system } = databases;
  const rows = counted(await data('select mark from item'));
  const effects = counted(await data('select mark from effect'));
  const runs = await system(
    'select state, count(*) as n, sum(attempt) as tries, ' +
      'sum(case when crashes > 0 then 1 else 0 end) as overtaken from queued_run group by state',
  );
  const jobs = [...effects.keys()].filter((mark) => mark.startsWith('job:'));
  const of = (state: string) => Number(runs.find((run) => run.state === state)?.n ?? 0);
  const judged = {
    lost: without(notes.items, rows),
    doubledRows: more(rows),
    missing: without(rows.keys(), effects),
    doubledEffects: more(effects),
    ghosts: without(effects.keys(), rows) - jobs.length,
    missingJobs: without(notes.jobs, effects),
    unsettled,
    failedTries: runs.reduce((sum, { tries }) => sum + Number(tries), 0),
    quarantined: of('quarantined'),
  };
  return {
    ...judged,
    states: Object.fromEntries(runs.map(({ state, n }) => [String(state), Number(n)])),
    ...{ items: rows.size, effects: effects.size },
    takenOver: runs.reduce((sum, { overtaken }) => sum + Number(overtaken), 0),
    ...{ acknowledged: notes.items.size + notes.jobs.size, requests: notes.requests },
    ...{ statuses: notes.statuses, slowestMs: notes.slowestMs, outside: testimony },
    findings: [...faultsOf(judged), ...notes.faults],
  };
}

function faultsOf(judged: Readonly<Record<string, number>>): string[] {
  return Object.entries(judged).flatMap(([name, count]) => (count === 0 ? [] : [`${name}: ${count}`]));
}

function counted(rows: readonly Row[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { mark } of rows) counts.set(String(mark), (counts.get(String(mark)) ?? 0) + 1);
  return counts;
}

function without(marks: Iterable<string>, known: ReadonlyMap<string, number>): number {
  return [...marks].filter((mark) => !known.has(mark)).length;
}

function more(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count - 1, 0);
}
