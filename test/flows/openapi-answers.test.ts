// Descriptions and answers agree: what live calls answer is what the description says they do, bodies that it
// allows are taken, and every path that it names is there.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DocumentCheck } from '../openapi-check.ts';
import { startWorld } from '../openapi-world.ts';
import type { Ask, TestServer } from '../server.ts';

// biome-ignore lint/suspicious/noExplicitAny: documents are looked into everywhere
type Json = any;

let server: TestServer;
let document: Json;
let check: DocumentCheck;

beforeAll(async () => {
  server = await startWorld();
  document = (await server.ask('/api/v2/api_docs/_all')).body;
  check = new DocumentCheck(document);
});

afterAll(() => server.close());

/** A call, the path of the description that it is one of, and its body. */
interface Call extends Ask {
  readonly path: string;
  readonly of: string;
  readonly status?: number;
}

const record = { code: 'new', price: 1.5, flag: true, doc: { a: null }, bytes: 'AAE=', day: '2026-02-01' };

const calls: readonly Call[] = [
  { path: '/hr', of: '/hr' },
  { path: '/hr?as_access_list=true', of: '/hr' },
  { path: '/hr/_table', of: '/hr/_table' },
  { path: '/hr/_table?as_list=true', of: '/hr/_table' },
  { path: '/hr/_table/employees?limit=20', of: '/hr/_table/employees' },
  { path: '/hr/_table/employees?limit=2&include_count=true&include_schema=true', of: '/hr/_table/employees' },
  { path: '/hr/_table/employees?limit=3&related=*', of: '/hr/_table/employees' },
  { path: '/hr/_table/employees?fields=emp_no&ids=10001,10002', of: '/hr/_table/employees' },
  { path: '/hr/_table/employees?group=gender&fields=gender', of: '/hr/_table/employees' },
  { path: '/hr/_table/employees/10001', of: '/hr/_table/employees/{id}' },
  { path: '/hr/_table/employees/0', of: '/hr/_table/employees/{id}', status: 404 },
  { path: '/hr/_table/employees?filter=(nope=1)', of: '/hr/_table/employees', status: 400 },
  { path: '/hr/_table/dept_emp?limit=5&related=*', of: '/hr/_table/dept_emp' },
  { path: '/hr/_schema', of: '/hr/_schema' },
  { path: '/hr/_schema/employees', of: '/hr/_schema/{table_name}' },
  { path: '/hr/_schema/employees/_field', of: '/hr/_schema/{table_name}/_field' },
  { path: '/hr/_schema/dept_emp/_field/emp_no', of: '/hr/_schema/{table_name}/_field/{field_name}' },
  { path: '/hr/_schema/dept_emp/_related', of: '/hr/_schema/{table_name}/_related' },
  {
    ...{ method: 'POST', path: '/lab/_schema', of: '/lab/_schema' },
    body: {
      resource: [
        { name: 'fresh', field: [{ name: 'id', type: 'id' }] },
        { name: 'gone', field: [] },
      ],
    },
    status: 400,
  },
  {
    ...{ method: 'POST', path: '/lab/_schema', of: '/lab/_schema' },
    body: { resource: [{ name: 'fresh', field: [{ name: 'id', type: 'id' }] }] },
  },
  {
    ...{ method: 'PATCH', path: '/lab/_schema/fresh', of: '/lab/_schema/{table_name}' },
    body: { label: 'Fresh' },
  },
  {
    ...{ method: 'POST', path: '/lab/_schema/fresh/_field', of: '/lab/_schema/{table_name}/_field' },
    body: { resource: [{ name: 'word', type: 'string' }] },
  },
  {
    ...{ method: 'DELETE', path: '/lab/_schema/fresh/_field/word' },
    of: '/lab/_schema/{table_name}/_field/{field_name}',
  },
  { method: 'DELETE', path: '/lab/_schema?ids=fresh', of: '/lab/_schema' },
  { path: '/lab/_table/sample?related=*', of: '/lab/_table/sample' },
  { path: '/lab/_table/sample?include_count=true', of: '/lab/_table/sample' },
  { path: '/lab/_table/codes', of: '/lab/_table/codes' },
  { path: '/lab/_table/keyless', of: '/lab/_table/keyless' },
  { path: '/lab/_table/keyless/one?id_field=word', of: '/lab/_table/keyless/{id}' },
  { path: '/lab/_table/pair/1,x', of: '/lab/_table/pair/{id}' },
  { path: '/lab/_table/my%20table%2F%7Bx%7D/1', of: '/lab/_table/my%20table%2F%7Bx%7D/{id}' },
  {
    method: 'POST',
    path: '/lab/_table/sample?fields=*',
    of: '/lab/_table/sample',
    body: { resource: [record] },
  },
  { method: 'POST', path: '/lab/_table/sample', of: '/lab/_table/sample', body: [{ code: 'list' }] },
  {
    ...{ method: 'POST', path: '/lab/_table/sample', of: '/lab/_table/sample', status: 400 },
    body: { code: 'bare' },
  },
  {
    ...{ method: 'POST', path: '/lab/_table/sample?continue=true', of: '/lab/_table/sample', status: 400 },
    body: { resource: [{ code: 'x1' }, { code: 'x1' }] },
  },
  {
    ...{ method: 'PATCH', path: '/lab/_table/sample/1?fields=*', of: '/lab/_table/sample/{id}' },
    body: { note: 'changed' },
  },
  {
    ...{ method: 'PUT', path: '/lab/_table/sample', of: '/lab/_table/sample' },
    body: { resource: [{ id: 1, note: 'again' }] },
  },
  {
    ...{ method: 'PATCH', path: '/lab/_table/sample?filter=(id<3)', of: '/lab/_table/sample' },
    body: { note: 'both' },
  },
  { method: 'DELETE', path: "/lab/_table/sample?filter=(code='list')", of: '/lab/_table/sample' },
  { method: 'DELETE', path: '/lab/_table/sample_list/2', of: '/lab/_table/sample_list/{id}' },
  { method: 'DELETE', path: '/lab/_table/sample_list?force=true', of: '/lab/_table/sample_list' },
  { path: '/shop/orders', of: '/shop/orders' },
  { method: 'POST', path: '/shop/orders', of: '/shop/orders', body: { id: 1, note: null }, status: 200 },
  { path: '/bare', of: '/bare' },
  { path: '/bare/anything', of: '/bare/{path}' },
  { path: '/api_docs', of: '/api_docs' },
  { path: '/api_docs/hr', of: '/api_docs/{service}' },
  { path: '/hr/_spec', of: '/hr/_spec' },
  { path: '/user/session', of: '/user/session', status: 401 },
  { path: '/system', of: '/system' },
  { path: '/system/environment', of: '/system/environment' },
  { path: '/system/admin/session', of: '/system/admin/session' },
  { path: '/system/admin/profile', of: '/system/admin/profile' },
  {
    ...{ method: 'POST', path: '/system/admin/session', of: '/system/admin/session' },
    body: { email: 'admin@example.com', password: 'correct horse battery' },
  },
  { path: '/system/admin', of: '/system/admin' },
  { path: '/system/service?related=*', of: '/system/service' },
  { path: '/system/service?as_list=true', of: '/system/service' },
  { path: '/system/service/1', of: '/system/service/{id}' },
  { path: '/system/service_type', of: '/system/service_type' },
  { path: '/system/script_type', of: '/system/script_type' },
  { path: '/system/event', of: '/system/event' },
  { path: '/system/run?limit=3', of: '/system/run' },
  {
    ...{ method: 'POST', path: '/system/role?fields=*', of: '/system/role' },
    body: { resource: [{ name: 'a', is_active: true }] },
  },
  { path: '/system/role?related=*', of: '/system/role' },
  {
    ...{ method: 'POST', path: '/system/lookup', of: '/system/lookup' },
    body: { resource: [{ name: 'a', value: 'b', private: true }] },
  },
  { path: '/system/lookup', of: '/system/lookup' },
  { method: 'POST', path: '/system/app?fields=*', of: '/system/app', body: { resource: [{ name: 'a' }] } },
  { path: '/system/app', of: '/system/app' },
  {
    ...{ method: 'POST', path: '/system/event_script/hr.get.pre_process', of: '/system/event_script/{id}' },
    body: { type: 'nodejs', content: '', is_active: true },
  },
  { path: '/system/event_script', of: '/system/event_script' },
  { method: 'DELETE', path: '/system/event_script/hr.get.pre_process', of: '/system/event_script/{id}' },
  { method: 'DELETE', path: '/system/lookup?force=true', of: '/system/lookup' },
];

