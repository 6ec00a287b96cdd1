// What the refusals of SQL Server mean, by their numbers and by the codes of the driver.
// Invariant: the server's own words stay in the cause; of them only names of columns and indexes are taken.
import { DatabaseError, type DatabaseFailure } from './connection.ts';

/** An error as the driver makes it. */
interface DriverError extends Error {
  readonly number?: number;
  readonly code?: string;
}

/** The DatabaseError for whatever the driver threw. */
export function mssqlError(thrown: unknown): DatabaseError {
  if (thrown instanceof DatabaseError) return thrown;
  const cause: DriverError = thrown instanceof Error ? thrown : new Error(String(thrown));
  const failure = failureOf(cause);
  return new DatabaseError(failure, fieldOf(cause.message, failure), cause);
}

/** Whether the server undid the whole transaction, which may be tried again. */
export function isVictim(error: DatabaseError): boolean {
  return numberOf(error) === 1205;
}

/** Whether the connection is of no use any more. */
export function isLost(error: DatabaseError): boolean {
  return error.failure === 'unavailable' && numberOf(error) === undefined;
}

/** The name of the index or constraint whose uniqueness was broken. */
export function duplicateIndex({ failure, message }: DatabaseError): string | undefined {
  if (failure !== 'unique') return undefined;
  return /(?:constraint|unique index) '([^']+)'/.exec(message)?.[1];
}

function numberOf({ cause }: DatabaseError): number | undefined {
  const { number } = cause as DriverError;
  return typeof number === 'number' && number > 0 ? number : undefined;
}

function failureOf(error: DriverError): DatabaseFailure {
  const number = numberOf(new DatabaseError('other', undefined, error));
  if (number === undefined) return isOfConnection(error) ? 'unavailable' : 'other';
  if (number === 547) return /CHECK constraint/i.test(error.message) ? 'check' : 'foreign_key';
  return failures.get(number) ?? (number >= 50_000 ? 'raised' : 'other');
}

function isOfConnection({ code = '', message }: DriverError): boolean {
  return /^(?:E[A-Z]+|ERR_(?:TLS|SSL).*|CERT_.*|UNABLE_TO.*|SELF_SIGNED.*|DEPTH_ZERO.*)$/.test(code)
    ? code !== 'EREQUEST' && code !== 'EARGS'
    : /Connection lost|socket hang up|closed before/i.test(message);
}

const failures: ReadonlyMap<number, DatabaseFailure> = new Map(
  Object.entries({
    unique: [2601, 2627],
    not_null: [515],
    check: [513, 550],
    // Out of range, too long, malformed, not of the type.
    type: [
      ...[206, 210, 220, 232, 235, 241, 242, 244, 245, 248, 257, 291, 293, 295, 296, 402, 517, 518, 529],
      ...[1007, 2628, 3930, 6522, 8114, 8115, 8134, 8152, 8169, 9420, 9803, 13608, 13609, 15007],
    ],
    read_only: [229, 230, 262, 271, 272, 273, 3906, 4405, 4406, 4417, 4421, 8101],
    busy: [701, 1204, 1205, 1222, 3960, 8645, 8651, 10928, 10929, 17809, 49918, 49919, 49920],
    unavailable: [
      ...[233, 596, 921, 922, 924, 927, 942, 945, 4060, 4064, 4221, 6005, 10053, 10054, 10060, 17142, 17197],
      ...[18401, 18451, 18452, 18456, 18461, 18470, 18486, 18487, 18488, 40197, 40501, 40613, 40615],
      // Disk or log full.
      ...[823, 824, 1101, 1105, 9002],
    ],
  }).flatMap(([failure, numbers]) => numbers.map((number) => [number, failure as DatabaseFailure])),
);

// "Cannot insert the value NULL into column 'a', table 'd.dbo.t'", "… truncated in table 'd.dbo.t', column
// 'a'", "… table \"dbo.t\", column 'a'". A duplicate names its index: see `duplicateIndex`.
function fieldOf(message: string, failure: DatabaseFailure): string | undefined {
  if (failure !== 'not_null' && failure !== 'type') return undefined;
  return /column '([^']+)'/.exec(message)?.[1];
}
