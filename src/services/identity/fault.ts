// What went wrong with a provider, in words for whoever wants to log in; the reasons are for the log.
// Invariant: a message holds nothing that the provider, or whoever plays it, can write freely.
import { type ErrorCode, PlatformError } from '../../core/errors.ts';

/**
 * Makes an error of the catalogue of whatever a login at a provider threw. `usual` is what it means when
 * nothing else is known: that the provider cannot be used, or that its word for somebody is not good.
 */
export function providerFault(service: string, thrown: unknown, usual: ErrorCode): PlatformError {
  if (thrown instanceof PlatformError && !thrown.kind.startsWith('egress.')) return thrown;
  const provider = `The identity provider of service '${service}'`;
  const fault = (kind: ErrorCode, message: string) => new PlatformError(kind, message, { cause: thrown });
  const { name, code, error, status } = factsOf(thrown);
  if (name === 'AuthorizationResponseError') {
    return fault('access.bad_credentials', `${provider} let nobody in${quoted(error)}.`);
  }
  if (error === 'invalid_client' || error === 'unauthorized_client') {
    return fault('service.unavailable', `${provider} does not accept this server. Tell its administrator.`);
  }
  if (isAway(thrown) || status >= 500) {
    return fault('service.unavailable', `${provider} cannot be asked at the moment. Try again later.`);
  }
  if (usual === 'service.unavailable') {
    return fault(
      usual,
      `${provider} is not what its configuration says${quoted(code)}. Tell its administrator.`,
    );
  }
  // A code that is used up, for example.
  if (error !== '') return fault(usual, `${provider} refused the login${quoted(error)}. Begin again.`);
  return fault(usual, `${provider} answered what is not valid${quoted(code)}. Begin again.`);
}

interface Facts {
  readonly name: string;
  readonly code: string;
  readonly error: string;
  readonly status: number;
}

function factsOf(thrown: unknown): Facts {
  if (typeof thrown !== 'object' || thrown === null) return { name: '', code: '', error: '', status: 0 };
  const { name, code, error, status, cause } = thrown as Readonly<Record<string, unknown>>;
  const answered = cause instanceof Response ? cause.status : 0;
  return {
    name: String(name ?? ''),
    code: typeof code === 'string' ? code : '',
    error: typeof error === 'string' ? error : '',
    status: typeof status === 'number' ? status : answered,
  };
}

// It did not answer, or the way there was refused.
function isAway(thrown: unknown): boolean {
  if (thrown instanceof PlatformError) return thrown.kind.startsWith('egress.');
  if (typeof thrown !== 'object' || thrown === null) return false;
  const { code, cause } = thrown as Readonly<Record<string, unknown>>;
  return code === 'OAUTH_TIMEOUT' || code === 'OAUTH_ABORT' || isAway(cause);
}

// Codes of standards and of the library are words; anything else is not repeated.
function quoted(word: string): string {
  return /^[A-Za-z_]{1,40}$/.test(word) ? ` (${word})` : '';
}
