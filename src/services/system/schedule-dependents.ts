// What becomes of schedules when somebody takes away what they need. Invariant: a schedule whose user or app
// is gone never calls as anybody else: it comes no more until somebody says whom it calls as.

import { limits } from '../../core/limits.ts';
import type { ScheduleRecord } from '../../core/schedule.ts';
import type { Store } from '../../core/store.ts';
import type { RecordedChange } from './audit-note.ts';
import { scheduleRows } from './schedule-row.ts';

/** Removes a schedule, what is remembered of it, and its runs that were not begun. */
export async function forgetSchedule(store: Store, id: number): Promise<void> {
  // In the order in which whoever changes a schedule and its clock take hold of these, so that nobody waits
  // for somebody who waits for him.
  await store.schedules.delete(id);
  await store.scheduleSlots.plan(id, null);
  await cancelWaiting(store, id);
  await store.scheduleSlots.forget(id);
}

async function cancelWaiting({ queue, scheduleSlots }: Store, scheduleId: number): Promise<void> {
  const runs = await scheduleSlots.runs({ scheduleId, limit: limits.scheduleRunCount });
  const values = runs.filter(({ queued }) => queued?.state === 'ready').map(({ id }) => id);
  if (values.length === 0) return;
  // Some may have been begun since they were looked at.
  const isReady = { kind: 'compare', field: 'state', op: '=', value: 'ready' } as const;
  const where = { kind: 'and', terms: [{ kind: 'in', field: 'id', values }, isReady] } as const;
  await queue.cancel({ where }, 'its schedule was deleted');
}

/** Removes the schedules that call a service; tells them for the audit log. */
export async function removeSchedulesOf(store: Store, serviceId: number): Promise<RecordedChange[]> {
  const own = (await store.schedules.list()).filter((schedule) => schedule.serviceId === serviceId);
  const rows = await scheduleRows(store, own, false);
  for (const { id } of own) await forgetSchedule(store, id);
  return rows.map((before) => ({ ...recordOf(Number(before.id)), action: 'delete', before }));
}

/** Whom a schedule calls as. */
type Caller = Pick<ScheduleRecord, 'userId'> | Pick<ScheduleRecord, 'appId'>;

/** Lets the schedules come no more that call as somebody; tells them for the audit log. */
export async function pauseSchedulesOf(
  store: Store,
  caller: Caller,
  by: number | null,
): Promise<RecordedChange[]> {
  const changes: RecordedChange[] = [];
  for (const schedule of await calledBy(store, caller)) {
    if (!schedule.isActive) continue;
    const { id } = schedule;
    await store.schedules.update(id, { isActive: false }, by);
    await store.scheduleSlots.plan(id, null);
    const rows = { before: { id, is_active: true }, after: { id, is_active: false } };
    changes.push({ ...recordOf(id), action: 'update', ...rows });
  }
  return changes;
}

/** What whoever removed users or apps should know of schedules; undefined: nothing. */
export async function pausedWarning(
  store: Store,
  of: 'userId' | 'appId',
  ids: readonly unknown[],
): Promise<string | undefined> {
  const concerned = (await store.schedules.list()).filter((schedule) => ids.includes(schedule[of]));
  const names: string[] = [];
  for (const { name, [of]: id } of concerned) {
    const record = await (of === 'userId' ? store.users : store.apps).get(Number(id));
    if (record === undefined) names.push(`'${name}'`);
  }
  if (names.length === 0) return undefined;
  const shown = names.slice(0, limits.usersShown).join(', ');
  const more = names.length > limits.usersShown ? ` and ${names.length - limits.usersShown} more` : '';
  return `Schedules that called on that authority are not active any more: ${shown}${more}.`;
}

async function calledBy(store: Store, caller: Caller): Promise<ScheduleRecord[]> {
  const [[field, id] = []] = Object.entries(caller);
  return (await store.schedules.list()).filter((schedule) => {
    return (field === 'userId' ? schedule.userId : schedule.appId) === id;
  });
}

function recordOf(id: number) {
  return { record: `scheduler/${id}`, identifier: 'id' };
}
