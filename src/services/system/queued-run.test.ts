// Queued runs over the system API: listed, looked at, started anew, stopped and dropped.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NewQueuedRun } from '../../core/queue.ts';
import type { RunRecord } from '../../core/run.ts';
import { type House, openHouse } from './scenario.ts';

let house: House;
beforeEach(async () => {
  house = await openHouse();
});
afterEach(() => house.store.close());

type Rows = Record<string, unknown>[];

/** Id of the run with a number. */
const idOf = (number: number) => `018f0000-0000-7000-8000-${String(number).padStart(12, '0')}`;

function newRun(number: number, over: Partial<NewQueuedRun> = {}): NewQueuedRun {
  return {
    ...{ id: idOf(number), connection: 'database', queue: 'default', script: 'shop._table.todo.post.queued' },
    ...{ version: null, priority: 0, payload: '{"v":1,"kind":"event"}', delayMs: 0, tries: null },
    ...{ userId: 1, appId: null, roleId: null, backoff: null, timeoutMs: null, uniqueKey: null },
    ...{ orderingKey: null, delivery: 'effects-once' as const },
    ...over,
  };
}

async function push(...runs: NewQueuedRun[]): Promise<void> {
  await house.store.queue.push(runs);
}

const claim = async (limit = 10, queue = 'default') =>
  house.store.queue.claim({
    ...{ connection: 'database', queues: [queue], limit, worker: 'w1', leaseMs: 15_000 },
  });

/** Lets a worker take runs and fail with all of them, for good. */
async function failAll(queue = 'default'): Promise<void> {
  const held = await claim(1_000, queue);
  await house.store.queue.finish(
    held.map(({ position, token }) => ({
      ...{ position, token, outcome: 'failed' as const, reason: 'Error: no', logId: 'log-1' },
    })),
  );
}

async function rows(path: string): Promise<Rows> {
  const { status, body } = await house.ask('GET', path);
  expect(status, JSON.stringify(body)).toBe(200);
  return (body as { resource: Rows }).resource;
}

const one = async (key: string | number) =>
  (await house.ask('GET', `queued_run/${key}`)).body as Record<string, unknown>;

const message = (body: unknown) => (body as { error: { message: string } }).error.message;

async function audited(action: string): Promise<unknown[]> {
  const { body } = await house.ask('GET', `audit?filter=action='${action}'&order=id`);
  return (body as { resource: { record: string }[] }).resource.map(({ record }) => record);
}

function logged(id: string, over: Partial<RunRecord> = {}): RunRecord {
  return {
    ...{ id, script: 'shop._table.todo.post.queued', type: 'nodejs', version: '1', stage: 'service' },
    ...{ service: 'shop', resource: '_table/todo', action: 'POST' as const, door: 'queue' as const },
    ...{ caller: 'user' as const, userId: 1, appId: null, depth: 0, parentId: null, queuedRunId: null },
    ...{ startedDate: '2026-11-21T09:00:00.000Z', durationMs: 1, outcome: 'threw' as const, status: 500 },
    ...{ output: [], isOutputCut: false, errorMessage: 'no', errorLine: 1, errorColumn: 1, errorStack: 's' },
    ...over,
  };
}

