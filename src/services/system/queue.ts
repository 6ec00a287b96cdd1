// Queues as people see them: how much waits, runs and failed in each, and what each allows.
// Invariant: a queue is named with its connection, or is one of the default connection; what is changed here
// is kept in the audit log and holds for all workers at once.
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Parameters, Result } from '../../core/operation.ts';
import type { Where } from '../../core/query.ts';
import type { QueueLimits, QueuePlace, QueueStats } from '../../core/queue.ts';
import type { Endpoint } from '../../core/service.ts';
import type { Store } from '../../core/store.ts';
import { actionNote, changeNote } from './audit-note.ts';
import { withUser } from './collection.ts';
import { describedQueues } from './describe-queue.ts';
import { invalidField, readFlag } from './fields.ts';
import type { SystemParts } from './parts.ts';
import { queueId, queueNamed } from './queue-name.ts';
import { deadStates, type RunVerb } from './queued-run-change.ts';
import { type ChangeParts, changeWhere } from './queued-run-request.ts';
import { invalidParameter, isObject, listOption, readObject, readOptions, type Written } from './request.ts';
import { answer, type Call, type Resource, success } from './resource.ts';
import { type Field, listAnswer, project, type Row, type RowSet, readProjection } from './selection.ts';

const fields: readonly Field[] = [
  { name: 'id', type: 'string' },
  { name: 'connection', type: 'string' },
  { name: 'name', type: 'string' },
  { name: 'is_paused', type: 'boolean' },
  { name: 'concurrency', type: 'integer' },
  { name: 'rate', type: 'object' },
  { name: 'ready', type: 'integer' },
  { name: 'delayed', type: 'integer' },
  { name: 'running', type: 'integer' },
  { name: 'failed', type: 'integer' },
  { name: 'cancelled', type: 'integer' },
  { name: 'quarantined', type: 'integer' },
  { name: 'lag_ms', type: 'integer' },
];

const set: RowSet = { name: 'queue', identifier: 'id', fields, rows: [] };

type Parts = ChangeParts & Pick<SystemParts, 'workers' | 'queues'>;

/** What is done with the runs of a queue that failed for good. */
const verbs: Readonly<Record<string, RunVerb>> = { retry: 'retry', flush: 'forget' };

