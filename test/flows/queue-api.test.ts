// Queues over HTTP with scripts that really run: what is seen of them, and what people do about them.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await server.addDatabase(
    'shop',
    `create table todo (id integer primary key, title varchar(80));
     create table done (id integer primary key, title varchar(80));`,
  );
});

afterAll(() => server.close());

const script = 'shop._table.todo.post.queued';
// Writes what came, unless its title says that it fails or does not end.
const content = `
  const [{ title }] = event.request.payload.resource;
  console.log(title, event.attempt);
  if (title === 'bad') throw new Error('no way');
  if (title === 'endless') await new Promise(() => setInterval(() => {}, 1000));
  return platform.api.post('shop/_table/done', { resource: [{ title }] });`;

const ask = (path: string, method = 'GET', body?: unknown) =>
  server.ask(`/api/v2/${path}`, { method, ...(body === undefined ? {} : { body }) });

async function store(text: string, config: object = {}): Promise<void> {
  const event = { name: script, type: 'nodejs', content: text, is_active: true, config };
  const { status, text: said } = await ask(`system/event_script/${script}`, 'POST', event);
  expect(status, said).toBeLessThan(300);
}

/** Sets off a run, and tells its number. */
async function setOff(title: string): Promise<number> {
  expect((await ask('shop/_table/todo', 'POST', { resource: [{ title }] })).status).toBeLessThan(300);
  const { body } = await ask('system/queued_run?limit=1&fields=position');
  return body.resource[0].position;
}

type Run = Record<string, unknown>;

/** The run once it is in a state. */
async function once(position: number, state: string): Promise<Run> {
  for (let looks = 0; looks < 400; looks++) {
    const { body } = await ask(`system/queued_run/${position}?related=*`);
    if (body.state === state) return body;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`run ${position} is never ${state}`);
}

describe('a run', () => {
  test('is seen with what it was queued with and what its attempts printed', async () => {
    await store(content, { tries: 2, backoff: 0 });
    const position = await setOff('good');
    const run = await once(position, 'done');
    expect(run).toMatchObject({
      ...{ script, connection: 'database', queue: 'default', user_id: 1, attempt: 0, worker: null },
      payload: { service: 'shop', action: 'POST' },
      run_by_queued_run_id: [{ outcome: 'finished', door: 'queue', queued_run_id: run.id }],
    });
    expect(JSON.stringify(run)).not.toContain(server.token);
    const { body } = await ask(
      `system/run/${(run.run_by_queued_run_id as { id: string }[])[0]?.id}?related=*`,
    );
    expect(body).toMatchObject({
      output: [{ text: 'good 1' }],
      queued_run_by_queued_run_id: { position, state: 'done' },
    });
  });

  test('that failed for good is started anew with the script as it is then, and does its work', async () => {
    await store(content, { tries: 2, backoff: 0, version: 'latest' });
    const position = await setOff('bad');
    const failed = await once(position, 'failed');
    expect(failed).toMatchObject({ attempt: 2, reason: expect.stringContaining('no way') });
    expect(failed.run_by_queued_run_id).toHaveLength(2);
    expect((await ask(`system/run/${failed.log_id}`)).body).toMatchObject({ error_message: 'no way' });
    expect((await ask('system/queue/default?fields=failed')).body).toEqual({ failed: 1 });
    await store(content.replace("'bad'", "'worse'"), { tries: 2, backoff: 0, version: 'latest' });
    expect((await ask(`system/run/${failed.log_id}/retry`, 'POST')).body).toMatchObject({ position });
    expect(await once(position, 'done')).toMatchObject({ attempt: 0, reason: null });
    const { body } = await ask("shop/_table/done?filter=title='bad'&fields=title");
    expect(body.resource).toEqual([{ title: 'bad' }]);
  });

  test('that does not end is stopped where it is', async () => {
    await store(content, { tries: 1 });
    const position = await setOff('endless');
    const running = await once(position, 'running');
    expect(running).toMatchObject({ worker: expect.any(String), lease_until: expect.any(String) });
    const { body } = await ask(`system/run/${running.id}/cancel`, 'POST');
    expect(body).toMatchObject({ id: running.id, state: 'running' });
    expect(await once(position, 'cancelled')).toMatchObject({
      reason: expect.stringContaining('cancelled by admin@example.com'),
    });
    expect((await ask(`system/queued_run/${position}/cancel`, 'POST')).status).toBe(409);
  });
});

