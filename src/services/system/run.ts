// The log of script runs as a resource: newest first, narrowed by any field, read and dropped, never written.
// Attempts of queued runs lead to these, which are started anew and stopped by the same identifiers.
// Invariant: a list leaves out what is long (output, stacks) unless it is asked for by name.
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Parameters, Result } from '../../core/operation.ts';
import type { Order, Where } from '../../core/query.ts';
import type { KeptRun, RunRepository } from '../../core/run.ts';
import type { Endpoint } from '../../core/service.ts';
import type { Store } from '../../core/store.ts';
import { actionNote } from './audit-note.ts';
import { type Batch, runBatch } from './batch.ts';
import { withUser } from './collection.ts';
import { describedRecords } from './describe-collection.ts';
import { describedRunChange } from './describe-queue.ts';
import type { SystemParts } from './parts.ts';
import { wholeRun } from './queued-run.ts';
import type { RunVerb } from './queued-run-change.ts';
import type { Wanted } from './queued-run-request.ts';
import {
  countOption,
  findRecords,
  flagOption,
  invalidParameter,
  listOption,
  readOptions,
} from './request.ts';
import { answer, type Call, type Resource, recordNotFound, success } from './resource.ts';
import { queuedRelation, RunOrigins } from './run-origin.ts';
import { runFields } from './run-view.ts';
import {
  project,
  type Row,
  type RowSet,
  readFilter,
  readOrder,
  readProjection,
  withMeta,
} from './selection.ts';

const long: readonly string[] = ['output', 'error_stack'];
const set: RowSet = {
  ...{ name: 'run', identifier: 'id', fields: runFields, rows: [] },
  relations: [queuedRelation],
};

type Parts = Pick<SystemParts, 'store' | 'scripts' | 'observe' | 'audit'>;

/** The resource `run`. */
export class RunResource implements Resource {
  readonly name = 'run';
  readonly endpoints: readonly Endpoint[] = [
    ...describedRecords({ ...set, noun: 'run' }, [
      { pattern: ['run'], actions: ['GET', 'DELETE'], summary: 'runs of scripts' },
      { pattern: ['run', '{id}'], actions: ['GET', 'DELETE'], summary: 'one run, with output and error' },
    ]),
    ...(['retry', 'cancel'] as const).flatMap((verb) => [
      describedRunChange(['run', verb], verb),
      describedRunChange(['run', '{id}', verb], verb),
    ]),
  ];
  readonly #parts: Parts;
  readonly #origins: RunOrigins;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#origins = new RunOrigins(parts);
  }

  async handle(call: Call): Promise<Result> {
    const options = withUser(readOptions(call.operation), call.by);
    if (options.group !== undefined) throw invalidParameter('group', "is not supported by 'system/run'");
    // So that whoever has an answer finds its runs.
    await this.#parts.scripts.recorded();
    const [id, verb] = call.path;
    if (call.action === 'POST') return this.#change({ call, options, verb: (verb ?? id) as RunVerb });
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
      project(await this.#rowOf(await get(runs, id), names), names),
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
    if (asList) return { resource: found.map(({ id }) => id), skip, limit };
    const rows = await this.#origins.rows(found, names);
    return { resource: rows.map((row) => project(row, names)), skip, limit };
  }

  async #read(id: string, options: Parameters): Promise<Result> {
    const run = await this.#parts.store.runs.get(id);
    const queued = run === undefined ? await this.#origins.queued(id) : undefined;
    // A queued run has a record here once an attempt of it is over; until then it is shown itself.
    if (queued !== undefined) return answer(await wholeRun(this.#parts, queued, options));
    if (run === undefined) throw recordNotFound(id);
    const names = readProjection(set, options, 'all');
    return answer(project(await this.#rowOf(run, names), names));
  }

  async #rowOf(run: KeptRun, names: readonly string[]): Promise<Row> {
    return (await this.#origins.rows([run], names))[0] ?? {};
  }

  #change(wanted: Wanted): Promise<Result> {
    const [id, verb] = wanted.call.path;
    const where = readFilter(set, wanted.options);
    return this.#origins.change(wanted, where, verb === undefined ? undefined : id);
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
      const row = project(await this.#rowOf(await get(store.runs, id), names), names);
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
