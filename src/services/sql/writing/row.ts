// From a record of a request to the fields and bound values of a row, with every check that needs no
// database. Invariant: fields stand in column order, so that records with the same fields share one
// statement.
import { PlatformError } from '../../../core/errors.ts';
import type { Bindable } from '../../../database/connection.ts';
import { everyField, type Field, type Table } from '../schema.ts';
import type { SqlSource } from '../source.ts';
import { deniedRecord } from './refusals.ts';
import { validated } from './validation.ts';

/** Fields with the values to bind for them, in the same order. */
export interface RowValues {
  readonly fields: readonly Field[];
  readonly values: readonly Bindable[];
}

/** A record on its way into a table. */
export interface RowInput {
  readonly source: SqlSource;
  readonly table: Table;
  readonly record: unknown;
  /** Who writes it; undefined where nobody is logged in. */
  readonly userId: number | undefined;
}

/** The row that a record becomes. Throws `request.invalid_record` naming the field. */
export function readNewRow(input: RowInput): RowValues {
  const { table, userId } = input;
  const asked = givenFields(input);
  refuseLimited(asked.keys());
  const given = validated(table, asked, { isNew: true, userId });
  for (const [field, value] of given) {
    if (value === null && field.autoIncrement) given.delete(field);
  }
  const row = bindRow(input, given);
  for (const field of input.table.fields.values()) {
    if (isNeeded(field) && !given.has(field)) {
      throw invalid(`Required field '${field.name}' can not be NULL.`);
    }
  }
  // In the words of a database that names no field.
  const isLacking = table.concealed?.some((field) => isNeeded(field) && !given.has(field));
  if (isLacking === true) throw invalid('A field of the record can not be NULL.');
  return row;
}

/** The changes that a record asks for; its fields among `keys` identify and are left out. */
export function readChanges(input: RowInput, keys: readonly Field[]): RowValues {
  const { table, userId } = input;
  const given = givenFields(input);
  for (const key of keys) given.delete(key);
  refuseLimited(given.keys());
  const changes = given.size === 0 ? given : validated(table, given, { isNew: false, userId });
  if (changes.size === 0) throw invalid(`The record names no field of table '${table.name}' to change.`);
  return bindRow(input, changes);
}

/**
 * The key values by which a record says which row it means. Throws `request.invalid_record` naming the
 * field.
 */
export function readKey(input: RowInput, keys: readonly Field[]): Bindable[] {
  const given = givenFields(input);
  return keys.map((key) => {
    const value = given.get(key);
    if (value === undefined || value === null) {
      throw invalid(`Field '${key.name}' is needed in every record: it says which record is meant.`);
    }
    return input.source.dialect.encode(key, value);
  });
}

/** Refuses fields that the caller's role may not write. */
export function refuseLimited(fields: Iterable<Field>): void {
  for (const { limit } of fields) if (limit !== undefined) throw deniedRecord();
}

function givenFields({ source, table, record }: Omit<RowInput, 'userId'>): Map<Field, unknown> {
  if (typeof record !== 'object' || record === null || Array.isArray(record)) {
    throw invalid('Every record must be an object with field names as its keys.');
  }
  const given = new Map<Field, unknown>();
  const names = Object.keys(record);
  for (const name of names) {
    const field = table.shown(name);
    if (field === undefined) refuseUnknown({ source, table, name });
    else if (given.has(field)) throw invalid(`Field '${field.name}' is given twice in one record.`);
    else given.set(field, (record as Record<string, unknown>)[name]);
  }
  if (given.size === 0 && names.length > 0) {
    throw invalid(`No field of the record exists in table '${table.name}'.`);
  }
  return given;
}

function refuseUnknown({ source, table, name }: { source: SqlSource; table: Table; name: string }): void {
  // Related records are written by themselves (nested.ts).
  if (table.relations.has(name)) return;
  if (source.settings.strictFields) {
    throw invalid(`Field '${name}' does not exist in table '${table.name}'.`);
  }
}

// SQLite lets a key be NULL unless it says otherwise; nobody could address such a record.
function isNeeded(field: Field): boolean {
  if (field.required) return true;
  return field.isPrimaryKey && !field.autoIncrement && !field.isGenerated && field.default === null;
}

function bindRow({ source, table }: RowInput, given: Map<Field, unknown>): RowValues {
  const fields: Field[] = [];
  const values: Bindable[] = [];
  for (const field of table.concealed === undefined ? table.fields.values() : everyField(table)) {
    const value = given.get(field);
    if (value === undefined) continue;
    fields.push(field);
    values.push(bindValue(source, field, value));
  }
  return { fields, values };
}

function bindValue(source: SqlSource, field: Field, value: unknown): Bindable {
  if (field.isGenerated) {
    throw invalid(`Field '${field.name}' is computed by the database and can not be written.`);
  }
  if (value === null && !(field.allowNull && !field.isPrimaryKey))
    throw invalid(`Field '${field.name}' can not be NULL.`);
  const bound = source.dialect.encode(field, value);
  if (source.settings.strictFields || !source.dialect.grammar.keepsLongText) refuseTooLong(field, bound);
  return bound;
}

// SQLite keeps text of any length in a varchar(n), and so did DreamFactory: only strict services refuse it
// there.
function refuseTooLong(field: Field, bound: Bindable): void {
  if (field.type !== 'string' || field.length === null || typeof bound !== 'string') return;
  if (bound.length > field.length && [...bound].length > field.length) {
    throw invalid(`Field '${field.name}' can not be longer than ${field.length} characters.`);
  }
}

function invalid(message: string): PlatformError {
  return new PlatformError('request.invalid_record', message);
}
