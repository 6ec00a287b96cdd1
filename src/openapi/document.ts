// An OpenAPI 3.1 document of one service or of several, made from what each says of itself. Invariant: a
// path, an action, a value of a placeholder and a schema are in it only where its reader may use them.
import { setImmediate } from 'node:timers/promises';
import {
  type ActionDetails,
  type DescriptionReader,
  Named,
  type Part,
  type PathDetails,
} from '../core/description.ts';
import { type Action, actions } from '../core/operation.ts';
import type { Endpoint } from '../core/service.ts';
import { Components } from './components.ts';
import { errorResponse, idempotencyKey, jsonContent } from './envelopes.ts';
import { OperationIds } from './operation-ids.ts';
import { requirements, securitySchemes } from './security.ts';

/** A service to be described, and whoever reads it. */
export interface DescribedService {
  readonly name: string;
  readonly endpoints: readonly Endpoint[];
  readonly reader: DescriptionReader;
  /** Whether an action needs no credentials. */
  isPublic(path: readonly string[], action: Action): boolean;
}

/** What a document says of itself. */
export interface DocumentHead {
  readonly title: string;
  readonly description: string;
  readonly version: string;
  /** What all paths begin with: `/api/v2/hr`. */
  readonly server: string;
  readonly tags?: Part;
}

/** Paths that are written before others are served again. */
const portion = 50;

/** Writes one document. */
export class DocumentWriter {
  readonly #head: DocumentHead;
  readonly #isWhole: boolean;
  readonly #components = new Components();
  readonly #ids = new OperationIds();
  readonly #paths: Record<string, Record<string, unknown>> = {};
  readonly #tags = new Set<string>();

  /** `isWhole`: of many services, so that paths begin with the name of theirs. */
  constructor({ head, isWhole }: { readonly head: DocumentHead; readonly isWhole: boolean }) {
    this.#head = head;
    this.#isWhole = isWhole;
  }

  /** Adds the paths of a service; says whether there is any that the reader may use. */
  async add(service: DescribedService): Promise<boolean> {
    const before = this.#tags.size;
    const paths = service.endpoints.flatMap((endpoint) => {
      return endpoint.details?.(service.reader) ?? [ofEndpoint(endpoint)];
    });
    const inOrder = paths.toSorted((a, b) => Number(a.isAside ?? false) - Number(b.isAside ?? false));
    for (const [index, path] of inOrder.entries()) {
      this.#addPath(service, path);
      if (index % portion === portion - 1) await setImmediate();
    }
    return this.#tags.size > before;
  }

