// The log of script runs as a resource: newest first, narrowed by any field, read and dropped, never written.
// Invariant: a list leaves out what is long (output, stacks) unless it is asked for by name.
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Parameters, Result } from '../../core/operation.ts';
import type { Order, Where } from '../../core/query.ts';
import type { KeptRun, RunRecord, RunRepository } from '../../core/run.ts';
import type { Endpoint } from '../../core/service.ts';
import type { Store } from '../../core/store.ts';
import { actionNote } from './audit-note.ts';
import { type Batch, runBatch } from './batch.ts';
import { withUser } from './collection.ts';
import { describedRecords } from './describe-collection.ts';
import type { SystemParts } from './parts.ts';
import {
  countOption,
  findRecords,
  flagOption,
  invalidParameter,
  listOption,
  readOptions,
} from './request.ts';
import { answer, type Call, type Resource, recordNotFound, success } from './resource.ts';
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

const fields: readonly Field[] = [
  { name: 'id', type: 'string' },
  { name: 'position', type: 'integer' },
  { name: 'script', type: 'string' },
  { name: 'type', type: 'string' },
  { name: 'version', type: 'string' },
  { name: 'stage', type: 'string' },
  { name: 'service', type: 'string' },
  { name: 'resource', type: 'string' },
  { name: 'action', type: 'string' },
  { name: 'door', type: 'string' },
  { name: 'caller', type: 'string' },
  { name: 'user_id', type: 'integer' },
  { name: 'app_id', type: 'integer' },
  { name: 'depth', type: 'integer' },
  { name: 'parent_id', type: 'string' },
  { name: 'started_date', type: 'datetime' },
  { name: 'duration_ms', type: 'float' },
  { name: 'outcome', type: 'string' },
  { name: 'status', type: 'integer' },
  { name: 'output', type: 'array' },
  { name: 'is_output_cut', type: 'boolean' },
  { name: 'error_message', type: 'text' },
  { name: 'error_line', type: 'integer' },
  { name: 'error_column', type: 'integer' },
  { name: 'error_stack', type: 'text' },
];

const long: readonly string[] = ['output', 'error_stack'];
const set: RowSet = { name: 'run', identifier: 'id', fields, rows: [] };

type Parts = Pick<SystemParts, 'store' | 'scripts' | 'observe' | 'audit'>;

/** The resource `run`. */
export class RunResource implements Resource {
  readonly name = 'run';
  readonly endpoints: readonly Endpoint[] = describedRecords({ ...set, noun: 'run' }, [
    { pattern: ['run'], actions: ['GET', 'DELETE'], summary: 'runs of scripts' },
    { pattern: ['run', '{id}'], actions: ['GET', 'DELETE'], summary: 'one run, with output and error' },
  ]);
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async handle(call: Call): Promise<Result> {
    const options = withUser(readOptions(call.operation), call.by);
    if (options.group !== undefined) throw invalidParameter('group', "is not supported by 'system/run'");
    // So that whoever has an answer finds its runs.
    await this.#parts.scripts.recorded();
    const [id] = call.path;
    if (call.action === 'GET') return id === undefined ? this.#list(options) : this.#read(id, options);
    if (id === undefined) return this.#dropMany(call, options);
    const [row] = await this.#drop([id], options, call);
    return answer(row);
  }

