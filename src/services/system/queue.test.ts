// Queues over the system API: what is in them, what they allow, and what is done with the runs of one.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { QueuePlace } from '../../core/queue.ts';
import { newRunId } from '../../scripts/run-record.ts';
import { type House, openHouse } from './scenario.ts';

let house: House;
beforeEach(async () => {
  house = await openHouse();
});
afterEach(() => house.store.close());

const place = (queue: string, connection = 'database'): QueuePlace => ({ connection, queue });

async function push(where: QueuePlace, count = 1, delayMs = 0): Promise<void> {
  const run = {
    ...{ script: 'shop._table.todo.post.queued', version: null, priority: 0, payload: '{}', tries: null },
    ...{ userId: null, appId: null, roleId: null, backoff: null, timeoutMs: null, uniqueKey: null },
    ...{ orderingKey: null, delivery: 'effects-once' as const, delayMs },
  };
  const runs = Array.from({ length: count }, () => ({ ...run, ...where, id: newRunId() }));
  await house.store.queue.push(runs);
}

const claim = ({ connection, queue }: QueuePlace, limit = 100) =>
  house.store.queue.claim({ connection, queues: [queue], limit, worker: 'w1', leaseMs: 15_000 });

async function failAll(where: QueuePlace): Promise<void> {
  const held = await claim(where);
  await house.store.queue.finish(
    held.map(({ position, token }) => ({
      ...{ position, token, outcome: 'failed' as const, reason: 'no', logId: null },
    })),
  );
}

async function connection(name: string, over: object = {}): Promise<void> {
  const record = { name, description: null, type: 'database', config: {}, defaultQueue: 'jobs' };
  await house.store.queueConnections.create({ ...record, isActive: true, isDefault: false, ...over }, null);
  await house.queues.load();
}

const message = (body: unknown) => (body as { error: { message: string } }).error.message;

const empty = {
  ...{ id: 'database:default', connection: 'database', name: 'default', is_paused: false },
  ...{ concurrency: null, rate: null, ready: 0, delayed: 0, running: 0, failed: 0, cancelled: 0 },
  ...{ quarantined: 0, lag_ms: 0 },
};

describe('the list of queues', () => {
  it('has the usual queue of each connection before any run came', async () => {
    await connection('mails');
    expect((await house.ask('GET', 'queue')).body).toEqual({
      resource: [empty, { ...empty, id: 'mails:jobs', connection: 'mails', name: 'jobs' }],
    });
  });

  it('tells how much waits, runs and failed in each', async () => {
    await push(place('default'), 3);
    await push(place('default'), 1, 60_000);
    await push(place('low'), 2);
    await failAll(place('low'));
    await claim(place('default'), 1);
    const { body } = await house.ask('GET', 'queue?fields=id,ready,delayed,running,failed&order=id desc');
    expect(body).toEqual({
      resource: [
        { id: 'database:low', ready: 0, delayed: 0, running: 0, failed: 2 },
        { id: 'database:default', ready: 2, delayed: 1, running: 1, failed: 0 },
      ],
    });
    expect((await house.ask('GET', 'queue?filter=failed > 0&as_list=true')).body).toEqual({
      resource: ['database:low'],
    });
    expect((await house.ask('GET', 'queue?ids=low,database:default&fields=id')).body).toEqual({
      resource: [{ id: 'database:low' }, { id: 'database:default' }],
    });
  });

  it('refuses groups', async () => {
    expect((await house.ask('GET', 'queue?group=connection')).status).toBe(400);
  });
});

