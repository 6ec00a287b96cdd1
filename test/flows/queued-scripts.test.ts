// Queued scripts as callers and authors meet them, over HTTP: when they run, what they see, what they write,
// and what becomes of those that fail.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { saveScript } from '../scenario.ts';
import { startTestServer, type TestServer } from '../server.ts';

let server: TestServer;

const tables = `
  create table todo (id integer primary key autoincrement, title varchar(40) not null unique, done boolean);
  create table seen (id integer primary key autoincrement, event varchar(40), told text);`;

beforeEach(async () => {
  server = await startTestServer();
  await server.addDatabase('db', tables);
});
afterEach(() => server.close());

const event = 'db._table.todo.post.queued';
const todos = '/api/v2/db/_table/todo';

async function save(name: string, content: string, more: Record<string, unknown> = {}): Promise<void> {
  const { path, body } = saveScript(name, content, more);
  const answer = await server.ask(path, { method: 'POST', body });
  expect([answer.status, answer.text]).toEqual([expect.toBeOneOf([200, 201]), expect.any(String)]);
}

async function saveService(name: string, content: string, config: Record<string, unknown> = {}) {
  const record = { name, label: name, type: 'nodejs', is_active: true, config: { content, ...config } };
  const body = { resource: [record] };
  const answer = await server.ask('/api/v2/system/service', { method: 'POST', body });
  expect([answer.status, answer.text]).toEqual([201, expect.any(String)]);
}

const add = (title: string) => server.ask(todos, { method: 'POST', body: { resource: [{ title }] } });
const rows = async (table: string) => (await server.ask(`/api/v2/db/_table/${table}`)).body.resource;

/** Resolves once so many runs have ended in a way. */
async function ended(kind: 'queue.done' | 'queue.failed', count = 1): Promise<void> {
  const found = () => server.observations.filter((seen) => seen.kind === kind).length;
  await expect.poll(found, { timeout: 20_000 }).toBeGreaterThanOrEqual(count);
}

const tells = `var told = {id: event.id, attempt: event.attempt, event: event.request.payload,
    status: event.response && event.response.status_code, content: event.response && event.response.content,
    method: event.request.method, resource: event.resource, user: platform.session.user.email};
  await platform.api.post('db/_table/seen', {resource: [{event: event.id, told: JSON.stringify(told)}]});`;

describe('a queued event script', () => {
  it('runs after the answer, as its caller, on the request and the answer', async () => {
    await save(event, tells);
    const answer = await add('first');
    expect(answer.body).toEqual({ resource: [{ id: 1 }] });
    await ended('queue.done');
    const [{ event: id, told }] = await rows('seen');
    expect(JSON.parse(told)).toMatchObject({
      id,
      attempt: 1,
      event: { resource: [{ title: 'first' }] },
      status: 200,
      content: { resource: [{ id: 1 }] },
      method: 'POST',
      user: 'admin@example.com',
    });
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  });

  it('sees the answer as after scripts left it, and errors, too', async () => {
    await save(event, tells);
    await save(
      'db._table.todo.post.post_process',
      `if (event.response.status_code < 400) event.response.content = {changed: true};`,
    );
    await add('first');
    expect((await add('first')).status).toBe(400);
    await ended('queue.done', 2);
    const seen = (await rows('seen')).map(({ told }: { told: string }) => JSON.parse(told));
    expect(seen.map(({ status }: { status: number }) => status).sort()).toEqual([200, 400]);
    expect(seen.find(({ status }: { status: number }) => status === 200).content).toEqual({ changed: true });
  });

  it('runs for reads as well, and never holds up the answer', async () => {
    await save('db._table.todo.get.queued', `await new Promise(r => setTimeout(r, 1000)); ${tells}`);
    await server.ask(todos);
    expect(await rows('seen')).toEqual([]);
    await ended('queue.done');
    expect(await rows('seen')).toHaveLength(1);
  });

  it('changes nothing of the answer, whatever it does', async () => {
    await save(event, `event.response.content = {changed: true}; return {other: 1};`);
    expect((await add('first')).body).toEqual({ resource: [{ id: 1 }] });
    await ended('queue.done');
  });

  it('writes everything it writes once, or nothing of it', async () => {
    await save(
      event,
      `await platform.api.post('db/_table/seen', {resource: [{event: 'half'}]});
       throw new Error('no more');`,
      { config: { tries: 2, backoff: 0 } },
    );
    await add('first');
    await ended('queue.failed');
    expect(await rows('seen')).toEqual([]);
    const failed = server.observations.filter(({ kind }) => kind === 'script.failed');
    expect(failed).toHaveLength(2);
  });

  it('keeps what it wrote before it failed where it is to be started at least once', async () => {
    await save(
      event,
      `await platform.api.post('db/_table/seen', {resource: [{event: 'half'}]});
       throw new Error('no more');`,
      { config: { tries: 2, backoff: 0, delivery: 'at-least-once' } },
    );
    await add('first');
    await ended('queue.failed');
    expect(await rows('seen')).toHaveLength(2);
  });

  it('is not set off by what is rolled back', async () => {
    await save(event, tells);
    await saveService(
      'both',
      `await platform.transaction('db', async () => {
         await platform.api.post('db/_table/todo', {resource: [{title: 'gone'}]});
         if (event.request.parameters.keep !== '1') throw new Error('undone');
       }).catch(() => {});
       return {};`,
    );
    await server.ask('/api/v2/both');
    expect(await rows('todo')).toEqual([]);
    await server.ask('/api/v2/both?keep=1');
    await ended('queue.done');
    expect(await rows('todo')).toHaveLength(1);
    expect(await rows('seen')).toHaveLength(1);
  });

  it('waits for its time, and is refused a time that is none', async () => {
    const slow = saveScript(event, tells, { config: { delay: 'soon' } });
    const refused = await server.ask(slow.path, { method: 'POST', body: slow.body });
    expect([refused.status, refused.body.error.message]).toEqual([
      400,
      expect.stringContaining("'config.delay' must be a whole number of seconds"),
    ]);
    await save(event, tells, { config: { QUEUED_DELAY: '2' } });
    const before = Date.now();
    await add('first');
    await ended('queue.done');
    expect(Date.now() - before).toBeGreaterThan(1_900);
  });

  it('calls a path when it has failed for good', async () => {
    await saveService(
      'alerts',
      `await platform.api.post('db/_table/seen', {resource: [
      {event: event.request.payload.reason, told: event.request.payload.script}]}); return {};`,
    );
    await save(event, `throw new Error('out of paper');`, {
      config: { tries: 1, on_failure: 'alerts/failed' },
    });
    await add('first');
    await ended('queue.failed');
    await ended('queue.done');
    expect(await rows('seen')).toMatchObject([{ event: 'out of paper', told: event }]);
  });

  it('runs the text that it was queued with, or the latest where that is wanted', async () => {
    const says = (text: string) =>
      `await platform.api.post('db/_table/seen', {resource: [{event: '${text}'}]});`;
    await save(event, says('old'), { config: { delay: 2 } });
    await save('db._table.todo.put.queued', says('old put'), { config: { delay: 2, version: 'latest' } });
    await add('first');
    await server.ask(`${todos}/1`, { method: 'PUT', body: { title: 'second' } });
    await server.ask(`${todos}?ids=1`, { method: 'PUT', body: { resource: [{ title: 'second' }] } });
    await save(event, says('new'), { config: { delay: 2 } });
    await save('db._table.todo.put.queued', says('new put'), { config: { delay: 2, version: 'latest' } });
    await ended('queue.done', 2);
    const told = (await rows('seen')).map((row: { event: string }) => row.event);
    expect(told).toContain('old');
    expect(told).toContain('new put');
    expect(told).not.toContain('new');
    expect(told).not.toContain('old put');
  });

  it('does nothing for a user who is gone by then', async () => {
    const user = { email: 'temp@example.com', password: 'correct horse battery', name: 'Temp' };
    await server.ask('/api/v2/system/admin', { method: 'POST', body: { resource: [user] } });
    await save(event, tells, { config: { delay: 3 } });
    const login = await server.ask('/api/v2/system/admin/session', { method: 'POST', body: user });
    const { session_token: token, id } = login.body;
    const headers = { 'X-DreamFactory-Session-Token': token };
    const answer = await server.ask(todos, {
      ...{ method: 'POST', anonymous: true, headers },
      body: { resource: [{ title: 'first' }] },
    });
    expect(answer.status).toBe(200);
    const gone = await server.ask(`/api/v2/system/admin/${id}`, { method: 'DELETE' });
    expect(gone.status).toBe(200);
    await ended('queue.failed');
    expect(await rows('seen')).toEqual([]);
    const failure = server.observations.find(({ kind }) => kind === 'queue.failed');
    expect(failure).toMatchObject({ reason: expect.stringContaining('gone or not active') });
  });
});

