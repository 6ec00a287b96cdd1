// What a provider says of itself, asked for when somebody logs in and kept for an hour.
// Invariants: only the document at the own place of an issuer speaks for it; a provider that is down is not
// asked by everybody who tries, and what was known of it is used until it is back.
import type { Configuration } from 'openid-client';
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { explained } from './fault.ts';
import type { ProviderFetch } from './outgoing.ts';
import type { OidcSettings } from './settings.ts';

type Client = typeof import('openid-client');

/** The library, and the provider as it knows it. */
export interface Discovered {
  readonly client: Client;
  readonly configuration: Configuration;
}

/** What a provider is asked with. */
export interface DiscoveryParts {
  /** Name of the service, for messages. */
  readonly service: string;
  readonly settings: OidcSettings;
  readonly fetch: ProviderFetch;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** Asks a provider what it is. */
export class Discovery {
  readonly #service: string;
  readonly #settings: OidcSettings;
  readonly #fetch: ProviderFetch;
  readonly #now: () => number;
  #known: { readonly found: Discovered; readonly at: number } | undefined;
  #asking: Promise<Discovered> | undefined;
  #failure: { readonly error: unknown; readonly at: number } | undefined;

  constructor({ service, settings, fetch, now = Date.now }: DiscoveryParts) {
    this.#service = service;
    this.#settings = settings;
    this.#fetch = fetch;
    this.#now = now;
  }

  /** Throws `service.unavailable`. Who asks at the same time shares one call. */
  async get(): Promise<Discovered> {
    const now = this.#now();
    const isFresh = this.#known !== undefined && now - this.#known.at < limits.identityDiscoveryMs;
    const isDown = this.#failure !== undefined && now - this.#failure.at < limits.identityRetryMs;
    if (this.#known !== undefined && (isFresh || isDown)) return this.#known.found;
    if (this.#failure !== undefined && isDown) throw this.#failure.error;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    try {
      return await this.#asking;
    } catch (error) {
      this.#failure = { error, at: now };
      if (this.#known !== undefined) return this.#known.found;
      throw error;
    }
  }

  /** Forgets what the provider said. */
  forget(): void {
    this.#known = undefined;
    this.#failure = undefined;
  }

  async #ask(): Promise<Discovered> {
    // Loaded with the first login: a server that nobody logs in to so starts quicker without.
    const client = await import('openid-client');
    const work = { service: this.#service, usual: 'service.unavailable' } as const;
    const configuration = await explained(work, () => this.#configuration(client));
    const found = { client, configuration };
    this.#failure = undefined;
    this.#known = { found, at: this.#now() };
    return found;
  }

  async #configuration(client: Client): Promise<Configuration> {
    const { issuer, discoveryUrl, clientId } = this.#settings;
    const isPlain = discoveryUrl.protocol === 'http:';
    const execute = [client.enableNonRepudiationChecks, ...(isPlain ? [client.allowInsecureRequests] : [])];
    const configuration = await client.discovery(discoveryUrl, clientId, {}, this.#proof(client), {
      [client.customFetch]: this.#fetch,
      timeout: limits.identityCallMs / 1_000,
      execute,
    });
    const { issuer: said } = configuration.serverMetadata();
    if (said === issuer || said === `${issuer}/`) return configuration;
    throw new PlatformError(
      'service.unavailable',
      `The identity provider of service '${this.#service}' has another issuer than its configuration says.`,
    );
  }

  #proof({ ClientSecretBasic, ClientSecretPost, None }: Client) {
    const { proof, clientSecret } = this.#settings;
    if (proof === 'none') return None();
    return proof === 'client_secret_post' ? ClientSecretPost(clientSecret) : ClientSecretBasic(clientSecret);
  }
}
