// Reads single fields of a written record. A field that was not given is undefined and leaves what is stored.
// Invariant: a value of a wrong type is refused by name; nothing is converted silently.
import { PlatformError } from '../../core/errors.ts';
import { isObject, type Written } from './request.ts';

/** Longest text of a label or name. */
interface TextRule {
  readonly max: number;
}

/** A text that is not empty, trimmed. */
export function readText(record: Written, name: string, { max }: TextRule): string | undefined {
  const value = given(record, name);
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value.trim() === '') throw invalidField(name, 'must be text');
  if (value.length > max) throw invalidField(name, `must have at most ${max} characters`);
  return value.trim();
}

/** A text that may be null; empty counts as null. */
export function readOptionalText(record: Written, name: string, rule: TextRule): string | null | undefined {
  const value = given(record, name);
  if (value === null || value === '') return null;
  return readText(record, name, rule);
}

/** A yes or no. 0 and 1, as some clients write them, are taken too. */
export function readFlag(record: Written, name: string): boolean | undefined {
  const value = given(record, name);
  if (value === undefined) return undefined;
  if (typeof value === 'boolean') return value;
  if (value === 0 || value === 1) return value === 1;
  throw invalidField(name, 'must be true or false');
}

/** The id of another record, or null. */
export function readOptionalId(record: Written, name: string): number | null | undefined {
  const value = given(record, name);
  if (value === undefined || value === null) return value;
  if (Number.isSafeInteger(value)) return value as number;
  throw invalidField(name, 'must be an integer or null');
}

/** An object; null and the empty list, as PHP clients write it, count as empty. */
export function readMap(record: Written, name: string): Written | undefined {
  const value = given(record, name);
  if (value === undefined || isObject(value)) return value;
  if (value === null || (Array.isArray(value) && value.length === 0)) return {};
  throw invalidField(name, 'must be an object');
}

/** A field that a new record cannot do without. */
export function required<T>(value: T | undefined, name: string): T {
  if (value !== undefined) return value;
  throw invalidField(name, 'is required');
}

/** The refusal of a field's value. */
export function invalidField(name: string, problem: string): PlatformError {
  return new PlatformError('request.invalid_record', `Field '${name}' ${problem}.`);
}

/** Without the fields that were not given. */
export function onlyGiven<T extends object>(values: { [Name in keyof T]: T[Name] | undefined }): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function given(record: Written, name: string): unknown {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
