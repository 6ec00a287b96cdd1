// The options of PHP's cURL that scripts give with a call, in terms of outgoing calls.
// Invariant: an option that would lead the call elsewhere than its URL says is refused; one that only loosens
// what is checked has no effect.
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';

/** What the options of a call ask for; absent: not said. */
export interface CurlSettings {
  readonly headers: Readonly<Record<string, string>>;
  readonly method?: string;
  /** Text as it is sent, or the fields of a form. */
  readonly body?: string | Readonly<Record<string, unknown>>;
  readonly redirects?: number;
  readonly timeoutMs?: number;
  /** Names of options without effect. */
  readonly ignored: readonly string[];
}

interface Draft {
  readonly headers: Record<string, string>;
  readonly ignored: string[];
  settings: Omit<CurlSettings, 'headers' | 'ignored'>;
  user: string | undefined;
  password: string;
}
type Apply = (draft: Draft, value: unknown) => void;

const isOn = (value: unknown) =>
  value !== false && value !== 0 && value !== null && value !== '0' && value !== '';
const header =
  (name: string, before = ''): Apply =>
  (draft, value) => {
    draft.headers[name] = before + String(value);
  };
const verb =
  (method: string): Apply =>
  (draft, value) => {
    if (isOn(value)) draft.settings = { method, ...draft.settings };
  };
const nothing: Apply = () => {};

/** What each option does, by its name without `CURLOPT_`, and the number that PHP's constants have. */
const known: Readonly<Record<string, { readonly number: number; readonly apply: Apply }>> = {
  HTTPHEADER: { number: 10_023, apply: (draft, value) => Object.assign(draft.headers, headerLines(value)) },
  USERPWD: {
    number: 10_005,
    apply: (draft, value) => {
      const [user = '', ...rest] = String(value).split(':');
      Object.assign(draft, { user, password: rest.join(':') });
    },
  },
  USERNAME: { number: 10_173, apply: (draft, value) => Object.assign(draft, { user: String(value) }) },
  PASSWORD: { number: 10_174, apply: (draft, value) => Object.assign(draft, { password: String(value) }) },
  XOAUTH2_BEARER: { number: 10_220, apply: header('authorization', 'Bearer ') },
  HTTPAUTH: { number: 107, apply: checkAuthentication },
  USERAGENT: { number: 10_018, apply: header('user-agent') },
  REFERER: { number: 10_016, apply: header('referer') },
  COOKIE: { number: 10_022, apply: header('cookie') },
  // What comes packed is unpacked, whatever was asked for.
  ENCODING: { number: 10_102, apply: nothing },
  ACCEPT_ENCODING: { number: 10_102, apply: nothing },
  CUSTOMREQUEST: {
    number: 10_036,
    apply: (draft, value) => {
      draft.settings = { ...draft.settings, method: String(value) };
    },
  },
  POST: { number: 47, apply: verb('POST') },
  PUT: { number: 54, apply: verb('PUT') },
  HTTPGET: { number: 80, apply: verb('GET') },
  NOBODY: { number: 44, apply: verb('HEAD') },
  POSTFIELDS: {
    number: 10_015,
    apply: (draft, value) => {
      draft.settings = { ...draft.settings, body: isMap(value) ? value : String(value) };
    },
  },
  FOLLOWLOCATION: {
    number: 52,
    apply: (draft, value) => {
      if (!isOn(value)) draft.settings = { ...draft.settings, redirects: 0 };
    },
  },
  MAXREDIRS: {
    number: 68,
    apply: (draft, value) => {
      const most = Number(value) < 0 ? limits.egressRedirects : Number(value) || 0;
      const redirects = Math.min(draft.settings.redirects ?? limits.egressRedirects, most);
      draft.settings = { ...draft.settings, redirects };
    },
  },
  TIMEOUT: { number: 13, apply: timeout(1_000) },
  TIMEOUT_MS: { number: 155, apply: timeout(1) },
  // What scripts set out of habit and what already is so: the answer is returned, with its status.
  RETURNTRANSFER: { number: 19_913, apply: nothing },
  FAILONERROR: { number: 45, apply: nothing },
  NOSIGNAL: { number: 99, apply: nothing },
  AUTOREFERER: { number: 58, apply: nothing },
  TCP_NODELAY: { number: 121, apply: nothing },
  TCP_KEEPALIVE: { number: 213, apply: nothing },
};

