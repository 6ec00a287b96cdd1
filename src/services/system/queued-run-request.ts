// Requests that do something with queued runs. Invariant: nothing is done with all of them because nobody
// said with which; whatever is done is kept in the audit log, with who did it.
import { PlatformError } from '../../core/errors.ts';
import type { Parameters, Result } from '../../core/operation.ts';
import type { Where } from '../../core/query.ts';
import type { Store } from '../../core/store.ts';
import { actionNote } from './audit-note.ts';
import { runBatch } from './batch.ts';
import type { SystemParts } from './parts.ts';
import {
  changeMany,
  changeOne,
  doneWord,
  type ManyChanged,
  type ManyRuns,
  type RunVerb,
} from './queued-run-change.ts';
import { foundBy, keptWhere, queuedRunRow, queuedRunSet } from './queued-run-row.ts';
import { countOption, findRecords, flagOption, listOption } from './request.ts';
import { answer, type Call } from './resource.ts';
import { project, type Row, readFilter, readProjection } from './selection.ts';

/** What doing something with queued runs takes. */
export type ChangeParts = Pick<SystemParts, 'store' | 'observe' | 'audit'>;

/** Somebody wants something to be done with runs. */
export interface Wanted {
  readonly call: Call;
  readonly options: Parameters;
  readonly verb: RunVerb;
}

/** Does what a request says, with the run that its path names or those that it chooses otherwise. */
export async function answerChange(parts: ChangeParts, wanted: Wanted, id?: string): Promise<Result> {
  const { call, options } = wanted;
  if (id !== undefined) return answer((await changeEach(parts, wanted, [id]))[0]);
  const ids = chosenIds(call, options);
  if (ids !== undefined) return answerEach(await changeEach(parts, wanted, ids));
  const where = queuedWhere(options);
  if (where === undefined) mustBeForced(wanted);
  return answer(await changeWhere(parts, wanted, where));
}

/** The answer that tells of each run what became of it. */
export function answerEach(resource: readonly Row[]): Result {
  return answer({ resource, count: resource.length });
}

/** Refuses a request that says of no run that it is meant, unless it means all. */
export function mustBeForced({ options, verb }: Wanted): void {
  if (flagOption(options, 'force')) return;
  throw new PlatformError(
    'request.no_records',
    `Nothing says which runs are to be ${doneWord(verb)}. Name them with 'ids' or 'filter', or all with ` +
      "'force=true'.",
  );
}

/** The condition on queued runs that `filter` states. */
export function queuedWhere(options: Parameters): Where | undefined {
  const where = readFilter(foundBy, options);
  return where === undefined ? undefined : keptWhere(where);
}

/** Changes runs one by one; all or none with `rollback`. */
export async function changeEach(
  parts: ChangeParts,
  { call, options, verb }: Wanted,
  ids: readonly string[],
): Promise<Row[]> {
  const by = callerOf(call);
  const names = [...new Set([...told, ...readProjection(queuedRunSet, options, 'identifier')])];
  const work = async (store: Store, key: string): Promise<Row> => {
    const run = await changeOne({ queue: store.queue, verb, by }, key);
    const { id, script } = run;
    await tell(parts, { call, verb, record: `queued_run/${id}`, details: { script }, store });
    return project(queuedRunRow(run), names);
  };
  const { store } = parts;
  return (await runBatch({ items: ids, done: doneWord(verb), options, store, work })) as Row[];
}

// Always answered, so that nobody needs to ask what became of a run.
const told: readonly string[] = ['id', 'position', 'state'];

/** Changes all that a condition chooses: a part of them where `limit` says so, those behind `after`. */
export async function changeWhere(
  parts: ChangeParts,
  wanted: Wanted,
  where: Where | undefined,
): Promise<ManyChanged> {
  const { call, options } = wanted;
  const after = countOption(call.parameters, 'after') ?? 0;
  return changeSome(parts, wanted, { where, after, limit: countOption(options, 'limit') });
}

/** Changes those of runs that can be; tells how many. */
export async function changeIds(parts: ChangeParts, wanted: Wanted, ids: readonly string[]): Promise<number> {
  if (ids.length === 0) return 0;
  const where: Where = { kind: 'in', field: 'id', values: ids };
  return (await changeSome(parts, wanted, { where, after: 0, limit: undefined })).count;
}

async function changeSome(parts: ChangeParts, { call, options, verb }: Wanted, many: ManyRuns) {
  const { store } = parts;
  const changed = await changeMany({ queue: store.queue, verb, by: callerOf(call) }, many);
  if (changed.count === 0) return changed;
  const details = { resource: call.path.join('/'), filter: options.filter ?? null, count: changed.count };
  await tell(parts, { call, verb, record: 'queued_run', details, store });
  return changed;
}

interface Told {
  readonly call: Call;
  readonly verb: RunVerb;
  readonly record: string;
  readonly details: Row;
  readonly store: Store;
}

async function tell({ audit, observe }: ChangeParts, { call, verb, record, details, store }: Told) {
  await audit.add(actionNote(call.operation, { action: verb, record, after: details }), store);
  observe({ kind: 'config.changed', record, by: call.by });
}

function callerOf({ operation }: Call): string {
  const { user, app } = operation.principal;
  return user?.email ?? (app === null ? 'the command line' : `app '${app.name}'`);
}

/** Identifiers that a request gives, as an option or in its records; undefined when it gives none. */
export function chosenIds(call: Call, options: Parameters): string[] | undefined {
  const ids = listOption(options, 'ids');
  if (ids !== undefined) return ids;
  // The body may say other things: that there is a filter, or that all are meant.
  const content = call.operation.request.body?.value;
  const isWrapped =
    Array.isArray(content) || (typeof content === 'object' && content !== null && 'resource' in content);
  if (!isWrapped) return undefined;
  return findRecords(call.operation).map(({ id, position }, index) => {
    const given = id ?? position;
    if (typeof given === 'string' || typeof given === 'number') return String(given);
    throw new PlatformError('request.invalid_record', `Record ${index} of the request needs its 'id'.`);
  });
}
