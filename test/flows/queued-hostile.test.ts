// Queued runs that somebody made to be difficult, with the system database on every engine: what they hold,
// what they throw, how large they are, and what became of whoever set them off. Nothing is lost, nothing stands
// in the way of others.
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { canTest, type TestDatabase, testDatabase } from '../databases.ts';
import { removeScripts } from '../scripted-service.ts';
import { type Ask, startTestServer, type TestServer } from '../server.ts';

const live = (['postgres', 'mysql'] as const).filter((kind) => canTest(kind));
const tables = `
  create table item (id integer primary key, name text, code text);
  create table effect (id integer primary key, what text);`;

describe.each(['sqlite', ...live] as const)('with the system database on %s', (kind) => {
  let server: TestServer;
  let database: TestDatabase | undefined;

  beforeAll(async () => {
    database = kind === 'sqlite' ? undefined : await testDatabase(kind);
    const environment: Record<string, string> = { TENON_BODY_BYTES: '20000000' };
    if (database !== undefined) {
      environment.TENON_DATABASE_URL = urlOf(database);
      environment.TENON_MASTER_KEY = randomBytes(32).toString('base64');
    }
    server = await startTestServer(environment);
    await server.addDatabase('db', tables);
  });
  afterEach(async () => {
    // Runs of effects go on after the last one is there, and would fail in the next test without their script.
    const path = "/api/v2/system/queued_run?count_only=true&filter=state%20in%20('ready','running')";
    await expect.poll(async () => (await server.ask(path)).body, { timeout: 20_000 }).toBe(0);
    await removeScripts(server);
    for (const table of ['item', 'effect']) {
      await server.ask(`/api/v2/db/_table/${table}?force=true`, { method: 'DELETE' });
    }
    server.observations.length = 0;
  });
  afterAll(async () => {
    await server.close();
    await database?.drop();
  });

  const urlOf = ({ user, password, host, port, database: name }: TestDatabase) =>
    `${kind}://${user}:${encodeURIComponent(password)}@${host}:${port}/${name}`;
  const event = 'db._table.item.post.queued';
  const queued = async (content: string, config: object = {}, name = event) => {
    const body = { type: 'nodejs', is_active: true, content, config };
    const answer = await server.ask(`/api/v2/system/event_script/${name}`, { method: 'POST', body });
    expect(answer.status, answer.text).toBe(201);
  };
  const post = (resource: object[], ask: Ask = {}) =>
    server.ask('/api/v2/db/_table/item', { method: 'POST', body: { resource }, ...ask });
  const effects = async (): Promise<string[]> => {
    const { body } = await server.ask('/api/v2/db/_table/effect?order=id');
    return body.resource.map(({ what }: { what: string }) => what);
  };
  const effect = (what: string) =>
    `await platform.api.post('db/_table/effect', { resource: [{ what: ${what} }] });`;
  // Effects are records, too.
  const ofItems = (what: string) =>
    `if (event.request.payload.resource[0].what === undefined) ${effect(what)}`;
  const ended = (end: 'done' | 'failed') =>
    server.observations.flatMap((seen) =>
      (seen.kind === 'queue.done' || seen.kind === 'queue.failed') && seen.kind === `queue.${end}`
        ? [seen]
        : [],
    );
  const until = (what: () => unknown) => expect.poll(what, { timeout: 20_000 });

  it('has keys of any text, and every run is there', async () => {
    await queued(effect('event.request.payload.resource[0].code'), {
      unique_key: 'code {request.payload.resource.0.code}',
      ordering_key: '{request.payload.resource.0.code}',
    });
    const codes = [
      'plain',
      'zero \\u0000 sign',
      'half \\ud800',
      'half \\udc00',
      'x'.repeat(300),
      "' or 1=1 --",
      ' ',
      'ends ',
      'ENDS',
      'é',
      'e\\u0301',
    ];
    for (const code of codes) expect((await post([{ code }])).status).toBe(200);
    await until(effects).toHaveLength(codes.length);
    expect(ended('failed')).toEqual([]);
  });

  it('fails with any text, and others go on', async () => {
    await queued("throw new Error('zero \\u0000 and half \\ud800 ' + 'x'.repeat(100000));", { tries: 1 });
    await queued(ofItems("'other'"), {}, 'db._table.{table_name}.post.queued');
    expect((await post([{ code: 'a' }])).status).toBe(200);
    await until(() => ended('failed')).toHaveLength(1);
    await until(effects).toEqual(['other']);
    expect(ended('failed')[0]?.reason).toContain('zero');
  });

  it('is as large as a request may be', async () => {
    await queued(effect('event.request.payload.resource[0].name.length'));
    await queued(
      ofItems('event.request.payload.resource[0].name.length'),
      {},
      'db._table.{table_name}.post.queued',
    );
    const names = ['"'.repeat(500_000), 'x'.repeat(2_000_000)];
    for (const name of names) expect((await post([{ name }])).status).toBe(200);
    await until(effects).toHaveLength(4);
    expect((await effects()).sort()).toEqual(['2000000', '2000000', '500000', '500000']);
  });

  it('is not run for a user who is gone, and says so', async () => {
    const made = await server.ask('/api/v2/system/admin', {
      method: 'POST',
      body: { resource: [{ email: 'eve@example.com', name: 'Eve', password: 'eve is here now' }] },
    });
    expect(made.status).toBe(201);
    const login = await server.ask('/api/v2/system/admin/session', {
      method: 'POST',
      anonymous: true,
      body: { email: 'eve@example.com', password: 'eve is here now' },
    });
    const headers = { 'X-DreamFactory-Session-Token': String(login.body.session_token) };
    await queued(effect("'by eve'"), { delay: 2 });
    expect((await post([{ code: 'e' }], { anonymous: true, headers })).status).toBe(200);
    await server.ask(`/api/v2/system/admin/${made.body.resource[0].id}`, { method: 'DELETE' });
    // Runs of the tests before, whose scripts are gone by now, may fail at the same time.
    const ofEve = () =>
      ended('failed').filter(({ reason }) => /user \d+ is gone or not active/.test(`${reason}`));
    await until(ofEve).toHaveLength(1);
    expect(await effects()).toEqual([]);
  });
});
