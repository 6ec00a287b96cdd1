// Values that clients keep: for everybody, and for each user his own.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { limits } from '../../core/limits.ts';
import { type Action, anonymous, type Principal } from '../../core/operation.ts';
import { userServiceRecord } from '../user/index.ts';
import { type House, openHouse, principalOf } from './scenario.ts';

let house: House;
beforeEach(async () => {
  house = await openHouse();
  await house.store.services.create(userServiceRecord, null);
  house.services.reload(await house.store.services.list());
  for (const email of ['uma@example.com', 'ben@example.com'])
    await house.ask('POST', 'user', { body: { email } });
});
afterEach(() => house.store.close());

const principal = async (id: number): Promise<Principal> =>
  principalOf((await house.store.users.get(id)) ?? expect.fail());
const places = [
  ['system', 'custom'],
  ['system', 'admin/custom'],
  ['user', 'custom'],
] as const;

describe.each(places)('%s/%s', (service, path) => {
  const ask = (action: Action, rest = '', body?: unknown) =>
    house.as(service).ask(action, `${path}${rest}`, body === undefined ? {} : { body });
  const values = async () => {
    const { resource } = (await ask('GET')).body as { resource: { name: string; value: unknown }[] };
    return Object.fromEntries(resource.map(({ name, value }) => [name, value]));
  };

  it('keeps values of every shape', async () => {
    const all = { theme: 'dark', size: 12, list: [1, { a: null }], none: null, off: false, empty: {} };
    expect(await ask('POST', '', all)).toEqual({
      status: 201,
      body: { resource: Object.keys(all).map((name) => ({ name })) },
    });
    expect(await values()).toEqual(all);
    expect(await ask('GET', '/list')).toEqual({ status: 200, body: { name: 'list', value: all.list } });
  });

  it('takes records, lists of them, maps, and single values', async () => {
    await ask('POST', '', {
      resource: [
        { name: 'a', value: 1 },
        { name: 'b', value: 2 },
      ],
    });
    await ask('PATCH', '', [{ name: 'b', value: 3 }]);
    await ask('PUT', '', { name: 'c', value: { name: 'x', value: 'y' } });
    expect((await ask('PUT', '/d', { value: 'by record' })).body).toEqual({ name: 'd' });
    expect((await ask('PUT', '/e', { plain: 'object' })).status).toBe(200);
    expect(await values()).toEqual({
      ...{ a: 1, b: 3, c: { name: 'x', value: 'y' }, d: 'by record' },
      e: { plain: 'object' },
    });
  });

  it('drops one, some and all', async () => {
    await ask('POST', '', { a: 1, b: 2, c: 3, d: 4 });
    expect(await ask('DELETE', '/a')).toEqual({ status: 200, body: { name: 'a' } });
    expect((await ask('DELETE', '?ids=b,c')).body).toEqual({ resource: [{ name: 'b' }, { name: 'c' }] });
    expect((await ask('DELETE')).status).toBe(400);
    expect(await values()).toEqual({ d: 4 });
    expect((await ask('DELETE', '?force=true')).body).toEqual({ success: true });
    expect(await values()).toEqual({});
    expect((await ask('DELETE', '/a')).status).toBe(404);
    expect((await ask('GET', '/a')).status).toBe(404);
  });

  it('are listed like other records', async () => {
    await ask('POST', '', { a: 1, b: 2, c: 3 });
    const list = await ask('GET', "?filter=name!='b'&fields=name&order=name desc&include_count=true");
    expect(list.body).toEqual({ resource: [{ name: 'c' }, { name: 'a' }], meta: { count: 2 } });
  });

  it.each([
    [{}, 'No values detected'],
    [[{ value: 1 }], "Field 'name' and 'value' are required"],
    [[1], "Field 'name' and 'value' are required"],
    [{ resource: [{ name: 'a' }] }, "Field 'name' and 'value' are required"],
    [{ '': 1 }, "Field 'name' must be text"],
    [{ ['n'.repeat(256)]: 1 }, "Field 'name' must be text"],
    [{ a: 'x'.repeat(limits.customValueChars) }, "Field 'value' must have at most"],
  ])('refuse %j', async (body, message) => {
    expect(await ask('POST', '', body)).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining(message) } },
    });
    expect(await values()).toEqual({});
  });

  it('are a limited number', async () => {
    const many = Object.fromEntries(Array.from({ length: limits.customValues }, (_, i) => [`n${i}`, i]));
    expect((await ask('POST', '', many)).status).toBe(201);
    expect((await ask('PATCH', '', { n0: 'changed' })).status).toBe(200);
    expect((await ask('POST', '', { more: 1 })).status).toBe(400);
  });

  it('are a limited size', async () => {
    const long = 'x'.repeat(limits.customValueChars - 2);
    expect((await ask('POST', '', { a: long, b: long, c: long, d: long })).status).toBe(201);
    expect((await ask('PATCH', '', { a: long })).status).toBe(200);
    expect((await ask('POST', '', { e: 1 })).status).toBe(400);
    expect((await ask('PATCH', '', { a: 1, e: 1 })).status).toBe(200);
  });
});

describe('values of users', () => {
  const as = async (id: number, action: Action, path: string, body?: unknown) =>
    house.as('user').ask(action, path, {
      principal: await principal(id),
      ...(body === undefined ? {} : { body }),
    });

  it('are each one’s own', async () => {
    await as(2, 'POST', 'custom', { theme: 'dark' });
    await as(3, 'POST', 'custom', { theme: 'light' });
    await house.ask('POST', 'custom', { body: { theme: 'for all' } });
    expect((await as(2, 'GET', 'custom/theme')).body).toEqual({ name: 'theme', value: 'dark' });
    expect((await as(3, 'DELETE', 'custom?force=true')).status).toBe(200);
    expect((await as(2, 'GET', 'custom/theme')).status).toBe(200);
    expect((await house.ask('GET', 'custom/theme')).body).toEqual({ name: 'theme', value: 'for all' });
  });

  it('go with their user', async () => {
    await as(2, 'POST', 'custom', { theme: 'dark' });
    await house.ask('DELETE', 'user/2');
    expect(await house.store.settings.list({ owner: 'user:2' })).toEqual([]);
  });

  it('are for who is logged in', async () => {
    expect((await house.as('user').ask('GET', 'custom', { principal: anonymous })).status).toBe(400);
  });
});
