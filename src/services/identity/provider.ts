// Logging in at an OpenID Connect provider: the code flow with PKCE, state and nonce, by openid-client.
// Invariant: nothing is believed that the provider's own key did not sign for this client and this login;
// nothing of tokens, codes or secrets is in a message.
import { PlatformError } from '../../core/errors.ts';
import type { ForeignIdentity, IdentityProvider, IdentityRules, LoginTicket } from '../../core/service.ts';
import { belongsTogether, type Claims, identityOf, isSilent, merged } from './claims.ts';
import { type Discovered, Discovery } from './discovery.ts';
import { explained } from './fault.ts';
import type { ProviderFetch } from './outgoing.ts';
import type { OidcSettings } from './settings.ts';

/** What a provider is made with. */
export interface OidcProviderParts {
  readonly serviceId: number;
  /** Name of the service, for messages. */
  readonly service: string;
  readonly label: string;
  readonly settings: OidcSettings;
  readonly fetch: ProviderFetch;
}

/** An OpenID Connect provider. */
export class OidcProvider implements IdentityProvider {
  readonly serviceId: number;
  readonly label: string;
  readonly iconClass: string | null;
  readonly rules: IdentityRules;
  readonly #service: string;
  readonly #settings: OidcSettings;
  readonly #discovery: Discovery;

  constructor({ serviceId, service, label, settings, fetch }: OidcProviderParts) {
    this.serviceId = serviceId;
    this.label = label;
    this.iconClass = settings.iconClass;
    this.rules = settings.rules;
    this.#service = service;
    this.#settings = settings;
    this.#discovery = new Discovery({ service, settings, fetch });
  }

  begin(): Promise<{ readonly url: string; readonly ticket: LoginTicket }> {
    return explained({ service: this.#service, usual: 'service.unavailable' }, async () => {
      const { client, configuration } = await this.#discovery.get();
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

  finish(ticket: LoginTicket, answer: Readonly<Record<string, string>>): Promise<ForeignIdentity> {
    return explained({ service: this.#service, usual: 'access.bad_credentials' }, async () => {
      const discovered = await this.#discovery.get();
      const { client, configuration } = discovered;
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
      // The library leaves this to its callers.
      if (!belongsTogether(idToken, claims, accessToken)) throw this.#unbelievable('at_hash');
      const identity = identityOf(await this.#completed(discovered, claims, accessToken), this.#settings);
      if (identity === undefined) throw this.#unbelievable('sub');
      return this.#settings.returnsAccessToken ? { ...identity, accessToken } : identity;
    });
  }

  /** Throws `service.unavailable` when the provider cannot be asked, or is not what it should be. */
  async test(): Promise<void> {
    await this.begin();
  }

  /** Forgets what the provider said of itself. */
  refresh(): void {
    this.#discovery.forget();
  }

  // The library compares the subject of both, so that the claims are those of one person.
  async #completed(
    { client, configuration }: Discovered,
    claims: Claims,
    accessToken: string,
  ): Promise<Claims> {
    const isOffered = configuration.serverMetadata().userinfo_endpoint !== undefined;
    if (!isOffered || !isSilent(claims, this.#settings)) return claims;
    return merged(claims, await client.fetchUserInfo(configuration, accessToken, String(claims.sub)));
  }

  #unbelievable(claim: string): PlatformError {
    return new PlatformError(
      'access.bad_credentials',
      `The identity provider of service '${this.#service}' does not say what it should (${claim}).`,
    );
  }
}
