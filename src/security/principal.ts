// A user as a principal. Invariant: nothing of the record but what scripts and session answers may show gets
// in.
import type { Principal, UserView } from '../core/operation.ts';
import type { UserRecord } from '../core/store.ts';

/** How a user came in. */
export interface Credentials {
  readonly sessionId: string | null;
  readonly apiKey: string | null;
}

/** The principal that a user is. */
export function userPrincipal(user: UserRecord, { sessionId, apiKey }: Credentials): Principal {
  return {
    kind: 'user',
    user: userView(user),
    isAdmin: user.isSysAdmin,
    roleId: null,
    appId: null,
    apiKey,
    sessionId,
  };
}

/** Whether two records of a user make the same principal. */
export function isSameUser(one: UserRecord, other: UserRecord): boolean {
  return (
    one.isSysAdmin === other.isSysAdmin && JSON.stringify(userView(one)) === JSON.stringify(userView(other))
  );
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
  };
}
