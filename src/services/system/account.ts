// What administrators and users have in common as records. Invariants: a password or its hash is never
// answered; who is an administrator is decided by the resource that makes the account and never changes.
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { New, Store, UserRecord } from '../../core/store.ts';
import { dropCodes } from '../../security/codes.ts';
import { hasFactor, removeFactor } from '../../security/factors.ts';
import type { Attempt, Change, Collection, Prepared } from './collection.ts';
import { describedPerson, sendInvite } from './describe-account.ts';
import {
  invalidField,
  onlyGiven,
  readFlag,
  readOptionalId,
  readOptionalText,
  readText,
  required,
} from './fields.ts';
import { type NestedList, withNested } from './nested.ts';
import type { SystemParts } from './parts.ts';
import { readNewPassword } from './password-rule.ts';
import type { Written } from './request.ts';
import { recordNotFound } from './resource.ts';
import { pausedWarning, pauseSchedulesOf } from './schedule-dependents.ts';
import { normalAnswer } from './security-answer.ts';
import { type Field, type Row, stampFields } from './selection.ts';

const fields: readonly Field[] = [
  { name: 'id', type: 'integer' },
  { name: 'name', type: 'string' },
  { name: 'username', type: 'string' },
  { name: 'first_name', type: 'string' },
  { name: 'last_name', type: 'string' },
  { name: 'email', type: 'string' },
  { name: 'phone', type: 'string' },
  { name: 'is_active', type: 'boolean' },
  { name: 'is_sys_admin', type: 'boolean' },
  { name: 'confirmed', type: 'boolean' },
  { name: 'expired', type: 'boolean' },
  { name: 'security_question', type: 'string' },
  { name: 'second_factor', type: 'boolean' },
  { name: 'default_app_id', type: 'integer' },
  { name: 'last_login_date', type: 'datetime' },
  ...stampFields,
];

const rule = { max: limits.labelText };

/** A kind of accounts. */
export interface AccountKind {
  /** Name of the resource. */
  readonly name: 'admin' | 'user';
  readonly noun: string;
  readonly isSysAdmin: boolean;
  readonly lists: readonly NestedList[];
  /** Whether an account needs a password; nobody can log in to one without. */
  readonly needsPassword: boolean;
  /** Whether whoever gets an account has to prove by a mailed code that the address is his. */
  readonly isInvited?: boolean;
  /** Refuses what must not be left behind by a change. */
  check(store: Store): Promise<void>;
}

/** The records of a kind of accounts. */
export function accountCollection(parts: SystemParts, kind: AccountKind): Collection {
  const { name, noun, isSysAdmin, lists } = kind;
  const own = async (store: Store) =>
    (await store.users.list()).filter((user) => user.isSysAdmin === isSysAdmin);
  return {
    name,
    noun,
    identifier: 'id',
    fields,
    relations: lists.map(({ field }) => field),
    described: describedPerson,
    switches: [sendInvite],
    rows: async (store) => withNested(store, lists, await rowsOf(store, await own(store))),
    permit: (attempt) => permitAdministrators(kind, attempt),
    prepare: (written) => prepare(parts, written),
    create: (change) => create(parts, kind, change),
    update: (row, change) => update({ parts, kind, id: Number(row.id) }, change),
    remove: (row, { store }) =>
      store.transaction(async (inside) => {
        await inside.users.delete(Number(row.id));
        await kind.check(inside);
      }),
    settle: ({ id }, { store, by }) => pauseSchedulesOf(store, { userId: Number(id) }, by),
    warning: (ids) => pausedWarning(parts.store, 'userId', ids),
    applied: async (ids, by) => {
      parts.sessions.forget(ids.map(Number));
      await parts.authority.load();
      for (const id of ids) parts.observe({ kind: 'config.changed', record: `${name}/${id}`, by });
    },
  };
}

// A role that may write administrators, or set a password of theirs, would be able to do everything.
function permitAdministrators({ isSysAdmin }: AccountKind, { principal }: Attempt): void {
  if (!isSysAdmin || principal.isAdmin) return;
  throw new PlatformError(
    'access.forbidden',
    'Access Forbidden. Administrators are made, changed and deleted by administrators only.',
  );
}