describe('the name of a queue', () => {
  it('is that of one on the default connection unless it says which', async () => {
    await connection('mails', { isDefault: true });
    await push(place('low', 'mails'));
    expect((await house.ask('GET', 'queue/low')).body).toMatchObject({ id: 'mails:low', ready: 1 });
    expect((await house.ask('GET', 'queue/mails:low')).body).toMatchObject({ ready: 1 });
    expect((await house.ask('GET', 'queue/database:low')).body).toMatchObject({ ready: 0 });
  });

  it('is not one of a connection that is switched off', async () => {
    await connection('mails', { isDefault: true, isActive: false });
    expect((await house.ask('GET', 'queue/low')).body).toMatchObject({ id: 'database:low' });
  });

  it('may hold colons behind that of its connection', async () => {
    await push(place('a:b'));
    expect((await house.ask('GET', 'queue/database:a:b')).body).toMatchObject({ name: 'a:b', ready: 1 });
  });

  it('is refused with a connection that there is not', async () => {
    const { status, body } = await house.ask('GET', 'queue/redis:low');
    expect([status, message(body)]).toEqual([400, expect.stringContaining("queue connection 'redis'")]);
    expect((await house.ask('POST', 'queue/redis:low/pause')).status).toBe(400);
    expect((await house.ask('GET', 'queue?ids=redis:low')).status).toBe(400);
  });

  it('may be one of a connection that is gone, as long as runs are left there', async () => {
    await push(place('low', 'gone'));
    expect((await house.ask('GET', 'queue/gone:low')).body).toMatchObject({ ready: 1 });
    expect((await house.ask('GET', 'queue/gone:other')).body).toMatchObject({ ready: 0 });
    expect((await house.ask('POST', 'queue/gone:low/pause')).body).toMatchObject({ is_paused: true });
  });

  it.each(['database:', ' low', 'x'.repeat(65)])('is refused as %j', async (name) => {
    const { status, body } = await house.ask('GET', `queue/${encodeURIComponent(name)}`);
    expect([status, message(body)]).toEqual([400, expect.stringContaining('names no queue')]);
  });
});

describe('what a queue allows', () => {
  it('is changed by what is given, and told by whom', async () => {
    const changed = await house.ask('PATCH', 'queue/low', {
      body: { concurrency: 2, rate: { count: 100, per: 'minute' } },
    });
    expect(changed.body).toEqual({
      ...{ id: 'database:low', is_paused: false, concurrency: 2, rate: { count: 100, per: 'minute' } },
    });
    await house.ask('PATCH', 'queue/low', { body: { is_paused: true, rate: { count: 5, per: 90 } } });
    expect((await house.ask('GET', 'queue/low')).body).toMatchObject({
      ...{ is_paused: true, concurrency: 2, rate: { count: 5, per: 90 } },
    });
    await house.ask('PATCH', 'queue/low?fields=*', { body: { concurrency: null, rate: null } });
    expect((await house.ask('GET', 'queue/low')).body).toMatchObject({
      ...{ is_paused: true, concurrency: null, rate: null },
    });
    const { body } = await house.ask('GET', "audit?filter=record='queue/database:low'&order=id");
    expect((body as { resource: unknown[] }).resource).toMatchObject([
      { action: 'update', after: { id: 'database:low', concurrency: 2 } },
      { before: { is_paused: false }, after: { is_paused: true } },
      { before: { concurrency: 2 }, after: { concurrency: null, rate: null } },
    ]);
    expect(house.observations).toContainEqual({
      kind: 'config.changed',
      record: 'queue/database:low',
      by: 1,
    });
  });

  it('holds for workers', async () => {
    await push(place('low'), 5);
    await house.ask('PATCH', 'queue/low', { body: { concurrency: 2 } });
    expect(await claim(place('low'))).toHaveLength(2);
    await house.ask('PATCH', 'queue/low', { body: { concurrency: null, rate: { count: 1, per: 'hour' } } });
    expect(await claim(place('low'))).toHaveLength(1);
    expect(await claim(place('low'))).toHaveLength(0);
  });

  it.each([
    [{}, 'is_paused'],
    [{ pause: true }, 'is_paused'],
    [{ is_paused: 'perhaps' }, 'is_paused'],
    [{ concurrency: 0 }, 'concurrency'],
    [{ concurrency: '2' }, 'concurrency'],
    [{ concurrency: 1.5 }, 'concurrency'],
    [{ concurrency: 1e9 }, 'concurrency'],
    [{ rate: 100 }, 'rate'],
    [{ rate: {} }, 'rate'],
    [{ rate: { count: 0, per: 'minute' } }, 'rate'],
    [{ rate: { count: 1, per: 'fortnight' } }, 'rate'],
    [{ rate: { count: 1, per: '__proto__' } }, 'rate'],
    [{ rate: { count: 1, per: -1 } }, 'rate'],
  ])('refuses %j by name', async (body, name) => {
    const refused = await house.ask('PATCH', 'queue/low', { body });
    expect([refused.status, message(refused.body)]).toEqual([400, expect.stringContaining(`'${name}'`)]);
    expect((await house.ask('GET', 'queue?as_list=true')).body).toEqual({ resource: ['database:default'] });
  });
});

