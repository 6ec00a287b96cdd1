// The counters of limits: how much of each is used up, and letting them begin anew.
// Invariant: attempts never exceed the rate, although refused calls may have been counted as well.
import { PlatformError } from '../../core/errors.ts';
import type { LimitCounter } from '../../core/limiter.ts';
import type { Parameters, Result } from '../../core/operation.ts';
import type { Endpoint } from '../../core/service.ts';
import type { LimitRecord } from '../../core/store.ts';
import { successResponse } from '../../openapi/envelopes.ts';
import { recordParameters } from '../../openapi/record-parameters.ts';
import { counterText, everybody } from '../../security/limits/rule.ts';
import { actionNote } from './audit-note.ts';
import { describedRecords } from './describe-collection.ts';
import type { SystemParts } from './parts.ts';
import { flagOption, listOption, readOptions } from './request.ts';
import { answer, type Call, type Resource, recordNotFound, success } from './resource.ts';
import { type Field, listAnswer, project, type Row, type RowSet, readProjection } from './selection.ts';

const fields: readonly Field[] = [
  { name: 'id', type: 'integer' },
  { name: 'key', type: 'string' },
  { name: 'max', type: 'integer' },
  { name: 'attempts', type: 'integer' },
  { name: 'remaining', type: 'integer' },
];

const shape: RowSet = { name: 'limit_cache', identifier: 'id', fields, rows: [] };

/** The counters of a limit as rows: one where everybody shares it, else one per caller who used it. */
export function counterRows(limit: LimitRecord, counters: readonly LimitCounter[]): Row[] {
  const own = counters.filter(({ limitId }) => limitId === limit.id);
  const hasOne = !limit.type.includes('each_user');
  const shown = hasOne && own.length === 0 ? [{ who: everybody, used: 0 }] : own;
  return shown.map(({ who, used }) => {
    const attempts = Math.min(Math.max(0, used), limit.rate);
    const remaining = limit.rate - attempts;
    return { id: limit.id, key: counterText(limit, who), max: limit.rate, attempts, remaining };
  });
}

/** The resource `limit_cache`. */
export function limitCacheResource(parts: SystemParts): Resource {
  return {
    name: 'limit_cache',
    endpoints: endpoints(),
    handle: (call) => {
      const [id] = call.path;
      if (call.action === 'GET') return id === undefined ? list(parts, call) : read(parts, call, id);
      return id === undefined ? resetMany(parts, call) : reset(parts, call, [id]);
    },
  };
}

function endpoints(): Endpoint[] {
  const read = describedRecords({ ...shape, noun: 'counter of a limit' }, [
    { pattern: ['limit_cache'], actions: ['GET'], summary: 'counters of limits' },
    { pattern: ['limit_cache', '{id}'], actions: ['GET'], summary: 'the counter of one limit, by its id' },
  ]);
  return read.map((endpoint) => {
    const isOne = endpoint.pattern.length > 1;
    const summary = isOne ? 'Let the counters of one limit begin anew' : 'Let counters begin anew';
    const DELETE = { summary, parameters: isOne ? [] : choice, responses: { 200: successResponse } };
    const { details } = endpoint;
    return {
      ...endpoint,
      actions: ['GET', 'DELETE'],
      details: (reader) =>
        (details?.(reader) ?? []).map((path) => ({ ...path, actions: { ...path.actions, DELETE } })),
    };
  });
}

const choice = [
  recordParameters.ids,
  {
    ...{ name: 'allow_delete', in: 'query', description: 'Those of all limits.' },
    schema: { type: 'boolean' },
  },
];

async function list({ store, limitCounts }: SystemParts, { operation }: Call): Promise<Result> {
  const options = readOptions(operation);
  const wanted = listOption(options, 'ids');
  const records = await store.limits.list();
  const counters = await limitCounts.counters();
  const chosen = wanted === undefined ? records : wanted.map((id) => named(records, id));
  return answer(
    listAnswer({ ...shape, rows: chosen.flatMap((limit) => counterRows(limit, counters)) }, options),
  );
}

// Where each caller has a counter of his own: that of whoever used most. The list has all of them.
async function read({ store, limitCounts }: SystemParts, call: Call, id: string): Promise<Result> {
  const options: Parameters = readOptions(call.operation);
  const limit = named(await store.limits.list(), id);
  const [first] = counterRows(limit, await limitCounts.counters(limit.id));
  const unused = { who: everybody, used: 0, limitId: limit.id };
  const [row] = first === undefined ? counterRows(limit, [unused]) : [first];
  return answer(project(row ?? {}, readProjection(shape, options, 'all')));
}

async function resetMany(parts: SystemParts, call: Call): Promise<Result> {
  const { operation } = call;
  const options = readOptions(operation);
  const ids = listOption(options, 'ids');
  if (ids !== undefined) return reset(parts, call, ids);
  const { parameters, body } = operation.request;
  const content = body?.value as Parameters | undefined;
  if (!flagOption(parameters, 'allow_delete') && content?.allow_delete !== true) {
    throw new PlatformError(
      'request.no_records',
      "No limits given whose counters shall begin anew. Name them with 'ids', or all with allow_delete=true.",
    );
  }
  await parts.audit.add(actionNote(operation, { action: 'reset', record: 'limit_cache' }));
  await parts.limitCounts.reset();
  return success();
}

async function reset(parts: SystemParts, { operation }: Call, ids: readonly string[]): Promise<Result> {
  const records = await parts.store.limits.list();
  const chosen = ids.map((id) => named(records, id));
  for (const { id } of chosen) {
    await parts.audit.add(actionNote(operation, { action: 'reset', record: `limit_cache/${id}` }));
    await parts.limitCounts.reset(id);
  }
  return success();
}

function named(records: readonly LimitRecord[], id: string): LimitRecord {
  const found = records.find((limit) => String(limit.id) === id);
  if (found === undefined) throw recordNotFound(id);
  return found;
}
