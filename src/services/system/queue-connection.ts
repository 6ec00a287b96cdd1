// Named connections of queues. Invariants: secrets are stored sealed and answered masked; at most one is the
// default one; nobody takes away what scripts name or where runs wait, unless he insists.
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { ConfigField } from '../../core/service.ts';
import type { QueueConnectionRecord, Store } from '../../core/store.ts';
import { connectionPlace } from '../../security/sealed-places.ts';
import {
  type Config,
  checkBindings,
  checkConfig,
  completeConfig,
  openConfig,
  sealConfig,
  showConfig,
  withoutMasks,
} from '../configuration.ts';
import type { Change, Collection } from './collection.ts';
import { invalidField, onlyGiven, readFlag, readOptionalText, readText, required } from './fields.ts';
import type { SystemParts } from './parts.ts';
import { checkUnused } from './queue-connection-use.ts';
import type { Written } from './request.ts';
import { recordNotFound } from './resource.ts';
import { type Field, type Row, stampFields } from './selection.ts';

const fields: readonly Field[] = [
  { name: 'id', type: 'integer' },
  { name: 'name', type: 'string' },
  { name: 'description', type: 'text' },
  { name: 'type', type: 'string' },
  { name: 'config', type: 'object' },
  { name: 'default_queue', type: 'string' },
  { name: 'is_active', type: 'boolean' },
  { name: 'is_default', type: 'boolean' },
  ...stampFields,
];

const nameRule = { max: limits.queueNameChars };

/** What the records need of the house. */
export type QueueConnectionParts = Pick<SystemParts, 'queues' | 'secrets' | 'observe' | 'store'>;

/** The records of `queue_connection`. */
export function queueConnectionCollection(parts: QueueConnectionParts): Collection {
  const { queues, observe } = parts;
  const types = new ConnectionTypes(parts);
  const stored = (record: QueueConnectionRecord): Row => {
    if (record.isActive) queues.expect(record.name);
    return rowOf(types, record);
  };
  return {
    name: 'queue_connection',
    noun: 'queue connection',
    identifier: 'id',
    fields,
    rows: async (store) => (await store.queueConnections.list()).map((record) => rowOf(types, record)),
    create: async (change) => stored(await create(types, change)),
    update: async ({ id }, change) => stored(await update(types, Number(id), change)),
    remove: async ({ id, name }, { store, isForced }) => {
      if (isForced !== true) await types.checkUnused(store, String(name), 'removed');
      await store.queueConnections.delete(Number(id));
    },
    warning: (ids) => warningOf(parts, ids),
    applied: async (ids, by) => {
      await queues.load();
      for (const id of ids) observe({ kind: 'config.changed', record: `queue_connection/${id}`, by });
    },
  };
}

async function create(types: ConnectionTypes, change: Change): Promise<QueueConnectionRecord> {
  const { store, written, by } = change;
  const connection = {
    ...{ description: null, defaultQueue: 'default', isActive: true, isDefault: false },
    ...readCommon(written),
    name: required(readName(written), 'name'),
    type: required(types.read(written), 'type'),
  };
  checkName(types, connection);
  const config = types.prepare(connection, written.config, undefined);
  if (connection.isDefault) await clearDefault(store, by);
  return store.queueConnections.create({ ...connection, config }, by);
}

async function update(types: ConnectionTypes, id: number, change: Change): Promise<QueueConnectionRecord> {
  const { store, written, by, isForced } = change;
  const stored = await store.queueConnections.get(id);
  if (stored === undefined) throw recordNotFound(id);
  const name = readName(written) ?? stored.name;
  const type = types.read(written) ?? stored.type;
  const changes = { ...readCommon(written), name, type };
  checkName(types, changes);
  if (name !== stored.name && isForced !== true) await types.checkUnused(store, stored.name, 'renamed');
  const config = types.prepare(changes, written.config, stored);
  if (changes.isDefault === true && !stored.isDefault) await clearDefault(store, by);
  const changed = await store.queueConnections.update(id, { ...changes, config }, by);
  return changed ?? stored;
}

async function clearDefault(store: Store, by: number | null): Promise<void> {
  for (const { id, isDefault } of await store.queueConnections.list()) {
    if (isDefault) await store.queueConnections.update(id, { isDefault: false }, by);
  }
}

// A broker that is away may come back, and one that is not there yet may be started later.
async function warningOf(
  { queues, store }: QueueConnectionParts,
  ids: readonly unknown[],
): Promise<string | undefined> {
  const touched = (await store.queueConnections.list()).filter(({ id }) => ids.includes(id));
  const told = touched.slice(0, limits.usersShown).map(async ({ name, isActive }) => {
    const flaw = isActive ? await queues.flaw(name) : undefined;
    return flaw === undefined ? [] : [`'${name}' (${flaw})`];
  });
  const failing = (await Promise.all(told)).flat();
  if (failing.length === 0) return undefined;
  return (
    `Stored, but the broker cannot be reached of ${failing.join(', ')}. Runs are kept; until it is there, ` +
    'workers look for them by themselves.'
  );
}

type Common = Pick<QueueConnectionRecord, 'description' | 'defaultQueue' | 'isActive' | 'isDefault'>;

