// Runs that wait in queues, run there, or ended: listed, looked at, started anew, stopped and dropped.
// Invariant: the resource shows and moves runs; what a run does is changed nowhere here.
import { limits } from '../../core/limits.ts';
import type { Parameters, Result } from '../../core/operation.ts';
import type { Where } from '../../core/query.ts';
import type { QueuedRun } from '../../core/queue.ts';
import type { Endpoint } from '../../core/service.ts';
import type { Store } from '../../core/store.ts';
import { runBatch } from './batch.ts';
import { withUser } from './collection.ts';
import { describedRunChange, describedRuns } from './describe-queue.ts';
import type { SystemParts } from './parts.ts';
import { type RunVerb, runVerbs } from './queued-run-change.ts';
import { answerChange, queuedWhere } from './queued-run-request.ts';
import {
  findQueuedRun,
  foundBy,
  logRelation,
  longFields,
  queuedRunRow,
  queuedRunSet,
} from './queued-run-row.ts';
import { countOption, flagOption, invalidParameter, listOption, readOptions } from './request.ts';
import { answer, type Call, type Resource } from './resource.ts';
import { runView } from './run-view.ts';
import { project, type Row, readOrder, readProjection, withMeta } from './selection.ts';

type Parts = Pick<SystemParts, 'store' | 'scripts' | 'observe' | 'audit'>;

/** The resource `queued_run`. */
export class QueuedRunResource implements Resource {
  readonly name = 'queued_run';
  readonly endpoints: readonly Endpoint[] = [
    ...describedRuns(),
    ...runVerbs.flatMap((verb) => [
      describedRunChange(['queued_run', verb], verb),
      describedRunChange(['queued_run', '{id}', verb], verb),
    ]),
  ];
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async handle(call: Call): Promise<Result> {
    const options = withUser(readOptions(call.operation), call.by);
    if (options.group !== undefined) {
      throw invalidParameter('group', "is not supported by 'system/queued_run'");
    }
    const [id, verb] = call.path;
    if (call.action === 'GET') return id === undefined ? this.#list(options) : this.#read(id, options);
    if (call.action === 'DELETE') return answerChange(this.#parts, { call, options, verb: 'forget' }, id);
    if (verb !== undefined) return answerChange(this.#parts, { call, options, verb: verb as RunVerb }, id);
    return answerChange(this.#parts, { call, options, verb: id as RunVerb });
  }

  async #list(options: Parameters): Promise<Result> {
    const { queue } = this.#parts.store;
    const ids = listOption(options, 'ids');
    if (ids !== undefined) return this.#readMany(ids, options);
    const where = queuedWhere(options);
    if (flagOption(options, 'count_only')) return answer(await queue.count(where));
    const skip = countOption(options, 'offset') ?? 0;
    const limit = Math.min(countOption(options, 'limit') ?? limits.runPage, limits.records);
    const resource = await this.#page(options, { where, skip, limit });
    const isWhole = resource.length < limit && !(resource.length === 0 && skip > 0);
    const count = isWhole ? skip + resource.length : await queue.count(where);
    return answer(withMeta(queuedRunSet, options, { resource, count, skip, limit }));
  }

  async #page(options: Parameters, page: Page): Promise<readonly unknown[]> {
    const names = namesOf(options);
    const asList = flagOption(options, 'as_list');
    const isBrief = asList || !names.some((name) => longFields.includes(name));
    const order = readOrder(foundBy, options);
    const found = await this.#parts.store.queue.list({ ...page, order, isBrief });
    return found.map((run) => (asList ? run.id : project(queuedRunRow(run), names)));
  }

  // As with all records: reading tells of every identifier, whether or not `continue` is asked for.
  async #readMany(ids: readonly string[], options: Parameters): Promise<Result> {
    const names = namesOf(options);
    const { store } = this.#parts;
    const work = async ({ queue }: Store, id: string) =>
      project(queuedRunRow(await findQueuedRun(queue, id)), names);
    const batch = { items: ids, done: 'retrieved', options: { continue: true }, store, work };
    return answer({ resource: await runBatch(batch) });
  }

  async #read(id: string, options: Parameters): Promise<Result> {
    const run = await findQueuedRun(this.#parts.store.queue, id);
    return answer(await wholeRun(this.#parts, run, options));
  }
}

interface Page {
  readonly where: Where | undefined;
  readonly skip: number;
  readonly limit: number;
}

// The fields that were asked for; without, all that are short.
function namesOf(options: Parameters): readonly string[] {
  const names = readProjection({ ...queuedRunSet, relations: [] }, options, 'all');
  return listOption(options, 'fields')?.length ? names : names.filter((name) => !longFields.includes(name));
}

/** Everything of one run; with its attempts in the log of runs where they are asked for. */
export async function wholeRun(
  { store, scripts }: Pick<Parts, 'store' | 'scripts'>,
  run: QueuedRun,
  options: Parameters,
): Promise<Row> {
  const names = readProjection(queuedRunSet, options, 'all');
  const row = queuedRunRow(run);
  if (!names.includes(logRelation)) return project(row, names);
  await scripts.recorded();
  const where: Where = { kind: 'compare', field: 'queuedRunId', op: '=', value: run.id };
  const attempts = await store.runs.find({ where, limit: limits.records });
  return project({ ...row, [logRelation]: attempts.map(runView) }, names);
}
