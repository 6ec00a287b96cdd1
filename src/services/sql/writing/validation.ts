// What administrators demand of written values, applied to a record on its way into a table; and the values
// that fields get by themselves. Invariant: it comes before any statement, for every way a record is
// written.
import { PlatformError } from '../../../core/errors.ts';
import { everyField, type Field, type Table } from '../schema.ts';
import { brokenRule, type Rule, rulesOf } from './validation-rules.ts';

/** Whether a record is made or changed, and by whom. */
export interface Writing {
  readonly isNew: boolean;
  /** Undefined where nobody is logged in. */
  readonly userId: number | undefined;
}

/** A field with what is demanded of it. */
interface Demand {
  readonly field: Field;
  readonly rules: readonly Rule[];
  readonly automatic: NonNullable<Field['extras']>['automatic'];
}

// Tables of an earlier schema are other objects.
const demands = new WeakMap<Table, readonly Demand[]>();

/**
 * The values of a record once its rules were applied: without the fields that a rule ignores and with those
 * that the table fills in itself. Throws `request.invalid_record` with the rule's message.
 */
export function validated(
  table: Table,
  given: ReadonlyMap<Field, unknown>,
  writing: Writing,
): Map<Field, unknown> {
  const values = new Map(given);
  for (const { field, rules, automatic } of demandsOf(table)) {
    if (automatic !== null) fillIn(values, { field, automatic, writing });
    else if (values.has(field)) applyRules(values, { field, rules, writing });
  }
  for (const [field, value] of values) {
    if (field.extras?.isVirtual === true) values.delete(field);
    else refuseExpression(field, value);
  }
  return values;
}

function demandsOf(table: Table): readonly Demand[] {
  let known = demands.get(table);
  if (known === undefined) {
    known = everyField(table).flatMap((field) => {
      const { extras, picklist } = field;
      if (extras === undefined || extras.isVirtual) return [];
      const rules = extras.validation === null ? [] : rulesOf(extras.validation, picklist ?? []);
      const { automatic } = extras;
      return rules.length === 0 && (automatic === null || automatic === 'user_id')
        ? []
        : [{ field, rules, automatic: automatic === 'user_id' ? null : automatic }];
    });
    demands.set(table, known);
  }
  return known;
}

// What the table fills in is not for callers to say.
function fillIn(
  values: Map<Field, unknown>,
  { field, automatic, writing }: Pick<Demand, 'field' | 'automatic'> & { readonly writing: Writing },
): void {
  values.delete(field);
  const isOnCreate = automatic === 'timestamp_on_create' || automatic === 'user_id_on_create';
  if (isOnCreate && !writing.isNew) return;
  const isMoment = automatic === 'timestamp_on_create' || automatic === 'timestamp_on_update';
  if (isMoment) values.set(field, new Date().toISOString().slice(0, 19).replace('T', ' '));
  else if (writing.userId !== undefined) values.set(field, writing.userId);
}

function applyRules(
  values: Map<Field, unknown>,
  { field, rules, writing }: Pick<Demand, 'field' | 'rules'> & { readonly writing: Writing },
): void {
  for (const rule of rules) {
    const what = flawOf(rule, values.get(field), writing);
    if (what === undefined) continue;
    if (!rule.ignores) throw brokenRule(field.name, rule, what);
    values.delete(field);
    return;
  }
}

function flawOf(rule: Rule, value: unknown, { isNew }: Writing): string | undefined {
  if (rule.name === 'api_read_only') return 'is read only';
  if (rule.name === 'create_only') return isNew ? undefined : 'can only be set during record creation';
  return rule.check?.(value);
}

// SQL of a request would be run with the rights of the service, whoever sent it.
function refuseExpression(field: Field, value: unknown): void {
  if (field.type === 'json' || field.type === 'array') return;
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, 'expression')) return;
  throw new PlatformError(
    'request.invalid_record',
    `Field '${field.name}': SQL expressions in records are not taken. An administrator can give the field ` +
      "a 'db_function' instead.",
  );
}