function readCommon(written: Written): Partial<Common> {
  return onlyGiven<Partial<Common>>({
    description: readOptionalText(written, 'description', { max: limits.descriptionText }),
    defaultQueue: readText(written, 'default_queue', nameRule),
    isActive: readFlag(written, 'is_active'),
    isDefault: readFlag(written, 'is_default'),
  });
}

function readName(written: Written): string | undefined {
  const name = readText(written, 'name', nameRule);
  if (name === undefined || /^[A-Za-z0-9][\w.-]*$/.test(name)) return name;
  throw invalidField(
    'name',
    "may have letters, digits, '_', '-' and '.' only, and begins with one of the former",
  );
}

// Everybody takes `sync` for what it says.
function checkName(types: ConnectionTypes, { name, type }: { name: string; type: string }): void {
  if (type === name || !types.isBuiltIn(name)) return;
  throw invalidField(
    'name',
    `'${name}' is the connection of type '${name}', and cannot be of type '${type}'`,
  );
}

type Named = Pick<QueueConnectionRecord, 'name' | 'type'>;

/** The kinds of connections, and what that means for their configurations. */
export class ConnectionTypes {
  readonly #parts: QueueConnectionParts;

  constructor(parts: QueueConnectionParts) {
    this.#parts = parts;
  }

  /** Those are there without any record. */
  isBuiltIn(name: string): boolean {
    return ['database', 'sync', 'null'].includes(name);
  }

  /** Refuses to let one go that somebody needs, and that is not there without its record as well. */
  async checkUnused(store: Store, name: string, done: string): Promise<void> {
    if (!this.isBuiltIn(name)) await checkUnused(store, name, done);
  }

  read(written: Written): string | undefined {
    const type = readText(written, 'type', nameRule);
    const names = this.#parts.queues.kinds.map(({ name }) => name);
    if (type === undefined || names.includes(type)) return type;
    throw invalidField('type', `must be one of ${names.join(', ')}`);
  }

  /** The settings of a kind; undefined where this server does not have it. */
  settings(type: unknown): readonly ConfigField[] | undefined {
    return this.#parts.queues.kinds.find(({ name }) => name === type)?.config;
  }

  /** The configuration as callers may see it. */
  show({ type, config }: QueueConnectionRecord): Config {
    return showConfig(this.#of(type), config);
  }

  /** The configuration to store: checked, secrets sealed under the name that it is going to have. */
  prepare(draft: Named, given: unknown, stored: QueueConnectionRecord | undefined): Config {
    const type = this.#of(draft.type);
    const changes = withoutMasks(checkConfig(type, given));
    const isSame = stored?.type === draft.type;
    if (isSame) checkBindings(type, stored.config, changes);
    const config = { ...(isSame ? this.#kept(draft, stored) : {}), ...this.#sealed(draft, changes) };
    this.#checkWhole(draft, completeConfig(type, { ...this.#opened(draft, config), ...changes }));
    return config;
  }

  #checkWhole({ type }: Named, config: Config): void {
    const flaw = this.#parts.queues.kinds.find(({ name }) => name === type)?.refuse?.(config);
    if (flaw !== undefined) throw invalidField(`config.${flaw.field}`, flaw.reason);
  }

  // A secret that cannot be opened is as good as none.
  #opened({ name, type }: Named, config: Config): Config {
    try {
      return openConfig(this.#of(type), config, this.#keep(name));
    } catch {
      const plain = this.#of(type).config.filter(({ secret }) => secret !== true);
      return Object.fromEntries(plain.map((field) => [field.name, config[field.name]]));
    }
  }

  #kept(draft: Named, stored: QueueConnectionRecord): Config {
    return stored.name === draft.name ? stored.config : this.#sealed(draft, this.reveal(stored));
  }

  /** With its secrets in clear. */
  reveal({ name, type, config }: QueueConnectionRecord): Config {
    try {
      return openConfig(this.#of(type), config, this.#keep(name));
    } catch (cause) {
      throw new PlatformError(
        'queue.unavailable',
        `The secrets of queue connection '${name}' cannot be opened with this server's master key. ` +
          'Enter them again.',
        { cause },
      );
    }
  }

  #sealed({ name, type }: Named, config: Config): Config {
    return sealConfig(this.#of(type), config, this.#keep(name));
  }

  // One of a kind that this server does not have shows nothing.
  #of(type: string) {
    return { name: type, config: this.settings(type) ?? [] };
  }

  #keep(connection: string) {
    const { secrets } = this.#parts;
    return { secrets, placeOf: (field: string) => connectionPlace(connection, field) };
  }
}

function rowOf(types: ConnectionTypes, record: QueueConnectionRecord): Row {
  return {
    id: record.id,
    name: record.name,
    description: record.description,
    type: record.type,
    config: types.show(record),
    default_queue: record.defaultQueue,
    is_active: record.isActive,
    is_default: record.isDefault,
    created_date: record.createdDate,
    last_modified_date: record.lastModifiedDate,
    created_by_id: record.createdById,
    last_modified_by_id: record.lastModifiedById,
  };
}
