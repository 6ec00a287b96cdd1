// How named connections of queues are kept.
import type { QueueConnectionRecord } from '../core/store.ts';
import { type RecordKind, stampKinds } from './records.ts';
import { flag, integer, json, optionalText, text } from './table.ts';

/** How connections of queues are kept. */
export const queueConnectionKind: RecordKind<QueueConnectionRecord> = {
  table: 'queue_connection',
  noun: 'queue connection',
  key: 'id',
  natural: 'name',
  kinds: {
    id: integer,
    name: text,
    description: optionalText,
    type: text,
    config: json,
    defaultQueue: text,
    isActive: flag,
    isDefault: flag,
    ...stampKinds,
  },
};
