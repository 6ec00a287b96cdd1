// What the refusals of MySQL and MariaDB mean, by their numbers and by the codes of the driver.
// Invariant: the server's own words stay in the cause; of them only names of columns are taken.
import { DatabaseError, type DatabaseFailure } from './connection.ts';

/** An error as the driver makes it. */
interface DriverError extends Error {
  readonly errno?: number;
  readonly code?: string;
  readonly sqlState?: string;
}

/** The DatabaseError for whatever the driver threw. */
export function mysqlError(thrown: unknown): DatabaseError {
  if (thrown instanceof DatabaseError) return thrown;
  const cause: DriverError = thrown instanceof Error ? thrown : new Error(String(thrown));
  const failure = failureOf(cause);
  return new DatabaseError(failure, fieldOf(cause.message, failure), cause);
}

/** Whether the server undid the whole transaction, which may be tried again. */
export function isDeadlock(error: DatabaseError): boolean {
  return errorNumber(error) === 1213;
}

/** Whether the connection is of no use any more. */
export function isLost(error: DatabaseError): boolean {
  const number = errorNumber(error);
  return error.failure === 'unavailable' && (number === undefined || lost.has(number));
}

/** The number that the server gave, undefined for errors of the connection. */
export function errorNumber({ cause }: DatabaseError): number | undefined {
  const { errno, code } = cause as DriverError;
  // The system's own errors have negative numbers.
  return typeof errno === 'number' && errno >= 1_000 && !code?.startsWith('PROTOCOL') ? errno : undefined;
}

function failureOf(error: DriverError): DatabaseFailure {
  const number = errorNumber(new DatabaseError('other', undefined, error));
  if (number === undefined) return isOfConnection(error) ? 'unavailable' : 'other';
  return failures.get(number) ?? (error.sqlState === '45000' ? 'raised' : 'other');
}

const tlsCodes = /^(?:ERR_TLS|ERR_SSL|CERT_|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH|EPROTO)/;

function isOfConnection({ code = '', message }: DriverError): boolean {
  return (
    /^(?:E[A-Z]+|EAI_[A-Z]+|PROTOCOL_[A-Z_]+|HANDSHAKE_[A-Z_]+|AUTH_[A-Z_]+)$/.test(code) ||
    tlsCodes.test(code) ||
    /closed state|Connection lost|secure connection/i.test(message)
  );
}

// After these the server has closed the connection, or will.
const lost: ReadonlySet<number> = new Set([
  1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 3169, 4031,
]);

const failures: ReadonlyMap<number, DatabaseFailure> = new Map(
  Object.entries({
    unique: [1022, 1062, 1169, 1557, 1569, 1586, 1761, 1762, 1859],
    foreign_key: [1216, 1217, 1451, 1452, 1834],
    not_null: [1048, 1263, 1364, 1566],
    check: [1369, 1748, 3819, 4025],
    type: [
      // Out of range, too long, malformed, not of the character set, not of the type.
      ...[
        1118, 1264, 1265, 1292, 1365, 1366, 1367, 1406, 1411, 1416, 1425, 1426, 1441, 1525, 1690, 1300, 1977,
      ],
      ...[3020, 3037, 3055, 3140, 3141, 3143, 3146, 3156, 3157, 3158, 3516, 3548, 3616, 3617, 3618, 3619],
      ...[3751, 3752, 3753, 4037, 4038, 4078, 4079, 4144, 4161],
      // A value larger than a packet of the server may be.
      ...[1153, 1301],
    ],
    read_only: [
      1036, 1142, 1143, 1148, 1227, 1288, 1290, 1347, 1348, 1370, 1394, 1395, 1471, 1792, 1836, 1874,
    ],
    // No room for a connection, a lock not had in time, a statement that took too long.
    busy: [1020, 1040, 1203, 1205, 1206, 1213, 1226, 1461, 1969, 3024, 3058, 3572],
    unavailable: [
      ...[
        1042, 1043, 1044, 1045, 1049, 1053, 1077, 1079, 1094, 1129, 1130, 1152, 1158, 1159, 1160, 1161, 1184,
      ],
      ...[
        1251, 1317, 1698, 1820, 1862, 1927, 2002, 2003, 2005, 2006, 2013, 3118, 3159, 3169, 3955, 4031, 4151,
      ],
      // Disk full, files that cannot be read, a crashed table.
      ...[1021, 1023, 1024, 1025, 1026, 1030, 1041, 1114, 1135, 1194, 1195],
    ],
  }).flatMap(([failure, numbers]) => numbers.map((number) => [number, failure as DatabaseFailure])),
);

// "Column 'a' cannot be null", "Field 'a' doesn't have a default value", "… for column `db`.`t`.`a` at row 1"
// or "… for column 'a' at row 1". A duplicate names its index: see `duplicateKey`.
function fieldOf(message: string, failure: DatabaseFailure): string | undefined {
  switch (failure) {
    case 'not_null':
    case 'type': {
      const named =
        /for column (?:(?:`(?:[^`]|``)*`\.)*`((?:[^`]|``)+)`|'(.+?)') at row/.exec(message) ??
        /^(?:Column|Field) '(.+)' (?:cannot|can't|doesn't)/.exec(message) ??
        /for column '(.+)'/.exec(message);
      return (named?.[1] ?? named?.[2])?.replaceAll('``', '`');
    }
    default:
      return undefined;
  }
}

/** The table and index that a duplicate names: `t.email`, `email` or `PRIMARY`. */
export function duplicateKey(error: DatabaseError): string | undefined {
  if (error.failure !== 'unique') return undefined;
  return /^Duplicate entry .* for key '(.+)'$/s.exec(error.message)?.[1];
}
