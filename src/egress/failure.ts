// What went wrong with an outgoing call, in words for whoever wrote the script.
// Invariant: a message names the host as the script wrote it, never an address that a name led to.
import { PlatformError } from '../core/errors.ts';

/** What is known of the call that failed. */
export interface FailedCall {
  /** Scheme, host and port as called. */
  readonly origin: string;
  readonly ms: number;
  /** Whether its time was up. */
  readonly isTimeout: boolean;
}

/** Codes of the system, of TLS and of undici. */
const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused the connection',
  ECONNRESET: 'closed the connection',
  EPIPE: 'closed the connection',
  UND_ERR_SOCKET: 'closed the connection',
  EHOSTUNREACH: 'cannot be reached',
  ENETUNREACH: 'cannot be reached',
  EADDRNOTAVAIL: 'cannot be reached',
  ENOTFOUND: 'is not known',
  EAI_AGAIN: 'is not known at the moment',
  ENODATA: 'has no address',
  UND_ERR_HEADERS_OVERFLOW: 'answers with too many headers',
  Z_DATA_ERROR: 'answers with content that cannot be unpacked',
  Z_BUF_ERROR: 'answers with content that cannot be unpacked',
};

const timeouts = new Set([
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
]);

/** Makes an error of the catalogue of whatever a call threw. */
export function asEgressError(thrown: unknown, { origin, ms, isTimeout }: FailedCall): PlatformError {
  if (thrown instanceof PlatformError) return thrown;
  const code = codeOf(thrown);
  if (isTimeout || timeouts.has(code)) {
    const waited = isTimeout ? ` within ${ms} ms` : ' in time';
    return new PlatformError('egress.timeout', `${origin} did not answer${waited}.`, { cause: thrown });
  }
  return new PlatformError('egress.failed', `${origin} ${reasonOf(code)}.`, { cause: thrown });
}

function reasonOf(code: string): string {
  const known = reasons[code];
  if (known !== undefined) return known;
  if (/CERT|SELF_SIGNED|UNABLE_TO_|ALTNAME/.test(code))
    return `has a certificate that is not valid (${code})`;
  if (/_ERROR__?FORMAT_|^ERR__/.test(code)) return 'answers with content that cannot be unpacked';
  if (/^HPE_/.test(code)) return 'does not answer as HTTP';
  if (/SSL|TLS|EPROTO/.test(code)) return 'does not speak TLS as we do';
  return 'could not be called';
}

function codeOf(thrown: unknown): string {
  if (thrown instanceof AggregateError) return codeOf(thrown.errors[0]);
  if (typeof thrown !== 'object' || thrown === null) return '';
  const { code, cause, name } = thrown as { code?: unknown; cause?: unknown; name?: unknown };
  if (name === 'HTTPParserError') return 'HPE_';
  return typeof code === 'string' ? code : codeOf(cause);
}