describe('a list of queued runs', () => {
  it('has the newest first, and payloads only where they are asked for', async () => {
    await push(newRun(1), newRun(2, { priority: 5, tries: 3, timeoutMs: 1_000 }));
    const all = await rows('queued_run');
    expect(all.map(({ id }) => id)).toEqual([idOf(2), idOf(1)]);
    expect(all[0]).toMatchObject({
      ...{ state: 'ready', priority: 5, tries: 3, timeout_ms: 1_000, attempt: 0, crashes: 0, worker: null },
      ...{ connection: 'database', queue: 'default', delivery: 'effects-once', is_cancelling: false },
    });
    expect(all[0]).not.toHaveProperty('payload');
    const [asked] = await rows('queued_run?fields=id,payload&limit=1');
    expect(asked).toEqual({ id: idOf(2), payload: { v: 1, kind: 'event' } });
  });

  it('is narrowed, ordered, counted and paged like every other', async () => {
    await push(newRun(1), newRun(2, { queue: 'low' }), newRun(3, { queue: 'low' }), newRun(4));
    expect(await rows("queued_run?filter=queue='low'&order=position&as_list=true")).toEqual([
      idOf(2),
      idOf(3),
    ]);
    expect((await house.ask('GET', "queued_run?filter=queue='low'&count_only=true")).body).toBe(2);
    const { body } = await house.ask('GET', 'queued_run?limit=1&offset=1&include_count=true&fields=position');
    expect(body).toEqual({ resource: [{ position: 3 }], meta: { count: 4, next: 2 } });
    expect(await rows('queued_run?filter=(position > 1) and (position < 4)&fields=position')).toHaveLength(2);
    expect(await rows('queued_run?filter=position between 2 and 3')).toHaveLength(2);
    expect(
      await rows("queued_run?filter=(state in ('failed','ready')) and not (queue = 'low')"),
    ).toHaveLength(2);
    expect(await rows('queued_run?filter=worker is null')).toHaveLength(4);
    expect(await rows('queued_run?filter=is_cancelling = false')).toHaveLength(4);
    expect(await rows("queued_run?filter=script like 'shop.%25'")).toHaveLength(4);
  });

  it('compares dates as times, whatever zone they are written in', async () => {
    await push(newRun(1), newRun(2, { delayMs: 3_600_000 }));
    const [{ available_date: due } = {}] = await rows(`queued_run?ids=${idOf(2)}`);
    const soon = new Date(Date.parse(String(due)) - 60_000).toISOString();
    const byTime = (filter: string, at: string) =>
      house.ask('GET', 'queued_run', { parameters: { filter, params: { at }, as_list: 'true' } });
    expect((await byTime('available_date > :at', soon)).body).toEqual({ resource: [idOf(2)] });
    expect((await byTime('available_date < :at', soon.replace('T', ' ').replace('Z', ''))).body).toEqual({
      resource: [idOf(1)],
    });
    expect((await byTime('available_date > :at', '2026-01-01')).body).toEqual({
      resource: [idOf(2), idOf(1)],
    });
  });

  it.each([
    ["position = 'x'", 'position'],
    ["available_date > 'yesterday'", 'available_date'],
    ["available_date > '2026-13-45'", 'available_date'],
    ["available_date like '2026%25'", 'available_date'],
    ["is_cancelling = 'perhaps'", 'is_cancelling'],
    ['payload = 1', 'payload'],
    ['token is null', 'token'],
  ])('refuses the filter %s by name', async (filter, name) => {
    const { status, body } = await house.ask('GET', `queued_run?filter=${filter}`);
    expect(status).toBe(400);
    expect(message(body)).toContain(name);
  });

  it('refuses groups, fields that there are not, and orders by them', async () => {
    for (const query of ['group=queue', 'fields=token', 'order=payload', 'related=role', 'limit=-1']) {
      expect((await house.ask('GET', `queued_run?${query}`)).status, query).toBe(400);
    }
  });

  it('tells of each identifier that is asked for, by id or short number', async () => {
    await push(newRun(1));
    const { status, body } = await house.ask('GET', `queued_run?ids=1,${idOf(1)},99&fields=position`);
    expect(status).toBe(400);
    expect(body).toMatchObject({
      error: {
        context: { error: [2], resource: [{ position: 1 }, { position: 1 }, { code: 404 }] },
      },
    });
  });
});