/** What people may write of themselves: everything but rights and password. */
export function readPerson(written: Written): Partial<New<UserRecord>> {
  const email = readText(written, 'email', rule);
  if (email !== undefined && !/^[^\s@]+@[^\s@]+$/.test(email)) {
    throw invalidField('email', 'must be an email address');
  }
  return onlyGiven<Partial<New<UserRecord>>>({
    email,
    username: readText(written, 'username', rule),
    firstName: readName(written, 'first_name'),
    lastName: readName(written, 'last_name'),
    name: readText(written, 'name', rule),
    phone: readOptionalText(written, 'phone', { max: limits.roleName }),
    defaultAppId: readOptionalId(written, 'default_app_id'),
  });
}

// Hashing takes tens of milliseconds, and everybody else would wait for the transaction meanwhile.
async function prepare({ passwords }: SystemParts, written: Written): Promise<Prepared> {
  const password = readNewPassword(written, 'password');
  return password === undefined ? {} : { passwordHash: await passwords.hash(password) };
}

async function create(parts: SystemParts, kind: AccountKind, change: Change): Promise<Row> {
  const { store, written, prepared, by } = change;
  const person = readPerson(written);
  const email = required(person.email, 'email');
  const given = readNewPassword(written, 'password');
  const password = kind.needsPassword ? required(given, 'password') : given;
  refuseFactor(written);
  const user: New<UserRecord> = {
    ...newAccount({ ...person, email }),
    ...(await readSecurity(parts, undefined, written)),
    isConfirmed: kind.isInvited !== true && (readFlag(written, 'confirmed') ?? true),
    isActive: readFlag(written, 'is_active') ?? true,
    passwordHash:
      password === undefined ? '' : (prepared?.passwordHash ?? (await parts.passwords.hash(password))),
    isSysAdmin: kind.isSysAdmin,
  };
  return store.transaction(async (inside) => {
    const made = await inside.users.create(user, by);
    return saved(kind, made, { store: inside, written, by });
  });
}

/** Refuses a login name that is somebody else's address: its owner could not register any more. */
export function checkLoginName(username: string | undefined, email: string): void {
  if (username === undefined || !username.includes('@')) return;
  if (username.toLowerCase() === email.toLowerCase()) return;
  throw invalidField('username', 'must not be an address other than the own one');
}

/** An active user without a password who was just told of. */
export function newAccount(person: Partial<New<UserRecord>> & Pick<UserRecord, 'email'>): New<UserRecord> {
  const { email, firstName = '', lastName = '' } = person;
  const fullName = `${firstName} ${lastName}`.trim();
  return {
    ...{ phone: null, defaultAppId: null, lastLoginDate: null },
    ...{ isActive: true, isConfirmed: true, isSysAdmin: false },
    ...{ securityQuestion: null, securityAnswerHash: null },
    // No password has the empty hash.
    passwordHash: '',
    ...{ firstName, lastName, name: fullName === '' ? email : fullName, username: email },
    ...person,
  };
}

/**
 * The security question and the hash of its answer, as far as they are changed: a question comes with its
 * answer, and goes with it.
 */
export async function readSecurity(
  { passwords }: Pick<SystemParts, 'passwords'>,
  stored: UserRecord | undefined,
  written: Written,
): Promise<Pick<Partial<UserRecord>, 'securityQuestion' | 'securityAnswerHash'>> {
  const question = readOptionalText(written, 'security_question', rule);
  const answer = readOptionalText(written, 'security_answer', rule);
  if (question === null) {
    return (stored?.securityQuestion ?? null) === null
      ? {}
      : { securityQuestion: null, securityAnswerHash: null };
  }
  const isSame = question === undefined || question === stored?.securityQuestion;
  if (typeof answer === 'string') {
    const securityQuestion = required(question ?? stored?.securityQuestion ?? undefined, 'security_question');
    const normal = normalAnswer(answer);
    if (normal.length < limits.passwordMin) {
      throw invalidField('security_answer', `must have at least ${limits.passwordMin} characters`);
    }
    return { securityQuestion, securityAnswerHash: await passwords.hash(normal) };
  }
  if (isSame) return {};
  throw invalidField('security_answer', 'is required with a new security_question');
}

