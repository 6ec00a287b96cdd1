// The log of runs over HTTP: what is kept of each way in which a run can end, who may read it, how it is
// found and dropped, and what administrators and others are told of a failure.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import { createSqliteStore } from '../../src/store/sqlite.ts';
import { type Answer, startTestServer, type TestServer } from '../server.ts';

const table =
  'create table todo (id integer primary key, title varchar(80)); insert into todo values (1, "a")';
const before = 'shop._table.todo.get.pre_process';
const after = 'shop._table.todo.get.post_process';
const todo = '/api/v2/shop/_table/todo';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const iso = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ TENON_RUN_SAMPLE: '0', TENON_RUNNERS_MAX: '2' });
  await server.addDatabase('shop', table.replaceAll('"', "'"));
});

afterAll(() => server.close());

beforeEach(async () => {
  await server.ask('/api/v2/system/event_script?force=true', { method: 'DELETE' });
  await server.ask('/api/v2/system/run?force=true', { method: 'DELETE' });
});

async function save(event: string, content: string, more: Record<string, unknown> = {}): Promise<void> {
  const body = { type: 'nodejs', content, is_active: true, allow_event_modification: true, ...more };
  const answer = await server.ask(`/api/v2/system/event_script/${event}`, { method: 'POST', body });
  expect(answer.status, answer.text).toBeLessThan(300);
}

async function runs(query = 'fields=*', at = server) {
  const answer = await at.ask(`/api/v2/system/run?${query}`);
  expect(answer.status, answer.text).toBe(200);
  return answer.body.resource;
}

function context(answer: Answer) {
  return answer.body.error.context;
}

