// What depends on a role: apps, users in apps, and the services that it speaks of. Invariant: keys of apps
// are told by the apps alone, because who may read roles need not be who may use every app.
import type { AppRecord, ServiceRecord, Store, UserRoleRecord } from '../../core/store.ts';
import { invalidField, readOptionalId, required } from './fields.ts';
import { type NestedChange, type NestedList, nestedList } from './nested.ts';
import type { Row } from './selection.ts';

/** The lists inside a role that others make by referring to it; only roles of users can be written there. */
export function roleDependents(): readonly NestedList[] {
  return [appsOfRole, servicesOfRole, usersOfRole()];
}

const appsOfRole: NestedList = {
  field: 'app_by_role_id',
  rows: async (store) => grouped(await store.apps.list(), ({ roleId }) => roleId, appRow),
  save: async () => undefined,
};

const servicesOfRole: NestedList = {
  field: 'service_by_role_service_access',
  rows: servicesByRole,
  save: async () => undefined,
};

function usersOfRole(): NestedList {
  return nestedList<UserRoleRecord>({
    field: 'user_to_app_to_role_by_role_id',
    parent: 'role_id',
    repository: (store) => store.userRoles,
    parentOf: ({ roleId }) => roleId,
    rowOf: ({ id, userId, appId, roleId }) => ({ id, user_id: userId, app_id: appId, role_id: roleId }),
    write: writeUser,
  });
}

async function writeUser({
  store,
  written,
  parentId,
  place,
  stored,
}: NestedChange<UserRoleRecord>): Promise<void> {
  const userId = required(readOptionalId(written, 'user_id') ?? stored?.userId, `${place}.user_id`);
  const appId = required(readOptionalId(written, 'app_id') ?? stored?.appId, `${place}.app_id`);
  if ((await store.users.get(userId)) === undefined)
    throw invalidField(`${place}.user_id`, `is ${userId}, and there is no such user`);
  if ((await store.apps.get(appId)) === undefined)
    throw invalidField(`${place}.app_id`, `is ${appId}, and there is no such app`);
  const entry = { userId, appId, roleId: parentId };
  if (stored === undefined) await store.userRoles.add(entry, null);
  else await store.userRoles.update(stored.id, entry, null);
}

async function servicesByRole(store: Store, parentId?: number): Promise<ReadonlyMap<number, readonly Row[]>> {
  const services = new Map((await store.services.list()).map((service) => [service.id, service]));
  const rows = new Map<number, Row[]>();
  const wanted = parentId === undefined ? {} : { roleId: parentId };
  for (const { roleId, serviceId } of await store.roleAccess.list(wanted)) {
    const service = serviceId === null ? undefined : services.get(serviceId);
    const known = rows.get(roleId) ?? [];
    if (service === undefined || known.some(({ id }) => id === service.id)) continue;
    rows.set(roleId, [...known, serviceRow(service)]);
  }
  return rows;
}

function grouped<Entry>(
  entries: readonly Entry[],
  parentOf: (entry: Entry) => number | null,
  rowOf: (entry: Entry) => Row,
): ReadonlyMap<number, readonly Row[]> {
  const rows = new Map<number, Row[]>();
  for (const entry of entries) {
    const parent = parentOf(entry);
    if (parent !== null) rows.set(parent, [...(rows.get(parent) ?? []), rowOf(entry)]);
  }
  return rows;
}

function appRow({ id, name, description, isActive, type, roleId }: AppRecord): Row {
  return { id, name, description, is_active: isActive, type, role_id: roleId };
}

function serviceRow({ id, name, label, description, isActive, type }: ServiceRecord): Row {
  return { id, name, label, description, is_active: isActive, type };
}
