// The filter language of requests (spec §5.6, a superset of it): text in, conditions out. The grammar is
// filter.peggy. Invariant: a filter is understood completely or refused with a 400; none of its text becomes
// SQL.
import { limits } from '../core/limits.ts';
import type { Where } from '../core/query.ts';
import { FilterBuilder, type FilterScope, refusal } from './filter-builder.ts';
import { parse, SyntaxError as Unparsable } from './filter-parser.js';

export type { FilterScope } from './filter-builder.ts';

/**
 * The condition that a filter's text states, with canonical field names. Values without quotes are texts too,
 * to be brought to the field's type by who compares; only placeholders (`:name`) have types.
 * Throws `request.invalid_filter`, also for blank text: without a filter there is nothing to parse.
 */
export function parseFilter(text: string, scope: FilterScope): Where {
  if (text.length > limits.filterBytes) {
    throw refusal(`It is longer than ${limits.filterBytes} characters`);
  }
  try {
    return parse(text, { builder: new FilterBuilder(scope) });
  } catch (error) {
    if (error instanceof Unparsable) throw explained(text, error.location.start.offset);
    throw error;
  }
}

function explained(text: string, offset: number): Error {
  if (text.trim() === '') return refusal('It is empty');
  const rest = text.slice(offset).trim();
  if (rest === '') return refusal('It ends too early: a value, a condition or ")" is missing', offset);
  const word = (/^[\p{L}\p{N}_]+|^./su.exec(rest)?.[0] ?? '').slice(0, limits.excerpt);
  return refusal(
    `It is not understood from '${word}' on; values with special characters need quotes`,
    offset,
  );
}
