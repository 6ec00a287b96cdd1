// Documents of services that say little, much, or what not everybody may know.
import { describe, expect, it } from 'vitest';
import { Named } from '../core/description.ts';
import type { Action } from '../core/operation.ts';
import type { Endpoint } from '../core/service.ts';
import { type DescribedService, DocumentWriter } from './document.ts';

const head = { title: 'T', description: '', version: '1', server: '/api/v2/shop' };

interface Given {
  readonly name?: string;
  readonly isCompact?: boolean;
  may?(path: readonly string[], action: Action): boolean;
  isPublic?(path: readonly string[], action: Action): boolean;
}

function shop(endpoints: readonly Endpoint[], given: Given = {}): DescribedService {
  const { name = 'shop', isCompact = false, may = () => true, isPublic = () => false } = given;
  return { name, endpoints, reader: { may, tables: undefined, isCompact }, isPublic };
}

// biome-ignore lint/suspicious/noExplicitAny: documents are looked into everywhere
async function written(service: DescribedService, isWhole = false): Promise<any> {
  const writer = new DocumentWriter({ head, isWhole });
  await writer.add(service);
  return writer.finish();
}

describe('an endpoint that says no more than it must', () => {
  const endpoint: Endpoint = { pattern: ['orders', '{id}'], actions: ['GET', 'PUT'], summary: 'one order' };

  it('is described with its placeholders, any body and any answer', async () => {
    const { paths } = await written(shop([endpoint]));
    const id = { name: 'id', in: 'path', required: true, schema: { type: 'string' } };
    expect(paths['/orders/{id}'].get).toEqual({
      tags: ['shop'],
      summary: 'one order',
      operationId: 'getShopOrdersById',
      parameters: [id],
      responses: {
        200: { description: 'Success', content: { 'application/json': { schema: {} } } },
        default: { $ref: '#/components/responses/Error' },
      },
    });
    expect(paths['/orders/{id}'].put.requestBody).toEqual({
      content: { 'application/json': { schema: {} } },
    });
    expect(paths['/orders/{id}'].get).not.toHaveProperty('requestBody');
  });

  it('takes an idempotency key where it writes, unless the reader wants it short', async () => {
    const { paths, components } = await written(shop([endpoint]));
    const key = { $ref: '#/components/parameters/IdempotencyKey' };
    expect(paths['/orders/{id}'].put.parameters).toContainEqual(key);
    expect(components.parameters.IdempotencyKey).toMatchObject({ name: 'Idempotency-Key', in: 'header' });
    const short = await written(shop([endpoint], { isCompact: true }));
    expect(short.paths['/orders/{id}'].put.parameters).not.toContainEqual(key);
  });

  it('is at the root, too, and under the name of its service where there are many', async () => {
    const root: Endpoint = { pattern: [], actions: ['GET'], summary: 'root' };
    expect(Object.keys((await written(shop([root]))).paths)).toEqual(['/']);
    const whole = await written(shop([root, endpoint]), true);
    expect(Object.keys(whole.paths)).toEqual(['/shop', '/shop/orders/{id}']);
    expect(whole.paths['/shop'].get.tags).toEqual(['shop']);
  });

  it('names the values of its placeholders that the reader may use, with the verbs of any of them', async () => {
    const things: Endpoint = {
      ...{ pattern: ['t', '{name}', 'x'], actions: ['GET', 'DELETE'], summary: 's' },
      parameters: { name: ['a', 'b/c', 'secret'] },
    };
    const may = (path: readonly string[], action: Action) =>
      path[1] === 'a' || (path[1] === 'b/c' && action === 'GET');
    const { paths } = await written(shop([things], { may }));
    expect(Object.keys(paths['/t/{name}/x'])).toEqual(['get', 'delete']);
    expect(paths['/t/{name}/x'].get.parameters[0].schema).toEqual({ type: 'string', enum: ['a', 'b/c'] });
  });

  it('is not there for whoever may do nothing with it', async () => {
    const writer = new DocumentWriter({ head, isWhole: false });
    expect(await writer.add(shop([endpoint], { may: () => false }))).toBe(false);
    expect(await writer.add(shop([endpoint]))).toBe(true);
    expect(Object.keys(((await writer.finish()) as { paths: object }).paths)).toEqual(['/orders/{id}']);
  });

  it('is there with the verbs that the reader may use', async () => {
    const may = (_path: readonly string[], action: Action) => action === 'PUT';
    const { paths } = await written(shop([endpoint], { may }));
    expect(Object.keys(paths['/orders/{id}'])).toEqual(['put']);
  });

  it('needs no credentials where it is public', async () => {
    const isPublic = (_path: readonly string[], action: Action) => action === 'GET';
    const { paths } = await written(shop([endpoint], { isPublic }));
    expect(paths['/orders/{id}'].get.security).toEqual([]);
    expect(paths['/orders/{id}'].put).not.toHaveProperty('security');
  });
});

