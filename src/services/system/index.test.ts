// The service `system` as a whole: its places, events, verbs, and who may ask.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { actions, anonymous } from '../../core/operation.ts';
import { grantOf, roleOf } from '../../core/role-fixture.ts';
import { serviceTypeSuite } from '../suite.ts';
import { type House, openHouse } from './scenario.ts';

let house: House;
beforeEach(async () => {
  house = await openHouse();
});
afterEach(() => house.store.close());

serviceTypeSuite({
  name: 'system',
  create: async () => {
    const { system, store } = await openHouse();
    return { service: system, cleanup: () => store.close() };
  },
  samples: { id: '1', service: 'system', name: 'a.get' },
});

function never(): never {
  throw new Error('there is a user');
}

describe('places', () => {
  it('lists the resources', async () => {
    const { body } = await house.ask('GET', '');
    const names = [
      'admin',
      'admin/custom',
      'admin/factor',
      'admin/password',
      'admin/profile',
      'admin/session',
      'app',
      'audit',
      'cache',
      'config',
      'config_package',
      'constant',
      'cors',
      'custom',
      'delivery',
      'email_template',
      'environment',
      'event',
    ];
    const more = [
      'event_script',
      'import',
      'limit',
      'limit_cache',
      'lookup',
      'node',
      'package',
      'queue',
      'queue_connection',
      'queued_run',
      'role',
      'run',
      'scheduler',
      'script_run',
      'script_type',
      'service',
      'service_report',
      'service_type',
      'user',
    ];
    expect(body).toEqual({ resource: [...names, ...more].map((name) => ({ name })) });
    expect((await house.ask('GET', '?as_list=true')).body).toEqual({ resource: [...names, ...more] });
  });

  it('says what may be done with them, and what can be granted', async () => {
    const shown = async (query: string, principal = house.admin) => {
      const { body } = await house.ask('GET', query, { principal });
      return (body as { resource: unknown[] }).resource;
    };
    const all = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
    expect(await shown('?include_access=true')).toEqual(
      expect.arrayContaining([
        { name: 'role', access: all },
        { name: 'script_type', access: ['GET'] },
        { name: 'cache', access: ['DELETE'] },
      ]),
    );
    const granted = await shown('?as_access_list=true');
    expect(granted.slice(0, 4)).toEqual(['', '*', 'admin/', 'admin/*']);
    expect(granted).toEqual(expect.arrayContaining(['role/', 'role/*', 'event_script/', 'event_script/*']));
  });

  it('are only those that a role reaches', async () => {
    const grants = [
      grantOf({ service: 'system', component: '' }),
      grantOf({ service: 'system', component: 'role/*', verbMask: 3 }),
      grantOf({ service: 'system', component: 'user', verbMask: 1, requestorMask: 2 }),
    ];
    const user = { ...(house.admin.user ?? never()), id: 2, isAdmin: false };
    const principal = { ...house.admin, isAdmin: false, user, role: roleOf(grants), apiKey: 'k' };
    const { body } = await house.ask('GET', '?include_access=true', { principal });
    const { resource } = body as { resource: { name: string }[] };
    expect(resource).toContainEqual({ name: 'role', access: ['GET', 'POST'] });
    const names = resource.map(({ name }) => name);
    // What everybody may do is there for everybody.
    expect(names).toEqual(expect.arrayContaining(['admin/session', 'environment']));
    for (const name of ['user', 'service', 'app', 'event_script']) expect(names).not.toContain(name);
    const list = (await house.ask('GET', '?as_access_list=true', { principal })).body;
    expect(list).toEqual({ resource: ['', '*', ...names.flatMap((name) => [`${name}/`, `${name}/*`])] });
  });

  it.each(['nope', 'service/1/nope', 'service/1/_test/x', 'admin/session/1', 'event/x', 'Service'])(
    'does not know %s',
    async (path) => {
      const { status, body } = await house.ask('GET', path);
      expect(status).toBe(404);
      const message = `Resource '${path}' not found for service 'system'.`;
      expect(body).toEqual({ error: { code: 404, context: null, message, status_code: 404 } });
    },
  );

  it.each([
    ['PUT', '', "PUT requests without a resource are not currently supported by the 'system' service."],
    ['POST', 'service_type', "POST requests for resource 'service_type' are not currently supported"],
    ['DELETE', 'event', "DELETE requests for resource 'event' are not currently supported"],
    ['POST', 'service/1', "POST requests for resource 'service/1' are not currently supported"],
    ['GET', 'service/1/_test', "GET requests for resource 'service/1/_test' are not currently supported"],
  ] as const)('refuses %s %s', async (action, path, message) => {
    const { status, body } = await house.ask(action, path, { body: { name: 'x' } });
    expect(status).toBe(400);
    expect(body).toMatchObject({ error: { message: expect.stringContaining(message) } });
  });
});

describe('events', () => {
  it.each([
    [[], 'system.get', ''],
    [['service'], 'system.service.get', ''],
    [['service', '1'], 'system.service.get', '1'],
    [['admin', '4'], 'system.admin.get', '4'],
    [['admin', 'session'], 'system.admin.session.get', ''],
    [['event_script', 'db._table.get'], 'system.event_script.get', 'db._table.get'],
    [['environment'], 'system.environment.get', ''],
  ])('at %j are %s with resource %j', (path, name, resource) => {
    const events = house.system.locate(path, 'GET')?.events ?? [];
    expect(events.map((event) => event.name)).toEqual([name]);
    expect(path.slice(events[0]?.drop).join('/')).toBe(resource);
  });

  it('are the same object for the same kind of request', () => {
    const first = house.system.locate(['service', '1'], 'GET');
    expect(house.system.locate(['service', '2'], 'GET')).toBe(first);
    expect(house.system.locate(['service', '2'], 'PUT')).not.toBe(first);
  });
});

describe('access', () => {
  const publicCalls = ['GET', 'POST', 'PUT', 'DELETE'].map((action) => `${action} admin/session`);
  publicCalls.push('GET environment', 'POST admin/password');

  it('is refused to strangers everywhere but where one logs in', async () => {
    for (const { pattern } of await house.system.describe()) {
      for (const action of actions) {
        const location = house.system.locate(pattern, action);
        const isPublic = location?.isPublic === true;
        const call = `${action} ${pattern.join('/')}`;
        expect(isPublic, call).toBe(publicCalls.includes(call));
        if (isPublic) continue;
        const { status, body } = await house.ask(action, pattern.join('/'), { principal: anonymous });
        expect(status).toBe(400);
        expect(JSON.stringify(body)).toContain('No session token (JWT) or API Key detected');
      }
    }
  });

  it('shows strangers how to log in', async () => {
    const { status, body } = await house.ask('GET', 'environment', { principal: anonymous });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      authentication: { admin: { path: 'system/admin/session', verb: 'POST' } },
      apps: [],
    });
  });
});
