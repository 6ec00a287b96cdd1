// People set up a second factor for their own logins, see whether they have one, and take it away.
// Invariants: only who knows the password begins, only who also has the device ends; every try is throttled
// like a login, and a change ends all other sessions.
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Operation, Result } from '../../core/operation.ts';
import type { UserRecord } from '../../core/store.ts';
import {
  acceptFactorCode,
  activateFactor,
  findFactor,
  removeFactor,
  startFactor,
} from '../../security/factors.ts';
import { loginKeys } from '../../security/throttle.ts';
import { describedAccount } from './describe-account.ts';
import { required } from './fields.ts';
import { hasText } from './login.ts';
import { auditAccount, badCredentials, checkPassword, ownAccount } from './own-account.ts';
import type { SystemParts } from './parts.ts';
import { readObject } from './request.ts';
import { answer, type Call, type Resource, success } from './resource.ts';

const all = ['GET', 'POST', 'DELETE'] as const;

/** The resource `admin/factor`. */
export function adminFactor(parts: SystemParts): Resource {
  return factorResource(parts, 'admin/factor');
}

/** The resource `factor` of the service `user`: everybody who is logged in may have one. */
export function userFactor(parts: SystemParts): Resource {
  return { ...factorResource(parts, 'factor'), userActions: all };
}

function factorResource(parts: SystemParts, name: string): Resource {
  return {
    name,
    endpoints: [
      describedAccount('factor', { pattern: name.split('/'), actions: all, summary: 'own second factor' }),
    ],
    handle: async (call) => {
      const user = await ownAccount(parts, call.operation);
      if (call.action === 'GET') return state(parts, user);
      if (call.action === 'DELETE') return remove(parts, call, user);
      return hasText(readObject(call.operation), 'code')
        ? activate(parts, call, user)
        : start(parts, call, user);
    },
  };
}

async function state({ store }: SystemParts, user: UserRecord): Promise<Result> {
  const factor = await findFactor(store, user.id);
  return answer({
    kind: 'totp',
    is_active: factor?.isActive === true,
    is_started: factor !== undefined,
    recovery_codes_left: factor?.recoveryHashes.length ?? 0,
  });
}

async function start(parts: SystemParts, { operation }: Call, user: UserRecord): Promise<Result> {
  await checkPassword(parts, user, readText(operation, 'password'));
  const { secret, uri } = await startFactor(parts, user);
  await auditAccount(parts, operation, { user, action: 'factor.start' });
  return answer({ kind: 'totp', secret, uri });
}

async function activate(parts: SystemParts, { operation }: Call, user: UserRecord): Promise<Result> {
  const code = readText(operation, 'code');
  const codes = await tried(parts, user, () => activateFactor(parts, user.id, code));
  await parts.store.sessions.closeAll(user.id, operation.principal.sessionId);
  parts.sessions.forget([user.id]);
  await auditAccount(parts, operation, { user, action: 'factor.activate' });
  return answer({ kind: 'totp', is_active: true, recovery_codes: codes });
}

async function remove(parts: SystemParts, { operation }: Call, user: UserRecord): Promise<Result> {
  const factor = await findFactor(parts.store, user.id);
  if (factor === undefined) throw new PlatformError('request.not_found', 'There is no second factor.');
  await checkPassword(parts, user, readText(operation, 'password'));
  // One that was only begun is nothing that a code could be asked for.
  if (factor.isActive) {
    const code = readText(operation, 'code');
    await tried(parts, user, async () => (await acceptFactorCode(parts, user.id, code)) || undefined);
  }
  await parts.store.transaction(async (inside) => {
    await removeFactor(inside, user.id);
    await inside.sessions.closeAll(user.id, operation.principal.sessionId);
  });
  parts.sessions.forget([user.id]);
  await auditAccount(parts, operation, { user, action: 'factor.remove' });
  return success();
}

// A code of the device, with the count of logins.
async function tried<T>(
  { throttle }: SystemParts,
  { email }: UserRecord,
  work: () => Promise<T | undefined>,
): Promise<T> {
  const [account] = loginKeys(email, undefined);
  await throttle.check(account);
  const outcome = await throttle.during(account, work);
  if (outcome === undefined) {
    await throttle.fail(account);
    throw badCredentials();
  }
  await throttle.release(account);
  return outcome;
}

function readText(operation: Operation, name: string): string {
  const body = readObject(operation);
  return required(hasText(body, name) ? String(body[name]) : undefined, name).slice(
    0,
    limits.passwordMax + 1,
  );
}
