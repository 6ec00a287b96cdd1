// The resource `scheduler`: records with their fields and refusals, and when they come next.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { limits } from '../../core/limits.ts';
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

const nextOf = async (id = 1) => (await house.store.scheduleSlots.next()).get(id) ?? null;

describe('a schedule', () => {
  it('needs a name and a service; the rest is as DreamFactory has it, or does no harm', async () => {
    const row = await world.make();
    expect(row).toEqual({
      ...{ id: 1, name: 'nightly', description: null, is_active: true, service_id: 2, component: '' },
      ...{ verb_mask: 1, verb: 'GET', payload: null, frequency: 5, cron: null, time_zone: 'UTC' },
      ...{ overlap: 'skip', missed: 'last', missed_count: 10, jitter: 0, app_id: null, user_id: null },
      ...{ is_privileged: true, connection: null, queue: null, priority: 0, tries: 1, timeout: null },
      ...{ delivery: 'effects-once', last_run_date: null, last_run_status: null, created_by_id: 1 },
      ...{ last_modified_by_id: null, created_date: expect.any(String) },
      ...{ last_modified_date: expect.any(String), next_run_date: expect.any(String) },
    });
    const minutes = Date.parse(String(row.next_run_date)) / 60_000;
    expect([minutes % 5, await nextOf()]).toEqual([0, minutes * 60_000]);
    expect(house.observations).toContainEqual({ kind: 'config.changed', record: 'scheduler/1', by: 1 });
  });

  it('keeps every field, and gives back what it was given', async () => {
    const { app, user } = await world.addCaller();
    const full = {
      ...{ description: 'each night', is_active: false, component: '/_table/todo?filter=(a = 1)' },
      ...{ verb_mask: 8, payload: '{"n": 12345678901234567890 }', frequency: 90, cron: '30 2 * * MON-FRI' },
      ...{ time_zone: 'Europe/Stockholm', overlap: 'queue', missed: 'all', missed_count: 1, jitter: 86_400 },
      ...{ app_id: app, user_id: user, is_privileged: false, connection: 'database', queue: 'low' },
      ...{ priority: -7, tries: 3, timeout: 3_600, delivery: 'at-most-once' },
    };
    const row = await world.make(full);
    expect(row).toMatchObject({ ...full, verb: 'PATCH', next_run_date: null });
    const { status, body } = await house.ask('PUT', 'scheduler/1?fields=*', { body: row });
    expect([status, { ...(body as Row), last_modified_date: row.last_modified_date }]).toEqual([
      ...[200, { ...row, last_modified_by_id: 1 }],
    ]);
    const cleared = {
      cron: null,
      payload: '',
      description: '',
      connection: null,
      queue: null,
      timeout: null,
    };
    const more = { user_id: null, app_id: null, is_privileged: true, time_zone: null, component: null };
    expect(await world.change({ ...cleared, ...more })).toMatchObject({
      ...{ ...cleared, ...more, payload: null, description: null, time_zone: 'UTC', component: '' },
    });
  });

  it('takes a payload as text or as what it is, and a verb by its name', async () => {
    expect(await world.make({ payload: { a: ['ü'] }, verb: 'post' })).toMatchObject({
      ...{ payload: '{"a":["ü"]}', verb: 'POST', verb_mask: 2 },
    });
    expect(await world.change({ payload: [1, 2] })).toMatchObject({ payload: '[1,2]' });
    // Whoever writes back what he read changed one of the two.
    expect(await world.change({ verb: 'POST', verb_mask: 16 })).toMatchObject({
      verb: 'DELETE',
      verb_mask: 16,
    });
    expect(await world.change({ verb: 'PUT', verb_mask: 16 })).toMatchObject({ verb: 'PUT', verb_mask: 4 });
    const { status, body } = await house.ask('PATCH', 'scheduler/1', { body: { verb: 'GET', verb_mask: 8 } });
    expect([status, JSON.stringify(body)]).toEqual([400, expect.stringContaining("'verb' is GET")]);
  });

  it('of a service that is not active is told so', async () => {
    await house.ask('PATCH', 'service/2', { body: { is_active: false } });
    const body = { resource: [{ name: 'nightly', service_id: 2 }] };
    const { status, headers } = await house.reply('POST', 'scheduler', { body });
    expect([status, headers['X-Tenon-Warning']]).toEqual([
      ...[201, "The service 'db' of schedule 'nightly' is not active: until it is, nothing is called."],
    ]);
    const paused = await house.reply('POST', 'scheduler/1/pause');
    expect([paused.status, paused.headers['X-Tenon-Warning']]).toEqual([200, undefined]);
  });

  it('has a name of its own', async () => {
    await world.make();
    expect(await world.refusal({ name: ' nightly ' })).toEqual([409, expect.stringContaining('nightly')]);
    expect((await world.refusal({ name: 'x'.repeat(65) }))[1]).toContain("'name' must have at most 64");
  });

  it('is written, read and deleted in lists like all records', async () => {
    const body = { resource: ['a', 'b'].map((name) => ({ name, service_id: 2, payload: { name } })) };
    expect((await house.ask('POST', 'scheduler', { body })).status).toBe(201);
    const filter = `scheduler?filter=(next_run_date > '2020-01-01') and (verb = 'GET')&fields=name`;
    expect((await house.ask('GET', filter)).body).toEqual({ resource: [{ name: 'a' }, { name: 'b' }] });
    await house.ask('PATCH', 'scheduler?ids=1,2', { body: { frequency: 7 } });
    expect((await house.store.schedules.list()).map(({ frequency }) => frequency)).toEqual([7, 7]);
    await house.ask('DELETE', 'scheduler?ids=1,2');
    expect(await house.store.schedules.list()).toEqual([]);
    expect((await house.store.scheduleSlots.next()).size).toBe(0);
  });

  it('that is changed is refused for the same, whatever is stored, and stays as it is', async () => {
    await world.make({ overlap: 'allow', missed: 'all' });
    const before = [await world.read(), await nextOf()];
    const changes: Row[] = [
      ...[{ overlap: 'skip' }, { cron: '* * *' }, { service_id: 9 }, { user_id: 1 }, { connection: 'x' }],
      ...[{ time_zone: 'x' }, { is_privileged: false }, { verb_mask: 0 }],
    ];
    for (const body of changes) {
      expect((await house.ask('PATCH', 'scheduler/1', { body })).status, JSON.stringify(body)).toBe(400);
    }
    expect([await world.read(), await nextOf()]).toEqual(before);
  });

  it.each(['scheduler/x', 'scheduler/99', 'scheduler/99999999999999999999', 'scheduler/nightly'])(
    'is not found by %s',
    async (path) => {
      await world.make();
      expect((await house.ask('GET', path)).status).toBe(404);
      expect((await house.ask('PATCH', path, { body: { frequency: 1 } })).status).toBe(404);
      for (const verb of ['run', 'pause', 'resume']) {
        expect((await house.ask('POST', `${path}/${verb}`)).status).toBe(404);
      }
      for (const list of ['next', 'runs', 'runs/x']) {
        expect((await house.ask('GET', `${path}/${list}`)).status).toBe(404);
      }
    },
  );
});

