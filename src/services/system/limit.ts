// Limits on how often callers may call (spec §5.11). Invariants: no two limits count the same, and what a
// limit counts is told by its key text, which is composed here and never written by a caller.
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { LimitRecord, New, Store } from '../../core/store.ts';
import { keyText } from '../../security/limits/rule.ts';
import type { Change, Collection } from './collection.ts';
import { invalidField, onlyGiven, readFlag, readOptionalText, readText, required } from './fields.ts';
import { counterRows } from './limit-cache.ts';
import { checkScope, readScope } from './limit-scope.ts';
import type { SystemParts } from './parts.ts';
import type { Written } from './request.ts';
import { recordNotFound } from './resource.ts';
import { type Field, type Row, stampFields } from './selection.ts';

const fields: readonly Field[] = [
  { name: 'id', type: 'integer' },
  { name: 'name', type: 'string' },
  { name: 'description', type: 'text' },
  { name: 'type', type: 'string' },
  { name: 'rate', type: 'integer' },
  { name: 'period', type: 'string' },
  { name: 'user_id', type: 'integer' },
  { name: 'role_id', type: 'integer' },
  { name: 'service_id', type: 'integer' },
  { name: 'endpoint', type: 'string' },
  { name: 'verb', type: 'string' },
  { name: 'is_active', type: 'boolean' },
  { name: 'key_text', type: 'string' },
  ...stampFields,
];

const relation = 'limit_cache_by_limit_id';

/** The records of `limit`. */
export function limitCollection({ limitCounts, observe }: SystemParts): Collection {
  const row = async (record: LimitRecord): Promise<Row> => {
    return { ...rowOf(record), [relation]: counterRows(record, await limitCounts.counters(record.id)) };
  };
  // Counters that say nothing any more. They are dropped once the change is stored, because until then it may
  // hold the lock that dropping them waits for.
  const stale = new Set<number>();
  return {
    name: 'limit',
    noun: 'limit',
    identifier: 'id',
    fields,
    relations: [relation],
    rows: async (store, { related }) => {
      const records = await store.limits.list();
      // Counters are looked at only where they may be asked for.
      if (related === undefined || records.length === 0) return records.map(rowOf);
      const counters = await limitCounts.counters();
      return records.map((record) => ({ ...rowOf(record), [relation]: counterRows(record, counters) }));
    },
    create: async (change) => row(await create(change)),
    update: async ({ id }, change) => {
      const { before, after } = await update(Number(id), change);
      if (before.keyText !== after.keyText) stale.add(after.id);
      return row(after);
    },
    remove: async ({ id }, { store }) => {
      await store.limits.delete(Number(id));
      stale.add(Number(id));
    },
    applied: async (ids, by) => {
      await limitCounts.load();
      for (const id of ids.map(Number)) if (stale.delete(id)) await limitCounts.reset(id);
      for (const id of ids) observe({ kind: 'config.changed', record: `limit/${id}`, by });
    },
  };
}

async function create({ store, written, by }: Change): Promise<LimitRecord> {
  const scope = readScope(written);
  const limit: New<LimitRecord> = {
    description: null,
    isActive: true,
    ...readRest(written),
    ...scope,
    name: required(readName(written), 'name'),
    rate: required(readRate(written), 'rate'),
    keyText: keyText(scope),
  };
  return store.transaction(async (inside) => {
    await check(inside, limit, undefined);
    return inside.limits.create(limit, by);
  });
}

async function update(id: number, { store, written, by }: Change) {
  return store.transaction(async (inside) => {
    const before = await inside.limits.get(id);
    if (before === undefined) throw recordNotFound(id);
    const scope = readScope(written, before);
    const named = onlyGiven<Partial<New<LimitRecord>>>({ name: readName(written), rate: readRate(written) });
    const limit = { ...before, ...readRest(written), ...named, ...scope, keyText: keyText(scope) };
    await check(inside, limit, id);
    const after = await inside.limits.update(id, limit, by);
    return { before, after: after ?? before };
  });
}

async function check(store: Store, limit: New<LimitRecord>, id: number | undefined): Promise<void> {
  await checkScope(store, limit);
  const same = (await store.limits.list()).find(({ keyText: text }) => text === limit.keyText);
  if (same === undefined || same.id === id) return;
  throw new PlatformError(
    'config.conflict',
    `Limit '${same.name}' counts the same already (${same.keyText}). Change its rate instead.`,
  );
}

function readRest(written: Written): Partial<New<LimitRecord>> {
  return onlyGiven<Partial<New<LimitRecord>>>({
    description: readOptionalText(written, 'description', { max: limits.descriptionText }),
    isActive: readFlag(written, 'is_active'),
  });
}

function readName(written: Written): string | undefined {
  return readText(written, 'name', { max: limits.roleName });
}

function readRate(written: Written): number | undefined {
  const rate = Object.hasOwn(written, 'rate') ? written.rate : undefined;
  if (rate === undefined) return undefined;
  if (Number.isInteger(rate) && Number(rate) >= 1 && Number(rate) <= limits.limitRate) return Number(rate);
  throw invalidField('rate', `must be a number of calls from 1 to ${limits.limitRate}`);
}

function rowOf(limit: LimitRecord): Row {
  return {
    id: limit.id,
    name: limit.name,
    description: limit.description,
    type: limit.type,
    rate: limit.rate,
    period: limit.period,
    user_id: limit.userId,
    role_id: limit.roleId,
    service_id: limit.serviceId,
    endpoint: limit.endpoint,
    verb: limit.verb,
    is_active: limit.isActive,
    key_text: limit.keyText,
    created_date: limit.createdDate,
    last_modified_date: limit.lastModifiedDate,
    created_by_id: limit.createdById,
    last_modified_by_id: limit.lastModifiedById,
  };
}