describe('what is answered is what was described', () => {
  test.each(calls.map((call) => [`${call.method ?? 'GET'} ${call.path}`, call] as const))(
    '%s',
    async (_title, call) => {
      const answer = await server.ask(`/api/v2${call.path}`, call);
      const status = call.status ?? (answer.status === 201 ? 201 : 200);
      expect(answer.status, answer.text.slice(0, 500)).toBe(status);
      const { of, method = 'GET' } = call;
      const operation = check.operation(of, method);
      expect(operation, `${method} ${of}`).toBeDefined();
      expect(check.problemsOf(operation, answer)).toEqual([]);
      if (call.body !== undefined && status < 400)
        expect(check.bodyProblems(operation, call.body)).toEqual([]);
    },
  );

  test('and what was not described is found out', async () => {
    const operation = document.paths['/hr/_table/employees'].get;
    const answer = await server.ask('/api/v2/hr/_table/employees?limit=1');
    const wrong = { ...answer, body: { resource: [{ emp_no: 'text' }] } };
    expect(check.problemsOf(operation, wrong)).not.toEqual([]);
    expect(check.bodyProblems(document.paths['/hr/_table/employees'].post, { emp_no: 1 })).not.toEqual([]);
  });
});

describe('paths', () => {
  test('every path that fires events is described, with its verbs', async () => {
    const events = (await server.ask('/api/v2/system/event')).body;
    const missing: string[] = [];
    // Of a definition the paths are those that it has; its root is one of them or not.
    for (const service of ['shop', 'old']) delete events[service][service];
    for (const [service, paths] of Object.entries<Json>(events)) {
      for (const [path, { parameter }] of Object.entries<Json>(paths)) {
        const pattern = path.split('.').slice(service.split('.').length);
        for (const concrete of expanded(pattern, parameter ?? {})) {
          const place = `/${[service, ...concrete].join('/')}`;
          if (document.paths[place] === undefined) missing.push(place);
        }
      }
    }
    expect(missing).toEqual([]);
  });

  // Every path that is described leads somewhere, and takes the verbs that are described.
  test('every path that is described is there', async () => {
    const refused: string[] = [];
    for (const [place, item] of Object.entries<Json>(document.paths)) {
      for (const [verb, operation] of Object.entries<Json>(item)) {
        if (leavesNothing(place, verb)) continue;
        const path = place.replace(/\{[^}]+\}/g, (name) => sampleOf(name, operation));
        const body = verb === 'get' || verb === 'delete' ? undefined : {};
        const answer = await server.ask(`/api/v2${path}`, { method: verb.toUpperCase(), body });
        if (/not currently supported|Resource '.*' not found/.test(answer.text))
          refused.push(`${verb} ${place}`);
        expect(answer.status, `${verb} ${place}: ${answer.text}`).toBeLessThan(500);
      }
    }
    expect(refused).toEqual([]);
  });
});

function expanded(pattern: readonly string[], known: Record<string, readonly string[]>): string[][] {
  const name = (segment: string) => /^\{(.+)\}$/.exec(segment)?.[1] ?? '';
  const isTable = pattern[0] === '_table';
  return pattern.reduce<string[][]>(
    (paths, segment) => {
      const values = isTable ? known[name(segment)] : undefined;
      return paths.flatMap((path) => (values ?? [segment]).map((value) => [...path, encoded(value)]));
    },
    [[]],
  );
}

function encoded(segment: string): string {
  return segment.startsWith('{') ? segment : encodeURIComponent(segment);
}

// What would end the session of the test, or the services that it looks at.
function leavesNothing(place: string, verb: string): boolean {
  return verb === 'delete' && /^\/system\/(?:admin\/session|cache)|^\/user\/session/.test(place);
}

function sampleOf(placeholder: string, operation: Json): string {
  const name = placeholder.slice(1, -1);
  const told = operation.parameters?.find(
    (parameter: Json) => parameter.name === name && parameter.in === 'path',
  );
  return encodeURIComponent(told?.schema.enum?.[0] ?? '987654');
}