/** The resource `queue`. */
export class QueueResource implements Resource {
  readonly name = 'queue';
  readonly endpoints: readonly Endpoint[] = describedQueues(set);
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async handle(call: Call): Promise<Result> {
    const options = withUser(readOptions(call.operation), call.by);
    if (options.group !== undefined) throw invalidParameter('group', "is not supported by 'system/queue'");
    const [name, verb] = call.path;
    if (name === undefined) return answer(listAnswer({ ...set, rows: await this.#rows(options) }, options));
    if (verb === undefined && call.action === 'POST') return this.#restart(call);
    const place = await this.#place(name);
    if (call.action === 'GET') return this.#read(place, options);
    if (call.action === 'PATCH')
      return this.#update(place, { call, options, written: readObject(call.operation) });
    const run = verbs[verb ?? ''];
    if (run !== undefined) return this.#changeRuns(place, { call, options, verb: run });
    return this.#update(place, { call, options, written: { is_paused: verb === 'pause' } });
  }

  async #place(text: string): Promise<QueuePlace> {
    const { connection, queue } = queueNamed(text);
    const { queues, store } = this.#parts;
    const isKnown = queues.names().includes(connection);
    // Runs may still wait on one that is switched off or gone.
    const hasRuns = !isKnown && (await store.queue.stats()).some((stats) => stats.connection === connection);
    return { connection: hasRuns ? connection : queues.find(connection).name, queue };
  }

  async #rows(options: Parameters): Promise<readonly Row[]> {
    const known = await this.#parts.store.queue.stats();
    const unused = this.#usual().filter((place) => !known.some((stats) => isSame(stats, place)));
    const rows = [...known, ...unused.map(emptyQueue)].map(rowOf);
    const ids = listOption(options, 'ids');
    if (ids === undefined) return rows.sort((a, b) => (String(a.id) < String(b.id) ? -1 : 1));
    const wanted: QueuePlace[] = [];
    for (const id of ids) wanted.push(await this.#place(id));
    return wanted.map((place) => rows.find((row) => row.id === queueId(place)) ?? rowOf(emptyQueue(place)));
  }

  // The queues that runs go to unless somebody says otherwise are there before the first run is.
  #usual(): QueuePlace[] {
    const { queues } = this.#parts;
    const connections = queues.names().map((name) => queues.find(name));
    return connections
      .filter(({ type }) => !waitless.includes(type))
      .map(({ name, defaultQueue }) => ({ connection: name, queue: defaultQueue }));
  }

  async #read(place: QueuePlace, options: Parameters): Promise<Result> {
    return answer(
      project(rowOf(await statsOf(this.#parts.store, place)), readProjection(set, options, 'all')),
    );
  }

  async #update(place: QueuePlace, { call, options, written }: Update): Promise<Result> {
    const changes = readSettings(written);
    const { store } = this.#parts;
    const [before, after] = await store.transaction(async (inside) => {
      const old = await statsOf(inside, place);
      const now = await apply(inside, old, changes);
      const record = `queue/${queueId(place)}`;
      const rows = { before: settingsOf(old), after: settingsOf(now) };
      const note = changeNote(call.operation, { action: 'update', record, identifier: 'id', ...rows });
      await this.#parts.audit.add(note, inside);
      return [old, now] as const;
    });
    this.#tell(call, before);
    const names = [...new Set([...told, ...readProjection(set, options, 'identifier')])];
    return answer(project(rowOf(after), names));
  }

  async #changeRuns(place: QueuePlace, { call, options, verb }: RunsOf): Promise<Result> {
    const { connection, queue } = place;
    const terms: Where[] = [
      { kind: 'in', field: 'state', values: deadStates },
      { kind: 'compare', field: 'connection', op: '=', value: connection },
      { kind: 'compare', field: 'queue', op: '=', value: queue },
    ];
    return answer(await changeWhere(this.#parts, { call, options, verb }, { kind: 'and', terms }));
  }

  async #restart(call: Call): Promise<Result> {
    await this.#parts.audit.add(actionNote(call.operation, { action: 'restart', record: 'queue' }));
    await this.#parts.workers.restart(call.by);
    this.#parts.observe({ kind: 'config.changed', record: 'queue', by: call.by });
    return success();
  }

  #tell(call: Call, place: QueuePlace): void {
    const record = `queue/${queueId(place)}`;
    this.#parts.observe({ kind: 'config.changed', record, by: call.by });
  }
}

// On connections of these nothing ever waits.
const waitless: readonly string[] = ['sync', 'null'];

// Always answered, so that nobody needs to ask what a queue is like now.
const told: readonly string[] = ['id', 'is_paused', 'concurrency', 'rate'];

interface Update {
  readonly call: Call;
  readonly options: Parameters;
  readonly written: Written;
}

interface RunsOf {
  readonly call: Call;
  readonly options: Parameters;
  readonly verb: RunVerb;
}

function isSame(one: QueuePlace, other: QueuePlace): boolean {
  return one.connection === other.connection && one.queue === other.queue;
}

// A queue is there as soon as somebody names it: it may be paused before its first run comes.
async function statsOf(store: Store, place: QueuePlace): Promise<QueueStats> {
  return (await store.queue.stats()).find((stats) => isSame(stats, place)) ?? emptyQueue(place);
}

function emptyQueue(place: QueuePlace): QueueStats {
  const counts = { ready: 0, delayed: 0, running: 0, failed: 0, cancelled: 0, quarantined: 0 };
  return { ...place, isPaused: false, limits: { concurrency: null, rate: null }, counts, lagMs: 0 };
}

/** What of a queue is to be another. */
interface Settings extends Partial<QueueLimits> {
  readonly isPaused?: boolean;
}

function readSettings(written: Written): Settings {
  const isPaused = readFlag(written, 'is_paused');
  const settings: Settings = {
    ...(isPaused === undefined ? {} : { isPaused }),
    ...(Object.hasOwn(written, 'concurrency') ? { concurrency: readConcurrency(written.concurrency) } : {}),
    ...(Object.hasOwn(written, 'rate') ? { rate: readRate(written.rate) } : {}),
  };
  if (Object.keys(settings).length > 0) return settings;
  const message = "Nothing of the queue is to be changed. Give 'is_paused', 'concurrency' or 'rate'.";
  throw new PlatformError('request.invalid_record', message);
}

function readConcurrency(value: unknown): number | null {
  if (value === null) return null;
  if (isCount(value, limits.queueConcurrency)) return value;
  throw invalidField('concurrency', `must be a number of runs from 1 to ${limits.queueConcurrency}, or null`);
}

const periods = { second: 1, minute: 60, hour: 3_600, day: 86_400 } as const;

function readRate(value: unknown): QueueLimits['rate'] {
  if (value === null) return null;
  const { count, per } = isObject(value) ? value : {};
  const seconds = isPeriod(per) ? periods[per] : per;
  if (isCount(count, limits.limitRate) && isCount(seconds, limits.queueDelaySeconds)) {
    return { count, periodMs: seconds * 1_000 };
  }
  throw invalidField(
    'rate',
    `must be null or {"count": 1 to ${limits.limitRate}, "per": "second", "minute", "hour", "day" or a ` +
      'number of seconds}',
  );
}

function isPeriod(value: unknown): value is keyof typeof periods {
  return typeof value === 'string' && Object.hasOwn(periods, value);
}

function isCount(value: unknown, most: number): value is number {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= most;
}

// Tells what the queue is then. It is not looked at again: adding up what is in it may take a while.
async function apply({ queue }: Store, old: QueueStats, settings: Settings): Promise<QueueStats> {
  const { isPaused = old.isPaused, ...changes } = settings;
  const allowed = { ...old.limits, ...changes };
  if (settings.isPaused === true) await queue.pause(old);
  if (settings.isPaused === false) await queue.resume(old);
  if (Object.keys(changes).length > 0) await queue.limit(old, allowed);
  return { ...old, isPaused, limits: allowed };
}

function settingsOf(stats: QueueStats): Row {
  const row = rowOf(stats);
  return Object.fromEntries(told.map((name) => [name, row[name]]));
}

function rowOf(stats: QueueStats): Row {
  const { connection, queue, isPaused, limits: allowed, counts, lagMs } = stats;
  return {
    id: queueId(stats),
    connection,
    name: queue,
    is_paused: isPaused,
    concurrency: allowed.concurrency,
    rate: rateView(allowed.rate),
    ...counts,
    lag_ms: lagMs,
  };
}

function rateView(rate: QueueLimits['rate']): Row | null {
  if (rate === null) return null;
  const seconds = rate.periodMs / 1_000;
  const name = Object.entries(periods).find(([, length]) => length === seconds)?.[0];
  return { count: rate.count, per: name ?? seconds };
}
