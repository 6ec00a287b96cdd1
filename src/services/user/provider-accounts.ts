// Whose account somebody is who proved elsewhere who he is. Invariants: people are known by service and
// subject, never by what may change; an address lets nobody into an account unless it is verified there and
// was confirmed here, and never into an administrator's; whoever held an account before its address was
// confirmed has no way left into it.
import { randomUUID } from 'node:crypto';
import { PlatformError } from '../../core/errors.ts';
import type { New, Store, UserRecord } from '../../core/store.ts';
import type { AuditNote } from '../../security/audit.ts';
import { dropCodes } from '../../security/codes.ts';
import { newAccount } from '../system/account.ts';
import { actionNote } from '../system/audit-note.ts';
import { mayLogIn } from '../system/login.ts';
import { recordOf } from '../system/own-account.ts';
import type { SystemParts } from '../system/parts.ts';
import { type Arrival, checkDomain, refused, verifiedEmail } from './arrival.ts';
import { giveRole } from './provider-roles.ts';

type Parts = Pick<SystemParts, 'store' | 'audit' | 'sessions' | 'authority' | 'observe'>;

interface Found {
  readonly user: UserRecord;
  /** Whether rights or sessions are no longer what they were. */
  readonly isChanged: boolean;
}

/**
 * The account of whoever arrives: found, joined or made. Throws `access.forbidden` with the reason why he
 * gets none.
 */
export async function accountOf(parts: Parts, arrival: Arrival): Promise<UserRecord> {
  checkDomain(arrival);
  const { user, isChanged } = await parts.store.transaction(async (inside) => {
    const found = (await known(inside, arrival)) ?? (await joined({ ...parts, store: inside }, arrival));
    const { user, isChanged } = found ?? (await made({ ...parts, store: inside }, arrival));
    checkUser(user);
    const { roleId } = arrival.identity;
    const hasOtherRole = roleId !== undefined && (await giveRole(inside, user.id, roleId));
    return { user, isChanged: isChanged || hasOtherRole };
  });
  if (isChanged) await announce(parts, user.id);
  return user;
}

/**
 * Lets a user log in by an identity from now on. Throws `access.forbidden`, and `request.conflict` when it
 * belongs to another account.
 */
export async function link(parts: Parts, arrival: Arrival, userId: number): Promise<void> {
  checkDomain(arrival);
  await parts.store.transaction(async (inside) => {
    const user = await inside.users.get(userId);
    if (user === undefined || user.isSysAdmin) throw refused('Administrators log in with their password.');
    const [taken] = await identitiesOf(inside, arrival);
    if (taken?.userId === userId) return;
    if (taken !== undefined) {
      throw new PlatformError('request.conflict', 'This identity belongs to another account already.');
    }
    await keep({ ...parts, store: inside }, arrival, user);
  });
}

async function known(store: Store, arrival: Arrival): Promise<Found | undefined> {
  const [identity] = await identitiesOf(store, arrival);
  const user = identity === undefined ? undefined : await store.users.get(identity.userId);
  return user === undefined ? undefined : { user, isChanged: false };
}

function identitiesOf(store: Store, { provider, identity }: Arrival) {
  return store.userIdentities.list({ serviceId: provider.serviceId, subject: identity.subject });
}

// By the address, where that is allowed. Who registered with one, or changed to it, without that a mail or
// an administrator confirmed it, may be anybody.
async function joined(parts: Parts, arrival: Arrival): Promise<Found | undefined> {
  const { store, audit } = parts;
  const user = await store.users.findByEmail(verifiedEmail(arrival));
  if (user === undefined) return undefined;
  if (user.isSysAdmin) throw refused('Administrators log in with their password.');
  if (!arrival.provider.rules.linksByEmail) {
    throw refused(
      'There is an account of this address. Log in with its password, and add this login with ' +
        'POST user/identity.',
    );
  }
  if (!user.isActive) throw refused('This account is not active.');
  const isDoubtful = !user.isConfirmed || user.isAddressClaimed === true;
  if (isDoubtful) {
    await evict(store, user.id);
    const after = { is_confirmed: true, password: null, confirmed_by: arrival.service };
    await audit.add(noteOf(arrival, user, { action: 'update', after }), store);
  }
  await keep(parts, arrival, user);
  return { user: (await store.users.get(user.id)) ?? user, isChanged: isDoubtful };
}

// Nothing that he chose is left to get in with.
async function evict(store: Store, userId: number): Promise<void> {
  const nothing = { passwordHash: '', securityQuestion: null, securityAnswerHash: null };
  await store.users.update(userId, { ...nothing, isConfirmed: true, isAddressClaimed: false }, userId);
  await store.sessions.closeAll(userId, null);
  await dropCodes(store, userId);
  for (const { id } of await store.userFactors.list({ userId })) await store.userFactors.delete(id);
  for (const { id } of await store.userIdentities.list({ userId })) await store.userIdentities.delete(id);
}

async function made(parts: Parts, arrival: Arrival): Promise<Found> {
  const { store, audit } = parts;
  const { provider, service } = arrival;
  if (!provider.rules.allowsNewUsers) {
    throw refused(`There is no account of yours here, and service '${service}' makes none.`);
  }
  const user = await store.users.create(await newUser(store, arrival), null);
  await giveRole(store, user.id, provider.rules.defaultRoleId);
  const after = { email: user.email, service };
  await audit.add(noteOf(arrival, user, { action: 'create', after }), store);
  await keep(parts, arrival, user);
  return { user, isChanged: true };
}

async function newUser(store: Store, arrival: Arrival): Promise<New<UserRecord>> {
  const { identity, service } = arrival;
  const email = verifiedEmail(arrival);
  const { firstName = '', lastName = '', name } = identity;
  // Somebody may have taken the address as his user name.
  const isTaken = (await store.users.findByUsername(email)) !== undefined;
  const username = isTaken ? `${service}:${randomUUID()}` : email;
  return newAccount({ email, username, firstName, lastName, ...(name === undefined ? {} : { name }) });
}

async function keep({ store, audit }: Parts, arrival: Arrival, user: UserRecord): Promise<void> {
  const { provider, identity, service } = arrival;
  const entry = { userId: user.id, serviceId: provider.serviceId, subject: identity.subject };
  await store.userIdentities.add(entry, user.id);
  const after = { service, subject: identity.subject };
  await audit.add(noteOf(arrival, user, { action: 'link', after }), store);
}

// Whoever logs in is nobody yet; it is his own account that he changes.
function noteOf({ operation }: Arrival, user: UserRecord, { action, after }: Noted): AuditNote {
  const note = actionNote(operation, { action, record: recordOf(user), after });
  return { ...note, userId: user.id, userEmail: user.email };
}

interface Noted {
  readonly action: string;
  readonly after: unknown;
}

function checkUser(user: UserRecord): void {
  if (user.isSysAdmin) throw refused('Administrators log in with their password.');
  if (!mayLogIn(user)) throw refused('This account is not active.');
}

async function announce({ sessions, authority, observe }: Parts, userId: number): Promise<void> {
  sessions.forget([userId]);
  await authority.load();
  observe({ kind: 'config.changed', record: `user/${userId}`, by: userId });
}
