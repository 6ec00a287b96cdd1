// Roles as plain data, for tests.
import { type Grant, Role, type RoleFacts } from './role.ts';

/** A row of access to the service `hr`. */
export function grantOf(over: Partial<Grant> = {}): Grant {
  return {
    id: 1,
    serviceId: 3,
    service: 'hr',
    component: '_table/todo',
    verbMask: 1,
    requestorMask: 3,
    filters: [],
    filterOp: 'AND',
    fields: [],
    createdDate: '2026-01-01T00:00:00.000Z',
    lastModifiedDate: '2026-01-01T00:00:00.000Z',
    createdById: null,
    lastModifiedById: null,
    ...over,
  };
}

/** A role with these rows. */
export function roleOf(grants: readonly Partial<Grant>[], over: Partial<RoleFacts> = {}): Role {
  return new Role({ id: 2, name: 'reader', isActive: true, grants: grants.map(grantOf), ...over });
}
