import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type House, openHouse } from './scenario.ts';

let house: House;
beforeEach(async () => {
  house = await openHouse();
});
afterEach(() => house.store.close());

const shop = { path: 'api/v2/db/*', origin: 'https://shop.example.com, https://www.example.com' };

describe('rules of CORS', () => {
  it('are made with all verbs and headers, for everybody', async () => {
    const { status, body } = await house.ask('POST', 'cors?fields=*', { body: { path: '*' } });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      resource: [
        expect.objectContaining({
          id: 1,
          ...{ path: '*', origin: '*', header: '*', exposed_header: null, description: null },
          ...{ max_age: 0, supports_credentials: false, enabled: true, created_by_id: 1 },
          method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
        }),
      ],
    });
  });

  it.each([
    [9, ['GET', 'PATCH']],
    [
      ['get', 'DELETE'],
      ['GET', 'DELETE'],
    ],
    ['GET,POST', ['GET', 'POST']],
    ['*', ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']],
    [[], []],
  ])('take the verbs %j as %j', async (method, shown) => {
    const { body } = await house.ask('POST', 'cors?fields=method', { body: { ...shop, method } });
    expect(body).toEqual({ resource: [{ method: shown }] });
  });

  it.each([
    [{ path: 'a b' }, "Field 'path'"],
    [{ path: '*/x' }, "Field 'path'"],
    [{ origin: 'shop.example.com' }, "Field 'origin'"],
    [{ origin: 'https://example.com/page' }, "Field 'origin'"],
    [{ origin: 'null' }, "Field 'origin'"],
    [{ method: 32 }, "Field 'method'"],
    [{ method: ['GET', 'TRACE'] }, "Field 'method'"],
    [{ method: { GET: true } }, "Field 'method'"],
    [{ max_age: -1 }, "Field 'max_age'"],
    [{ max_age: '60' }, "Field 'max_age'"],
    [{ origin: '*', supports_credentials: true }, "Field 'supports_credentials'"],
    [{ origin: 'https://a.example, *', supports_credentials: true }, "Field 'supports_credentials'"],
    [{ enabled: 'maybe' }, "Field 'enabled'"],
  ])('are refused with %j', async (wrong, named) => {
    const { status, body } = await house.ask('POST', 'cors', { body: { ...shop, ...wrong } });
    expect(status).toBe(400);
    expect(JSON.stringify(body)).toContain(named);
    expect(await house.store.cors.list()).toEqual([]);
  });

  it('need a path', async () => {
    expect((await house.ask('POST', 'cors', { body: { origin: '*' } })).status).toBe(400);
  });

  it('never come to allow credentials to everybody by two changes', async () => {
    await house.ask('POST', 'cors', { body: { ...shop, supports_credentials: true } });
    const { status } = await house.ask('PATCH', 'cors/1', { body: { origin: '*' } });
    expect(status).toBe(400);
    expect(await house.store.cors.get(1)).toMatchObject({ origin: shop.origin, supportsCredentials: true });
  });

  it('are changed and removed', async () => {
    await house.ask('POST', 'cors', { body: { resource: [shop, { path: '*' }] } });
    const changed = await house.ask('PATCH', 'cors/2?fields=id,enabled', { body: { enabled: false } });
    expect(changed.body).toEqual({ id: 2, enabled: false });
    expect((await house.ask('DELETE', 'cors/1')).body).toEqual({ id: 1 });
    expect((await house.ask('PATCH', 'cors/1', { body: { enabled: false } })).status).toBe(404);
    const { body } = await house.ask('GET', 'cors?fields=path');
    expect(body).toEqual({ resource: [{ path: '*' }] });
  });
});