describe('one queued run', () => {
  it('is found by its id and by its short number, with what it was queued with', async () => {
    await push(
      newRun(7, {
        payload: '{"v":1,"kind":"event","request":{"a":"ü"}}',
        backoff: '{"kind":"list","delaysMs":[1500,60000]}',
      }),
    );
    const byId = await one(idOf(7).toUpperCase());
    expect(byId).toMatchObject({
      ...{ id: idOf(7), position: 1, state: 'ready', user_id: 1, backoff: [1.5, 60] },
      ...{ payload: { request: { a: 'ü' } }, created_date: expect.stringMatching(/^\d{4}-.*Z$/) },
    });
    expect(await one(1)).toEqual(byId);
    expect((await house.ask('GET', 'queued_run/1?fields=state')).body).toEqual({ state: 'ready' });
  });

  it.each([
    ['{"kind":"exponential","baseMs":2000,"mostMs":60000,"jitter":0.5}', { base: 2, most: 60, jitter: 0.5 }],
    ['{"kind":"of tomorrow"}', { kind: 'of tomorrow' }],
    ['no JSON', 'no JSON'],
    [null, null],
  ])('shows the back-off %s as scripts say it', async (backoff, shown) => {
    await push(newRun(1, { backoff }));
    expect((await house.ask('GET', 'queued_run/1?fields=backoff')).body).toEqual({ backoff: shown });
  });

  it('shows who holds it while it runs, and never the token', async () => {
    await push(newRun(1));
    const [held] = await claim();
    const shown = await one(1);
    expect(shown).toMatchObject({ state: 'running', worker: 'w1', lease_until: expect.any(String) });
    expect(JSON.stringify(shown)).not.toContain(String(held?.token));
  });

  it('has its attempts in the log of runs beside it', async () => {
    await push(newRun(1), newRun(2));
    const record = logged('018f0000-0000-7000-8000-00000000aaaa', { queuedRunId: idOf(1) });
    await house.store.runs.add([record, logged('018f0000-0000-7000-8000-00000000bbbb')]);
    const { body } = await house.ask('GET', 'queued_run/1?related=run_by_queued_run_id&fields=id');
    expect(body).toMatchObject({ id: idOf(1), run_by_queued_run_id: [{ id: record.id, outcome: 'threw' }] });
    expect((body as { run_by_queued_run_id: unknown[] }).run_by_queued_run_id).toHaveLength(1);
  });

  it.each(['99', '0', '-1', '1e3', 'x', '018f0000', `${idOf(1)}0`, "1' or 1=1", '99999999999999999999'])(
    'is not there as %s',
    async (key) => {
      await push(newRun(1));
      const { status, body } = await house.ask('GET', `queued_run/${encodeURIComponent(key)}`);
      expect([status, message(body)]).toEqual([404, `Record with identifier '${key}' not found.`]);
    },
  );
});

