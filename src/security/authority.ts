// Roles, apps and lookups as they are in force: whoever comes with an API key gets from here what he may do.
// Invariant: everything is taken over at once, and principals made before are recognisable by the generation.
import { LRUCache } from 'lru-cache';
import { limits } from '../core/limits.ts';
import type { Observe } from '../core/observe.ts';
import {
  type AppView,
  anonymous,
  itself,
  type LookupValues,
  noLookups,
  type Principal,
} from '../core/operation.ts';
import { Role } from '../core/role.ts';
import type {
  AppRecord,
  LookupRecord,
  RoleAccessRecord,
  RoleRecord,
  ServiceRecord,
  Store,
} from '../core/store.ts';
import { lookupPlace } from './sealed-places.ts';
import type { Secrets } from './secrets.ts';
import type { KnownUser } from './users.ts';

/** What authority is made with. */
export interface AuthorityParts {
  readonly store: Pick<Store, 'services' | 'roles' | 'roleAccess' | 'apps' | 'lookups'>;
  readonly secrets: Pick<Secrets, 'open'>;
  readonly observe: Observe;
  /** What anybody may know of this server, as lookups: `df.version`. */
  readonly facts?: (services: readonly ServiceRecord[]) => Readonly<Record<string, string>>;
}

/** What somebody gets beside being somebody. */
export interface Rights {
  readonly role: Role | null;
  readonly app: AppView | null;
  readonly lookups: LookupValues;
}

/** No rights at all. */
export const noRights: Rights = { role: null, app: null, lookups: noLookups };

interface App extends AppView {
  readonly roleId: number | null;
  /** Whoever comes with the key alone. */
  readonly principal: Principal;
}

/** The roles, apps and lookups of this process. */
export class Authority {
  readonly #parts: AuthorityParts;
  #roles = new Map<number, Role>();
  #apps = new Map<string, App>();
  #lookups = new Map<string, OwnedLookups>();
  #facts: Readonly<Record<string, string>> | undefined;
  #ofSystem = new Map<string, LookupRecord>();
  #names: readonly string[] = [];
  #nobody: Principal = anonymous;
  #itself: Principal = itself;
  // Keys that are none of ours: callers that come with one are the same object each time, too.
  readonly #strangers = new LRUCache<string, Principal>({ max: limits.sessionCache });
  #fingerprint = '';
  #generation = 0;
  #hasBodyBounds = false;
  #loading: Promise<void> = Promise.resolve();

  constructor(parts: AuthorityParts) {
    this.#parts = parts;
  }

  /** Grows with every change: rights given out before are no longer good. */
  get generation(): number {
    return this.#generation;
  }

  /** Whether a role bounds the bodies of its callers' requests. */
  get hasBodyBounds(): boolean {
    return this.#hasBodyBounds;
  }

  /** Names of all lookups, whoever they belong to; the same list as long as they stay the same. */
  lookupNames(): readonly string[] {
    return this.#names;
  }

  /** The system itself, with the lookups that everybody has. */
  get itself(): Principal {
    return this.#itself;
  }

  /** Lookups of the system by name, private ones included: for the configurations of services alone. */
  readonly forServices = {
    value: (name: string): string | undefined => {
      const record = this.#ofSystem.get(name);
      if (record === undefined) return this.#fact(name);
      return record.isPrivate ? this.#opened(record) : record.value;
    },
    /** Another text when the value may be another one. */
    mark: (name: string): string => {
      const record = this.#ofSystem.get(name);
      if (record === undefined) return this.#fact(name) ?? '';
      return `${record.isPrivate ? 'private' : 'open'} ${record.value}`;
    },
  };

  /** Takes over what is stored. One after the other, so that what was read earlier never counts later. */
  load(): Promise<void> {
    const next = () => this.#read();
    this.#loading = this.#loading.then(next, next);
    return this.#loading;
  }

