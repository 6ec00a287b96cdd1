// A service that logs people in at an OpenID Connect provider. What it offers beside is a word about itself.
import { Body } from '../../core/body.ts';
import { PlatformError } from '../../core/errors.ts';
import { eventName } from '../../core/event.ts';
import { type Action, actions, type Operation, type Result } from '../../core/operation.ts';
import type { Endpoint, IdentityProvider, Location, Service, ServiceSettings } from '../../core/service.ts';
import type { IdentityHouse } from './index.ts';
import { ProviderCalls } from './outgoing.ts';
import { OidcProvider } from './provider.ts';
import { type OidcSettings, readSettings } from './settings.ts';

/** One configured provider. */
export class OidcService implements Service {
  readonly name: string;
  readonly type = 'oidc';
  readonly identity: IdentityProvider;
  readonly #provider: OidcProvider;
  readonly #settings: OidcSettings;
  readonly #calls: ProviderCalls;
  readonly #locations: ReadonlyMap<Action, Location>;

  constructor({ id, name, label, config }: ServiceSettings, { egressAllow, observe }: IdentityHouse) {
    const settings = readSettings(config);
    this.name = name;
    this.#settings = settings;
    this.#calls = new ProviderCalls({
      service: name,
      provider: settings.discoveryUrl,
      allow: egressAllow,
      observe,
    });
    const { fetch } = this.#calls;
    this.#provider = new OidcProvider({ serviceId: id, service: name, label, settings, fetch });
    this.identity = this.#provider;
    this.#locations = new Map(
      actions.map((action) => {
        const events = [{ name: eventName(name, [], action), drop: 0 }];
        return [action, { component: '', events, isRestrictable: true }];
      }),
    );
  }

  locate(path: readonly string[], action: Action): Location | undefined {
    return path.length === 0 ? this.#locations.get(action) : undefined;
  }

  handle({ action }: Operation): Result {
    if (action !== 'GET') {
      throw new PlatformError(
        'request.unsupported_verb',
        `The service '${this.name}' can only be read. Log in with GET user/session?service=${this.name}.`,
      );
    }
    const { issuer, redirectUrl, scopes } = this.#settings;
    const { label, rules } = this.#provider;
    const value = {
      ...{ name: this.name, label, type: this.type, path: `user/session?service=${this.name}` },
      ...{ issuer, redirect_url: redirectUrl, scopes, allow_new_users: rules.allowsNewUsers },
    };
    return { status: 200, headers: {}, body: Body.ofValue(value) };
  }

  describe(): readonly Endpoint[] {
    return endpoints;
  }

  test(): Promise<void> {
    return this.#provider.test();
  }

  refresh(): void {
    this.#provider.refresh();
  }

  close(): Promise<void> {
    return this.#calls.close();
  }
}

const endpoints: readonly Endpoint[] = [
  { pattern: [], actions: ['GET'], summary: 'the provider, and where to log in' },
];
