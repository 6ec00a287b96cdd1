// What a role's filter asks of records that are made or changed (spec §5.13). Only the database knows what a
// record has become, by defaults, triggers and what was not written, so that it is looked at after the write.
// Invariant: it is looked at in the transaction of the write, which a refusal undoes as a whole.
import { PlatformError } from '../../../core/errors.ts';
import { limits } from '../../../core/limits.ts';
import { type Bindable, type MaybePromise, type Session, whenDone } from '../../../database/connection.ts';
import type { Field, Table } from '../schema.ts';
import type { SqlSource } from '../source.ts';
import { deniedRecord } from '../writing/refusals.ts';

/** Rows of a table, by the fields that tell each from all others. */
export interface WrittenRows {
  readonly source: SqlSource;
  readonly table: Table;
  readonly keys: readonly Field[];
  readonly rows: readonly (readonly Bindable[])[];
}

/** Refuses rows that the caller's role may not make or change into what they are now. */
export function refuseUnfit(session: Session, written: WrittenRows): MaybePromise<void> {
  const { table, keys, rows } = written;
  if (table.rows === undefined) return;
  // Nobody can look at a row again that has no key.
  const isKnown = rows.every((row) => row.every((value) => value !== null));
  if (keys.length === 0 || !isKnown) throw deniedRecord();
  const size = keys.length === 1 ? limits.filterList : Math.floor(limits.filterTerms / keys.length);
  const next = (from: number): MaybePromise<void> => {
    if (from >= rows.length) return undefined;
    const portion = rows.slice(from, from + size);
    return whenDone(countFitting(session, written, portion), (count) => {
      if (count < portion.length) throw deniedRecord();
      return next(from + size);
    });
  };
  return next(0);
}

/**
 * Refuses to change rows by fields that several can have in common: nobody could tell afterwards which of
 * them were changed.
 */
export function refuseUncertain(table: Table, keys: readonly Field[]): void {
  if (table.rows === undefined || identifiesOne(table.rows.of, keys)) return;
  throw new PlatformError(
    'request.invalid_parameter',
    `Records of table '${table.name}' can be changed only by fields that identify one each, because ` +
      'the role of the caller is restricted to some of them.',
  );
}

/** Whether fields tell every record of a table from all others. */
export function identifiesOne(table: Table, keys: readonly Field[]): boolean {
  const names = keys.map(({ name }) => name);
  const isPrimary = table.primaryKey.length > 0 && table.primaryKey.every((name) => names.includes(name));
  return isPrimary || keys.some(({ isUnique }) => isUnique);
}

// The number of keys is rounded up to 1, 2, 4, 8 …, so that few statements serve all lengths.
function countFitting(
  session: Session,
  { source, table, keys }: WrittenRows,
  portion: readonly (readonly Bindable[])[],
): MaybePromise<number> {
  let count = 1;
  while (count < portion.length) count *= 2;
  const last = portion.at(-1) ?? [];
  const bound = [...portion, ...new Array<readonly Bindable[]>(count - portion.length).fill(last)].flat();
  const { plan, values } = source.plans.keyed({ table, fields: keys, keys, count });
  return whenDone(session.rows(plan.rows, [...bound, ...values]), (rows) => rows.length);
}
