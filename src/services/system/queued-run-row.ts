// Queued runs as rows: their fields, what conditions on them mean, and how people name them.
// Invariant: a condition compares numbers with numbers and times with times, so that it means the same on
// every engine; the payload is shown where it is asked for and nowhere else.
import type { PlatformError } from '../../core/errors.ts';
import type { Literal, Where } from '../../core/query.ts';
import type { QueuedRun, RunStore } from '../../core/queue.ts';
import { invalidParameter, isObject } from './request.ts';
import { recordNotFound } from './resource.ts';
import type { Field, Row, RowSet } from './selection.ts';

const fields: readonly Field[] = [
  { name: 'id', type: 'string' },
  { name: 'position', type: 'integer' },
  { name: 'script', type: 'string' },
  { name: 'version', type: 'string' },
  { name: 'connection', type: 'string' },
  { name: 'queue', type: 'string' },
  { name: 'state', type: 'string' },
  { name: 'priority', type: 'integer' },
  { name: 'attempt', type: 'integer' },
  { name: 'crashes', type: 'integer' },
  { name: 'tries', type: 'integer' },
  { name: 'backoff', type: 'object' },
  { name: 'timeout_ms', type: 'integer' },
  { name: 'delivery', type: 'string' },
  { name: 'unique_key', type: 'string' },
  { name: 'ordering_key', type: 'string' },
  { name: 'user_id', type: 'integer' },
  { name: 'app_id', type: 'integer' },
  { name: 'role_id', type: 'integer' },
  { name: 'created_date', type: 'datetime' },
  { name: 'available_date', type: 'datetime' },
  { name: 'started_date', type: 'datetime' },
  { name: 'finished_date', type: 'datetime' },
  { name: 'worker', type: 'string' },
  { name: 'lease_until', type: 'datetime' },
  { name: 'is_cancelling', type: 'boolean' },
  { name: 'reason', type: 'text' },
  { name: 'log_id', type: 'string' },
  { name: 'effects_service', type: 'string' },
  { name: 'payload', type: 'object' },
];

/** What is long: left out of lists unless it is asked for by name. */
export const longFields: readonly string[] = ['payload'];

/** The relation under which a run is answered with its attempts in the log of runs. */
export const logRelation = 'run_by_queued_run_id';

/** The shape of the rows. */
export const queuedRunSet: RowSet = {
  ...{ name: 'queued_run', identifier: 'id', fields, rows: [] },
  relations: [logRelation],
};

/** What rows can be found and ordered by: fields that are kept as they are shown. */
export const foundBy: RowSet = {
  ...queuedRunSet,
  fields: fields.filter(({ type }) => type !== 'object'),
  relations: [],
};

/** A queued run as it is answered. */
export function queuedRunRow(run: QueuedRun): Row {
  return {
    id: run.id,
    position: run.position,
    script: run.script,
    version: run.version,
    connection: run.connection,
    queue: run.queue,
    state: run.state,
    priority: run.priority,
    attempt: run.attempt,
    crashes: run.crashes,
    tries: run.tries,
    backoff: backoffView(run.backoff),
    timeout_ms: run.timeoutMs,
    delivery: run.delivery,
    unique_key: run.uniqueKey,
    ordering_key: run.orderingKey,
    user_id: run.userId,
    app_id: run.appId,
    role_id: run.roleId,
    created_date: dateText(run.createdDate),
    available_date: dateText(run.availableDate),
    started_date: dateText(run.startedDate),
    finished_date: dateText(run.finishedDate),
    worker: run.worker,
    lease_until: dateText(run.leaseUntil),
    is_cancelling: run.isCancelling,
    reason: run.reason,
    log_id: run.logId,
    effects_service: run.effectsService,
    payload: parsed(run.payload),
  };
}

// As it is written in the options of a script: in seconds.
function backoffView(text: string | null): unknown {
  const backoff = text === null ? null : parsed(text);
  if (!isObject(backoff)) return backoff;
  const { kind, delaysMs, baseMs, mostMs, jitter } = backoff;
  if (kind === 'list' && Array.isArray(delaysMs)) return delaysMs.map((delay) => Number(delay) / 1_000);
  return kind === 'exponential'
    ? { base: Number(baseMs) / 1_000, most: Number(mostMs) / 1_000, jitter }
    : backoff;
}

// Whatever it is, it is shown: whoever looks may be looking for what is wrong with it.
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function dateText(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const number = /^[1-9]\d{0,14}$/;

/** A run by its id or its short number. Throws `request.not_found` naming what stands for nothing. */
export async function findQueuedRun(queue: RunStore, key: string): Promise<QueuedRun> {
  const run = await lookUp(queue, key);
  if (run === undefined) throw recordNotFound(key);
  return run;
}

/** The same; undefined when there is none. */
export async function lookUp(queue: RunStore, key: string): Promise<QueuedRun | undefined> {
  if (uuid.test(key)) return queue.get(key.toLowerCase());
  return number.test(key) ? queue.get(Number(key)) : undefined;
}

/** The condition with its values as they are kept. Throws `request.invalid_parameter` for others. */
export function keptWhere(where: Where): Where {
  switch (where.kind) {
    case 'compare': {
      const { field, op, value } = where;
      const isPattern = ['like', 'starts with', 'ends with', 'contains'].includes(op);
      if (isPattern && typeOf(field) !== 'string' && typeOf(field) !== 'text') {
        throw refused(field, `can not be compared with '${op}'`);
      }
      return { ...where, value: keptValue(field, value) };
    }
    case 'in':
      return { ...where, values: where.values.map((value) => keptValue(where.field, value)) };
    case 'between':
      return { ...where, low: keptValue(where.field, where.low), high: keptValue(where.field, where.high) };
    case 'null':
      return where;
    case 'not':
      return { ...where, term: keptWhere(where.term) };
    case 'and':
    case 'or':
    case 'xor':
      return { ...where, terms: where.terms.map(keptWhere) };
  }
}

function typeOf(name: string): Field['type'] {
  return fields.find((field) => field.name === name)?.type ?? 'string';
}

function keptValue(field: string, value: Literal): Literal {
  if (value === null) return value;
  switch (typeOf(field)) {
    case 'integer':
      return wholeNumber(field, value);
    case 'datetime':
      return timeOf(field, value);
    case 'boolean':
      return truth(field, value);
    default:
      return String(value);
  }
}

// Columns hold what a double tells exactly.
function wholeNumber(field: string, value: Literal): number {
  const given = typeof value === 'boolean' || value === '' ? Number.NaN : Number(value);
  if (Number.isSafeInteger(given)) return given;
  throw refused(field, 'must be compared with whole numbers');
}

function timeOf(field: string, value: Literal): number {
  // A date without a zone is one of UTC, like those of answers.
  const text = String(value).trim().replace(' ', 'T');
  const isWhole = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:?\d{2})?)?$/.test(text);
  const hasZone = /(Z|[+-]\d{2}:?\d{2})$/.test(text.slice(10));
  const time = isWhole ? Date.parse(hasZone || text.length === 10 ? text : `${text}Z`) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  throw refused(field, "must be compared with times like '2026-11-21T09:00:00Z'");
}

function truth(field: string, value: Literal): boolean {
  const text = String(value).toLowerCase();
  if (text === 'true' || text === '1') return true;
  if (text === 'false' || text === '0') return false;
  throw refused(field, 'must be compared with true or false');
}

function refused(field: string, problem: string): PlatformError {
  return invalidParameter('filter', `is wrong: '${field}' ${problem}`);
}
