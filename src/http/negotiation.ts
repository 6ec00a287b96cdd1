// What a client accepts (RFC 9110 §12.5.1). Invariant: linear in the header, of which only the first part is
// read.
import { limits } from '../core/limits.ts';

/** Media types that a client accepts. */
export interface Acceptance {
  accepts(type: string): boolean;
}

const everything: Acceptance = { accepts: () => true };
const onlyJson: Acceptance = { accepts: (type) => type === 'application/json' };

/** Reads an Accept header or an `accept` parameter. Without one, everything is accepted. */
export function readAccept(accept: string | undefined): Acceptance {
  if (accept === undefined || accept === '' || accept === '*/*') return everything;
  if (accept === 'application/json') return onlyJson;
  const ranges = accept.slice(0, limits.acceptChars).toLowerCase().split(',').map(readRange);
  const wanted = new Set(ranges.filter(({ isWanted }) => isWanted).map(({ type }) => type));
  const refused = new Set(ranges.filter(({ isWanted }) => !isWanted).map(({ type }) => type));
  return {
    accepts: (type) => {
      if (refused.has(type)) return false;
      return wanted.has(type) || wanted.has(`${type.slice(0, type.indexOf('/'))}/*`) || wanted.has('*/*');
    },
  };
}

function readRange(range: string): { type: string; isWanted: boolean } {
  const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
  return { type, isWanted: !parameters.some((parameter) => /^q=0(\.0{0,3})?$/.test(parameter)) };
}
