// Definitions of services: what is read from a document, and what is said of a bad one.
import { describe, expect, it } from 'vitest';
import { limits } from '../core/limits.ts';
import { definedPaths } from './definition.ts';

const service = { name: 'shop', label: 'The Shop', description: 'Sells.' };

const paths = (document: unknown, of = service) =>
  definedPaths({ content: JSON.stringify(document), format: 0 }, of);

const patterns = (document: unknown, of = service) =>
  paths(document, of).map(({ segments }) => segments.join('/'));

describe('a definition in JSON', () => {
  it('names paths, their actions and what they are for', () => {
    const document = {
      openapi: '3.0.0',
      paths: {
        '/': { get: { summary: 'everything' } },
        '/orders': { get: { summary: 'list of orders' }, post: {}, parameters: [], 'x-own': 1 },
        '/orders/{id}': { summary: 'one order', get: {}, delete: {} },
        '/about/': {},
      },
    };
    expect(paths(document)).toEqual([
      { segments: [], actions: ['GET'], summary: 'everything' },
      { segments: ['orders'], actions: ['GET', 'POST'], summary: 'list of orders' },
      { segments: ['orders', '{id}'], actions: ['GET', 'DELETE'], summary: 'one order' },
      { segments: ['about'], actions: [], summary: '/about/' },
    ]);
  });

  it.each([{}, { openapi: '3.1.0' }, { paths: {} }, { paths: null }])(
    'may be without paths: %j',
    (document) => {
      expect(paths(document)).toEqual([]);
    },
  );

  it('may begin its paths with the name of the service, by a placeholder or all of them literally', () => {
    expect(patterns({ paths: { '/{service.name}/a': {}, '/b': {} } })).toEqual(['a', 'b']);
    expect(patterns({ paths: { '/shop': {}, '/shop/a': {}, '/Shop/{id}': {} } })).toEqual(['', 'a', '{id}']);
    expect(patterns({ paths: { '/shop/a': {}, '/b': {} } })).toEqual(['shop/a', 'b']);
    expect(patterns({ paths: { '/': {} } })).toEqual(['']);
  });

  it('may speak of its service', () => {
    const summary = '{service.name} {service.names} {service.Name} {service.label}: {service.description}';
    expect(paths({ paths: { '/{service.names}': { get: { summary } } } })).toEqual([
      { segments: ['shops'], actions: ['GET'], summary: 'shop shops Shop The Shop: Sells.' },
    ]);
  });

  it.each([
    ['story', 'stories'],
    ['box', 'boxes'],
    ['bus', 'buses'],
    ['day', 'days'],
    ['batch', 'batches'],
  ])('%s, of many: %s', (name, many) => {
    expect(patterns({ paths: { '/{service.names}': {} } }, { ...service, name })).toEqual([many]);
  });

  it('puts nothing for a description that is missing', () => {
    const { description: _none, ...nameless } = service;
    const content = '{"paths":{"/a":{"get":{"summary":"x{service.description}y"}}}}';
    expect(definedPaths({ content, format: 0 }, nameless)[0]?.summary).toBe('xy');
  });
});

describe('a definition in YAML', () => {
  it('is read the same way', () => {
    const content = 'openapi: 3.0.0\npaths:\n  /orders/{id}:\n    get:\n      summary: one order\n';
    expect(definedPaths({ content, format: 1 }, service)).toEqual([
      { segments: ['orders', '{id}'], actions: ['GET'], summary: 'one order' },
    ]);
  });

  it.each([
    ['indentation', 'paths:\n  /a:\n get: {}', /is not valid YAML: .*line/],
    ['an unclosed list', 'paths: [', /is not valid YAML/],
    ['a bomb', bomb(), /is not valid YAML: .*alias/i],
    ['depth', `paths: ${'['.repeat(50_000)}`, /is not valid YAML: it nests too deep\.$/],
  ])('is refused with the reason: %s', (_what, content, message) => {
    expect(() => definedPaths({ content, format: 1 }, service)).toThrow(message);
  });
});

function bomb(): string {
  const lines = ['a: &a [x,x,x,x,x,x,x,x,x]'];
  for (let i = 1; i < 9; i++) {
    const [from, to] = [String.fromCharCode(96 + i), String.fromCharCode(97 + i)];
    lines.push(`${to}: &${to} [${Array(9).fill(`*${from}`).join(',')}]`);
  }
  return lines.join('\n');
}

describe('a bad definition', () => {
  it.each([
    [
      'no JSON',
      '{"paths":',
      /Field 'service_doc_by_service_id\.content' can not be read\. It is not valid JSON/,
    ],
    ['a prototype', '{"__proto__":{}}', /__proto__/],
    ['depth', `{"paths":${'['.repeat(100)}${']'.repeat(100)}}`, /nests deeper than 64/],
    ['a list', '[]', /the document must be an object/],
    ['text', '"x"', /the document must be an object/],
    ['null', 'null', /the document must be an object/],
    ['paths that are a list', '{"paths":[]}', /'paths' must be an object/],
    ['a path without a slash', '{"paths":{"orders":{}}}', /path 'orders', which must begin with '\/'/],
    ['a path that is text', '{"paths":{"/a":"x"}}', /path '\/a' must be an object/],
    ['an operation that is text', '{"paths":{"/a":{"get":"x"}}}', /'get' of path '\/a' must be an object/],
    ['half a placeholder', '{"paths":{"/a/{id}.json":{}}}', /'\{id\}\.json' is neither a name nor a whole/],
    ['an open placeholder', '{"paths":{"/{id":{}}}', /'\{id' is neither/],
  ])('is refused, naming the place: %s', (_what, content, message) => {
    const refused = () => definedPaths({ content, format: 0 }, service);
    expect(refused).toThrow(message);
    expect(refused).toThrow(expect.objectContaining({ kind: 'request.invalid_record', status: 400 }));
  });

  it('may be no longer than people write', () => {
    const many = Object.fromEntries(
      Array.from({ length: limits.definitionPaths + 1 }, (_, i) => [`/p${i}`, {}]),
    );
    expect(() => paths({ paths: many })).toThrow(/has 1001 paths; at most 1000/);
    const content = ' '.repeat(limits.definitionBytes + 1);
    expect(() => definedPaths({ content, format: 0 }, service)).toThrow(/has 262145 bytes/);
  });
});
