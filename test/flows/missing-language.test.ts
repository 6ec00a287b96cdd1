// A language whose interpreter is not there: its scripts are refused and whoever stores one is told; everything
// else works.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fixtureSql, startTestServer, type TestServer } from '../server.ts';

const nowhere = '/nowhere/bin/php';
let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ DF_PHP_PATH: nowhere });
  await server.addDatabase('hr', fixtureSql('script'));
});

afterAll(() => server.close());

const store = (type: string, content: string) =>
  server.ask('/api/v2/system/event_script/hr._table.todo.get.pre_process', {
    method: 'POST',
    body: { type, content, is_active: true, allow_event_modification: true },
  });
const read = () => server.ask('/api/v2/hr/_table/todo?limit=1');

test('its scripts are stored with a warning and refuse their calls', async () => {
  const stored = await store('php', 'return 1;');
  expect(stored.status).toBe(201);
  expect(stored.headers.get('x-tenon-warning')).toContain(
    `php is not available: ${nowhere} is not a program`,
  );
  const answer = await read();
  expect(answer.status).toBe(503);
  expect(answer.body.error.message).toBe(
    "Script 'hr._table.todo.get.pre_process' can not be run at the moment.",
  );
  // Why is for administrators.
  expect(answer.body.error.context.reason).toContain(nowhere);
});

test.each([
  ['python3', "event.request.parameters.fields = 'id'"],
  ['nodejs', "event.request.parameters.fields = 'id';"],
])('scripts in %s run all the same', async (type, content) => {
  expect((await store(type, content)).status).toBeLessThan(300);
  expect((await read()).body).toEqual({ resource: [{ id: 1 }] });
});

test('calls without scripts never noticed', async () => {
  expect((await server.ask('/api/v2/hr/_table/departments?limit=1')).status).toBe(200);
  expect((await server.ask('/status')).status).toBe(200);
});
