// How schedules are kept.
import type { Delivery } from '../core/queue.ts';
import type { MissedSlots, Overlap, ScheduleRecord } from '../core/schedule.ts';
import { type RecordKind, stampKinds } from './records.ts';
import { flag, integer, oneOf, optionalInteger, optionalText, text } from './table.ts';

/** How schedules are kept. */
export const scheduleKind: RecordKind<ScheduleRecord> = {
  table: 'schedule',
  noun: 'schedule',
  key: 'id',
  natural: 'name',
  kinds: {
    id: integer,
    name: text,
    description: optionalText,
    isActive: flag,
    serviceId: integer,
    component: text,
    verbMask: integer,
    frequency: integer,
    cron: optionalText,
    timeZone: text,
    payload: optionalText,
    overlap: oneOf<Overlap>(),
    missed: oneOf<MissedSlots>(),
    missedCount: integer,
    jitterSeconds: integer,
    userId: optionalInteger,
    appId: optionalInteger,
    isPrivileged: flag,
    connection: optionalText,
    queue: optionalText,
    priority: integer,
    tries: integer,
    timeoutSeconds: optionalInteger,
    delivery: oneOf<Delivery>(),
    ...stampKinds,
  },
};
