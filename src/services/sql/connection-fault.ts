// Why a database cannot be used, for the administrator who tests its service: from the codes of drivers and
// systems. Invariant: fixed words only, because drivers' own messages hold hosts, users and paths.
import { PlatformError } from '../../core/errors.ts';
import { DatabaseError } from '../../database/connection.ts';

/** Of drivers that have no code for it, or one for everything. */
const spoken: readonly (readonly [message: RegExp, words: string])[] = [
  [/does not support (SSL|secure connection)/i, 'it does not offer TLS'],
  [/timeout|timed out/i, "its 'host' does not answer"],
  [/certificate's altnames/, 'its certificate is for another host'],
  [/certificate (has expired|is not yet valid)/, 'its certificate is not valid at this time'],
  [
    /self-signed certificate|unable to (verify|get)/,
    'its certificate is signed by nobody who is trusted here',
  ],
  [/password must be/, 'it wants a password'],
];

const faults: readonly (readonly [codes: RegExp, words: string])[] = [
  [/^ECONNREFUSED$/, "nothing accepts connections at its 'host' and 'port'"],
  [/^(ENOTFOUND|EAI_\w+)$/, "the name in 'host' is not known"],
  [/^(ETIMEDOUT|ESOCKETTIMEDOUT|ETIMEOUT|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN)$/, "its 'host' does not answer"],
  [/^(ENOENT|EACCES|ENOTDIR)$/, "its 'socket' is not there or may not be used"],
  [/^(28P01|1045|1698|ELOGIN)$/, 'the user name or the password is wrong'],
  [/^28000$/, 'it does not let this user in from here'],
  [/^(3D000|1049)$/, "there is no database of the name in 'database'"],
  [/^(1044|42501)$/, 'the user may not use this database'],
  [/^(53300|1040|1203|1226)$/, 'it has no connection left for this user'],
  [/^(1129|1130)$/, 'it lets nobody in from this address'],
  [/^(57P03|57P01|57P02|1053)$/, 'it is starting or stopping'],
  [/^HANDSHAKE_NO_SSL_SUPPORT$/, 'it does not offer TLS'],
  [/^(ERR_TLS_CERT_ALTNAME_INVALID|HOSTNAME_MISMATCH)$/, 'its certificate is for another host'],
  [/^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/, 'its certificate is not valid at this time'],
  [
    /^(DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|CERT_)\w+$/,
    'its certificate is signed by nobody who is trusted here',
  ],
  [/^(HANDSHAKE_SSL_ERROR|EPROTO|ERR_SSL_\w+|ERR_TLS_\w+)$/, 'TLS could not be agreed on'],
  [/^(ECONNRESET|EPIPE|PROTOCOL_CONNECTION_LOST)$/, 'the connection was broken off'],
  [/^SQLITE_CANTOPEN/, 'the file is not there or may not be opened'],
  [/^SQLITE_NOTADB/, 'the file is no SQLite database'],
  [/^SQLITE_(PERM|READONLY|AUTH)/, 'the file may not be read'],
];

/** What is wrong with the way to a database, in words of our own; undefined when nobody can say. */
export function connectionFault({ cause }: DatabaseError): string | undefined {
  if (!(cause instanceof Error)) return undefined;
  const said = spoken.find(([message]) => message.test(cause.message))?.[1];
  if (said !== undefined) return said;
  const { code, errno } = cause as { code?: unknown; errno?: unknown };
  return faults.find(([codes]) => [code, errno].some((each) => codes.test(String(each))))?.[1];
}

/** The refusal of a test of a service, with what is wrong where that is known. */
export function withFault(service: string, error: unknown): unknown {
  if (!(error instanceof PlatformError) || !(error.cause instanceof DatabaseError)) return error;
  const fault = connectionFault(error.cause);
  if (fault === undefined) return error;
  const message = `The database of service '${service}' is not available: ${fault}.`;
  return new PlatformError('service.unavailable', message, { cause: error.cause });
}
