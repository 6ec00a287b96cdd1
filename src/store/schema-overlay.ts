// How the overlay of schemas is kept.
import type { SchemaOverlayRecord } from '../core/store.ts';
import type { DetailKind } from './details.ts';
import { stampKinds } from './records.ts';
import { integer, json, oneOf, text } from './table.ts';

/** How rows of the overlay are kept. */
export const schemaOverlayKind: DetailKind<SchemaOverlayRecord> = {
  table: 'schema_overlay',
  noun: 'row of the overlay',
  kinds: {
    id: integer,
    serviceId: integer,
    tableName: text,
    part: oneOf<SchemaOverlayRecord['part']>(),
    name: text,
    settings: json,
    ...stampKinds,
  },
};
