// The overlays of all services, read from the system database and kept until it changes. Invariant: a
// service's overlay stays the same object as long as nothing about it changed, so that schemas are put
// together once.
import { randomUUID } from 'node:crypto';
import type { SchemaOverlayRecord, Store } from '../../../core/store.ts';
import { readField } from './definition-request.ts';
import {
  type FieldSaid,
  noOverlay,
  type RelationSaid,
  type ServiceOverlay,
  type TableOverlay,
  type TableSaid,
} from './overlay.ts';

/** One thing to say, to change, or (`settings` undefined) to take back. */
export interface OverlayChange {
  readonly tableName: string;
  readonly part: 'table' | 'field' | 'relation';
  /** Absent for the table itself; to take back, absent means everything of that part of the table. */
  readonly name?: string;
  readonly settings: Readonly<Record<string, unknown>> | undefined;
}

/** What a SQL service needs of the house. */
export interface OverlayDesk {
  of(serviceId: number): ServiceOverlay;
  /** Stores changes and lets every process know; they are in force here when it resolves. */
  save(serviceId: number, changes: readonly OverlayChange[], by: number | null): Promise<void>;
  /** Roles and event scripts that mean a table of a service by the name that callers say. */
  mentions(serviceId: number, table: string): Promise<readonly string[]>;
}

/** What is kept in the system database. */
type OverlayStore = Pick<
  Store,
  'schemaOverlays' | 'services' | 'roles' | 'roleAccess' | 'eventScripts' | 'transaction'
>;

interface Known {
  readonly fingerprint: string;
  readonly overlay: ServiceOverlay;
}

/** All overlays of this process. */
export class Overlays implements OverlayDesk {
  readonly #store: OverlayStore;
  #known = new Map<number, Known>();
  #names: Names = new Map();
  readonly #nothing: ServiceOverlay = { ...noOverlay, serviceName: (id) => this.#names.get(id) ?? null };

  constructor({ store }: { readonly store: OverlayStore }) {
    this.#store = store;
  }

  /** Reads them anew. */
  async load(): Promise<void> {
    const rows = await this.#store.schemaOverlays.list();
    const names = new Map((await this.#store.services.list()).map(({ id, name }) => [id, name]));
    const after = new Map<number, Known>();
    for (const [id, own] of Map.groupBy(rows, (row) => row.serviceId)) {
      const fingerprint = fingerprintOf(own, names);
      const before = this.#known.get(id);
      const isSame = before?.fingerprint === fingerprint;
      after.set(id, isSame ? before : { fingerprint, overlay: overlayOf(own, names) });
    }
    this.#known = after;
    this.#names = names;
  }

  of(serviceId: number): ServiceOverlay {
    return this.#known.get(serviceId)?.overlay ?? this.#nothing;
  }

  /** Refuses what can not be said of a field. */
  check(field: string, settings: Readonly<Record<string, unknown>>): void {
    // The type of a virtual field is none that a column is made of.
    const { type: _type, ...said } = settings;
    readField({ ...said, is_virtual: false }, field);
  }

  async mentions(serviceId: number, table: string): Promise<readonly string[]> {
    const rows = await this.#store.roleAccess.list({ serviceId });
    const ids = new Set(rows.filter((row) => isComponentOf(row.component, table)).map((row) => row.roleId));
    const roles = (await this.#store.roles.list()).filter(({ id }) => ids.has(id));
    const service = this.#names.get(serviceId) ?? '';
    const starts = ['_table', '_schema'].map((root) => `${service}.${root}.${table}.`.toLowerCase());
    const scripts = (await this.#store.eventScripts.list()).filter(({ name }) =>
      starts.some((start) => name.toLowerCase().startsWith(start)),
    );
    return [
      ...roles.map(({ name }) => `role '${name}'`),
      ...scripts.map(({ name }) => `event script '${name}'`),
    ];
  }

  async save(serviceId: number, changes: readonly OverlayChange[], by: number | null): Promise<void> {
    await this.#store.transaction(async (store) => {
      for (const change of changes) await apply(store, { serviceId, change, by });
      await revise(store, serviceId, by);
    });
    await this.load();
  }
}

// `_table/contact`, `_table/contact/*`, `_schema/contact`, as roles write them in any case.
function isComponentOf(component: string | null, table: string): boolean {
  const [root = '', name] = (component ?? '').toLowerCase().split('/');
  return (root === '_table' || root === '_schema') && name === table.toLowerCase();
}

interface Applied {
  readonly serviceId: number;
  readonly change: OverlayChange;
  readonly by: number | null;
}

async function apply(store: Store, { serviceId, change, by }: Applied): Promise<void> {
  const { tableName, part, name, settings } = change;
  if (settings === undefined) return forget(store, serviceId, change);
  const place = { serviceId, tableName, part, name: name ?? '' };
  const [stored] = await store.schemaOverlays.list(place);
  if (stored === undefined) await store.schemaOverlays.add({ ...place, settings }, by);
  else await store.schemaOverlays.update(stored.id, { settings }, by);
}

async function forget(store: Store, serviceId: number, change: OverlayChange): Promise<void> {
  const { tableName, part, name } = change;
  // What is said of a table goes with all that is said of its fields and relations.
  const place = part === 'table' ? { serviceId, tableName } : { serviceId, tableName, part };
  for (const row of await store.schemaOverlays.list(name === undefined ? place : { ...place, name })) {
    await store.schemaOverlays.delete(row.id);
  }
}

async function revise(store: Store, serviceId: number, by: number | null): Promise<void> {
  const place = { serviceId, tableName: '', part: 'revision', name: '' } as const;
  const settings = { revision: randomUUID() };
  const [stored] = await store.schemaOverlays.list(place);
  if (stored === undefined) await store.schemaOverlays.add({ ...place, settings }, by);
  else await store.schemaOverlays.update(stored.id, { settings }, by);
}

type Names = ReadonlyMap<number, string>;

// Names of other services matter only to those that refer to them.
function fingerprintOf(rows: readonly SchemaOverlayRecord[], names: Names): string {
  const facts = rows.map(({ tableName, part, name, settings }) => [tableName, part, name, settings]);
  const others = rows.flatMap(({ settings }) =>
    [settings.ref_service_id, settings.junction_service_id].filter((id) => typeof id === 'number'),
  );
  return JSON.stringify([facts, others.map((id) => names.get(id) ?? null)]);
}

function overlayOf(rows: readonly SchemaOverlayRecord[], names: Names): ServiceOverlay {
  const tables = new Map<string, TableOverlay>();
  let revision = '';
  for (const [tableName, own] of Map.groupBy(rows, (row) => row.tableName)) {
    const of = (part: SchemaOverlayRecord['part']) => own.filter((row) => row.part === part);
    revision = String(of('revision')[0]?.settings.revision ?? revision);
    if (tableName === '') continue;
    tables.set(tableName, {
      table: (of('table')[0]?.settings ?? {}) as TableSaid,
      fields: new Map(of('field').map((row) => [row.name, row.settings as FieldSaid])),
      relations: new Map(of('relation').map((row) => [row.name, row.settings as RelationSaid])),
    });
  }
  return { revision, tables, serviceName: (id) => names.get(id) ?? null };
}
