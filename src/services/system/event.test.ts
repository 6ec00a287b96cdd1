// The list of events in all its forms (spec §2.4, golden 116, 117), script types, caches, and the list of
// services.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { anonymous, type Operation } from '../../core/operation.ts';
import { listServices } from './index.ts';
import { type House, openHouse } from './scenario.ts';

let house: House;
beforeEach(async () => {
  house = await openHouse();
  const resource = [
    { name: 'hr', type: 'echo', label: 'HR', description: 'sample', config: { database: 'x' } },
    { name: 'down', type: 'echo', config: { database: 'broken' } },
    { name: 'off', type: 'echo', is_active: false },
  ];
  await house.ask('POST', 'service', { body: { resource } });
});
afterEach(() => house.store.close());

const tables = { table_name: ['contact', 'phone'] };

describe('events', () => {
  it('are mapped by service and path', async () => {
    const { body } = await house.ask('GET', 'event?service=hr');
    expect(body).toEqual({
      hr: {
        hr: { type: 'api', endpoints: ['hr.get'], parameter: null },
        'hr._table': { type: 'api', endpoints: ['hr._table.get'], parameter: null },
        'hr._table.{table_name}': {
          type: 'api',
          endpoints: ['hr._table.{table_name}.get', 'hr._table.{table_name}.post'],
          parameter: tables,
        },
      },
    });
  });

  it('come as one list, and with their stages', async () => {
    const list = await house.ask('GET', 'event?service=hr&as_list=true');
    const names = ['hr.get', 'hr._table.get', 'hr._table.{table_name}.get', 'hr._table.{table_name}.post'];
    expect(list.body).toEqual({ resource: names });
    const { body } = await house.ask('GET', 'event?service=HR&as_list=true&scriptable=true');
    const { resource } = body as { resource: string[] };
    expect(resource.slice(0, 4)).toEqual([
      'hr.get',
      'hr.get.pre_process',
      'hr.get.post_process',
      'hr.get.queued',
    ]);
    expect(resource).toHaveLength(16);
  });

  it('are those of all active services, also when one is down', async () => {
    const { body } = await house.ask('GET', 'event');
    expect(Object.keys(body as object)).toEqual(['system', 'hr', 'down']);
    expect((body as Record<string, unknown>).down).toEqual({});
    expect((await house.ask('GET', 'event?services_only=true')).body).toEqual({
      resource: ['system', 'hr', 'down'],
    });
  });

  it('of system are exactly those that fire', async () => {
    const { body } = await house.ask('GET', 'event?service=system&as_list=true');
    const { resource } = body as { resource: string[] };
    expect(resource).toContain('system.service.patch');
    expect(resource).toContain('system.admin.session.post');
    expect(resource.filter((name) => name.includes('{id}'))).toEqual([]);
    expect(new Set(resource).size).toBe(resource.length);
    const firing = new Set<string>();
    for (const { pattern, actions } of await house.system.describe()) {
      for (const action of actions) {
        for (const event of house.system.locate(pattern, action)?.events ?? []) firing.add(event.name);
      }
    }
    expect(new Set(resource)).toEqual(firing);
  });

  it('are narrowed by type, and only_scripted changes nothing', async () => {
    const all = await house.ask('GET', 'event?service=hr');
    expect(await house.ask('GET', 'event?service=hr&type=api&only_scripted=true')).toEqual(all);
    expect((await house.ask('GET', 'event?service=hr&type=service')).body).toEqual({ hr: {} });
  });

  it.each([
    ['service=nope', 404, "Could not find a service with the name 'nope'."],
    ['service=off', 403, "Service 'off' is not active."],
    ['type=other', 400, "Parameter 'type'"],
    ['as_list=maybe', 400, "Parameter 'as_list'"],
  ])('are refused for %s', async (query, status, text) => {
    const answer = await house.ask('GET', `event?${query}`);
    expect(answer).toMatchObject({ status, body: { error: { message: expect.stringContaining(text) } } });
  });
});

describe('script types', () => {
  it('are listed in the recorded shape', async () => {
    const nodejs = { name: 'nodejs', label: 'Node.js', description: 'JavaScript.' };
    const one = { ...nodejs, sandboxed: true, supports_inline_execution: false };
    expect((await house.ask('GET', 'script_type')).body).toEqual({ resource: [one] });
    expect((await house.ask('GET', 'script_type/nodejs')).body).toEqual(one);
    expect((await house.ask('GET', 'script_type/ruby')).status).toBe(404);
  });
});

describe('cache', () => {
  it.each(['cache', 'cache/hr', 'cache/_event/hr.get', 'cache/_event/unknown.get'])(
    '%s is forgotten',
    async (path) => {
      expect(await house.ask('DELETE', path)).toEqual({ status: 200, body: { success: true } });
    },
  );

  it('of an unknown service is not found', async () => {
    expect((await house.ask('DELETE', 'cache/nope')).status).toBe(404);
  });

  it('brings scripts into force that another process stored', async () => {
    const script = { type: 'nodejs', isActive: true, content: '', config: {}, allowEventModification: false };
    const links = {
      storageServiceId: null,
      storagePath: null,
      scmRepository: null,
      scmReference: null,
      runAsRoleId: null,
    };
    await house.store.eventScripts.create({ name: 'hr.get', ...script, ...links }, null);
    await house.ask('DELETE', 'cache');
    expect(house.scripts).toEqual(['hr.get']);
  });
});

describe('the list of services', () => {
  const list = async (parameters: Operation['request']['parameters'], principal = house.admin) => {
    const request = { parameters, headers: {}, body: undefined };
    const door = { origin: 'http', requestor: 'api', depth: 0, uri: '/api/v2', apiVersion: '2.0' } as const;
    const operation: Operation = { service: '', path: [], action: 'GET', principal, request, ...door };
    return (await listServices(house, operation)).body?.value;
  };

  it('has active services and all types in the recorded shape', async () => {
    const body = await list({});
    expect(body).toMatchObject({
      services: [
        { id: 1, name: 'system', label: 'System Management', type: 'system' },
        { id: 2, name: 'hr', label: 'HR', description: 'sample', type: 'echo' },
        { id: 3, name: 'down' },
      ],
      service_types: expect.arrayContaining(
        [
          { name: 'echo', label: 'Echo', group: 'Test', description: 'Says what it was asked.' },
          { name: 'sqlite', label: 'SQLite', group: 'Database' },
          { name: 'system', label: 'System Management', group: 'System' },
          { name: 'user', label: 'User service', group: 'User' },
        ].map((type) => expect.objectContaining(type)),
      ),
    });
  });

  it.each([
    [{ group: 'test' }, ['hr', 'down'], ['echo']],
    [{ type: 'system' }, ['system'], ['system']],
    [{ group: 'none' }, [], []],
  ])('is narrowed by %j', async (parameters, services, types) => {
    const body = await list({ ...parameters, fields: 'name' });
    expect(body).toMatchObject({ services: services.map((name) => ({ name })) });
    expect((body as { service_types: { name: string }[] }).service_types.map(({ name }) => name)).toEqual(
      types,
    );
  });

  it('is refused to strangers and for unknown fields', async () => {
    await expect(list({}, anonymous)).rejects.toMatchObject({ kind: 'access.no_credentials' });
    await expect(list({ fields: 'config' })).rejects.toMatchObject({ kind: 'request.invalid_field' });
  });
});
