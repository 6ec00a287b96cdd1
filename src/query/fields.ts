// Parameters that are comma lists, such as `fields` and `ids` (spec §5.5).
// Invariant: no more names than the limit, none of them blank.
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';

/** Which list is read: its parameter, for messages, and how many entries it may have. */
interface NameList {
  readonly parameter: string;
  readonly max: number;
}

/**
 * The entries of a comma list in their order, trimmed, without blank ones; `*` is an entry like any other.
 * Throws `request.invalid_parameter` when there are more than `list.max`.
 */
export function parseNames(
  text: string,
  list: NameList = { parameter: 'fields', max: limits.fields },
): string[] {
  const pieces = text.split(',', 2 * list.max + 1);
  const names = pieces.map((name) => name.trim()).filter((name) => name !== '');
  if (names.length > list.max || pieces.length > 2 * list.max) {
    throw new PlatformError(
      'request.invalid_parameter',
      `The parameter '${list.parameter}' has more than ${list.max} entries.`,
    );
  }
  return names;
}
