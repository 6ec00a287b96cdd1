// From runs in the log to the queued runs that they were attempts of. Invariant: what is done with a run of
// the log is done with its queued run, once, however many attempts of it were named.
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Result } from '../../core/operation.ts';
import type { Where } from '../../core/query.ts';
import type { QueuedRun } from '../../core/queue.ts';
import type { KeptRun } from '../../core/run.ts';
import {
  answerEach,
  type ChangeParts,
  changeEach,
  changeIds,
  chosenIds,
  mustBeForced,
  type Wanted,
} from './queued-run-request.ts';
import { longFields, lookUp, queuedRunRow } from './queued-run-row.ts';
import { answer, recordNotFound } from './resource.ts';
import { runView } from './run-view.ts';
import type { Row } from './selection.ts';

/** The relation under which a run is answered with the queued run that it was an attempt of. */
export const queuedRelation = 'queued_run_by_queued_run_id';

/** Queued runs behind runs of the log. */
export class RunOrigins {
  readonly #parts: ChangeParts;

  constructor(parts: ChangeParts) {
    this.#parts = parts;
  }

  /** Runs as rows, with their queued runs where these are asked for. */
  async rows(runs: readonly KeptRun[], names: readonly string[]): Promise<Row[]> {
    const rows: Row[] = runs.map((run) => ({ ...runView(run), position: run.position }));
    if (!names.includes(queuedRelation)) return rows;
    const values = originsOf(runs);
    const where: Where = { kind: 'in', field: 'id', values };
    const query = { where, limit: limits.records, isBrief: true };
    const found = values.length === 0 ? [] : await this.#parts.store.queue.list(query);
    const byId = new Map(found.map((run) => [run.id, briefRow(run)]));
    return rows.map((row) => ({ ...row, [queuedRelation]: byId.get(String(row.queued_run_id)) ?? null }));
  }

  /** The queued run that an identifier of the log, or one of queues, stands for. */
  async queued(id: string): Promise<QueuedRun | undefined> {
    // Short numbers of the log are others than those of queues.
    return id.includes('-') ? lookUp(this.#parts.store.queue, id) : undefined;
  }

  /** Does something with the queued runs behind a run, behind those that are named, or behind a filter. */
  async change(wanted: Wanted, where: Where | undefined, id?: string): Promise<Result> {
    const ids = id === undefined ? chosenIds(wanted.call, wanted.options) : [id];
    if (ids === undefined) return this.#changeWhere(wanted, where);
    const origins: string[] = [];
    for (const each of ids) origins.push(await this.#originOf(each));
    const rows = await changeEach(this.#parts, wanted, [...new Set(origins)]);
    return id === undefined ? answerEach(rows) : answer(rows[0]);
  }

  async #originOf(id: string): Promise<string> {
    const run = await this.#parts.store.runs.get(id);
    if (run === undefined) {
      const queued = await this.queued(id);
      if (queued === undefined) throw recordNotFound(id);
      return queued.id;
    }
    if (typeof run.queuedRunId === 'string') return run.queuedRunId;
    throw new PlatformError('request.conflict', `Run ${id} is over, and came from no queue.`);
  }

  async #changeWhere(wanted: Wanted, where: Where | undefined): Promise<Result> {
    if (where === undefined) mustBeForced(wanted);
    const { runs } = this.#parts.store;
    const queued: Where = { kind: 'not', term: { kind: 'null', field: 'queuedRunId' } };
    const terms = where === undefined ? [queued] : [queued, where];
    let count = 0;
    for (let before: number | undefined; ; ) {
      const older: Where[] =
        before === undefined ? [] : [{ kind: 'compare', field: 'position', op: '<', value: before }];
      const all: Where = { kind: 'and', terms: [...terms, ...older] };
      const found = await runs.find({ where: all, limit: limits.records, isBrief: true });
      count += await changeIds(this.#parts, wanted, originsOf(found));
      before = found.at(-1)?.position;
      if (before === undefined || found.length < limits.records) return answer({ count });
    }
  }
}

function originsOf(runs: readonly KeptRun[]): string[] {
  return [...new Set(runs.flatMap(({ queuedRunId }) => queuedRunId ?? []))];
}

function briefRow(run: QueuedRun): Row {
  const fields = Object.entries(queuedRunRow(run));
  return Object.fromEntries(fields.filter(([name]) => !longFields.includes(name)));
}
