// For tests only: departures that remember what became of them, and a house whose writes set something off.

import type { Dispatcher } from '../../../core/dispatch.ts';
import type { Action, Operation, Result } from '../../../core/operation.ts';
import type { Departure, Keeping, OutboxEntry, RunEffects } from '../../../core/outbox.ts';
import type { NewQueuedRun } from '../../../core/queue.ts';
import type { CallContext, Service } from '../../../core/service.ts';
import type { TransactionScope } from '../../../core/transaction.ts';
import type { SqlService } from '../service.ts';
import { dispatcherOf, operationOf } from './path-fixture.ts';

let last = 0;

/** An id that is greater than those before. */
export function nextId(): string {
  return `00000000-0000-7000-8000-${String(++last).padStart(12, '0')}`;
}

// A run to be queued.
function runOf(payload: string): NewQueuedRun {
  return {
    ...{ id: nextId(), connection: '', queue: '', script: 'x', version: null, priority: 0, payload },
    ...{ userId: null, appId: null, roleId: null, tries: null, backoff: null, timeoutMs: null },
    ...{ uniqueKey: null, orderingKey: null, delivery: 'effects-once' as const, delayMs: 0 },
  };
}

/** An entry with one run. */
export function entryOf(payload: string, pendingMs = 0): OutboxEntry {
  return { id: nextId(), runs: [runOf(payload)], pendingMs };
}

/** What a write was given to set something off, and what it made of it. */
export class Leaving {
  readonly id = nextId();
  readonly answers: Result[] = [];
  readonly departure: Departure;
  keeping: Keeping | undefined;
  intended = 0;

  constructor(pendingMs = 0) {
    this.departure = {
      entry: (result) => {
        this.answers.push(result);
        return { id: this.id, runs: [runOf(result.body?.text ?? '')], pendingMs };
      },
      kept: (keeping) => {
        this.keeping = keeping;
      },
      intend: async () => {
        this.intended++;
      },
    };
  }
}

/** How a call is made beside its address and body. */
export interface LeavingCall {
  readonly body?: unknown;
  readonly transaction?: TransactionScope | undefined;
  readonly leaving?: Leaving;
  readonly idempotency?: Operation['idempotency'];
}

/** An answer with its headers. */
export interface LeavingAnswer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any;
  readonly headers: Readonly<Record<string, string>>;
}

/** Calls of services that are given something to set off. */
export class LeavingHouse {
  readonly #services: readonly Service[];
  readonly #dispatcher: Dispatcher;

  constructor(services: readonly Service[], dispatcher: Dispatcher) {
    this.#services = services;
    this.#dispatcher = dispatcher;
  }

  /** Asks a service itself, as the path does behind its checks; what it throws comes as its status. */
  async ask(action: Action, path: string, call: LeavingCall = {}): Promise<LeavingAnswer> {
    const { body, transaction, leaving, idempotency } = call;
    const operation: Operation = {
      ...operationOf(action, `/api/v2/${path}`, body === undefined ? {} : { body }),
      transaction,
      ...(idempotency === undefined ? {} : { idempotency }),
    };
    const service = this.#services.find(({ name }) => name === operation.service);
    await service?.ready?.(operation.path, transaction !== undefined);
    const location = service?.locate(operation.path, action);
    if (service === undefined || location === undefined) return { status: 404, body: null, headers: {} };
    const context: CallContext = {
      call: (inner) =>
        this.#dispatcher.dispatch({
          ...operation,
          ...inner,
          depth: 1,
          transaction: inner.transaction ?? transaction,
        }),
      check: () => undefined,
      departure: leaving?.departure,
    };
    try {
      const result = await service.handle(operation, location, context);
      return { status: result.status, body: result.body?.value, headers: result.headers };
    } catch (error) {
      const { status = 500, message, kind } = error as { status?: number; message: string; kind?: string };
      if (kind === undefined) throw error;
      return { status, body: { kind, message }, headers: {} };
    }
  }
}

/** Effects of a run; `begin` says yes unless told otherwise. */
export function effectsOf(runId: string, more: Partial<RunEffects> = {}): RunEffects {
  return { runId, fence: 1, isTakeover: false, begin: async () => true, ...more };
}

/** The table that is written to. */
export const outboxTable = 'CREATE TABLE t(id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(40));';

/** A service with its outbox, and calls of it. */
export interface OutboxWorld {
  readonly service: SqlService;
  readonly house: LeavingHouse;
}

/** Calls of a service that leads to itself only. */
export function outboxWorld(given: Service): OutboxWorld {
  const service = given as SqlService;
  return { service, house: new LeavingHouse([service], dispatcherOf([service], [], undefined)) };
}

/** What waits in its database and is due: the payloads of the runs. */
export async function waiting({ service }: OutboxWorld): Promise<readonly string[]> {
  return ((await service.outbox?.due(100)) ?? []).map(({ runs }) => runs[0]?.payload ?? '');
}

/** The records of table t. */
export async function idsOf({ house }: OutboxWorld): Promise<readonly number[]> {
  const { body } = await house.ask('GET', 'hr/_table/t?order=id');
  return body.resource.map(({ id }: { id: number }) => id);
}

/** Writes a record of table t. */
export function post({ house }: OutboxWorld, id: number, call: LeavingCall = {}): Promise<LeavingAnswer> {
  return house.ask('POST', 'hr/_table/t', { body: { resource: [{ id, name: 'x' }] }, ...call });
}
