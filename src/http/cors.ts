// Calls from pages of other origins (Fetch standard, CORS). Tokens travel in headers and never in cookies, so
// credentials are never allowed. Invariant: a request without an Origin header pays one comparison.
import type { IncomingHttpHeaders } from 'node:http';
import type { Rendered } from './response.ts';
import { methods } from './verb.ts';

const maxAgeSeconds = '600';

/** Answers preflight requests and marks answers to allowed origins. */
export class Cors {
  readonly #origins: ReadonlySet<string>;

  /** `*` among the origins allows all. */
  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins);
  }

  /** Headers for the answer to a page of an origin: names and values in turn; none when it is not allowed. */
  headers(origin: string): readonly string[] {
    if (this.#origins.has('*')) return ['Access-Control-Allow-Origin', '*'];
    if (!this.#origins.has(origin)) return ['Vary', 'Origin'];
    return ['Access-Control-Allow-Origin', origin, 'Vary', 'Origin'];
  }

  /** The answer to OPTIONS, with the CORS headers of a preflight request when it is one. */
  preflight(headers: IncomingHttpHeaders): Rendered {
    const { origin } = headers;
    const shared = ['Allow', methods];
    if (origin !== undefined) {
      const asked = headers['access-control-request-headers'];
      shared.push(...this.headers(origin));
      shared.push('Vary', 'Access-Control-Request-Method, Access-Control-Request-Headers');
      shared.push('Access-Control-Allow-Methods', methods, 'Access-Control-Max-Age', maxAgeSeconds);
      if (asked !== undefined && /^[\w!#$%&'*+.^`|~, -]{1,1024}$/.test(asked)) {
        shared.push('Access-Control-Allow-Headers', asked);
      }
    }
    return { status: 204, headers: shared, payload: '' };
  }
}
