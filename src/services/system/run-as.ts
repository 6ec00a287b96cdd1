// Scripts that run as a role. Invariant: only an administrator says which, and whoever is none cannot make
// such a script do anything else than what it does.
import { PlatformError } from '../../core/errors.ts';
import type { Store } from '../../core/store.ts';
import type { Attempt } from './collection.ts';
import { invalidField } from './fields.ts';
import type { Written } from './request.ts';

/** Refuses what only administrators may write; `roleOf` finds the role in a record. */
export function permitRunAs(
  { principal, row, written }: Attempt,
  roleOf: (record: Written) => unknown,
): void {
  if (principal.isAdmin) return;
  if (row !== undefined && isGiven(roleOf(row))) {
    throw refused('A script that runs as a role is changed or deleted by administrators only.');
  }
  if (written !== undefined && isGiven(roleOf(written))) {
    throw refused("Only administrators may set 'run_as_role_id': it gives a script the rights of that role.");
  }
}

/** Refuses a role that nobody could act as. */
export async function checkRunAs(
  store: Pick<Store, 'roles'>,
  id: unknown,
  field = 'run_as_role_id',
): Promise<void> {
  if (!isGiven(id)) return;
  const role = await store.roles.get(Number(id));
  if (role === undefined) throw invalidField(field, `is ${id}, and there is no such role`);
  if (!role.isActive) throw invalidField(field, `is ${id}, and that role is not active`);
}

function isGiven(value: unknown): boolean {
  return value !== null && value !== undefined;
}

function refused(message: string): PlatformError {
  return new PlatformError('access.forbidden', message);
}
