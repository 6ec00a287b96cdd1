// Logging in at an OpenID Connect provider: the code flow with PKCE, state and nonce, by openid-client.
// Invariant: nothing is believed that the provider's own key did not sign for this client and this login;
// nothing of tokens, codes or secrets is in a message.
import type { Configuration } from 'openid-client';
import { type ErrorCode, PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { ForeignIdentity, IdentityProvider, IdentityRules, LoginTicket } from '../../core/service.ts';
import { belongsTogether, type Claims, identityOf, isSilent, merged } from './claims.ts';
import { providerFault } from './fault.ts';
import type { ProviderFetch } from './outgoing.ts';
import type { OidcSettings } from './settings.ts';

type Client = typeof import('openid-client');

/** What a provider is made with. */
export interface OidcProviderParts {
  readonly serviceId: number;
  /** Name of the service, for messages. */
  readonly service: string;
  readonly label: string;
  readonly settings: OidcSettings;
  readonly fetch: ProviderFetch;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

interface Known {
  readonly client: Client;
  readonly configuration: Configuration;
  readonly at: number;
}

/** An OpenID Connect provider. */
export class OidcProvider implements IdentityProvider {
  readonly serviceId: number;
  readonly label: string;
  readonly iconClass: string | null;
  readonly rules: IdentityRules;
  readonly #service: string;
  readonly #settings: OidcSettings;
  readonly #fetch: ProviderFetch;
  readonly #now: () => number;
  #known: Known | undefined;
  #asking: Promise<Known> | undefined;
  #failure: { readonly error: unknown; readonly at: number } | undefined;

  constructor({ serviceId, service, label, settings, fetch, now = Date.now }: OidcProviderParts) {
    this.serviceId = serviceId;
    this.label = label;
    this.iconClass = settings.iconClass;
    this.rules = settings.rules;
    this.#service = service;
    this.#settings = settings;
    this.#fetch = fetch;
    this.#now = now;
  }

  async begin(): Promise<{ readonly url: string; readonly ticket: LoginTicket }> {
    return this.#explained('service.unavailable', async () => {
      const { client, configuration } = await this.#discovered();
      const { redirectUrl, scopes } = this.#settings;
      const ticket = {
        state: client.randomState(),
        nonce: client.randomNonce(),
        verifier: client.randomPKCECodeVerifier(),
      };
      const url = client.buildAuthorizationUrl(configuration, {
        redirect_uri: redirectUrl,
        scope: scopes,
        state: ticket.state,
        nonce: ticket.nonce,
        code_challenge: await client.calculatePKCECodeChallenge(ticket.verifier),
        code_challenge_method: 'S256',
      });
      return { url: url.href, ticket };
    });
  }

  async finish(ticket: LoginTicket, answer: Readonly<Record<string, string>>): Promise<ForeignIdentity> {
    return this.#explained('access.bad_credentials', async () => {
      const { client, configuration } = await this.#discovered();
      const back = new URL(this.#settings.redirectUrl);
      for (const [name, value] of Object.entries(answer)) back.searchParams.set(name, value);
      const tokens = await client.authorizationCodeGrant(configuration, back, {
        expectedState: ticket.state,
        expectedNonce: ticket.nonce,
        pkceCodeVerifier: ticket.verifier,
        idTokenExpected: true,
      });
      const claims: Claims = tokens.claims() ?? {};
      const { access_token: accessToken, id_token: idToken = '' } = tokens;
      if (!belongsTogether(idToken, claims, accessToken)) throw unbelievable(this.#service, 'at_hash');
      const identity = identityOf(await this.#completed(claims, accessToken), this.#settings);
      if (identity === undefined) throw unbelievable(this.#service, 'sub');
      return this.#settings.returnsAccessToken ? { ...identity, accessToken } : identity;
    });
  }

  /** Throws `service.unavailable` when the provider cannot be asked, or is not what it should be. */
  async test(): Promise<void> {
    await this.begin();
  }

  /** Forgets what the provider said of itself. */
  refresh(): void {
    this.#known = undefined;
    this.#failure = undefined;
  }

  // The library compares the subject of both, so that the claims are those of one person.
  async #completed(claims: Claims, accessToken: string): Promise<Claims> {
    const { client, configuration } = await this.#discovered();
    const isOffered = configuration.serverMetadata().userinfo_endpoint !== undefined;
    if (!isOffered || !isSilent(claims, this.#settings)) return claims;
    const more = await client.fetchUserInfo(configuration, accessToken, String(claims.sub));
    return merged(claims, more);
  }

  // Known for an hour, and longer while the provider is away. Who asks at the same time shares one call, and
  // a provider that is down is not asked again by everybody who tries to log in.
  async #discovered(): Promise<Known> {
    const now = this.#now();
    if (this.#known !== undefined && now - this.#known.at < limits.identityDiscoveryMs) return this.#known;
    if (this.#failure !== undefined && now - this.#failure.at < limits.identityRetryMs) {
      if (this.#known !== undefined) return this.#known;
      throw this.#failure.error;
    }
    this.#asking ??= this.#explained('service.unavailable', () => this.#discover()).finally(() => {
      this.#asking = undefined;
    });
    try {
      return await this.#asking;
    } catch (error) {
      this.#failure = { error, at: now };
      if (this.#known !== undefined) return this.#known;
      throw error;
    }
  }

  async #discover(): Promise<Known> {
    // Loaded with the first login: a server that nobody logs in to so starts quicker without.
    const client = await import('openid-client');
    const { issuer, discoveryUrl, clientId } = this.#settings;
    const isPlain = discoveryUrl.protocol === 'http:';
    const execute = [client.enableNonRepudiationChecks, ...(isPlain ? [client.allowInsecureRequests] : [])];
    const configuration = await client.discovery(discoveryUrl, clientId, {}, this.#proof(client), {
      [client.customFetch]: this.#fetch,
      timeout: limits.identityCallMs / 1_000,
      execute,
    });
    const { issuer: said } = configuration.serverMetadata();
    // Only the document that its issuer stands for may speak for it.
    if (said !== issuer && said !== `${issuer}/`)
      throw unbelievable(this.#service, 'issuer', 'service.unavailable');
    this.#failure = undefined;
    this.#known = { client, configuration, at: this.#now() };
    return this.#known;
  }

  #proof({ ClientSecretBasic, ClientSecretPost, None }: Client) {
    const { proof, clientSecret } = this.#settings;
    if (proof === 'none') return None();
    return proof === 'client_secret_post' ? ClientSecretPost(clientSecret) : ClientSecretBasic(clientSecret);
  }

  async #explained<T>(usual: ErrorCode, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      throw providerFault(this.#service, thrown, usual);
    }
  }
}

function unbelievable(
  service: string,
  part: string,
  kind: ErrorCode = 'access.bad_credentials',
): PlatformError {
  const message = `The identity provider of service '${service}' does not say what it should (${part}).`;
  return new PlatformError(kind, message);
}
