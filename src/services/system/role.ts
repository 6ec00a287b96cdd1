// Roles with their rows of access. Invariant: what is stored is in force when it is answered, here at once
// and in other processes within a moment; a row that says too little grants nothing.
import { limits } from '../../core/limits.ts';
import type { New, RoleAccessRecord, RoleRecord, Store } from '../../core/store.ts';
import type { Change, Collection } from './collection.ts';
import {
  invalidField,
  onlyGiven,
  readFlag,
  readOptionalId,
  readOptionalText,
  readText,
  required,
} from './fields.ts';
import { nestedLookups } from './lookup.ts';
import { type NestedChange, type NestedList, nestedList, withNested } from './nested.ts';
import type { SystemParts } from './parts.ts';
import { isObject, type Written } from './request.ts';
import { recordNotFound } from './resource.ts';
import { type Field, type Row, stampFields } from './selection.ts';

const fields: readonly Field[] = [
  { name: 'id', type: 'integer' },
  { name: 'name', type: 'string' },
  { name: 'description', type: 'text' },
  { name: 'is_active', type: 'boolean' },
  ...stampFields,
];

const allVerbs = 31;
const allRequestors = 3;

/** The records of `role`. */
export function roleCollection(parts: SystemParts): Collection {
  const lists = [accessList(), nestedLookups(parts, 'role')];
  const { authority, store: stored, observe } = parts;
  return {
    name: 'role',
    noun: 'role',
    identifier: 'id',
    fields,
    relations: lists.map(({ field }) => field),
    rows: async (store) => withNested(store, lists, (await store.roles.list()).map(rowOf)),
    create: (change) => create(lists, change),
    update: (row, change) => update(lists, Number(row.id), change),
    remove: async (row, { store }) => void (await store.roles.delete(Number(row.id))),
    applied: async (ids, by) => {
      await authority.load();
      for (const id of ids) observe({ kind: 'config.changed', record: `role/${id}`, by });
    },
    warning: async (ids) => {
      const rows = (await stored.roleAccess.list()).filter(({ roleId }) => ids.includes(roleId));
      if (!rows.some(({ filters }) => filters.length > 0)) return undefined;
      return 'Filters of roles are stored but not applied yet: what such a row grants is refused.';
    },
  };
}

function create(lists: readonly NestedList[], { store, written, by }: Change): Promise<Row> {
  const name = required(readText(written, 'name', { max: limits.roleName }), 'name');
  const caps = { maxConcurrency: null, maxBodyBytes: null };
  const role = { description: null, isActive: true, ...caps, ...readRole(written), name };
  return store.transaction(async (inside) => {
    const made = await inside.roles.create(role, by);
    return saved(lists, made, { store: inside, written, by });
  });
}

function update(lists: readonly NestedList[], id: number, { store, written, by }: Change): Promise<Row> {
  const changes = readRole(written);
  return store.transaction(async (inside) => {
    const changed = await inside.roles.update(id, changes, by);
    if (changed === undefined) throw recordNotFound(id);
    return saved(lists, changed, { store: inside, written, by });
  });
}

async function saved(lists: readonly NestedList[], role: RoleRecord, change: Change): Promise<Row> {
  for (const list of lists) await list.save(change, role.id);
  const [row] = await withNested(change.store, lists, [rowOf(role)]);
  return row ?? rowOf(role);
}

function readRole(written: Written): Partial<New<RoleRecord>> {
  return onlyGiven<Partial<New<RoleRecord>>>({
    name: readText(written, 'name', { max: limits.roleName }),
    description: readOptionalText(written, 'description', { max: limits.descriptionText }),
    isActive: readFlag(written, 'is_active'),
  });
}

function accessList(): NestedList {
  return nestedList<RoleAccessRecord>({
    field: 'role_service_access_by_role_id',
    parent: 'role_id',
    repository: (store) => store.roleAccess,
    parentOf: ({ roleId }) => roleId,
    rowOf: accessRow,
    write: writeAccess,
  });
}

async function writeAccess({ store, written, parentId, stored }: NestedChange<RoleAccessRecord>) {
  const changes = readAccess(written);
  await checkService(store, changes.serviceId);
  // As recorded: rows inside a role do not say who wrote them, the role does.
  if (stored !== undefined) {
    await store.roleAccess.update(stored.id, changes, null);
    return;
  }
  const nothing = { serviceId: null, component: null, verbMask: 0, requestorMask: 1 };
  // Without any service a new row would speak of all of them: that has to be said.
  if (changes.serviceId === undefined)
    throw invalidField('service_id', 'is required; null means all services');
  await store.roleAccess.add(
    { ...nothing, filters: [], filterOp: 'AND', fields: [], ...changes, roleId: parentId },
    null,
  );
}

async function checkService(store: Store, id: number | null | undefined): Promise<void> {
  if (id === undefined || id === null || (await store.services.get(id)) !== undefined) return;
  throw invalidField('service_id', `is ${id}, and there is no such service`);
}

function readAccess(written: Written): Partial<New<RoleAccessRecord>> {
  return onlyGiven<Partial<New<RoleAccessRecord>>>({
    serviceId: readOptionalId(written, 'service_id'),
    component: readOptionalText(written, 'component', { max: limits.labelText }),
    verbMask: readMask(written, 'verb_mask', allVerbs),
    requestorMask: readMask(written, 'requestor_mask', allRequestors),
    filters: readFilters(written),
    filterOp: readOperator(written),
  });
}

function readMask(written: Written, name: string, all: number): number | undefined {
  const value = written[name];
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= all) return value;
  throw invalidField(name, `must be a sum of bits from 0 to ${all}`);
}

function readFilters(written: Written): readonly unknown[] | undefined {
  const { filters } = written;
  if (filters === undefined) return undefined;
  if (filters === null) return [];
  const isList = Array.isArray(filters) && filters.length <= limits.filterTerms;
  if (isList && filters.every((filter) => isObject(filter) && typeof filter.name === 'string'))
    return filters;
  throw invalidField('filters', 'must be a list of objects {"name", "operator", "value"}');
}

function readOperator(written: Written): string | undefined {
  const operator = readText(written, 'filter_op', { max: limits.labelText })?.toUpperCase();
  if (operator === undefined || operator === 'AND' || operator === 'OR') return operator;
  throw invalidField('filter_op', 'must be AND or OR');
}

function rowOf(role: RoleRecord): Row {
  return {
    id: role.id,
    name: role.name,
    description: role.description,
    is_active: role.isActive,
    created_date: role.createdDate,
    last_modified_date: role.lastModifiedDate,
    created_by_id: role.createdById,
    last_modified_by_id: role.lastModifiedById,
  };
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
    created_date: row.createdDate,
    last_modified_date: row.lastModifiedDate,
    created_by_id: row.createdById,
    last_modified_by_id: row.lastModifiedById,
  };
}
