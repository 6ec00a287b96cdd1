// What went wrong with a mail, in words for whoever sends it. Invariant: a mail server may be hostile, and
// its name may be a secret: callers are told its codes alone, and the log nothing that it was told in secret.
import type { NodemailerError } from 'nodemailer';
import { type ErrorCode, PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { SmtpSettings } from './config.ts';

/** Where and when it went wrong. */
export interface MailFault {
  readonly service: string;
  readonly settings: Pick<SmtpSettings, 'password' | 'timeoutMs'>;
  /** Whether the time for the mail was up. */
  readonly isLate: boolean;
}

/** The error of the catalogue that a failure is. */
export function explained(error: NodemailerError, { service, settings, isLate }: MailFault): PlatformError {
  if (error instanceof PlatformError) return error;
  const cause = { cause: withoutSecret(error, settings.password) };
  const server = `The mail server of service '${service}'`;
  if (isLate) {
    return new PlatformError(
      'egress.timeout',
      `${server} did not finish within ${settings.timeoutMs} ms.`,
      cause,
    );
  }
  const { kind, reason } = failureOf(error);
  return new PlatformError(kind, `${server} ${reason}.`, cause);
}

interface Failure {
  readonly kind: ErrorCode;
  readonly reason: string;
}

function failureOf(error: NodemailerError): Failure {
  const said = codesOf(error);
  switch (error.code) {
    case 'EENVELOPE':
      return { kind: 'mail.refused', reason: `does not take mail from or to these addresses${said}` };
    case 'EMESSAGE':
      return { kind: 'mail.refused', reason: `refused the mail${said}` };
    case 'EAUTH':
    case 'ENOAUTH':
      return { kind: 'service.unavailable', reason: `refused the login${said}` };
    default:
      return { kind: 'service.unavailable', reason: reasonOf(error) };
  }
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused the connection',
  ECONNRESET: 'closed the connection',
  ECONNECTION: 'closed the connection',
  EPIPE: 'closed the connection',
  EHOSTUNREACH: 'cannot be reached',
  ENETUNREACH: 'cannot be reached',
  ENOTFOUND: 'is not known by its name',
  EAI_AGAIN: 'is not known by its name at the moment',
  EPROTOCOL: 'does not answer as one',
  ETIMEDOUT: 'did not answer in time',
  ABORT_ERR: 'did not answer in time',
  TimeoutError: 'did not answer in time',
};

// The name of the host stays out of it: it may have come out of a private lookup.
function reasonOf(error: NodemailerError): string {
  const { code = '', name, message } = error;
  if (/certificate|self.signed|altname|unable to (get|verify)/i.test(`${code} ${message}`)) {
    return "has a certificate that is not valid for it (see 'verify_certificate' and 'ca')";
  }
  if (code === 'ETLS' || /SSL|TLS|EPROTO\b|wrong version/.test(`${code} ${message}`))
    return 'offers no TLS that we can use';
  const inner = error.cause instanceof Error ? (error.cause as NodemailerError).code : undefined;
  const known = [inner, code, name].find((each) => each !== undefined && Object.hasOwn(reasons, each));
  return known === undefined ? 'could not be used' : (reasons[known] ?? 'could not be used');
}

// `550 5.1.1` of what it said; nothing where it does not begin so.
function codesOf({ response = '' }: NodemailerError): string {
  const codes = /^(\d{3})(?:[ -]+(\d\.\d{1,3}\.\d{1,3}))?/.exec(response);
  return codes === null ? '' : ` (${codes.slice(1).filter(Boolean).join(' ')})`;
}

// A server that repeats the login it was sent, as it is or encoded, does not get it into our log.
function withoutSecret(error: NodemailerError, password: string): Error {
  const message = `${error.code ?? error.name}: ${error.message}`.slice(0, limits.warningChars);
  const tellsLogin = error.code === 'EAUTH' || (error.command ?? '').startsWith('AUTH');
  const isClean = !tellsLogin && (password === '' || !message.includes(password));
  return new Error(isClean ? message : `${error.code ?? error.name}${codesOf(error)}`);
}
