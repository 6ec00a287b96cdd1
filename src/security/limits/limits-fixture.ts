// Limits, operations and a store for tests of limits.
import { anonymous, type Operation, type Principal } from '../../core/operation.ts';
import { Role } from '../../core/role.ts';
import type { LimitRecord, New, Store, UserRecord } from '../../core/store.ts';
import { keyText } from './rule.ts';

/** A limit as it is stored; the instance's own of 3 calls per minute unless said otherwise. */
export function limitOf(over: Partial<New<LimitRecord>> = {}): New<LimitRecord> {
  const scope = { type: 'instance', period: 'minute', userId: null, roleId: null, serviceId: null };
  const limit = { ...scope, endpoint: null, verb: null, ...over };
  const named = { name: over.name ?? keyText(limit), description: null, rate: 3, isActive: true };
  return { ...named, keyText: keyText(limit), ...limit, ...over };
}

/** The same as it is read. */
export function storedLimit(over: Partial<LimitRecord> = {}): LimitRecord {
  const stamps = { createdDate: '', lastModifiedDate: '', createdById: null, lastModifiedById: null };
  return { id: 1, ...stamps, ...limitOf(over), ...over };
}

/** A call from outside of `db/_table/todo`. */
export function callOf(principal: Principal, over: Partial<Operation> = {}): Operation {
  return {
    ...{ service: 'db', path: ['_table', 'todo'], action: 'GET', origin: 'http', requestor: 'api', depth: 0 },
    ...{ request: { parameters: {}, headers: {}, body: undefined }, uri: '/', apiVersion: '2.0' },
    remoteAddress: '192.0.2.1',
    principal,
    ...over,
  };
}

/** A user who has a role. */
export function userOf(id: number, roleId = 1, over: Partial<Principal> = {}): Principal {
  const names = { name: 'u', username: 'u', displayName: 'u', firstName: '', lastName: '' };
  const user = { id, ...names, email: `u${id}@example.com`, isAdmin: false, lastLogin: null };
  const role = new Role({ id: roleId, name: `role ${roleId}`, isActive: true, grants: [] });
  return { ...anonymous, kind: 'user', user, role, ...over };
}

/** Whoever comes with the key of an app alone. */
export function appOf(id: number): Principal {
  return { ...userOf(0), kind: 'app', user: undefined, app: { id, name: 'a', isActive: true } };
}

/** Adds users, a role and services, so that limits may name them: each has the ids 1, 2 … */
export async function furnished(store: Store): Promise<Store> {
  const person = { name: 'U', username: '', firstName: '', lastName: '', passwordHash: '', phone: null };
  const more = { isActive: true, isSysAdmin: false, lastLoginDate: null, defaultAppId: null };
  const confirmed = { isConfirmed: true, securityQuestion: null, securityAnswerHash: null };
  for (const name of ['one', 'two']) {
    const names = { email: `${name}@example.com`, username: name };
    await store.users.create({ ...person, ...more, ...confirmed, ...names } as New<UserRecord>, null);
    const role = { name, description: null, isActive: true, maxConcurrency: null, maxBodyBytes: null };
    await store.roles.create(role, null);
    const service = { label: name, description: null, type: 'sqlite', isActive: true, config: {} };
    const kept = { mutable: true, deletable: true, document: null };
    await store.services.create({ name: `db-${name}`, ...service, ...kept }, null);
  }
  return store;
}
