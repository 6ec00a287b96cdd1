// A started server with services that log people in at a real provider, and what tests do with both.
import { clientSecret, type IdentityServer, type Person, startProvider } from './identity-provider.ts';
import { type Answer, type Ask, startTestServer, type TestServer } from './server.ts';

/** Where the provider sends browsers back. */
export const redirectUri = 'http://app.example.com/login';

/** The password of users who have one. */
export const password = 'a password of their own';

/** A record as it was answered. */
export interface Made {
  readonly id: number;
  readonly api_key?: string;
}

/** The server, the provider, and people who go to and fro. */
export class IdentityWorld {
  readonly server: TestServer;
  readonly provider: IdentityServer;

  private constructor(server: TestServer, provider: IdentityServer) {
    this.server = server;
    this.provider = provider;
  }

  /** Starts both, with the services `company` and `partner`. */
  static async open(): Promise<IdentityWorld> {
    const provider = await startProvider({ redirectUri, people: {} });
    const world = new IdentityWorld(await startTestServer(), provider);
    await world.addService('company');
    const posting = { client_id: 'poster', token_endpoint_auth_method: 'client_secret_post' };
    await world.addService('partner', posting);
    return world;
  }

  async close(): Promise<void> {
    await this.server.close();
    await this.provider.close();
  }

  async addService(name: string, config: Record<string, unknown> = {}): Promise<number> {
    const settings = {
      discovery_document_endpoint: this.provider.issuer,
      client_id: 'tenon',
      client_secret: clientSecret,
      redirect_url: redirectUri,
      ...config,
    };
    const record = { name, label: `Log in with ${name}`, type: 'oidc', is_active: true, config: settings };
    return (await this.made('service', record)).id;
  }

  /** Makes a record of the system. */
  async made(kind: string, record: Record<string, unknown>): Promise<Made> {
    const body = { resource: [record] };
    const answer = await this.server.ask(`/api/v2/system/${kind}?fields=*`, { method: 'POST', body });
    if (answer.status !== 201) throw new Error(answer.text);
    return answer.body.resource[0];
  }

  /** Somebody with an account at the provider, of the same name. */
  person(login: string, more: Person = {}): string {
    this.provider.people[login] = {
      ...{ email: `${login}@example.com`, email_verified: true, name: login },
      ...more,
    };
    return login;
  }

  /** A user with a password, logged in. */
  async member(email: string): Promise<Answer> {
    await this.made('user', { email, password, name: email });
    return this.ask('user/session', { method: 'POST', body: { email, password } });
  }

  /** Asks without credentials. */
  ask(path: string, given: Ask = {}): Promise<Answer> {
    return this.server.ask(`/api/v2/${path}`, { anonymous: true, ...given });
  }

  /** What the browser comes back with from a login. */
  async visited(service: string, login: string, more = ''): Promise<URLSearchParams> {
    const begun = await this.ask(`user/session?service=${service}${more}`);
    if (begun.status !== 302) throw new Error(begun.text);
    return (await this.provider.visit(begun.headers.get('location') ?? '', login)).searchParams;
  }

  finish(query: URLSearchParams): Promise<Answer> {
    return this.ask(`user/session?${query}`);
  }

  async logIn(service: string, login: string): Promise<Answer> {
    return this.finish(await this.visited(service, login));
  }

  async usersOf(email: string) {
    return (await this.server.ask(`/api/v2/system/user?filter=email='${email}'&related=*`)).body.resource;
  }
}

/** A question of whoever has a session. */
export function as(session: Answer, given: Ask = {}): Ask {
  const headers = { 'X-DreamFactory-Session-Token': session.body.session_token, ...given.headers };
  return { anonymous: true, ...given, headers };
}
