// The descriptions themselves: made from what services say of themselves, for one reader, and kept as text.
// Invariant: a kept text is given only to readers with the same rights, as long as the service says the same.
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { isAllowed, restrictionAt } from '../../core/access.ts';
import type { DescriptionReader } from '../../core/description.ts';
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { actions, type Principal, type Requestor } from '../../core/operation.ts';
import type { Endpoint, Service, ServiceDirectory } from '../../core/service.ts';
import type { ServiceRecord } from '../../core/store.ts';
import { definedHead } from '../../openapi/definition-details.ts';
import { type DescribedService, type DocumentHead, DocumentWriter } from '../../openapi/document.ts';
import { documentText } from '../../openapi/document-text.ts';
import { type DocumentOptions, invalidParameter } from './request.ts';
import { specEndpoint } from './spec-endpoint.ts';

/** Whoever wants to read, and by which way. */
export interface Reading {
  readonly principal: Principal;
  readonly requestor: Requestor;
  readonly options: DocumentOptions;
}

/** A service with its record. */
export interface Source {
  readonly service: Service;
  readonly record: ServiceRecord;
}

/** A description as it is answered. */
export interface DocumentText {
  readonly text: string;
  /** Of HTTP: changes whenever the text does. */
  readonly etag: string;
}

const version = '2.0';

