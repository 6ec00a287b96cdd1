// The audit log as a resource: newest first, narrowed by what entries are found by, followed to its beginning
// with `verify`. Invariant: it is read and never written.
import { limits } from '../../core/limits.ts';
import type { Parameters, Result } from '../../core/operation.ts';
import type { Endpoint } from '../../core/service.ts';
import type { AuditRecord } from '../../core/store.ts';
import { withUser } from './collection.ts';
import { describedRecords } from './describe-collection.ts';
import type { SystemParts } from './parts.ts';
import { countOption, flagOption, invalidParameter, listOption, readOptions, textOption } from './request.ts';
import { answer, type Call, type Resource, recordNotFound } from './resource.ts';
import {
  type Field,
  project,
  type Row,
  type RowSet,
  readFilter,
  readOrder,
  readProjection,
  withMeta,
} from './selection.ts';

/** What entries can be found and ordered by. */
const found: readonly Field[] = [
  { name: 'id', type: 'integer' },
  { name: 'date', type: 'datetime' },
  { name: 'action', type: 'string' },
  { name: 'record', type: 'string' },
  { name: 'user_id', type: 'integer' },
];

const fields: readonly Field[] = [
  ...found,
  { name: 'user_email', type: 'string' },
  { name: 'app_id', type: 'integer' },
  { name: 'remote_address', type: 'string' },
  { name: 'door', type: 'string' },
  { name: 'elevation', type: 'object' },
  { name: 'before', type: 'object' },
  { name: 'after', type: 'object' },
  { name: 'hash', type: 'string' },
];

const set: RowSet = { name: 'audit', identifier: 'id', fields, rows: [] };
const foundBy: RowSet = { ...set, fields: found };

type Parts = Pick<SystemParts, 'store' | 'audit'>;

/** The resource `audit`. */
export class AuditResource implements Resource {
  readonly name = 'audit';
  readonly endpoints: readonly Endpoint[] = describedRecords({ ...set, noun: 'audit entry' }, [
    { pattern: ['audit'], actions: ['GET'], summary: 'who changed what, and who acted with more authority' },
    { pattern: ['audit', '{id}'], actions: ['GET'], summary: 'one entry of the audit log' },
  ]);
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  handle(call: Call): Promise<Result> {
    const options = withUser(readOptions(call.operation), call.by);
    if (options.group !== undefined) throw invalidParameter('group', "is not supported by 'system/audit'");
    const [id] = call.path;
    if (id !== undefined) return this.#read(id, options);
    if (flagOption(call.parameters, 'verify')) return this.#verify();
    return this.#list(options, countOption(call.parameters, 'before'));
  }

  async #verify(): Promise<Result> {
    const { entries, brokenAt } = await this.#parts.audit.verify();
    return answer({ entries, broken_at: brokenAt });
  }

  async #read(id: string, options: Parameters): Promise<Result> {
    const names = readProjection(set, options, 'all');
    const entry = /^\d{1,15}$/.test(id) ? await this.#parts.store.audit.get(Number(id)) : undefined;
    if (entry === undefined) throw recordNotFound(id);
    return answer(project(rowOf(entry), names));
  }

  async #list(options: Parameters, before: number | undefined): Promise<Result> {
    const { audit } = this.#parts.store;
    const where = readFilter(foundBy, withIds(options));
    if (flagOption(options, 'count_only')) return answer(await audit.count(where));
    const names = readProjection(set, options, 'all');
    const skip = countOption(options, 'offset') ?? 0;
    const limit = Math.min(countOption(options, 'limit') ?? limits.auditPage, limits.records);
    const order = readOrder(foundBy, options);
    const entries = await audit.list({ where, order, before, limit, skip });
    const asList = flagOption(options, 'as_list');
    const resource = entries.map((entry) => (asList ? entry.id : project(rowOf(entry), names)));
    return answer(withMeta(set, options, { resource, count: await audit.count(where), skip, limit }));
  }
}

// Identifiers that stand for nothing are left out: it is one more condition.
function withIds(options: Parameters): Parameters {
  const ids = listOption(options, 'ids');
  if (ids === undefined) return options;
  if (ids.length === 0 || !ids.every((id) => /^\d{1,15}$/.test(id))) {
    throw invalidParameter('ids', 'must be whole numbers separated by commas');
  }
  const filter = textOption(options, 'filter');
  const chosen = `(id in (${ids.join(',')}))`;
  return { ...options, filter: filter === undefined ? chosen : `(${filter}) and ${chosen}` };
}

function rowOf(entry: AuditRecord): Row {
  return {
    id: entry.id,
    date: entry.date,
    action: entry.action,
    record: entry.record,
    user_id: entry.userId,
    user_email: entry.userEmail,
    app_id: entry.appId ?? null,
    remote_address: entry.remoteAddress,
    door: entry.door,
    elevation: entry.elevation ?? null,
    before: entry.before,
    after: entry.after,
    hash: entry.hash,
  };
}
