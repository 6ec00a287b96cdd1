// Makes conditions of what the grammar (filter.peggy) reads; a new builder per filter, because it counts.
// Invariant: whatever comes out holds known fields and plain literals only, and stays within the limits.
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Comparison, Literal, Where } from '../core/query.ts';

/** The names that a filter may use. */
export interface FilterScope {
  /** The canonical name of a field, or undefined when there is none of that name. */
  field(name: string): string | undefined;
  /** The value for the placeholder `:name`, or undefined when none was given. */
  parameter(name: string): Literal | undefined;
  /** What a value that is written as text stands for, such as the value of a lookup; absent: itself. */
  text?(value: string): string;
}

/** A value as the grammar reads it: quoted ones are text whatever they say. */
interface Value {
  readonly literal: Literal;
  /** How it was written when it had no quotes. */
  readonly bare: string | undefined;
}

/** What is asked of a field. */
type Test = { readonly negated: boolean } & (
  | { readonly kind: 'null' }
  | { readonly kind: 'compare'; readonly op: Comparison; readonly value: Value }
  | { readonly kind: 'in'; readonly values: readonly Value[] }
  | { readonly kind: 'between'; readonly low: Value; readonly high: Value }
);

const textual: ReadonlySet<Comparison> = new Set(['like', 'starts with', 'ends with', 'contains']);

/** A refusal of a filter: the recorded first sentence (spec §5.6), then why and where. */
export function refusal(reason: string, offset?: number): PlatformError {
  const where = offset === undefined ? '' : ` (at character ${offset + 1})`;
  return new PlatformError(
    'request.invalid_filter',
    `Invalid or unparsable filter request. ${reason}${where}.`,
  );
}

/** What the grammar's actions call. */
export class FilterBuilder {
  readonly #scope: FilterScope;
  #depth = 0;
  #terms = 0;

  constructor(scope: FilterScope) {
    this.#scope = scope;
  }

  /** Throws a refusal; typed as a predicate's result, because the grammar calls it there. */
  refuse(reason: string, offset: number): never {
    throw refusal(reason, offset);
  }

  /** IN without parentheses, in the recorded words. */
  refuseList(): never {
    throw new PlatformError('request.invalid_filter', 'Filter value lists must be wrapped in parentheses.');
  }

  /** Counts an opened parenthesis, so that the parser's recursion stays within the limit. */
  open(offset: number): true {
    if (++this.#depth > limits.filterDepth) {
      this.refuse(`Parentheses nest deeper than ${limits.filterDepth} levels`, offset);
    }
    return true;
  }

  /** Counts a closed one. */
  close(): true {
    this.#depth--;
    return true;
  }

  /** A value in quotes, from its pieces with escapes resolved. */
  quoted(parts: readonly string[]): Value {
    return { literal: this.#text(parts.join('')), bare: undefined };
  }

  /**
   * A value without quotes: a placeholder, null, or its text, whose type is for the field's column to say.
   */
  bare(written: string, offset: number): Value {
    const text = written.trim();
    const name = /^:([\p{L}_][\p{L}\p{N}_]*)$/u.exec(text)?.[1];
    if (name === undefined) {
      const meant = this.#text(text);
      return { literal: /^null$/i.test(text) ? null : meant, bare: meant };
    }
    const literal = this.#scope.parameter(name);
    if (literal === undefined) this.refuse(`No value was given for the parameter ':${name}'`, offset);
    return { literal, bare: undefined };
  }

  #text(value: string): string {
    return this.#scope.text?.(value) ?? value;
  }

  /** A condition on one field. */
  condition(name: string, test: Test): Where {
    if (++this.#terms > limits.filterTerms) {
      throw refusal(`It has more than ${limits.filterTerms} conditions`);
    }
    const field = this.#scope.field(name);
    if (field === undefined) {
      throw new PlatformError(
        'request.invalid_filter',
        `Invalid or unparsable field in filter request: '${name}'`,
      );
    }
    const where = positive(field, test);
    return test.negated ? { kind: 'not', term: where } : where;
  }

  /** Terms joined by AND or XOR; one term is itself. */
  join(kind: 'and' | 'or' | 'xor', terms: readonly Where[]): Where {
    const [first, second] = terms;
    return first !== undefined && second === undefined ? first : { kind, terms };
  }

  /** Terms joined by OR or NOR; both in one row have no agreed meaning, so they are refused. */
  either(first: Where, rest: readonly (readonly ['or' | 'nor', Where])[]): Where {
    const words = new Set(rest.map(([word]) => word));
    if (words.size > 1) throw refusal('OR and NOR side by side need parentheses');
    const where = this.join('or', [first, ...rest.map(([, term]) => term)]);
    return words.has('nor') ? { kind: 'not', term: where } : where;
  }

  /** Two NOTs cancel each other out, in three-valued logic too. */
  negate(where: Where, nots: number): Where {
    return nots % 2 === 0 ? where : { kind: 'not', term: where };
  }
}

function positive(field: string, test: Test): Where {
  switch (test.kind) {
    case 'null':
      return { kind: 'null', field };
    case 'compare':
      return compare(field, test.op, test.value);
    case 'in':
      return oneOf(field, test.values);
    case 'between': {
      const [low, high] = [test.low.literal, test.high.literal];
      if (low === null || high === null) throw nullRefusal('BETWEEN');
      return { kind: 'between', field, low, high };
    }
  }
}

// `= null` would be unknown for every record; what is meant is IS NULL.
function compare(field: string, op: Comparison, value: Value): Where {
  if (textual.has(op)) {
    const text = value.bare ?? value.literal;
    if (text === null) throw nullRefusal(op.toUpperCase());
    return { kind: 'compare', field, op, value: String(text) };
  }
  if (value.literal !== null) return { kind: 'compare', field, op, value: value.literal };
  if (op === '=') return { kind: 'null', field };
  if (op === '!=') return { kind: 'not', term: { kind: 'null', field } };
  throw nullRefusal(op);
}

// As with `=`: a null in the list means records without a value; SQL's own IN never finds them.
function oneOf(field: string, values: readonly Value[]): Where {
  if (values.length > limits.filterList) {
    throw refusal(`A list has more than ${limits.filterList} values`);
  }
  const literals = values.map((value) => value.literal).filter((literal) => literal !== null);
  if (literals.length === 0) return { kind: 'null', field };
  const where: Where = { kind: 'in', field, values: literals };
  return literals.length === values.length ? where : { kind: 'or', terms: [where, { kind: 'null', field }] };
}

function nullRefusal(operator: string): PlatformError {
  return refusal(`${operator} cannot compare with null, use IS NULL or IS NOT NULL`);
}
