// Roles with their rows of access. Invariant: what is stored is in force when it is answered, here at once
// and in other processes within a moment; a row that says too little grants nothing.
import { limits } from '../../core/limits.ts';
import type { New, RoleRecord } from '../../core/store.ts';
import type { Change, Collection } from './collection.ts';
import { invalidField, onlyGiven, readFlag, readOptionalText, readText, required } from './fields.ts';
import { nestedLookups } from './lookup.ts';
import { type NestedList, withNested } from './nested.ts';
import type { SystemParts } from './parts.ts';
import type { Written } from './request.ts';
import { recordNotFound } from './resource.ts';
import { nestedAccess } from './role-access.ts';
import { describedRole } from './role-description.ts';
import { roleDependents } from './role-relations.ts';
import { unappliedRules } from './role-warning.ts';
import { type Field, type Row, stampFields } from './selection.ts';

const fields: readonly Field[] = [
  { name: 'id', type: 'integer' },
  { name: 'name', type: 'string' },
  { name: 'description', type: 'text' },
  { name: 'is_active', type: 'boolean' },
  { name: 'max_concurrency', type: 'integer' },
  { name: 'max_body_bytes', type: 'integer' },
  ...stampFields,
];

/** The records of `role`. */
export function roleCollection(parts: SystemParts): Collection {
  const lists = [nestedAccess(), nestedLookups(parts, 'role'), ...roleDependents()];
  const { authority, store: stored, services, observe } = parts;
  return {
    name: 'role',
    noun: 'role',
    identifier: 'id',
    fields,
    relations: lists.map(({ field }) => field),
    described: describedRole,
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
      return unappliedRules(rows, services, await stored.services.list());
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
    maxConcurrency: readCap(written, 'max_concurrency'),
    maxBodyBytes: readCap(written, 'max_body_bytes'),
  });
}

function readCap(written: Written, name: string): number | null | undefined {
  const value = Object.hasOwn(written, name) ? written[name] : undefined;
  if (value === undefined || value === null) return value;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= limits.roleCap)
    return value;
  throw invalidField(name, `must be a whole number from 1 to ${limits.roleCap}, or null for no bound`);
}

function rowOf(role: RoleRecord): Row {
  return {
    id: role.id,
    name: role.name,
    description: role.description,
    is_active: role.isActive,
    max_concurrency: role.maxConcurrency,
    max_body_bytes: role.maxBodyBytes,
    created_date: role.createdDate,
    last_modified_date: role.lastModifiedDate,
    created_by_id: role.createdById,
    last_modified_by_id: role.lastModifiedById,
  };
}