describe('what is kept', () => {
  test('of a run that printed: everything', async () => {
    await save(before, "console.log('one'); console.error('two'); event.request.parameters.limit = 1;");
    const { status } = await server.ask(`${todo}?fields=id`);
    expect(status).toBe(200);
    const [run, ...others] = await runs();
    expect(others).toEqual([]);
    expect(run).toEqual({
      id: expect.stringMatching(uuid),
      position: expect.any(Number),
      script: before,
      type: 'nodejs',
      version: expect.stringMatching(/^[0-9a-f]{12}$/),
      stage: 'pre_process',
      service: 'shop',
      resource: '_table/todo',
      action: 'GET',
      door: 'http',
      caller: 'user',
      user_id: 1,
      app_id: null,
      depth: 0,
      parent_id: null,
      queued_run_id: null,
      started_date: expect.stringMatching(iso),
      duration_ms: expect.any(Number),
      outcome: 'finished',
      status: null,
      output: [
        { level: 'log', text: 'one' },
        { level: 'error', text: 'two' },
      ],
      is_output_cut: false,
      error_message: null,
      error_line: null,
      error_column: null,
      error_stack: null,
    });
    expect((await server.ask(`/api/v2/system/run/${run.id}`)).body).toEqual(run);
  });

  test('of a run that is well and silent: nothing', async () => {
    await save(after, 'event.response.content.extra = 1;');
    expect((await server.ask(todo)).body.extra).toBe(1);
    expect(await runs()).toEqual([]);
  });

  test('another text is another version', async () => {
    const versions = [];
    for (const content of ["console.log('a')", "console.log('b')", "console.log('a')"]) {
      await save(before, content);
      await server.ask(todo);
      versions.push((await runs('limit=1'))[0].version);
    }
    expect(versions[2]).toBe(versions[0]);
    expect(versions[1]).not.toBe(versions[0]);
  });

  test.each<[string, string, Record<string, unknown>, Record<string, unknown>]>([
    [
      'threw',
      "// first\n  throw Object.assign(new Error('no'), { status: 409 });",
      {},
      { status: 409, error_message: 'no', error_line: 2, error_stack: expect.stringContaining('Error: no') },
    ],
    ['exited', 'process.exit(3);', {}, { status: 500, error_message: 'exited with code 3' }],
    [
      'timeout',
      'for (;;) {}',
      { config: { timeout_ms: 150 } },
      { status: 504, error_message: 'did not end within 150 ms' },
    ],
    [
      'crashed',
      'const all = []; for (;;) all.push(new Array(1e6).fill(all.length));',
      {},
      { status: 500, error_message: expect.stringMatching(/^crashed: /) },
    ],
    [
      'not_loaded',
      'const a = 1;\nconst b = ;',
      {},
      { status: 500, error_line: 2, error_column: 11, error_message: expect.stringContaining('Expression') },
    ],
    ['refused', "return { error: 'not today' };", {}, { status: 500, error_message: 'not today' }],
    ['refused', 'event.request.parameters = 5;', {}, { status: 500, error_message: expect.any(String) }],
  ])('of a run that ended as %s: why and where', async (outcome, content, more, expected) => {
    await save(before, content, more);
    const answer = await server.ask(todo);
    expect(answer.status).toBe(expected.status);
    const [run, ...others] = await runs();
    expect(others).toEqual([]);
    expect(run).toMatchObject({ script: before, outcome, ...expected });
    expect(context(answer)).toEqual({
      script: before,
      run_id: run.id,
      line: run.error_line,
      column: run.error_column,
      stack: run.error_stack,
      reason: run.error_message,
    });
    const seen = server.observations.find((each) => each.kind === 'script.failed' && each.run === run.id);
    expect(seen).toMatchObject({ outcome });
  });

  test.each<[string, string, string, Record<string, unknown>]>([
    ['python3', 'threw', "print('said')\nraise Exception('no')", { error_message: 'no', error_line: 2 }],
    ['python', 'threw', "print 'said'\nraise Exception('no')", { error_message: 'no', error_line: 2 }],
    ['python3', 'exited', "print('said')\nimport sys\nsys.exit(3)", { status: 500 }],
    ['python3', 'not_loaded', 'x = 1\ny = (', { error_line: 2, output: [] }],
    ['php', 'threw', "echo 'said';\nthrow new \\Exception('no');", { error_message: 'no', error_line: 2 }],
    ['php', 'exited', "echo 'said';\nexit(3);", { status: 500 }],
    ['php', 'not_loaded', '$a = 1;\n$b = ;', { error_line: 2, output: [] }],
    ['v8js', 'threw', "console.log('said');\nthrow new Error('no');", { error_message: 'no', error_line: 2 }],
  ])('of %s that ended as %s: the same', async (type, outcome, content, expected) => {
    await save(before, content, { type });
    const answer = await server.ask(todo);
    expect(answer.status).toBe(500);
    const [run] = await runs();
    expect(run).toMatchObject({ type, outcome, output: [{ text: 'said' }], ...expected });
    expect(context(answer)).toMatchObject({ script: before, run_id: run.id, line: run.error_line });
  });

  test('what an exception of PHP gives along is what callers read, whoever they are', async () => {
    const thrown =
      "throw new \\DreamFactory\\Core\\Exceptions\\BadRequestException('no', null, null, ['a' => 1]);";
    await save(before, thrown, { type: 'php' });
    const answer = await server.ask(todo);
    expect([answer.status, context(answer)]).toEqual([400, { a: 1 }]);
    expect(await runs()).toMatchObject([{ outcome: 'threw', status: 400, error_line: 1 }]);
  });

  test('of a language that is not here: that it is unavailable', async () => {
    const other = await startTestServer({ DF_PHP_PATH: '/nowhere/php', TENON_LOG_LEVEL: 'silent' });
    try {
      await other.addDatabase('shop', table.replaceAll('"', "'"));
      const body = { type: 'php', content: 'return 1;', is_active: true };
      await other.ask(`/api/v2/system/event_script/${before}`, { method: 'POST', body });
      expect((await other.ask(todo)).status).toBe(503);
      expect(await runs('', other)).toMatchObject([{ outcome: 'unavailable', type: 'php', status: 503 }]);
    } finally {
      await other.close();
    }
  });

  test('of nested runs: which was in which, even where the outer one is silent', async () => {
    await save(after, "event.response.content.inner = (await platform.api.get('shop')).statusCode;");
    await save('shop.get.pre_process', "console.log('inside')");
    expect((await server.ask(todo)).body.inner).toBe(200);
    const [outer, inner] = await runs();
    expect([outer.script, outer.depth, outer.door, outer.parent_id]).toEqual([after, 0, 'http', null]);
    expect([inner.script, inner.depth, inner.door]).toEqual(['shop.get.pre_process', 1, 'script']);
    expect(inner.parent_id).toBe(outer.id);
  });

  test('of output: as much as the limit says, and that there was more', async () => {
    await save(before, `console.log('x'.repeat(${limits.runOutputChars} - 1)); console.log('yz');`);
    await server.ask(todo);
    const [run] = await runs();
    expect(run.is_output_cut).toBe(true);
    expect(run.output.map(({ text }: { text: string }) => text.length)).toEqual([limits.runOutputChars - 1]);
  });

  test('of the answer: the status it had after the run', async () => {
    await save(after, "console.log('x'); event.response.status_code = 202;");
    expect((await server.ask(todo)).status).toBe(202);
    expect(await runs()).toMatchObject([{ stage: 'post_process', status: 202 }]);
  });

  test('of final scripts, too', async () => {
    await save('shop._table.todo.get', "throw new Error('late')");
    expect((await server.ask(todo)).status).toBe(200);
    expect(await runs()).toMatchObject([{ stage: '', outcome: 'threw', error_message: 'late' }]);
  });

  test('of scripts that are services, with the caller', async () => {
    const content = "console.log('hello'); return { content: 1, status_code: 201 };";
    const service = { name: 'own', label: 'own', type: 'nodejs', is_active: true, config: { content } };
    const made = await server.ask('/api/v2/system/service', {
      method: 'POST',
      body: { resource: [service] },
    });
    expect(made.status).toBe(201);
    expect((await server.ask('/api/v2/own/a/b', { method: 'PUT', body: {} })).status).toBe(201);
    expect(await runs()).toMatchObject([
      { stage: 'service', service: 'own', resource: 'a/b', action: 'PUT', status: 201, user_id: 1 },
    ]);
  });
});

