// What is done with schedules, what became of their slots, and who may.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Principal } from '../../core/operation.ts';
import { grantOf, roleOf } from '../../core/role-fixture.ts';
import type { NewScheduleRun } from '../../core/schedule.ts';
import { newRun, take } from '../../store/queue/fixture.ts';
import { type House, openHouse } from './scenario.ts';
import { type Row, scheduling } from './schedule-fixture.ts';

let house: House;
let world: ReturnType<typeof scheduling>;
beforeEach(async () => {
  house = await openHouse();
  world = scheduling(house);
  await world.addService();
});
afterEach(() => house.store.close());

const slot = 1_800_000_000_000;
const slots = () => house.store.scheduleSlots;

function noteOf(id: string, over: Partial<NewScheduleRun> = {}): NewScheduleRun {
  return { id, scheduleId: 1, slot: null, cause: 'slot', skipped: null, slots: 1, ...over };
}

const runs = async (query = '', path = 'scheduler/1/runs') =>
  (await house.ask('GET', `${path}${query}`)).body as { resource: Row[]; meta?: Row };

const messageOf = (body: unknown) => (body as { error: { message: string } }).error.message;

describe('running a schedule now', () => {
  it('queues its call, whether or not it is active', async () => {
    await world.make({
      is_active: false,
      component: '_table',
      payload: { a: 1 },
      verb: 'POST',
      queue: 'low',
    });
    const { status, body } = await house.ask('POST', 'scheduler/1/run');
    expect([status, body]).toEqual([202, { id: expect.any(String), schedule_id: 1, state: 'queued' }]);
    const { id } = body as { id: string };
    const run = await house.store.queue.get(id);
    expect(run).toMatchObject({ script: 'schedule:nightly', queue: 'low', tries: 1, state: 'ready' });
    expect((await house.store.scheduleSlots.next()).size).toBe(0);
    expect((await runs()).resource).toMatchObject([{ id, cause: 'manual', slot: null, state: 'queued' }]);
    const { body: audit } = await house.ask('GET', 'audit?limit=1&fields=*');
    expect((audit as { resource: unknown[] }).resource).toMatchObject([
      { action: 'run', record: 'scheduler/1', after: { run_id: id } },
    ]);
  });

  it('calls its service by the name that it has then', async () => {
    await world.make({ component: '_table?limit=1' });
    await house.ask('PATCH', 'service/2', { body: { name: 'renamed' } });
    const { id } = (await house.ask('POST', 'scheduler/1/run')).body as { id: string };
    const { payload = '' } = (await house.store.queue.get(id)) ?? {};
    expect(payload).toContain('/api/v2/renamed/_table?limit=1');
  });

  it('is refused while a run is not over and the schedule skips then', async () => {
    await world.make();
    const first = (await house.ask('POST', 'scheduler/1/run')).body as { id: string };
    const { status, body } = await house.ask('POST', 'scheduler/1/run');
    expect([status, messageOf(body)]).toEqual([
      409,
      expect.stringContaining(`its run ${first.id} is not over`),
    ]);
    expect(await house.store.queue.count()).toBe(1);
    await world.change({ overlap: 'allow' });
    expect((await house.ask('POST', 'scheduler/1/run')).status).toBe(202);
    expect((await runs()).resource).toHaveLength(2);
  });
});

