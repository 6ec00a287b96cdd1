// What a client may know before it has logged in (how to log in), what it may start once it has, and for
// administrators what runs here (spec §5.11). Invariant: whoever is not logged in learns nothing of the
// server.
import { arch, hostname, platform, release } from 'node:os';
import { limits } from '../../core/limits.ts';
import type { Operation } from '../../core/operation.ts';
import type { AppRecord, Store } from '../../core/store.ts';
import { launchUrl } from './app.ts';
import { described, objectAnswer } from './describe-resource.ts';
import type { SystemParts } from './parts.ts';
import type { Resource } from './resource.ts';
import { answer } from './resource.ts';

const payload = { email: 'string', password: 'string', remember_me: 'bool' };
const login = (path: string) => ({ path, verb: 'POST', payload });

/** The resource `environment`. */
export function environment(parts: SystemParts): Resource {
  return {
    name: 'environment',
    endpoints: [
      described(
        { pattern: ['environment'], actions: ['GET'], summary: 'how to log in, and where one is' },
        {
          GET: {
            summary: 'Read how to log in, which apps there are, and what runs here',
            responses: objectAnswer('Ways to log in; more for whoever is logged in'),
          },
        },
      ),
    ],
    publicActions: ['GET'],
    handle: async ({ operation }) => {
      const { isAdmin, user } = operation.principal;
      return answer({
        authentication: await authentication(parts),
        apps: user === undefined ? [] : await appsOf(parts.store, operation),
        ...(user === undefined ? {} : { client: clientOf(operation) }),
        ...(isAdmin ? serverFacts(parts) : {}),
      });
    },
  };
}

async function authentication({ store, services, accounts }: SystemParts) {
  const records = await store.services.list();
  const config = records.find(({ name }) => name === 'user')?.config ?? {};
  return {
    admin: login('system/admin/session'),
    user: login('user/session'),
    oauth: providersOf(services),
    adldap: [],
    saml: [],
    allow_open_registration: config.allow_open_registration === true,
    ...(config.open_reg_email_service_id === undefined
      ? {}
      : { open_reg_email_service_id: config.open_reg_email_service_id }),
    allow_forever_sessions: accounts.hasForeverSessions,
    login_attribute: 'email',
  };
}

// Where people can log in with an account that they have elsewhere.
function providersOf(services: SystemParts['services']) {
  return services.list().flatMap(({ name, type, identity }) => {
    if (identity === undefined) return [];
    const { label, iconClass: icon_class } = identity;
    return [{ path: `user/session?service=${name}`, name, label, verb: ['GET', 'POST'], type, icon_class }];
  });
}

// Administrators may start all of them, others those that give them a role.
async function appsOf(store: Store, { principal: { isAdmin, user } }: Operation) {
  const [apps, roles, record] = await Promise.all([
    store.apps.list(),
    user === undefined ? [] : store.userRoles.list({ userId: user.id }),
    user === undefined ? undefined : store.users.get(user.id),
  ]);
  const isMine = ({ id, roleId }: AppRecord) =>
    isAdmin || roleId !== null || roles.some(({ appId }) => appId === id);
  return apps
    .filter((app) => app.isActive && app.type !== 0 && isMine(app))
    .map((app) => ({
      id: app.id,
      name: app.name,
      description: app.description,
      url: launchUrl(app),
      is_default: record?.defaultAppId === app.id,
      allow_fullscreen_toggle: app.allowFullscreenToggle,
      requires_fullscreen: app.requiresFullscreen,
      toggle_location: app.toggleLocation,
    }));
}

function clientOf({ request, remoteAddress }: Operation) {
  const { headers } = request;
  return {
    user_agent: headers['user-agent'] ?? null,
    ip_address: remoteAddress ?? null,
    locale: headers['accept-language'] ?? null,
  };
}

function serverFacts({ facts }: SystemParts) {
  return {
    platform: { name: 'Tenon', version: facts.version, license: 'Apache-2.0', node: process.versions.node },
    server: { host: hostname(), server_os: platform(), release: release(), machine: arch() },
    config: {
      always_wrap_resources: true,
      resources_wrapper: 'resource',
      db: {
        max_records_returned: limits.records,
        time_format: null,
        date_format: null,
        datetime_format: null,
        timestamp_format: null,
      },
    },
  };
}