  /** The document; to be asked for last. */
  async finish(): Promise<object> {
    const { title, description, version, server, tags } = this.#head;
    return {
      openapi: '3.1.0',
      info: { title, ...(description === '' ? {} : { description }), version },
      servers: [{ url: server }],
      tags: tags ?? [...this.#tags].map((name) => ({ name })),
      security: requirements,
      paths: this.#paths,
      components: { ...(await this.#components.finish()), securitySchemes },
    };
  }

  #addPath(service: DescribedService, path: PathDetails): void {
    const { pattern } = path;
    const known = reachable(service.reader, path);
    const allowed = actions.filter((action) => {
      return (
        path.actions[action] !== undefined && known.some((concrete) => service.reader.may(concrete, action))
      );
    });
    if (allowed.length === 0) return;
    const segments = this.#isWhole ? [service.name, ...pattern] : pattern;
    const place = `/${segments.map(written).join('/')}`;
    const item = this.#paths[place] ?? {};
    this.#paths[place] = item;
    for (const action of allowed) {
      item[action.toLowerCase()] ??= this.#operation(service, { path, action, known });
    }
  }

  #operation(service: DescribedService, { path, action, known }: Asked): object {
    const details = path.actions[action] ?? {};
    const { name, reader } = service;
    const writing = { prefix: this.#isWhole ? `${name}.` : '', isTerse: reader.isCompact };
    const told = { ...writing, isTold: true };
    const keyed =
      action === 'GET' || reader.isCompact || details.written !== undefined ? [] : [idempotencyKey];
    const parameters = [...placeholders(path, known, details), ...(details.parameters ?? []), ...keyed];
    const responses = {
      ...(details.responses ?? anything),
      default: details.responses?.default ?? errorResponse,
    };
    const body = details.requestBody ?? (details.responses === undefined ? anyBody(action) : undefined);
    return {
      tags: [this.#tag(name, details.tag ?? path.tag)],
      ...(details.summary === undefined ? {} : { summary: details.summary }),
      ...(details.description === undefined || reader.isCompact ? {} : { description: details.description }),
      operationId: this.#ids.next({
        service: name,
        pattern: path.pattern,
        action,
        wish: details.operationId,
      }),
      ...(parameters.length === 0 ? {} : { parameters: this.#components.write(parameters, writing) }),
      ...(body === undefined ? {} : { requestBody: this.#components.write(body, writing) }),
      responses: this.#components.write(responses, told),
      ...(service.isPublic(path.pattern, action) ? { security: [] } : {}),
      ...(this.#components.write(details.written ?? {}, told) as object),
    };
  }

  #tag(service: string, tag: string | undefined): string {
    const name = this.#isWhole && tag !== undefined ? `${service} ${tag}` : (tag ?? service);
    this.#tags.add(name);
    return name;
  }
}

interface Asked {
  readonly path: PathDetails;
  readonly action: Action;
  /** The path with known values in place of its placeholders, where the reader may do anything. */
  readonly known: readonly (readonly string[])[];
}

function ofEndpoint({ pattern, actions: offered, summary, parameters }: Endpoint): PathDetails {
  return {
    pattern,
    actions: Object.fromEntries(offered.map((action) => [action, { summary }])),
    ...(parameters === undefined ? {} : { parameters }),
  };
}

// Access may be granted on single values of a placeholder.
function reachable(reader: DescriptionReader, { pattern, parameters = {}, actions: offered }: PathDetails) {
  const index = pattern.findIndex((segment) => Object.hasOwn(parameters, nameOf(segment) ?? ''));
  if (index < 0) return [pattern];
  const values = parameters[nameOf(pattern[index] ?? '') ?? ''] ?? [];
  const asked = actions.filter((action) => offered[action] !== undefined);
  return values
    .map((value) => pattern.with(index, value))
    .filter((concrete) => asked.some((action) => reader.may(concrete, action)));
}

function placeholders({ pattern }: PathDetails, known: Asked['known'], details: ActionDetails): Part[] {
  if (!pattern.some((segment) => nameOf(segment) !== undefined)) return [];
  const told = new Set((details.parameters ?? []).map(pathParameter));
  return pattern.flatMap((segment, index) => {
    const name = nameOf(segment);
    if (name === undefined || told.has(name)) return [];
    const values = known.map((path) => path[index] ?? '').filter((value) => value !== segment);
    const schema = values.length === 0 ? { type: 'string' } : { type: 'string', enum: values };
    return [{ name, in: 'path', required: true, schema }];
  });
}

function pathParameter(part: Part): string | undefined {
  const told = part instanceof Named ? part.make() : part;
  if (typeof told !== 'object' || told === null || !('in' in told) || told.in !== 'path') return undefined;
  return String(told.name);
}

const anything = { 200: { description: 'Success', content: jsonContent({}) } };

function anyBody(action: Action): Part {
  return action === 'GET' || action === 'DELETE' ? undefined : { content: jsonContent({}) };
}

function nameOf(segment: string): string | undefined {
  return /^\{([^{}]+)\}$/.exec(segment)?.[1];
}

function written(segment: string): string {
  return nameOf(segment) === undefined ? encodeURIComponent(segment) : segment;
}
