// The service type of OpenID Connect: logging in at a provider of identities.
import type { Observe } from '../../core/observe.ts';
import type { ServiceType } from '../../core/service.ts';
import { oidcFields } from './fields.ts';
import { OidcService } from './service.ts';
import { readSettings } from './settings.ts';

/** What providers are called with. */
export interface IdentityHouse {
  /** Entries of TENON_EGRESS_ALLOW. */
  readonly egressAllow: readonly string[];
  readonly observe: Observe;
}

/** The types of services that log people in. */
export function identityServiceTypes(house: IdentityHouse): readonly ServiceType[] {
  return [
    {
      name: 'oidc',
      label: 'OpenID Connect',
      description: 'Lets people log in at a provider of identities.',
      group: 'OAuth',
      singleton: false,
      config: oidcFields,
      create: (settings) => new OidcService(settings, house),
      prepare: ({ config }) => {
        // Names of lookups stand for what is known only when the service is made.
        if (Object.values(config).some(namesLookups)) return config;
        const withDefaults = Object.fromEntries(
          oidcFields.map((field) => [field.name, config[field.name] ?? field.default]),
        );
        const { redirectUrl } = readSettings(withDefaults);
        return { ...config, redirect_url: redirectUrl };
      },
      flaw: async ({ config }) => {
        const { discoveryUrl } = readSettings(config);
        if (discoveryUrl.protocol === 'https:') return undefined;
        return 'The provider is called over http: tokens and the client secret travel unencrypted.';
      },
    },
  ];
}

function namesLookups(value: unknown): boolean {
  return typeof value === 'string' && /\{[^{}]+\}/.test(value);
}
