// A real OpenID Connect provider in this process, with a login page, and a browser to go there with.
// Invariant: it knows nothing of the server under test but the clients it was given.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider, { type Configuration } from 'oidc-provider';

/** Somebody who has an account at the provider. */
export interface Person {
  readonly email?: string;
  readonly email_verified?: boolean;
  readonly name?: string;
  readonly given_name?: string;
  readonly family_name?: string;
  readonly groups?: readonly string[];
  readonly amr?: readonly string[];
}

/** What a provider is started with. */
export interface ProviderOptions {
  /** Where clients let browsers come back. */
  readonly redirectUri: string;
  /** By login, which is the subject, too. */
  readonly people: Record<string, Person>;
  readonly port?: number;
}

/** A running provider. */
export interface IdentityServer {
  readonly issuer: string;
  readonly port: number;
  readonly people: Record<string, Person>;
  /** Paths that were asked for. */
  readonly asked: string[];
  /** Goes from an authorization URL to the end as a person would; answers where the browser ends up. */
  visit(url: string, login: string): Promise<URL>;
  close(): Promise<void>;
}

/** The secret of the client `tenon`; the client `open` has none. */
export const clientSecret = 'a secret of the client, long enough';

/** Starts one. */
export async function startProvider(options: ProviderOptions): Promise<IdentityServer> {
  const { redirectUri, people, port = 0 } = options;
  const asked: string[] = [];
  const server = createServer();
  await new Promise<void>((listening) => server.listen(port, '127.0.0.1', listening));
  const { port: ownPort } = server.address() as AddressInfo;
  const issuer = `http://127.0.0.1:${ownPort}`;
  const provider = new Provider(issuer, configurationOf(redirectUri, people));
  const answer = provider.callback();
  server.on('request', (request, response) => {
    asked.push(request.url?.split('?')[0] ?? '');
    if (request.url?.startsWith('/interaction/')) void interact(provider, request, response);
    else void answer(request, response);
  });
  const close = () => closeServer(server);
  return {
    issuer,
    port: ownPort,
    people,
    asked,
    visit: (url, login) => visit(url, login, redirectUri),
    close,
  };
}

function configurationOf(redirectUri: string, people: Record<string, Person>): Configuration {
  const common = { redirect_uris: [redirectUri], grant_types: ['authorization_code'] };
  return {
    clients: [
      { client_id: 'tenon', client_secret: clientSecret, ...common },
      {
        ...{ client_id: 'poster', client_secret: clientSecret, ...common },
        token_endpoint_auth_method: 'client_secret_post',
      },
      { client_id: 'open', token_endpoint_auth_method: 'none', ...common },
    ],
    claims: {
      openid: ['sub'],
      email: ['email', 'email_verified'],
      profile: ['name', 'given_name', 'family_name'],
      groups: ['groups'],
      strong: ['amr'],
    },
    scopes: ['openid', 'profile', 'email', 'groups', 'strong'],
    features: { devInteractions: { enabled: false } },
    pkce: { required: () => true },
    ttl: {
      AccessToken: 600,
      AuthorizationCode: 60,
      Grant: 600,
      IdToken: 600,
      Interaction: 600,
      Session: 600,
    },
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
    findAccount: (_context, id) => ({
      accountId: id,
      claims: () => ({ sub: id, ...people[id] }),
    }),
    // Nobody is asked for his consent: the client is the house's own.
    loadExistingGrant: async (context) => {
      const { client, session, provider } = context.oidc;
      const grant = new provider.Grant({
        clientId: client?.clientId ?? '',
        accountId: session?.accountId ?? '',
      });
      grant.addOIDCScope('openid profile email groups strong');
      await grant.save();
      return grant;
    },
  };
}

// The login page: a form with one field; an empty login stands for the button “Cancel”.
async function interact(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method === 'GET') {
    response.setHeader('content-type', 'text/html');
    response.end('<form method="post"><input name="login"><button>Log in</button></form>');
    return;
  }
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const login = new URLSearchParams(Buffer.concat(chunks).toString()).get('login') ?? '';
  const result =
    login === ''
      ? { error: 'access_denied', error_description: 'cancelled' }
      : { login: { accountId: login } };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

// A browser that keeps cookies, follows redirects and sends one form, until it is sent back to the client.
async function visit(start: string, login: string, redirectUri: string): Promise<URL> {
  const cookies = new Map<string, string>();
  let url = new URL(start);
  let form: string | undefined;
  for (let step = 0; step < 12; step++) {
    const response = await fetch(url, {
      redirect: 'manual',
      method: form === undefined ? 'GET' : 'POST',
      headers: {
        cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
        ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
      },
      ...(form === undefined ? {} : { body: form }),
    });
    form = undefined;
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      cookies.set(name, value);
    }
    const location = response.headers.get('location');
    if (location === null) {
      const page = await response.text();
      if (!page.includes('<form'))
        throw new Error(`the provider says ${response.status}: ${page.slice(0, 500)}`);
      form = new URLSearchParams({ login }).toString();
      continue;
    }
    url = new URL(location, url);
    if (url.href.startsWith(redirectUri)) return url;
  }
  throw new Error('the provider never sends the browser back');
}

function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((closed) => server.close(() => closed()));
}
