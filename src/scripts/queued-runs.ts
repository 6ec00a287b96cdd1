// Performs queued runs: who acts is looked up again, the script is run, and what it wrote is committed with
// the note that it was. Invariant: whatever happens, the worker is told an end; what a run wrote in its
// transaction counts only together with its note, and the run counts as done only after that.
import type { AccessPolicy } from '../core/access.ts';
import { Body } from '../core/body.ts';
import { asPlatformError, type ErrorCode, type PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Operation, Principal, Result } from '../core/operation.ts';
import type {
  ClaimedRun,
  NewQueuedRun,
  Performed,
  QueuedRun,
  RunControl,
  RunPerformer,
} from '../core/queue.ts';
import { readQueueOptions } from '../core/queue-options.ts';
import type { ScheduleAnswer, ScheduleSlots } from '../core/schedule.ts';
import type { Exchange, QueuedEnd, QueuedWork } from '../core/script.ts';
import type { ServiceDirectory } from '../core/service.ts';
import { TransactionScope } from '../core/transaction.ts';
import { parseParameters } from '../query/parameters.ts';
import type { RunActors } from '../security/run-actors.ts';
import type { EventScripts } from './directory.ts';
import { type QueuedPayload, queuedOperation, queuedResult, readPayload } from './queued-payload.ts';
import { newRunId } from './run-record.ts';
import { queuedRun } from './types/queued.ts';

/** What performing runs takes. */
export interface QueuedRunsParts {
  readonly scripts: Pick<EventScripts, 'perform'>;
  readonly services: ServiceDirectory;
  readonly access: AccessPolicy;
  readonly actors: Pick<RunActors, 'of'>;
  /** Told how the call of a schedule was answered. */
  readonly answered: ScheduleSlots['answered'];
  readonly dispatcher: {
    dispatch(operation: Operation): Promise<Result>;
    callsOf(operation: Operation): Exchange['call'];
  };
}

/** Performs runs for workers. */
export class QueuedRuns implements RunPerformer {
  readonly #parts: QueuedRunsParts;

  constructor(parts: QueuedRunsParts) {
    this.#parts = parts;
  }

  async perform(run: ClaimedRun, control: RunControl): Promise<Performed> {
    let payload: QueuedPayload | undefined;
    try {
      payload = readPayload(run.payload);
      if (await this.#wasApplied(run)) return done;
      const principal = await this.#parts.actors.of({ ...run, kind: payload.caller });
      return await this.#perform({ run, control, payload, principal });
    } catch (thrown) {
      return notPerformed(thrown, { run, payload });
    }
  }

  onLost(run: QueuedRun): NewQueuedRun | undefined {
    try {
      const payload = readPayload(run.payload);
      return onFailure({ run, payload, reason: run.reason ?? 'interrupted', logId: run.logId });
    } catch {
      // What nobody here can read has been told as it is: put aside.
      return undefined;
    }
  }

  // A worker that was taken for lost may have got as far as its commit.
  async #wasApplied({ id, fence, effectsService }: ClaimedRun): Promise<boolean> {
    if (fence === 1 || effectsService === null) return false;
    const service = this.#parts.services.list().find(({ name }) => name === effectsService);
    // One that is gone, or has another name, may still refuse a second commit.
    return (await service?.outbox?.wasApplied?.(id)) === true;
  }

  async #perform(performing: Performing): Promise<Performed> {
    const { run, control, payload } = performing;
    const scope = run.delivery === 'effects-once' ? effectsOf(run, control) : undefined;
    let end: QueuedEnd;
    try {
      end = await this.#run(performing, scope);
    } catch (error) {
      await scope?.rollback();
      throw error;
    }
    if (end.outcome !== 'finished') {
      await scope?.rollback();
      return scope?.wasApplied === true ? done : failedRun(end, { run, payload });
    }
    return scope === undefined ? done : this.#commit(scope);
  }

  async #commit(scope: TransactionScope): Promise<Performed> {
    try {
      await scope.commit();
    } catch (error) {
      await scope.rollback();
      if (scope.wasApplied) return done;
      throw error;
    }
    if (scope.wasApplied) return done;
    return { outcome: 'done', further: scope.leftovers.flatMap(({ runs }) => runs) };
  }

  async #run({ run, control, payload, principal }: Performing, scope?: TransactionScope): Promise<QueuedEnd> {
    const operation: Operation = {
      ...queuedOperation(payload, principal),
      run: { id: run.id, signal: control.signal },
      ...(scope === undefined ? {} : { transaction: scope }),
    };
    if (payload.kind === 'call') return this.#call(operation, payload.schedule && run.id);
    const work: QueuedWork = {
      operation,
      result: queuedResult(payload),
      call: this.#parts.dispatcher.callsOf(operation),
      queued: { id: run.id, attempt: run.attempt + 1, isUncertain: payload.isUncertain === true },
      memory: control,
      version: run.version,
      timeoutMs: run.timeoutMs,
      signal: control.signal,
    };
    return payload.kind === 'service' ? this.#service(work) : this.#event(work, run, payload);
  }

  async #event(work: QueuedWork, { script }: ClaimedRun, { event }: QueuedPayload): Promise<QueuedEnd> {
    const end = event && this.#parts.scripts.perform(work, { script, event });
    return end ?? notThere(`the script '${script}' is gone or not active`);
  }

  // He who may not call the service any more does not get it done either.
  async #service(work: QueuedWork): Promise<QueuedEnd> {
    const { operation } = work;
    const service = this.#parts.services.find(operation.service);
    const location = service.locate(operation.path, operation.action);
    const { perform } = service;
    if (location === undefined || perform === undefined) {
      return notThere(`the service '${operation.service}' has no script any more`);
    }
    this.#parts.access.check(operation, location);
    return perform(work);
  }

  async #call(operation: Operation, scheduled: string | undefined): Promise<QueuedEnd> {
    const { status, body } = await this.#parts.dispatcher.dispatch(operation);
    if (scheduled !== undefined) await this.#tell(scheduled, answerOf(status, body));
    if (status < 400) return { outcome: 'finished' };
    const reason = `${operation.action} ${operation.uri} was answered with ${status}: ${messageOf(body)}`;
    return { outcome: 'refused', reason, logId: null, retry: undefined };
  }

  // The call was made: it is not made again because nobody could note how it was answered.
  async #tell(scheduled: string, answer: ScheduleAnswer): Promise<void> {
    await this.#parts.answered(scheduled, answer).catch(() => undefined);
  }
}

