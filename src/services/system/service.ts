// Configured services. Invariants: secrets are stored sealed and answered masked; a change is in force when
// it is answered. `POST service/{id}/_test` tries a stored service with its source: {"success": true}, or
// the reason.
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Result } from '../../core/operation.ts';
import type { Endpoint } from '../../core/service.ts';
import type { ServiceRecord } from '../../core/store.ts';
import { documentField } from '../../openapi/definition.ts';
import { type Change, type Collection, CollectionResource } from './collection.ts';
import { describedSuccess } from './describe-resource.ts';
import { onlyGiven, readFlag, readOptionalText, readText, required } from './fields.ts';
import type { ServiceCatalog, SystemParts } from './parts.ts';
import { isObject, type Written } from './request.ts';
import { type Call, type Resource, recordNotFound, success } from './resource.ts';
import { checkRunAs, permitRunAs } from './run-as.ts';
import { removeSchedulesOf } from './schedule-dependents.ts';
import type { Field, Row } from './selection.ts';
import { checkDocument, documentView, readDocument } from './service-document.ts';

const fields: readonly Field[] = [
  { name: 'id', type: 'integer' },
  { name: 'name', type: 'string' },
  { name: 'label', type: 'string' },
  { name: 'description', type: 'text' },
  { name: 'is_active', type: 'boolean' },
  { name: 'type', type: 'string' },
  { name: 'mutable', type: 'boolean' },
  { name: 'deletable', type: 'boolean' },
  { name: 'created_date', type: 'datetime' },
  { name: 'last_modified_date', type: 'datetime' },
  { name: 'created_by_id', type: 'integer' },
  { name: 'last_modified_by_id', type: 'integer' },
  { name: 'config', type: 'object' },
];

const rule = { max: limits.labelText };

// Names that stand for something of the server itself, now or later (rulings 28).
const reservedNames: ReadonlySet<string> = new Set([
  ...['api', 'api_docs', 'console', 'docs', 'jobs', 'metrics', 'routes', 'status', 'system', 'user'],
]);

/** The resource `service`: the records, and the test of one. */
export class ServiceResource implements Resource {
  readonly name = 'service';
  readonly endpoints: readonly Endpoint[];
  readonly #records: CollectionResource;
  readonly #parts: SystemParts;

  constructor(parts: SystemParts) {
    this.#parts = parts;
    const { store, audit } = parts;
    this.#records = new CollectionResource({ collection: serviceCollection(parts), store, audit });
    this.endpoints = [
      ...this.#records.endpoints,
      describedSuccess({
        pattern: ['service', '{id}', '_test'],
        actions: ['POST'],
        summary: 'test of a connection',
      }),
    ];
  }

  handle(call: Call): Promise<Result> {
    const [id, test] = call.path;
    return test === undefined ? this.#records.handle(call) : this.#test(id ?? '');
  }

  async #test(id: string): Promise<Result> {
    const { store, services } = this.#parts;
    const record = (await store.services.list()).find((candidate) => String(candidate.id) === id);
    if (record === undefined) throw recordNotFound(id);
    await services.test(record);
    return success();
  }
}

/** The records of `service`. */
export function serviceCollection(parts: SystemParts): Collection {
  const { services, store, observe } = parts;
  return {
    name: 'service',
    noun: 'service',
    identifier: 'id',
    fields,
    relations: [documentField],
    permit: (attempt) => permitRunAs(attempt, runAsOf),
    rows: async (source) => (await source.services.list()).map((record) => rowOf(services, record)),
    create: (change) => create(services, change),
    update: (row, change) => update(services, Number(row.id), change),
    settle: (row, { store: inside }) => removeSchedulesOf(inside, Number(row.id)),
    remove: async (row, change) => {
      if (row.deletable !== true) throw fixed(String(row.name), 'deleted');
      await change.store.services.delete(Number(row.id));
    },
    applied: async (ids, by) => {
      const records = await store.services.list();
      services.reload(records);
      // A service whose record stayed the same forgets what it remembers, too.
      const saved = new Set(records.filter(({ id }) => ids.includes(id)).map(({ name }) => name));
      for (const service of services.list()) if (saved.has(service.name)) service.refresh?.();
      for (const id of ids) observe({ kind: 'config.changed', record: `service/${id}`, by });
    },
    warning: async (ids) => {
      const saved = (await store.services.list()).filter(({ id }) => ids.includes(id));
      const flaws = await Promise.all(saved.map((record) => services.flaw(record)));
      const told = flaws.filter((flaw) => flaw !== undefined);
      return told.length === 0 ? undefined : told.join(' ');
    },
  };
}

