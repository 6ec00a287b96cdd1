// Queued scripts: what an exchange sets off. Invariant: a run has its id from the moment it is first spoken
// of, so that whoever hands it on, and however often, it is one run.
import type { Operation, Result } from '../../core/operation.ts';
import type { SetOff } from '../../core/outbox.ts';
import type { NewQueuedRun } from '../../core/queue.ts';
import type { QueueOptions } from '../../core/queue-options.ts';
import type { Exchange } from '../../core/script.ts';
import { runIdOf } from '../keyed-run-id.ts';
import { keyOf } from '../queued-key.ts';
import { type PayloadSource, type QueuedPayload, writePayload } from '../queued-payload.ts';
import { newRunId } from '../run-record.ts';
import type { Bound } from './event.ts';

/** What a run is made of beside its exchange. */
export interface QueuedSource {
  readonly kind: QueuedPayload['kind'];
  readonly script: string;
  /** Of its text now. */
  readonly version: string;
  readonly options: QueueOptions;
  readonly event?: QueuedPayload['event'];
}

/** What the queued scripts of a location are run for. */
export function setOffBy(exchange: Exchange, scripts: readonly Bound[]): SetOff {
  const { operation } = exchange;
  const ids = scripts.map(({ loaded, place }) => {
    return runIdOf(operation, `${loaded.script.name} at ${place.event.name}`);
  });
  return {
    runs: (result, isUncertain = false) =>
      scripts.flatMap(({ place, loaded }, at) => {
        const { queue: options, name: script } = loaded.script;
        if (options === undefined) return [];
        const { event } = place;
        const source = { kind: 'event', script, version: loaded.version, options, event } as const;
        const told = { operation, request: exchange.request, result, isUncertain };
        return [queuedRun(source, { ...told, id: ids[at] ?? newRunId() })];
      }),
  };
}

/** What a queued run tells its script. */
export interface QueuedExchange {
  readonly id: string;
  readonly operation: Operation;
  readonly request: Operation['request'];
  readonly result?: Result | undefined;
  readonly isUncertain?: boolean;
  readonly schedule?: NonNullable<PayloadSource['schedule']>;
}

/** A run to be queued. */
export function queuedRun(source: QueuedSource, exchange: QueuedExchange): NewQueuedRun {
  const { kind, script, version, options, event } = source;
  const { id, operation } = exchange;
  const { user, app, role } = operation.principal;
  const { onFailure, priority, tries, timeoutMs, delivery, delayMs, backoff } = options;
  return {
    id,
    script,
    version: options.version === 'latest' ? null : version,
    connection: options.connection ?? '',
    queue: options.queue ?? '',
    priority,
    payload: writePayload({ ...exchange, kind, ...(event === undefined ? {} : { event }), onFailure }),
    userId: user?.id ?? null,
    appId: app?.id ?? null,
    roleId: role?.id ?? null,
    tries,
    backoff: backoff === null ? null : JSON.stringify(backoff),
    timeoutMs,
    uniqueKey: keyOf(options.uniqueKey, exchange),
    orderingKey: keyOf(options.orderingKey, exchange),
    delivery,
    delayMs,
  };
}
