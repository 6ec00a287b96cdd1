// The rows of access inside a role: which verbs on which components of which service, under which filters,
// and with which fields. Invariant: what is stored can be applied as it stands; what can not is refused,
// naming its place in the request.
import { limits } from '../../core/limits.ts';
import {
  type FieldRule,
  type RoleFilter,
  readFieldRule,
  readRoleFilter,
  roleOperators,
} from '../../core/restriction.ts';
import type { New, RoleAccessRecord, Store } from '../../core/store.ts';
import { invalidField, onlyGiven, readOptionalId, readOptionalText, readText } from './fields.ts';
import { type NestedChange, type NestedList, nestedList } from './nested.ts';
import { isObject, type Written } from './request.ts';
import type { Row } from './selection.ts';

const allVerbs = 31;
const allRequestors = 3;

/** The list of rows of access inside a role. */
export function nestedAccess(): NestedList {
  return nestedList<RoleAccessRecord>({
    field: 'role_service_access_by_role_id',
    parent: 'role_id',
    repository: (store) => store.roleAccess,
    parentOf: ({ roleId }) => roleId,
    rowOf: accessRow,
    write: writeAccess,
  });
}

async function writeAccess({ store, written, parentId, place, stored }: NestedChange<RoleAccessRecord>) {
  const changes = readAccess(new Placed(written, place));
  await checkService(store, changes.serviceId, place);
  // As recorded: rows inside a role do not say who wrote them, the role does.
  if (stored !== undefined) {
    await store.roleAccess.update(stored.id, changes, null);
    return;
  }
  // Without any service a new row would speak of all of them: that has to be said.
  if (changes.serviceId === undefined)
    throw invalidField(`${place}.service_id`, 'is required; null means all services');
  const nothing = { serviceId: null, component: null, verbMask: 0, requestorMask: 1 };
  const unrestricted = { filters: [], filterOp: 'AND', fields: [] };
  await store.roleAccess.add({ ...nothing, ...unrestricted, ...changes, roleId: parentId }, null);
}

async function checkService(store: Store, id: number | null | undefined, place: string): Promise<void> {
  if (id === undefined || id === null || (await store.services.get(id)) !== undefined) return;
  throw invalidField(`${place}.service_id`, `is ${id}, and there is no such service`);
}

/** A written object whose members are called by their places, so that refusals name those. */
class Placed {
  readonly #place: string;
  readonly values: Written;

  constructor(written: Written, place: string) {
    this.#place = place;
    this.values = Object.fromEntries(Object.entries(written).map(([name, value]) => [this.at(name), value]));
  }

  at(name: string): string {
    return `${this.#place}.${name}`;
  }

  get(name: string): unknown {
    return this.values[this.at(name)];
  }
}

function readAccess(row: Placed): Partial<New<RoleAccessRecord>> {
  return onlyGiven<Partial<New<RoleAccessRecord>>>({
    serviceId: readOptionalId(row.values, row.at('service_id')),
    component: readOptionalText(row.values, row.at('component'), { max: limits.labelText }),
    verbMask: readMask(row, 'verb_mask', allVerbs),
    requestorMask: readMask(row, 'requestor_mask', allRequestors),
    filters: readMembers(row, 'filters', { most: limits.filterTerms, read: readFilter, form: filterForm }),
    filterOp: readOperator(row),
    fields: readFields(row),
  });
}

function readMask(row: Placed, name: string, all: number): number | undefined {
  const value = row.get(name);
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= all) return value;
  throw invalidField(row.at(name), `must be a sum of bits from 0 to ${all}`);
}

function readOperator(row: Placed): string | undefined {
  const operator = readText(row.values, row.at('filter_op'), { max: limits.labelText })?.toUpperCase();
  if (operator === undefined || operator === 'AND' || operator === 'OR') return operator;
  throw invalidField(row.at('filter_op'), 'must be AND or OR');
}

const filterForm = '{"name", "operator", "value"}';
const ruleForm = '{"field", "access", "mask"}';

interface Members<Member> {
  readonly most: number;
  readonly form: string;
  read(member: Placed): Member;
}