/** Options without effect that scripts give by number, named for the message. */
const idle: Readonly<Record<string, number>> = {
  SSL_VERIFYPEER: 64,
  SSL_VERIFYHOST: 81,
  CONNECTTIMEOUT: 78,
  CONNECTTIMEOUT_MS: 156,
  VERBOSE: 41,
  HEADER: 42,
  HTTP_VERSION: 84,
  SSLVERSION: 32,
};

/** Options that choose another way or end of the connection, by number. */
const refused: Readonly<Record<string, number>> = {
  URL: 10_002,
  PORT: 3,
  PROXY: 10_004,
  PROXYPORT: 59,
  PROXYTYPE: 101,
  PROXYUSERPWD: 10_006,
  PRE_PROXY: 10_262,
  HTTPPROXYTUNNEL: 61,
  INTERFACE: 10_062,
  LOCALPORT: 139,
  RESOLVE: 10_203,
  CONNECT_TO: 10_243,
  DOH_URL: 10_279,
  DNS_SERVERS: 10_211,
  DNS_INTERFACE: 10_221,
  UNIX_SOCKET_PATH: 10_231,
  ABSTRACT_UNIX_SOCKET: 10_264,
  INFILE: 10_009,
  FILE: 10_001,
  CAINFO: 10_065,
  CAPATH: 10_097,
  SSLCERT: 10_025,
  SSLKEY: 10_087,
  COOKIEFILE: 10_031,
  COOKIEJAR: 10_082,
};

/** Whether an option is one of cURL, by name or by number. */
export function isCurlOption(name: string): boolean {
  return /^CURLOPT_/i.test(name) || /^\d{1,5}$/.test(name);
}

/** Reads the options of cURL among those of a call. Throws `egress.refused` for those that are not taken. */
export function readCurlOptions(options: Readonly<Record<string, unknown>>): CurlSettings {
  const draft: Draft = { headers: {}, ignored: [], settings: {}, user: undefined, password: '' };
  for (const [given, value] of Object.entries(options).filter(([name]) => isCurlOption(name))) {
    const name = nameOf(given);
    const option = Object.hasOwn(known, name) ? known[name] : undefined;
    if (Object.hasOwn(refused, name)) {
      if (!isOn(value)) continue;
      throw new PlatformError(
        'egress.refused',
        `The option CURLOPT_${name} is not possible: it would change where the call goes or what it reads.`,
      );
    }
    if (option === undefined) draft.ignored.push(`CURLOPT_${name}`);
    else option.apply(draft, value);
  }
  const { headers, ignored, settings, user, password } = draft;
  if (user !== undefined) headers.authorization = basic(user, password);
  return { ...settings, headers, ignored };
}

function nameOf(given: string): string {
  if (!/^\d+$/.test(given)) return given.slice('CURLOPT_'.length).toUpperCase();
  const number = Number(given);
  const name = Object.keys(known).find((each) => known[each]?.number === number);
  const others = { ...refused, ...idle };
  return name ?? Object.keys(others).find((each) => others[each] === number) ?? given;
}

/** Header lines as cURL takes them, or a map: `X-A: 1`, and `X-A;` for an empty value. */
export function headerLines(value: unknown): Record<string, string> {
  if (!Array.isArray(value)) {
    if (!isMap(value)) return {};
    const pairs = Object.entries(value).filter(([, each]) => each !== null && each !== undefined);
    return Object.fromEntries(pairs.map(([name, each]) => [name.toLowerCase(), asText(each)]));
  }
  const lines = value.map((line) => /^\s*([^:;]+?)\s*(?::\s*([\s\S]*?)|;)\s*$/.exec(String(line)));
  const named = lines.filter((line) => line !== null);
  // As with cURL, a line without a value takes the header away.
  const filled = named.filter(([whole, , text]) => text !== '' || whole.trimEnd().endsWith(';'));
  return Object.fromEntries(filled.map(([, name = '', text = '']) => [name.toLowerCase(), text]));
}

function timeout(unit: number): Apply {
  return (draft, value) => {
    const ms = Number(value) * unit;
    // 0 means for ever with cURL; here our own limit remains.
    if (ms > 0) draft.settings = { ...draft.settings, timeoutMs: ms };
  };
}

// Sets of bits: 1 is Basic, -17 and -18 are "any", which begin with Basic here; 8 is NTLM and so on.
function checkAuthentication(_draft: Draft, value: unknown): void {
  const bits = Number(value);
  if (bits === 0 || (bits & 1) === 1 || bits < 0 || bits === 64) return;
  throw new PlatformError('egress.refused', 'CURLOPT_HTTPAUTH must allow Basic; other ways are not built.');
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

function asText(value: unknown): string {
  if (Array.isArray(value)) return value.map(asText).join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
