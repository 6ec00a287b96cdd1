// Connections of queues over HTTP: runs go where their script, a record or the settings say.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { saveScript } from '../scenario.ts';
import { startTestServer, type TestServer } from '../server.ts';

let server: TestServer;

const tables = `
  create table todo (id integer primary key autoincrement, title varchar(40) not null);
  create table seen (id integer primary key autoincrement, told varchar(40));`;

beforeEach(async () => {
  server = await startTestServer();
  await server.addDatabase('db', tables);
});
afterEach(() => server.close());

const event = 'db._table.todo.post.queued';
const tells =
  "await platform.api.post('db/_table/seen', {resource: [{told: event.request.payload.resource[0].title}]});";

async function save(content: string, config: Record<string, unknown>): Promise<void> {
  const { path, body } = saveScript(event, content, { config });
  const { status, text } = await server.ask(path, { method: 'POST', body });
  expect([status, text]).toEqual([expect.toBeOneOf([200, 201]), expect.any(String)]);
}

const connections = '/api/v2/system/queue_connection';

async function connect(record: Record<string, unknown>): Promise<number> {
  const { status, body, text } = await server.ask(connections, {
    method: 'POST',
    body: { resource: [record] },
  });
  expect([status, text]).toEqual([201, expect.any(String)]);
  return body.resource[0].id;
}

const add = async (title: string) => {
  const body = { resource: [{ title }] };
  expect((await server.ask('/api/v2/db/_table/todo', { method: 'POST', body })).status).toBe(200);
};
const told = async () =>
  (await server.ask('/api/v2/db/_table/seen')).body.resource.map((row: { told: string }) => row.told);
const runs = async () =>
  (await server.ask('/api/v2/system/queued_run?fields=*')).body.resource as Record<string, unknown>[];

describe('runs of a script', () => {
  it('on the connection sync are over when the request is answered', async () => {
    await save(tells, { connection: 'sync', delay: 60 });
    await add('now');
    expect(await told()).toEqual(['now']);
    expect(await runs()).toMatchObject([{ connection: 'sync', state: 'done' }]);
  });

  it('that fail there fail nobody, and are kept with the reason', async () => {
    await save("throw new Error('no luck');", { connection: 'sync', tries: 5 });
    await add('unlucky');
    expect(await runs()).toMatchObject([
      { state: 'failed', attempt: 1, reason: expect.stringContaining('no luck') },
    ]);
  });

  it('on the connection null are accepted and gone', async () => {
    await save(tells, { connection: 'null' });
    await add('never');
    expect([await runs(), await told()]).toEqual([[], []]);
  });

  it('go to a connection that somebody made, and to its queue', async () => {
    await connect({ name: 'mails', type: 'database', default_queue: 'letters' });
    await save(tells, { connection: 'mails', delay: 3_600 });
    await add('later');
    expect(await runs()).toMatchObject([{ connection: 'mails', queue: 'letters', state: 'ready' }]);
  });

  it('that name no connection go to the one that is the default', async () => {
    await save(tells, {});
    const id = await connect({ name: 'sync', type: 'sync', default_queue: 'now', is_default: true });
    await add('first');
    expect(await told()).toEqual(['first']);
    await server.ask(`${connections}/${id}`, { method: 'DELETE' });
    await add('second');
    await expect.poll(told, { timeout: 20_000 }).toEqual(['first', 'second']);
    expect((await runs()).map(({ connection }) => connection).sort()).toEqual(['database', 'sync']);
  });

  it('may not name a connection that is not there, and keep the one that they name', async () => {
    const { path, body } = saveScript(event, tells, { config: { connection: 'mails' } });
    const refused = await server.ask(path, { method: 'POST', body });
    expect([refused.status, refused.text]).toEqual([400, expect.stringContaining("'mails'")]);
    const id = await connect({ name: 'mails', type: 'database' });
    await save(tells, { connection: 'mails' });
    const removed = await server.ask(`${connections}/${id}`, { method: 'DELETE' });
    expect([removed.status, removed.text]).toEqual([409, expect.stringContaining(event)]);
  });
});

describe('the settings of a server', () => {
  it('name the connection and queue of runs that name none', async () => {
    await server.close();
    server = await startTestServer({ QUEUE_CONNECTION: 'sync', QUEUE_NAME: 'usual' });
    await server.addDatabase('db', tables);
    await save(tells, {});
    await add('now');
    expect(await told()).toEqual(['now']);
    expect(await runs()).toMatchObject([{ connection: 'sync', queue: 'usual', state: 'done' }]);
  });
});

describe('the description of the API', () => {
  it('has the connections', async () => {
    const { status, body } = await server.ask('/api/v2/system/_spec');
    expect(status).toBe(200);
    const paths = Object.keys(body.paths).filter((path) => path.includes('queue_connection'));
    expect(paths.sort()).toEqual(['/queue_connection', '/queue_connection/{id}']);
  });
});
