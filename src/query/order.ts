// The `order` parameter of requests (spec §5.5): `field [asc|desc] [nulls first|last], …`.
// Invariant: an ordering names known fields only, or the request is refused.
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Order } from '../core/query.ts';

const name = /`((?:[^`]|``)+)`|\[((?:[^\]]|\]\])+)\]|([^\s,]+)/;
const direction = /(?:\s+(asc|desc))?(?:\s+nulls\s+(first|last))?/;
const part = new RegExp(String.raw`\s*(?:${name.source})${direction.source}\s*(?:,|$)`, 'iy');

/**
 * The ordering that a text states, with the canonical names that `field` gives; blank text is no ordering.
 * Throws `request.invalid_parameter` naming `order` and the field.
 */
export function parseOrder(text: string, field: (name: string) => string | undefined): Order[] {
  const order: Order[] = [];
  const trimmed = text.trim();
  const pattern = new RegExp(part);
  while (pattern.lastIndex < trimmed.length) {
    const from = pattern.lastIndex;
    const match = pattern.exec(trimmed);
    if (match === null) throw misspelt(trimmed.slice(from));
    order.push(orderOf(match, field));
    if (order.length > limits.fields) throw refusal(`has more than ${limits.fields} fields`);
  }
  return order;
}

function orderOf(match: RegExpExecArray, field: (name: string) => string | undefined): Order {
  const [, ticked, bracketed, plain, way, nulls] = match;
  const wanted = ticked?.replaceAll('``', '`') ?? bracketed?.replaceAll(']]', ']') ?? plain ?? '';
  const known = field(wanted);
  if (known === undefined) throw refusal(`has the unknown field '${wanted}'`);
  const order = { field: known, descending: way?.toLowerCase() === 'desc' };
  if (nulls === undefined) return order;
  return { ...order, nulls: nulls.toLowerCase() === 'first' ? 'first' : 'last' };
}

function misspelt(rest: string): PlatformError {
  const found = rest.split(',', 1)[0]?.trim() ?? '';
  const shown = found.slice(0, limits.excerpt);
  return refusal(`must be 'field [asc|desc] [nulls first|last], …', found '${shown}'`);
}

function refusal(reason: string): PlatformError {
  return new PlatformError('request.invalid_parameter', `The parameter 'order' ${reason}.`);
}