  async #list(options: Parameters): Promise<Result> {
    const ids = listOption(options, 'ids');
    if (ids !== undefined) return this.#readMany(ids, options);
    const { runs } = this.#parts.store;
    const where = readFilter(set, options);
    if (flagOption(options, 'count_only')) return answer(await runs.count(where));
    const { resource, skip, limit } = await this.#page(options, where);
    const isWhole = resource.length < limit && !(resource.length === 0 && skip > 0);
    const count = isWhole ? skip + resource.length : await runs.count(where);
    return answer(withMeta(set, options, { resource, count, skip, limit }));
  }

  async #readMany(ids: readonly string[], options: Parameters): Promise<Result> {
    const names = namesOf(options);
    // As with all records: reading tells of every identifier, whether or not `continue` is asked for.
    const reading = { items: ids, done: 'retrieved', options: { continue: true } };
    const resource = await this.#each(reading, async ({ runs }, id) =>
      project(rowOf(await get(runs, id)), names),
    );
    return answer({ resource });
  }

  async #page(options: Parameters, where: Where | undefined) {
    const names = namesOf(options);
    const asList = flagOption(options, 'as_list');
    const skip = countOption(options, 'offset') ?? 0;
    const limit = Math.min(countOption(options, 'limit') ?? limits.runPage, limits.records);
    const order: readonly Order[] = readOrder(set, options);
    const isBrief = asList || !names.some((name) => long.includes(name));
    const found = await this.#parts.store.runs.find({ where, order, limit, skip, isBrief });
    const resource = found.map((run) => (asList ? run.id : project(rowOf(run), names)));
    return { resource, skip, limit };
  }

  async #read(id: string, options: Parameters): Promise<Result> {
    const run = await get(this.#parts.store.runs, id);
    return answer(project(rowOf(run), readProjection(set, options, 'all')));
  }

  async #dropMany(call: Call, options: Parameters): Promise<Result> {
    const ids = listOption(options, 'ids') ?? written(call);
    if (ids !== undefined) return answer({ resource: await this.#drop(ids, options, call) });
    const where = readFilter(set, options);
    if (where === undefined && !flagOption(options, 'force')) {
      throw new PlatformError('request.no_records', 'No filter or records given for delete request.');
    }
    const dropped = await this.#dropWhere(where);
    if (dropped.length > 0)
      await this.#tell({ record: 'run', call, dropped: dropped.length }, this.#parts.store);
    return where === undefined ? success() : answer({ resource: dropped.map((id) => ({ id })) });
  }

  async #dropWhere(where: Where | undefined): Promise<string[]> {
    const { runs } = this.#parts.store;
    const dropped: string[] = [];
    for (;;) {
      const found = await runs.find({ where, limit: limits.records, isBrief: true });
      const ids = found.map((run) => run.id);
      if ((await runs.delete(ids)) === 0) return dropped;
      dropped.push(...ids);
    }
  }

  #drop(ids: readonly string[], options: Parameters, call: Call): Promise<unknown[]> {
    const names = readProjection(set, options, 'identifier');
    return this.#each({ items: ids, done: 'deleted', options }, async (store, id) => {
      const row = project(rowOf(await get(store.runs, id)), names);
      await store.runs.delete([id]);
      await this.#tell({ record: `run/${id}`, call, dropped: 1 }, store);
      return row;
    });
  }

  #each(
    batch: Pick<Batch<string>, 'items' | 'done' | 'options'>,
    work: (store: Store, id: string) => Promise<Row>,
  ): Promise<unknown[]> {
    return runBatch({ ...batch, store: this.#parts.store, work });
  }

  // Who drops traces of what happened leaves a trace of that.
  async #tell({ record, call, dropped }: Dropped, store: Store): Promise<void> {
    const note = actionNote(call.operation, { action: 'delete', record, before: { runs: dropped } });
    await this.#parts.audit.add(note, store);
    this.#parts.observe({ kind: 'config.changed', record, by: call.by });
  }
}

interface Dropped {
  readonly record: string;
  readonly call: Call;
  readonly dropped: number;
}

async function get(runs: RunRepository, id: string): Promise<KeptRun> {
  const run = await runs.get(id);
  if (run === undefined) throw recordNotFound(id);
  return run;
}

// The fields that were asked for; without, all that are short.
function namesOf(options: Parameters): readonly string[] {
  const names = readProjection(set, options, 'all');
  return listOption(options, 'fields')?.length ? names : names.filter((name) => !long.includes(name));
}

// Identifiers of the records in the body; undefined when there are none.
function written({ operation }: Call): string[] | undefined {
  const records = findRecords(operation);
  if (records.length === 0) return undefined;
  return records.map(({ id }) => {
    if (typeof id === 'string') return id;
    throw new PlatformError('request.invalid_record', "Every record of the request needs its 'id'.");
  });
}

function rowOf(run: KeptRun): Row {
  return { ...runView(run), position: run.position };
}

/** A run as it is answered. */
export function runView(run: RunRecord): Row {
  return {
    id: run.id,
    script: run.script,
    type: run.type,
    version: run.version,
    stage: run.stage,
    service: run.service,
    resource: run.resource,
    action: run.action,
    door: run.door,
    caller: run.caller,
    user_id: run.userId,
    app_id: run.appId,
    depth: run.depth,
    parent_id: run.parentId,
    started_date: run.startedDate,
    duration_ms: run.durationMs,
    outcome: run.outcome,
    status: run.status,
    output: run.output,
    is_output_cut: run.isOutputCut,
    error_message: run.errorMessage,
    error_line: run.errorLine,
    error_column: run.errorColumn,
    error_stack: run.errorStack,
  };
}
