// What a URL below `/api` addresses (spec §5.1): version, service and the path inside it.
// Invariant: a path reaches services decoded, without `.`, `..` and empty segments, and without control
// characters.
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';

/** An address. `service` is '' for the list of services. */
export interface Target {
  readonly service: string;
  readonly path: readonly string[];
  /** `2.0` for `/api/v2` and for paths without a version. */
  readonly apiVersion: string;
  /** What follows the `?`, undecoded. */
  readonly query: string;
}

const prefix = '/api';
const defaultVersion = '2.0';
const noPath: readonly string[] = Object.freeze([]);

/** Whether a URL is below `/api`. */
export function isApi(url: string): boolean {
  if (!url.startsWith(prefix)) return false;
  const next = url.charCodeAt(prefix.length);
  return Number.isNaN(next) || next === 0x2f || next === 0x3f || next === 0x23;
}

/**
 * The origin form (`/path?query`) of a request's URL; proxies send it with scheme and host.
 * Throws `request.uri_too_long` or `request.malformed_uri`.
 */
export function originForm(url: string): string {
  if (url.length > limits.uriBytes) {
    throw new PlatformError(
      'request.uri_too_long',
      `The URL is longer than ${limits.uriBytes} bytes. Send long filters and lists of ids in the body ` +
        '(POST with header X-HTTP-Method: GET).',
    );
  }
  if (url.charCodeAt(0) === 0x2f) return url;
  const found = /^https?:\/\/[^/?#]*(.*)$/is.exec(url)?.[1];
  if (found === undefined) throw malformed('The URL must begin with /.');
  return found.startsWith('/') ? found : `/${found}`;
}

/** Reads a URL of which `isApi` is true. Throws `request.*` or `service.not_found`. */
export function readTarget(url: string): Target {
  const end = endOfPath(url);
  const query = url.charCodeAt(end) === 0x3f ? withoutFragment(url.slice(end + 1)) : '';
  const segments = splitPath(url.slice(prefix.length, end));
  const [first = ''] = segments;
  const version = readVersion(first);
  const [service = '', ...path] = version === undefined ? segments : segments.slice(1);
  if (service !== '' && !/^[_0-9a-zA-Z.-]+$/.test(service)) {
    throw new PlatformError('service.not_found', `Could not find a service with the name '${service}'.`);
  }
  return {
    service,
    path: path.length === 0 ? noPath : path,
    apiVersion: version ?? defaultVersion,
    query,
  };
}

/** The URL with the values of credentials in its query masked, for logs and scripts. */
export function redactUri(url: string): string {
  if (!/api_key|session_token/i.test(url)) return url;
  return url.replace(/([?&](?:api_key|session_token)=)[^&#]*/gi, '$1********');
}

function endOfPath(url: string): number {
  for (let i = prefix.length; i < url.length; i++) {
    const c = url.charCodeAt(i);
    if (c === 0x3f || c === 0x23) return i;
  }
  return url.length;
}

function withoutFragment(query: string): string {
  const hash = query.indexOf('#');
  return hash < 0 ? query : query.slice(0, hash);
}

// `v2` and `v2.0` are 2.0; a service may be called anything else that begins with v.
function readVersion(segment: string): string | undefined {
  if (segment === 'v2') return defaultVersion;
  if (!/^v[0-9.]+$/.test(segment)) return undefined;
  const [, major, minor = '0'] = /^v(\d{1,4})(?:\.(\d{1,4}))?$/.exec(segment) ?? [];
  if (major === undefined) {
    throw new PlatformError('request.unsupported_version', `'${segment}' is no version. Use /api/v2/….`);
  }
  return `${major}.${minor}`;
}

function splitPath(path: string): string[] {
  const segments: string[] = [];
  let start = 1;
  while (start <= path.length) {
    const slash = path.indexOf('/', start);
    const end = slash < 0 ? path.length : slash;
    if (end > start) addSegment(segments, path.slice(start, end));
    start = end + 1;
  }
  return segments;
}

function addSegment(segments: string[], raw: string): void {
  const segment = raw.includes('%') ? decodeSegment(raw) : raw;
  if (segment === '.' || segment === '..') return;
  if (segments.push(segment) > limits.pathSegments) {
    throw malformed(`The path has more than ${limits.pathSegments} segments.`);
  }
}

// A key may hold a slash (%2F); one that would climb out of a folder when somebody joins the segments may
// not.
function decodeSegment(raw: string): string {
  const segment = decode(raw);
  if (hasControls(segment)) throw malformed('The path has control characters.');
  if (/(^|[/\\])\.\.([/\\]|$)/.test(segment) && segment !== '..') {
    throw malformed("The path has '..' inside a segment.");
  }
  return segment;
}

function decode(raw: string): string {
  try {
    return decodeURIComponent(raw);
  } catch {
    throw malformed(
      'The path has a % that is not followed by two hex digits of UTF-8 text (write %25 for %).',
    );
  }
}

function hasControls(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c < 0x20 || c === 0x7f) return true;
  }
  return false;
}

function malformed(message: string): PlatformError {
  return new PlatformError('request.malformed_uri', message);
}
