// Administrators. Invariants: a password or its hash is never answered; one active administrator always
// remains.
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { New, Store, UserRecord } from '../../core/store.ts';
import type { Change, Collection } from './collection.ts';
import { invalidField, onlyGiven, readFlag, readText, required } from './fields.ts';
import type { SystemParts } from './parts.ts';
import { readNewPassword } from './password-rule.ts';
import type { Written } from './request.ts';
import { recordNotFound } from './resource.ts';
import type { Field, Row } from './selection.ts';

const fields: readonly Field[] = [
  { name: 'id', type: 'integer' },
  { name: 'name', type: 'string' },
  { name: 'username', type: 'string' },
  { name: 'first_name', type: 'string' },
  { name: 'last_name', type: 'string' },
  { name: 'email', type: 'string' },
  { name: 'is_active', type: 'boolean' },
  { name: 'is_sys_admin', type: 'boolean' },
  { name: 'last_login_date', type: 'datetime' },
  { name: 'created_date', type: 'datetime' },
  { name: 'last_modified_date', type: 'datetime' },
  { name: 'created_by_id', type: 'integer' },
  { name: 'last_modified_by_id', type: 'integer' },
];

const rule = { max: limits.labelText };

/** The records of `admin`. */
export function adminCollection(parts: SystemParts): Collection {
  return {
    name: 'admin',
    noun: 'administrator',
    identifier: 'id',
    fields,
    rows: async (store) => (await store.users.list()).filter((user) => user.isSysAdmin).map(rowOf),
    create: (change) => create(parts, change),
    update: (row, change) => update(parts, row, change),
    remove: (row, { store }) =>
      store.transaction(async (inside) => {
        await inside.users.delete(Number(row.id));
        await keepOne(inside);
      }),
    applied: async (ids, by) => {
      for (const id of ids) parts.observe({ kind: 'config.changed', record: `admin/${id}`, by });
    },
  };
}

/** What an administrator may write of a user: everything but rights and password. */
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
  });
}

async function create({ passwords }: SystemParts, { store, written, by }: Change): Promise<Row> {
  const person = readPerson(written);
  const email = required(person.email, 'email');
  const password = required(readNewPassword(written, 'password'), 'password');
  const { firstName = '', lastName = '' } = person;
  const fullName = `${firstName} ${lastName}`.trim();
  const user: New<UserRecord> = {
    email,
    firstName,
    lastName,
    name: person.name ?? (fullName === '' ? email : fullName),
    username: person.username ?? email,
    isActive: readFlag(written, 'is_active') ?? true,
    passwordHash: await passwords.hash(password),
    isSysAdmin: true,
    lastLoginDate: null,
  };
  return rowOf(await store.users.create(user, by));
}

async function update({ passwords }: SystemParts, row: Row, { store, written, by }: Change): Promise<Row> {
  const id = Number(row.id);
  const password = readNewPassword(written, 'password');
  const isActive = readFlag(written, 'is_active');
  const changes = {
    ...readPerson(written),
    ...(isActive === undefined ? {} : { isActive }),
    ...(password === undefined ? {} : { passwordHash: await passwords.hash(password) }),
  };
  return store.transaction(async (inside) => {
    const user = await inside.users.update(id, changes, by);
    if (user === undefined) throw recordNotFound(id);
    await keepOne(inside);
    // Whoever held a session under the old password or before being locked out must not keep it.
    if (password !== undefined || isActive === false) await inside.sessions.closeAll(id, null);
    return rowOf(user);
  });
}

async function keepOne(store: Store): Promise<void> {
  if ((await store.users.countAdmins()) > 0) return;
  throw new PlatformError(
    'request.conflict',
    'The last active administrator cannot be deleted or deactivated. Make another administrator first.',
  );
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
    is_active: user.isActive,
    is_sys_admin: user.isSysAdmin,
    last_login_date: user.lastLoginDate,
    created_date: user.createdDate,
    last_modified_date: user.lastModifiedDate,
    created_by_id: user.createdById,
    last_modified_by_id: user.lastModifiedById,
  };
}
