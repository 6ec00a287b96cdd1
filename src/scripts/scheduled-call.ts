// Calls that the clock asks for, as queued runs. Invariant: who acts is kept by ids and looked up when the
// run starts, so that a schedule of somebody who is gone does nothing.
import { Body } from '../core/body.ts';
import { PlatformError } from '../core/errors.ts';
import type { Action, Operation, Principal } from '../core/operation.ts';
import type { NewQueuedRun } from '../core/queue.ts';
import { verbBits } from '../core/role.ts';
import type { ScheduleOrder, ScheduleRecord } from '../core/schedule.ts';
import { parseParameters } from '../query/parameters.ts';
import { queuedRun } from './types/queued.ts';

/** The queued run of a scheduled call. Throws `config.invalid` for a record that says of no call. */
export function scheduledRun({ schedule, service, id, delayMs }: ScheduleOrder): NewQueuedRun {
  const { userId, appId, delivery, priority, tries, timeoutSeconds, overlap } = schedule;
  const key = `schedule:${schedule.id}`;
  const options = {
    ...(schedule.connection === null ? {} : { connection: schedule.connection }),
    ...(schedule.queue === null ? {} : { queue: schedule.queue }),
    ...{ delayMs, delivery, priority, tries, backoff: null, onFailure: null, version: 'latest' as const },
    timeoutMs: timeoutSeconds === null ? null : timeoutSeconds * 1_000,
    uniqueKey: overlap === 'skip' ? key : null,
    orderingKey: overlap === 'queue' ? key : null,
  };
  const operation = operationOf(schedule, service);
  const source = { kind: 'call', script: `schedule:${schedule.name}`, version: '', options } as const;
  const run = queuedRun(source, { id, operation, request: operation.request, schedule });
  return { ...run, userId, appId, roleId: null };
}

function operationOf(schedule: ScheduleRecord, service: string): Operation {
  const { component, payload } = schedule;
  const [path = '', ...query] = component.replace(/^\/+/, '').split('?');
  return {
    service,
    path: path.split('/').flatMap((part) => (part === '' ? [] : [decoded(part)])),
    action: actionOf(schedule),
    origin: 'schedule',
    requestor: 'api',
    principal: { kind: callerOf(schedule) } as Principal,
    depth: 0,
    request: {
      parameters: parseParameters(query.join('?')),
      headers: {},
      body: payload === null ? undefined : Body.ofText(payload, 'application/json'),
    },
    uri: `/api/v2/${[service, component.replace(/^\/+/, '')].filter((part) => part !== '').join('/')}`,
    apiVersion: '2.0',
  };
}

// Without anybody to act for, it is the system itself.
function callerOf({ userId, appId }: ScheduleRecord): Principal['kind'] {
  if (userId !== null) return 'user';
  return appId === null ? 'system' : 'app';
}

function actionOf({ verbMask, name }: ScheduleRecord): Action {
  const action = (Object.keys(verbBits) as Action[]).find((verb) => verbBits[verb] === verbMask);
  if (action !== undefined) return action;
  throw new PlatformError('config.invalid', `The schedule '${name}' has no verb: its mask is ${verbMask}.`);
}

// A lone percent sign is one that somebody meant.
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
