// The resource `scheduler`: schedules, what is done with one, and what became of its slots. Invariant: who
// may not write a schedule can neither run it nor stop it.
import { Body } from '../../core/body.ts';
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Parameters, Principal, Result } from '../../core/operation.ts';
import type { ScheduleRecord, ScheduleRun } from '../../core/schedule.ts';
import type { Endpoint } from '../../core/service.ts';
import { actionNote } from './audit-note.ts';
import { CollectionResource } from './collection.ts';
import type { SystemParts } from './parts.ts';
import { countOption, invalidParameter, readObject, readOptions } from './request.ts';
import { answer, type Call, type Resource, recordNotFound } from './resource.ts';
import { isOwn, permitSchedule } from './schedule-actor.ts';
import { type ScheduleParts, scheduleCollection, timingOf } from './schedule-collection.ts';
import { describedVerbs } from './schedule-description.ts';
import { readTiming, readWhole, usualSchedule } from './schedule-fields.ts';
import { previewOf } from './schedule-preview.ts';
import { scheduleRows, taskLog } from './schedule-row.ts';
import { scheduleRunRow, scheduleRunSet } from './schedule-run-row.ts';
import { project, type Row, readProjection, withMeta } from './selection.ts';

const usualCount = 5;

const unsupported = ['filter', 'order', 'group', 'ids', 'count_only', 'as_list'];

/** The resource `scheduler`. */
export class ScheduleResource implements Resource {
  readonly name = 'scheduler';
  readonly endpoints: readonly Endpoint[];
  readonly #parts: ScheduleParts & Pick<SystemParts, 'audit'>;
  readonly #records: CollectionResource;

  constructor(parts: ScheduleParts & Pick<SystemParts, 'audit'>) {
    const { store, audit } = parts;
    this.#parts = parts;
    this.#records = new CollectionResource({ collection: scheduleCollection(parts), store, audit });
    this.endpoints = [...this.#records.endpoints, ...describedVerbs()];
  }

  async handle(call: Call): Promise<Result> {
    const [first, verb, run] = call.path;
    if (first === 'next') return this.#preview(call);
    if (first === 'runs') return this.#runs(call);
    if (first === undefined || verb === undefined) {
      checkLog(call);
      return this.#records.handle(call);
    }
    const schedule = await this.#find(first);
    switch (verb) {
      case 'run':
        return this.#run(call, schedule);
      case 'next':
        return this.#next(call, schedule);
      case 'runs':
        return run === undefined ? this.#runs(call, schedule) : this.#oneRun(call, schedule, run);
      default:
        return this.#setActive(call, verb === 'resume');
    }
  }

  async #find(id: string): Promise<ScheduleRecord> {
    const schedules = await this.#parts.store.schedules.list();
    const schedule = schedules.find((each) => String(each.id) === id);
    if (schedule === undefined) throw recordNotFound(id);
    return schedule;
  }