  async #read(): Promise<void> {
    const { store } = this.#parts;
    const [services, roles, access, apps, lookups] = await Promise.all([
      store.services.list(),
      store.roles.list(),
      store.roleAccess.list(),
      store.apps.list(),
      store.lookups.list(),
    ]);
    const names = services.map(({ id, name }) => ({ id, name }));
    const facts = this.#parts.facts?.(services);
    const fingerprint = JSON.stringify([names, roles, access, apps, lookups, facts]);
    if (fingerprint === this.#fingerprint) return;
    this.#fingerprint = fingerprint;
    this.#facts = facts;
    this.#hasBodyBounds = roles.some(({ maxBodyBytes }) => maxBodyBytes !== null);
    this.#roles = new Map(roles.map((role) => [role.id, roleOf(role, access, services)]));
    this.#lookups = this.#valuesOf(lookups);
    const found = [...new Set(lookups.map(({ name }) => name))].sort();
    if (found.join() !== this.#names.join()) this.#names = found;
    this.#ofSystem = new Map(lookups.filter(isOfSystem).map((record) => [record.name, record]));
    const common = this.#lookupsOf({ app: undefined, role: null });
    this.#nobody = { ...anonymous, lookups: common };
    this.#itself = { ...itself, lookups: common };
    this.#strangers.clear();
    this.#apps = new Map(apps.map((app) => [app.apiKey, this.#appOf(app)]));
    this.#generation++;
  }

  /** Who comes with an API key alone, or with nothing. The same object as long as nothing changed. */
  withoutSession(apiKey: string | null): Principal {
    if (apiKey === null) return this.#nobody;
    return this.#apps.get(apiKey)?.principal ?? this.#stranger(apiKey);
  }

  /** What a user may do with an API key, or without (spec §5.2): administrators need no role. */
  rightsOf({ record, roles }: KnownUser, apiKey: string | null): Rights {
    const app = apiKey === null ? undefined : this.#apps.get(apiKey);
    const own = app && roles.find(({ appId }) => appId === app.id)?.roleId;
    const role = record.isSysAdmin ? null : this.#role(own ?? app?.roleId);
    const lookups = this.#lookupsOf({ app, role, userId: record.id });
    return { role, app: app === undefined ? null : viewOf(app), lookups };
  }

  /**
   * Somebody with another role, and never more than that; undefined when the role is gone or switched off.
   * Good as long as the generation stays the same.
   */
  withRole({ failure: _failure, ...principal }: Principal, roleId: number): Principal | undefined {
    const role = this.#role(roleId);
    if (role?.isActive !== true) return undefined;
    const { app, user } = principal;
    const owner = { app: app ?? undefined, role, ...(user === undefined ? {} : { userId: user.id }) };
    return { ...principal, isAdmin: false, role, lookups: this.#lookupsOf(owner) };
  }

  /** The key of an app; undefined when it is gone or switched off. */
  keyOfApp(appId: number): string | undefined {
    for (const [key, app] of this.#apps) if (app.id === appId) return app.isActive ? key : undefined;
    return undefined;
  }

  #stranger(apiKey: string): Principal {
    let principal = this.#strangers.get(apiKey);
    if (principal === undefined) {
      principal = { ...this.#nobody, apiKey };
      if (apiKey.length <= limits.apiKeyChars) this.#strangers.set(apiKey, principal);
    }
    return principal;
  }

  #appOf(record: AppRecord): App {
    const { id, name, isActive, roleId, apiKey } = record;
    const role = this.#role(roleId);
    const lookups = this.#lookupsOf({ app: record, role });
    const view = { id, name, isActive };
    const principal: Principal = { ...anonymous, kind: 'app', apiKey, role, app: view, lookups };
    return { ...view, roleId, principal };
  }

  #role(id: number | null | undefined): Role | null {
    return id === null || id === undefined ? null : (this.#roles.get(id) ?? null);
  }

  // The more somebody's own a lookup is, the more it counts: system, app, role, user.
  #lookupsOf(of: { app: { id: number } | undefined; role: Role | null; userId?: number }): LookupValues {
    const owners = ['system'];
    if (of.app !== undefined) owners.push(`app:${of.app.id}`);
    if (of.role !== null) owners.push(`role:${of.role.id}`);
    if (of.userId !== undefined) owners.push(`user:${of.userId}`);
    const found = owners.flatMap((owner) => this.#lookups.get(owner) ?? []);
    const { open, secret } = found.reduce(overlaid, emptyLookups());
    return this.#facts === undefined ? { open, secret } : { open, secret, facts: this.#facts };
  }

  #valuesOf(records: readonly LookupRecord[]): Map<string, OwnedLookups> {
    const values = new Map<string, OwnedLookups>();
    for (const record of records) {
      const { owner, name, isPrivate, isScriptVisible } = record;
      const own = values.get(owner) ?? emptyLookups();
      values.set(owner, own);
      const value = !isPrivate ? record.value : isScriptVisible ? this.#opened(record) : undefined;
      if (value === undefined) own.hidden.add(name);
      else own[isPrivate ? 'secret' : 'open'][name] = value;
    }
    return values;
  }

  #fact(name: string): string | undefined {
    return this.#facts !== undefined && Object.hasOwn(this.#facts, name) ? this.#facts[name] : undefined;
  }

  // A value that can no longer be read is not there; whoever runs the server is told.
  #opened({ owner, name, value }: LookupRecord): string | undefined {
    try {
      return this.#parts.secrets.open(value, lookupPlace(owner, name));
    } catch {
      const reason = `the value of the private lookup '${name}' (${owner}) cannot be opened; enter it again`;
      this.#parts.observe({ kind: 'service.failed', service: 'system', reason });
      return undefined;
    }
  }
}

function viewOf({ id, name, isActive }: AppView): AppView {
  return { id, name, isActive };
}

function roleOf(
  record: RoleRecord,
  access: readonly RoleAccessRecord[],
  services: readonly ServiceRecord[],
): Role {
  const grants = access.flatMap((row) => {
    if (row.roleId !== record.id) return [];
    const service = services.find(({ id }) => id === row.serviceId)?.name.toLowerCase() ?? null;
    // A row whose service is gone must not become one that speaks of all services.
    if (service === null && row.serviceId !== null) return [];
    return [{ ...row, component: row.component ?? '', service }];
  });
  return new Role({ ...record, grants });
}

/** Lookups of one owner. */
interface OwnedLookups {
  readonly open: Record<string, string>;
  readonly secret: Record<string, string>;
  /** Names whose value nobody may see: they stand before those of others all the same. */
  readonly hidden: Set<string>;
}

function emptyLookups(): OwnedLookups {
  return { open: Object.create(null), secret: Object.create(null), hidden: new Set() };
}

function isOfSystem({ owner }: LookupRecord): boolean {
  return owner === 'system';
}

// A name is open, secret or hidden: the one nearer to the caller decides.
function overlaid(below: OwnedLookups, above: OwnedLookups): OwnedLookups {
  const open = { ...below.open, ...above.open };
  const secret = { ...below.secret, ...above.secret };
  for (const name of [...Object.keys(above.open), ...above.hidden]) delete secret[name];
  for (const name of [...Object.keys(above.secret), ...above.hidden]) delete open[name];
  return { open, secret, hidden: new Set([...below.hidden, ...above.hidden]) };
}
