// Apps: an API key, and the role of whoever comes with it alone. Invariant: keys are made here and nowhere
// else; `?regenerate=true` on a change makes a new one, and the old one is refused from then on.
import { randomBytes } from 'node:crypto';
import { limits } from '../../core/limits.ts';
import type { Result } from '../../core/operation.ts';
import type { Endpoint } from '../../core/service.ts';
import type { AppRecord, New, Store } from '../../core/store.ts';
import { type Change, type Collection, CollectionResource } from './collection.ts';
import {
  invalidField,
  onlyGiven,
  readFlag,
  readOptionalId,
  readOptionalText,
  readText,
  required,
} from './fields.ts';
import { nestedLookups } from './lookup.ts';
import { type NestedList, withNested } from './nested.ts';
import type { SystemParts } from './parts.ts';
import { flagOption, isObject, type Written } from './request.ts';
import { type Call, type Resource, recordNotFound } from './resource.ts';
import { pausedWarning, pauseSchedulesOf } from './schedule-dependents.ts';
import { type Field, type Row, stampFields } from './selection.ts';
import { nestedUserRoles } from './user.ts';

const fields: readonly Field[] = [
  { name: 'id', type: 'integer' },
  { name: 'name', type: 'string' },
  { name: 'api_key', type: 'string' },
  { name: 'description', type: 'text' },
  { name: 'is_active', type: 'boolean' },
  { name: 'type', type: 'integer' },
  { name: 'path', type: 'text' },
  { name: 'url', type: 'text' },
  { name: 'storage_service_id', type: 'integer' },
  { name: 'storage_container', type: 'string' },
  { name: 'requires_fullscreen', type: 'boolean' },
  { name: 'allow_fullscreen_toggle', type: 'boolean' },
  { name: 'toggle_location', type: 'string' },
  { name: 'role_id', type: 'integer' },
  ...stampFields,
  { name: 'launch_url', type: 'string' },
];

const roleField = 'role_by_role_id';
const rule = { max: limits.labelText };

const empty: Omit<New<AppRecord>, 'name' | 'apiKey'> = {
  description: null,
  isActive: true,
  type: 0,
  path: null,
  url: null,
  storageServiceId: null,
  storageContainer: null,
  requiresFullscreen: false,
  allowFullscreenToggle: true,
  toggleLocation: 'top',
  roleId: null,
};

/** The resource `app`. */
export class AppResource implements Resource {
  readonly name = 'app';
  readonly endpoints: readonly Endpoint[];
  readonly #records: CollectionResource;
  readonly #renewing: CollectionResource;

  constructor(parts: SystemParts) {
    const { store, audit } = parts;
    this.#records = new CollectionResource({ collection: appCollection(parts), store, audit });
    this.#renewing = new CollectionResource({ collection: appCollection(parts, true), store, audit });
    this.endpoints = this.#records.endpoints;
  }

