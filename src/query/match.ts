// The compiler of conditions and orderings for records in memory: lists of the system API, and the reference
// that the SQL compilers are tested against. Semantics are SQLite's: a comparison with null is unknown, LIKE,
// `contains`, `starts with` and `ends with` ignore the case of ASCII letters only, numbers sort before texts.
import type { Comparison, Literal, Order, Query, Where } from '../core/query.ts';

/** A record in memory. */
type Row = Record<string, unknown>;

/** What a condition says of a record; null means unknown, which selects nothing. */
type Matcher = (row: Row) => boolean | null;

type Scalar = number | bigint | string;

/** The test that a condition states. */
export function compileWhere(where: Where): Matcher {
  switch (where.kind) {
    case 'compare':
      return compileCompare(where.field, where.op, where.value);
    case 'in':
      return compileIn(where.field, where.values);
    case 'between': {
      const low = compileCompare(where.field, '>=', where.low);
      const high = compileCompare(where.field, '<=', where.high);
      return (row) => and([low, high], row);
    }
    case 'null':
      return (row) => isMissing(row[where.field]);
    case 'not': {
      const term = compileWhere(where.term);
      return (row) => not(term(row));
    }
    case 'and':
    case 'or':
    case 'xor': {
      const terms = where.terms.map(compileWhere);
      const combine = combiners[where.kind];
      return (row) => combine(terms, row);
    }
  }
}

/**
 * The comparator of an ordering; unless it says, records without a value come first, last when descending.
 */
export function compileOrder(order: readonly Order[]): (a: Row, b: Row) => number {
  return (a, b) => {
    for (const part of order) {
      const result = compareByField(a[part.field], b[part.field], part);
      if (result !== 0) return result;
    }
    return 0;
  };
}

/** The records that a query wants, each with the selected fields only; what a record lacks is null. */
export function selectRows(
  rows: readonly Row[],
  query: Pick<Query, 'where' | 'order' | 'skip' | 'limit' | 'select'>,
): Row[] {
  const matches = query.where === undefined ? undefined : compileWhere(query.where);
  const found = rows.filter((row) => matches === undefined || matches(row) === true);
  if (query.order.length > 0) found.sort(compileOrder(query.order));
  const end = query.limit === undefined ? undefined : query.skip + query.limit;
  return found.slice(query.skip, end).map((row) => pick(row, query.select));
}

function pick(row: Row, select: readonly string[]): Row {
  return Object.fromEntries(select.map((field) => [field, row[field] ?? null]));
}

function isMissing(value: unknown): boolean {
  return value === null || value === undefined;
}

function not(value: boolean | null): boolean | null {
  return value === null ? null : !value;
}

function and(terms: readonly Matcher[], row: Row): boolean | null {
  let result: boolean | null = true;
  for (const term of terms) {
    const value = term(row);
    if (value === false) return false;
    if (value === null) result = null;
  }
  return result;
}

function or(terms: readonly Matcher[], row: Row): boolean | null {
  let result: boolean | null = false;
  for (const term of terms) {
    const value = term(row);
    if (value === true) return true;
    if (value === null) result = null;
  }
  return result;
}

function xor(terms: readonly Matcher[], row: Row): boolean | null {
  let result = false;
  for (const term of terms) {
    const value = term(row);
    if (value === null) return null;
    result = result !== value;
  }
  return result;
}

const combiners = { and, or, xor };

function compileIn(field: string, values: readonly Literal[]): Matcher {
  return compileOr(values.map((value) => compileCompare(field, '=', value)));
}

function compileOr(terms: readonly Matcher[]): Matcher {
  return (row) => or(terms, row);
}

function compileCompare(field: string, op: Comparison, value: Literal): Matcher {
  if (value === null) return () => null;
  switch (op) {
    case 'like':
    case 'starts with':
    case 'ends with':
    case 'contains':
      return compileText(field, op, String(value));
    default: {
      const accepts = signs[op];
      return (row) => {
        const held = row[field];
        return isMissing(held) ? null : accepts(compareScalars(scalar(held), literalFor(held, value)));
      };
    }
  }
}

const signs: Readonly<Record<'=' | '!=' | '>' | '>=' | '<' | '<=', (sign: number) => boolean>> = {
  '=': (sign) => sign === 0,
  '!=': (sign) => sign !== 0,
  '>': (sign) => sign > 0,
  '>=': (sign) => sign >= 0,
  '<': (sign) => sign < 0,
  '<=': (sign) => sign <= 0,
};

function compileText(
  field: string,
  op: 'like' | 'starts with' | 'ends with' | 'contains',
  text: string,
): Matcher {
  const wanted = foldCase(text);
  const pattern = [...wanted];
  return (row) => {
    const held = row[field];
    if (isMissing(held)) return null;
    const folded = foldCase(textOf(held));
    switch (op) {
      case 'like':
        return isLike([...folded], pattern);
      case 'starts with':
        return folded.startsWith(wanted);
      case 'ends with':
        return folded.endsWith(wanted);
      case 'contains':
        return folded.includes(wanted);
    }
  };
}

function foldCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

// Going back to the last % only, which is enough, keeps the worst case at text × pattern; a RegExp exceeds
// it.
function isLike(text: readonly string[], pattern: readonly string[]): boolean {
  let [at, next, percent, resume] = [0, 0, -1, 0];
  while (at < text.length) {
    if (pattern[next] === '%') {
      percent = next++;
      resume = at;
    } else if (pattern[next] === '_' || pattern[next] === text[at]) {
      next++;
      at++;
    } else if (percent >= 0) {
      next = percent + 1;
      at = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[next] === '%') next++;
  return next === pattern.length;
}

function textOf(value: unknown): string {
  return typeof value === 'object' ? (JSON.stringify(value) ?? '') : String(value);
}

function scalar(value: unknown): Scalar {
  if (typeof value === 'boolean') return value ? 1 : 0;
  return typeof value === 'number' || typeof value === 'bigint' ? value : textOf(value);
}

// The literal in the type of what the record holds, like a column's affinity; text that is none stays text.
function literalFor(held: unknown, literal: Literal): Scalar {
  if (typeof held !== 'number' && typeof held !== 'bigint' && typeof held !== 'boolean')
    return textOf(literal);
  if (typeof literal !== 'string') return scalar(literal);
  if (typeof held === 'boolean') {
    if (/^(true|yes|on)$/i.test(literal)) return 1;
    if (/^(false|no|off)$/i.test(literal)) return 0;
  }
  return numberOf(literal) ?? literal;
}

function numberOf(text: string): number | bigint | undefined {
  if (!/^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) || !/^\s*[+-]?\d+\s*$/.test(text)
    ? value
    : BigInt(text.replace('+', ''));
}

function compareByField(a: unknown, b: unknown, part: Order): number {
  if (isMissing(a) || isMissing(b)) {
    const sign = Number(isMissing(b)) - Number(isMissing(a));
    const isFirst = part.nulls === undefined ? !part.descending : part.nulls === 'first';
    return isFirst ? sign : -sign;
  }
  const sign = compareScalars(scalar(a), scalar(b));
  return part.descending ? -sign : sign;
}

function compareScalars(a: Scalar, b: Scalar): number {
  if (typeof a === 'string') return typeof b === 'string' ? compareTexts(a, b) : 1;
  if (typeof b === 'string') return -1;
  return a < b ? -1 : a > b ? 1 : 0;
}

// By code points, as databases with binary collation do; JavaScript's own `<` puts surrogates before U+E000.
function compareTexts(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
