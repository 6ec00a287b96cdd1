// What a refusal of the database is to the caller. Invariant: the driver's own message, which may hold SQL
// and paths, stays a cause for the log; the caller reads the field and what to do.
import { PlatformError } from '../../../core/errors.ts';
import { DatabaseError } from '../../../database/connection.ts';
import type { Table } from '../schema.ts';
import type { SqlSettings } from '../source.ts';

/** Where the refused write went to. */
export interface RefusedWrite {
  readonly settings: SqlSettings;
  readonly table: Table;
  readonly isDelete: boolean;
}

/** The refusal of what a role restricts: a field that it may not write, or a record that it may not make. */
export function deniedRecord(): PlatformError {
  return new PlatformError('access.forbidden', 'Denied access to some of the requested fields.');
}

/** Whether only the one record was refused, so that the rest of a batch can go on. */
export function concernsRecord(thrown: unknown): boolean {
  if (thrown instanceof PlatformError) return thrown.status < 500 && !thrown.kind.startsWith('access.');
  return thrown instanceof DatabaseError && rowFailures.has(thrown.failure);
}

const rowFailures: ReadonlySet<string> = new Set([
  'unique',
  'foreign_key',
  'not_null',
  'check',
  'type',
  'raised',
]);

/**
 * Makes the refusal of a record a PlatformError; failures of the database itself are the service's to
 * explain.
 */
export function refusedWrite(thrown: unknown, write: RefusedWrite): unknown {
  if (!(thrown instanceof DatabaseError)) return thrown;
  const field = knownField(thrown.field, write.table);
  const subject = field === undefined ? 'A field of the record' : `Field '${field}'`;
  const details = { cause: thrown };
  switch (thrown.failure) {
    case 'unique':
      return new PlatformError('request.conflict', uniqueMessage(field), details);
    case 'foreign_key':
      return new PlatformError('request.conflict', referenceMessage(write), details);
    case 'not_null':
      return new PlatformError('request.invalid_record', `${subject} can not be NULL.`, details);
    case 'check':
      return new PlatformError(
        'request.invalid_record',
        `The record breaks a rule of table '${write.table.name}'.`,
        details,
      );
    case 'type':
      return new PlatformError(
        'request.invalid_record',
        `${subject} has a value of the wrong type.`,
        details,
      );
    case 'raised':
      return new PlatformError(
        'request.invalid_record',
        // What triggers say may be about a field that the caller does not know.
        write.table.concealed === undefined
          ? `The database refused the record: ${thrown.message}`
          : 'The database refused the record.',
        details,
      );
    case 'read_only':
      return new PlatformError(
        'request.unsupported_verb',
        `The database of service '${write.settings.service}' is read-only.`,
        details,
      );
    default:
      return thrown;
  }
}

// Drivers name `column`, `table.column` or, for an index over several, a list of these.
function knownField(named: string | undefined, table: Table): string | undefined {
  const fields = (named ?? '').split(',').map((part) => {
    const name = part.trim();
    return (table.field(name) ?? table.field(name.slice(name.lastIndexOf('.') + 1)))?.name;
  });
  return fields.includes(undefined) ? undefined : fields.join("', '");
}

function uniqueMessage(field: string | undefined): string {
  if (field === undefined) return 'A record with the same unique value exists already.';
  return `A record with the same value of '${field}' exists already.`;
}

function referenceMessage({ isDelete, table }: RefusedWrite): string {
  return isDelete
    ? `The record is still referenced by other records. Delete or change those first.`
    : `A reference of the record has no counterpart: ${references(table)}.`;
}

function references(table: Table): string {
  const known = [...table.fields.values()].filter((field) => field.refTable !== null);
  if (known.length === 0) return 'other records depend on the key that would change';
  return known.map((field) => `'${field.name}' must be a key of '${field.refTable}'`).join(', ');
}
