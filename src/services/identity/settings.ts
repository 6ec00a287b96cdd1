// The settings of an OpenID Connect service: what can be said, and what is refused when it is stored.
// Invariant: browsers are only ever sent to the provider, and from there only back to `redirect_url`.
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { IdentityRules } from '../../core/service.ts';

/** How the server proves to the provider that it is the client. */
export type ClientProof = 'client_secret_basic' | 'client_secret_post' | 'none';

/** All of them, the usual one first. */
export const proofs: readonly ClientProof[] = ['client_secret_basic', 'client_secret_post', 'none'];

/** A configuration as it was read. */
export interface OidcSettings {
  /** The provider's own name, with or without a slash at its end. */
  readonly issuer: string;
  readonly discoveryUrl: URL;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly proof: ClientProof;
  readonly redirectUrl: string;
  readonly scopes: string;
  /** Whether its addresses count as verified where the provider does not say that they are not. */
  readonly trustsEmail: boolean;
  /** Claim that names the groups of people; undefined: roles do not come from there. */
  readonly roleClaim: string | undefined;
  readonly roleMap: ReadonlyMap<string, number>;
  readonly returnsAccessToken: boolean;
  readonly iconClass: string | null;
  readonly rules: IdentityRules;
}

type Config = Readonly<Record<string, unknown>>;

/** Reads a configuration; refuses with `service.invalid_config` what cannot be used. */
export function readSettings(config: Config): OidcSettings {
  const { issuer, discoveryUrl } = readProvider(textOf(config, 'discovery_document_endpoint'));
  const proof = proofs.find((known) => known === config.token_endpoint_auth_method) ?? 'client_secret_basic';
  const clientSecret = textOf(config, 'client_secret');
  if (proof !== 'none' && clientSecret === '') {
    throw invalid('client_secret', `is missing; only a client that authenticates by 'none' has none`);
  }
  const roleClaim = textOf(config, 'role_claim');
  const iconClass = textOf(config, 'icon_class');
  return {
    ...{ issuer, discoveryUrl, proof, clientSecret, clientId: textOf(config, 'client_id') },
    redirectUrl: readRedirectUrl(textOf(config, 'redirect_url')),
    scopes: readScopes(textOf(config, 'scopes')),
    trustsEmail: config.trust_email === true,
    roleClaim: roleClaim === '' ? undefined : roleClaim,
    roleMap: readRoleMap(config.role_map),
    returnsAccessToken: config.return_access_token === true,
    iconClass: iconClass === '' ? null : iconClass,
    rules: {
      allowsNewUsers: config.allow_new_users !== false,
      linksByEmail: config.link_by_verified_email !== false,
      domains: readDomains(textOf(config, 'allowed_domains')),
      defaultRoleId: typeof config.default_role === 'number' ? config.default_role : null,
      requiresSecondFactor: config.require_second_factor === true,
    },
  };
}

const wellKnown = '/.well-known/openid-configuration';

// Always the document at the place that belongs to the issuer: what it says of itself is compared with it.
function readProvider(given: string): { issuer: string; discoveryUrl: URL } {
  const url = readUrl('discovery_document_endpoint', given);
  if (!url.pathname.endsWith(wellKnown)) url.pathname = url.pathname.replace(/\/$/, '') + wellKnown;
  return { issuer: url.href.slice(0, -wellKnown.length), discoveryUrl: url };
}

function readRedirectUrl(given: string): string {
  return readUrl('redirect_url', given).href;
}

// Without a query, which would not come back as it was, and without names and passwords.
function readUrl(name: string, given: string): URL {
  const url = given.length > limits.uriBytes ? null : URL.parse(given);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw invalid(name, 'must be a URL that begins with https:// (or http:// for trials)');
  }
  if (url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '') {
    throw invalid(name, 'must be a URL without query, fragment, user name and password');
  }
  return url;
}

function readScopes(given: string): string {
  const scopes = given.split(/[\s,]+/).filter((scope) => scope !== '');
  if (!scopes.includes('openid')) throw invalid('scopes', "must contain 'openid'");
  return scopes.join(' ');
}

function readDomains(given: string): readonly string[] {
  const domains = given.toLowerCase().split(/[\s,]+/);
  const wrong = domains.find((domain) => !/^([a-z0-9-]+(\.[a-z0-9-]+)*)?$/.test(domain));
  if (wrong !== undefined) throw invalid('allowed_domains', 'must be names such as example.com, with commas');
  return domains.filter((domain) => domain !== '');
}

function readRoleMap(given: unknown): ReadonlyMap<string, number> {
  if (given === null || given === undefined || (Array.isArray(given) && given.length === 0)) return new Map();
  const entries = Array.isArray(given) ? [] : Object.entries(given);
  const isFine = entries.length > 0 && entries.every(([, role]) => Number.isSafeInteger(role));
  if (!isFine) throw invalid('role_map', 'must be an object of role ids by group, e.g. {"editors": 3}');
  return new Map(entries);
}

function textOf(config: Config, name: string): string {
  const value = config[name];
  return typeof value === 'string' ? value.trim() : '';
}

function invalid(name: string, problem: string): PlatformError {
  return new PlatformError('service.invalid_config', `Field 'config.${name}' ${problem}.`);
}