describe('a queue', () => {
  test('that is paused keeps its runs, and lets them go', async () => {
    await store(content, { queue: 'slow' });
    expect((await ask('system/queue/slow/pause', 'POST')).body).toMatchObject({ is_paused: true });
    const position = await setOff('later');
    expect((await ask('system/queue/slow')).body).toMatchObject({ ready: 1, is_paused: true });
    await ask('system/queue/slow/resume', 'POST');
    // The server works the default queue alone.
    expect((await ask(`system/queued_run/${position}`)).body).toMatchObject({
      queue: 'slow',
      state: 'ready',
    });
    expect((await ask(`system/queued_run/${position}/cancel`, 'POST')).body.state).toBe('cancelled');
  });

  test('is seen by whoever may see it, and changed by whoever may change it', async () => {
    const grant = (component: string, mask: number) => ({
      ...{ service_id: 1, component, verb_mask: mask, requestor_mask: 3 },
    });
    const { body: services } = await ask("system/service?filter=name='system'&fields=id");
    const grants = [grant('queue/*', 1), grant('queued_run/*', 1)].map((row) => ({
      ...{ ...row, service_id: services.resource[0].id },
    }));
    const role = { name: 'watcher', is_active: true, role_service_access_by_role_id: grants };
    const made = await ask('system/role?fields=id', 'POST', { resource: [role] });
    const app = { name: 'board', is_active: true, role_id: made.body.resource[0].id };
    const { body } = await ask('system/app?fields=api_key', 'POST', { resource: [app] });
    const asBoard = (path: string, method = 'GET') =>
      server.ask(`/api/v2/system/${path}`, {
        ...{ method, anonymous: true },
        headers: { 'X-DreamFactory-API-Key': body.resource[0].api_key },
      });
    for (const path of ['queue', 'queue/default', 'queued_run', 'queued_run/1']) {
      expect((await asBoard(path)).status, path).toBe(200);
    }
    for (const path of ['queue/default/pause', 'queue/restart', 'queued_run/1/retry', 'queued_run/retry']) {
      expect((await asBoard(path, 'POST')).status, path).toBe(401);
    }
    expect((await asBoard('queued_run/1', 'DELETE')).status).toBe(401);
    for (const path of ['run/1', 'delivery', 'queue_connection']) {
      expect((await asBoard(path)).status, path).toBe(401);
    }
    expect((await server.ask('/api/v2/system/queue', { anonymous: true })).status).toBe(400);
  });

  test('and its runs are in the description of the API', async () => {
    const { body } = await ask('system/_spec');
    const has = (path: string) => Object.keys(body.paths[path] ?? {});
    expect(has('/queue')).toEqual(['get']);
    expect(has('/queue/{name}')).toEqual(['get', 'patch']);
    expect(has('/queue/restart')).toEqual(['post']);
    for (const verb of ['pause', 'resume', 'retry', 'flush']) {
      expect(has(`/queue/{name}/${verb}`)).toEqual(['post']);
    }
    expect(has('/queued_run/{id}')).toEqual(['get', 'delete']);
    for (const verb of ['retry', 'cancel', 'forget']) {
      expect(has(`/queued_run/${verb}`)).toEqual(['post']);
      expect(has(`/queued_run/{id}/${verb}`)).toEqual(['post']);
    }
    expect(has('/run/{id}/cancel')).toEqual(['post']);
    expect(has('/delivery')).toEqual(['get']);
  });
});

describe('what services promise', () => {
  test('is once where runs leave with the write, and says why where they do not', async () => {
    const database = (await ask("system/service?filter=name='shop'")).body.resource[0].config.database;
    const config = { database, events: 'intent' };
    const plain = { name: 'plain', label: 'plain', type: 'sqlite', is_active: true, config };
    expect((await ask('system/service', 'POST', { resource: [plain] })).status).toBe(201);
    const { body } = await ask("system/delivery?filter=service in ('shop','plain','system')&order=service");
    expect(body.resource).toMatchObject([
      {
        service: 'plain',
        events: 'intent',
        effects: 'at-least-once',
        reason: expect.stringContaining("'intent'"),
      },
      { service: 'shop', events: 'outbox', effects: 'once' },
      { service: 'system', events: 'intent', effects: 'at-least-once' },
    ]);
  });
});

describe('workers', () => {
  test('begin anew when they are asked to, and go on', async () => {
    await store(content);
    expect((await ask('system/queue/restart', 'POST')).body).toEqual({ success: true });
    expect(await once(await setOff('after'), 'done')).toMatchObject({ state: 'done' });
  });
});
