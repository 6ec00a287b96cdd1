// What the deliveries of queued scripts mean for what they write, when they fail, collide, and are set off by what
// no database of theirs keeps.
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { addScriptedService, removeScripts } from '../scripted-service.ts';
import { startTestServer, type TestServer } from '../server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  const tables = `create table item (id integer primary key, name text unique);
    create table effect (id integer primary key, what text);`;
  await server.addDatabase('db', tables);
  await server.addDatabase('other', tables);
});
afterEach(async () => {
  await removeScripts(server);
  for (const service of ['db', 'other']) {
    for (const table of ['item', 'effect'])
      await server.ask(`/api/v2/${service}/_table/${table}?force=true`, { method: 'DELETE' });
  }
  server.observations.length = 0;
});
afterAll(() => server.close());

const post = (service: string, what: string) =>
  `await platform.api.post('${service}/_table/effect', { resource: [{ what: ${what} }] });`;
const effects = async (service = 'db'): Promise<string[]> =>
  (await server.ask(`/api/v2/${service}/_table/effect?order=id`)).body.resource.map(
    ({ what }: { what: string }) => what,
  );
const ends = () =>
  server.observations.flatMap((seen) =>
    seen.kind === 'queue.done' || seen.kind === 'queue.failed' ? [seen.kind] : [],
  );

async function job(content: string, config: object = {}): Promise<void> {
  const made = await addScriptedService(server, content, {
    name: 'job',
    config: { queued: true, config: { backoff: 0, ...config } },
  });
  expect(made.status, made.text).toBe(201);
  expect((await server.ask('/api/v2/job', { method: 'POST', body: {} })).status).toBe(202);
}
const until = (kinds: string[]) => expect.poll(ends, { timeout: 20_000 }).toEqual(kinds);

const failsOnce = `${post('db', "'of ' + event.attempt")} if (event.attempt === 1) throw new Error('no');`;

it('effects-once: what a failed attempt wrote is gone, in the database that it began in', async () => {
  await job(
    `${post('db', "'first'")} ${post('other', "'first'")} if (event.attempt === 1) throw new Error('no');`,
  );
  await until(['queue.done']);
  expect([await effects(), await effects('other')]).toEqual([['first'], ['first', 'first']]);
});

it('effects-once: a refusal that a script survives undoes itself alone', async () => {
  await job(`${post('db', "'before'")}
    await platform.api.post('db/_table/item?rollback=true', { resource: [{ name: 'a' }, { name: 'a' }] });
    ${post('db', "'after'")}`);
  await until(['queue.done']);
  expect(await effects()).toEqual(['before', 'after']);
  expect((await server.ask('/api/v2/db/_table/item')).body.resource).toHaveLength(0);
});

it('at-least-once: what a failed attempt wrote stays', async () => {
  await job(failsOnce, { delivery: 'at-least-once' });
  await until(['queue.done']);
  expect(await effects()).toEqual(['of 1', 'of 2']);
});

it('at-most-once: there is one attempt, whatever becomes of it', async () => {
  await job(failsOnce, { delivery: 'at-most-once', tries: 5 });
  await until(['queue.failed']);
  await new Promise((done) => setTimeout(done, 1_000));
  expect([ends(), (await effects()).length <= 1]).toEqual([['queue.failed'], true]);
});

it('calls that nobody waits for belong to the run, or are refused', async () => {
  await job(
    `platform.api.post('db/_table/effect', { resource: [{ what: 'not waited for' }] }).catch(() => {}); ${post('db', "'waited for'")}`,
  );
  await until(['queue.done']);
  const seen = await effects();
  expect(seen.filter((what) => what === 'waited for')).toHaveLength(1);
  await new Promise((done) => setTimeout(done, 500));
  expect(await effects()).toEqual(seen);
});

it('what a run sets off is set off once, by the attempt that counts', async () => {
  const script = {
    type: 'nodejs',
    is_active: true,
    content: post('other', "'of ' + event.request.payload.resource[0].name"),
  };
  await server.ask('/api/v2/system/event_script/db._table.item.post.queued', {
    method: 'POST',
    body: script,
  });
  await job(
    `await platform.api.post('db/_table/item', { resource: [{ name: 'x' + event.attempt }] }); if (event.attempt < 3) throw new Error('no');`,
    { tries: 3 },
  );
  await until(['queue.done', 'queue.done']);
  await new Promise((done) => setTimeout(done, 1_000));
  expect([await effects('other'), ends()]).toEqual([['of x3'], ['queue.done', 'queue.done']]);
});

it('a service that cannot undo sets off what it did although the transaction around was undone', async () => {
  const script = { type: 'nodejs', is_active: true, content: post('db', "'role'") };
  await server.ask('/api/v2/system/event_script/system.role.post.queued', { method: 'POST', body: script });
  await addScriptedService(
    server,
    `await platform.transaction('db', async () => {
    ${post('db', "'undone'")}
    await platform.api.post('system/role', { resource: [{ name: 'made inside' }] });
    throw new Error('no');
  }).catch(() => {});`,
    { name: 'maker' },
  );
  await server.ask('/api/v2/maker', { method: 'POST', body: {} });
  const roles = await server.ask("/api/v2/system/role?filter=name='made inside'");
  expect(roles.body.resource).toHaveLength(1);
  await expect.poll(effects, { timeout: 10_000 }).toEqual(['role']);
});
