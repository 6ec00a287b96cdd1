// Operations on the system's own authority: for mails that go out by a service which the caller may not use.
// Invariant: nothing is done so that is not in the audit log first.
import type { Observe } from '../core/observe.ts';
import type { InnerCall, Operation, Principal, Result } from '../core/operation.ts';
import type { AuditLog } from './audit.ts';

/** What acting for others takes. */
export interface ActorParts {
  readonly audit: Pick<AuditLog, 'add'>;
  readonly observe: Observe;
  /** The system itself, with the lookups that everybody has. */
  readonly authority: { readonly itself: Principal };
  dispatch(operation: Operation): Promise<Result>;
}

/** For whom and what for. */
export interface Errand {
  /** The operation that it is a part of. */
  readonly operation: Operation;
  /** What for, as the audit log names it: `invitation of user/7`. */
  readonly for: string;
}

/** Asks for an operation on the system's own authority, whoever is asking. */
export type Act = (call: InnerCall, errand: Errand) => Promise<Result>;

/** Makes the one who acts for others. */
export function actor({ audit, observe, authority, dispatch }: ActorParts): Act {
  return async (call, { operation: outer, for: purpose }) => {
    const { service, action } = call;
    const path = call.path.join('/');
    const elevation = { by: purpose, to: 'the system' };
    observe({ kind: 'elevated', ...elevation, service, path, action });
    const { user } = outer.principal;
    await audit.add({
      action: 'elevate',
      record: [service, path].filter((part) => part !== '').join('/'),
      userId: user?.id ?? null,
      userEmail: user?.email ?? null,
      remoteAddress: outer.remoteAddress ?? null,
      door: outer.origin,
      before: null,
      after: { ...elevation, action },
    });
    return dispatch({ ...outer, ...call, principal: authority.itself, depth: outer.depth + 1, elevation });
  };
}