  async #run({ operation }: Call, schedule: ScheduleRecord): Promise<Result> {
    const { store, schedules, audit } = this.#parts;
    const [row = {}] = await scheduleRows(store, [schedule], false);
    permitSchedule({ principal: operation.principal, row });
    const { outcome, id } = await schedules.runNow(schedule.id);
    if (outcome === 'busy') throw busy(schedule, id);
    const record = `scheduler/${schedule.id}`;
    await audit.add(actionNote(operation, { action: 'run', record, after: { run_id: id } }));
    return answer({ id, schedule_id: schedule.id, state: 'queued' }, 202);
  }

  // A change like any other, which says what the schedule is like then.
  #setActive(call: Call, isActive: boolean): Promise<Result> {
    const { operation, parameters } = call;
    const told: Parameters = { fields: 'id,name,is_active,next_run_date', ...parameters };
    const request = {
      ...operation.request,
      parameters: told,
      body: Body.ofValue({ is_active: isActive }),
    };
    const patch = { ...operation, action: 'PATCH', request } as const;
    const path = call.path.slice(0, 1);
    return this.#records.handle({ ...call, action: 'PATCH', path, parameters: told, operation: patch });
  }

  async #next({ parameters }: Call, schedule: ScheduleRecord): Promise<Result> {
    const count = readCount(countOption(parameters, 'count'));
    const after = await this.#parts.store.scheduleSlots.now();
    const { timetable } = this.#parts.schedules;
    const preview = previewOf(timetable, { timing: timingOf(schedule), after, count });
    return answer({ ...preview, is_active: schedule.isActive });
  }

  async #preview({ operation }: Call): Promise<Result> {
    const written = readObject(operation);
    const timing = { ...timingOf(usualSchedule), ...readTiming(written) };
    const count = readWhole(written, 'count', [1, limits.schedulePreview]) ?? usualCount;
    const after = await this.#parts.store.scheduleSlots.now();
    return answer(previewOf(this.#parts.schedules.timetable, { timing, after, count }));
  }

  async #runs({ operation }: Call, schedule?: ScheduleRecord): Promise<Result> {
    const options = readOptions(operation);
    // A list that seems to be chosen, and is not, would be taken for what it is not.
    const unknown = unsupported.find((name) => options[name] !== undefined);
    if (unknown !== undefined) throw invalidParameter(unknown, 'is not supported for runs of schedules');
    const names = readProjection(scheduleRunSet, options, 'all');
    const { scheduleSlots } = this.#parts.store;
    const skip = countOption(options, 'offset') ?? 0;
    const limit = Math.min(countOption(options, 'limit') ?? limits.runPage, limits.records);
    const of = schedule === undefined ? {} : { scheduleId: schedule.id };
    const runs = limit === 0 ? [] : await scheduleSlots.runs({ ...of, limit, skip });
    const rows = await this.#rowsFor(operation.principal, runs);
    const resource = rows.map((row) => project(row, names));
    const isWhole = runs.length < limit && !(runs.length === 0 && skip > 0);
    const count = isWhole ? skip + runs.length : await scheduleSlots.countRuns(schedule?.id);
    return answer(withMeta(scheduleRunSet, options, { resource, count, skip, limit }));
  }

  async #oneRun({ operation }: Call, { id }: ScheduleRecord, runId: string): Promise<Result> {
    const names = readProjection(scheduleRunSet, readOptions(operation), 'all');
    const runs = await this.#parts.store.scheduleSlots.runs({ scheduleId: id, runId, limit: 1 });
    const [row] = await this.#rowsFor(operation.principal, runs);
    if (row === undefined) throw recordNotFound(runId);
    return answer(project(row, names));
  }

  // A call may be answered with what its reader has no right to.
  async #rowsFor(principal: Principal, runs: readonly ScheduleRun[]): Promise<Row[]> {
    const rows = runs.map(scheduleRunRow);
    if (principal.isAdmin || rows.length === 0) return rows;
    const schedules = await this.#parts.store.schedules.list();
    const own = new Set(schedules.filter((each) => isOwn(principal, each)).map(({ id }) => id));
    return rows.map((row) =>
      own.has(Number(row.schedule_id)) ? row : { ...row, content: null, reason: null },
    );
  }
}

// It holds how the latest call was answered.
function checkLog({ operation }: Call): void {
  if (operation.principal.isAdmin) return;
  const related = String(readOptions(operation).related ?? '');
  const names = related.split(',').map((name) => name.trim());
  if (!names.includes('*') && !names.includes(taskLog)) return;
  throw new PlatformError(
    'access.forbidden',
    `Access Forbidden. '${taskLog}' is for administrators, because it holds answers to calls of others. ` +
      'Name the other relations that are wanted.',
  );
}

function readCount(count = usualCount): number {
  const most = limits.schedulePreview;
  if (count >= 1 && count <= most) return count;
  throw invalidParameter('count', `must be a whole number from 1 to ${most}`);
}

function busy({ name }: ScheduleRecord, id: string): PlatformError {
  const message =
    `The schedule '${name}' is not run now, because its run ${id} is not over and it skips what comes ` +
    "meanwhile. Wait for that run, or let overlap be 'queue' or 'allow'.";
  return new PlatformError('request.conflict', message, { context: { id } });
}