describe('what became of slots', () => {
  it('is told in a word each, with the answer', async () => {
    await world.make();
    const { queue } = house.store;
    await queue.push(['queued', 'running', 'retrying', 'failed', 'done'].map((id) => newRun(id)));
    const claimed = await take(queue, { ids: ['running', 'retrying', 'failed', 'done'] });
    const ends = new Map(claimed.map((run) => [run.id, run]));
    const endOf = (id: string) => ends.get(id) ?? Promise.reject(new Error(id));
    await queue.finish([
      { ...(await endOf('retrying')), outcome: 'retry', delayMs: 60_000, reason: 'no', logId: 'log-1' },
      { ...(await endOf('failed')), outcome: 'failed', reason: 'lost', logId: null },
      { ...(await endOf('done')), outcome: 'done' },
    ]);
    const known = ['queued', 'running', 'retrying', 'failed', 'done'].map((id) => noteOf(id));
    await slots().note([...known, noteOf('gone well'), noteOf('gone badly'), noteOf('dropped')]);
    await slots().note([noteOf('overlap', { slot, skipped: 'overlap' })]);
    await slots().note([noteOf('missed', { slot: slot + 1, skipped: 'missed', slots: 9, cause: 'missed' })]);
    await slots().answered('gone well', { status: 201, content: '{"ok":1}' });
    await slots().answered('gone badly', { status: 503, content: 'down' });
    const { resource } = await runs();
    expect(Object.fromEntries(resource.map(({ id, state }) => [id, state]))).toEqual({
      ...{ queued: 'queued', running: 'running', retrying: 'retrying', failed: 'failed', done: 'done' },
      ...{ 'gone well': 'done', 'gone badly': 'failed', dropped: 'dropped' },
      ...{ overlap: 'skipped', missed: 'skipped' },
    });
    const told = (id: string) => resource.find((row) => row.id === id);
    expect(told('missed')).toEqual({
      ...{ id: 'missed', schedule_id: 1, slot: new Date(slot + 1).toISOString(), cause: 'missed' },
      ...{ state: 'skipped', skipped: 'missed', slots: 9, status_code: null, content: null, attempt: null },
      ...{ reason: null, created_date: expect.any(String), available_date: null, started_date: null },
      ...{ finished_date: null, duration_ms: null, position: null, log_id: null },
    });
    expect(told('gone well')).toMatchObject({ status_code: 201, content: '{"ok":1}' });
    expect(told('retrying')).toMatchObject({ attempt: 1, reason: 'no', log_id: 'log-1' });
    const { started_date: began, finished_date: ended, duration_ms: took } = told('done') ?? {};
    expect(took).toBe(Date.parse(String(ended)) - Date.parse(String(began)));
  });

  it('comes in pages, the newest first, of one schedule or of all', async () => {
    await world.make();
    await world.make({ name: 'other' });
    for (const id of ['a', 'b', 'c']) await slots().note([noteOf(id)]);
    await slots().note([noteOf('d', { scheduleId: 2 })]);
    const ids = async (query: string, path?: string) => {
      const { resource, meta } = await runs(query, path);
      return [resource.map(({ id }) => id).join(''), meta];
    };
    expect(await ids('?limit=2&include_count=true')).toEqual(['cb', { count: 3, next: 2 }]);
    expect(await ids('?limit=2&offset=2&include_count=true')).toEqual(['a', { count: 3 }]);
    expect(await ids('?offset=9&include_count=true')).toEqual(['', { count: 3 }]);
    expect(await ids('?limit=0')).toEqual(['', undefined]);
    expect(await ids('', 'scheduler/runs')).toEqual(['dcba', undefined]);
    expect(await runs('?fields=id,state&limit=1')).toEqual({ resource: [{ id: 'c', state: 'dropped' }] });
    expect((await house.ask('GET', 'scheduler/1/runs/b?fields=id')).body).toEqual({ id: 'b' });
    expect((await house.ask('GET', 'scheduler/2/runs/b')).status).toBe(404);
    for (const bad of [
      'filter=id=1',
      'order=id',
      'ids=a',
      'count_only=true',
      'limit=x',
      'offset=-1',
      'fields=nothing',
      'include_count=maybe',
    ]) {
      expect((await house.ask('GET', `scheduler/1/runs?${bad}`)).status, bad).toBe(400);
    }
  });
});

