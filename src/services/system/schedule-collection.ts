// Schedules as records. Invariant: when a schedule comes next is said in the transaction that stores it, by
// the clock of the database, and is left as it was where neither its timing nor its activity changed.
import { PlatformError } from '../../core/errors.ts';
import type { MissedSlots, ScheduleRecord, Timing } from '../../core/schedule.ts';
import type { New, Store } from '../../core/store.ts';
import type { Change, Collection } from './collection.ts';
import { invalidField, required } from './fields.ts';
import type { SystemParts } from './parts.ts';
import { recordNotFound } from './resource.ts';
import { checkActor, isSameActor, permitSchedule } from './schedule-actor.ts';
import { forgetSchedule } from './schedule-dependents.ts';
import { describedSchedule } from './schedule-description.ts';
import { readSchedule, usualSchedule } from './schedule-fields.ts';
import { scheduleFields, scheduleRelations, scheduleRows } from './schedule-row.ts';
import type { Row } from './selection.ts';

/** What schedules are written with. */
export type ScheduleParts = Pick<SystemParts, 'store' | 'queues' | 'schedules' | 'observe'>;

/** The records of `scheduler`. */
export function scheduleCollection(parts: ScheduleParts): Collection {
  const { observe } = parts;
  return {
    name: 'scheduler',
    noun: 'schedule',
    identifier: 'id',
    fields: scheduleFields,
    relations: scheduleRelations,
    described: describedSchedule,
    permit: permitSchedule,
    rows: async (store, { related }) =>
      scheduleRows(store, await store.schedules.list(), related !== undefined),
    create: (change) => create(parts, change),
    update: (row, change) => update(parts, Number(row.id), change),
    remove: (row, { store }) => forgetSchedule(store, Number(row.id)),
    warning: (ids) => idleWarning(parts.store, ids),
    applied: async (ids, by) => {
      for (const id of ids) observe({ kind: 'config.changed', record: `scheduler/${id}`, by });
    },
  };
}

async function idleWarning(store: Store, ids: readonly unknown[]): Promise<string | undefined> {
  const written = (await store.schedules.list()).filter(({ id, isActive }) => isActive && ids.includes(id));
  const idle = new Map(
    (await store.services.list()).filter(({ isActive }) => !isActive).map(({ id, name }) => [id, name]),
  );
  const told = written.flatMap(({ name, serviceId }) => {
    const service = idle.get(serviceId);
    if (service === undefined) return [];
    return [`The service '${service}' of schedule '${name}' is not active: until it is, nothing is called.`];
  });
  return told.length === 0 ? undefined : told.join(' ');
}

async function create(parts: ScheduleParts, { store, written, by }: Change): Promise<Row> {
  const given = readSchedule(written);
  const schedule: New<ScheduleRecord> = {
    ...usualSchedule,
    ...given,
    name: required(given.name, 'name'),
    serviceId: required(given.serviceId, 'service_id'),
  };
  await check(parts, store, { schedule, stored: undefined });
  return store.transaction(async (inside) => {
    const made = await inside.schedules.create(schedule, by);
    await planNext(parts, inside, made);
    return rowOf(inside, made);
  });
}

async function update(parts: ScheduleParts, id: number, { store, written, by }: Change): Promise<Row> {
  return store.transaction(async (inside) => {
    const stored = await inside.schedules.get(id);
    if (stored === undefined) throw recordNotFound(id);
    const changes = readSchedule(written, stored);
    const changed = await inside.schedules.update(id, changes, by);
    if (changed === undefined) throw recordNotFound(id);
    // What is read back is what others changed, too: from here on they wait.
    await check(parts, inside, { schedule: changed, stored });
    if (isOtherwise(stored, changed)) await planNext(parts, inside, changed);
    return rowOf(inside, changed);
  });
}

async function rowOf(store: Store, schedule: ScheduleRecord): Promise<Row> {
  const [row = {}] = await scheduleRows(store, [schedule], true);
  return row;
}

function isOtherwise(before: ScheduleRecord, after: ScheduleRecord): boolean {
  if (before.isActive !== after.isActive) return true;
  const isSameClock = before.cron === after.cron && before.timeZone === after.timeZone;
  return !isSameClock || before.frequency !== after.frequency;
}

async function planNext({ schedules }: ScheduleParts, store: Store, schedule: ScheduleRecord): Promise<void> {
  const { id, isActive } = schedule;
  const now = await store.scheduleSlots.now();
  const [slot = null] = isActive ? schedules.timetable.next(timingOf(schedule), now, 1) : [];
  await store.scheduleSlots.plan(id, slot);
}

/** When a schedule comes. */
export function timingOf({ cron, timeZone, frequency }: Timing): Timing {
  return { cron, timeZone, frequency };
}

interface Checked {
  readonly schedule: New<ScheduleRecord>;
  readonly stored: ScheduleRecord | undefined;
}

// What somebody else took away meanwhile keeps nobody from changing the rest, but from making it come again.
async function check(
  { queues, schedules }: ScheduleParts,
  store: Store,
  { schedule, stored }: Checked,
): Promise<void> {
  schedules.timetable.check(timingOf(schedule));
  checkPolicies(schedule);
  const isNew = stored === undefined || (schedule.isActive && !stored.isActive);
  const { connection, serviceId } = schedule;
  if (isNew || serviceId !== stored.serviceId) await checkService(store, serviceId);
  if (isNew || !isSameActor(schedule, stored)) await checkActor(store, schedule);
  if (connection !== null && (isNew || connection !== stored.connection)) checkConnection(queues, connection);
}

function checkPolicies({ overlap, missed }: { overlap: string; missed: MissedSlots }): void {
  if (missed !== 'all' || overlap !== 'skip') return;
  throw invalidField(
    'missed',
    "cannot be 'all' where overlap is 'skip': of those that come together one would be run; say " +
      "overlap 'queue' or missed 'last'",
  );
}

async function checkService(store: Store, id: number): Promise<void> {
  if ((await store.services.get(id)) !== undefined) return;
  throw invalidField('service_id', `is ${id}, and there is no such service`);
}

function checkConnection(queues: ScheduleParts['queues'], connection: string): void {
  try {
    queues.check(connection);
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    throw new PlatformError(error.kind, `Field 'connection': ${error.message}`, { cause: error });
  }
}