describe('what is done with a queue', () => {
  it('pausing keeps runs from being started, resuming lets them', async () => {
    await push(place('low'), 2);
    expect((await house.ask('POST', 'queue/low/pause')).body).toMatchObject({ is_paused: true });
    expect(await claim(place('low'))).toHaveLength(0);
    expect((await house.ask('POST', 'queue/database:low/resume')).body).toMatchObject({ is_paused: false });
    expect(await claim(place('low'))).toHaveLength(2);
  });

  it('starting anew and dropping what failed leaves other queues alone', async () => {
    await push(place('low'), 3);
    await push(place('default'), 2);
    await failAll(place('low'));
    await failAll(place('default'));
    expect((await house.ask('POST', 'queue/low/retry?limit=2')).body).toEqual({ count: 2, next: 2 });
    expect((await house.ask('POST', 'queue/low/retry?after=2')).body).toEqual({ count: 1 });
    expect((await house.ask('GET', 'queue?fields=ready,failed')).body).toEqual({
      resource: [
        { ready: 0, failed: 2 },
        { ready: 3, failed: 0 },
      ],
    });
    expect((await house.ask('POST', 'queue/default/flush')).body).toEqual({ count: 2 });
    expect((await house.ask('GET', 'queue/default?fields=failed')).body).toEqual({ failed: 0 });
    const { body } = await house.ask('GET', "audit?filter=record='queued_run'&order=id");
    expect((body as { resource: unknown[] }).resource).toMatchObject([
      { action: 'retry', after: { resource: 'low/retry', count: 2 } },
      { action: 'retry', after: { count: 1 } },
      { action: 'forget', after: { resource: 'default/flush', count: 2 } },
    ]);
  });

  it('workers are asked to begin anew', async () => {
    expect((await house.ask('POST', 'queue/restart')).body).toEqual({ success: true });
    expect(house.restarts).toEqual(['all']);
    const { body } = await house.ask('GET', "audit?filter=record='queue'");
    expect((body as { resource: unknown[] }).resource).toMatchObject([{ action: 'restart' }]);
  });

  it('anything else is not there', async () => {
    for (const [verb, path] of [
      ['POST', 'queue/low/drop'],
      ['GET', 'queue/low/pause'],
      ['POST', 'queue'],
      ['DELETE', 'queue/low'],
      ['PUT', 'queue/low'],
    ] as const) {
      expect((await house.ask(verb, path)).status, `${verb} ${path}`).toBeGreaterThanOrEqual(400);
      expect((await house.ask(verb, path)).status, `${verb} ${path}`).toBeLessThan(500);
    }
  });
});

describe('what services promise', () => {
  it('is told for each active one, with the reason', async () => {
    const service = {
      label: 'x',
      description: null,
      type: 'echo',
      config: { database: 'x' },
      is_active: true,
    };
    const body = {
      resource: [
        { ...service, name: 'shop' },
        { ...service, name: 'off', is_active: false },
      ],
    };
    expect((await house.ask('POST', 'service', { body })).status).toBe(201);
    expect((await house.ask('GET', "delivery?filter=service in ('shop','off')")).body).toEqual({
      resource: [
        {
          ...{ service_id: expect.any(Number), service: 'shop', type: 'echo', events: 'intent' },
          ...{ effects: 'at-least-once', reason: expect.stringContaining("type 'echo'") },
        },
      ],
    });
    expect((await house.ask('GET', 'delivery/shop?fields=events')).body).toEqual({ events: 'intent' });
    expect((await house.ask('GET', 'delivery/nowhere')).status).toBe(404);
    expect((await house.ask('POST', 'delivery', { body: { service: 'x' } })).status).toBe(400);
  });
});
