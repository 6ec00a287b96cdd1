// What PostgreSQL's refusals mean, by their SQLSTATE. Invariant: messages may be in any language, so nothing
// is read out of their words.
import { DatabaseError, type DatabaseFailure } from './connection.ts';

/** The parts of an error that `pg` gives, all optional because errors of sockets have none. */
interface ServerError extends Error {
  readonly code?: string;
  readonly detail?: string;
  readonly column?: string;
  readonly where?: string;
  readonly routine?: string;
}

const failures: readonly (readonly [RegExp, DatabaseFailure])[] = [
  [/^(?:23505|23P01)$/, 'unique'],
  [/^(?:23503|23001)$/, 'foreign_key'],
  [/^23502$/, 'not_null'],
  // RAISE EXCEPTION in a trigger or routine, in words of its author.
  [/^P0001$/, 'raised'],
  [/^(?:23514|23000|44000|P0...)$/, 'check'],
  // Also a type that has no comparison, a field beside a group, and a value too large for an index.
  [/^(?:22...|42803|42804|42883|42725|54000)$/, 'type'],
  [/^(?:25006|42501)$/, 'read_only'],
  [/^(?:40001|40P01|55P03|57014|53...)$/, 'busy'],
  [/^(?:08...|28...|3D000|57...|58...|25P03)$/, 'unavailable'],
];

/** The DatabaseError for whatever `pg` threw; `names` are the fields that were bound, in order. */
export function translate(error: unknown, names?: readonly string[]): DatabaseError {
  if (error instanceof DatabaseError) return error;
  const cause: ServerError = error instanceof Error ? error : new Error(String(error));
  if (!isFromServer(cause)) return new DatabaseError('unavailable', undefined, cause);
  const failure = failureOf(cause);
  return new DatabaseError(failure, fieldOf(cause, names), cause);
}

function failureOf(error: ServerError): DatabaseFailure {
  if (hasLostPlan(error)) return 'busy';
  const known = failures.find(([code]) => code.test(error.code ?? ''))?.[1];
  // Types of extensions refuse their values as they like.
  return known ?? (parameterOf(error) === undefined ? 'other' : 'type');
}

/** Whether the same statement may succeed when it is done again: it lost a conflict with another one. */
export function isConflict({ cause }: DatabaseError): boolean {
  const { code } = cause as ServerError;
  return code === '40001' || code === '40P01';
}

/** Whether a prepared statement must be prepared anew, because the schema changed or the server forgot it. */
export function isStale({ cause }: DatabaseError): boolean {
  return hasLostPlan(cause as ServerError);
}

/** Whether a server was asked for TLS that has none. */
export function isWithoutTls({ cause }: DatabaseError): boolean {
  return (cause as Error).message === 'The server does not support SSL connections';
}

function hasLostPlan({ code, routine }: ServerError): boolean {
  return code === '26000' || code === '42P05' || (code === '0A000' && routine === 'RevalidateCachedQuery');
}

function isFromServer({ code }: ServerError): boolean {
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) && !/^E[A-Z]{4}$/.test(code);
}

// "Key (a, b)=(1, 2) already exists." in whatever language; the number of the parameter that could not be
// read.
function fieldOf({ column, detail, where }: ServerError, names: readonly string[] | undefined) {
  if (column !== undefined) return column;
  const key = /\(([^()]+)\)=\(/.exec(detail ?? '')?.[1];
  if (key !== undefined) return key.replaceAll('"', '');
  const parameter = parameterOf({ where });
  return parameter === undefined ? undefined : names?.[parameter - 1];
}

function parameterOf({ where }: { readonly where?: string | undefined }): number | undefined {
  const number = / \$(\d+)(?: = |$)/.exec(where ?? '')?.[1];
  return number === undefined ? undefined : Number(number);
}
