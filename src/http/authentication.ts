// Who is asking: API key, session token or HTTP Basic, in the order of spec §5.2.
// Invariant: bad credentials never fail a request here; they come along as the reason that a refusal gives.
import type { IncomingHttpHeaders } from 'node:http';
import type { Body } from '../core/body.ts';
import { PlatformError } from '../core/errors.ts';
import { type Action, anonymous, type Parameters, type Principal } from '../core/operation.ts';
import type { Authority } from '../security/authority.ts';
import type { BasicLogins } from '../security/basic-logins.ts';
import type { Sessions } from '../security/sessions.ts';

/** What authentication is made with. */
export interface AuthenticationParts {
  readonly sessions: Pick<Sessions, 'resolve'>;
  readonly basicLogins: Pick<BasicLogins, 'resolve'>;
  readonly authority: Pick<Authority, 'withoutSession' | 'hasBodyBounds'>;
  /** Accept `session_token` in query and body too, as old clients send it (rulings 3). */
  readonly sessionTokenInQuery: boolean;
}

/** The parts of a request that say who asks. */
export interface Asking {
  readonly headers: IncomingHttpHeaders;
  readonly parameters: Parameters;
  readonly body: Body | undefined;
  readonly action: Action;
  readonly service: string;
  readonly path: readonly string[];
  readonly remoteAddress: string | undefined;
}

/** Finds principals. */
export class Authentication {
  readonly #parts: AuthenticationParts;

  constructor(parts: AuthenticationParts) {
    this.#parts = parts;
  }

  /** Whether roles bound the bodies of requests, so that it must be known early who asks. */
  get hasBodyBounds(): boolean {
    return this.#parts.authority.hasBodyBounds;
  }

  /**
   * The principal of a request; at once when it was resolved a moment ago. The same object while it is
   * cached.
   */
  principal(asking: Asking): Principal | Promise<Principal> {
    const apiKey = readApiKey(asking);
    if (isLogin(asking)) return this.#parts.authority.withoutSession(apiKey);
    const token = this.#readToken(asking);
    if (token !== undefined) return this.#ofToken(token, apiKey);
    const credentials = afterScheme('basic', asking.headers.authorization);
    return credentials === undefined
      ? this.#parts.authority.withoutSession(apiKey)
      : this.#ofBasic(credentials, apiKey, asking);
  }

  #ofToken(token: string, apiKey: string | null): Principal | Promise<Principal> {
    const found = this.#parts.sessions.resolve(token, apiKey);
    return found instanceof Promise ? found.catch((error) => failed(error, apiKey)) : found;
  }

  #ofBasic(credentials: string, apiKey: string | null, { remoteAddress }: Asking): Promise<Principal> {
    return this.#parts.basicLogins
      .resolve({ credentials, apiKey, remoteAddress })
      .catch((error) => failed(error, apiKey));
  }

  #readToken({ headers, parameters, body }: Asking): string | undefined {
    const header =
      afterScheme('bearer', headers.authorization) ?? text(headers['x-dreamfactory-session-token']);
    if (header !== undefined || !this.#parts.sessionTokenInQuery) return header;
    return text(parameters.session_token) ?? member(body, 'session_token');
  }
}

function failed(error: unknown, apiKey: string | null): Principal {
  if (!(error instanceof PlatformError)) throw error;
  return { ...anonymous, apiKey, failure: error };
}

function readApiKey(asking: Asking): string | null {
  const { headers, parameters } = asking;
  return (
    text(parameters.api_key) ??
    text(headers['x-dreamfactory-api-key']) ??
    text(headers['x-tenon-api-key']) ??
    (isAppResource(asking) ? undefined : member(asking.body, 'api_key')) ??
    null
  );
}

// Records of apps have a field api_key of their own.
function isAppResource({ service, path }: Asking): boolean {
  return path[0] === 'app' && service.toLowerCase() === 'system';
}

// Who logs in is nobody yet, whatever token the client still sends.
function isLogin({ action, service, path }: Asking): boolean {
  if (action !== 'POST') return false;
  const name = service.toLowerCase();
  if (name === 'user') return path.length === 1 && path[0] === 'session';
  return name === 'system' && path.length === 2 && path[0] === 'admin' && path[1] === 'session';
}

function afterScheme(scheme: 'basic' | 'bearer', header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const space = header.indexOf(' ');
  if (space !== scheme.length || header.slice(0, space).toLowerCase() !== scheme) return undefined;
  return text(header.slice(space + 1).trim());
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

// Looks into the text first, because a body that nobody has to parse should not be parsed for this.
function member(body: Body | undefined, name: string): string | undefined {
  if (body === undefined || !body.text.includes(name)) return undefined;
  try {
    const { value } = body;
    const isObject = typeof value === 'object' && value !== null && Object.hasOwn(value, name);
    return isObject ? text((value as Record<string, unknown>)[name]) : undefined;
  } catch {
    // Malformed content is for whoever needs it to refuse.
    return undefined;
  }
}
