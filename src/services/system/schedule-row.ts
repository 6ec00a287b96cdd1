// Schedules as rows, with what the clock knows of them. Invariant: what is only said by others (when it comes
// next, how it ended) is read, never written.
import type { LatestScheduleRuns, ScheduleRecord } from '../../core/schedule.ts';
import type { Store } from '../../core/store.ts';
import { verbOf } from './schedule-fields.ts';
import { type Field, type Row, stampFields } from './selection.ts';

/** The fields of schedules. */
export const scheduleFields: readonly Field[] = [
  { name: 'id', type: 'integer' },
  { name: 'name', type: 'string' },
  { name: 'description', type: 'text' },
  { name: 'is_active', type: 'boolean' },
  { name: 'service_id', type: 'integer' },
  { name: 'component', type: 'string' },
  { name: 'verb_mask', type: 'integer' },
  { name: 'verb', type: 'string' },
  { name: 'payload', type: 'text' },
  { name: 'frequency', type: 'integer' },
  { name: 'cron', type: 'string' },
  { name: 'time_zone', type: 'string' },
  { name: 'overlap', type: 'string' },
  { name: 'missed', type: 'string' },
  { name: 'missed_count', type: 'integer' },
  { name: 'jitter', type: 'integer' },
  { name: 'app_id', type: 'integer' },
  { name: 'user_id', type: 'integer' },
  { name: 'is_privileged', type: 'boolean' },
  { name: 'connection', type: 'string' },
  { name: 'queue', type: 'string' },
  { name: 'priority', type: 'integer' },
  { name: 'tries', type: 'integer' },
  { name: 'timeout', type: 'integer' },
  { name: 'delivery', type: 'string' },
  { name: 'next_run_date', type: 'datetime' },
  { name: 'last_run_date', type: 'datetime' },
  { name: 'last_run_status', type: 'integer' },
  ...stampFields,
];

/** What of them is told by the clock, or said twice. */
export const derivedFields: readonly string[] = ['verb', 'next_run_date', 'last_run_date', 'last_run_status'];

/** The relation under which DreamFactory has the latest failure. */
export const taskLog = 'task_log_by_task_id';

const relatedService = 'service_by_service_id';
const relatedApp = 'app_by_app_id';
const relatedUser = 'user_by_user_id';

/** All relations. */
export const scheduleRelations: readonly string[] = [relatedService, relatedApp, relatedUser, taskLog];

/** The rows of schedules; their relations only where somebody may ask for them. */
export async function scheduleRows(
  store: Store,
  schedules: readonly ScheduleRecord[],
  isRelated: boolean,
): Promise<Row[]> {
  if (schedules.length === 0) return [];
  const next = await store.scheduleSlots.next();
  const [only, ...others] = schedules;
  const latest = await store.scheduleSlots.latest(others.length === 0 ? only?.id : undefined);
  const relationsOf = isRelated ? await relations(store) : undefined;
  return schedules.map((schedule) => {
    const runs = latest.get(schedule.id);
    const row = {
      ...rowOf(schedule),
      next_run_date: dateText(next.get(schedule.id)),
      last_run_date: dateText(runs?.run?.createdDate),
      last_run_status: runs?.run?.answer?.status ?? null,
    };
    return relationsOf === undefined
      ? row
      : beside(row, { ...relationsOf(schedule), [taskLog]: logOf(runs) });
  });
}

// The audit log keeps all that can be counted in a row, and how calls were answered is not for it.
function beside(row: Row, members: Row): Row {
  const hidden = Object.entries(members).map(([name, value]) => [name, { value, enumerable: false }]);
  return Object.defineProperties(row, Object.fromEntries(hidden));
}

async function relations(store: Store): Promise<(schedule: ScheduleRecord) => Row> {
  // One after the other: in a transaction there is one connection.
  const services = new Map((await store.services.list()).map((service) => [service.id, service]));
  const apps = new Map((await store.apps.list()).map((app) => [app.id, app]));
  const users = new Map((await store.users.list()).map((user) => [user.id, user]));
  return ({ serviceId, appId, userId }) => {
    const service = services.get(serviceId);
    const app = apps.get(appId ?? Number.NaN);
    const user = users.get(userId ?? Number.NaN);
    return {
      [relatedService]: service === undefined ? null : { ...named(service), type: service.type },
      [relatedApp]: app === undefined ? null : named(app),
      [relatedUser]:
        user === undefined
          ? null
          : { id: user.id, name: user.name, email: user.email, is_active: user.isActive },
    };
  };
}

interface Named {
  readonly id: number;
  readonly name: string;
  readonly description: string | null;
  readonly isActive: boolean;
}

function named({ id, name, description, isActive }: Named): Row {
  return { id, name, description, is_active: isActive };
}

// Gone as soon as a later run went well.
function logOf(runs: LatestScheduleRuns | undefined): Row | null {
  const ended = runs?.ended;
  if (ended === undefined) return null;
  const { answer, queued, scheduleId, createdDate } = ended;
  if (answer !== null && answer.status < 400) return null;
  return {
    task_id: scheduleId,
    status_code: answer?.status ?? null,
    content: answer?.content ?? queued?.reason ?? null,
    created_date: dateText(createdDate),
    last_modified_date: dateText(answer?.date ?? queued?.finishedDate ?? createdDate),
  };
}

function rowOf(schedule: ScheduleRecord): Row {
  return {
    id: schedule.id,
    name: schedule.name,
    description: schedule.description,
    is_active: schedule.isActive,
    service_id: schedule.serviceId,
    component: schedule.component,
    verb_mask: schedule.verbMask,
    verb: verbOf(schedule.verbMask),
    payload: schedule.payload,
    frequency: schedule.frequency,
    cron: schedule.cron,
    time_zone: schedule.timeZone,
    overlap: schedule.overlap,
    missed: schedule.missed,
    missed_count: schedule.missedCount,
    jitter: schedule.jitterSeconds,
    app_id: schedule.appId,
    user_id: schedule.userId,
    is_privileged: schedule.isPrivileged,
    connection: schedule.connection,
    queue: schedule.queue,
    priority: schedule.priority,
    tries: schedule.tries,
    timeout: schedule.timeoutSeconds,
    delivery: schedule.delivery,
    created_date: schedule.createdDate,
    last_modified_date: schedule.lastModifiedDate,
    created_by_id: schedule.createdById,
    last_modified_by_id: schedule.lastModifiedById,
  };
}

/** A moment as it is answered. */
export function dateText(time: number | null | undefined): string | null {
  return time === null || time === undefined ? null : new Date(time).toISOString();
}
