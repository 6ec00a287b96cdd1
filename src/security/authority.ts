// Roles, apps and lookups as they are in force: whoever comes with an API key gets from here what he may do.
// Invariant: everything is taken over at once, and principals made before are recognisable by the generation.
import { LRUCache } from 'lru-cache';
import { limits } from '../core/limits.ts';
import type { Observe } from '../core/observe.ts';
import { type AppView, anonymous, type LookupValues, noLookups, type Principal } from '../core/operation.ts';
import { Role } from '../core/role.ts';
import type {
  AppRecord,
  LookupRecord,
  RoleAccessRecord,
  RoleRecord,
  ServiceRecord,
  Store,
} from '../core/store.ts';
import { lookupPlace } from './lookup-place.ts';
import type { Secrets } from './secrets.ts';
import type { KnownUser } from './users.ts';

/** What authority is made with. */
export interface AuthorityParts {
  readonly store: Pick<Store, 'services' | 'roles' | 'roleAccess' | 'apps' | 'lookups'>;
  readonly secrets: Pick<Secrets, 'open'>;
  readonly observe: Observe;
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
  #lookups = new Map<string, LookupValues>();
  #names: readonly string[] = [];
  #nobody: Principal = anonymous;
  // Keys that are none of ours: callers that come with one are the same object each time, too.
  readonly #strangers = new LRUCache<string, Principal>({ max: limits.sessionCache });
  #fingerprint = '';
  #generation = 0;
  #loading: Promise<void> = Promise.resolve();

  constructor(parts: AuthorityParts) {
    this.#parts = parts;
  }

  /** Grows with every change: rights given out before are no longer good. */
  get generation(): number {
    return this.#generation;
  }

  /** Names of all lookups, whoever they belong to; the same list as long as they stay the same. */
  lookupNames(): readonly string[] {
    return this.#names;
  }

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
    const fingerprint = JSON.stringify([names, roles, access, apps, lookups]);
    if (fingerprint === this.#fingerprint) return;
    this.#fingerprint = fingerprint;
    this.#roles = new Map(roles.map((role) => [role.id, roleOf(role, access, services)]));
    this.#lookups = this.#valuesOf(lookups);
    const found = [...new Set(lookups.map(({ name }) => name))].sort();
    if (found.join() !== this.#names.join()) this.#names = found;
    this.#nobody = { ...anonymous, lookups: this.#lookups.get('system') ?? noLookups };
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
    const [only = noLookups] = found;
    return found.length < 2 ? only : found.reduce(overlaid);
  }

  #valuesOf(records: readonly LookupRecord[]): Map<string, LookupValues> {
    const values = new Map<string, { open: Record<string, string>; secret: Record<string, string> }>();
    for (const record of records) {
      const { owner, name, isPrivate, isScriptVisible } = record;
      if (isPrivate && !isScriptVisible) continue;
      const own = values.get(owner) ?? { open: Object.create(null), secret: Object.create(null) };
      const value = isPrivate ? this.#opened(record) : record.value;
      if (value !== undefined) own[isPrivate ? 'secret' : 'open'][name] = value;
      values.set(owner, own);
    }
    return values;
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

function overlaid(below: LookupValues, above: LookupValues): LookupValues {
  const open = { ...below.open, ...above.open };
  const secret = { ...below.secret, ...above.secret };
  // A name is either open or secret: the one nearer to the caller decides.
  for (const name of Object.keys(above.open)) delete secret[name];
  for (const name of Object.keys(above.secret)) delete open[name];
  return { open, secret };
}