async function create(services: ServiceCatalog, { store, written, by }: Change): Promise<Row> {
  const name = required(readServiceName(written), 'name');
  const type = required(readType(services, written), 'type');
  const common = { label: name, description: null, isActive: true, document: null, ...readCommon(written) };
  const { isActive } = common;
  const config = services.prepare({ name, type, isActive, config: written.config }, undefined);
  const complete = { ...common, name, type, config };
  checkDocument(complete);
  await checkRunAs(store, config.run_as_role_id, 'config.run_as_role_id');
  const made = await store.services.create({ ...complete, mutable: true, deletable: true }, by);
  return rowOf(services, made);
}

async function update(services: ServiceCatalog, id: number, { store, written, by }: Change): Promise<Row> {
  const stored = await store.services.get(id);
  if (stored === undefined) throw recordNotFound(id);
  if (!stored.mutable) throw fixed(stored.name, 'changed');
  // Names of the system's own services are reserved, but not for themselves.
  const name = (written.name === stored.name ? undefined : readServiceName(written)) ?? stored.name;
  // What is there only once keeps its name and type, under which everybody knows it.
  const isOnly = services.types.some(({ name: type, singleton }) => singleton && type === stored.type);
  if (isOnly && name !== stored.name) throw fixed(stored.name, 'renamed');
  const isSame = written.type === stored.type;
  const type = (isSame ? undefined : readType(services, written)) ?? stored.type;
  if (isOnly && type !== stored.type) throw fixed(stored.name, 'made another type');
  const changes = { ...readCommon(written), name, type };
  const isActive = changes.isActive ?? stored.isActive;
  const config = services.prepare({ name, type, isActive, config: written.config }, stored);
  checkDocument({ ...stored, ...changes });
  if (config.run_as_role_id !== stored.config.run_as_role_id) {
    await checkRunAs(store, config.run_as_role_id, 'config.run_as_role_id');
  }
  const record = await store.services.update(id, { ...changes, config }, by);
  if (record === undefined) throw recordNotFound(id);
  return rowOf(services, record);
}

function runAsOf({ config }: Written): unknown {
  return isObject(config) ? config.run_as_role_id : undefined;
}

type Common = Pick<ServiceRecord, 'label' | 'description' | 'isActive' | 'document'>;

function readCommon(written: Written): Partial<Common> {
  return onlyGiven<Partial<Common>>({
    label: readText(written, 'label', rule),
    description: readOptionalText(written, 'description', { max: limits.descriptionText }),
    isActive: readFlag(written, 'is_active'),
    document: readDocument(written),
  });
}

function readServiceName(written: Written): string | undefined {
  const name = readText(written, 'name', { max: limits.serviceName })?.toLowerCase();
  if (name === undefined) return undefined;
  if (!/^[a-z0-9][a-z0-9_-]*$/.test(name)) {
    throw new PlatformError(
      'request.invalid_record',
      "Field 'name' may have letters, digits, '_' and '-' only, and begins with a letter or digit.",
    );
  }
  if (reservedNames.has(name)) {
    throw new PlatformError('request.invalid_record', `Field 'name': '${name}' is reserved. Choose another.`);
  }
  return name;
}

function readType(services: ServiceCatalog, written: Written): string | undefined {
  const name = readText(written, 'type', rule);
  if (name === undefined) return undefined;
  const type = services.types.find((candidate) => candidate.name === name);
  if (type !== undefined && !type.singleton) return name;
  const problem = type === undefined ? 'there is no such service type' : 'only one of it exists';
  throw new PlatformError(
    'service.unknown_type',
    `Field 'type': '${name}' cannot be used, ${problem}. GET system/service_type lists the types.`,
  );
}

function fixed(name: string, done: string): PlatformError {
  return new PlatformError(
    'access.forbidden',
    `The service '${name}' is part of the system and cannot be ${done}.`,
  );
}

function rowOf(services: ServiceCatalog, record: ServiceRecord): Row {
  return {
    id: record.id,
    name: record.name,
    label: record.label,
    description: record.description,
    is_active: record.isActive,
    type: record.type,
    mutable: record.mutable,
    deletable: record.deletable,
    created_date: record.createdDate,
    last_modified_date: record.lastModifiedDate,
    created_by_id: record.createdById,
    last_modified_by_id: record.lastModifiedById,
    config: services.show(record),
    [documentField]: documentView(record),
  };
}
