// The generated descriptions: valid by a validator of OpenAPI, in both formats, and saying what services are.
import SwaggerParser from '@apidevtools/swagger-parser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type Access, serviceNames, startWorld, withRole } from '../openapi-world.ts';
import type { TestServer } from '../server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startWorld();
});

afterAll(() => server.close());

/** The description of a service, as the administrator reads it unless headers say otherwise. */
async function read(
  name: string,
  { query = '', headers }: { query?: string; headers?: Record<string, string> } = {},
) {
  const answer = await server.ask(
    `/api/v2/api_docs/${name}${query}`,
    headers ? { headers, anonymous: true } : {},
  );
  expect(answer.status, answer.text.slice(0, 500)).toBe(200);
  return answer.body;
}

const as = async (...access: Access[]) => ({ headers: await withRole(server, access) });

describe.each([...serviceNames, '_all'])('the description of %s', (name) => {
  it('is valid OpenAPI 3.1', async () => {
    const document = await read(name);
    expect(document.openapi).toBe('3.1.0');
    await SwaggerParser.validate(structuredClone(document));
  });

  it('is valid in its compact form, which is not longer', async () => {
    const [whole, compact] = [await read(name), await read(name, { query: '?compact=true' })];
    await SwaggerParser.validate(structuredClone(compact));
    expect(JSON.stringify(compact).length).toBeLessThan(JSON.stringify(whole).length);
  });

  it('says the same in YAML', async () => {
    const yaml = await server.ask(`/api/v2/api_docs/${name}?format=yaml`, { headers: { accept: '*/*' } });
    expect(yaml.headers.get('content-type')).toBe('application/yaml');
    expect(parse(yaml.text)).toEqual(await read(name));
  });

  it('has an id for every operation, each another', async () => {
    const { paths } = await read(name);
    const ids = Object.values(paths as Record<string, Item>).flatMap((item) => Object.values(item).map(idOf));
    expect(ids.every((id) => /^[A-Za-z][\p{L}\p{N}]*$/u.test(id))).toBe(true);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('keeps only parts that something refers to', async () => {
    const document = await read(name);
    const text = JSON.stringify(document);
    for (const [kind, parts] of Object.entries(document.components)) {
      if (kind === 'securitySchemes') continue;
      for (const part of Object.keys(parts as object)) {
        expect(text).toContain(`"#/components/${kind}/${part}"`);
      }
    }
  });
});

type Item = Readonly<Record<string, { readonly operationId: string }>>;

function idOf(operation: { operationId: string }): string {
  return operation.operationId;
}

describe('where descriptions are', () => {
  it.each(serviceNames)('%s has its own at _spec, too', async (name) => {
    const answer = await server.ask(`/api/v2/${name}/_spec`);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual(await read(name));
    expect(answer.body.servers).toEqual([{ url: `/api/v2/${name}` }]);
  });

  it('lists them', async () => {
    const { resource } = (await server.ask('/api/v2/api_docs')).body;
    const names = resource.map(({ name }: { name: string }) => name);
    expect(names.sort()).toEqual([...serviceNames]);
    expect(resource.find(({ name }: { name: string }) => name === 'hr')).toEqual({
      ...{ name: 'hr', label: 'hr', description: null, type: 'sqlite', spec_url: '/api/v2/hr/_spec' },
    });
    const list = (await server.ask('/api/v2/api_docs?as_list=true')).body.resource;
    expect(list.sort()).toEqual([...serviceNames]);
  });

  it('names them in the list of services', async () => {
    const { services } = (await server.ask('/api/v2')).body;
    for (const { name, spec_url: url } of services) {
      expect(url).toBe(`/api/v2/${name}/_spec`);
      expect((await server.ask(url)).status).toBe(200);
    }
  });

  it('has all paths of all services in one, with parts of the same name apart', async () => {
    const all = await read('_all');
    expect(all.servers).toEqual([{ url: '/api/v2' }]);
    for (const name of serviceNames) {
      for (const [path, item] of Object.entries((await read(name)).paths as Record<string, object>)) {
        const own = all.paths[`/${name}${path === '/' ? '' : path}`];
        expect(Object.keys(own ?? {}), `${name}${path}`).toEqual(Object.keys(item));
      }
    }
    expect(all.components.schemas).toHaveProperty(['hr.employees']);
    expect(all.components.schemas).toHaveProperty(['shop.Order']);
  });

  it('is a file to be saved where that is asked for', async () => {
    const answer = await server.ask('/api/v2/api_docs/hr?file=hr.json');
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="hr.json";');
  });

  it.each([
    ['/api/v2/api_docs/nosuch', 404, "Could not find a service with the name 'nosuch'."],
    ['/api/v2/api_docs/hr/more', 404, "Resource 'hr/more' not found for service 'api_docs'."],
    ['/api/v2/hr/_spec/more', 404, "Resource '_spec/more' not found for service 'hr'."],
    ['/api/v2/hr/_spec?format=xml', 400, "Parameter 'format' must be json or yaml."],
    ['/api/v2/hr/_spec?compact=maybe', 400, "Parameter 'compact' must be true or false."],
    [
      '/api/v2/hr/_spec?tables=todo,nope',
      400,
      "Parameter 'tables' names 'nope', and there is no such table.",
    ],
    ['/api/v2/hr/_spec?tables[a]=b', 400, "Parameter 'tables' must be names with commas between them."],
    ['/api/v2/bare/_spec?tables=todo', 400, "Parameter 'tables' names 'todo', and there is no such table."],
  ])('refuses %s', async (path, status, message) => {
    const answer = await server.ask(path);
    expect([answer.status, answer.body.error?.message]).toEqual([status, message]);
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE'])('can only be read, so not with %s', async (method) => {
    const answer = await server.ask('/api/v2/api_docs/hr', { method });
    expect([answer.status, answer.body.error.message]).toEqual([
      400,
      'Descriptions can only be read. Use GET.',
    ]);
  });
});

describe('a table', () => {
  it('has schemas with types, required fields, formats and relations', async () => {
    const { schemas } = (await read('lab')).components;
    expect(schemas.sample.properties).toMatchObject({
      id: {
        type: 'integer',
        format: 'int64',
        description: expect.stringContaining('Primary key.'),
      },
      big: { type: ['integer', 'null'], format: 'int64' },
      flag: { type: ['boolean', 'null'] },
      code: { type: 'string', maxLength: 10, description: 'Unique.' },
      price: { type: ['number', 'null'] },
      day: { type: ['string', 'null'], format: 'date' },
      bytes: { type: ['string', 'null'], contentEncoding: 'base64' },
      guid: { type: ['string', 'null'], format: 'uuid' },
      twice: { readOnly: true },
      sample_by_parent: { description: 'Answered with `related=sample_by_parent`.' },
      default: { type: ['string', 'null'], description: 'Default: x.' },
      description: { type: ['string', 'null'] },
    });
    expect(schemas.sample_new).toEqual({
      allOf: [{ $ref: '#/components/schemas/sample' }],
      required: ['code'],
    });
  });

  it('has only reading where it is a view, and its own keys in the path', async () => {
    const { paths } = await read('lab');
    expect(Object.keys(paths['/_table/codes'])).toEqual(['get']);
    expect(Object.keys(paths['/_table/codes/{id}'])).toEqual(['get']);
    const id = (path: string) =>
      paths[path].get.parameters.find(({ name }: { name: string }) => name === 'id');
    expect(id('/_table/sample/{id}').schema).toEqual({ type: 'integer' });
    expect(id('/_table/pair/{id}')).toMatchObject({
      schema: { type: 'string' },
      description: 'Values of a, b, with commas between them.',
    });
    expect(Object.keys(paths)).toContain('/_table/my%20table%2F%7Bx%7D');
    const [needed] = paths['/_table/keyless/{id}'].get.parameters.filter(
      (parameter: { name?: string }) => parameter.name === 'id_field',
    );
    expect(needed.required).toBe(true);
  });

  it('is one of those that are named', async () => {
    const { paths, components } = await read('hr', { query: '?tables=Todo,departments' });
    expect(Object.keys(paths).filter((path) => path.startsWith('/_table/'))).toEqual([
      ...['/_table/departments', '/_table/todo', '/_table/departments/{id}', '/_table/todo/{id}'],
    ]);
    expect(components.schemas).not.toHaveProperty('employees');
    expect(enumOf(paths['/_schema/{table_name}'].get)).toEqual(['departments', 'todo']);
  });

  it('shares one path with all others in the compact form', async () => {
    const { paths, components } = await read('hr', { query: '?compact=true' });
    const path = paths['/_table/{table_name}'];
    expect(Object.keys(path)).toEqual(['get', 'post', 'put', 'patch', 'delete']);
    expect(enumOf(path.get)).toEqual(['departments', 'dept_emp', 'employees', 'todo']);
    expect(components.schemas.todo.properties.title).toEqual({ type: 'string', maxLength: 80 });
  });
});

function enumOf({ parameters }: { parameters: { name?: string; schema?: { enum?: string[] } }[] }) {
  return parameters.find(({ name }) => name === 'table_name')?.schema?.enum;
}

describe('what administrators say beside the database', () => {
  const change = async (path: string, body: object, method = 'PATCH') => {
    const answer = await server.ask(`/api/v2/shelf/_schema/${path}`, { method, body });
    expect(answer.status, answer.text).toBeLessThan(300);
  };

  beforeAll(async () => {
    await server.addDatabase(
      'shelf',
      `CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT NOT NULL, state TEXT, pages INTEGER, emp INTEGER);
       CREATE TABLE note (id INTEGER PRIMARY KEY, book_id INTEGER REFERENCES book(id));`,
    );
    const title = { alias: 'name', label: 'Name', description: 'What it is called.' };
    await change('book/_field/title', { ...title, validation: { api_read_only: true } });
    await change('book/_field/state', { picklist: ['new', 'used'], validation: { picklist: true } });
    await change('book/_field/pages', { picklist: ['1', '2'] });
    const services = (await server.ask("/api/v2/system/service?filter=name='hr'&fields=id")).body.resource;
    const beyond = { type: 'belongs_to', field: 'emp', is_virtual: true, ref_service_id: services[0].id };
    const resource = [{ ...beyond, ref_table: 'employees', ref_field: 'emp_no' }];
    await change('book/_related', { resource }, 'POST');
  });

  it('is said of fields', async () => {
    const { properties } = (await read('shelf')).components.schemas.book;
    expect(properties.name).toEqual({
      ...{ type: 'string', title: 'Name', description: 'What it is called.', readOnly: true },
    });
    expect(properties.state.enum).toEqual(['new', 'used', null]);
    expect(properties.pages).not.toHaveProperty('enum');
    expect((await read('shelf')).components.schemas).not.toHaveProperty('book_new');
  });

  it('is said of relations to other services, where the reader may use both', async () => {
    const names = async (given?: { headers: Record<string, string> }) => {
      const { properties } = (await read('shelf', given)).components.schemas.book;
      return Object.keys(properties).filter((name) => name.includes('employees'));
    };
    const [whole] = await names();
    expect(whole).toMatch(/employees/);
    const own = { service: 'shelf', component: '*' };
    expect(await names(await as(own))).toEqual([]);
    expect(await names(await as(own, { service: 'hr', component: '_table/employees/*' }))).toEqual([whole]);
    const answer = await server.ask(`/api/v2/shelf/_table/book?related=${whole}`);
    expect(answer.status).toBe(200);
  });
});

describe('a definition that somebody wrote', () => {
  it('is used as it was written, under our own credentials, and as 3.1', async () => {
    const { info, tags, paths, components, security } = await read('shop');
    expect(info).toEqual({ title: 'Shop of shop', version: '7' });
    expect(tags).toEqual([{ name: 'orders', description: 'What was bought.' }]);
    expect(paths['/orders'].get).toMatchObject({
      ...{ tags: ['orders'], summary: 'list of orders', operationId: 'findOrders' },
      parameters: [{ name: 'state', in: 'query', schema: { type: ['string', 'null'] } }],
    });
    expect(paths['/orders'].get).not.toHaveProperty('security');
    expect(paths['/orders/{id}'].delete.parameters).toEqual([
      { name: 'id', in: 'path', required: true, schema: { type: 'integer', exclusiveMinimum: 0 } },
    ]);
    expect(components.schemas.Order.properties).toEqual({
      id: { type: 'integer' },
      note: { type: ['string', 'null'], example: { nullable: true } },
      parent: { $ref: '#/components/schemas/Order' },
      size: { $ref: '#/components/schemas/schemas_Size_properties_width' },
    });
    expect(Object.keys(components.securitySchemes)).not.toContain('theirOwn');
    expect(security.length).toBeGreaterThan(2);
  });

  it('may be of Swagger 2.0 and in YAML', async () => {
    const { paths, components } = await read('old');
    expect(paths['/things/{name}'].post).toMatchObject({
      parameters: [{ name: 'name', in: 'path', required: true, schema: { type: 'string' } }],
      requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Thing' } } } },
      responses: {
        200: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Thing' } } } },
      },
    });
    expect(paths['/things/{name}'].put.requestBody.content).toEqual({
      'application/x-www-form-urlencoded': {
        schema: { type: 'object', properties: { colour: { type: 'string' } } },
      },
    });
    expect(components.schemas.Thing.properties).toEqual({ colour: { type: 'string' } });
  });

  it('is not needed: without one there is the root and anything below', async () => {
    const { paths } = await read('bare');
    expect(Object.keys(paths)).toEqual(['/', '/{path}', '/_spec']);
    expect(Object.keys(paths['/'])).toEqual(['get', 'post', 'put', 'patch', 'delete']);
  });
});
