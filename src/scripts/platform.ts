// What scripts find under `platform`: the session of the caller and the configuration that is fit to be seen.
// Invariant: nothing here opens a door; the session token of a run is no credential of the caller.
import { randomBytes } from 'node:crypto';
import type { Principal, UserView } from '../core/operation.ts';

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

/** The JSON of `platform.session`, written once per principal. */
export class SessionTexts {
  readonly #texts = new WeakMap<Principal, string>();

  of(principal: Principal): string {
    let text = this.#texts.get(principal);
    if (text === undefined) {
      text = JSON.stringify(session(principal));
      this.#texts.set(principal, text);
    }
    return text;
  }
}

// Lists where DreamFactory has empty PHP arrays, and the order of its keys: scripts dump and compare
// sessions.
function session(principal: Principal): Record<string, unknown> {
  const { user, roleId } = principal;
  return {
    api_key: principal.apiKey,
    session_token: user === undefined ? null : runToken(),
    ...(user === undefined ? {} : { user: userJson(user) }),
    app: { id: principal.appId },
    ...(roleId === null ? {} : { role: { id: roleId } }),
    lookup: [],
    lookup_secret: [],
    ...(roleId === null ? { has_role: false } : {}),
  };
}

// Scripts pass it on as a header to `platform.api`, which needs none; no door accepts it.
function runToken(): string {
  return `run.${randomBytes(32).toString('base64url')}`;
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