describe('starting runs anew', () => {
  it('of one that failed: it is ready with all its tries, and who did it is kept', async () => {
    await push(newRun(1));
    await failAll();
    expect(await one(1)).toMatchObject({ state: 'failed', reason: 'Error: no', log_id: 'log-1' });
    const { status, body } = await house.ask('POST', `queued_run/${idOf(1)}/retry`);
    expect([status, body]).toEqual([200, { id: idOf(1), position: 1, state: 'ready' }]);
    expect(await one(1)).toMatchObject({ state: 'ready', reason: null, log_id: null, finished_date: null });
    expect(await audited('retry')).toEqual([`queued_run/${idOf(1)}`]);
    expect(house.observations).toContainEqual({
      ...{ kind: 'config.changed', record: `queued_run/${idOf(1)}`, by: 1 },
    });
  });

  it('says why one cannot be', async () => {
    await push(newRun(1));
    const waiting = await house.ask('POST', 'queued_run/1/retry');
    expect([waiting.status, message(waiting.body)]).toEqual([
      409,
      `Queued run 1 (${idOf(1)}) is ready: only runs that are failed, quarantined or cancelled can be retried.`,
    ]);
    expect((await house.ask('POST', 'queued_run/99/retry')).status).toBe(404);
    expect(await audited('retry')).toEqual([]);
  });

  it('says that another one has its unique key by now', async () => {
    await push(newRun(1, { uniqueKey: 'daily' }));
    await failAll();
    await push(newRun(2, { uniqueKey: 'daily' }));
    const { status, body } = await house.ask('POST', 'queued_run/1/retry');
    expect([status, message(body)]).toEqual([
      409,
      `Queued run 1 (${idOf(1)}) can not be retried while another run has its unique key 'daily'.`,
    ]);
  });

  it('of several: stops at the first that cannot be, goes on, or undoes all', async () => {
    await push(newRun(1), newRun(2), newRun(3));
    await failAll();
    await push(newRun(4));
    const states = async () =>
      (await rows('queued_run?fields=state&order=position')).map(({ state }) => state);
    const undone = await house.ask('POST', 'queued_run/retry?ids=1,4,2&rollback=true');
    expect(undone.status).toBe(400);
    expect(await states()).toEqual(['failed', 'failed', 'failed', 'ready']);
    expect(await audited('retry')).toEqual([]);
    expect((await house.ask('POST', 'queued_run/retry?ids=1,4,2')).status).toBe(400);
    expect(await states()).toEqual(['ready', 'failed', 'failed', 'ready']);
    const rest = await house.ask('POST', 'queued_run/retry?continue=true', {
      body: { ids: [4, 2, idOf(3)] },
    });
    expect(rest.body).toMatchObject({ error: { context: { error: [0] } } });
    expect(await states()).toEqual(['ready', 'ready', 'ready', 'ready']);
  });

  it('takes records in the body, and tells of each what became of it', async () => {
    await push(newRun(1), newRun(2));
    await failAll();
    const body = { resource: [{ id: idOf(1) }, { position: 2 }] };
    expect((await house.ask('POST', 'queued_run/retry', { body })).body).toEqual({
      resource: [
        { id: idOf(1), position: 1, state: 'ready' },
        { id: idOf(2), position: 2, state: 'ready' },
      ],
      count: 2,
    });
    const nameless = await house.ask('POST', 'queued_run/retry', { body: { resource: [{}] } });
    expect([nameless.status, message(nameless.body)]).toEqual([
      400,
      "Record 0 of the request needs its 'id'.",
    ]);
  });

  it('of those that a filter chooses, and of all that failed with force', async () => {
    await push(newRun(1), newRun(2, { queue: 'low' }), newRun(3));
    await failAll();
    await failAll('low');
    await push(newRun(4));
    await house.ask('POST', 'queued_run/4/cancel');
    const some = await house.ask('POST', "queued_run/retry?filter=queue='low'");
    expect(some.body).toEqual({ count: 1 });
    // What somebody stopped on purpose is started only by who names it.
    expect((await house.ask('POST', 'queued_run/retry', { body: { force: true } })).body).toEqual({
      count: 2,
    });
    expect(await one(4)).toMatchObject({ state: 'cancelled', reason: 'cancelled by admin@example.com' });
    expect(await audited('retry')).toEqual(['queued_run', 'queued_run']);
  });

  it('does a part at a time where a limit says so, and tells where to go on', async () => {
    await push(...Array.from({ length: 25 }, (_, index) => newRun(index + 1)));
    await failAll();
    const counts: number[] = [];
    let after: number | undefined = 0;
    while (after !== undefined) {
      const { body } = await house.ask('POST', `queued_run/retry?force=true&limit=10&after=${after}`);
      const told = body as { count: number; next?: number };
      counts.push(told.count);
      after = told.next;
    }
    expect(counts).toEqual([10, 10, 5]);
    expect((await house.ask('POST', 'queued_run/retry?force=true&limit=0')).body).toEqual({ count: 0 });
  });

  it.each(['retry', 'cancel', 'forget'])('%s is never done with all of them by mistake', async (verb) => {
    await push(newRun(1));
    for (const body of [undefined, {}, { filter: '' }, { force: false }]) {
      const refused = await house.ask('POST', `queued_run/${verb}`, { body });
      expect(refused.status).toBe(400);
      expect(message(refused.body)).toContain("'force=true'");
    }
    expect((await house.ask('POST', `queued_run/${verb}`, { body: { ids: [] } })).body).toEqual({
      ...{ resource: [], count: 0 },
    });
  });
});

describe('stopping runs', () => {
  it('ends one that waits, and asks the worker of one that runs', async () => {
    await push(newRun(1));
    const [held] = await claim();
    await push(newRun(2));
    expect((await house.ask('POST', 'queued_run/1/cancel?fields=is_cancelling')).body).toMatchObject({
      ...{ state: 'running', is_cancelling: true },
    });
    expect((await house.ask('POST', 'queued_run/2/cancel')).body).toMatchObject({ state: 'cancelled' });
    expect(held && (await house.store.queue.beat([held], 15_000))).toEqual(['cancel']);
    expect((await house.ask('POST', 'queued_run/2/cancel')).status).toBe(409);
  });

  it('of those that a filter chooses', async () => {
    await push(newRun(1), newRun(2, { queue: 'low' }), newRun(3, { queue: 'low' }));
    expect((await house.ask('POST', "queued_run/cancel?filter=queue='low'")).body).toEqual({ count: 2 });
    expect(await one(1)).toMatchObject({ state: 'ready' });
  });
});

