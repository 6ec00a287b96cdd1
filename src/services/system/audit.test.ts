import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { type House, openHouse } from './scenario.ts';

let house: House;

beforeEach(async () => {
  house = await openHouse();
});
afterEach(() => house.store.close());

interface Entry {
  readonly id: number;
  readonly action: string;
  readonly record: string;
  readonly before: Record<string, unknown> | null;
  readonly after: Record<string, unknown> | null;
}

async function list(query = ''): Promise<Entry[]> {
  const answer = await house.ask('GET', `audit?${query}`);
  expect([answer.status, answer.body]).toEqual([200, answer.body]);
  return (answer.body as { resource: Entry[] }).resource;
}

async function newest(): Promise<Entry> {
  const [entry] = await list('limit=1');
  if (entry === undefined) throw new Error('the audit log is empty');
  return entry;
}

const echo = { name: 'sales', type: 'echo', config: { database: 'a', password: 'canary-one' } };

describe('changes of records', () => {
  it('are told with who, from where, and what was before', async () => {
    const made = await house.ask('POST', 'role', {
      body: { name: 'auditors', description: 'They look.' },
      remoteAddress: '203.0.113.9',
    });
    expect(made.status).toBe(201);
    expect(await newest()).toMatchObject({
      ...{ action: 'create', record: 'role/1', user_id: 1, user_email: 'admin@example.com' },
      ...{ remote_address: '203.0.113.9', door: 'http', elevation: null, before: null },
      after: { id: 1, name: 'auditors', description: 'They look.', is_active: true },
    });
    await house.ask('PATCH', 'role/1', { body: { is_active: false } });
    expect(await newest()).toMatchObject({
      action: 'update',
      before: { id: 1, is_active: true },
      after: { id: 1, is_active: false },
    });
    const { before, after } = await newest();
    expect([Object.keys(before ?? {}), Object.keys(after ?? {})]).toEqual([
      ['id', 'is_active'],
      ['id', 'is_active'],
    ]);
    await house.ask('DELETE', 'role/1');
    expect(await newest()).toMatchObject({
      action: 'delete',
      record: 'role/1',
      before: { id: 1, name: 'auditors', is_active: false },
      after: null,
    });
  });

  it('tell of lists inside a record only what changed in them', async () => {
    const access = (component: string, verb_mask: number) => ({ service_id: null, component, verb_mask });
    const rows = [access('a', 1), access('b', 1)];
    await house.ask('POST', 'role', { body: { name: 'r', role_service_access_by_role_id: rows } });
    const changed = { role_service_access_by_role_id: [{ id: 2, verb_mask: 31 }] };
    await house.ask('PATCH', 'role/1', { body: changed });
    const { before, after } = await newest();
    expect(before?.role_service_access_by_role_id).toMatchObject([{ id: 2, verb_mask: 1 }]);
    expect(after?.role_service_access_by_role_id).toMatchObject([{ id: 2, verb_mask: 31 }]);
  });

  it('are not told where they were undone or refused', async () => {
    const before = await list();
    const twins = { resource: [{ name: 'twin' }, { name: 'twin' }] };
    expect((await house.ask('POST', 'role?rollback=true', { body: twins })).status).toBe(400);
    expect((await house.ask('PATCH', 'role/77', { body: { name: 'x' } })).status).toBe(404);
    expect((await house.ask('POST', 'role', { body: {} })).status).toBe(400);
    expect(await list()).toEqual(before);
  });

  it('are told one by one where a batch goes on', async () => {
    const three = { resource: [{ name: 'one' }, { name: 'one' }, { name: 'two' }] };
    await house.ask('POST', 'role?continue=true', { body: three });
    const told = await list();
    expect(told.map(({ record, after }) => [record, after?.name])).toEqual([
      ['role/2', 'two'],
      ['role/1', 'one'],
    ]);
  });

  it('of every kind are told', async () => {
    await house.ask('POST', 'service', { body: echo });
    await house.ask('POST', 'app', { body: { name: 'shop' } });
    await house.ask('POST', 'user', { body: { email: 'eve@example.com' } });
    await house.ask('POST', 'admin', { body: { email: 'root@example.com', password: 'canary-two' } });
    await house.ask('POST', 'lookup', { body: { name: 'colour', value: 'red' } });
    const script = { type: 'nodejs', content: 'return 1' };
    await house.ask('POST', 'event_script/db._table.x.get.pre_process', { body: script });
    await house.ask('DELETE', 'cache');
    expect((await list()).map(({ action, record }) => `${action} ${record}`)).toEqual([
      'clear cache',
      'create event_script/db._table.x.get.pre_process',
      'create lookup/1',
      'create admin/3',
      'create user/2',
      'create app/1',
      expect.stringMatching(/^create service\/\d+$/),
    ]);
  });
});

