// People register themselves, where that is allowed (spec §5.12). Invariants: only what is listed here is
// taken from the request, so that nobody registers with rights; where addresses are confirmed by mail, the
// answer does not tell whether there is an account, and only who got the mail says the password.
import { randomBytes } from 'node:crypto';
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Operation, Result } from '../../core/operation.ts';
import type { New, Store, UserRecord } from '../../core/store.ts';
import { checkLoginName, newAccount, readPerson, readSecurity } from '../system/account.ts';
import { behindTheAnswer, mailCode } from '../system/account-mail.ts';
import { describedAccount } from '../system/describe-account.ts';
import { readFlag, required } from '../system/fields.ts';
import { beginSession, hasText } from '../system/login.ts';
import { auditAccount } from '../system/own-account.ts';
import type { SystemParts } from '../system/parts.ts';
import { countMail } from '../system/password.ts';
import { resetByCode } from '../system/password-reset.ts';
import { readNewPassword } from '../system/password-rule.ts';
import { flagOption, readObject, type Written } from '../system/request.ts';
import { answer, type Call, type Resource, success } from '../system/resource.ts';
import { readUserPolicy, type UserPolicy } from '../system/user-policy.ts';

type Person = Partial<New<UserRecord>> & Pick<UserRecord, 'email'>;

/** The resource `register` of the service `user`. */
export function userRegistration(parts: SystemParts): Resource {
  return {
    name: 'register',
    endpoints: [
      describedAccount('register', { pattern: ['register'], actions: ['POST'], summary: 'registration' }),
    ],
    publicActions: ['POST'],
    handle: async (call) => {
      const body = readObject(call.operation);
      readFlag(body, 'remember_me');
      // Whoever was invited may come back by this door as well.
      if (hasText(body, 'code')) return resetByCode(parts, call, (user) => !user.isSysAdmin);
      const policy = await readUserPolicy(parts);
      if (!policy.isRegistrationOpen) {
        throw new PlatformError('access.forbidden', 'Open registration is not enabled for this system.');
      }
      return policy.registration === undefined
        ? registerAtOnce(parts, call, policy)
        : registerByMail(parts, call, policy);
    },
  };
}

async function registerAtOnce(parts: SystemParts, call: Call, policy: UserPolicy): Promise<Result> {
  const { operation } = call;
  const body = readObject(operation);
  const person = readApplicant(body);
  const given = readNewPassword(body, 'new_password') ?? readNewPassword(body, 'password');
  const password = required(given, 'new_password');
  await countMail(parts, operation, person.email);
  const security = await readSecurity(parts, undefined, body);
  const passwordHash = await parts.passwords.hash(password);
  const claimed = { ...person, ...security, passwordHash, isAddressClaimed: true };
  // A name that was asked for and is taken is refused; whoever asked for none gets one.
  const account = person.username === undefined ? await withFreeName(parts, claimed) : claimed;
  const user = await make(parts, operation, { policy, account });
  if (!flagOption(call.parameters, 'login')) return success();
  return answer(await beginSession(parts, operation, { user, body }));
}

// Password and security question are not taken here: who registers the address of somebody else would know
// them once its owner confirms it.
async function registerByMail(parts: SystemParts, { operation }: Call, policy: UserPolicy): Promise<Result> {
  const person = readApplicant(readObject(operation));
  await countMail(parts, operation, person.email);
  const { registration: mail, codeMinutes: minutes } = policy;
  behindTheAnswer(parts, async () => {
    const found = await parts.store.users.findByEmail(person.email);
    if (mail === undefined || (found !== undefined && !isWaiting(found))) return;
    const account = { ...person, isConfirmed: false };
    const user =
      found ?? (await make(parts, operation, { policy, account: await withFreeName(parts, account) }));
    await mailCode(parts, { operation, user, purpose: 'confirm', minutes, mail });
  });
  return success();
}

function readApplicant(body: Written): Person {
  const { defaultAppId: _app, ...person } = readPerson(body);
  const email = required(person.email, 'email');
  checkLoginName(person.username, email);
  return { ...person, email };
}

function isWaiting({ isConfirmed, isActive, isSysAdmin }: UserRecord): boolean {
  return !isConfirmed && isActive && !isSysAdmin;
}

// A login name that is taken must not be told either, so it is replaced by the address; and where somebody
// has that for a name, because it was once his address, by one that nobody has.
async function withFreeName({ store }: SystemParts, account: Person): Promise<Person> {
  const isFree = async (name: string) => (await store.users.findByUsername(name)) === undefined;
  const { username = account.email, email } = account;
  if (await isFree(username)) return { ...account, username };
  if (await isFree(email)) return { ...account, username: email };
  return {
    ...account,
    username: `${email.slice(0, limits.labelText - 9)}#${randomBytes(4).toString('hex')}`,
  };
}

interface Registration {
  readonly policy: UserPolicy;
  readonly account: Person;
}

async function make(
  parts: SystemParts,
  operation: Operation,
  { policy, account }: Registration,
): Promise<UserRecord> {
  const user = await parts.store.transaction(async (inside) => {
    const made = await inside.users.create(newAccount(account), null);
    await giveRole(inside, made.id, policy.registrationRoleId);
    return made;
  });
  await parts.authority.load();
  await auditAccount(parts, operation, { user, action: 'register', after: { email: user.email } });
  return user;
}

// The role in every app that there is; an app that is made later gives its own.
async function giveRole(store: Store, userId: number, roleId: number | null): Promise<void> {
  if (roleId === null || (await store.roles.get(roleId)) === undefined) return;
  for (const { id: appId } of await store.apps.list())
    await store.userRoles.add({ userId, appId, roleId }, null);
}
