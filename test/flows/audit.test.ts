// The audit log over HTTP: who may read it, as what, and that what happens outside of records is in it, too.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type Ask, startTestServer, type TestServer } from '../server.ts';

let server: TestServer;
const keys: Record<string, string> = {};

const system = async (path: string, method: string, body?: unknown): Promise<Answer> => {
  const answer = await server.ask(`/api/v2/system/${path}`, { method, body });
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.text}`);
  return answer;
};

const newest = async () => (await server.ask('/api/v2/system/audit?limit=1')).body.resource[0];

const withKey = (name: string, path: string, ask: Ask = {}) =>
  server.ask(path, { ...ask, anonymous: true, headers: { 'X-DreamFactory-API-Key': keys[name] ?? '' } });

beforeAll(async () => {
  server = await startTestServer();
  const { body } = await server.ask("/api/v2/system/service?filter=name='system'");
  const service_id = body.resource[0].id;
  for (const [name, component] of Object.entries({ auditor: 'audit/*', clerk: 'role/*' })) {
    const rows = [{ service_id, component, verb_mask: 31, requestor_mask: 1 }];
    const role = await system('role', 'POST', { resource: [{ name, role_service_access_by_role_id: rows }] });
    const app = { name, role_id: role.body.resource[0].id };
    const made = await system('app?fields=api_key', 'POST', { resource: [app] });
    keys[name] = made.body.resource[0].api_key;
  }
});
afterAll(() => server.close());

describe('system/audit', () => {
  test('begins with the first administrator', async () => {
    const { body } = await server.ask('/api/v2/system/audit?order=id&limit=1');
    expect(body.resource[0]).toMatchObject({
      action: 'create',
      record: 'admin/1',
      user_id: null,
      door: 'cli',
    });
  });

  test('is read by whom a role lets, and by nobody else', async () => {
    const path = '/api/v2/system/audit';
    expect((await withKey('auditor', `${path}?limit=1`)).status).toBe(200);
    expect((await withKey('auditor', `${path}/1`)).status).toBe(200);
    expect((await withKey('auditor', `${path}?verify=true`)).body).toMatchObject({ broken_at: null });
    expect((await withKey('clerk', path)).status).toBe(401);
    expect((await server.ask(path, { anonymous: true })).status).toBe(400);
  });

  test.each(['POST', 'PUT', 'PATCH', 'DELETE'])('is written by nobody: %s', async (method) => {
    const before = (await server.ask('/api/v2/system/audit?count_only=true')).body;
    for (const path of [
      '/api/v2/system/audit',
      '/api/v2/system/audit/1',
      '/api/v2/system/audit?force=true',
    ]) {
      const body = { resource: [{ id: 1, action: 'x', record: 'y' }] };
      expect([path, (await server.ask(path, { method, body })).status]).toEqual([path, 400]);
      expect((await withKey('auditor', path, { method, body })).status).toBe(400);
    }
    expect((await server.ask('/api/v2/system/audit?count_only=true')).body).toBe(before);
  });

  test('is a file where one is asked for', async () => {
    const answer = await server.ask('/api/v2/system/audit?file=audit.csv&limit=2');
    expect(answer.headers.get('content-disposition')).toContain('audit.csv');
    const [head, ...lines] = answer.text.trim().split('\n');
    expect(head).toMatch(/^id,date,action,record,user_id,user_email,app_id,remote_address,door,/);
    expect(lines.length).toBeGreaterThanOrEqual(2);
  });

  test('tells of what is cleared, tried and dropped', async () => {
    await system('cache', 'DELETE');
    expect(await newest()).toMatchObject({ action: 'clear', record: 'cache' });
    await system('cache/system', 'DELETE');
    expect(await newest()).toMatchObject({ action: 'clear', record: 'cache/system' });
    const content = `return 1; // ${'x'.repeat(2_000)}`;
    await system('script_run', 'POST', { type: 'nodejs', content });
    const entry = await newest();
    expect(entry).toMatchObject({
      action: 'run',
      record: 'script_run/script_run',
      after: { type: 'nodejs' },
    });
    expect(entry.after.content).toMatch(/^return 1; \/\/ x+… \(2013 characters, sha256:[0-9a-f]{16}\)$/);
    await system('run?force=true', 'DELETE');
    expect(await newest()).toMatchObject({ action: 'delete', record: 'run' });
  });

  test('tells who, and from where', async () => {
    const body = { resource: [{ name: 'made by a key' }] };
    expect((await withKey('clerk', '/api/v2/system/role', { method: 'POST', body })).status).toBe(201);
    const app = (await server.ask("/api/v2/system/app?filter=name='clerk'")).body.resource[0];
    expect(await newest()).toMatchObject({ record: 'role/3', user_id: null, app_id: app.id });
    await system('role', 'POST', { resource: [{ name: 'made by a person' }] });
    expect(await newest()).toMatchObject({
      ...{ action: 'create', user_email: 'admin@example.com', app_id: null, door: 'http' },
      remote_address: '127.0.0.1',
    });
  });

  test('is whole after many changes at the same time', async () => {
    const making = Array.from({ length: 40 }, (_, index) =>
      system('lookup', 'POST', { resource: [{ name: `l${index}`, value: 'x' }] }),
    );
    await Promise.all(making);
    const { body } = await server.ask('/api/v2/system/audit?verify=true');
    expect(body).toEqual({ entries: expect.any(Number), broken_at: null });
    const told = await server.ask("/api/v2/system/audit?count_only=true&filter=record starts with 'lookup/'");
    expect(told.body).toBe(40);
  });
});
