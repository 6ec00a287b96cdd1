// Filters of roles over real HTTP: users by their sessions, lookups, related records of another service, and
// scripts with their transactions. Invariant: what counts is what is in the tables afterwards.
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Answer, type Ask, startTestServer, type TestServer } from '../server.ts';

const notesSql = `
  CREATE TABLE job(id INTEGER PRIMARY KEY, name TEXT);
  CREATE TABLE note(id INTEGER PRIMARY KEY, owner INTEGER, region TEXT, text TEXT NOT NULL,
    job INTEGER REFERENCES job(id));
  INSERT INTO job VALUES (1, 'first');
`;
const auditSql = 'CREATE TABLE visit(id INTEGER PRIMARY KEY, note INTEGER, region TEXT, owner INTEGER);';

let server: TestServer;
let apiKey = '';
const ids = { notes: 0, audit: 0, role: 0 };
const users = new Map<string, { id: number; token: string }>();

const system = async (path: string, method: string, body: unknown): Promise<Answer> => {
  const answer = await server.ask(`/api/v2/system/${path}`, { method, body });
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.text}`);
  return answer;
};

const make = async (resource: string, record: Record<string, unknown>) =>
  (await system(`${resource}?fields=*&related=*`, 'POST', { resource: [record] })).body.resource[0];

const owned = [{ name: 'owner', operator: '=', value: '{user.id}' }];

const row = (service_id: number, component: string, more: object = {}) => ({
  ...{ service_id, component, verb_mask: 31, requestor_mask: 3, filters: [], filter_op: 'AND' },
  ...more,
});

const grant = async (...rows: unknown[]) => {
  const path = `role/${ids.role}?fields=id&related=role_service_access_by_role_id`;
  const { body } = await server.ask(`/api/v2/system/${path}`);
  const old = body.role_service_access_by_role_id.map(({ id }: { id: number }) => ({ id, role_id: null }));
  await system(`role/${ids.role}`, 'PATCH', { role_service_access_by_role_id: [...old, ...rows] });
};

const as = (name: string, path: string, ask: Ask = {}) =>
  server.ask(`/api/v2/${path}`, {
    ...ask,
    anonymous: true,
    headers: {
      'X-DreamFactory-API-Key': apiKey,
      'X-DreamFactory-Session-Token': users.get(name)?.token ?? '',
    },
  });

const idOf = (name: string) => users.get(name)?.id ?? 0;
const texts = ({ body }: Answer) => body.resource.map(({ text }: { text: string }) => text);
const all = async (service: string, table: string) =>
  (await server.ask(`/api/v2/${service}/_table/${table}?order=id`)).body.resource;

beforeAll(async () => {
  server = await startTestServer();
  await server.addDatabase('notes', notesSql);
  await server.addDatabase('audit', auditSql);
  const services = (await server.ask('/api/v2/system/service?fields=id,name')).body.resource;
  const serviceId = (name: string) => services.find((each: { name: string }) => each.name === name).id;
  ids.notes = serviceId('notes');
  ids.audit = serviceId('audit');
  ids.role = (await make('role', { name: 'owners' })).id;
  apiKey = (await make('app', { name: 'web', role_id: ids.role })).api_key;
  for (const name of ['uma', 'vic']) {
    const login = { email: `${name}@example.com`, password: 'another long password' };
    const { id } = await make('user', { ...login, name });
    users.set(name, { id, token: '' });
    const session = await as(name, 'user/session', { method: 'POST', body: login });
    users.set(name, { id, token: session.body.session_token });
  }
}, 60_000);
afterAll(() => server.close());
beforeEach(async () => {
  await server.ask('/api/v2/notes/_table/note?force=true', { method: 'DELETE' });
  await server.ask('/api/v2/audit/_table/visit?force=true', { method: 'DELETE' });
  const resource = [
    { id: 1, owner: idOf('uma'), region: 'north', text: 'of uma' },
    { id: 2, owner: idOf('vic'), region: 'south', text: 'of vic' },
    { id: 3, owner: null, region: 'north', text: 'of nobody' },
  ];
  await server.ask('/api/v2/notes/_table/note', { method: 'POST', body: { resource } });
});

describe('users of one role', () => {
  test('reach their own records each, and what is granted changes at once', async () => {
    await grant(row(ids.notes, '_table/note', { filters: owned }));
    expect(texts(await as('uma', 'notes/_table/note'))).toEqual(['of uma']);
    expect(texts(await as('vic', 'notes/_table/note'))).toEqual(['of vic']);
    expect((await as('nobody', 'notes/_table/note')).body).toEqual({ resource: [] });
    const other = [{ name: 'region', operator: '=', value: 'north' }];
    await grant(row(ids.notes, '_table/note', { filters: other }));
    expect(texts(await as('vic', 'notes/_table/note'))).toEqual(['of uma', 'of nobody']);
  });

  test('by a lookup that is nearer to one of them', async () => {
    await system('lookup', 'POST', { resource: [{ name: 'home', value: 'south' }] });
    await system(`user/${idOf('uma')}`, 'PATCH', {
      lookup_by_user_id: [{ name: 'home', value: 'north' }],
    });
    await grant(
      row(ids.notes, '_table/note', { filters: [{ name: 'region', operator: '=', value: '{home}' }] }),
    );
    const seen = async (name: string) => texts(await as(name, 'notes/_table/note'));
    await expect.poll(() => seen('uma'), { timeout: 5_000 }).toEqual(['of uma', 'of nobody']);
    expect(await seen('vic')).toEqual(['of vic']);
    const made = await as('vic', 'notes/_table/note', {
      method: 'POST',
      body: { resource: [{ region: 'north', text: 'x' }] },
    });
    expect(made.status).toBe(403);
  });

  test('are told whom to ask about a filter that does not fit, and so is the log', async () => {
    await grant(row(ids.notes, '_table/*', { filters: [{ name: 'nowhere', operator: '=', value: 1 }] }));
    server.observations.length = 0;
    const refused = await as('uma', 'notes/_table/note');
    expect([refused.status, refused.body.error.message]).toEqual([
      403,
      expect.stringMatching(/'nowhere'.*An administrator has to correct the role/),
    ]);
    const kinds = server.observations.flatMap((seen) =>
      seen.kind === 'operation.failed' ? [seen.error.kind] : [],
    );
    expect(kinds).toEqual(['access.inapplicable_filter']);
  });
});

describe('related records of another service', () => {
  beforeAll(async () => {
    const far = { ref_service_id: ids.audit, ref_table: 'visit', ref_field: 'note' };
    const relation = { type: 'has_many', field: 'id', is_virtual: true, ...far };
    const related = { method: 'POST', body: { resource: [relation] } };
    // Services know of each other a moment later.
    await vi.waitFor(
      async () => {
        const { status } = await server.ask('/api/v2/notes/_schema/note/_related', related);
        if (status !== 200) throw new Error(`status ${status}`);
      },
      { timeout: 5_000 },
    );
  }, 20_000);
  beforeEach(async () => {
    const resource = [
      { id: 1, note: 1, region: 'north', owner: idOf('uma') },
      { id: 2, note: 1, region: 'south', owner: idOf('vic') },
    ];
    await server.ask('/api/v2/audit/_table/visit', { method: 'POST', body: { resource } });
    await grant(
      row(ids.notes, '_table/*', { filters: owned }),
      row(ids.audit, '_table/*', { filters: owned }),
      row(ids.audit, '_schema/*', { verb_mask: 1 }),
    );
  });
  const write = (visits: unknown) =>
    as('uma', 'notes/_table/note/1', {
      method: 'PATCH',
      body: { text: 'changed', 'audit.visit_by_note': visits },
    });

  test('are read through the filter there', async () => {
    const { body } = await as('uma', 'notes/_table/note/1?related=audit.visit_by_note');
    expect(body['audit.visit_by_note']).toEqual([expect.objectContaining({ id: 1 })]);
  });

  test.each([
    ['is made for another', () => ({ region: 'x', owner: idOf('vic') }), 403],
    ['is made for nobody', () => ({ region: 'x' }), 403],
    ['is given away', () => ({ id: 1, owner: idOf('vic') }), 403],
    ['is changed', () => ({ id: 2, region: 'x' }), 404],
    ['is let go', () => ({ id: 2, note: null }), 404],
  ])('none of others %s, and what brought it is undone', async (_what, visit, status) => {
    const before = await all('audit', 'visit');
    const asked = await write([visit()]);
    expect([asked.status, asked.text]).toEqual([status, asked.text]);
    expect(await all('audit', 'visit')).toEqual(before);
    expect((await all('notes', 'note'))[0].text).toBe('of uma');
  });

  test('and what else is brought along goes through the filter of its own table', async () => {
    await grant(
      row(ids.notes, '_table/note', { filters: owned }),
      row(ids.notes, '_table/job', { filters: [{ name: 'name', operator: '=', value: 'first' }] }),
      row(ids.audit, '_table/*', { filters: owned }),
      row(ids.audit, '_schema/*', { verb_mask: 1 }),
    );
    const bring = (job: object) =>
      as('uma', 'notes/_table/note/1', {
        method: 'PATCH',
        body: { job_by_job: job, 'audit.visit_by_note': [{ owner: idOf('uma') }] },
      });
    expect((await bring({ id: 1, name: 'second' })).status).toBe(403);
    expect((await bring({ name: 'third' })).status).toBe(403);
    expect(await all('notes', 'job')).toEqual([{ id: 1, name: 'first' }]);
    expect((await bring({ id: 1 })).status).toBe(200);
    expect((await all('notes', 'note'))[0].job).toBe(1);
  });

  test('are written where they fit', async () => {
    expect((await write([{ id: 1, region: 'west' }, { owner: idOf('uma') }])).status).toBe(200);
    const visits = await all('audit', 'visit');
    expect(visits).toMatchObject([{ region: 'west' }, { region: 'south' }, { note: 1 }]);
    expect((await all('notes', 'note'))[0].text).toBe('changed');
  });
});

describe('scripts', () => {
  const run = async (content: string): Promise<Answer> => {
    const name = 'notes._table.job.get.pre_process';
    const script = { type: 'nodejs', content, is_active: true, allow_event_modification: true };
    await server.ask(`/api/v2/system/event_script/${name}`, { method: 'POST', body: script });
    try {
      return await as('uma', 'notes/_table/job');
    } finally {
      await server.ask(`/api/v2/system/event_script/${name}`, { method: 'DELETE' });
    }
  };
  const answering = (text: string) => `event.response = {content: await (async () => {${text}})()};`;
  beforeEach(() =>
    grant(row(ids.notes, '_table/job'), row(ids.notes, '_table/note', { requestor_mask: 2, filters: owned })),
  );

  test('reach what their callers do, in and out of a transaction', async () => {
    const read = "(await platform.api.get('notes/_table/note')).content.resource.map((each) => each.text)";
    const plain = await run(answering(`return ${read};`));
    expect(plain.body).toEqual(['of uma']);
    const within = await run(answering(`return platform.transaction(async () => ${read});`));
    expect(within.body).toEqual(['of uma']);
    expect((await as('uma', 'notes/_table/note')).status).toBe(403);
  });

  test('write in a transaction only what fits, and go on after a refusal', async () => {
    const post = (record: object) =>
      `(await platform.api.post('notes/_table/note', {resource: [${JSON.stringify(record)}]})).statusCode`;
    const patch = (id: number, record: object) =>
      `(await platform.api.patch('notes/_table/note/${id}', ${JSON.stringify(record)})).statusCode`;
    const bring = (record: object) =>
      `(await platform.api.patch('notes/_table/job/1', ${JSON.stringify({ note_by_job: [record] })})).statusCode`;
    const uma = idOf('uma');
    const calls = [
      post({ owner: uma, text: 'new' }),
      post({ owner: 999, text: 'theirs' }),
      patch(1, { text: 'mine' }),
      patch(1, { owner: 999 }),
      patch(2, { text: 'taken' }),
      bring({ id: 2, text: 'taken' }),
      bring({ text: 'brought', owner: 999 }),
      bring({ text: 'brought', owner: uma }),
      "(await platform.api.delete('notes/_table/note?filter=id>0')).content.resource.length",
    ];
    const { body } = await run(answering(`return platform.transaction(async () => [${calls.join()}]);`));
    expect(body).toEqual([200, 403, 200, 403, 404, 404, 403, 200, 3]);
    expect(await all('notes', 'note')).toEqual([
      { id: 2, owner: idOf('vic'), region: 'south', text: 'of vic', job: null },
      { id: 3, owner: null, region: 'north', text: 'of nobody', job: null },
    ]);
  });
});
