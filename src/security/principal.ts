// A user as a principal. Invariant: nothing of the record but what scripts and session answers may show gets
// in.
import type { Principal, UserView } from '../core/operation.ts';
import type { UserRecord } from '../core/store.ts';
import { noRights, type Rights } from './authority.ts';
import type { KnownUser } from './users.ts';

/** How a user came in. */
export interface Credentials {
  readonly sessionId: string | null;
  readonly apiKey: string | null;
}

/** The principal that a user is, with the rights he has there. */
export function userPrincipal(
  user: UserRecord,
  { sessionId, apiKey }: Credentials,
  rights: Rights = noRights,
): Principal {
  return { kind: 'user', user: userView(user), isAdmin: user.isSysAdmin, apiKey, sessionId, ...rights };
}

/** Whether what was read of a user twice makes the same principal. */
export function isSameUser(one: KnownUser, other: KnownUser): boolean {
  return fingerprint(one) === fingerprint(other);
}

function fingerprint({ record, roles }: KnownUser): string {
  return JSON.stringify([userView(record), roles]);
}

function userView(user: UserRecord): UserView {
  return {
    id: user.id,
    name: user.name,
    username: user.username,
    displayName: user.name,
    firstName: user.firstName,
    lastName: user.lastName,
    email: user.email,
    isAdmin: user.isSysAdmin,
    lastLogin: user.lastLoginDate,
    phone: user.phone,
    defaultAppId: user.defaultAppId,
  };
}
