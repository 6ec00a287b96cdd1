// What scripts of queued runs see and say of their attempts, over HTTP and in every language: another host is
// called once though the run is tried three times, and every repeated call has the key it had before.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { saveScript } from '../scenario.ts';
import { startTestServer, type TestServer } from '../server.ts';

let server: TestServer;
let host: Server;
let url: string;
/** Path and key of each call that arrived at the other host. */
let arrived: { path: string; key: string | undefined }[] = [];

const tables = `
  create table todo (id integer primary key autoincrement, title varchar(40));
  create table seen (id integer primary key autoincrement, event varchar(40), told text);`;
const event = 'db._table.todo.post.queued';

beforeAll(async () => {
  host = createServer((request, response) => {
    const key = request.headers['idempotency-key'];
    arrived.push({ path: request.url ?? '', key: key === undefined ? undefined : String(key) });
    request.resume();
    response.writeHead(200, { 'content-type': 'application/json' }).end(`{"number":${arrived.length}}`);
  });
  await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve));
  const { port } = host.address() as AddressInfo;
  url = `http://127.0.0.1:${port}`;
});
afterAll(() => new Promise((resolve) => host.close(resolve)));

beforeEach(async () => {
  arrived = [];
  server = await startTestServer({ TENON_EGRESS_ALLOW: new URL(url).host });
  await server.addDatabase('db', tables);
});
afterEach(() => server.close());

async function save(name: string, type: string, content: string, config: Record<string, unknown> = {}) {
  const { path, body } = saveScript(name, content, { type, config });
  const answer = await server.ask(path, { method: 'POST', body });
  expect([answer.status, answer.text]).toEqual([201, expect.any(String)]);
}

const add = () =>
  server.ask('/api/v2/db/_table/todo', { method: 'POST', body: { resource: [{ title: 'a' }] } });
const rows = async (table: string) => (await server.ask(`/api/v2/db/_table/${table}`)).body.resource;
const attempts = () => server.observations.filter(({ kind }) => kind.startsWith('script.')).length;

async function ended(kind: 'queue.done' | 'queue.failed'): Promise<void> {
  const isOver = () => server.observations.some((seen) => seen.kind === kind);
  await expect.poll(isOver, { timeout: 20_000 }).toBe(true);
}

/** Charges once, tells each attempt to the other host, asks for two more, and writes down what came of it. */
const thrice: Readonly<Record<string, string>> = {
  nodejs: `const paid = await platform.once('charge ' + event.id, async () => (await platform.api.post('URL/charge', {})).content);
    await platform.api.put('URL/attempt/' + event.attempt, {});
    await platform.api.put('URL/again', {});
    if (event.attempt < 3) throw platform.retry(0, 'busy');
    await platform.api.post('db/_table/seen', {resource: [{event: event.id, told: paid.number + ' ' + event.certainty}]});`,
  v8js: `var paid = platform.once('charge ' + event.id, function () { return platform.api.post('URL/charge', {}).content; });
    platform.api.put('URL/attempt/' + event.attempt, {});
    platform.api.put('URL/again', {});
    if (event.attempt < 3) platform.retry(0, 'busy');
    platform.api.post('db/_table/seen', {resource: [{event: event.id, told: paid.number + ' ' + event.certainty}]});`,
  typescript: `const paid: {number: number} = await platform.once('charge ' + event.id, async () => (await platform.api.post('URL/charge', {})).content);
    await platform.api.put('URL/attempt/' + event.attempt, {});
    await platform.api.put('URL/again', {});
    if ((event.attempt as number) < 3) platform.retry(0, 'busy');
    await platform.api.post('db/_table/seen', {resource: [{event: event.id, told: paid.number + ' ' + event.certainty}]});`,
  python3: `def charge():
    return platform.api.post('URL/charge', {}).json()
paid = platform.once('charge ' + event.id, charge)
platform.api.put('URL/attempt/%d' % event.attempt, {'a': 1})
platform.api.put('URL/again', {})
if event.attempt < 3: platform.retry(0, 'busy')
told = '%d %s' % (paid.number, event.get('certainty', 'undefined'))
platform.api.post('db/_table/seen', {'resource': [{'event': event.id, 'told': told}]})`,
  python: `def charge():
    return json.loads(platform.api.post('URL/charge', {}).read())
paid = platform.once('charge ' + event.id, charge)
platform.api.put('URL/attempt/%d' % event.attempt, {'a': 1})
platform.api.put('URL/again', {})
if event.attempt < 3: platform.retry(0, 'busy')
told = '%d %s' % (paid.number, event.get('certainty', 'undefined'))
platform.api.post('db/_table/seen', {'resource': [{'event': event.id, 'told': told}]})`,
  php: `$paid = $platform->once('charge ' . $event['id'], function () use ($platform) {
      return $platform['api']->post('URL/charge', [])['content'];
    });
    $platform['api']->put('URL/attempt/' . $event['attempt'], []);
    $platform['api']->put('URL/again', ['a' => 1]);
    if ($event['attempt'] < 3) throw $platform['retry'](0, 'busy');
    $told = $paid['number'] . ' ' . ($event['certainty'] ?? 'undefined');
    $platform['api']->post('db/_table/seen', ['resource' => [['event' => $event['id'], 'told' => $told]]]);`,
};