describe('a schedule that cannot be', () => {
  let one: House;
  let refusal: ReturnType<typeof scheduling>['refusal'];
  beforeAll(async () => {
    one = await openHouse();
    const { addService, refusal: refused } = scheduling(one);
    await addService();
    refusal = refused;
  });
  afterAll(() => one.store.close());

  it.each<[Row, string]>([
    [{ name: '' }, "'name' must be text"],
    [{ service_id: undefined }, "'service_id' is required"],
    [{ service_id: null }, "'service_id' is required"],
    [{ service_id: 99 }, "'service_id' is 99, and there is no such service"],
    [{ service_id: '2' }, "'service_id' must be an integer"],
    [{ is_active: 'yes' }, "'is_active' must be true or false"],
    [{ component: 'https://example.com/api/v2/db/_table/todo' }, "'component' must be a path below"],
    [{ component: '/api/v2/db/_table/todo' }, "'component' must be a path below"],
    [{ component: 'a\nb' }, "'component' must be a path below"],
    [{ component: 'x'.repeat(limits.schedulePathChars + 1) }, "'component' must have at most"],
    [{ verb_mask: 3 }, "'verb_mask' must be one of 1 (GET), 2 (POST)"],
    [{ verb_mask: 32 }, "'verb_mask' must be one of"],
    [{ verb: 'HEAD' }, "'verb' must be one of GET, POST"],
    [{ verb: 'PUT', verb_mask: 2 }, "'verb' is PUT, and verb_mask 2 says another"],
    [{ frequency: 0 }, "'frequency' must be a whole number from 1 to 527040"],
    [{ frequency: 1.5 }, "'frequency' must be a whole number"],
    [{ frequency: '5' }, "'frequency' must be a whole number"],
    [{ cron: '61 * * * *' }, 'cron'],
    [{ cron: 'nonsense' }, 'cron'],
    [{ cron: '0 0 30 2 *' }, 'cron'],
    [{ cron: 5 }, "'cron' must be text"],
    [{ cron: '0 3 * * *', time_zone: 'Mars/Olympus' }, 'time_zone'],
    [{ payload: '{"a":' }, "'payload' must be JSON"],
    [{ payload: '{"__proto__":1}' }, "'payload' must be JSON"],
    [{ payload: `${'['.repeat(100)}${']'.repeat(100)}` }, "'payload' must be JSON"],
    [{ payload: JSON.stringify('x'.repeat(limits.schedulePayloadChars)) }, "'payload' must have at most"],
    [{ overlap: 'wait' }, "'overlap' must be one of skip, queue, allow"],
    [{ missed: 'some' }, "'missed' must be one of skip, last, all"],
    [{ missed: 'all' }, "'missed' cannot be 'all' where overlap is 'skip'"],
    [{ missed_count: 0 }, "'missed_count' must be a whole number from 1 to 1000"],
    [{ jitter: -1 }, "'jitter' must be a whole number from 0 to 86400"],
    [{ user_id: 1 }, "'app_id' is required with user_id"],
    [{ app_id: 99 }, "'app_id' is 99, and there is no such app"],
    [{ is_privileged: false }, "'is_privileged' can only be false with app_id"],
    [{ connection: 'nowhere' }, "Field 'connection': There is no active queue connection 'nowhere'"],
    [{ queue: 'x'.repeat(65) }, "'queue' must have at most 64"],
    [{ priority: 1e9 }, "'priority' must be a whole number"],
    [{ tries: 0 }, "'tries' must be a whole number from 1"],
    [{ timeout: 0 }, "'timeout' must be a whole number from 1 to 3600"],
    [{ delivery: 'once' }, "'delivery' must be one of effects-once, at-least-once, at-most-once"],
  ])('%j is refused', async (over, message) => {
    expect(await refusal(over)).toEqual([400, expect.stringContaining(message)]);
    expect(await one.store.schedules.list()).toEqual([]);
    expect((await one.store.scheduleSlots.next()).size).toBe(0);
  });
});

