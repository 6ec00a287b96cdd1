// CSV becomes a table of a database service, over HTTP.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await server.addDatabase('shop', 'create table todo (id integer primary key, title varchar(80) not null)');
});

afterAll(() => server.close());

function importCsv(
  query: string,
  csv: string,
  headers: Record<string, string> = { 'content-type': 'text/csv' },
) {
  return server.ask(`/api/v2/system/import?${query}`, { method: 'POST', headers, body: csv });
}

async function tables(): Promise<string[]> {
  const { body } = await server.ask('/api/v2/shop/_schema?as_list=true&refresh=true');
  return body.resource;
}

describe('a table from CSV', () => {
  test('has the columns of the first line, with types that keep every value', async () => {
    const csv = [
      'name,age,big,price,born,seen,ok,code,note',
      'Ann,31,123456789012345678,1.50,1990-02-28,2024-01-02 03:04:05,true,007,"a,b"',
      'Bo,-4,1,12.25,2000-12-31,2024-01-02 23:59:59,FALSE,12,',
    ].join('\n');
    const { status, body } = await importCsv('service=shop&resource=people', csv);
    expect([status, body]).toEqual([
      200,
      { resource: expect.stringMatching(/\/api\/v2\/shop\/_table\/people$/) },
    ]);
    const schema = await server.ask('/api/v2/shop/_schema/people');
    const types = schema.body.field.map(({ name, type }: { name: string; type: string }) => [name, type]);
    expect(Object.fromEntries(types)).toMatchObject({
      ...{ id: 'id', name: 'string', age: 'integer', big: 'bigint', price: 'decimal', born: 'date' },
      ...{ seen: 'datetime', ok: 'boolean', code: 'string', note: 'string' },
    });
    const rows = await server.ask('/api/v2/shop/_table/people');
    expect(rows.text).toContain('"big":123456789012345678');
    expect(rows.body.resource).toMatchObject([
      { id: 1, name: 'Ann', age: 31, born: '1990-02-28', ok: true, code: '007', note: 'a,b' },
      { id: 2, name: 'Bo', age: -4, ok: false, code: '12', note: null },
    ]);
  });

  test('a column id with numbers of its own is the key', async () => {
    await importCsv('service=shop&resource=keyed', 'id,name\n7,a\n3,b\n');
    const { body } = await server.ask('/api/v2/shop/_table/keyed/7');
    expect(body).toEqual({ id: 7, name: 'a' });
  });

  test('more rows than one request may write', async () => {
    const rows = Array.from({ length: 2_500 }, (_, index) => `row ${index},${index}`);
    const { status } = await importCsv('service=shop&resource=many', ['name,n', ...rows].join('\r\n'));
    expect(status).toBe(200);
    const { body } = await server.ask('/api/v2/shop/_table/many?count_only=true');
    expect(body).toBe(2_500);
  });

  test('as a file of a form', async () => {
    const form = new FormData();
    form.set('files', new Blob(['name\nß\n'], { type: 'text/csv' }), 'a.csv');
    const url = `${server.url}/api/v2/system/import?service=shop&resource=uploaded`;
    const headers = { 'x-dreamfactory-session-token': server.token };
    const { status } = await fetch(url, { method: 'POST', headers, body: form });
    expect(status).toBe(200);
    const { body } = await server.ask('/api/v2/shop/_table/uploaded?fields=name');
    expect(body).toEqual({ resource: [{ name: 'ß' }] });
  });

  test('the line of names alone makes an empty table', async () => {
    expect((await importCsv('service=shop&resource=bare', 'a,b\n')).status).toBe(200);
    expect((await server.ask('/api/v2/shop/_table/bare')).body).toEqual({ resource: [] });
  });
});

describe('what makes no table', () => {
  test.each([
    ['resource=x', 'a\n1', 400, /Parameter 'service' is required/],
    ['service=shop', 'a\n1', 400, /Parameter 'resource' is required/],
    ['service=nowhere&resource=x', 'a\n1', 404, /nowhere/],
    ['service=shop&resource=todo', 'a\n1', 409, /has a table 'todo' already/],
    ['service=shop&resource=x', 'a,A\n1,2', 400, /Two columns of the CSV are named 'A'/],
    ['service=shop&resource=x', 'a,\n1,2', 400, /'' is no name/],
    ['service=shop&resource=x', 'a,__proto__\n1,2', 400, /is no name/],
    ['service=shop&resource=x', '\n\n', 400, /The CSV is empty/],
    ['service=shop&resource=x', 'a,b\n1,2\n3\n', 400, /can not be read.*line 3/],
    ['service=shop&resource=x', 'a\n"open', 400, /can not be read/],
    ['service=shop&resource=x&import_url=http://127.0.0.1:1/a.csv', '', 403, /./],
    ['service=shop&resource=x&import_url=file:///etc/passwd', '', 403, /./],
    ['service=system&resource=x', 'a\n1', 404, /./],
  ])('%s with %j', async (query, csv, status, message) => {
    const before = await tables();
    const answer = await importCsv(query, csv);
    expect([answer.status, answer.text]).toEqual([status, expect.stringMatching(message)]);
    expect(await tables()).toEqual(before);
  });

  test('a row that the database refuses: the table is gone again', async () => {
    const script = {
      ...{ type: 'nodejs', is_active: true, allow_event_modification: true },
      content:
        "if (event.request.payload.resource.some((row) => row.n === '1500')) throw new Error('not 1500');",
    };
    const event = 'shop._table.{table_name}.post.pre_process';
    await server.ask(`/api/v2/system/event_script/${event}`, { method: 'POST', body: script });
    const rows = Array.from({ length: 2_000 }, (_, index) => `${index}`);
    const before = await tables();
    const answer = await importCsv('service=shop&resource=refused', ['n', ...rows].join('\n'));
    await server.ask(`/api/v2/system/event_script/${event}`, { method: 'DELETE' });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.text).toContain('not 1500');
    expect(await tables()).toEqual(before);
  });

  test('who may import but not make tables there', async () => {
    const access = [{ service_id: 1, component: 'import', verb_mask: 2, requestor_mask: 1 }];
    const role = { name: 'importers', role_service_access_by_role_id: access };
    const made = await server.ask('/api/v2/system/role?fields=*', {
      method: 'POST',
      body: { resource: [role] },
    });
    const roleId = made.body.resource[0].id;
    const app = { name: 'importer', role_id: roleId };
    const { body } = await server.ask('/api/v2/system/app?fields=*', {
      method: 'POST',
      body: { resource: [app] },
    });
    const headers = { 'content-type': 'text/csv', 'x-dreamfactory-api-key': body.resource[0].api_key };
    const url = '/api/v2/system/import?service=shop&resource=mine';
    const answer = await server.ask(url, { method: 'POST', headers, body: 'a\n1', anonymous: true });
    expect([401, 403]).toContain(answer.status);
    expect(await tables()).not.toContain('mine');
  });
});
