// How roles, apps, roles of users and lookups are kept.
import type { AppRecord, LookupRecord, RoleAccessRecord, RoleRecord, UserRoleRecord } from '../core/store.ts';
import type { DetailKind } from './details.ts';
import { type RecordKind, stampKinds } from './records.ts';
import { flag, integer, jsonList, optionalInteger, optionalText, text } from './table.ts';

/** How roles are kept. */
export const roleKind: RecordKind<RoleRecord> = {
  table: 'role',
  noun: 'role',
  key: 'id',
  natural: 'name',
  kinds: {
    id: integer,
    name: text,
    description: optionalText,
    isActive: flag,
    maxConcurrency: optionalInteger,
    maxBodyBytes: optionalInteger,
    ...stampKinds,
  },
};

/** How rows of access are kept. */
export const roleAccessKind: DetailKind<RoleAccessRecord> = {
  table: 'role_service_access',
  noun: 'row of access',
  kinds: {
    id: integer,
    roleId: integer,
    serviceId: optionalInteger,
    component: optionalText,
    verbMask: integer,
    requestorMask: integer,
    filters: jsonList,
    filterOp: text,
    fields: jsonList,
    ...stampKinds,
  },
};

/** How apps are kept. */
export const appKind: RecordKind<AppRecord> = {
  table: 'app',
  noun: 'app',
  key: 'id',
  natural: 'name',
  kinds: {
    id: integer,
    name: text,
    apiKey: text,
    description: optionalText,
    isActive: flag,
    type: integer,
    path: optionalText,
    url: optionalText,
    storageServiceId: optionalInteger,
    storageContainer: optionalText,
    requiresFullscreen: flag,
    allowFullscreenToggle: flag,
    toggleLocation: text,
    roleId: optionalInteger,
    ...stampKinds,
  },
};

/** How the roles of users are kept. */
export const userRoleKind: DetailKind<UserRoleRecord> = {
  table: 'user_app_role',
  noun: 'role of this user',
  kinds: { id: integer, userId: integer, appId: integer, roleId: integer, ...stampKinds },
};

/** How lookups are kept. */
export const lookupKind: DetailKind<LookupRecord> = {
  table: 'lookup',
  noun: 'lookup',
  kinds: {
    id: integer,
    name: text,
    owner: text,
    appId: optionalInteger,
    roleId: optionalInteger,
    userId: optionalInteger,
    value: text,
    isPrivate: flag,
    isScriptVisible: flag,
    description: optionalText,
    ...stampKinds,
  },
};