describe('a queued service', () => {
  it('answers 202 at once and runs later', async () => {
    await saveService('later', `await new Promise(r => setTimeout(r, 300)); ${tells}`, { queued: true });
    const answer = await server.ask('/api/v2/later/a/b?x=1', { method: 'POST', body: { n: 1 } });
    expect([answer.status, answer.body]).toEqual([202, { success: true }]);
    expect(await rows('seen')).toEqual([]);
    await ended('queue.done');
    const [{ told }] = await rows('seen');
    expect(JSON.parse(told)).toMatchObject({ event: { n: 1 }, method: 'POST', resource: 'a/b' });
  });

  it('is queued with the transaction that asks for it', async () => {
    await saveService('later', tells, { queued: true });
    await saveService(
      'asks',
      `await platform.transaction('db', async () => {
         await platform.api.post('db/_table/todo', {resource: [{title: 'x' + event.request.parameters.keep}]});
         const answer = await platform.api.post('later', {});
         if (answer.statusCode !== 202) throw new Error('not taken: ' + JSON.stringify(answer));
         if (event.request.parameters.keep !== '1') throw new Error('undone');
       }).catch((error) => { if (error.message !== 'undone') throw error; });
       return {};`,
    );
    const first = await server.ask('/api/v2/asks?keep=0');
    expect([first.status, first.text]).toEqual([200, expect.any(String)]);
    expect((await server.ask('/api/v2/asks?keep=1')).status).toBe(200);
    await ended('queue.done');
    expect(await rows('todo')).toHaveLength(1);
    expect(await rows('seen')).toHaveLength(1);
  });

  it('runs inline on the connection sync, and answers the same', async () => {
    await saveService('inline', tells, { queued: true, config: { connection: 'sync' } });
    const answer = await server.ask('/api/v2/inline', { method: 'POST', body: {} });
    expect([answer.status, answer.body]).toEqual([202, { success: true }]);
    expect(await rows('seen')).toHaveLength(1);
  });

  it('does nothing on the connection null, and names one that is not there', async () => {
    await saveService('void', tells, { queued: true, config: { connection: 'null' } });
    expect((await server.ask('/api/v2/void', { method: 'POST', body: {} })).status).toBe(202);
    await saveService('later', `return 1;`, { queued: true });
    await server.ask('/api/v2/later');
    await ended('queue.done');
    expect(await rows('seen')).toEqual([]);
  });
});
