// Idempotency keys and queued runs: whatever is asked for twice, because a server was lost, is run once.
// Invariant: a server that is lost between its work and the keeping of its answer leaves the key as here: without
// an answer, and its lease over.
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { addScriptedService } from '../scripted-service.ts';
import { startTestServer, type TestServer } from '../server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  const tables = `create table item (id integer primary key, name text);
    create table effect (id integer primary key, what text);`;
  await server.addDatabase('db', tables);
  await server.addDatabase('plain', 'create table item (id integer primary key, name text);', {
    events: 'intent',
  });
});
afterAll(() => server.close());

const effect = (what: string) =>
  `await platform.api.post('db/_table/effect', { resource: [{ what: '${what}' }] });`;
const effects = async (what: string): Promise<number> =>
  (await server.ask(`/api/v2/db/_table/effect?filter=what=${what}`)).body.resource.length;
const ended = () =>
  server.observations.filter(({ kind }) => kind === 'queue.done' || kind === 'queue.failed').length;

function loseAnswers(): void {
  const database = new Database(join(server.home, 'system.sqlite'));
  database.exec('update idempotency_key set answer = null, lease_until = 0');
  database.close();
}

/** Asks, loses the answer, asks again; tells how both were answered. */
async function twice(path: string, body: object, key: string) {
  const ask = { method: 'POST', body, headers: { 'Idempotency-Key': key } };
  const first = await server.ask(path, ask);
  loseAnswers();
  const second = await server.ask(path, ask);
  expect([second.status, second.text]).toEqual([first.status, first.text]);
  return first;
}

it('a queued service', async () => {
  await addScriptedService(server, effect('service'), { name: 'job', config: { queued: true } });
  expect((await twice('/api/v2/job', { a: 1 }, 'job 1')).status).toBe(202);
  await expect.poll(() => effects('service'), { timeout: 10_000 }).toBe(1);
  await server.ask('/api/v2/job', {
    method: 'POST',
    body: { a: 1 },
    headers: { 'Idempotency-Key': 'job 2' },
  });
  await expect.poll(() => effects('service'), { timeout: 10_000 }).toBe(2);
  expect(ended()).toBe(2);
});

it.each(['db', 'plain'])('what a write of %s sets off', async (service) => {
  const before = ended();
  const script = { type: 'nodejs', is_active: true, content: effect(service) };
  const saved = await server.ask(`/api/v2/system/event_script/${service}._table.item.post.queued`, {
    method: 'POST',
    body: script,
  });
  expect(saved.status).toBe(201);
  const ask = { resource: [{ id: 1, name: 'a' }] };
  const path = `/api/v2/${service}/_table/item`;
  if (service === 'db') await twice(path, ask, `write ${service}`);
  else {
    // Nothing is kept there: the second try is refused, because the record is there, and sets off nothing new.
    const headers = { 'Idempotency-Key': `write ${service}` };
    expect((await server.ask(path, { method: 'POST', body: ask, headers })).status).toBe(200);
    loseAnswers();
    expect((await server.ask(path, { method: 'POST', body: ask, headers })).status).toBe(400);
  }
  await expect.poll(() => effects(service), { timeout: 10_000 }).toBe(1);
  await expect.poll(ended, { timeout: 10_000 }).toBe(before + 1);
  await new Promise((done) => setTimeout(done, 500));
  expect([await effects(service), ended()]).toEqual([1, before + 1]);
});

it('no key is taken in a run whose effects are applied once where nothing would keep it', async () => {
  const content = `const told = await platform.api.post('plain/_table/item', { resource: [{ name: 'b' }] },
      { headers: { 'Idempotency-Key': 'in a run' } });
    const what = told.statusCode + ' ' + told.content.error.message;
    await platform.api.post('db/_table/effect', { resource: [{ what }] });`;
  await addScriptedService(server, content, { name: 'strict', config: { queued: true } });
  await server.ask('/api/v2/strict', { method: 'POST', body: {} });
  const told = async () => {
    const { body } = await server.ask("/api/v2/db/_table/effect?filter=what like '400%25'");
    return body.resource.map(({ what }: { what: string }) => what);
  };
  const refusal = /^400 The header Idempotency-Key is not taken by service 'plain'/;
  await expect.poll(told, { timeout: 10_000 }).toEqual([expect.stringMatching(refusal)]);
  const left = await server.ask("/api/v2/plain/_table/item?filter=name='b'");
  expect(left.body.resource).toEqual([]);
});
