// Scheduled calls as those meet them who write scripts around them: the door of the clock, on whose authority,
// which scripts ran, what becomes of failures and of slots that nobody was there for.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { saveScript } from '../scenario.ts';
import { removeScripts } from '../scripted-service.ts';
import { startTestServer, type TestServer } from '../server.ts';

const sql = `
  create table todo (id integer primary key autoincrement, title varchar(40) not null);
  create table secret (id integer primary key, text varchar(40));
  create table seen (id integer primary key autoincrement, told text);
  insert into todo (title) values ('first'), ('second');
  insert into secret values (1, 'secret');`;

let server: TestServer;
const ids = { service: 0, user: 0, app: 0 };

async function system(path: string, method = 'GET', body?: unknown) {
  const answer = await server.ask(`/api/v2/system/${path}`, { method, ...(body ? { body } : {}) });
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.text}`);
  return answer.body;
}

const make = async (resource: string, record: object) =>
  (await system(`${resource}?fields=*`, 'POST', { resource: [record] })).resource[0];

const rows = async (table: string) => (await server.ask(`/api/v2/db/_table/${table}`)).body.resource;

/** A schedule that comes only when somebody wants it. */
let number = 0;
const schedule = (record: object) =>
  make('scheduler', {
    ...{ name: `s${++number}`, service_id: ids.service, component: '_table/todo', cron: '0 0 1 1 *' },
    ...record,
  });

interface Run {
  readonly id: string;
  readonly state: string;
  readonly status_code: number;
  readonly content: string;
  readonly reason: string;
  readonly cause: string;
  readonly slots: number;
  readonly skipped: string | null;
}

const runsOf = async (id: number): Promise<Run[]> => (await system(`scheduler/${id}/runs`)).resource;

/** Runs it now, and what that came to. */
async function run({ id }: { id: number }): Promise<Run> {
  const { id: own } = await system(`scheduler/${id}/run`, 'POST');
  const found = async () => (await runsOf(id)).find((each) => each.id === own);
  await expect.poll(async () => (await found())?.state, { timeout: 20_000 }).toMatch(/^(done|failed)$/);
  return (await found()) as Run;
}

/** Event scripts that ran, in order. */
const ran = () =>
  server.observations.flatMap((seen) =>
    seen.kind === 'script.finished' || seen.kind === 'script.failed' ? [seen.script] : [],
  );

beforeAll(async () => {
  server = await startTestServer();
  await server.addDatabase('db', sql);
  ids.service = (await system("service?filter=name='db'")).resource[0].id;
  const todo = { service_id: ids.service, component: '_table/todo/*', verb_mask: 1, requestor_mask: 2 };
  const seen = { service_id: ids.service, component: '_table/seen/*', verb_mask: 3, requestor_mask: 2 };
  const role = await make('role', { name: 'reader', role_service_access_by_role_id: [todo, seen] });
  ids.app = (await make('app', { name: 'nights', role_id: role.id })).id;
  ids.user = (await make('user', { email: 'uma@example.com', password: 'long enough', name: 'Uma' })).id;
});
afterEach(async () => {
  await removeScripts(server);
  server.observations.length = 0;
});
afterAll(() => server.close());

const attach = async (event: string, content: string, more: Record<string, unknown> = {}) => {
  const { path, body } = saveScript(event, content, more);
  const { status, text } = await server.ask(path, { method: 'POST', body });
  expect([status, text]).toEqual([expect.toBeOneOf([200, 201]), expect.any(String)]);
};

const tell = (what: string) =>
  `await platform.api.post('db/_table/seen', {resource: [{told: JSON.stringify(${what})}]});`;

const told = async () => (await rows('seen')).map(({ told: text }: { told: string }) => JSON.parse(text));
const forget = () => server.ask('/api/v2/db/_table/seen?filter=id>0', { method: 'DELETE' });

describe('a scheduled call', () => {
  it('takes the path of every other: scripts before and after it run, in order', async () => {
    const event = 'db._table.todo.get';
    await attach(`${event}.pre_process`, `event.request.parameters.limit = 1;`);
    await attach(
      `${event}.post_process`,
      'event.response.content.by = event.request.method + " " + !!platform.session.user;',
    );
    const nightly = await schedule({ component: '_table/todo?fields=title' });
    const { status_code, content, cause } = await run(nightly);
    expect([status_code, cause]).toEqual([200, 'manual']);
    expect(JSON.parse(content)).toMatchObject({ resource: [{ title: 'first' }] });
    expect(ran()).toEqual([`${event}.pre_process`, `${event}.post_process`]);
  });

  it('writes what its payload says, and what that sets off is queued', async () => {
    await attach('db._table.todo.post.queued', tell('event.request.payload.resource[0].title'));
    const payload = { resource: [{ title: 'by the clock' }] };
    expect((await run(await schedule({ verb_mask: 2, payload }))).status_code).toBe(200);
    await expect.poll(told, { timeout: 20_000 }).toEqual(['by the clock']);
    expect((await rows('todo')).at(-1)).toMatchObject({ title: 'by the clock' });
    await forget();
  });

  it('comes by itself at its slots', async () => {
    const each = await schedule({ cron: '* * * * * *', overlap: 'allow' });
    await expect.poll(async () => (await runsOf(each.id)).length, { timeout: 20_000 }).toBeGreaterThan(2);
    await system(`scheduler/${each.id}/pause`, 'POST');
    const slots = (await runsOf(each.id)).map((one) => (one as unknown as { slot: string }).slot);
    expect(new Set(slots).size).toBe(slots.length);
    expect(slots.every((slot) => slot.endsWith('.000Z'))).toBe(true);
  });
});

describe('the authority of a schedule', () => {
  const ask = (table: string) =>
    `const r = await platform.api.get('db/_table/${table}'); ${tell('[r.statusCode, (platform.session.user || {}).email || null]')}`;

  it('is that of the system for the call, and of its user for what scripts call', async () => {
    await attach('db._table.secret.get.post_process', ask('todo'));
    const record = { component: '_table/secret', user_id: ids.user, app_id: ids.app };
    const { status_code, content } = await run(await schedule(record));
    expect([status_code, JSON.parse(content)]).toEqual([200, { resource: [{ id: 1, text: 'secret' }] }]);
    expect(await told()).toEqual([[200, 'uma@example.com']]);
    await forget();
    await removeScripts(server);
    await attach('db._table.todo.get.post_process', ask('secret'));
    await run(await schedule({ user_id: ids.user, app_id: ids.app }));
    expect(await told()).toEqual([[403, 'uma@example.com']]);
    await forget();
  });

  it('is that of its user alone where the call has no privilege', async () => {
    const record = { component: '_table/secret', user_id: ids.user, app_id: ids.app, is_privileged: false };
    expect(await run(await schedule(record))).toMatchObject({
      ...{ state: 'failed', status_code: 403 },
      content: expect.stringContaining('not allowed by this user'),
    });
  });

  it('is nobody’s once its user is switched off', async () => {
    const one = await schedule({ component: '_table/secret', user_id: ids.user, app_id: ids.app });
    await system(`user/${ids.user}`, 'PATCH', { is_active: false });
    try {
      // Users are known for a second at most.
      await expect
        .poll(() => run(one), { timeout: 20_000 })
        .toMatchObject({
          ...{ state: 'failed', status_code: null },
          reason: expect.stringContaining(`user ${ids.user} is gone or not active`),
        });
    } finally {
      await system(`user/${ids.user}`, 'PATCH', { is_active: true });
    }
  });
});

describe('a scheduled call that fails', () => {
  it('is told of until one goes well, and tried as often as its schedule says', async () => {
    await attach('db._table.todo.get.pre_process', 'throw new Error("not tonight");');
    const one = await schedule({ tries: 2, name: 'stubborn' });
    const { state, status_code, content } = await run(one);
    expect([state, status_code]).toEqual(['failed', 500]);
    expect(content).toContain('not tonight');
    expect(ran().length).toBe(2);
    const related = `scheduler/${one.id}?related=task_log_by_task_id`;
    expect((await system(related)).task_log_by_task_id).toMatchObject({
      ...{ task_id: one.id, status_code: 500 },
      content: expect.stringContaining('not tonight'),
    });
    await removeScripts(server);
    expect((await run(one)).state).toBe('done');
    expect((await system(related)).task_log_by_task_id).toBeNull();
  });

  it('keeps nothing that it wrote before it failed', async () => {
    await attach(
      'db._table.todo.get.post_process',
      `await platform.api.post('db/_table/seen', {resource: [{told: '"half"'}]}); throw new Error('no');`,
    );
    expect((await run(await schedule({}))).state).toBe('failed');
    expect(await told()).toEqual([]);
  });

  it('is not run again while it still runs, unless its schedule allows it', async () => {
    await attach(
      'db._table.todo.get.pre_process',
      'await new Promise((done) => setTimeout(done, 1500)); event.request.parameters.limit = 1;',
    );
    const one = await schedule({});
    const { id } = await system(`scheduler/${one.id}/run`, 'POST');
    const busy = await server.ask(`/api/v2/system/scheduler/${one.id}/run`, { method: 'POST' });
    expect([busy.status, busy.body.error.context, busy.body.error.message]).toEqual([
      409,
      { id },
      expect.stringContaining('is not over'),
    ]);
    await system(`scheduler/${one.id}`, 'PATCH', { overlap: 'allow' });
    expect((await run(one)).state).toBe('done');
  });
});

describe('slots that no server was there for', () => {
  it.each([
    ['skip', [], 3],
    ['last', ['missed'], 2],
    ['all', ['missed', 'missed', 'missed'], 0],
  ] as const)('with missed %s', { timeout: 60_000 }, async (missed, late, passed) => {
    const home = mkdtempSync(join(tmpdir(), 'tenon-missed-'));
    const own = { TENON_HOME: home };
    let away = await startTestServer(own);
    try {
      const services = await away.ask("/api/v2/system/service?filter=name='user'");
      const service_id = services.body.resource[0].id;
      // Twelve hours away, so that none comes meanwhile.
      const cron = `0 ${(new Date().getUTCHours() + 12) % 24} * * *`;
      const record = {
        name: 'daily',
        service_id,
        component: '',
        cron,
        overlap: 'queue',
        missed,
      };
      const made = await away.ask('/api/v2/system/scheduler', {
        method: 'POST',
        body: { resource: [record] },
      });
      expect([made.status, made.text]).toEqual([201, expect.any(String)]);
      await away.close();
      moveBack(join(home, 'system.sqlite'), 3);
      away = await startTestServer(own);
      const runs = async () => (await away.ask('/api/v2/system/scheduler/1/runs')).body.resource as Run[];
      const settled = (all: Run[]) =>
        all.length > 0 && all.every(({ state }) => !/queued|running/.test(state));
      await expect.poll(async () => settled(await runs()), { timeout: 30_000 }).toBe(true);
      const all = await runs();
      expect(all.filter(({ state }) => state === 'done').map(({ cause }) => cause)).toEqual(late);
      const skipped = all.filter(({ skipped }) => skipped === 'missed');
      expect(skipped.reduce((sum, { slots }) => sum + slots, 0)).toBe(passed);
    } finally {
      await away.close();
      rmSync(home, { recursive: true, force: true });
    }
  });
});

/** As if nobody had been there for days. */
function moveBack(file: string, days: number): void {
  const database = new Database(file);
  const { next_slot: next } = database.prepare('select next_slot from schedule_slot').get() as {
    next_slot: number;
  };
  database.prepare('update schedule_slot set next_slot = ?').run(next - days * 86_400_000);
  database.close();
}
