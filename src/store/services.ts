// Repository of configured services.
import type { ServiceRecord } from '../core/store.ts';
import { type RecordKind, stampKinds } from './records.ts';
import { flag, integer, json, optionalText, text } from './table.ts';

/** How services are kept. */
export const serviceKind: RecordKind<ServiceRecord> = {
  table: 'service',
  noun: 'service',
  key: 'id',
  natural: 'name',
  kinds: {
    id: integer,
    name: text,
    label: text,
    description: optionalText,
    isActive: flag,
    type: text,
    mutable: flag,
    deletable: flag,
    config: json,
    ...stampKinds,
  },
};
