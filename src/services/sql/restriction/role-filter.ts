// The filters of a role (spec §5.13) as conditions like those of requests: what a record must meet to be
// there for the caller. Invariant: what a filter needs and does not have narrows it, never widens: a lookup
// without a value is met by no record, also where it is negated; what can be no condition of the table is
// refused.
import { PlatformError } from '../../../core/errors.ts';
import { limits } from '../../../core/limits.ts';
import type { Action, Principal } from '../../../core/operation.ts';
import type { Comparison, Literal, Where } from '../../../core/query.ts';
import type { RoleFilter, RowRule } from '../../../core/restriction.ts';
import { lookupValue, mayNameLookups, namesIn, withValues } from '../../../query/lookups.ts';
import { functionFor } from '../schema/field-function.ts';
import type { Field, Table } from '../schema.ts';

/** Where filters hold: for what is done to the records of a table. */
export interface FilteredPlace {
  readonly table: Table;
  readonly action: Action;
}

/** The condition of filters. */
export interface RoleCondition {
  /** Whether it may be another one for another caller. */
  readonly isPersonal: boolean;
  /** The condition for a caller. Throws `access.inapplicable_filter`. */
  whereFor(principal: Principal): Where;
}

/** What filters ask of records, of which one rule must be met. Throws `access.inapplicable_filter`. */
export function roleCondition(rules: readonly RowRule[], place: FilteredPlace): RoleCondition {
  const filters = rules.flatMap(({ conditions }) => conditions);
  if (filters.length > limits.filterTerms) {
    throw inapplicable(place, `has more than ${limits.filterTerms} conditions`);
  }
  const fields = new Map(filters.map((filter) => [filter, fieldOf(filter, place)]));
  const conditionOf = (filter: RoleFilter, principal: Principal): Where => {
    const field = fields.get(filter);
    if (field === undefined) throw lacking(filter, place);
    return new FilterReader(field, { place, principal }).read(filter);
  };
  return {
    isPersonal: filters.some(({ value }) => isPersonal(value)),
    whereFor: (principal) =>
      joined(
        'or',
        rules.map(({ op, conditions }) =>
          joined(
            op === 'OR' ? 'or' : 'and',
            conditions.map((filter) => conditionOf(filter, principal)),
          ),
        ),
      ),
  };
}

/** A condition that no record meets. */
export function noRecord(field: Field): Where {
  const isNull: Where = { kind: 'null', field: field.name };
  return { kind: 'and', terms: [isNull, { kind: 'not', term: isNull }] };
}

/** The refusal of what a role grants under a filter that can not be applied. */
export function inapplicable({ table, action }: FilteredPlace, why: string): PlatformError {
  return new PlatformError(
    'access.inapplicable_filter',
    `Access Forbidden. The filter under which this role grants ${action} on table '${table.name}' ${why}. ` +
      'An administrator has to correct the role.',
  );
}

function lacking({ name }: RoleFilter, place: FilteredPlace): PlatformError {
  return inapplicable(place, `names the field '${name}', which the table does not have`);
}

function fieldOf(filter: RoleFilter, place: FilteredPlace): Field {
  const field = place.table.field(filter.name);
  if (field === undefined || field.extras?.isAggregate === true) throw lacking(filter, place);
  // A statement that writes knows columns only, and would compare something else than what is read.
  if (place.action !== 'GET' && functionFor(field, 'SELECT') !== undefined) {
    throw inapplicable(place, `names the field '${field.name}', which is computed when it is read`);
  }
  return field;
}

function isPersonal(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isPersonal);
  return typeof value === 'string' && mayNameLookups(value);
}

function joined(kind: 'and' | 'or', terms: readonly Where[]): Where {
  const [first, second] = terms;
  return first !== undefined && second === undefined ? first : { kind, terms };
}

interface ReaderOptions {
  readonly place: FilteredPlace;
  readonly principal: Principal;
}

