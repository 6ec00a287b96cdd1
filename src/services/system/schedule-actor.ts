// On whose authority schedules call. Invariants: whoever is no administrator writes only schedules that call
// as he does himself; and one that is said to be without privilege has somebody whose rights are looked at.
import { PlatformError } from '../../core/errors.ts';
import type { Principal } from '../../core/operation.ts';
import type { ScheduleRecord } from '../../core/schedule.ts';
import type { New, Store } from '../../core/store.ts';
import type { Attempt } from './collection.ts';
import { invalidField } from './fields.ts';
import { readActor } from './schedule-fields.ts';
import type { Row } from './selection.ts';

type Actor = Pick<ScheduleRecord, 'userId' | 'appId' | 'isPrivileged'>;

/** Refuses to let somebody have calls made with more rights than his own. */
export function permitSchedule({ principal, row, written }: Attempt): void {
  if (principal.isAdmin) return;
  if (row !== undefined && !isOwn(principal, actorIn(row))) {
    throw refused('Schedules that call on the authority of others are for administrators.');
  }
  if (written === undefined) return;
  const { userId, appId, isPrivileged } = readActor(written);
  const before = row === undefined ? { userId: null, appId: null, isPrivileged: true } : actorIn(row);
  const after: Actor = {
    userId: userId === undefined ? before.userId : userId,
    appId: appId === undefined ? before.appId : appId,
    isPrivileged: isPrivileged ?? before.isPrivileged,
  };
  if (isOwn(principal, after)) return;
  const own = JSON.stringify({
    is_privileged: false,
    user_id: principal.user?.id ?? null,
    app_id: principal.app?.id ?? null,
  });
  throw refused(`Whoever is no administrator may only write schedules that call as he does: with ${own}.`);
}

/** Refuses an authority that nobody has. */
export async function checkActor(store: Store, { userId, appId, isPrivileged }: Actor): Promise<void> {
  if (userId !== null && appId === null) {
    throw invalidField('app_id', 'is required with user_id: it says which role the user has');
  }
  // Without anybody it is the system itself that calls, which may do everything.
  if (!isPrivileged && appId === null) {
    throw invalidField('is_privileged', 'can only be false with app_id: it says whose rights are looked at');
  }
  const app = appId === null ? undefined : await store.apps.get(appId);
  if (appId !== null) checkFound('app_id', appId, { noun: 'app', found: app });
  const user = userId === null ? undefined : await store.users.get(userId);
  if (userId !== null) checkFound('user_id', userId, { noun: 'user', found: user });
}

/** Whether two act on the same authority. */
export function isSameActor(one: Actor, other: Actor): boolean {
  const isSame = one.userId === other.userId && one.appId === other.appId;
  return isSame && one.isPrivileged === other.isPrivileged;
}

interface Found {
  readonly noun: string;
  readonly found: Pick<New<ScheduleRecord>, 'isActive'> | undefined;
}

function checkFound(field: string, id: number, { noun, found }: Found): void {
  if (found === undefined) throw invalidField(field, `is ${id}, and there is no such ${noun}`);
  if (!found.isActive) throw invalidField(field, `is ${id}, and that ${noun} is not active`);
}

/** Whether a schedule calls as somebody does himself. */
export function isOwn({ user, app }: Principal, { userId, appId, isPrivileged }: Actor): boolean {
  if (isPrivileged || (userId === null && appId === null)) return false;
  return userId === (user?.id ?? null) && appId === (app?.id ?? null);
}

function actorIn(row: Row): Actor {
  const id = (value: unknown) => (typeof value === 'number' ? value : null);
  return { userId: id(row.user_id), appId: id(row.app_id), isPrivileged: row.is_privileged !== false };
}

function refused(message: string): PlatformError {
  return new PlatformError('access.forbidden', `Access Forbidden. ${message}`);
}