describe('the relations of a schedule', () => {
  const log = async () => (await world.read('?related=task_log_by_task_id')).task_log_by_task_id;

  it('are its service, and whom it calls as', async () => {
    const { app, user } = await world.addCaller();
    await world.make({ app_id: app, user_id: user });
    expect(await world.read('?related=*&fields=id')).toEqual({
      id: 1,
      service_by_service_id: { id: 2, name: 'db', type: 'echo', description: null, is_active: true },
      app_by_app_id: { id: app, name: 'portal', description: null, is_active: true },
      user_by_user_id: { id: user, name: 'Grace', email: 'grace@example.com', is_active: true },
      task_log_by_task_id: null,
    });
    const body = { resource: [{ name: 'more', service_id: 2 }] };
    const made = await house.ask('POST', 'scheduler?related=service_by_service_id&fields=name', { body });
    expect(made.body).toMatchObject({ resource: [{ name: 'more', service_by_service_id: { name: 'db' } }] });
    const list = await house.ask('GET', 'scheduler?fields=id&related=app_by_app_id');
    expect(list.body).toMatchObject({
      resource: [{ app_by_app_id: { name: 'portal' } }, { app_by_app_id: null }],
    });
  });

  it('are its latest failure, until a run goes well', async () => {
    await world.make();
    expect(await log()).toBeNull();
    await slots().note([noteOf('a', { slot })]);
    expect(await log()).toBeNull();
    await slots().answered('a', { status: 503, content: 'secret of an answer' });
    const failure = {
      ...{ task_id: 1, status_code: 503, content: 'secret of an answer' },
      ...{ created_date: expect.any(String), last_modified_date: expect.any(String) },
    };
    expect(await log()).toEqual(failure);
    await slots().note([
      noteOf('b', { slot: slot + 1 }),
      noteOf('c', { slot: slot + 2, skipped: 'overlap' }),
    ]);
    expect(await log()).toEqual(failure);
    expect(await world.read()).toMatchObject({ last_run_date: expect.any(String), last_run_status: null });
    await slots().answered('b', { status: 200, content: null });
    expect([await log(), (await world.read()).last_run_status]).toEqual([null, 200]);
    const unusable = { slot: slot + 3, skipped: 'unusable' } as const;
    await slots().note([noteOf('d', unusable)]);
    await slots().answered('d', { status: 404, content: 'no such service' });
    expect(await log()).toMatchObject({ status_code: 404, content: 'no such service' });
    await world.change({ description: 'x' });
    expect(JSON.stringify((await house.ask('GET', 'audit?fields=*')).body)).not.toContain(
      'secret of an answer',
    );
  });

  it('tell of a run that failed without an answer', async () => {
    await world.make();
    await house.store.queue.push([newRun('a')]);
    const [run] = await take(house.store.queue);
    if (run === undefined) throw new Error('nothing to take');
    await house.store.queue.finish([{ ...run, outcome: 'failed', reason: 'out of time', logId: null }]);
    await slots().note([noteOf('a')]);
    expect(await log()).toMatchObject({ status_code: null, content: 'out of time' });
  });
});

