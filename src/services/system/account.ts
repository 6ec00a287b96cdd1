// What administrators and users have in common as records. Invariants: a password or its hash is never
// answered; who is an administrator is decided by the resource that makes the account and never changes.
import { limits } from '../../core/limits.ts';
import type { New, Store, UserRecord } from '../../core/store.ts';
import type { Change, Collection } from './collection.ts';
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
  /** Whether an account may be made without a password, with which nobody can log in. */
  readonly needsPassword: boolean;
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
    rows: async (store) => withNested(store, lists, (await own(store)).map(rowOf)),
    create: (change) => create(parts, kind, change),
    update: (row, change) => update({ parts, kind, id: Number(row.id) }, change),
    remove: (row, { store }) =>
      store.transaction(async (inside) => {
        await inside.users.delete(Number(row.id));
        await kind.check(inside);
      }),
    applied: async (ids, by) => {
      parts.sessions.forget(ids.map(Number));
      await parts.authority.load();
      for (const id of ids) parts.observe({ kind: 'config.changed', record: `${name}/${id}`, by });
    },
  };
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

async function create(parts: SystemParts, kind: AccountKind, { store, written, by }: Change): Promise<Row> {
  const person = readPerson(written);
  const email = required(person.email, 'email');
  const given = readNewPassword(written, 'password');
  const password = kind.needsPassword ? required(given, 'password') : given;
  const { firstName = '', lastName = '' } = person;
  const fullName = `${firstName} ${lastName}`.trim();
  const user: New<UserRecord> = {
    phone: null,
    defaultAppId: null,
    isConfirmed: true,
    securityQuestion: null,
    securityAnswerHash: null,
    ...person,
    email,
    firstName,
    lastName,
    name: person.name ?? (fullName === '' ? email : fullName),
    username: person.username ?? email,
    isActive: readFlag(written, 'is_active') ?? true,
    // No hash fits no password.
    passwordHash: password === undefined ? '' : await parts.passwords.hash(password),
    isSysAdmin: kind.isSysAdmin,
    lastLoginDate: null,
  };
  return store.transaction(async (inside) => {
    const made = await inside.users.create(user, by);
    return saved(kind, made, { store: inside, written, by });
  });
}

interface Update {
  readonly parts: SystemParts;
  readonly kind: AccountKind;
  readonly id: number;
}

async function update({ parts, kind, id }: Update, { store, written, by }: Change): Promise<Row> {
  const password = readNewPassword(written, 'password');
  const isActive = readFlag(written, 'is_active');
  const changes = {
    ...readPerson(written),
    ...(isActive === undefined ? {} : { isActive }),
    ...(password === undefined ? {} : { passwordHash: await parts.passwords.hash(password) }),
  };
  return store.transaction(async (inside) => {
    const user = await inside.users.update(id, changes, by);
    if (user === undefined) throw recordNotFound(id);
    await kind.check(inside);
    // Whoever held a session under the old password or before being locked out must not keep it.
    if (password !== undefined || isActive === false) await inside.sessions.closeAll(id, null);
    return saved(kind, user, { store: inside, written, by });
  });
}

async function saved({ lists }: AccountKind, user: UserRecord, change: Change): Promise<Row> {
  for (const list of lists) await list.save(change, user.id);
  const [row] = await withNested(change.store, lists, [rowOf(user)]);
  return row ?? rowOf(user);
}

function readName(written: Written, name: string): string | undefined {
  return written[name] === '' || written[name] === null ? '' : readText(written, name, rule);
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
    default_app_id: user.defaultAppId,
    last_login_date: user.lastLoginDate,
    created_date: user.createdDate,
    last_modified_date: user.lastModifiedDate,
    created_by_id: user.createdById,
    last_modified_by_id: user.lastModifiedById,
  };
}
