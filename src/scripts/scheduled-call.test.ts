// Calls that the clock asks for, from the record of a schedule to the operation.
import { describe, expect, it } from 'vitest';
import { itself } from '../core/operation.ts';
import type { ScheduleRecord } from '../core/schedule.ts';
import { queuedOperation, readPayload } from './queued-payload.ts';
import { scheduledRun } from './scheduled-call.ts';

const stamps = { createdDate: '', lastModifiedDate: '', createdById: 1, lastModifiedById: null };

const nightly: ScheduleRecord = {
  ...{ id: 7, name: 'nightly', description: null, isActive: true, serviceId: 3, ...stamps },
  ...{ component: '_table/todo?filter=done%3D1&limit=5', verbMask: 1, frequency: 5, cron: null },
  ...{ timeZone: 'UTC', payload: null, overlap: 'skip', missed: 'last', missedCount: 1, jitterSeconds: 0 },
  ...{ userId: null, appId: null, isPrivileged: true, connection: null, queue: null, priority: 0 },
  ...{ tries: 1, timeoutSeconds: null, delivery: 'effects-once' },
};

function runOf(changes: Partial<ScheduleRecord> = {}, delayMs = 0) {
  const schedule = { ...nightly, ...changes };
  return scheduledRun({ schedule, service: 'db', id: 'run-1', slot: 60_000, delayMs });
}

function operationOf(changes: Partial<ScheduleRecord> = {}) {
  return queuedOperation(readPayload(runOf(changes).payload), itself);
}

describe('the run of a schedule', () => {
  it('is of the system, waits where others do, and is tried once', () => {
    expect(runOf()).toMatchObject({
      ...{ id: 'run-1', script: 'schedule:nightly', version: null, connection: '', queue: '', priority: 0 },
      ...{ userId: null, appId: null, roleId: null, tries: 1, timeoutMs: null, backoff: null, delayMs: 0 },
      ...{ uniqueKey: 'schedule:7', orderingKey: null, delivery: 'effects-once' },
    });
    expect(readPayload(runOf().payload).caller).toBe('system');
  });

  it('waits where its schedule says, for as long, and is given as much', () => {
    const said = { connection: 'redis', queue: 'nights', priority: 3, tries: 4, timeoutSeconds: 90 };
    expect(runOf({ ...said, delivery: 'at-most-once' }, 1_500)).toMatchObject({
      ...{ connection: 'redis', queue: 'nights', priority: 3, tries: 4, timeoutMs: 90_000 },
      ...{ delivery: 'at-most-once', delayMs: 1_500 },
    });
  });

  it.each([
    ['skip', 'schedule:7', null],
    ['queue', null, 'schedule:7'],
    ['allow', null, null],
  ] as const)('that meets another one: %s', (overlap, uniqueKey, orderingKey) => {
    expect(runOf({ overlap })).toMatchObject({ uniqueKey, orderingKey });
  });

  it.each([
    [{ userId: 5, appId: 2 }, 'user'],
    [{ userId: null, appId: 2 }, 'app'],
  ] as const)('acts for %j', (actor, caller) => {
    const run = runOf(actor);
    expect(run).toMatchObject(actor);
    expect(readPayload(run.payload).caller).toBe(caller);
  });
});

describe('the operation of a scheduled call', () => {
  it('is what the record says, by the door of the clock', () => {
    expect(operationOf()).toMatchObject({
      ...{ service: 'db', path: ['_table', 'todo'], action: 'GET', origin: 'schedule', requestor: 'api' },
      ...{ depth: 0, uri: '/api/v2/db/_table/todo?filter=done%3D1&limit=5', isPrivileged: true },
      request: { parameters: { filter: 'done=1', limit: '5' }, headers: {}, body: undefined },
    });
  });

  it.each([
    [1, 'GET'],
    [2, 'POST'],
    [4, 'PUT'],
    [8, 'PATCH'],
    [16, 'DELETE'],
  ])('does verb %i as %s', (verbMask, action) => {
    expect(operationOf({ verbMask }).action).toBe(action);
  });

  it('is nothing where there is no verb', () => {
    expect(() => runOf({ verbMask: 3 })).toThrow("The schedule 'nightly' has no verb: its mask is 3.");
  });

  it('sends its payload as JSON', () => {
    const { request } = operationOf({ payload: '{"a":[1,2]}', verbMask: 2 });
    expect([request.body?.value, request.body?.isJson]).toEqual([{ a: [1, 2] }, true]);
  });

  it.each([
    ['', [], '/api/v2/db'],
    ['/', [], '/api/v2/db'],
    ['/_table//x y/%C3%A4', ['_table', 'x y', 'ä'], '/api/v2/db/_table//x y/%C3%A4'],
    ['100%', ['100%'], '/api/v2/db/100%'],
    ['f?a=1?b', ['f'], '/api/v2/db/f?a=1?b'],
  ])('of the component %j', (component, path, uri) => {
    expect(operationOf({ component })).toMatchObject({ path, uri });
  });

  it('is checked like any other where its schedule has no privilege', () => {
    expect(operationOf({ isPrivileged: false }).isPrivileged).toBeUndefined();
  });
});