const comparisons: ReadonlySet<string> = new Set(['=', '!=', '>', '>=', '<', '<=']);

/** Reads the filters on one field as they are meant for one caller. */
class FilterReader {
  readonly #field: Field;
  readonly #place: FilteredPlace;
  readonly #principal: Principal;

  constructor(field: Field, { place, principal }: ReaderOptions) {
    this.#field = field;
    this.#place = place;
    this.#principal = principal;
  }

  read({ operator, value }: RoleFilter): Where {
    const { name: field } = this.#field;
    switch (operator) {
      case 'is null':
        return { kind: 'null', field };
      case 'is not null':
        return { kind: 'not', term: { kind: 'null', field } };
      case 'in':
      case 'not in':
        return this.#list(value, operator === 'not in');
      default:
        return this.#comparison(operator as Comparison, value);
    }
  }

  // As in filters of requests: `= null` means records without a value.
  #comparison(op: Comparison, value: unknown): Where {
    const { name: field } = this.#field;
    if (value === null && (op === '=' || op === '!=')) {
      const isNull: Where = { kind: 'null', field };
      return op === '=' ? isNull : { kind: 'not', term: isNull };
    }
    const literal = this.#literal(value);
    if (literal === undefined) return noRecord(this.#field);
    return { kind: 'compare', field, op, value: comparisons.has(op) ? literal : String(literal) };
  }

  // A list in which something is missing is not the list that was meant: nothing is in it, or outside of it.
  #list(value: unknown, isNegated: boolean): Where {
    const { name: field } = this.#field;
    const values = this.#values(value);
    if (values === undefined || values.length === 0) return noRecord(this.#field);
    if (values.length > limits.filterList) {
      throw inapplicable(this.#place, `has a list of more than ${limits.filterList} values`);
    }
    const where: Where = { kind: 'in', field, values };
    return isNegated ? { kind: 'not', term: where } : where;
  }

  #values(value: unknown): readonly Literal[] | undefined {
    const parts = Array.isArray(value) ? value : typeof value === 'string' ? listOf(value) : [value];
    const values: Literal[] = [];
    for (const part of parts) {
      const literal = this.#literal(part);
      if (literal === undefined) return undefined;
      // Lookups are written by administrators and may be lists; what callers say of themselves is one value.
      const isList = typeof part === 'string' && /^\{[A-Za-z_]\w*\}$/.test(part);
      if (isList) values.push(...listOf(String(literal)));
      else values.push(literal);
    }
    return values;
  }

  /** The value for the caller; undefined where he lacks a lookup that it names. */
  #literal(value: unknown): Literal | undefined {
    if (typeof value === 'string') return this.#meant(value);
    if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return value;
    throw inapplicable(this.#place, `compares '${this.#field.name}' with something that is no value`);
  }

  #meant(text: string): string | undefined {
    if (!mayNameLookups(text)) return text;
    let replaced = 0;
    const meant = withValues(
      text,
      (name) => lookupValue(name, this.#principal),
      (value) => {
        replaced++;
        return value;
      },
    );
    return replaced === namesIn(text).length ? meant : undefined;
  }
}

// `1,2`, `(1,2)`, `'a','b, c'`: as filters of requests write their lists, with or without parentheses.
function listOf(text: string): readonly string[] {
  const plain = text.trim().replace(/^\((.*)\)$/s, '$1');
  if (plain.trim() === '') return [];
  const part = /\s*(?:'((?:[^']|'')*)'|"((?:[^"]|"")*)"|([^,]*))\s*(?:,|$)/gy;
  const values: string[] = [];
  for (const [, single, double, bare] of `${plain}`.matchAll(part)) {
    const value = single?.replaceAll("''", "'") ?? double?.replaceAll('""', '"') ?? bare?.trim() ?? '';
    values.push(value);
  }
  // After the last comma or at the end the pattern finds one more, empty part.
  return values.slice(0, -1);
}
