// Repository of event scripts; the name of the event is their key.
import type { EventScriptRecord } from '../core/store.ts';
import { type RecordKind, stampKinds } from './records.ts';
import { flag, json, optionalInteger, optionalText, text } from './table.ts';

/** How event scripts are kept. */
export const eventScriptKind: RecordKind<EventScriptRecord> = {
  table: 'event_script',
  noun: 'event script',
  key: 'name',
  natural: 'name',
  kinds: {
    name: text,
    type: text,
    isActive: flag,
    content: text,
    config: json,
    allowEventModification: flag,
    storageServiceId: optionalInteger,
    storagePath: optionalText,
    scmRepository: optionalText,
    scmReference: optionalText,
    runAsRoleId: optionalInteger,
    ...stampKinds,
  },
};