function readMembers<Member>(
  row: Placed,
  name: string,
  { most, form, read }: Members<Member>,
): readonly Member[] | undefined {
  const list = row.get(name);
  if (list === undefined) return undefined;
  if (list === null) return [];
  if (!Array.isArray(list)) throw invalidField(row.at(name), `must be a list of objects ${form}`);
  if (list.length > most) throw invalidField(row.at(name), `holds more than ${most} entries`);
  return list.map((member, index) => {
    const place = row.at(`${name}[${index}]`);
    if (!isObject(member)) throw invalidField(place, `must be an object ${form}`);
    return read(new Placed(member, place));
  });
}

const lists: ReadonlySet<string> = new Set(['in', 'not in']);
const withoutValue: ReadonlySet<string> = new Set(['is null', 'is not null']);

function readFilter(member: Placed): RoleFilter {
  const name = neededText(member, 'name', 'must name a field');
  const filter = readRoleFilter({ name, operator: member.get('operator') ?? null });
  if (filter === undefined) {
    throw invalidField(member.at('operator'), `must be one of ${roleOperators.join(', ')}`);
  }
  return { ...filter, value: readValue(member, filter.operator) };
}

function readValue(member: Placed, operator: string): unknown {
  if (withoutValue.has(operator)) return null;
  const value = member.get('value') ?? null;
  if (value === null)
    throw invalidField(member.at('value'), "is required; for NULL use the operator 'is null'");
  if (isPlain(value)) return value;
  const isList = Array.isArray(value) && value.length <= limits.filterList && value.every(isPlain);
  if (isList && lists.has(operator)) return value;
  const what = lists.has(operator)
    ? 'text, a number, true or false, or a list of these'
    : 'text, a number, true or false';
  throw invalidField(member.at('value'), `must be ${what}`);
}

function isPlain(value: unknown): boolean {
  if (typeof value === 'string') return value.length <= limits.lookupValue;
  return typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value));
}

function readFields(row: Placed): readonly FieldRule[] | undefined {
  const rules = readMembers(row, 'fields', { most: limits.fields, read: readRule, form: ruleForm });
  const known = new Set<string>();
  for (const [index, { field }] of (rules ?? []).entries()) {
    if (known.has(field.toLowerCase())) {
      throw invalidField(
        row.at(`fields[${index}].field`),
        `is '${field}', for which there is a rule already`,
      );
    }
    known.add(field.toLowerCase());
  }
  return rules;
}

function readRule(member: Placed): FieldRule {
  const field = neededText(member, 'field', 'must name a field');
  const access = member.get('access');
  const mask = member.get('mask') ?? null;
  if (mask !== null && access !== 'masked') {
    throw invalidField(member.at('mask'), "is only for 'masked' fields");
  }
  if (mask !== null && !isMask(mask)) {
    throw invalidField(
      member.at('mask'),
      `must be null or one line of text of at most ${limits.labelText} characters`,
    );
  }
  const rule = readFieldRule({ field, access, mask });
  if (rule !== undefined) return rule;
  throw invalidField(member.at('access'), 'must be hidden, masked or read_only');
}

function isMask(mask: unknown): boolean {
  return (
    typeof mask === 'string' &&
    mask.length <= limits.labelText &&
    !/\p{Cc}/u.test(mask) &&
    mask.isWellFormed()
  );
}

function neededText(member: Placed, name: string, problem: string): string {
  const text = member.get(name);
  const isText = typeof text === 'string' && text.trim() !== '' && text.length <= limits.labelText;
  if (isText) return text.trim();
  throw invalidField(member.at(name), `${problem}, in at most ${limits.labelText} characters`);
}

function accessRow(row: RoleAccessRecord): Row {
  return {
    id: row.id,
    role_id: row.roleId,
    service_id: row.serviceId,
    component: row.component,
    verb_mask: row.verbMask,
    requestor_mask: row.requestorMask,
    filters: row.filters,
    filter_op: row.filterOp,
    fields: row.fields,
    created_date: row.createdDate,
    last_modified_date: row.lastModifiedDate,
    created_by_id: row.createdById,
    last_modified_by_id: row.lastModifiedById,
  };
}
