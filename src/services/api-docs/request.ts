// What is asked of a description: its form and how much of it. Invariant: what is malformed is refused by
// name.
import { PlatformError } from '../../core/errors.ts';
import type { Parameters } from '../../core/operation.ts';

/** The wish of a reader. */
export interface DocumentOptions {
  readonly format: 'json' | 'yaml';
  readonly isCompact: boolean;
  /** Tables as asked for; undefined: all. */
  readonly tables: readonly string[] | undefined;
  /** Whether the service is to read its schema anew. */
  readonly refresh: boolean;
}

/** Reads it from the query. Throws `request.invalid_parameter`. */
export function readOptions(parameters: Parameters): DocumentOptions {
  const { format = 'json', tables } = parameters;
  if (format !== 'json' && format !== 'yaml') throw invalidParameter('format', 'must be json or yaml');
  return {
    format,
    isCompact: flagOf(parameters, 'compact'),
    tables: tables === undefined ? undefined : readNames(tables),
    refresh: flagOf(parameters, 'refresh'),
  };
}

/** A yes or no; a parameter without a value means yes. */
export function flagOf(parameters: Parameters, name: string): boolean {
  const value = parameters[name];
  if (value === undefined) return false;
  const text = typeof value === 'object' && value !== null ? '?' : String(value ?? '');
  if (/^(?:|true|1|on|yes|y|t)$/i.test(text)) return true;
  if (/^(?:false|0|off|no|n|f)$/i.test(text)) return false;
  throw invalidParameter(name, 'must be true or false');
}

/** The refusal of a parameter. */
export function invalidParameter(name: string, problem: string): PlatformError {
  return new PlatformError('request.invalid_parameter', `Parameter '${name}' ${problem}.`);
}

function readNames(value: unknown): readonly string[] {
  const items = Array.isArray(value) ? value : [value];
  if (!items.every((item) => typeof item === 'string')) {
    throw invalidParameter('tables', 'must be names with commas between them');
  }
  const names = items.flatMap((item) => item.split(',')).map((name) => name.trim());
  return [...new Set(names.filter((name) => name !== ''))];
}
