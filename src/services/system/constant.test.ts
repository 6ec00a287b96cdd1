// The resources that say what there is: constants, settings and the environment.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { anonymous } from '../../core/operation.ts';
import { type House, openHouse } from './scenario.ts';

let house: House;
beforeEach(async () => {
  house = await openHouse();
});
afterEach(() => house.store.close());

describe('constants', () => {
  it('are listed by group', async () => {
    const { body } = await house.ask('GET', 'constant');
    expect(body).toEqual({
      resource: expect.arrayContaining([{ name: 'verbs' }, { name: 'requestor_types' }]),
    });
  });

  it('are what the API takes', async () => {
    const { body } = await house.ask('GET', 'constant/verbs');
    expect(body).toEqual({ verbs: { NONE: 0, GET: 1, POST: 2, PUT: 4, PATCH: 8, DELETE: 16 } });
  });

  it.each(['nope', '__proto__', 'constructor'])('of the group %s are not there', async (name) => {
    expect((await house.ask('GET', `constant/${name}`)).status).toBe(404);
  });
});

describe('settings', () => {
  it('can only be read', async () => {
    expect((await house.ask('GET', 'config')).body).toEqual({ resource: [] });
    expect((await house.ask('POST', 'config', { body: { name: 'x' } })).status).toBe(400);
    expect((await house.ask('GET', 'config/port')).status).toBe(404);
  });
});

describe('the environment', () => {
  const environmentFor = async (principal = house.admin) =>
    (await house.ask('GET', 'environment', { principal })).body as Record<string, unknown>;

  it('tells everybody how to log in, and nothing else', async () => {
    const body = await environmentFor(anonymous);
    expect(Object.keys(body)).toEqual(['authentication', 'apps']);
    expect(body.apps).toEqual([]);
    expect(body.authentication).toMatchObject({ user: { path: 'user/session' }, oauth: [] });
  });

  it('tells administrators where they are', async () => {
    const body = await environmentFor();
    expect(body).toMatchObject({
      platform: { name: 'Tenon', version: '1.2.3' },
      config: { resources_wrapper: 'resource' },
      client: { ip_address: null },
    });
  });

  it('lists the apps that somebody may start', async () => {
    const app = { type: 2, url: 'https://example.com/app' };
    const role = await house.ask('POST', 'role', { body: { name: 'reader' } });
    const [{ id: roleId }] = (role.body as { resource: [{ id: number }] }).resource;
    const names = ['open', 'mine', 'other', 'data'];
    for (const name of names) {
      const own = name === 'data' ? { type: 0 } : app;
      const { status } = await house.ask('POST', 'app', {
        body: { name, ...own, role_id: name === 'open' ? roleId : null },
      });
      expect(status).toBe(201);
    }
    const { body: made } = await house.ask('POST', 'user', {
      body: {
        ...{ email: 'u@example.com', password: 'long enough', default_app_id: 2 },
        user_to_app_to_role_by_user_id: [{ app_id: 2, role_id: roleId }],
      },
    });
    const record = await house.store.users.get((made as { resource: [{ id: number }] }).resource[0].id);
    const view = { ...house.admin.user, id: record?.id ?? 0, isAdmin: false } as typeof house.admin.user;
    const user = { ...house.admin, isAdmin: false, user: view };
    const apps = (body: Record<string, unknown>) => body.apps as { name: string; is_default: boolean }[];
    const mine = apps(await environmentFor(user));
    expect(mine.map(({ name, is_default }) => [name, is_default])).toEqual([
      ['open', false],
      ['mine', true],
    ]);
    expect(apps(await environmentFor()).map(({ name }) => name)).toEqual(['open', 'mine', 'other']);
    expect(await environmentFor(user)).not.toHaveProperty('server');
  });
});
