// What a new password must be.
import { limits } from '../../core/limits.ts';
import { invalidField } from './fields.ts';
import type { Written } from './request.ts';

/** The password in a field of a body; undefined when none was given. Throws `request.invalid_record`. */
export function readNewPassword(record: Written, name: string): string | undefined {
  const value = Object.hasOwn(record, name) ? record[name] : undefined;
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') throw invalidField(name, 'must be text');
  if (value.length < limits.passwordMin) {
    throw invalidField(name, `must have at least ${limits.passwordMin} characters`);
  }
  if (value.length > limits.passwordMax) {
    throw invalidField(name, `must have at most ${limits.passwordMax} characters`);
  }
  return value;
}