// What cannot be written as text is not told; its status is.
function answerOf(status: number, body: Body | undefined): ScheduleAnswer {
  if (body === undefined || body.isBinary) return { status, content: null };
  return { status, content: body.text.slice(0, limits.scheduleAnswerChars) };
}

interface Performing {
  readonly run: ClaimedRun;
  readonly control: RunControl;
  readonly payload: QueuedPayload;
  readonly principal: Principal;
}

type Started = Pick<Performing, 'run'> & { readonly payload: QueuedPayload | undefined };

const done: Performed = { outcome: 'done', further: [] };

function effectsOf({ id, fence }: ClaimedRun, control: RunControl): TransactionScope {
  const begin = (service: string) => control.noteEffects(service);
  return new TransactionScope({ effects: { runId: id, fence, isTakeover: fence > 1, begin } });
}

function failedRun(end: Exclude<QueuedEnd, { outcome: 'finished' }>, started: Started): Performed {
  const { outcome, reason, logId, retry } = end;
  // Nobody could begin it: that says nothing of the script.
  if (outcome === 'saturated' || outcome === 'unavailable') return postponed(reason);
  const { run, payload } = started;
  return {
    outcome: 'failed',
    reason,
    logId,
    retry: retry === undefined ? undefined : retry === false ? 'never' : { afterMs: retry * 1_000 },
    onFailure: payload && onFailure({ run, payload, reason, logId }),
  };
}

// What nobody can help the run over by failing it. A transaction that was open for too long is no such thing.
const passing: ReadonlySet<ErrorCode> = new Set(['service.unavailable', 'queue.unavailable', 'queue.lost']);

// What was thrown beside the script: a database that is away is asked again, what is refused stays so.
function notPerformed(thrown: unknown, { run, payload }: Started): Performed {
  const error = asPlatformError(thrown);
  if (passing.has(error.kind)) return postponed(error.message);
  const isRefused = error.status < 500;
  const reason = error.kind === 'request.failed' ? causeOf(error) : error.message;
  return {
    outcome: 'failed',
    reason,
    logId: null,
    retry: isRefused && error.kind !== 'request.conflict' ? 'never' : undefined,
    onFailure: payload && onFailure({ run, payload, reason, logId: null }),
  };
}

function postponed(reason: string): Performed {
  return { outcome: 'postponed', reason, delayMs: limits.queuePostponeMs };
}

function notThere(reason: string): QueuedEnd {
  return { outcome: 'not_loaded', reason, logId: null, retry: false };
}

function causeOf({ cause, message }: PlatformError): string {
  return cause instanceof Error ? cause.message : message;
}

interface LastFailure {
  readonly run: QueuedRun;
  readonly payload: QueuedPayload;
  readonly reason: string;
  readonly logId: string | null;
}

/** The call that tells of a run that has failed for good. */
function onFailure({ run, payload, reason, logId }: LastFailure): NewQueuedRun | undefined {
  if (payload.onFailure === undefined) return undefined;
  const [path = '', query = ''] = payload.onFailure.replace(/^\/+/, '').split('?', 2);
  const [service = '', ...rest] = path.split('/');
  const told = { id: run.id, number: run.position, script: run.script, reason, log_id: logId };
  const where = { connection: run.connection, queue: run.queue, attempt: run.attempt + 1 };
  const event = { name: payload.event?.name ?? run.script, uri: payload.uri, method: payload.action };
  const request = { ...payload.request, payload: contentOf(payload.request.body) };
  const body = Body.ofValue({ ...told, ...where, event: { ...event, request } });
  const operation: Operation = {
    service,
    path: rest.filter((part) => part !== ''),
    action: 'POST',
    origin: 'queue',
    requestor: 'script',
    principal: { kind: payload.caller } as Principal,
    depth: payload.depth + 1,
    request: { parameters: parseParameters(query), headers: {}, body },
    uri: `/api/v2/${payload.onFailure.replace(/^\/+/, '')}`,
    apiVersion: payload.apiVersion,
  };
  const source = { kind: 'call', script: run.script, version: '', options } as const;
  const call = queuedRun(source, { id: newRunId(), operation, request: operation.request });
  const { connection, queue, userId, appId, roleId } = run;
  return { ...call, version: null, connection, queue, userId, appId, roleId };
}

const options = { ...readQueueOptions({}), delivery: 'at-least-once' } as const;

function contentOf(body: { readonly text: string; readonly value?: unknown } | undefined): unknown {
  if (body === undefined) return null;
  if (body.value !== undefined) return body.value;
  try {
    return JSON.parse(body.text);
  } catch {
    return body.text;
  }
}

function messageOf(body: Body | undefined): string {
  try {
    const answer = body?.value as { error?: { message?: unknown } } | undefined;
    return String(answer?.error?.message ?? 'no message');
  } catch {
    return 'no message';
  }
}