describe('secrets', () => {
  it('are not in the log, but that they are others is', async () => {
    const made = await house.ask('POST', 'service', { body: { resource: [echo] } });
    const [{ id }] = (made.body as { resource: [{ id: number }] }).resource;
    await house.ask('PATCH', `service/${id}`, { body: { config: { password: 'canary-two' } } });
    expect((await newest()).after).toMatchObject({ config: { password: '******** (new)' } });
    await house.ask('PATCH', `service/${id}`, { body: { label: 'Sales', config: { password: '********' } } });
    expect((await newest()).after).toEqual({ id, label: 'Sales' });
    const lookup = { name: 'token', value: 'canary-three', private: true };
    await house.ask('POST', 'lookup', { body: lookup });
    expect((await newest()).after).toMatchObject({ name: 'token', value: '******** (new)' });
    await house.ask('PATCH', 'admin/1', { body: { password: 'canary-four' } });
    expect((await newest()).after).toMatchObject({ id: 1, password: '******** (new)' });
    const nested = { name: 'r', lookup_by_role_id: [{ name: 'x', value: 'canary-five', private: true }] };
    await house.ask('POST', 'role', { body: nested });
    expect(JSON.stringify(await list())).not.toContain('canary');
  });

  it('such as API keys are told by their digest, so that a new one shows', async () => {
    const made = await house.ask('POST', 'app?fields=*', { body: { name: 'shop' } });
    const { api_key: first } = made.body as { api_key: string };
    await house.ask('PATCH', 'app/1?regenerate=true', { body: { name: 'shop' } });
    const { before, after } = await newest();
    expect([before?.api_key, after?.api_key]).toEqual([
      expect.stringMatching(/^sha256:[0-9a-f]{16}$/),
      expect.stringMatching(/^sha256:[0-9a-f]{16}$/),
    ]);
    expect(before?.api_key).not.toBe(after?.api_key);
    expect(JSON.stringify(await list())).not.toContain(first);
  });

  it('and whatever else is very large do not make an entry large', async () => {
    const rows = Array.from({ length: 200 }, (_, at) => ({
      ...{ service_id: null, component: `_table/${'x'.repeat(90)}${at}`, verb_mask: 1 },
    }));
    const role = { name: 'wide', role_service_access_by_role_id: rows };
    expect((await house.ask('POST', 'role', { body: role })).status).toBe(201);
    expect((await newest()).after).toEqual({ cut: expect.stringMatching(/^\d{5} characters, sha256:/) });
  });

  it('leave long texts short', async () => {
    const content = `// ${'x'.repeat(5_000)}`;
    await house.ask('POST', 'event_script/db.get.pre_process', { body: { type: 'nodejs', content } });
    const { content: kept } = (await newest()).after ?? {};
    expect(kept).toMatch(/^\/\/ x{997}… \(5003 characters, sha256:[0-9a-f]{16}\)$/);
  });
});

describe('the log', () => {
  beforeEach(async () => {
    for (const name of ['a', 'b', 'c', 'd']) await house.ask('POST', 'role', { body: { name } });
    await house.ask('PATCH', 'role/2', { body: { description: 'second' } });
  });

  test.each([
    ['', [5, 4, 3, 2, 1]],
    ['limit=2', [5, 4]],
    ['limit=2&offset=1', [4, 3]],
    ['limit=2&before=4', [3, 2]],
    ['order=id%20asc&limit=2', [1, 2]],
    ['ids=2,4', [4, 2]],
    ["filter=record='role/2'", [5, 2]],
    ["filter=(action='update') and (user_id=1)", [5]],
    ["filter=record starts with 'role/'&limit=1", [5]],
    ["filter=date > '2999-01-01T00:00:00Z'", []],
    ["filter=date > '2020-01-01T00:00:00Z'&limit=1", [5]],
    ['filter=user_id=:user_id&limit=1', [5]],
  ])('is narrowed by %s', async (query, ids) => {
    expect((await list(query)).map(({ id }) => id)).toEqual(ids);
  });

  it('counts, and says what follows', async () => {
    expect(await house.ask('GET', 'audit?count_only=true')).toEqual({ status: 200, body: 5 });
    const { body } = await house.ask('GET', 'audit?limit=2&include_count=true');
    expect(body).toMatchObject({ meta: { count: 5, next: 2 } });
  });

  it('shows one entry, and of it what is asked for', async () => {
    const { body } = await house.ask('GET', 'audit/2?fields=record,action');
    expect(body).toEqual({ record: 'role/2', action: 'create' });
    expect((await house.ask('GET', 'audit/99')).status).toBe(404);
    expect((await house.ask('GET', 'audit/x')).status).toBe(404);
  });

  test.each(['filter=before is null', 'filter=nothing=1', 'limit=x', 'before=-1', 'ids=a', 'group=id'])(
    'refuses %s by name',
    async (query) => expect((await house.ask('GET', `audit?${query}`)).status).toBe(400),
  );

  test.each(['POST', 'PUT', 'PATCH', 'DELETE'] as const)('is not written with %s', async (action) => {
    for (const path of ['audit', 'audit/1']) {
      const { status, body } = await house.ask(action, path, { body: { action: 'x', record: 'y' } });
      expect([status, JSON.stringify(body)]).toEqual([
        400,
        expect.stringContaining('not currently supported'),
      ]);
    }
    expect(await list()).toHaveLength(5);
  });

  it('is followed to its beginning', async () => {
    expect(await house.ask('GET', 'audit?verify=true')).toEqual({
      status: 200,
      body: { entries: 5, broken_at: null },
    });
  });
});