  handle(call: Call): Promise<Result> {
    return (flagOption(call.parameters, 'regenerate') ? this.#renewing : this.#records).handle(call);
  }
}

/** The records of `app`; `isRenewing`: every change makes a new key. */
export function appCollection(parts: SystemParts, isRenewing = false): Collection {
  const { authority, observe, sessions, store: stored } = parts;
  const { publicUrl } = parts.accounts;
  const lists = [nestedLookups(parts, 'app'), nestedUserRoles('app')];
  const kind: AppKind = { lists, isRenewing, publicUrl };
  return {
    name: 'app',
    noun: 'app',
    identifier: 'id',
    fields,
    relations: [roleField, ...lists.map(({ field }) => field)],
    rows: async (store) => withRelations(store, kind, await store.apps.list()),
    create: (change) => create(kind, change),
    update: (row, change) => update(kind, Number(row.id), change),
    remove: async (row, { store }) => void (await store.apps.delete(Number(row.id))),
    settle: ({ id }, { store, by }) => pauseSchedulesOf(store, { appId: Number(id) }, by),
    warning: (ids) => pausedWarning(stored, 'appId', ids),
    applied: async (ids, by) => {
      await authority.load();
      // What users may do in these apps may be something else now.
      const concerned = (await stored.userRoles.list()).filter(({ appId }) => ids.includes(appId));
      sessions.forget(concerned.map(({ userId }) => userId));
      for (const id of ids) observe({ kind: 'config.changed', record: `app/${id}`, by });
    },
  };
}

/** What apps are written with. */
interface AppKind {
  readonly lists: readonly NestedList[];
  readonly isRenewing: boolean;
  /** Where apps of this server are. */
  readonly publicUrl: string;
}

function create(kind: AppKind, { store, written, by }: Change): Promise<Row> {
  const name = required(readText(written, 'name', { max: limits.roleName }), 'name');
  const app = { ...empty, ...readApp(written), name, apiKey: newKey() };
  return store.transaction(async (inside) => {
    await checkTargets(inside, app);
    return saved(kind, await inside.apps.create(app, by), { store: inside, written, by });
  });
}

function update(kind: AppKind, id: number, { store, written, by }: Change): Promise<Row> {
  const changes = { ...readApp(written), ...(kind.isRenewing ? { apiKey: newKey() } : {}) };
  return store.transaction(async (inside) => {
    await checkTargets(inside, changes);
    const changed = await inside.apps.update(id, changes, by);
    if (changed === undefined) throw recordNotFound(id);
    return saved(kind, changed, { store: inside, written, by });
  });
}

async function saved(kind: AppKind, app: AppRecord, change: Change): Promise<Row> {
  for (const list of kind.lists) await list.save(change, app.id);
  const [row = {}] = await withRelations(change.store, kind, [app]);
  return row;
}

async function withRelations(
  store: Store,
  { lists, publicUrl }: AppKind,
  apps: readonly AppRecord[],
): Promise<Row[]> {
  const roles = new Map((await store.roles.list()).map((role) => [role.id, role]));
  const services = new Map((await store.services.list()).map((service) => [service.id, service.name]));
  const rows = apps.map((app) => {
    const role = app.roleId === null ? undefined : roles.get(app.roleId);
    const { id, name, description, isActive } = role ?? {};
    const view = role === undefined ? null : { id, name, description, is_active: isActive };
    const service = services.get(app.storageServiceId ?? -1);
    return { ...rowOf(app), launch_url: launchAddress(app, { publicUrl, service }), [roleField]: view };
  });
  return withNested(store, lists, rows);
}

type Targets = Pick<Partial<New<AppRecord>>, 'roleId' | 'storageServiceId'>;

async function checkTargets(store: Store, { roleId, storageServiceId: serviceId }: Targets): Promise<void> {
  if (typeof roleId === 'number' && (await store.roles.get(roleId)) === undefined) {
    throw invalidField('role_id', `is ${roleId}, and there is no such role`);
  }
  if (typeof serviceId === 'number' && (await store.services.get(serviceId)) === undefined) {
    throw invalidField('storage_service_id', `is ${serviceId}, and there is no such service`);
  }
}

interface Place {
  readonly publicUrl: string;
  /** Name of the service that holds its files. */
  readonly service: string | undefined;
}

// Where people open the app; '' for one that has no pages.
function launchAddress(
  { type, url, path, storageContainer }: AppRecord,
  { publicUrl, service }: Place,
): string {
  if (type === 2) return url ?? '';
  const files = type === 1 && service !== undefined ? [service, storageContainer, path] : [];
  const parts = type === 3 && path !== null ? [path] : files;
  if (parts.length === 0) return '';
  const segments = parts.flatMap((part) => (part ?? '').split('/')).filter((part) => part !== '');
  return `${publicUrl}/${segments.map(encodeURIComponent).join('/')}`;
}

/** Gives an app the key that it has elsewhere. */
export async function keepKey({ store, id, value, by }: KeptKey): Promise<void> {
  if (typeof value !== 'string' || !/^[0-9a-f]{64}$/.test(value)) {
    throw invalidField('api_key', 'must be 64 hexadecimal digits in lower case');
  }
  await store.apps.update(id, { apiKey: value }, by);
}

interface KeptKey {
  readonly store: Store;
  readonly id: number;
  readonly value: unknown;
  readonly by: number | null;
}

function newKey(): string {
  return randomBytes(32).toString('hex');
}

function readApp(written: Written): Partial<New<AppRecord>> {
  return onlyGiven<Partial<New<AppRecord>>>({
    name: readText(written, 'name', { max: limits.roleName }),
    description: readOptionalText(written, 'description', { max: limits.descriptionText }),
    isActive: readFlag(written, 'is_active'),
    type: readType(written),
    path: readOptionalText(written, 'path', { max: limits.descriptionText }),
    url: readOptionalText(written, 'url', { max: limits.descriptionText }),
    storageServiceId: readOptionalId(written, 'storage_service_id'),
    storageContainer: readOptionalText(written, 'storage_container', rule),
    requiresFullscreen: readFlag(written, 'requires_fullscreen'),
    allowFullscreenToggle: readFlag(written, 'allow_fullscreen_toggle'),
    toggleLocation: readText(written, 'toggle_location', { max: limits.roleName }),
    roleId: readRole(written),
  });
}

// The role, by its id or as it is answered; what else stands there belongs to `system/role`.
function readRole(written: Written): number | null | undefined {
  const given = readOptionalId(written, 'role_id');
  const role = Object.hasOwn(written, roleField) ? written[roleField] : undefined;
  if (given !== undefined) return given;
  if (role === undefined || role === null) return role;
  const id = isObject(role) ? readOptionalId(role, 'id') : undefined;
  if (typeof id === 'number') return id;
  throw invalidField(roleField, 'must be null or an object with the id of a role; system/role makes roles');
}

function readType(written: Written): number | undefined {
  const { type } = written;
  if (type === undefined) return undefined;
  if (typeof type === 'number' && [0, 1, 2, 3].includes(type)) return type;
  throw invalidField('type', 'must be 0 (none), 1 (file storage), 2 (address) or 3 (path of this server)');
}

function rowOf(app: AppRecord): Row {
  return {
    id: app.id,
    name: app.name,
    api_key: app.apiKey,
    description: app.description,
    is_active: app.isActive,
    type: app.type,
    path: app.path,
    url: app.url,
    storage_service_id: app.storageServiceId,
    storage_container: app.storageContainer,
    requires_fullscreen: app.requiresFullscreen,
    allow_fullscreen_toggle: app.allowFullscreenToggle,
    toggle_location: app.toggleLocation,
    role_id: app.roleId,
    created_date: app.createdDate,
    last_modified_date: app.lastModifiedDate,
    created_by_id: app.createdById,
    last_modified_by_id: app.lastModifiedById,
    launch_url: launchUrl(app),
  };
}

/** Where an app is started; '' where it is no page. */
export function launchUrl({ type, url }: Pick<AppRecord, 'type' | 'url'>): string {
  return type === 2 ? (url ?? '') : '';
}
