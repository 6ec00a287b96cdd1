// Who reads descriptions sees what they may use, again and again at little cost, until something changes.
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { type Access, startWorld, withRole } from '../openapi-world.ts';
import type { TestServer } from '../server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startWorld();
});

afterAll(() => server.close());

/** The description of a service, as the administrator reads it unless headers say otherwise. */
async function read(
  name: string,
  { query = '', headers }: { query?: string; headers?: Record<string, string> } = {},
) {
  const answer = await server.ask(
    `/api/v2/api_docs/${name}${query}`,
    headers ? { headers, anonymous: true } : {},
  );
  expect(answer.status, answer.text.slice(0, 500)).toBe(200);
  return answer.body;
}

const as = async (...access: Access[]) => ({ headers: await withRole(server, access) });

function enumOf({ parameters }: { parameters: { name?: string; schema?: { enum?: string[] } }[] }) {
  return parameters.find(({ name }) => name === 'table_name')?.schema?.enum;
}

describe('a reader sees no more than it may use', () => {
  it('tables', async () => {
    const { paths, components } = await read('hr', await as({ service: 'hr', component: '_table/todo/*' }));
    expect(Object.keys(paths)).toEqual(['/_table/todo', '/_table/todo/{id}', '/_spec']);
    expect(JSON.stringify(components)).not.toMatch(/employees|departments|dept_emp/);
  });

  it('verbs', async () => {
    const { paths } = await read('hr', await as({ service: 'hr', component: '*', verbs: 1 | 2 }));
    expect(Object.keys(paths['/_table/todo'])).toEqual(['get', 'post']);
    expect(Object.keys(paths['/_table/todo/{id}'])).toEqual(['get']);
    expect(Object.values(paths as object).flatMap(Object.keys)).not.toContain('delete');
  });

  it('relations, by the table that they lead to', async () => {
    const rows = ['departments', 'dept_emp'].map((table) => ({
      service: 'hr',
      component: `_table/${table}/*`,
    }));
    const { schemas } = (await read('hr', await as(...rows))).components;
    expect(Object.keys(schemas.dept_emp.properties)).toContain('departments_by_dept_no');
    expect(JSON.stringify(schemas.dept_emp.properties)).not.toContain('employees_by');
    // Written, but not read: of such a table no relation may tell.
    const blind = [rows[1] as Access, { service: 'hr', component: '_table/departments/*', verbs: 2 }];
    const more = (await read('hr', await as(...blind))).components.schemas;
    expect(Object.keys(more.dept_emp.properties)).not.toContain('departments_by_dept_no');
  });

  it('values of placeholders', async () => {
    const access = [{ service: 'hr', component: '_schema/todo', verbs: 1 }];
    const { paths } = await read('hr', await as(...access));
    expect(Object.keys(paths['/_schema/{table_name}'])).toEqual(['get']);
    expect(enumOf(paths['/_schema/{table_name}'].get)).toEqual(['todo']);
  });

  it('paths of a definition, and the schemas that only others use', async () => {
    const { paths, components } = await read(
      'shop',
      await as({ service: 'shop', component: 'orders/*', verbs: 1 }),
    );
    expect(Object.keys(paths)).toEqual(['/orders', '/orders/{id}', '/_spec']);
    expect(Object.keys(paths['/orders/{id}'])).toEqual(['get']);
    expect(JSON.stringify(components)).not.toContain('Secret');
  });

  it('services, which are otherwise unknown', async () => {
    const { headers } = await as({ service: 'hr', component: '_table/todo/*' });
    const ask = (path: string) => server.ask(path, { headers, anonymous: true });
    const list = await ask('/api/v2/api_docs?as_list=true');
    expect(list.body.resource).toEqual(['hr']);
    const [hidden, unknown] = [await ask('/api/v2/api_docs/shop'), await ask('/api/v2/api_docs/nosuch')];
    expect([hidden.status, unknown.status]).toEqual([404, 404]);
    expect(hidden.text.replace('shop', 'nosuch')).toBe(unknown.text);
    const all = JSON.stringify((await ask('/api/v2/api_docs/_all')).body);
    expect(all).toContain('/hr/_table/todo');
    expect(all).not.toMatch(/\/(?:shop|lab|bare|old)\/|employees/);
  });

  it('tables that are hidden, in the words of those that are not there', async () => {
    const { headers } = await as({ service: 'hr', component: '_table/todo/*' });
    const ask = (tables: string) =>
      server.ask(`/api/v2/hr/_spec?tables=${tables}`, { headers, anonymous: true });
    const [hidden, unknown] = [await ask('employees'), await ask('nosuch')];
    expect(hidden.status).toBe(400);
    expect(hidden.text.replace('employees', 'nosuch')).toBe(unknown.text);
  });

  it('what only its scripts may do is not its own', async () => {
    const access = [
      { service: 'hr', component: '_table/todo/*', verbs: 1 },
      { service: 'hr', component: '_table/employees/*', requestors: 2 },
      { service: 'bare', component: '*' },
    ];
    const { headers } = await as(...access);
    expect(Object.keys((await read('hr', { headers })).paths)).toEqual([
      ...['/_table/todo', '/_table/todo/{id}', '/_spec'],
    ]);
  });

  it('public paths need no credentials, and say so', async () => {
    const { paths } = await read('user');
    expect(paths['/session'].post.security).toEqual([]);
    expect(paths['/profile'].get).not.toHaveProperty('security');
  });

  it.each(['/api/v2/api_docs', '/api/v2/api_docs/hr', '/api/v2/api_docs/_all', '/api/v2/hr/_spec'])(
    '%s is refused to nobody in particular',
    async (path) => {
      const answer = await server.ask(path, { anonymous: true });
      expect(answer.status).toBe(400);
      const wrong = await server.ask(path, { anonymous: true, headers: { 'X-DreamFactory-API-Key': 'x' } });
      expect(wrong.status).toBeGreaterThanOrEqual(400);
    },
  );

  it('nothing, once the role is switched off', async () => {
    const { headers } = await as({ service: 'hr', component: '*' });
    const id = (await server.ask('/api/v2/system/role?order=id desc&limit=1&fields=id')).body.resource[0].id;
    await server.ask(`/api/v2/system/role/${id}`, { method: 'PATCH', body: { is_active: false } });
    const answer = await server.ask('/api/v2/hr/_spec', { headers, anonymous: true });
    expect(answer.status).toBe(403);
  });
});