/** Makes descriptions and keeps them. */
export class Documents {
  readonly #parts: Pick<Described, 'services'>;
  readonly #texts = new LRUCache<string, DocumentText>({
    maxSize: limits.documentCacheChars,
    maxEntrySize: limits.documentCacheChars,
    sizeCalculation: ({ text }) => text.length,
  });
  readonly #making = new Map<string, Promise<DocumentText>>();
  readonly #numbers = new WeakMap<object, number>();
  #next = 0;

  constructor(parts: Pick<Described, 'services'>) {
    this.#parts = { services: parts.services };
  }

  /** The description of a service. Throws `service.not_found` for a reader who may do nothing there. */
  async ofService(source: Source, reading: Reading): Promise<DocumentText> {
    const { service, record } = source;
    await service.ready?.([]);
    const endpoints = await service.describe();
    const head = headOf(record);
    const key = this.#key([head, this.#number(endpoints)], reading);
    return this.#kept(key, reading, () => serviceText(head, { ...this.#parts, source, endpoints, reading }));
  }

  /** The description of all services; those that cannot be described now are named in it. */
  async ofAll(sources: readonly Source[], reading: Reading): Promise<DocumentText> {
    const described: Described[] = [];
    const missing: string[] = [];
    for (const source of sources) {
      try {
        await source.service.ready?.([]);
        described.push({ ...this.#parts, source, endpoints: await source.service.describe(), reading });
      } catch {
        if (isReached(source.service.name, reading)) missing.push(source.service.name);
      }
    }
    const head = headOfAll(missing);
    const parts = described.map(({ source, endpoints }) => [source.service.name, this.#number(endpoints)]);
    const key = this.#key([head, parts], reading);
    return this.#kept(key, reading, () => instanceText(head, described));
  }

  // Many may ask for the same at once; it is made once.
  async #kept(key: string, { options }: Reading, make: () => Promise<object>): Promise<DocumentText> {
    const known = this.#texts.get(key) ?? this.#making.get(key);
    if (known !== undefined) return known;
    const making = make().then(async (document) => {
      const text = await documentText(document, options.format);
      return { text, etag: `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"` };
    });
    this.#making.set(key, making);
    try {
      const made = await making;
      this.#texts.set(key, made);
      return made;
    } finally {
      this.#making.delete(key);
    }
  }

  // All that a description depends on: what the services say, what the reader may do, what is wanted.
  #key(about: unknown, { principal, requestor, options }: Reading): string {
    const { isAdmin, user, role, app, failure } = principal;
    const rights = [isAdmin, user !== undefined, role === null ? 0 : this.#number(role)];
    const force = [app?.isActive !== false, failure === undefined];
    const { format, isCompact, tables } = options;
    return JSON.stringify([about, rights, force, requestor, format, isCompact, tables]);
  }

  #number(thing: object): number {
    let number = this.#numbers.get(thing);
    if (number === undefined) {
      number = ++this.#next;
      this.#numbers.set(thing, number);
    }
    return number;
  }
}

interface Described {
  /** Where relations to other services lead. */
  readonly services: Pick<ServiceDirectory, 'find'>;
  readonly source: Source;
  readonly endpoints: readonly Endpoint[];
  readonly reading: Reading;
}

async function serviceText(head: DocumentHead, described: Described): Promise<object> {
  const { options } = described.reading;
  const service = describedService(described);
  const writer = new DocumentWriter({ head, isWhole: false });
  if (options.tables !== undefined) checkTables(options.tables, described.endpoints, service.reader);
  // Whether there is such a service is nothing for those to know who may do nothing with it.
  if (!(await addService(writer, service))) throw serviceNotFound(service.name);
  return writer.finish();
}

async function addService(writer: DocumentWriter, service: DescribedService): Promise<boolean> {
  if (!(await writer.add(service))) return false;
  await writer.add({ ...service, endpoints: [specEndpoint] });
  return true;
}

async function instanceText(head: DocumentHead, all: readonly Described[]): Promise<object> {
  const writer = new DocumentWriter({ head, isWhole: true });
  for (const described of all) await addService(writer, describedService(described));
  return writer.finish();
}

/** What is said where there is no such service. */
export function serviceNotFound(name: string): PlatformError {
  return new PlatformError('service.not_found', `Could not find a service with the name '${name}'.`);
}

function describedService({ services, source, endpoints, reading }: Described): DescribedService {
  const { service } = source;
  const { principal, requestor, options } = reading;
  const tables = options.tables?.map((name) => name.toLowerCase());
  const { name } = service;
  return {
    name,
    endpoints,
    reader: {
      may: (path, action, other) => {
        const asked = other === undefined ? service : found(services, other);
        const location = asked?.locate(path, action);
        if (asked === undefined || location === undefined) return false;
        return isAllowed({ principal, requestor, service: asked.name, action }, location);
      },
      restriction: (path, action) => {
        const location = service.locate(path, action);
        return location && restrictionAt({ principal, requestor, service: service.name, action }, location);
      },
      tables: tables === undefined ? undefined : new Set(tables),
      isCompact: options.isCompact,
    },
    isPublic: (path, action) => service.locate(path, action)?.isPublic === true,
  };
}

function found(services: Described['services'], name: string): Service | undefined {
  try {
    return services.find(name);
  } catch {
    return undefined;
  }
}

// A table that the reader may not see is refused in the words of one that is not there.
function checkTables(
  wanted: readonly string[],
  endpoints: readonly Endpoint[],
  reader: DescriptionReader,
): void {
  const known = new Map(
    endpoints.flatMap(({ parameters }) => {
      return (parameters?.table_name ?? []).map((name) => [name.toLowerCase(), name] as const);
    }),
  );
  for (const name of wanted) {
    const table = known.get(name.toLowerCase());
    const roots = ['_table', '_schema'];
    const isSeen =
      table !== undefined &&
      roots.some((root) => actions.some((action) => reader.may([root, table], action)));
    if (!isSeen) throw invalidParameter('tables', `names '${name}', and there is no such table`);
  }
}

function isReached(service: string, { principal }: Reading): boolean {
  return principal.isAdmin || principal.role?.reaches(service) === true;
}

function headOf(record: ServiceRecord): DocumentHead {
  const { name, label, description, document } = record;
  const about = { name, label, ...(description === null ? {} : { description }) };
  const written = document === null ? {} : definedHead(document, about);
  return { title: label, description: description ?? '', version, ...written, server: `/api/v2/${name}` };
}

function headOfAll(missing: readonly string[]): DocumentHead {
  const gap = missing.length === 0 ? '' : ` Not described, because not available now: ${missing.join(', ')}.`;
  const description = `All services of this server, as far as you may use them.${gap}`;
  return { title: 'Tenon', description, version, server: '/api/v2' };
}