describe('who is told what', () => {
  test('callers who are no administrators read the message alone', async () => {
    await save(before, "throw new Error('no')");
    const role = {
      name: 'all',
      is_active: true,
      role_service_access_by_role_id: [
        { service_id: null, component: '*', verb_mask: 31, requestor_mask: 3 },
      ],
    };
    const { body: roles } = await server.ask('/api/v2/system/role', {
      method: 'POST',
      body: { resource: [role] },
    });
    const app = { name: 'shopper', is_active: true, role_id: roles.resource[0].id };
    const { body: apps } = await server.ask('/api/v2/system/app?fields=*', {
      method: 'POST',
      body: { resource: [app] },
    });
    const [{ id, api_key: key }] = apps.resource;
    const answer = await server.ask(todo, { anonymous: true, headers: { 'X-DreamFactory-API-Key': key } });
    expect([answer.status, answer.body.error]).toEqual([
      500,
      { code: 500, context: null, message: 'no', status_code: 500 },
    ]);
    expect(await runs()).toMatchObject([{ caller: 'app', app_id: id, user_id: null, error_line: 1 }]);
    expect(
      (
        await server.ask('/api/v2/system/script_run', {
          method: 'POST',
          anonymous: true,
          headers: { 'X-DreamFactory-API-Key': key },
          body: { content: '1', type: 'nodejs' },
        })
      ).status,
    ).toBe(403);
  });

  test('scripts read errors of inner calls as everybody does', async () => {
    await save('shop.get.pre_process', "throw new Error('no')");
    await save(after, "event.response.content = JSON.parse((await platform.api.get('shop')).body);");
    expect((await server.ask(todo)).body.error).toEqual({
      code: 500,
      context: null,
      message: 'no',
      status_code: 500,
    });
  });

  test('without credentials there is nothing to read', async () => {
    expect((await server.ask('/api/v2/system/run', { anonymous: true })).status).toBe(400);
    expect((await server.ask('/api/v2/system/run', { method: 'DELETE', anonymous: true })).status).toBe(400);
  });
});