interface Update {
  readonly parts: SystemParts;
  readonly kind: AccountKind;
  readonly id: number;
}

async function update({ parts, kind, id }: Update, { store, written, prepared, by }: Change): Promise<Row> {
  const password = readNewPassword(written, 'password');
  const isActive = readFlag(written, 'is_active');
  const isConfirmed = readFlag(written, 'confirmed');
  const losesFactor = readFlag(written, 'second_factor') === false;
  const stored = await store.users.get(id);
  const changes = {
    ...readPerson(written),
    ...(await readSecurity(parts, stored, written)),
    ...onlyGiven({ isActive, isConfirmed }),
    // An administrator vouches for the address that he writes, and for whom he confirms.
    ...(isConfirmed === true || Object.hasOwn(written, 'email') ? { isAddressClaimed: false } : {}),
    ...(password === undefined
      ? {}
      : { passwordHash: prepared?.passwordHash ?? (await parts.passwords.hash(password)) }),
  };
  const isMoved = changes.email !== undefined && changes.email.toLowerCase() !== stored?.email;
  const isShut = isActive === false || isConfirmed === false;
  return store.transaction(async (inside) => {
    if (!(await hasFactor(inside, id))) refuseFactor(written);
    const user = await inside.users.update(id, changes, by);
    if (user === undefined) throw recordNotFound(id);
    await kind.check(inside);
    if (losesFactor) await removeFactor(inside, id);
    // Codes were mailed to the old address, or would end the lock-out.
    if (isMoved || isShut || password !== undefined) await dropCodes(inside, id);
    // Whoever held a session under the old password or before being locked out must not keep it.
    if (password !== undefined || isShut || losesFactor) await inside.sessions.closeAll(id, null);
    return saved(kind, user, { store: inside, written, by });
  });
}

async function saved({ lists }: AccountKind, user: UserRecord, change: Change): Promise<Row> {
  for (const list of lists) await list.save(change, user.id);
  const rows = await rowsOf(change.store, [user]);
  const [row = {}] = await withNested(change.store, lists, rows);
  return row;
}

// Only its owner can set up a second factor; others can take it away, for who lost the device.
function refuseFactor(written: Written): void {
  if (readFlag(written, 'second_factor') !== true) return;
  throw invalidField('second_factor', 'can only be set to false: people set it up for themselves');
}

function readName(written: Written, name: string): string | undefined {
  return written[name] === '' || written[name] === null ? '' : readText(written, name, rule);
}

async function rowsOf(store: Store, users: readonly UserRecord[]): Promise<Row[]> {
  const [codes, factors] = await Promise.all([
    store.userCodes.list(),
    store.userFactors.list({ isActive: true }),
  ]);
  const now = new Date().toISOString();
  const waiting = new Set(codes.filter(({ expiresDate }) => expiresDate > now).map(({ userId }) => userId));
  const secured = new Set(factors.map(({ userId }) => userId));
  return users.map((user) => ({
    ...rowOf(user),
    expired: !user.isConfirmed && !waiting.has(user.id),
    second_factor: secured.has(user.id),
  }));
}

function rowOf(user: UserRecord): Row {
  return {
    id: user.id,
    name: user.name,
    username: user.username,
    first_name: user.firstName,
    last_name: user.lastName,
    email: user.email,
    phone: user.phone,
    is_active: user.isActive,
    is_sys_admin: user.isSysAdmin,
    confirmed: user.isConfirmed,
    security_question: user.securityQuestion,
    default_app_id: user.defaultAppId,
    last_login_date: user.lastLoginDate,
    created_date: user.createdDate,
    last_modified_date: user.lastModifiedDate,
    created_by_id: user.createdById,
    last_modified_by_id: user.lastModifiedById,
  };
}
