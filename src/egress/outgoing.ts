// What an outgoing call is made of, and what goes into its head. Invariant: nothing of a call can end a line
// of its head, name another host than the URL does, or steer the connection.
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Headers } from '../core/operation.ts';

/** One call to another host. */
export interface OutgoingCall {
  /** Who makes it, for the log. */
  readonly by: string;
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: string | undefined;
  /** How many redirects are followed; 0: their answer is the answer. */
  readonly redirects: number;
  /** How many calls from script to script this one makes: a server of ours refuses too many. */
  readonly hops?: number;
  /** Whether the answer is wanted as bytes, not as text. */
  readonly isBinary?: boolean;
  /** For the whole call, below `limits.egressMs`. */
  readonly timeoutMs?: number;
  /** Ends the call when whoever asked for it is gone. */
  readonly signal?: AbortSignal;
}

/** What came back; `body` is text, whatever its encoding was, or '' where bytes were wanted. */
export interface OutgoingAnswer {
  readonly status: number;
  /** By lower-case name; those of redirects that were followed included, unless later ones said anew. */
  readonly headers: Headers;
  readonly body: string;
  /** Where they were wanted. */
  readonly bytes?: Buffer;
}

/** A call whose parts were looked at. */
export interface Checked {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: string | undefined;
}

// About the connection, which is ours; scripts pass on the headers of a request that they got.
const ours = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-tenon-hops',
]);

// What another origin may know of a redirected call; anything else may be a credential.
const harmless = new Set(['accept', 'accept-language', 'content-language', 'content-type', 'user-agent']);

const token = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i;

/** Looks at the parts of a call. Throws `egress.refused` and `request.*` for what cannot be sent. */
export function check(call: Pick<OutgoingCall, 'method' | 'url' | 'headers' | 'body'>): Checked {
  const method = call.method.toUpperCase();
  if (!token.test(method) || method === 'CONNECT' || method === 'TRACE') {
    throw new PlatformError('request.unsupported_verb', `The verb '${excerpt(call.method)}' cannot be sent.`);
  }
  const url = parseUrl(call.url);
  const headers = sendable(call.headers);
  const credentials = credentialsOf(url);
  url.username = '';
  url.password = '';
  url.hash = '';
  const given = credentials === undefined ? headers : { authorization: credentials, ...headers };
  return { method, url, headers: given, body: call.body };
}

/** The call that a redirect leads to; undefined when the answer leads nowhere. */
export function redirected(call: Checked, answer: Pick<OutgoingAnswer, 'status' | 'headers'>) {
  const { status, headers } = answer;
  if (![301, 302, 303, 307, 308].includes(status) || headers.location === undefined) return undefined;
  const url = parseUrl(headers.location, call.url);
  const isGet = status === 303 ? call.method !== 'HEAD' : status < 303 && call.method === 'POST';
  const kept = Object.entries(call.headers).filter(
    ([name]) => (url.origin === call.url.origin || harmless.has(name)) && !(isGet && name === 'content-type'),
  );
  const next = { url: url.href, headers: Object.fromEntries(kept) };
  return isGet
    ? check({ ...next, method: 'GET', body: undefined })
    : check({ ...next, method: call.method, body: call.body });
}

function parseUrl(text: string, base?: URL): URL {
  if (text.length > limits.uriBytes) {
    throw new PlatformError('request.uri_too_long', `A URL may have ${limits.uriBytes} characters.`);
  }
  const url = URL.parse(text, base?.href);
  if (url === null) {
    throw new PlatformError('request.malformed_uri', `'${excerpt(text)}' is not a URL that can be called.`);
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new PlatformError(
      'egress.refused',
      `Only http and https can be called, not '${excerpt(url.protocol)}'.`,
    );
  }
  return url;
}

function credentialsOf({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  const pair = `${decoded(username)}:${decoded(password)}`;
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function sendable(headers: Headers): Headers {
  const entries = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  const sent = entries.filter(([name]) => !ours.has(name));
  if (sent.length > limits.headerCount) {
    throw new PlatformError('request.too_many_headers', `At most ${limits.headerCount} headers can be sent.`);
  }
  for (const [name, value] of sent) {
    if (!token.test(name)) throw malformed(name, 'its name has characters that no header may have');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be sent
    if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(value)) throw malformed(name, 'its value ends the line');
  }
  // Beyond ASCII, headers carry the bytes of UTF-8.
  return Object.fromEntries(sent.map(([name, value]) => [name, Buffer.from(value).toString('latin1')]));
}

function malformed(name: string, reason: string): PlatformError {
  return new PlatformError('request.malformed', `The header '${excerpt(name)}' cannot be sent: ${reason}.`);
}

function excerpt(text: string): string {
  return text.length <= limits.excerpt ? text : `${text.slice(0, limits.excerpt)}…`;
}
