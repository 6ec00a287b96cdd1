// Schedules in packages: they travel with what they name, and come when they say wherever they are imported.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type House, openHouse } from '../scenario.ts';
import { type Row, scheduling } from '../schedule-fixture.ts';
import { type Document, exported, imported, messageOf, passphrase } from './scenario.ts';

let first: House;
let second: House;
let world: ReturnType<typeof scheduling>;

beforeEach(async () => {
  first = await openHouse();
  second = await openHouse();
  world = scheduling(first);
  await world.addService();
});

afterEach(async () => {
  await first.store.close();
  await second.store.close();
});

const schedulesOf = ({ store }: House) => store.schedules.list();
const nextOf = async ({ store }: House) => [...(await store.scheduleSlots.next()).values()];

test('a schedule is told by names, without what the clock says of it', async () => {
  const { app, user } = await world.addCaller();
  await world.make({ app_id: app, user_id: user, verb: 'PUT', payload: '[1]' });
  const { scheduler } = await exported(first);
  expect(scheduler).toEqual([
    {
      ...{ name: 'nightly', description: null, is_active: true, service: 'db', component: '', verb_mask: 4 },
      ...{ payload: '[1]', frequency: 5, cron: null, time_zone: 'UTC', overlap: 'skip', missed: 'last' },
      ...{ missed_count: 10, jitter: 0, app: 'portal', user: 'grace@example.com', is_privileged: true },
      ...{ connection: null, queue: null, priority: 0, tries: 1, timeout: null, delivery: 'effects-once' },
    },
  ]);
});

test('it comes where it was imported, as whom it says there, and is left alone by a second import', async () => {
  const { app, user } = await world.addCaller();
  await world.make({ app_id: app, user_id: user, is_privileged: false, cron: '0 3 1 1 *' });
  await world.make({ name: 'asleep', is_active: false });
  // There, other ids are taken.
  await scheduling(second).addService('another');
  await second.ask('POST', 'app', { body: { resource: [{ name: 'some' }] } });
  const document = await exported(first, { include_users: true, secured: true, password: passphrase });
  const whole = { ...document, password: passphrase };
  await imported(second, whole);
  const [asleep, nightly] = (await schedulesOf(second)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  expect([asleep?.isActive, await nextOf(second)]).toEqual([false, await nextOf(first)]);
  const there = await second.store.apps.list();
  expect(nightly).toMatchObject({
    serviceId: 3,
    appId: there.find(({ name }) => name === 'portal')?.id,
    userId: (await second.store.users.findByEmail('grace@example.com'))?.id,
    isPrivileged: false,
  });
  await second.store.scheduleSlots.plan(nightly?.id ?? 0, 1_999_999_999_999);
  expect((await imported(second, whole)).summary).toMatchObject({ updated: 0, created: 0 });
  expect(await nextOf(second)).toEqual([1_999_999_999_999]);
  const [row] = document.scheduler?.filter(({ name }) => name === 'nightly') ?? [];
  await imported(second, { tenon_package: 1, scheduler: [{ ...row, cron: null, frequency: 1 }] });
  expect((await nextOf(second))[0]).toBeLessThan(1_999_999_999_999);
});

test('one that calls as somebody who is not there is no schedule, and never one of the system', async () => {
  const { app, user } = await world.addCaller();
  await world.make({ app_id: app, user_id: user });
  const document = await exported(first);
  for (const [left, message] of [
    [['role', 'app'], "Field 'user' names 'grace@example.com', and there is no such user"],
    [['role'], "Field 'app' names 'portal', and there is no such app"],
    [['role', 'app', 'service'], "names 'grace@example.com'"],
  ] as const) {
    const kinds = Object.entries(document).filter(([name]) => {
      return (
        name === 'tenon_package' ||
        name === 'scheduler' ||
        name === 'service' ||
        left.includes(name as 'role')
      );
    });
    const answer = await second.ask('POST', 'package', { body: Object.fromEntries(kinds) });
    expect([answer.status, messageOf(answer)]).toEqual([400, expect.stringContaining(message)]);
    expect(messageOf(answer)).toContain("because of schedule 'nightly'");
    expect(await schedulesOf(second)).toEqual([]);
    expect(await second.store.services.list()).toHaveLength(1);
  }
});

test.each<[Row, string]>([
  [{ service: 'nowhere' }, "Field 'service' names 'nowhere', and there is no such service"],
  [{ service: null }, "Field 'service_id' is required"],
  [{ cron: 'x' }, 'cron'],
  [{ missed: 'all' }, "'missed' cannot be 'all'"],
  [{ next_run_date: '2026-01-01' }, "'next_run_date' is no field of 'scheduler'"],
  [{ service_id: 2 }, "'service_id' is no field of 'scheduler'"],
  [{ connection: 'nowhere' }, "Field 'connection'"],
])('with %j nothing is imported', async (over, message) => {
  await world.make();
  const document: Document = await exported(first);
  const answer = await second.ask('POST', 'package', {
    body: { ...document, scheduler: [{ ...document.scheduler?.[0], ...over }] },
  });
  expect([answer.status, messageOf(answer)]).toEqual([400, expect.stringContaining(message)]);
  expect(await schedulesOf(second)).toEqual([]);
});

test('what is missing goes with its slots, also where only its service is', async () => {
  await world.addService('other');
  await world.make();
  await world.make({ name: 'of the other', service_id: 3 });
  const document = await exported(first);
  const services = document.service?.filter(({ name }) => name === 'db') ?? [];
  const without = { tenon_package: 1, service: services };
  await imported(first, without, '?delete_missing=true');
  expect((await schedulesOf(first)).map(({ name }) => name)).toEqual(['nightly']);
  expect(await nextOf(first)).toHaveLength(1);
  const { body } = await first.ask('GET', "audit?fields=*&filter=action='delete'");
  expect((body as { resource: Row[] }).resource.map(({ record }) => record)).toEqual([
    ...['service/3', 'scheduler/2'],
  ]);
  await imported(first, { tenon_package: 1, scheduler: [] }, '?delete_missing=true');
  expect([await schedulesOf(first), await nextOf(first)]).toEqual([[], []]);
});