describe('an endpoint with details', () => {
  it('is replaced by them, those that stand aside last', async () => {
    const details = () => [
      { pattern: ['last'], actions: { GET: {} }, isAside: true },
      {
        pattern: ['a b', '{x}'],
        actions: { GET: { summary: 's', description: 'd', tag: 'own' } },
        tag: 'all',
      },
    ];
    const endpoint: Endpoint = { pattern: ['p'], actions: ['GET'], summary: 'unused', details };
    const { paths, tags } = await written(shop([endpoint]));
    expect(Object.keys(paths)).toEqual(['/a%20b/{x}', '/last']);
    expect(paths['/a%20b/{x}'].get).toMatchObject({ tags: ['own'], summary: 's', description: 'd' });
    expect(tags).toEqual([{ name: 'own' }, { name: 'shop' }]);
  });

  it('may say itself what a placeholder is, by name or in place', async () => {
    const id = { name: 'id', in: 'path', required: true, schema: { type: 'integer' } };
    const of = (parameter: typeof id | Named) => () => [
      { pattern: ['o', '{id}'], actions: { GET: { parameters: [parameter] } } },
    ];
    const endpoint = { pattern: ['o'], actions: ['GET'] as const, summary: 's' };
    const inline = await written(shop([{ ...endpoint, details: of(id) }]));
    expect(inline.paths['/o/{id}'].get.parameters).toEqual([id]);
    const shared = new Named({ kind: 'parameters', name: 'id', make: () => id });
    const byName = await written(shop([{ ...endpoint, details: of(shared) }]));
    expect(byName.paths['/o/{id}'].get.parameters).toEqual([{ $ref: '#/components/parameters/id' }]);
    expect(byName.components.parameters.id).toEqual(id);
  });

  it('keeps what else was written, and its own ids as long as they are free', async () => {
    const action = { operationId: 'find', written: { deprecated: true, 'x-own': [1] } };
    const details = () => [
      { pattern: ['a'], actions: { GET: action } },
      { pattern: ['b'], actions: { GET: action } },
    ];
    const { paths } = await written(shop([{ pattern: [], actions: ['GET'], summary: 's', details }]));
    expect(paths['/a'].get).toMatchObject({ operationId: 'find', deprecated: true, 'x-own': [1] });
    expect(paths['/b'].get.operationId).toBe('find2');
  });

  it('has the error as its default answer, unless it says another', async () => {
    const own = { description: 'own' };
    const details = () => [{ pattern: ['a'], actions: { GET: { responses: { default: own } } } }];
    const { paths } = await written(shop([{ pattern: [], actions: ['GET'], summary: 's', details }]));
    expect(paths['/a'].get.responses).toEqual({ default: own });
  });

  it('of two that have the same path, the first says what its verbs are', async () => {
    const first: Endpoint = { pattern: ['a'], actions: ['GET'], summary: 'first' };
    const second: Endpoint = { pattern: ['a'], actions: ['GET', 'POST'], summary: 'second' };
    const { paths } = await written(shop([first, second]));
    expect([paths['/a'].get.summary, paths['/a'].post.summary]).toEqual(['first', 'second']);
  });
});

describe('ids of operations', () => {
  it.each([
    [['_table', 'my table', '{id}'], 'getShopTableMyTableById'],
    [['größe', 'a.b-c'], 'getShopGrößeABC'],
    [['{x}', '日本'], 'getShopByX日本'],
    [['---'], 'getShop'],
  ])('of %j is %s', async (pattern, id) => {
    const { paths } = await written(shop([{ pattern, actions: ['GET'], summary: 's' }]));
    const [item] = Object.values<{ get: { operationId: string } }>(paths);
    expect(item?.get.operationId).toBe(id);
  });
});

describe('the head', () => {
  it('says what it was given, and how callers say who they are', async () => {
    const tags = [{ name: 'x' }];
    const writer = new DocumentWriter({ head: { ...head, description: 'D', tags }, isWhole: false });
    const document = await writer.finish();
    expect(document).toMatchObject({
      openapi: '3.1.0',
      info: { title: 'T', description: 'D', version: '1' },
      servers: [{ url: '/api/v2/shop' }],
      tags,
      paths: {},
    });
    const { security, components } = document as {
      security: Record<string, unknown>[];
      components: { securitySchemes: object };
    };
    for (const name of security.flatMap(Object.keys)) expect(components.securitySchemes).toHaveProperty(name);
  });
});
