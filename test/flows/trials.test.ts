// Trying scripts over HTTP: an event is made of what the request says, the script runs once as whoever asks,
// and everything that became of it is told.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../server.ts';

const after = 'shop._table.todo.get.post_process';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ TENON_RUN_SAMPLE: '0' });
  const table = 'create table todo (id integer primary key, title varchar(80));';
  await server.addDatabase('shop', `${table} insert into todo values (1, 'a')`);
});

afterAll(() => server.close());

beforeEach(async () => {
  await server.ask('/api/v2/system/event_script?force=true', { method: 'DELETE' });
  await server.ask('/api/v2/system/run?force=true', { method: 'DELETE' });
});

const runs = async () => (await server.ask('/api/v2/system/run')).body.resource;

describe('trying a script', () => {
  const attempt = (body: unknown) => server.ask('/api/v2/system/script_run', { method: 'POST', body });

  test('runs it once on the event that is described, and tells everything', async () => {
    const content = `console.log(event.request.method, event.resource);
event.request.parameters.limit = Number(event.request.parameters.limit) + 1;
return (await platform.api.get('shop/_table/todo/1')).content;`;
    const event = { request: { method: 'get', path: 'shop/_table/todo?limit=4' } };
    const { status, body } = await attempt({ content, type: 'nodejs', event });
    expect([status, body.error_message]).toEqual([200, null]);
    expect(body).toMatchObject({
      outcome: 'finished',
      stage: 'pre_process',
      service: 'shop',
      resource: '_table/todo',
      output: [{ level: 'log', text: 'GET todo' }],
      returned: { id: 1, title: 'a' },
      changes: { parameters: { limit: 5 } },
    });
    expect(await runs()).toMatchObject([{ id: body.id, script: 'script_run', outcome: 'finished' }]);
    expect((await server.ask('/api/v2/system/event_script?as_list=true')).body.resource).toEqual([]);
  });

  test('an after script changes the answer that it is given', async () => {
    const content = 'event.response.content.more = event.response.content.a + 1;';
    const event = { response: { content: { a: 1 }, status_code: 201 } };
    const { body } = await attempt({ content, type: 'typescript', event });
    expect(body.response).toEqual({ status_code: 201, headers: {}, content: { a: 1, more: 2 } });
    expect(body.stage).toBe('post_process');
  });

  test('a stored script runs on its own event', async () => {
    const content = 'event.response.content = { on: event.request.service };';
    const script = { type: 'nodejs', content, is_active: true, allow_event_modification: true };
    await server.ask(`/api/v2/system/event_script/${after}`, { method: 'POST', body: script });
    const { body } = await attempt({ name: after });
    expect([body.script, body.outcome, body.response.content]).toEqual([after, 'finished', { on: 'shop' }]);
  });

  test('failures are told, not answered as failures', async () => {
    const thrown = await attempt({ content: "\nthrow new Error('no')", type: 'nodejs' });
    expect(thrown.status).toBe(200);
    expect(thrown.body).toMatchObject({ outcome: 'threw', error_message: 'no', error_line: 2, status: 500 });
    const late = await attempt({ content: 'for (;;) {}', type: 'nodejs', timeout_ms: 100 });
    expect(late.body).toMatchObject({ outcome: 'timeout', error_message: 'did not end within 100 ms' });
    const wrong = await attempt({ content: 'const = 1', type: 'nodejs' });
    expect(wrong.body).toMatchObject({ outcome: 'not_loaded', error_line: 1 });
  });

  test.each<[unknown, number, RegExp]>([
    [{}, 400, /Field 'content' is required, or the 'name'/],
    [{ content: '1' }, 400, /Field 'type' is required/],
    [{ content: 5, type: 'nodejs' }, 400, /Field 'content' must be text/],
    [{ content: '1', type: 'cobol' }, 400, /Unknown script type 'cobol'/],
    [{ name: 'shop.get.pre_process' }, 404, /shop\.get\.pre_process/],
    [{ content: '1', type: 'nodejs', on: 'what' }, 400, /Field 'on' must be an event/],
    [{ content: '1', type: 'nodejs', timeout_ms: 0 }, 400, /Field 'timeout_ms'/],
    [{ content: '1', type: 'nodejs', event: 5 }, 400, /Field 'event' must be an object/],
    [
      { content: '1', type: 'nodejs', event: { request: { method: 'FETCH' } } },
      400,
      /method' must be one of/,
    ],
    [{ content: '1', type: 'nodejs', event: { request: { path: '/' } } }, 400, /path' must name a service/],
    [
      { content: '1', type: 'nodejs', event: { request: { payload: 1, content: '1' } } },
      400,
      /together with 'payload'/,
    ],
    [{ content: '1', type: 'nodejs', event: { response: { status_code: 99 } } }, 400, /status_code/],
  ])('%j is refused', async (body, status, message) => {
    const answer = await attempt(body);
    expect([answer.status, answer.body.error?.message]).toEqual([status, expect.stringMatching(message)]);
    expect(await runs()).toEqual([]);
  });

  test('what it calls knows the limit of nesting', async () => {
    const content = `const inner = { content: ${JSON.stringify('return 1;')}, type: 'nodejs' };
const { content } = await platform.api.post('system/script_run', inner);
return content.depth;`;
    expect((await attempt({ content, type: 'nodejs' })).body.returned).toBe(1);
  });
});