describe('dropping runs', () => {
  it('of one that has ended, by its verb or by DELETE', async () => {
    await push(newRun(1), newRun(2));
    await failAll();
    expect((await house.ask('POST', 'queued_run/1/forget')).body).toEqual({
      ...{ id: idOf(1), position: 1, state: 'failed' },
    });
    expect((await house.ask('DELETE', `queued_run/${idOf(2)}`)).status).toBe(200);
    expect(await rows('queued_run')).toEqual([]);
    expect(await audited('forget')).toEqual([`queued_run/${idOf(1)}`, `queued_run/${idOf(2)}`]);
  });

  it('not of one that waits or runs', async () => {
    await push(newRun(1), newRun(2));
    await claim(1);
    expect((await house.ask('DELETE', 'queued_run/1')).status).toBe(409);
    expect((await house.ask('DELETE', 'queued_run/2')).status).toBe(409);
    expect((await house.ask('DELETE', 'queued_run?force=true')).body).toEqual({ count: 0 });
    expect(await rows('queued_run')).toHaveLength(2);
  });

  it('of those that a filter chooses', async () => {
    await push(newRun(1), newRun(2, { queue: 'low' }));
    await failAll();
    await failAll('low');
    expect((await house.ask('DELETE', "queued_run?filter=queue='low'")).body).toEqual({ count: 1 });
    expect((await rows('queued_run')).map(({ position }) => position)).toEqual([1]);
  });
});

describe('runs of the log that came from a queue', () => {
  const log = '018f0000-0000-7000-8000-00000000aaaa';

  beforeEach(async () => {
    await push(newRun(1), newRun(2));
    await failAll();
    await house.store.runs.add([
      logged(log, { queuedRunId: idOf(1) }),
      logged('018f0000-0000-7000-8000-00000000bbbb', { queuedRunId: idOf(1), outcome: 'timeout' }),
      logged('018f0000-0000-7000-8000-00000000cccc', { queuedRunId: null, door: 'http' }),
    ]);
  });

  it('lead to their queued run', async () => {
    const { body } = await house.ask('GET', `run/${log}?related=queued_run_by_queued_run_id`);
    expect(body).toMatchObject({
      queued_run_id: idOf(1),
      queued_run_by_queued_run_id: { id: idOf(1), position: 1, state: 'failed' },
    });
    const all = await rows('run?related=*&fields=id&order=position');
    expect(
      all.map((row) => (row.queued_run_by_queued_run_id as { position: number } | null)?.position),
    ).toEqual([...[1, 1, undefined]]);
    expect(await rows(`run?filter=queued_run_id='${idOf(1)}'`)).toHaveLength(2);
    expect((await house.ask('GET', `run/${log}`)).body).not.toHaveProperty('queued_run_by_queued_run_id');
  });

  it('are started anew and stopped by their own identifier', async () => {
    expect((await house.ask('POST', `run/${log}/retry`)).body).toEqual({
      ...{ id: idOf(1), position: 1, state: 'ready' },
    });
    expect((await house.ask('POST', `run/${log}/cancel`)).body).toMatchObject({ state: 'cancelled' });
  });

  it('are shown, started and stopped by the id of the queued run, too', async () => {
    expect((await house.ask('GET', `run/${idOf(2)}`)).body).toMatchObject({
      ...{ id: idOf(2), state: 'failed', attempt: 1, payload: { kind: 'event' } },
    });
    expect((await house.ask('POST', `run/${idOf(2)}/retry`)).body).toMatchObject({ state: 'ready' });
    await claim(1);
    expect((await house.ask('POST', `run/${idOf(2)}/cancel?fields=is_cancelling`)).body).toMatchObject({
      ...{ state: 'running', is_cancelling: true },
    });
  });

  it('are one queued run, however many attempts are named', async () => {
    const ids = `${log},018f0000-0000-7000-8000-00000000bbbb`;
    expect((await house.ask('POST', `run/retry?ids=${ids}`)).body).toMatchObject({ count: 1 });
    await failAll();
    expect((await house.ask('POST', "run/retry?filter=outcome='timeout'")).body).toEqual({ count: 1 });
    await failAll();
    expect((await house.ask('POST', 'run/retry?force=true')).body).toEqual({ count: 1 });
  });

  it('are told from those that did not, and from what is nothing', async () => {
    const over = await house.ask('POST', 'run/018f0000-0000-7000-8000-00000000cccc/retry');
    expect(over.status).toBe(409);
    expect(message(over.body)).toContain('came from no queue');
    for (const id of ['1', 'x', idOf(99)]) {
      expect((await house.ask('POST', `run/${id}/cancel`)).status, id).toBe(404);
      expect((await house.ask('GET', `run/${id}`)).status, id).toBe(404);
    }
    expect((await house.ask('POST', 'run/retry')).status).toBe(400);
  });
});
