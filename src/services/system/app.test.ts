import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type House, openHouse } from './scenario.ts';

let house: House;
beforeEach(async () => {
  house = await openHouse();
  await house.ask('POST', 'role', { body: { name: 'reader', description: 'reads' } });
});
afterEach(() => house.store.close());

interface App {
  readonly id: number;
  readonly api_key: string;
  readonly [field: string]: unknown;
}
const make = async (record: Record<string, unknown>): Promise<App> => {
  const { status, body } = await house.ask('POST', 'app?fields=*', { body: record });
  expect(status, JSON.stringify(body)).toBe(201);
  return (body as { resource: [App] }).resource[0];
};

describe('an app', () => {
  it('is made as recorded, with a key of its own', async () => {
    const made = await make({ name: 'golden', description: 'x', is_active: true, type: 0, role_id: 1 });
    expect(made).toEqual({
      ...{ id: 1, name: 'golden', api_key: expect.stringMatching(/^[0-9a-f]{64}$/), description: 'x' },
      ...{
        is_active: true,
        type: 0,
        path: null,
        url: null,
        storage_service_id: null,
        storage_container: null,
      },
      ...{ requires_fullscreen: false, allow_fullscreen_toggle: true, toggle_location: 'top', role_id: 1 },
      ...{ created_date: expect.any(String), last_modified_date: expect.any(String) },
      ...{ created_by_id: 1, last_modified_by_id: null, launch_url: '' },
    });
    expect((await make({ name: 'other' })).api_key).not.toBe(made.api_key);
  });

  it('keeps its key whatever is written, unless a new one is asked for', async () => {
    const { api_key } = await make({ name: 'web', api_key: 'a'.repeat(64) });
    expect(api_key).not.toBe('a'.repeat(64));
    const body = { name: 'web2', api_key: 'b'.repeat(64) };
    expect((await house.ask('PATCH', 'app/1?fields=api_key', { body })).body).toEqual({ api_key });
    const renewed = await house.ask('PUT', 'app/1?regenerate=true&fields=*', { body: { name: 'web3' } });
    expect(renewed.body).toMatchObject({ name: 'web3', api_key: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect((renewed.body as App).api_key).not.toBe(api_key);
    expect((await house.ask('PUT', 'app/1?regenerate=maybe', { body })).status).toBe(400);
  });

  it('shows its role where that is asked for', async () => {
    await make({ name: 'web', role_id: 1 });
    await make({ name: 'bare' });
    const { body } = await house.ask('GET', 'app?fields=name&related=role_by_role_id');
    expect(body).toEqual({
      resource: [
        { name: 'web', role_by_role_id: { id: 1, name: 'reader', description: 'reads', is_active: true } },
        { name: 'bare', role_by_role_id: null },
      ],
    });
  });

  it('at an address tells it as the one to launch', async () => {
    const made = await make({ name: 'web', type: 2, url: 'https://example.com/app' });
    expect(made.launch_url).toBe('https://example.com/app');
  });

  it.each([
    [{ name: '' }, 'name'],
    [{ name: 'x'.repeat(65) }, 'name'],
    [{ type: 4 }, 'type'],
    [{ type: '0' }, 'type'],
    [{ role_id: 99 }, 'role_id'],
    [{ role_id: 'reader' }, 'role_id'],
    [{ is_active: 'yes' }, 'is_active'],
    [{ url: 5 }, 'url'],
  ])('refuses %j, naming the field', async (over, field) => {
    const refused = await house.ask('POST', 'app', { body: { name: 'web', ...over } });
    expect(refused).toMatchObject({ status: 400 });
    expect(JSON.stringify(refused.body)).toContain(`'${field}'`);
    await make({ name: 'web' });
    expect((await house.ask('PATCH', 'app/1', { body: over })).status).toBe(400);
  });

  it('can be taken its role, and is deleted', async () => {
    await make({ name: 'web', role_id: 1 });
    expect((await house.ask('PATCH', 'app/1?fields=role_id', { body: { role_id: null } })).body).toEqual({
      role_id: null,
    });
    expect((await house.ask('DELETE', 'app/1')).body).toEqual({ id: 1 });
    expect((await house.ask('GET', 'app/1')).status).toBe(404);
  });
});

describe('what belongs to an app', () => {
  it('takes its role as it is answered', async () => {
    await make({ name: 'web', role_by_role_id: { id: 1, name: 'not changed here' } });
    const read = () => house.ask('GET', 'app/1?fields=role_id&related=role_by_role_id');
    expect((await read()).body).toMatchObject({ role_id: 1, role_by_role_id: { name: 'reader' } });
    await house.ask('PATCH', 'app/1', { body: { role_by_role_id: null } });
    expect((await read()).body).toEqual({ role_id: null, role_by_role_id: null });
    await house.ask('PATCH', 'app/1', { body: { role_id: 1, role_by_role_id: null } });
    expect((await read()).body).toMatchObject({ role_id: 1 });
    for (const role of [{ name: 'new' }, 7, { id: 'x' }, { id: 99 }]) {
      expect((await house.ask('PATCH', 'app/1', { body: { role_by_role_id: role } })).status).toBe(400);
    }
  });

  it('takes the roles of users in it', async () => {
    const { body } = await house.ask('POST', 'user', { body: { resource: [{ email: 'a@example.com' }] } });
    const userId = (body as { resource: [{ id: number }] }).resource[0].id;
    const list = 'user_to_app_to_role_by_app_id';
    const made = await make({ name: 'web', [list]: [{ user_id: userId, role_id: 1 }] });
    const { body: user } = await house.ask('GET', `user/${userId}?related=user_to_app_to_role_by_user_id`);
    expect(user).toMatchObject({ user_to_app_to_role_by_user_id: [{ app_id: made.id, role_id: 1 }] });
    const { body: read } = await house.ask('GET', `app/1?related=${list}`);
    const [row] = (read as Record<string, { id: number }[]>)[list] ?? [];
    expect(row).toEqual({ id: expect.any(Number), user_id: userId, app_id: made.id, role_id: 1 });
    const wrong = { [list]: [{ user_id: 99, role_id: 1 }] };
    expect(await house.ask('PATCH', 'app/1', { body: wrong })).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining('user_id') } },
    });
    await house.ask('PATCH', 'app/1', { body: { [list]: [{ id: row?.id, app_id: null }] } });
    expect(await house.store.userRoles.list()).toEqual([]);
  });

  it('tells where it is opened', async () => {
    const config = { database: 'x' };
    await house.ask('POST', 'service', { body: { resource: [{ name: 'files', type: 'echo', config }] } });
    const [files] = (await house.store.services.list()).filter(({ name }) => name === 'files');
    const launch = async (name: string, record: Record<string, unknown>) =>
      (await make({ name, ...record })).launch_url;
    const stored = { type: 1, storage_service_id: files?.id, storage_container: 'apps' };
    expect(await launch('a', { ...stored, path: 'web/index.html' })).toBe(
      'https://tenon.example.com/files/apps/web/index.html',
    );
    expect(await launch('b', { type: 2, url: 'https://elsewhere.example.com' })).toBe(
      'https://elsewhere.example.com',
    );
    expect(await launch('c', { type: 3, path: '/admin/' })).toBe('https://tenon.example.com/admin');
    expect(await launch('d', { type: 0, path: 'x', url: 'y' })).toBe('');
    expect(await launch('e', { type: 1 })).toBe('');
  });

  it('refuses a service that there is not', async () => {
    const { status, body } = await house.ask('POST', 'app', { body: { name: 'x', storage_service_id: 99 } });
    expect([status, JSON.stringify(body)]).toEqual([400, expect.stringContaining('storage_service_id')]);
  });
});
