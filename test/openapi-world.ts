// A server with services of every kind, for tests of their descriptions.
import { addScriptedService } from './scripted-service.ts';
import { fixtureSql, startTestServer, type TestServer } from './server.ts';

/** Tables that are hard to describe: every type, odd names, views, keys of several fields or none. */
const labSql = `
  CREATE TABLE sample (
    id INTEGER PRIMARY KEY, big BIGINT, flag BOOLEAN, code VARCHAR(10) NOT NULL UNIQUE,
    note TEXT, price DECIMAL(10,2), ratio DOUBLE, day DATE, at TIME, moment DATETIME, doc JSON,
    bytes BLOB, guid UUID, loose,
    twice INTEGER GENERATED ALWAYS AS (id * 2) VIRTUAL, parent INTEGER REFERENCES sample(id),
    "default" TEXT DEFAULT 'x', "description" TEXT, "type" TEXT);
  CREATE TABLE pair (a INTEGER, b TEXT, value TEXT, PRIMARY KEY (a, b));
  CREATE TABLE keyless (word TEXT);
  CREATE TABLE "my table/{x}" ("a b" INTEGER PRIMARY KEY, "ünï" TEXT);
  CREATE TABLE sample_list (id INTEGER PRIMARY KEY, sample_id INTEGER REFERENCES sample(id));
  CREATE VIEW codes AS SELECT code FROM sample;
  INSERT INTO sample
    (id, big, flag, code, note, price, ratio, day, at, moment, doc, bytes, guid, parent) VALUES
    (1, 9007199254740993, 1, 'a', NULL, 9.95, 0.5, '2026-01-31', '09:30:00', '2026-01-31 09:30:00',
     '{"a":[1]}', x'00ff', '6f1c1f0e-7a52-4a38-9f3b-0c6a4c6f1b2d', NULL),
    (2, NULL, NULL, 'b', 'text', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1);
  INSERT INTO pair VALUES (1, 'x', 'v'), (2, 'y', NULL);
  INSERT INTO keyless VALUES ('one'), ('two');
  INSERT INTO "my table/{x}" VALUES (1, 'u');
  INSERT INTO sample_list VALUES (1, 1), (2, 1);`;

/** A definition of OpenAPI 3.0 that leaves out what it may, and some that it may not. */
const shopDefinition = {
  openapi: '3.0.3',
  info: { title: 'Shop of {service.name}', version: '7' },
  tags: [{ name: 'orders', description: 'What was bought.' }],
  paths: {
    '/{service.name}/orders': {
      get: {
        tags: ['orders'],
        summary: 'list of orders',
        operationId: 'findOrders',
        parameters: [{ name: 'state', in: 'query', schema: { type: 'string', nullable: true } }],
        responses: {
          200: {
            description: 'Orders',
            content: {
              'application/json': {
                schema: { type: 'array', items: { $ref: '#/components/schemas/Order' } },
              },
            },
          },
        },
        security: [{ theirOwn: [] }],
      },
      post: {
        requestBody: { $ref: '#/components/requestBodies/Order' },
        responses: { 200: { $ref: '#/components/responses/Made' } },
      },
    },
    '/{service.name}/orders/{id}': {
      parameters: [
        { name: 'id', in: 'path', schema: { type: 'integer', minimum: 0, exclusiveMinimum: true } },
      ],
      get: { responses: { 200: {} } },
      delete: {},
    },
    '/{service.name}/secret': { get: { responses: { 200: { $ref: '#/components/responses/Secret' } } } },
  },
  components: {
    schemas: {
      Order: {
        type: 'object',
        properties: {
          id: { type: 'integer' },
          note: { type: 'string', nullable: true, example: { nullable: true } },
          parent: { $ref: '#/components/schemas/Order' },
          size: { $ref: '#/components/schemas/Size/properties/width' },
        },
      },
      Size: { type: 'object', properties: { width: { type: 'number' } } },
      Secret: { type: 'object', properties: { hidden: { type: 'string' } } },
      Unused: { type: 'string' },
    },
    requestBodies: {
      Order: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Order' } } } },
    },
    responses: {
      Made: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Order' } } } },
      Secret: {
        description: '',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Secret' } } },
      },
    },
    securitySchemes: { theirOwn: { type: 'http', scheme: 'basic' } },
  },
};

const swaggerYaml = `
swagger: '2.0'
info: {title: Old, version: '1'}
paths:
  /things/{name}:
    post:
      parameters:
        - {name: name, in: path, type: string, required: true}
        - {name: thing, in: body, schema: {$ref: '#/definitions/Thing'}}
      responses:
        200: {description: made, schema: {$ref: '#/definitions/Thing'}}
    put:
      parameters:
        - {name: name, in: path, type: string, required: true}
        - {name: colour, in: formData, type: string}
      responses: {}
definitions:
  Thing: {type: object, properties: {colour: {type: string}}}
`;

const shopScript = `
  const [root, id] = event.resource_path ? event.resource_path.split('/') : [];
  return event.request.method === 'POST' ? { id: 1, note: null } : [{ id: 1, note: null }];`;

/** All services of the world, by name. */
export const serviceNames = ['api_docs', 'bare', 'hr', 'lab', 'old', 'shop', 'system', 'user'] as const;

/** Starts it. */
export async function startWorld(): Promise<TestServer> {
  const server = await startTestServer();
  await server.addDatabase('hr', fixtureSql('transcripts'));
  await server.addDatabase('lab', labSql);
  const document = { content: JSON.stringify(shopDefinition), format: 0 };
  const made = [
    await addScriptedService(server, shopScript, { name: 'shop', document }),
    await addScriptedService(server, 'return {ok: true};', { name: 'bare' }),
    await addScriptedService(server, 'return {};', {
      name: 'old',
      document: { content: swaggerYaml, format: 1 },
    }),
  ];
  for (const answer of made) if (answer.status !== 201) throw new Error(answer.text);
  return server;
}

/** One row of access of a role. */
export interface Access {
  /** Null: all services. */
  readonly service: string | null;
  readonly component: string;
  readonly verbs?: number;
  readonly requestors?: number;
}

let roles = 0;

/** Makes a role and an app of it; gives the headers of whoever has its key. */
export async function withRole(
  server: TestServer,
  access: readonly Access[],
): Promise<Record<string, string>> {
  roles++;
  const services = (await server.ask('/api/v2/system/service?fields=id,name')).body.resource;
  const rows = access.map(({ service, component, verbs = 31, requestors = 1 }) => ({
    service_id: service === null ? null : services.find(({ name }: { name: string }) => name === service).id,
    ...{ component, verb_mask: verbs, requestor_mask: requestors },
  }));
  const role = await create(server, 'role', {
    ...{ name: `role${roles}`, is_active: true, role_service_access_by_role_id: rows },
  });
  const app = await create(server, 'app', { name: `app${roles}`, is_active: true, role_id: role.id });
  return { 'X-DreamFactory-API-Key': app.api_key };
}

async function create(server: TestServer, kind: string, record: object) {
  const body = { resource: [record] };
  const answer = await server.ask(`/api/v2/system/${kind}?fields=*`, { method: 'POST', body });
  if (answer.status !== 201) throw new Error(answer.text);
  return answer.body.resource[0];
}