describe('what is taken away', () => {
  const audited = async (action: string) => {
    const { body } = await house.ask('GET', `audit?fields=*&filter=action='${action}'`);
    return (body as { resource: Row[] }).resource.map(({ record }) => record);
  };

  it('a schedule goes with its slots, its history, and runs that were not begun', async () => {
    await world.make({ overlap: 'allow' });
    const ids: string[] = [];
    for (let at = 0; at < 2; at++) {
      ids.push(((await house.ask('POST', 'scheduler/1/run')).body as { id: string }).id);
    }
    const [begun] = await take(house.store.queue, { connection: 'database', limit: 1 });
    expect((await house.ask('DELETE', 'scheduler/1')).status).toBe(200);
    expect(await slots().countRuns()).toBe(0);
    expect((await slots().next()).size).toBe(0);
    const states = await Promise.all(ids.map(async (id) => (await house.store.queue.get(id))?.state));
    expect(states).toEqual(ids.map((id) => (id === begun?.id ? 'running' : 'cancelled')));
  });

  it('a service takes its schedules with it, and no others', async () => {
    await world.addService('other');
    await world.make();
    await world.make({ name: 'stays', service_id: 3 });
    await slots().note([noteOf('a')]);
    expect((await house.ask('DELETE', 'service/2')).status).toBe(200);
    expect((await house.store.schedules.list()).map(({ name }) => name)).toEqual(['stays']);
    expect([...(await slots().next()).keys()]).toEqual([2]);
    expect(await slots().countRuns()).toBe(0);
    expect(await audited('delete')).toEqual(['service/2', 'scheduler/1']);
  });

  it.each(['user', 'app'] as const)(
    'a schedule whose %s goes comes no more, and tells who did it',
    async (of) => {
      const caller = await world.addCaller();
      const acting = { app_id: caller.app, user_id: caller.user };
      await world.make(acting);
      await world.make({ name: 'of the system' });
      const before = await house.store.schedules.get(1);
      const { status, headers } = await house.reply('DELETE', `${of}/${caller[of]}`);
      expect([status, headers['X-Tenon-Warning']]).toEqual([200, expect.stringContaining("'nightly'")]);
      // Still theirs, who are nobody now: never the system's.
      expect(await house.store.schedules.get(1)).toEqual({
        ...before,
        ...{ isActive: false, lastModifiedById: 1, lastModifiedDate: expect.any(String) },
      });
      expect([...(await slots().next()).keys()]).toEqual([2]);
      expect(await audited('update')).toEqual(['scheduler/1']);
      const resumed = await house.ask('POST', 'scheduler/1/resume');
      expect([resumed.status, messageOf(resumed.body)]).toEqual([
        ...[400, expect.stringContaining(`'${of}_id' is ${caller[of]}, and there is no such ${of}`)],
      ]);
      const { headers: none } = await house.reply('PATCH', 'app/1', { body: { description: 'x' } });
      expect(of === 'app' || none['X-Tenon-Warning'] === undefined).toBe(true);
    },
  );
});

