// Definitions of OpenAPI 3.0 and Swagger 2.0 in the words of 3.1.
import { describe, expect, it } from 'vitest';
import { upgraded } from './upgrade.ts';

const schema = (given: Record<string, unknown>, openapi = '3.0.0') => {
  const root = upgraded({ openapi, components: { schemas: { A: given } } });
  return (root as { components: { schemas: { A: unknown } } }).components.schemas.A;
};

describe('schemas of 3.0', () => {
  it.each([
    [{ type: 'string', nullable: true }, { type: ['string', 'null'] }],
    [{ type: 'string', nullable: false }, { type: 'string' }],
    [{ nullable: true }, {}],
    [
      { type: 'string', nullable: true, enum: ['a'] },
      { type: ['string', 'null'], enum: ['a', null] },
    ],
    [{ nullable: true, enum: [null] }, { enum: [null] }],
    [
      { $ref: '#/components/schemas/B', nullable: true },
      { anyOf: [{ $ref: '#/components/schemas/B' }, { type: 'null' }] },
    ],
    [{ minimum: 1, exclusiveMinimum: true }, { exclusiveMinimum: 1 }],
    [
      { minimum: 1, exclusiveMinimum: false, maximum: 9, exclusiveMaximum: true },
      { minimum: 1, exclusiveMaximum: 9 },
    ],
    [{ exclusiveMinimum: 3 }, { exclusiveMinimum: 3 }],
    [
      { items: { properties: { a: { type: 'integer', nullable: true } } } },
      {
        items: { properties: { a: { type: ['integer', 'null'] } } },
      },
    ],
  ])('%j becomes %j', (given, expected) => {
    expect(schema(given)).toEqual(expected);
  });

  it('keep values as they are', () => {
    const given = {
      example: { type: 'x', nullable: true },
      default: { nullable: true },
      enum: [{ nullable: true }],
    };
    expect(schema(given)).toEqual(given);
  });

  it('of 3.1, or of nothing in particular, stay as they are', () => {
    const given = { type: 'string', nullable: true };
    expect(schema(given, '3.1.0')).toBe(given);
    const root = { paths: {} };
    expect(upgraded(root)).toBe(root);
  });
});

describe('Swagger 2.0', () => {
  it('has its bodies, shapes and references where 3.1 looks for them', () => {
    const root = upgraded({
      swagger: '2.0',
      paths: {
        '/a/{id}': {
          parameters: [{ name: 'id', in: 'path', type: 'integer', required: true, description: 'd' }],
          post: {
            consumes: ['x'],
            produces: ['y'],
            parameters: [
              { name: 'body', in: 'body', schema: { $ref: '#/definitions/A' } },
              { name: 'q', in: 'query', type: 'array', items: { type: 'string' }, collectionFormat: 'csv' },
              { $ref: '#/parameters/Page' },
            ],
            responses: {
              200: { description: 'ok', schema: { $ref: '#/definitions/A' }, examples: {} },
              404: { $ref: '#/responses/None' },
            },
          },
          get: { parameters: 'none' },
        },
      },
      definitions: { A: { type: 'string', 'x-nullable': true } },
      parameters: { Page: { name: 'page', in: 'query', type: 'integer' } },
      responses: { None: { description: 'none' } },
    }) as { paths: Record<string, Record<string, unknown>>; components: unknown };
    const json = (schema: object) => ({ 'application/json': { schema } });
    const ref = { $ref: '#/components/schemas/A' };
    expect(root.paths['/a/{id}']).toEqual({
      parameters: [{ name: 'id', in: 'path', description: 'd', required: true, schema: { type: 'integer' } }],
      post: {
        parameters: [
          { name: 'q', in: 'query', schema: { type: 'array', items: { type: 'string' } } },
          { $ref: '#/components/parameters/Page' },
        ],
        requestBody: { content: json(ref) },
        responses: {
          200: { description: 'ok', content: json(ref) },
          404: { $ref: '#/components/responses/None' },
        },
      },
      get: { parameters: [] },
    });
    expect(root.components).toEqual({
      schemas: { A: { type: 'string', 'x-nullable': true } },
      parameters: { Page: { name: 'page', in: 'query', schema: { type: 'integer' } } },
      responses: { None: { description: 'none' } },
    });
  });

  it('may have forms', () => {
    const post = { parameters: [{ name: 'f', in: 'formData', type: 'string', required: true }] };
    const root = upgraded({ swagger: '2.0', paths: { '/a': { post } } }) as {
      paths: { '/a': { post: { requestBody: unknown } } };
    };
    expect(root.paths['/a'].post.requestBody).toEqual({
      content: {
        'application/x-www-form-urlencoded': {
          schema: { type: 'object', properties: { f: { type: 'string' } } },
        },
      },
    });
  });

  it('may be nearly nothing', () => {
    const empty = { paths: {}, components: { schemas: {}, parameters: {}, responses: {} } };
    expect(upgraded({ swagger: '2.0' })).toEqual({ swagger: '2.0', ...empty });
    expect(upgraded({ swagger: '2.0', paths: { '/a': null } })).toMatchObject({ paths: { '/a': {} } });
  });
});