describe('finding and dropping', () => {
  beforeEach(async () => {
    await save(
      before,
      "console.log(event.request.parameters.n); if (event.request.parameters.n === '2') throw new Error('two');",
    );
    for (const n of [1, 2, 3]) await server.ask(`${todo}?n=${n}`);
  });

  const printed = (found: { output: { text: string }[] }[]) => found.map(({ output }) => output[0]?.text);

  test('newest first; long fields only where they are asked for', async () => {
    expect(printed(await runs())).toEqual(['3', '2', '1']);
    const [brief] = await runs('');
    expect(brief).not.toHaveProperty('output');
    expect(brief).not.toHaveProperty('error_stack');
    expect(brief).toHaveProperty('error_message');
    expect(Object.keys((await runs('fields=output,id'))[0])).toEqual(['output', 'id']);
  });

  test.each([
    ["outcome='threw'", ['2']],
    ["outcome != 'threw'", ['3', '1']],
    ["error_message contains 'tw'", ['2']],
    ['(status = 500) or (duration_ms < 0)', ['2']],
    ["script like 'shop%' and output contains '3'", ['3']],
    ['user_id = :user_id', ['3', '2', '1']],
    ['is_output_cut = true', []],
  ])('by filter: %s', async (filter, expected) => {
    const query = `fields=*&filter=${encodeURIComponent(filter)}`;
    expect(printed(await runs(query))).toEqual(expected);
    const counted = await server.ask(
      `/api/v2/system/run?count_only=true&filter=${encodeURIComponent(filter)}`,
    );
    expect(counted.body).toBe(expected.length);
  });

  test('in order and by pages', async () => {
    expect(printed(await runs('fields=*&order=position&limit=2'))).toEqual(['1', '2']);
    expect(printed(await runs('fields=*&limit=1&offset=1'))).toEqual(['2']);
    const { body } = await server.ask('/api/v2/system/run?limit=2&include_count=true&include_schema=true');
    expect(body.meta).toMatchObject({ count: 3, next: 2, schema: { name: 'run', primary_key: ['id'] } });
    expect((await runs('as_list=true')).every((id: string) => uuid.test(id))).toBe(true);
    const ids = await runs('as_list=true&limit=2');
    expect(printed(await runs(`fields=*&ids=${ids.join()}`))).toEqual(['3', '2']);
  });

  test.each([
    ['fields=what', /Invalid field requested: what/],
    ['filter=what=1', /what/],
    ['order=what', /what/],
    ['limit=-1', /Parameter 'limit'/],
    ['group=script', /Parameter 'group' is not supported by 'system\/run'/],
  ])('%s is refused by name', async (query, message) => {
    const { status, body } = await server.ask(`/api/v2/system/run?${query}`);
    expect([status, body.error.message]).toEqual([400, expect.stringMatching(message)]);
  });

  test('one, some, those of a filter, or all are dropped, and it is told', async () => {
    const [third, second, first] = await runs('as_list=true');
    const drop = (path: string) => server.ask(`/api/v2/system/run${path}`, { method: 'DELETE' });
    server.observations.length = 0;
    expect((await drop(`/${first}`)).body).toEqual({ id: first });
    expect(server.observations).toMatchObject([{ kind: 'config.changed', record: `run/${first}`, by: 1 }]);
    expect((await drop(`/${first}`)).status).toBe(404);
    expect((await drop("?filter=outcome='threw'")).body).toEqual({ resource: [{ id: second }] });
    expect((await drop(`?ids=${first},${third}`)).body.error).toMatchObject({ code: 1000, status_code: 400 });
    expect((await drop('')).status).toBe(400);
    expect((await drop(`?ids=${third}`)).body).toEqual({ resource: [{ id: third }] });
    await server.ask(`${todo}?n=4`);
    expect((await drop('?force=true')).body).toEqual({ success: true });
    expect(await runs()).toEqual([]);
  });

  test('nothing is written over HTTP', async () => {
    for (const method of ['POST', 'PUT', 'PATCH']) {
      const { status } = await server.ask('/api/v2/system/run', {
        method,
        body: { resource: [{ id: 'x' }] },
      });
      expect(status, method).toBe(400);
    }
  });
});

describe('what is kept for how long', () => {
  async function counted(environment: Record<string, string>, calls: number): Promise<number> {
    const other = await startTestServer(environment);
    try {
      await other.addDatabase('shop', table.replaceAll('"', "'"));
      const body = { type: 'nodejs', content: '1;', is_active: true };
      await other.ask(`/api/v2/system/event_script/${before}`, { method: 'POST', body });
      for (let call = 0; call < calls; call++) await other.ask(todo);
      return (await other.ask('/api/v2/system/run?count_only=true')).body;
    } finally {
      await other.close();
    }
  }

  test('a sample of 1 keeps every run', async () => {
    expect(await counted({ TENON_RUN_SAMPLE: '1' }, 7)).toBe(7);
  });

  test('more than the number that is to be kept go, the oldest first', async () => {
    expect(await counted({ TENON_RUN_SAMPLE: '1', TENON_RUN_RETENTION_COUNT: '5' }, 12)).toBe(5);
  });

  test('with a number of 0 nothing is kept', async () => {
    expect(await counted({ TENON_RUN_SAMPLE: '1', TENON_RUN_RETENTION_COUNT: '0' }, 3)).toBe(0);
  });

  test('what was recorded is there after a stop, and gone when it is too old', async () => {
    const home = mkdtempSync(join(tmpdir(), 'tenon-runs-'));
    const file = join(home, 'system.sqlite');
    const first = await startTestServer({ TENON_RUN_SAMPLE: '1', TENON_DATABASE_URL: `sqlite:${file}` });
    await first.addDatabase('shop', table.replaceAll('"', "'"));
    const body = { type: 'nodejs', content: '1;', is_active: true };
    await first.ask(`/api/v2/system/event_script/${before}`, { method: 'POST', body });
    for (let call = 0; call < 3; call++) await first.ask(todo);
    await first.close();
    const store = await createSqliteStore({ file });
    try {
      const found = await store.runs.find({ limit: 10 });
      expect(found.map((run) => run.script)).toEqual([before, before, before]);
      const [run] = found;
      if (run === undefined) throw new Error('no run');
      await store.runs.add([{ ...run, id: 'old', startedDate: '2020-01-01T00:00:00.000Z' }]);
    } finally {
      await store.close();
    }
    // A server of its own data folder could not open what the first one sealed; the log has no secrets.
    const second = await startTestServer({ TENON_DATABASE_URL: `sqlite:${file}` }).catch(() => undefined);
    await second?.close();
    rmSync(home, { recursive: true });
    expect(second).toBeDefined();
  });
});
