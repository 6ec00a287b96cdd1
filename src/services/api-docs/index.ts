// The service `api_docs`: what the API offers to whoever asks, in OpenAPI 3.1. Invariant: it tells nobody of
// what they may not use.
import { Body } from '../../core/body.ts';
import type { PathDetails } from '../../core/description.ts';
import { PlatformError } from '../../core/errors.ts';
import { eventName } from '../../core/event.ts';
import { type Action, actions, type Operation, type Result } from '../../core/operation.ts';
import type { Endpoint, Location, Service, ServiceDirectory, ServiceType } from '../../core/service.ts';
import type { New, ServiceRecord, Store } from '../../core/store.ts';
import { jsonContent, listSchema, objectSchema } from '../../openapi/envelopes.ts';
import { Documents, type DocumentText, type Reading, type Source, serviceNotFound } from './documents.ts';
import { flagOf, readOptions } from './request.ts';
import { documentDetails } from './spec-endpoint.ts';

/** What the service is made of. */
export interface ApiDocsParts {
  readonly store: Pick<Store, 'services'>;
  readonly services: ServiceDirectory;
}

/** Makes the service `api_docs`. */
export function createApiDocsService(parts: ApiDocsParts): Service {
  return new ApiDocsService(parts);
}

/** The record of the service, for a system that has none yet. */
export const apiDocsServiceRecord: New<ServiceRecord> = {
  name: 'api_docs',
  type: 'swagger',
  label: 'Live API Docs',
  description: 'API documenting and testing service.',
  isActive: true,
  mutable: true,
  deletable: false,
  config: {},
  document: null,
};

/** The type of the service, so that the directory makes it from its record like every other. */
export function apiDocsServiceType(service: Service): ServiceType {
  return {
    name: 'swagger',
    label: 'API Docs',
    description: 'API documenting and testing service using OpenAPI specifications.',
    group: 'API Doc',
    singleton: true,
    config: [],
    create: () => service,
  };
}

/** The path of the description of everything. */
const all = '_all';

class ApiDocsService implements Service {
  readonly name = apiDocsServiceRecord.name;
  readonly type = apiDocsServiceRecord.type;
  readonly #parts: ApiDocsParts;
  readonly #documents: Documents;
  readonly #locations: ReadonlyMap<Action, Location>;

  constructor(parts: ApiDocsParts) {
    this.#parts = parts;
    this.#documents = new Documents(parts);
    this.#locations = new Map(actions.map((action) => [action, this.#location(action)]));
  }

  locate(path: readonly string[], action: Action): Location | undefined {
    return path.length > 1 ? undefined : this.#locations.get(action);
  }

  async handle(operation: Operation): Promise<Result> {
    const { action, path, request, principal, requestor } = operation;
    if (action !== 'GET') {
      throw new PlatformError('request.unsupported_verb', 'Descriptions can only be read. Use GET.');
    }
    const [name] = path;
    if (name === undefined) return this.#list(operation);
    const reading = { principal, requestor, options: readOptions(request.parameters) };
    const text = await (name === all ? this.#whole(reading) : this.#one(name, reading));
    return answerOf(text, operation, reading);
  }

  describe(): readonly Endpoint[] {
    return endpoints;
  }

  async #list({ principal, request }: Operation): Promise<Result> {
    const sources = await this.#sources();
    const seen = sources.filter(({ service }) => {
      return principal.isAdmin || principal.role?.reaches(service.name) === true;
    });
    const asList = flagOf(request.parameters, 'as_list');
    const resource = seen.map(({ record: { name, label, description, type } }) => {
      return asList ? name : { name, label, description, type, spec_url: `/api/v2/${name}/_spec` };
    });
    return { status: 200, headers: {}, body: Body.ofValue({ resource }) };
  }

  async #one(name: string, reading: Reading): Promise<DocumentText> {
    const wanted = name.toLowerCase();
    const source = (await this.#sources()).find(({ service }) => service.name === wanted);
    if (source === undefined) throw serviceNotFound(name);
    this.#refresh([source], reading);
    return this.#documents.ofService(source, reading);
  }

  async #whole(reading: Reading): Promise<DocumentText> {
    const sources = await this.#sources();
    this.#refresh(sources, reading);
    return this.#documents.ofAll(sources, reading);
  }

  // Reading a schema is work for the database, which not everybody may cause.
  #refresh(sources: readonly Source[], { principal, options }: Reading): void {
    if (!options.refresh) return;
    if (!principal.isAdmin) {
      const message = "Only administrators may have schemas read anew. Leave 'refresh' out.";
      throw new PlatformError('access.forbidden', message);
    }
    for (const { service } of sources) service.refresh?.();
  }

  async #sources(): Promise<Source[]> {
    const records = new Map((await this.#parts.store.services.list()).map((record) => [record.name, record]));
    return this.#parts.services.list().flatMap((service) => {
      const record = records.get(service.name);
      return record === undefined ? [] : [{ service, record }];
    });
  }

  #location(action: Action): Location {
    const events = [{ name: eventName(this.name, [], action), drop: 0 }];
    return { component: '', events, ...(action === 'GET' ? { isForUsers: true, isForRoles: true } : {}) };
  }
}

// The text may be kept by the client, which asks each time whether it is still right.
function answerOf({ text, etag }: DocumentText, { request }: Operation, { options }: Reading): Result {
  const headers = {
    ETag: etag,
    'Cache-Control': 'private, no-cache',
    Vary: 'Accept, Authorization, X-DreamFactory-API-Key, X-DreamFactory-Session-Token',
  };
  const known = request.headers['if-none-match']?.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  if (known?.includes(etag)) return { status: 304, headers, body: undefined };
  const type = options.format === 'yaml' ? 'application/yaml' : 'application/json';
  return { status: 200, headers, body: Body.ofText(text, type), mediaType: type };
}

const listed = objectSchema({
  name: { type: 'string' },
  label: { type: 'string' },
  description: { type: ['string', 'null'] },
  type: { type: 'string' },
  spec_url: { type: 'string' },
});

const list: PathDetails = {
  pattern: [],
  actions: {
    GET: {
      summary: 'List the services that have a description for you',
      responses: {
        200: {
          description: 'Services',
          content: jsonContent(listSchema({ anyOf: [listed, { type: 'string' }] })),
        },
      },
    },
  },
};

const endpoints: readonly Endpoint[] = [
  {
    pattern: [],
    actions: ['GET'],
    summary: 'List the services that have a description for you',
    details: () => [list],
  },
  {
    pattern: ['{service}'],
    actions: ['GET'],
    summary: 'Describe a service in OpenAPI 3.1; _all: all services',
    details: () => [
      { pattern: ['{service}'], actions: { GET: documentDetails } },
      {
        pattern: [all],
        actions: { GET: { ...documentDetails, summary: 'Describe all services in OpenAPI 3.1' } },
      },
    ],
  },
];
