// Repository of configured services.
import type { ServiceDocument } from '../core/service.ts';
import type { ServiceRecord } from '../core/store.ts';
import { type RecordKind, stampKinds } from './records.ts';
import { flag, integer, json, type Kind, optionalText, text } from './table.ts';

const document: Kind<ServiceDocument | null> = {
  read: (cell) => (cell === null ? null : (JSON.parse(String(cell)) as ServiceDocument)),
  write: (value) => (value === null ? null : JSON.stringify(value)),
};

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
    document,
    ...stampKinds,
  },
};
