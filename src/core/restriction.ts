// What a role grants only in part: records that fit its filters (spec §5.13), and fields that it hides, masks
// or lets be read only. Invariant: what cannot be understood grants nothing; rights of several rows add up.

/** A condition of a role's filter, as it is stored; `value` may name lookups. */
export interface RoleFilter {
  readonly name: string;
  /** As in spec §5.13, in lower case: `=`, `!=`, `>`, `not in`, `starts with`, `is null` … */
  readonly operator: string;
  readonly value: unknown;
}

/** The filter of one row of access. */
export interface RowRule {
  readonly op: 'AND' | 'OR';
  readonly conditions: readonly RoleFilter[];
}

/** What a role may not do with a field that others may. */
export interface FieldRule {
  readonly field: string;
  /**
   * Hidden: as if it were not there. Masked: shown as `mask`, and of no other use. Read only: not written.
   */
  readonly access: 'hidden' | 'masked' | 'read_only';
  /** What a masked field shows in place of its value; null: nothing at all. */
  readonly mask: string | null;
}

/** What is granted in part. */
export interface Restriction {
  /** A record must fit one of these; none: all records. */
  readonly rows: readonly RowRule[];
  /** By name in lower case. */
  readonly fields: ReadonlyMap<string, FieldRule>;
}

/** What a row of access says beside its masks. */
export interface RestrictedRow {
  readonly filters: readonly unknown[];
  readonly filterOp: string;
  readonly fields: readonly unknown[];
}

/** Operators of filters in roles. */
export const roleOperators: readonly string[] = [
  ...['=', '!=', '>', '>=', '<', '<=', 'in', 'not in'],
  ...['starts with', 'ends with', 'contains', 'is null', 'is not null'],
];

/** What a filter is as it was written; undefined when it is none. */
export function readRoleFilter(written: unknown): RoleFilter | undefined {
  if (typeof written !== 'object' || written === null) return undefined;
  const { name, operator, value } = written as Record<string, unknown>;
  if (typeof name !== 'string' || name.trim() === '' || typeof operator !== 'string') return undefined;
  const known = operator.trim().toLowerCase().replace(/\s+/g, ' ');
  return roleOperators.includes(known) ? { name: name.trim(), operator: known, value } : undefined;
}

/** What a rule for a field is as it was written; undefined when it is none. */
export function readFieldRule(written: unknown): FieldRule | undefined {
  if (typeof written !== 'object' || written === null) return undefined;
  const { field, access, mask = null } = written as Record<string, unknown>;
  if (typeof field !== 'string' || field.trim() === '') return undefined;
  if (access !== 'hidden' && access !== 'masked' && access !== 'read_only') return undefined;
  if (mask !== null && typeof mask !== 'string') return undefined;
  return { field: field.trim(), access, mask };
}

/**
 * What rows that grant the same together restrict; undefined: nothing. `'all'` when none of them can be
 * understood.
 */
export function restrictionOf(rows: readonly RestrictedRow[]): Restriction | 'all' | undefined {
  const parts = rows.flatMap((row) => partOf(row) ?? []);
  if (parts.length === 0) return rows.length === 0 ? undefined : 'all';
  const isOpen = parts.some(({ row }) => row === undefined);
  const allowed = isOpen ? [] : parts.flatMap(({ row }) => row ?? []);
  const fields = weakest(parts.map(({ fields }) => fields));
  return allowed.length === 0 && fields.size === 0 ? undefined : { rows: allowed, fields };
}

interface Part {
  readonly row: RowRule | undefined;
  readonly fields: ReadonlyMap<string, FieldRule>;
}

function partOf({ filters, filterOp, fields }: RestrictedRow): Part | undefined {
  const conditions = filters.flatMap((filter) => readRoleFilter(filter) ?? []);
  const rules = fields.flatMap((rule) => readFieldRule(rule) ?? []);
  if (conditions.length !== filters.length || rules.length !== fields.length) return undefined;
  const op = filterOp.toUpperCase() === 'OR' ? 'OR' : 'AND';
  return {
    row: conditions.length === 0 ? undefined : { op, conditions },
    fields: new Map(rules.map((rule) => [rule.field.toLowerCase(), rule])),
  };
}

const strength = { read_only: 1, masked: 2, hidden: 3 } as const;

// A field is restricted only where every row restricts it, and as little as one of them does.
function weakest(all: readonly ReadonlyMap<string, FieldRule>[]): ReadonlyMap<string, FieldRule> {
  const [first = new Map<string, FieldRule>(), ...others] = all;
  const shared = [...first].flatMap(([name, rule]) => {
    const rules = others.map((other) => other.get(name));
    if (rules.includes(undefined)) return [];
    const least = rules.reduce<FieldRule>((found, next) => weaker(found, next ?? found), rule);
    return [[name, least] as const];
  });
  return new Map(shared);
}

function weaker(one: FieldRule, other: FieldRule): FieldRule {
  return strength[other.access] < strength[one.access] ? other : one;
}
