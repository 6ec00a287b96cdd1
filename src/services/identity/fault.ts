// What went wrong with a provider, in words for whoever wants to log in; the reasons are for the log.
// Invariant: a message holds nothing that the provider, or whoever plays it, can write freely.
import { type ErrorCode, PlatformError } from '../../core/errors.ts';

/** What is done with a provider. */
export interface ProviderWork {
  /** Name of the service. */
  readonly service: string;
  /**
   * What it means when nothing else is known: that the provider cannot be used, or that its word for somebody
   * is not good.
   */
  readonly usual: ErrorCode;
}

/** Does it, and makes an error of the catalogue of whatever it throws. */
export async function explained<T>(about: ProviderWork, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw providerFault(about, thrown);
  }
}

function providerFault({ service, usual }: ProviderWork, thrown: unknown): PlatformError {
  if (thrown instanceof PlatformError && !thrown.kind.startsWith('egress.')) return thrown;
  const provider = `The identity provider of service '${service}'`;
  const fault = (kind: ErrorCode, message: string) =>
    new PlatformError(kind, message, { cause: new Error(storyOf(thrown)) });
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

// For the log: what the errors say, one after the other. They carry answers with tokens, which are left out.
function storyOf(thrown: unknown): string {
  const story: string[] = [];
  for (let each = thrown; each instanceof Error && story.length < 4; each = each.cause) {
    const { code, error } = factsOf(each);
    story.push(`${each.name}: ${each.message}${quoted(code)}${quoted(error)}`);
  }
  return story.length === 0 ? 'something that is no error was thrown' : story.join('; ');
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
