// Who made, changed and removed services, as a list of its own for clients that look for it there. Invariant:
// it is told by the audit log and nothing else; it cannot be written.
import { limits } from '../../core/limits.ts';
import type { AuditRecord, Store } from '../../core/store.ts';
import type { Collection } from './collection.ts';
import { isObject } from './request.ts';
import type { Field, Row } from './selection.ts';

const fields: readonly Field[] = [
  { name: 'id', type: 'integer' },
  { name: 'service_id', type: 'integer' },
  { name: 'service_name', type: 'string' },
  { name: 'user_email', type: 'string' },
  { name: 'action', type: 'string' },
  { name: 'request_verb', type: 'string' },
  { name: 'created_date', type: 'datetime' },
  { name: 'last_modified_date', type: 'datetime' },
];

const verbs: Readonly<Record<string, string>> = { create: 'POST', update: 'PATCH', delete: 'DELETE' };

/** The records of `service_report`: the last changes, as many as a page holds. */
export function serviceReportCollection(): Collection {
  return { name: 'service_report', noun: 'change of a service', identifier: 'id', fields, rows };
}

async function rows(store: Store): Promise<Row[]> {
  const where = { kind: 'compare', field: 'record', op: 'starts with', value: 'service/' } as const;
  const newest = [{ field: 'id', descending: true }];
  const entries = await store.audit.list({ where, order: newest, limit: limits.records });
  const names = new Map((await store.services.list()).map(({ id, name }) => [id, name]));
  const changes = entries.filter(({ action }) => Object.hasOwn(verbs, action)).reverse();
  // What is gone has its name in the entry of its end, or of its beginning.
  for (const entry of changes) {
    const { id, name } = toldOf(entry);
    if (name !== undefined && !names.has(id)) names.set(id, name);
  }
  return changes.map((entry) => rowOf(entry, names));
}

function rowOf(entry: AuditRecord, names: ReadonlyMap<number, string>): Row {
  const { id, name } = toldOf(entry);
  return {
    id: entry.id,
    service_id: id,
    service_name: name ?? names.get(id) ?? null,
    user_email: entry.userEmail,
    action: entry.action,
    request_verb: verbs[entry.action],
    created_date: entry.date,
    last_modified_date: entry.date,
  };
}

function toldOf({ record, before, after }: AuditRecord): { id: number; name: string | undefined } {
  const names = [after, before].flatMap((row) =>
    isObject(row) && typeof row.name === 'string' ? [row.name] : [],
  );
  return { id: Number(record.slice('service/'.length)), name: names[0] };
}
