// Calls to a provider of identities, as the library makes them: through the one way out of the server.
// Invariant: beside public addresses only the host that the configuration names can be reached; no redirect
// is followed, and nothing is read that is larger than what a provider has to say.
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Observe } from '../../core/observe.ts';
import { Egress } from '../../egress/egress.ts';

/** What the library gives a call. */
interface FetchOptions {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

/** Calls as `fetch` does. */
export type ProviderFetch = (url: string, options: FetchOptions) => Promise<Response>;

/** What the way out of one service is made with. */
export interface ProviderCallParts {
  /** Name of the service, for the log. */
  readonly service: string;
  /** The place that the configuration names. */
  readonly provider: URL;
  /** Entries of TENON_EGRESS_ALLOW. */
  readonly allow: readonly string[];
  readonly observe: Observe;
}

/** Calls one provider. */
export class ProviderCalls {
  readonly #by: string;
  readonly #egress: Egress;

  constructor({ service, provider, allow, observe }: ProviderCallParts) {
    this.#by = service;
    this.#egress = new Egress({ allow: [...allow, placeOf(provider)], observe });
  }

  /** For the library; its own headers and time are kept. */
  readonly fetch: ProviderFetch = async (url, { method, headers, body, signal }) => {
    const answer = await this.#egress.call({
      ...{ by: this.#by, method, url, headers, redirects: 0, timeoutMs: limits.identityCallMs },
      body: body === undefined || body === null ? undefined : String(body),
      ...(signal === undefined ? {} : { signal }),
    });
    if (answer.body.length > limits.identityAnswerChars) {
      const most = limits.identityAnswerChars;
      throw new PlatformError('egress.failed', `The answer is larger than ${most} characters.`);
    }
    const isBare = answer.status === 204 || answer.status === 205 || answer.status === 304;
    const init = { status: answer.status, headers: new Headers(answer.headers) };
    return new Response(isBare ? null : answer.body, init);
  };

  /** Ends all connections. */
  close(): Promise<void> {
    return this.#egress.close();
  }
}

function placeOf({ hostname, port, protocol }: URL): string {
  return `${hostname}:${port === '' ? (protocol === 'https:' ? 443 : 80) : port}`;
}