describe('what is kept', () => {
  it('is asked for again by its tag', async () => {
    const first = await server.ask('/api/v2/hr/_spec');
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]{22}"$/);
    expect(first.headers.get('cache-control')).toBe('private, no-cache');
    expect(first.headers.get('vary')).toContain('X-DreamFactory-Session-Token');
    for (const tags of [etag, `W/${etag}`, `"other", ${etag}`]) {
      const again = await server.ask('/api/v2/hr/_spec', { headers: { 'if-none-match': tags } });
      expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', etag]);
    }
    const other = await server.ask('/api/v2/hr/_spec', { headers: { 'if-none-match': '"other"' } });
    expect(other.status).toBe(200);
  });

  it('is another text for another reader, and in another form', async () => {
    const { headers } = await as({ service: 'hr', component: '_table/todo/*' });
    const tags = [
      await server.ask('/api/v2/hr/_spec'),
      await server.ask('/api/v2/hr/_spec', { headers, anonymous: true }),
      await server.ask('/api/v2/hr/_spec?compact=true'),
      await server.ask('/api/v2/hr/_spec?format=yaml', { headers: { accept: '*/*' } }),
    ].map((answer) => answer.headers.get('etag'));
    expect(new Set(tags).size).toBe(4);
  });

  it('follows the rights of its reader', async () => {
    const { headers } = await as({ service: 'hr', component: '_table/todo/*' });
    const ask = async () => Object.keys((await read('hr', { headers })).paths);
    expect(await ask()).not.toContain('/_table/employees');
    const query = '?order=id desc&limit=1&related=role_service_access_by_role_id';
    const [role] = (await server.ask(`/api/v2/system/role${query}`)).body.resource;
    const [row] = role.role_service_access_by_role_id;
    const rows = [{ ...row, component: '_table/employees/*' }];
    const body = { role_service_access_by_role_id: rows };
    expect((await server.ask(`/api/v2/system/role/${role.id}`, { method: 'PATCH', body })).status).toBe(200);
    expect(await ask()).toEqual(['/_table/employees', '/_table/employees/{id}', '/_spec']);
  });

  it('follows the schema, read anew by an administrator', async () => {
    const file = await server.addDatabase('moving', 'CREATE TABLE one (id INTEGER PRIMARY KEY);');
    expect(Object.keys((await read('moving')).paths)).not.toContain('/_table/two');
    const { default: Database } = await import('better-sqlite3');
    const database = new Database(file);
    database.exec('CREATE TABLE two (id INTEGER PRIMARY KEY)');
    database.close();
    const { headers } = await as({ service: 'moving', component: '*' });
    const refused = await server.ask('/api/v2/moving/_spec?refresh=true', { headers, anonymous: true });
    expect(refused.status).toBe(403);
    expect(Object.keys((await read('moving', { query: '?refresh=true' })).paths)).toContain('/_table/two');
    expect(Object.keys((await read('moving')).paths)).toContain('/_table/two');
  });

  it('follows the record of the service', async () => {
    const [{ id }] = (await server.ask("/api/v2/system/service?filter=name='lab'&fields=id")).body.resource;
    const body = { label: 'Laboratory', description: 'Odd things' };
    await server.ask(`/api/v2/system/service/${id}`, { method: 'PATCH', body });
    expect((await read('lab')).info).toEqual({
      title: 'Laboratory',
      description: 'Odd things',
      version: '2.0',
    });
  });
});

