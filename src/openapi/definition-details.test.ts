// What a definition says, as parts of a description, whatever shape it is in.
import { describe, expect, it } from 'vitest';
import { definedDetails, definedHead } from './definition-details.ts';
import { DocumentWriter } from './document.ts';

const service = { name: 'shop', label: 'The Shop', description: 'Sells.' };

const document = (value: unknown) => ({ content: JSON.stringify(value), format: 0 });

// biome-ignore lint/suspicious/noExplicitAny: documents are looked into everywhere
async function described(definition: object): Promise<any> {
  const head = { title: '', description: '', version: '', server: '' };
  const writer = new DocumentWriter({ head, isWhole: false });
  const details = () => definedDetails(document({ openapi: '3.1.0', ...definition }), service);
  await writer.add({
    name: 'shop',
    endpoints: [{ pattern: [], actions: [], summary: '', details }],
    reader: { may: () => true, tables: undefined, isCompact: false },
    isPublic: () => false,
  });
  return writer.finish();
}

describe('the head of a definition', () => {
  it('says what it says, with the service filled in', () => {
    const info = { title: '{service.Name} API', description: '{service.description}', version: '3' };
    const tags = [{ name: '{service.names}' }];
    expect(definedHead(document({ info, tags }), service)).toEqual({
      ...{ title: 'Shop API', description: 'Sells.', version: '3', tags: [{ name: 'shops' }] },
    });
  });

  it.each([{}, { info: null, tags: 'x' }, { info: { title: 7, description: '', version: [] } }])(
    'may say nothing: %j',
    (value) => {
      expect(definedHead(document(value), service)).toEqual({});
    },
  );
});

describe('operations of a definition', () => {
  it('keep all that was written, except who may call', async () => {
    const get = {
      ...{ tags: ['t', 'u'], summary: 's of {service.label}', description: 'd', operationId: 'id' },
      ...{ deprecated: true, 'x-own': { a: [1, null] }, externalDocs: { url: 'https://example.com' } },
      ...{ security: [{ own: [] }], servers: [{ url: 'https://elsewhere.example' }] },
      responses: { 200: { description: 'ok', headers: { 'X-A': { schema: { type: 'string' } } } } },
    };
    const { paths } = await described({ paths: { '/a': { get } } });
    expect(paths['/a'].get).toEqual({
      ...{ tags: ['t'], summary: 's of The Shop', description: 'd', operationId: 'id' },
      ...{ deprecated: true, 'x-own': { a: [1, null] }, externalDocs: { url: 'https://example.com' } },
      responses: { ...get.responses, default: { $ref: '#/components/responses/Error' } },
    });
  });

  it('inherit from their path, and win over it', async () => {
    const one = { name: 'p', in: 'query', schema: { type: 'string' } };
    const other = { name: 'p', in: 'header', schema: { type: 'string' } };
    const own = { ...one, schema: { type: 'integer' } };
    const item = { summary: 'all', description: 'of them', parameters: [one, other] };
    const { paths } = await described({ paths: { '/a': { ...item, get: { parameters: [own] }, put: {} } } });
    expect(paths['/a'].get.parameters).toEqual([own, other]);
    expect(paths['/a'].put).toMatchObject({
      summary: 'all',
      description: 'of them',
      parameters: [one, other],
    });
  });

  it('get what OpenAPI wants and people leave out', async () => {
    const { paths } = await described({
      paths: {
        '/a/{id}/{other}': {
          get: {
            parameters: [{ name: 'id', in: 'path' }, { name: 'q' }],
            requestBody: {},
            responses: { 200: {}, 404: { description: 'none' } },
          },
        },
      },
    });
    expect(paths['/a/{id}/{other}'].get).toMatchObject({
      parameters: [
        { name: 'other', in: 'path', required: true, schema: { type: 'string' } },
        { name: 'id', in: 'path', required: true, schema: {} },
        { name: 'q', in: 'query', schema: {} },
      ],
      requestBody: { content: {} },
      responses: { 200: { description: '' }, 404: { description: 'none' } },
    });
  });

  it.each([
    { parameters: 'x', responses: 'y', requestBody: 7, tags: {}, summary: 1 },
    { parameters: [null, 'x', 7], responses: [], requestBody: [], tags: [7] },
    { parameters: [{ $ref: 7 }], responses: { 200: null } },
  ])('that are odd stay harmless: %j', async (get) => {
    const { paths } = await described({ paths: { '/a': { get } } });
    expect(paths['/a'].get.responses.default).toEqual({ $ref: '#/components/responses/Error' });
  });
});

describe('references of a definition', () => {
  const use = (ref: string) => ({
    '/a': { get: { responses: { 200: { description: '', content: { x: { schema: { $ref: ref } } } } } } },
  });
  // biome-ignore lint/suspicious/noExplicitAny: documents are looked into everywhere
  const used = ({ paths }: any) => paths['/a'].get.responses[200].content.x.schema;

  it('lead to its named parts, also where these lead to themselves', async () => {
    const Tree = { type: 'object', properties: { child: { $ref: '#/components/schemas/Tree' } } };
    const written = await described({
      paths: use('#/components/schemas/Tree'),
      components: { schemas: { Tree } },
    });
    expect(used(written)).toEqual({ $ref: '#/components/schemas/Tree' });
    expect(written.components.schemas.Tree).toEqual(Tree);
  });

  it('may lead deep into it, and through encoded names', async () => {
    const schemas = { 'a/b ~': { properties: { x: { type: 'null' } } } };
    const ref = '#/components/schemas/a~1b%20~0/properties/x';
    const written = await described({ paths: use(ref), components: { schemas } });
    const name = used(written).$ref.split('/').at(-1);
    expect(written.components.schemas[name]).toEqual({ type: 'null' });
  });

  it('may be of any kind of part', async () => {
    const components = {
      parameters: { P: { name: 'p', in: 'query' } },
      responses: { R: {} },
      requestBodies: { B: { content: {} } },
      examples: { E: { value: { $ref: 1 } } },
    };
    const ref = (kind: string, name: string) => ({ $ref: `#/components/${kind}/${name}` });
    const put = {
      parameters: [ref('parameters', 'P')],
      requestBody: ref('requestBodies', 'B'),
      responses: { 200: ref('responses', 'R') },
    };
    const written = await described({ paths: { '/a': { put } }, components });
    expect(written.paths['/a'].put).toMatchObject({ ...put, responses: put.responses });
    expect(written.components).toMatchObject({
      parameters: { P: { name: 'p', in: 'query', schema: {} } },
      responses: { R: { description: '' } },
      requestBodies: { B: { content: {} } },
    });
    expect(written.components).not.toHaveProperty('examples');
  });

  it.each([
    '#/components/schemas/None',
    '#/nowhere',
    '#',
    'https://example.com/x',
    'file:///etc/passwd',
    '#/%zz',
  ])('to %s lead nowhere', async (ref) => {
    expect(used(await described({ paths: use(ref) }))).toEqual({});
  });

  it('of the depth of a mistake end', async () => {
    const content = `paths:\n  /a:\n    get:\n      x-deep: ${'['.repeat(90)}${']'.repeat(90)}`;
    const [path] = definedDetails({ content, format: 1 }, service);
    expect(JSON.stringify(path?.actions.GET?.written)).toMatch(/^\{"x-deep":\[{65}\{\}\]{65}\}$/);
  });
});