describe('whoever is no administrator', () => {
  let caller: Principal;
  let own: { is_privileged: boolean; user_id: number; app_id: number };
  beforeEach(async () => {
    const { app, user } = await world.addCaller();
    own = { is_privileged: false, user_id: user, app_id: app };
    const role = roleOf([grantOf({ service: 'system', component: 'scheduler/*', verbMask: 31 })]);
    caller = {
      ...house.admin,
      ...{ isAdmin: false, role, apiKey: 'k', app: { id: app, name: 'portal', isActive: true } },
      user: { ...(house.admin.user ?? Object.create(null)), id: user, isAdmin: false },
    };
  });

  const post = (record: Row, principal = caller) =>
    house.ask('POST', 'scheduler', {
      principal,
      body: { resource: [{ name: 'x', service_id: 2, ...record }] },
    });

  it('writes and runs schedules that call as he does', async () => {
    expect((await post(own)).status).toBe(201);
    const ask = (action: 'PATCH' | 'POST' | 'DELETE', path: string, body?: unknown) =>
      house.ask(action, path, { principal: caller, body });
    expect((await ask('PATCH', 'scheduler/1', { frequency: 7, is_privileged: 0 })).status).toBe(200);
    expect((await ask('POST', 'scheduler/1/run')).status).toBe(202);
    expect((await ask('POST', 'scheduler/1/pause')).status).toBe(200);
    expect((await ask('POST', 'scheduler/1/resume')).status).toBe(200);
    expect((await ask('DELETE', 'scheduler/1')).status).toBe(200);
  });

  it('writes none with more rights, or those of somebody else', async () => {
    const others: Row[] = [
      ...[{}, { is_privileged: true }, { is_privileged: null }, { user_id: 1 }, { app_id: null }],
      ...[{ user_id: null }, { user_id: null, app_id: null }, { is_privileged: 1 }, { user_id: '2' }],
    ];
    for (const [at, over] of others.entries()) {
      const record = at === 0 ? {} : { ...own, ...over };
      const { status, body } = await post(record);
      expect([403, 400], `${JSON.stringify(record)} ${JSON.stringify(body)}`).toContain(status);
    }
    expect(messageOf((await post({})).body)).toContain(JSON.stringify(own));
    expect(await house.store.schedules.list()).toEqual([]);
    await post(own);
    for (const over of others.slice(1)) {
      const { status } = await house.ask('PATCH', 'scheduler/1', { principal: caller, body: over });
      expect([403, 400], JSON.stringify(over)).toContain(status);
    }
    expect(await house.store.schedules.get(1)).toMatchObject({ isPrivileged: false, userId: own.user_id });
  });

  it('neither changes, runs, stops nor deletes those of others, but sees them', async () => {
    await world.make({ payload: { a: 1 } });
    await world.make({ ...own, name: 'of another', is_privileged: true });
    const before = await house.store.schedules.list();
    for (const id of [1, 2]) {
      const calls = [
        ...[
          ['PATCH', `scheduler/${id}`],
          ['PUT', `scheduler/${id}`],
          ['DELETE', `scheduler/${id}`],
        ],
        ...[
          ['POST', `scheduler/${id}/run`],
          ['POST', `scheduler/${id}/pause`],
        ],
        ...[['POST', `scheduler/${id}/resume`]],
      ] as const;
      for (const [action, path] of calls) {
        const body = action === 'PATCH' || action === 'PUT' ? own : undefined;
        const { status } = await house.ask(action as 'PUT', path ?? '', { principal: caller, body });
        expect(status, `${action} ${path}`).toBe(403);
      }
    }
    expect(await house.store.schedules.list()).toEqual(before);
    expect(await house.store.queue.count()).toBe(0);
    const { body } = await house.ask('GET', 'scheduler/1', { principal: caller });
    expect(body).toMatchObject({ payload: '{"a":1}', name: 'nightly' });
    expect((await house.ask('GET', 'scheduler/1/runs', { principal: caller })).status).toBe(200);
  });

  it('reads how his own calls were answered, and not how those of others were', async () => {
    await world.make({ name: 'of the system' });
    await post(own);
    const note = { slot: 60_000, cause: 'slot', skipped: null, slots: 1 } as const;
    for (const [id, scheduleId] of Object.entries({ a: 1, b: 2 })) {
      await house.store.scheduleSlots.note([{ ...note, id, scheduleId }]);
      await house.store.scheduleSlots.answered(id, { status: 500, content: `secret of ${id}` });
    }
    const contents = async (path: string, principal: Principal) => {
      const { body } = await house.ask('GET', path, { principal });
      const rows = (body as { resource?: Row[] }).resource ?? [body as Row];
      return Object.fromEntries(rows.map((row) => [row.id, [row.status_code, row.content]]));
    };
    const all = { a: [500, 'secret of a'], b: [500, 'secret of b'] };
    expect(await contents('scheduler/runs', house.admin)).toEqual(all);
    expect(await contents('scheduler/runs', caller)).toEqual({ ...all, a: [500, null] });
    expect(await contents('scheduler/1/runs/a', caller)).toEqual({ a: [500, null] });
    expect(await contents('scheduler/2/runs/b', caller)).toEqual({ b: all.b });
    for (const related of ['*', 'task_log_by_task_id', 'app_by_app_id, task_log_by_task_id']) {
      for (const path of ['scheduler', 'scheduler/2']) {
        const asked = { principal: caller, parameters: { related } };
        expect((await house.ask('GET', path, asked)).status, `${path} ${related}`).toBe(403);
        expect((await house.ask('GET', path, { ...asked, principal: house.admin })).status).toBe(200);
      }
    }
    const harmless = { principal: caller, parameters: { related: 'app_by_app_id' } };
    expect((await house.ask('GET', 'scheduler', harmless)).status).toBe(200);
  });

  it('who comes with the key of an app alone writes schedules of that app', async () => {
    const alone = { ...caller, kind: 'app', user: undefined } as const;
    expect((await post({ ...own, user_id: null }, alone)).status).toBe(201);
    expect((await post({ ...own, name: 'y' }, alone)).status).toBe(403);
    const nobody = { ...alone, app: null };
    expect((await post({ is_privileged: false, name: 'z' }, nobody)).status).toBe(403);
  });
});