describe('a run that is tried three times', () => {
  it.each(Object.keys(thrice))('calls once what it calls once, in %s', async (type) => {
    await save(event, type, (thrice[type] ?? '').replaceAll('URL', url), { tries: 5, backoff: 3_600 });
    await add();
    await ended('queue.done');
    const [row] = await rows('seen');
    expect(row).toMatchObject({ told: '1 undefined' });
    const id: string = row.event;
    expect(arrived.map(({ path }) => path)).toEqual([
      '/charge',
      '/attempt/1',
      '/again',
      '/attempt/2',
      '/again',
      '/attempt/3',
      '/again',
    ]);
    const keys = (path: string) => arrived.filter((call) => call.path === path).map(({ key }) => key);
    expect(new Set(keys('/again'))).toEqual(new Set([expect.stringMatching(new RegExp(`^${id}:.+:1$`))]));
    // Calls that say different things never share a key, or the other host would not do the second.
    expect(new Set(arrived.map(({ key }) => key)).size).toBe(5);
    expect(attempts()).toBe(3);
  });
});

describe('a run that says', () => {
  const attempt = `await platform.api.put('URL/attempt/' + event.attempt, {});`;
  const queued = () => server.ask('/api/v2/system/queued_run');

  it('never is not tried again', async () => {
    await save(event, 'nodejs', `${attempt} platform.fail('no such account');`.replace('URL', url), {
      tries: 5,
      backoff: 0,
    });
    await add();
    await ended('queue.failed');
    expect(arrived.map(({ path }) => path)).toEqual(['/attempt/1']);
    expect((await queued()).body.resource).toMatchObject([{ state: 'failed', reason: 'no such account' }]);
  });

  it('later waits for as long as it says, whatever its back-off is', async () => {
    const content = `${attempt} throw Object.assign(new Error('busy'), {retry_after: 3600});`;
    await save(event, 'nodejs', content.replace('URL', url), { tries: 5, backoff: 0 });
    const before = Date.now();
    await add();
    const isWaiting = async () => {
      const [run] = (await queued()).body.resource;
      return run?.attempt === 1 && run.state === 'ready' ? Date.parse(run.available_date) : 0;
    };
    await expect.poll(isWaiting, { timeout: 20_000 }).toBeGreaterThan(before + 3_500_000);
  });

  it('nothing of it fails when its tries are used up, each attempt with its own number', async () => {
    await save(event, 'nodejs', `${attempt} throw new Error('no');`.replace('URL', url), {
      tries: 3,
      backoff: 0,
    });
    await add();
    await ended('queue.failed');
    expect(arrived.map(({ path }) => path)).toEqual(['/attempt/1', '/attempt/2', '/attempt/3']);
  });
});

describe('a run that is stopped', () => {
  it('ends in the middle of what it does, and what it has called ends with it', async () => {
    const config = { content: `await platform.api.put('${url}/inside', {}); while (true);` };
    const record = { name: 'endless', label: 'endless', type: 'nodejs', is_active: true, config };
    const made = await server.ask('/api/v2/system/service', { method: 'POST', body: { resource: [record] } });
    expect([made.status, made.text]).toEqual([201, expect.any(String)]);
    await save(event, 'nodejs', `await platform.api.get('endless');`, { tries: 5, backoff: 0, timeout: 600 });
    await add();
    await expect.poll(() => arrived.length, { timeout: 20_000 }).toBe(1);
    const [{ id }] = (await server.ask('/api/v2/system/queued_run')).body.resource;
    await server.ask(`/api/v2/system/queued_run/${id}/cancel`, { method: 'POST' });
    const state = async () => (await server.ask(`/api/v2/system/queued_run/${id}`)).body.state;
    await expect.poll(state, { timeout: 20_000 }).toBe('cancelled');
    const log = async () => {
      const { body } = await server.ask('/api/v2/system/run?filter=outcome=aborted&fields=script');
      return body.resource.map(({ script }: { script: string }) => script).sort();
    };
    await expect.poll(log, { timeout: 20_000 }).toEqual([event, 'service.endless']);
    expect(arrived).toHaveLength(1);
  });
});

describe('outside of queues', () => {
  const before = 'db._table.todo.post.pre_process';

  it('the caller is told when to ask again', async () => {
    await save(before, 'nodejs', `platform.retry(30, 'busy');`);
    const answer = await add();
    expect([answer.status, answer.body.error.message]).toEqual([503, 'busy']);
    expect(answer.headers.get('retry-after')).toBe('30');
  });

  it('what is done once is done each time, and calls have no keys', async () => {
    const content = `await platform.once('k', () => platform.api.post('URL/call', {}));
      if ('id' in event || event.attempt !== undefined) throw new Error('not queued');`;
    await save(before, 'nodejs', content.replace('URL', url));
    for (let i = 0; i < 2; i++) expect((await add()).status).toBe(200);
    expect(arrived).toEqual([
      { path: '/call', key: undefined },
      { path: '/call', key: undefined },
    ]);
  });
});
