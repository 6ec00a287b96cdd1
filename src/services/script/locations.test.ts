// Where paths of scripted services lead.
import { describe, expect, it } from 'vitest';
import { eventResource } from '../../core/event.ts';
import { limits } from '../../core/limits.ts';
import type { Action } from '../../core/operation.ts';
import { definedPaths } from '../../openapi/definition.ts';
import { ScriptLocations } from './locations.ts';

const service = { name: 'Shop', label: 'Shop' };

function open(paths: Record<string, unknown> = {}): ScriptLocations {
  const document = { content: JSON.stringify({ paths }), format: 0 };
  return new ScriptLocations({ service: service.name, paths: definedPaths(document, service) });
}

const fired = (locations: ScriptLocations, path: string, action: Action = 'GET') => {
  const segments = path === '' ? [] : path.split('/');
  const { component, events } = locations.find(segments, action);
  return { component, events: events.map((event) => [event.name, eventResource(event, segments)]) };
};

describe('without a definition', () => {
  it('every path fires the events of the service', () => {
    const locations = open();
    expect(fired(locations, '')).toEqual({ component: '', events: [['shop.get', '']] });
    expect(fired(locations, 'a/b', 'POST')).toEqual({ component: 'a/b', events: [['shop.post', 'a/b']] });
  });

  it('the root is listed with all actions', () => {
    expect(open().endpoints()).toMatchObject([
      {
        pattern: [],
        actions: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
        summary: 'everything below the service',
      },
    ]);
    expect(open().components()).toEqual(['', '*']);
  });
});

describe('with a definition', () => {
  const locations = open({
    '/': { get: { summary: 'all' } },
    '/orders': { get: { summary: 'orders' }, post: {} },
    '/orders/{id}': { get: {} },
    '/orders/latest': { get: {} },
    '/{kind}/latest': { get: {} },
    '/orders/{id}/lines/{line}': { get: {} },
    '/notes': {},
  });

  it('a path that it knows fires an event of its own, with the values of its placeholders', () => {
    expect(fired(locations, 'orders').events).toEqual([['shop.orders.get', 'orders']]);
    expect(fired(locations, 'orders/7').events).toEqual([['shop.orders.{id}.get', { '{id}': '7' }]]);
    expect(fired(locations, 'orders/7/lines/2').events).toEqual([
      ['shop.orders.{id}.lines.{line}.get', { '{id}': '7', '{line}': '2' }],
    ]);
  });

  it('the most literal path counts, whatever the order of the document', () => {
    expect(fired(locations, 'orders/latest').events).toEqual([['shop.orders.latest.get', 'orders/latest']]);
    expect(fired(locations, 'bills/latest').events).toEqual([
      ['shop.{kind}.latest.get', { '{kind}': 'bills' }],
    ]);
  });

  it('verbs that are not documented fire as well; other paths fire the events of the service', () => {
    expect(fired(locations, 'orders/7', 'DELETE').events[0]?.[0]).toBe('shop.orders.{id}.delete');
    expect(fired(locations, 'orders/7/lines').events).toEqual([['shop.get', 'orders/7/lines']]);
    expect(fired(locations, 'Orders').events).toEqual([['shop.get', 'Orders']]);
  });

  it('access is granted on the path as it was asked for', () => {
    expect(fired(locations, 'orders/7').component).toBe('orders/7');
    expect(locations.components()).toEqual([
      '',
      '*',
      'orders/',
      'orders/*',
      'orders/{id}',
      'orders/latest/',
      'orders/latest/*',
      '{kind}/latest',
      'orders/{id}/lines/{line}',
      'notes/',
      'notes/*',
    ]);
  });

  it('what it knows is listed', () => {
    const listed = locations.endpoints().map(({ pattern, actions }) => [pattern.join('/'), actions.length]);
    expect(listed).toEqual([
      ['', 5],
      ['orders', 2],
      ['orders/{id}', 1],
      ['orders/latest', 1],
      ['{kind}/latest', 1],
      ['orders/{id}/lines/{line}', 1],
    ]);
    expect(locations.endpoints()[0]?.summary).toBe('all');
  });
});

describe('descriptions', () => {
  const described = (isQueued: boolean) => {
    const [root] = new ScriptLocations({ service: 'shop', paths: [], isQueued }).endpoints();
    const reader = { may: () => true, tables: undefined, isCompact: false };
    return root?.details?.(reader).map(({ actions }) => Object.keys(actions.POST?.responses ?? {}));
  };

  it('say that a queued script answers later', () => {
    expect(described(true)).toEqual([['202'], ['202']]);
    expect(described(false)).toEqual([[], []]);
  });
});

describe('identity', () => {
  it('the same path and action lead to the same location', () => {
    const locations = open();
    for (const path of [[], ['a'], ['a', 'b']]) {
      expect(locations.find([...path], 'GET')).toBe(locations.find(path, 'GET'));
      expect(locations.find(path, 'GET')).not.toBe(locations.find(path, 'PUT'));
    }
  });

  it('a slash inside a segment is no end of it', () => {
    const locations = open({ '/a/{id}': { get: {} } });
    locations.find(['a', 'b'], 'GET');
    expect(locations.find(['a/b'], 'GET').events[0]?.name).toBe('shop.get');
  });

  it('only so many are kept, and none that is long', () => {
    const locations = open();
    const first = locations.find(['0'], 'GET');
    for (let i = 1; i <= limits.scriptPaths; i++) locations.find([String(i)], 'GET');
    expect(locations.find(['0'], 'GET')).not.toBe(first);
    const long = ['x'.repeat(limits.parameterCacheChars)];
    expect(locations.find(long, 'GET')).not.toBe(locations.find(long, 'GET'));
    expect(locations.find(long, 'GET')).toEqual(locations.find(long, 'GET'));
  });
});