describe('when a schedule comes next', () => {
  // A time that nothing plans by itself shows whether it was left alone.
  const mark = 1_999_999_999_123;

  it('is left as it is by changes that are not about it', async () => {
    await world.make();
    await house.store.scheduleSlots.plan(1, mark);
    for (const change of [
      { description: 'x' },
      { payload: { a: 1 } },
      { name: 'other' },
      { is_active: true },
    ]) {
      await world.change(change);
      expect(await nextOf()).toBe(mark);
    }
    expect((await world.read()).next_run_date).toBe(new Date(mark).toISOString());
  });

  it.each<[Row]>([
    [{ frequency: 7 }],
    [{ cron: '*/7 * * * *' }],
    [{ cron: '5 4 * * *', time_zone: 'Asia/Tokyo' }],
  ])('is planned anew from now for %j', async (change) => {
    await world.make();
    await house.store.scheduleSlots.plan(1, mark);
    const row = await world.change(change);
    const { resource } = (await house.ask('GET', 'scheduler/1/next?count=1')).body as { resource: string[] };
    const planned = await nextOf();
    const now = await house.store.scheduleSlots.now();
    expect(planned).toBeGreaterThan(now - 60_000);
    expect(planned).toBeLessThan(now + 86_400_001);
    expect(row.next_run_date).toBe(new Date(planned ?? 0).toISOString());
    // A slot may come between the two questions.
    if (planned !== null && planned > now) expect(resource).toEqual([row.next_run_date]);
  });

  it('is never while it is paused, and from now on after', async () => {
    await world.make();
    const paused = await house.ask('POST', 'scheduler/1/pause');
    expect(paused).toEqual({
      status: 200,
      body: { id: 1, name: 'nightly', is_active: false, next_run_date: null },
    });
    expect(await nextOf()).toBeNull();
    await world.change({ frequency: 9 });
    expect(await nextOf()).toBeNull();
    const resumed = await house.ask('POST', 'scheduler/1/resume');
    expect(resumed.body).toMatchObject({ is_active: true, next_run_date: expect.any(String) });
    const next = await nextOf();
    expect([next, (next ?? 1) % (9 * 60_000)]).toEqual([expect.any(Number), 0]);
    const { body } = await house.ask('GET', 'audit?fields=*');
    expect(JSON.stringify(body)).toContain('"after":{"id":1,"is_active":false,"next_run_date":null}');
  });

  it('that comes again is looked at as if it were new', async () => {
    await house.queues.load();
    const broker = { name: 'mails', type: 'broker', config: { host: 'redis.example.com' } };
    await house.ask('POST', 'queue_connection', { body: { resource: [broker] } });
    await world.make({ connection: 'mails' });
    const refused = await house.ask('DELETE', 'queue_connection/1');
    expect([refused.status, JSON.stringify(refused.body)]).toEqual([
      ...[409, expect.stringContaining("schedule 'nightly'")],
    ]);
    await house.ask('POST', 'scheduler/1/pause');
    await house.ask('DELETE', 'queue_connection/1?force=true');
    expect(await world.change({ description: 'still' })).toMatchObject({ connection: 'mails' });
    const resumed = await house.ask('POST', 'scheduler/1/resume');
    expect([resumed.status, JSON.stringify(resumed.body)]).toEqual([
      400,
      expect.stringContaining('connection'),
    ]);
    expect(await nextOf()).toBeNull();
  });

  it('is told ahead, in UTC and on the clock of its zone', async () => {
    await world.make({ cron: '30 2 * * *', time_zone: 'Asia/Kolkata', is_active: false });
    const { status, body } = await house.ask('GET', 'scheduler/1/next?count=3');
    const { resource, local, ...rest } = body as { resource: string[]; local: string[] };
    expect([status, rest]).toEqual([200, { time_zone: 'Asia/Kolkata', is_active: false }]);
    expect(resource).toHaveLength(3);
    for (const [at, moment] of resource.entries()) {
      expect(moment).toMatch(/T21:00:00\.000Z$/);
      expect(local[at]).toMatch(/^\d{4}-\d\d-\d\dT02:30:00\+05:30$/);
      expect(Date.parse(local[at] ?? '')).toBe(Date.parse(moment));
    }
    expect(
      ((await house.ask('GET', 'scheduler/1/next')).body as { resource: string[] }).resource,
    ).toHaveLength(5);
  });

  it('is told of what is not stored', async () => {
    const ask = (body: unknown) => house.ask('POST', 'scheduler/next', { body });
    const { status, body } = await ask({ cron: '@hourly', count: 2 });
    const { resource, local } = body as { resource: string[]; local: string[] };
    expect([status, resource.length]).toEqual([200, 2]);
    expect(local.map((moment) => Date.parse(moment))).toEqual(resource.map((moment) => Date.parse(moment)));
    expect((await ask({ frequency: 60, time_zone: 'Asia/Kolkata' })).body).toMatchObject({
      time_zone: 'UTC',
    });
    expect(((await ask({})).body as { resource: string[] }).resource).toHaveLength(5);
    for (const bad of [
      { cron: 'x' },
      { time_zone: 'x' },
      { frequency: 0 },
      { count: 0 },
      { count: 101 },
      [1],
    ]) {
      expect((await ask(bad)).status, JSON.stringify(bad)).toBe(400);
    }
    await world.make();
    for (const count of ['0', '101', '-1', 'x', '1.5']) {
      const { status: refused, body: told } = await house.ask('GET', `scheduler/1/next?count=${count}`);
      expect([refused, JSON.stringify(told)]).toEqual([400, expect.stringContaining("'count' must be")]);
    }
  });
});