describe('scripts', () => {
  test('read descriptions, as far as scripts of the caller may go', async () => {
    const content = `return (await platform.api.get('hr/_spec')).content.paths;`;
    const record = { name: 'reader', label: 'r', type: 'nodejs', is_active: true, config: { content } };
    await server.ask('/api/v2/system/service', { method: 'POST', body: { resource: [record] } });
    const { headers } = await as(
      { service: 'reader', component: '*' },
      { service: 'hr', component: '_table/todo/*', verbs: 1 },
      { service: 'hr', component: '_table/employees/*', verbs: 1, requestors: 2 },
    );
    const answer = await server.ask('/api/v2/reader', { headers, anonymous: true });
    expect(answer.status, answer.text).toBe(200);
    expect(Object.keys(answer.body)).toEqual([...['/_table/employees', '/_table/employees/{id}', '/_spec']]);
  });

  test('may change what is answered, as with every call', async () => {
    const body = { type: 'nodejs', content: `event.response.content.info.title = 'Ours';`, is_active: true };
    const script = { ...body, allow_event_modification: true };
    const path = '/api/v2/system/event_script/api_docs.get.post_process';
    expect((await server.ask(path, { method: 'POST', body: script })).status).toBe(201);
    expect((await read('hr')).info.title).toBe('Ours');
    await server.ask(path, { method: 'DELETE' });
    expect((await read('hr')).info.title).toBe('hr');
  });
});

test('the service may be switched off, and then tells nobody anything', async () => {
  const [{ id }] = (await server.ask("/api/v2/system/service?filter=name='api_docs'&fields=id")).body
    .resource;
  const turn = (isActive: boolean) =>
    server.ask(`/api/v2/system/service/${id}`, { method: 'PATCH', body: { is_active: isActive } });
  expect((await turn(false)).status).toBe(200);
  for (const path of ['/api/v2/hr/_spec', '/api/v2/api_docs/hr', '/api/v2/api_docs']) {
    const answer = await server.ask(path);
    expect([answer.status, answer.body.error.message]).toEqual([
      expect.any(Number),
      "Service 'api_docs' is not active.",
    ]);
  }
  expect((await turn(true)).status).toBe(200);
  expect((await server.ask('/api/v2/hr/_spec')).status).toBe(200);
  const removed = await server.ask(`/api/v2/system/service/${id}`, { method: 'DELETE' });
  expect(removed.status).toBe(403);
});
