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
