// What scripts find under `platform`: the session of the caller and the configuration that is fit to be seen.
// Invariant: nothing here outlives a run for long; the session token in it is not the caller's own.
import type { Principal, UserView } from '../core/operation.ts';
import type { Role } from '../core/role.ts';
import { RunTokens } from '../security/run-tokens.ts';

/** Parts of the server's configuration that scripts may see. */
export interface PlatformFacts {
  readonly version: string;
  /** Largest number of records of one page. */
  readonly maxRecords: number;
  /** Folder that scripts may use, where there is one. */
  readonly storagePath?: string;
}

/** `platform.config`: an allow-list under the names that scripts know, at the root and under `df`. */
export function platformConfig({ version, maxRecords, storagePath }: PlatformFacts): Record<string, unknown> {
  const df = {
    version,
    api_version: '2.0',
    api_route_prefix: 'api',
    status_route_prefix: 'status',
    always_wrap_resources: true,
    resources_wrapper: 'resource',
    default_response_type: 'json',
    xml_root: 'dfapi',
    login_attribute: 'email',
    db: { max_records_returned: maxRecords },
    ...(storagePath === undefined ? {} : { storage_path: storagePath }),
  };
  return { ...df, df };
}

/** The JSON of `platform.session`, written once per principal; again when the token in it grows old. */
export class SessionTexts {
  readonly #texts = new WeakMap<Principal, { text: string; renewAt: number }>();
  readonly #tokens: Pick<RunTokens, 'issue'>;

  constructor(tokens: Pick<RunTokens, 'issue'> = new RunTokens()) {
    this.#tokens = tokens;
  }

  of(principal: Principal): string {
    let known = this.#texts.get(principal);
    if (known === undefined || (known.renewAt !== Infinity && known.renewAt <= Date.now())) {
      const issued = this.#tokens.issue(principal);
      const text = JSON.stringify(session(principal, issued?.token ?? null));
      known = { text, renewAt: issued?.renewAt ?? Infinity };
      this.#texts.set(principal, known);
    }
    return known.text;
  }
}

// Lists where DreamFactory has empty PHP arrays, and the order of its keys: scripts dump and compare
// sessions.
function session(principal: Principal, token: string | null): Record<string, unknown> {
  const { user, role, app, lookups } = principal;
  return {
    api_key: principal.apiKey,
    session_token: token,
    ...(user === undefined ? {} : { user: userJson(user) }),
    app: { id: app?.id ?? null },
    ...(role === null ? {} : { role: roleJson(role) }),
    lookup: mapJson(lookups.open),
    lookup_secret: mapJson(lookups.secret),
    ...(role === null ? { has_role: false } : {}),
  };
}

function mapJson(map: Readonly<Record<string, string>>): unknown {
  return Object.keys(map).length === 0 ? [] : map;
}

function roleJson({ id, name, grants }: Role): Record<string, unknown> {
  const services = grants.map((grant) => ({
    id: grant.id,
    role_id: id,
    service_id: grant.serviceId,
    component: grant.component,
    verb_mask: grant.verbMask,
    requestor_mask: grant.requestorMask,
    filters: grant.filters,
    filter_op: grant.filterOp,
    created_date: grant.createdDate,
    last_modified_date: grant.lastModifiedDate,
    created_by_id: grant.createdById,
    last_modified_by_id: grant.lastModifiedById,
    service: grant.service,
  }));
  return { id, name, services };
}

function userJson(user: UserView): Record<string, unknown> {
  return {
    id: user.id,
    name: user.name,
    username: user.username,
    display_name: user.displayName,
    first_name: user.firstName,
    last_name: user.lastName,
    email: user.email,
    is_sys_admin: user.isAdmin,
    last_login_date: user.lastLogin,
    ldap_username: null,
  };
}
