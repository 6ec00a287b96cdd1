// People change their own password. Invariant: the old one must be known, and guessing it is
// throttled.
import { PlatformError } from '../../core/errors.ts';
import type { Operation, Result } from '../../core/operation.ts';
import { loginKeys } from '../../security/throttle.ts';
import { describedAccount } from './describe-account.ts';
import { invalidField, required } from './fields.ts';
import type { SystemParts } from './parts.ts';
import { readNewPassword } from './password-rule.ts';
import { readObject } from './request.ts';
import { type Resource, success } from './resource.ts';

/** The resource `admin/password`. */
export function adminPassword(parts: SystemParts): Resource {
  return passwordResource(parts, 'admin/password');
}

/** The resource `password` of the service `user`: everybody who is logged in may change the own one. */
export function userPassword(parts: SystemParts): Resource {
  return { ...passwordResource(parts, 'password'), userActions: ['POST'] };
}

function passwordResource(parts: SystemParts, name: string): Resource {
  return {
    name,
    endpoints: [
      describedAccount('password', {
        pattern: name.split('/'),
        actions: ['POST'],
        summary: 'change of the own password',
      }),
    ],
    handle: ({ operation }) => change(parts, operation),
  };
}

async function change(parts: SystemParts, operation: Operation): Promise<Result> {
  const { store, passwords, throttle, sessions, observe } = parts;
  const { user: view, sessionId } = operation.principal;
  const user = view === undefined ? undefined : await store.users.get(view.id);
  if (user === undefined) throw new PlatformError('access.unauthenticated', 'Unauthorized. Log in first.');
  const body = readObject(operation);
  const password = required(readNewPassword(body, 'new_password'), 'new_password');
  const old = body.old_password;
  if (typeof old !== 'string') throw invalidField('old_password', 'is required');
  const [key] = loginKeys(user.email, undefined);
  throttle.check(key);
  if (!(await passwords.verify(user.passwordHash, old))) {
    throttle.fail(key);
    throw new PlatformError('access.bad_credentials', 'Invalid credentials supplied.');
  }
  throttle.succeed(key);
  const passwordHash = await passwords.hash(password);
  await store.transaction(async (inside) => {
    await inside.users.update(user.id, { passwordHash }, user.id);
    await inside.sessions.closeAll(user.id, sessionId);
  });
  sessions.forget([user.id]);
  const record = `${user.isSysAdmin ? 'admin' : 'user'}/${user.id}`;
  observe({ kind: 'config.changed', record, by: user.id });
  return success();
}
