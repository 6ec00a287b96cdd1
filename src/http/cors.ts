// Calls from pages of other origins (Fetch standard, CORS): by the rules that administrators made for paths,
// and elsewhere for the origins of the server's settings. Invariant: a request without an Origin header pays
// one comparison; credentials are allowed only to origins that a rule names.
import type { IncomingHttpHeaders } from 'node:http';
import { actions } from '../core/operation.ts';
import { verbBits } from '../core/role.ts';
import type { CorsRecord } from '../core/store.ts';
import type { Rendered } from './response.ts';
import { methods } from './verb.ts';

const defaultAgeSeconds = '600';

/** A rule as requests need it. */
interface Rule {
  readonly isPrefix: boolean;
  readonly path: string;
  readonly origins: ReadonlySet<string>;
  /** Undefined: whatever is asked for. */
  readonly headers: string | undefined;
  readonly exposed: string | undefined;
  readonly methods: string;
  readonly age: string;
  readonly hasCredentials: boolean;
}

/** What CORS is made with. */
export interface CorsOptions {
  /** `*` among them allows all. For paths without a rule. */
  readonly origins: readonly string[];
  /** The rules in force: the same list as long as they are the same. */
  readonly rules?: () => readonly CorsRecord[];
}

/** Answers preflight requests and marks answers to allowed origins. */
export class Cors {
  readonly #standard: Rule;
  readonly #records: () => readonly CorsRecord[];
  #known: readonly CorsRecord[] = [];
  #rules: readonly Rule[] = [];

  constructor({ origins, rules = () => [] }: CorsOptions) {
    this.#standard = {
      isPrefix: true,
      path: '',
      origins: new Set(origins),
      headers: undefined,
      exposed: 'Idempotency-Replayed, Retry-After',
      methods,
      age: defaultAgeSeconds,
      hasCredentials: false,
    };
    this.#records = rules;
  }

  /** Headers for the answer to a page of an origin: names and values in turn. `url` is the request's. */
  headers(origin: string, url: string): readonly string[] {
    const rule = this.#rule(url);
    const shared = this.#origin(origin, rule);
    if (rule.exposed !== undefined && isAllowed(rule, origin)) {
      shared.push('Access-Control-Expose-Headers', rule.exposed);
    }
    return shared;
  }

  /** The answer to OPTIONS, with the CORS headers of a preflight request when it is one. */
  preflight(headers: IncomingHttpHeaders, url: string): Rendered {
    const { origin } = headers;
    const shared = ['Allow', methods];
    if (origin !== undefined) {
      const rule = this.#rule(url);
      shared.push(...this.#origin(origin, rule));
      shared.push('Vary', 'Access-Control-Request-Method, Access-Control-Request-Headers');
      if (isAllowed(rule, origin)) shared.push(...allowances(rule, headers));
    }
    return { status: 204, headers: shared, payload: '' };
  }

  #origin(origin: string, { origins, hasCredentials }: Rule): string[] {
    if (origins.has('*')) return ['Access-Control-Allow-Origin', '*'];
    if (!origins.has(origin)) return ['Vary', 'Origin'];
    const named = ['Access-Control-Allow-Origin', origin, 'Vary', 'Origin'];
    return hasCredentials ? [...named, 'Access-Control-Allow-Credentials', 'true'] : named;
  }

  // The longest path that fits decides alone; a path as such goes before the same one with all below it.
  #rule(url: string): Rule {
    const records = this.#records();
    if (records !== this.#known) {
      this.#known = records;
      this.#rules = records.filter(({ enabled }) => enabled).map(ruleOf);
    }
    if (this.#rules.length === 0) return this.#standard;
    const path = plain(url.split('?', 1).join(''));
    let found = this.#standard;
    for (const rule of this.#rules) {
      const fits = rule.isPrefix ? path.startsWith(rule.path) : path === rule.path;
      if (fits && (found === this.#standard || isCloser(rule, found))) found = rule;
    }
    return found;
  }
}

function isCloser(rule: Rule, found: Rule): boolean {
  if (rule.path.length !== found.path.length) return rule.path.length > found.path.length;
  return found.isPrefix && !rule.isPrefix;
}

function isAllowed({ origins }: Rule, origin: string): boolean {
  return origins.has('*') || origins.has(origin);
}

function allowances(rule: Rule, headers: IncomingHttpHeaders): string[] {
  const lines = ['Access-Control-Allow-Methods', rule.methods, 'Access-Control-Max-Age', rule.age];
  const asked = rule.headers ?? headers['access-control-request-headers'];
  if (asked !== undefined && /^[\w!#$%&'*+.^`|~, -]{1,1024}$/.test(asked)) {
    lines.push('Access-Control-Allow-Headers', asked);
  }
  return lines;
}

function ruleOf(record: CorsRecord): Rule {
  const path = plain(record.path);
  const isPrefix = path.endsWith('*');
  const allowed = actions.filter((action) => (record.method & verbBits[action]) !== 0);
  const reading = allowed.includes('GET') ? ['HEAD'] : [];
  return {
    isPrefix,
    path: isPrefix ? path.slice(0, -1) : path,
    origins: new Set(record.origin.split(',').map((origin) => origin.trim())),
    headers: listed(record.header),
    exposed: listed(record.exposedHeader),
    methods: [...allowed, ...reading, 'OPTIONS'].join(', '),
    age: String(record.maxAge),
    hasCredentials: record.supportsCredentials,
  };
}

// `*` stands for whatever is asked for: browsers take it literally where credentials are sent.
function listed(headers: string | null): string | undefined {
  const text = headers?.trim() ?? '';
  return text === '' || text === '*' ? undefined : text;
}

function plain(path: string): string {
  return path.toLowerCase().replace(/^\/+/, '').replace(/\/+$/, '');
}
