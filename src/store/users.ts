// Repository of users. Invariant: email addresses are kept and looked up in lower case, so that one person
// cannot have two accounts, nor one account two counters of failed logins.
import type { New, UserRecord, UserRepository } from '../core/store.ts';
import { type RecordKind, Records, type RecordsParts, stampKinds } from './records.ts';
import { flag, type Handle, integer, optionalInteger, optionalText, text, timestamp } from './table.ts';

const userKind: RecordKind<UserRecord> = {
  table: 'user',
  noun: 'user',
  key: 'id',
  natural: 'email',
  kinds: {
    id: integer,
    name: text,
    username: text,
    firstName: text,
    lastName: text,
    email: text,
    passwordHash: text,
    isActive: flag,
    isSysAdmin: flag,
    lastLoginDate: optionalText,
    phone: optionalText,
    defaultAppId: optionalInteger,
    isConfirmed: flag,
    isAddressClaimed: flag,
    securityQuestion: optionalText,
    securityAnswerHash: optionalText,
    ...stampKinds,
  },
};

/** Users of the system database. */
export class Users extends Records<UserRecord, number> implements UserRepository {
  readonly #handle: Handle;

  constructor(parts: Omit<RecordsParts<UserRecord>, 'kind'>) {
    super({ ...parts, kind: userKind });
    this.#handle = parts.handle;
  }

  override create(entry: New<UserRecord>, by: number | null): Promise<UserRecord> {
    return super.create({ ...entry, email: entry.email.toLowerCase() }, by);
  }

  override update(
    key: number,
    changes: Partial<New<UserRecord>>,
    by: number | null,
  ): Promise<UserRecord | undefined> {
    const { email } = changes;
    const normal = email === undefined ? changes : { ...changes, email: email.toLowerCase() };
    return super.update(key, normal, by);
  }

  /** The user with an email address, in whatever case it is written. */
  findByEmail(email: string): Promise<UserRecord | undefined> {
    return this.find('email', email.toLowerCase());
  }

  /** The user with a login name, exactly as it was given. */
  findByUsername(username: string): Promise<UserRecord | undefined> {
    return this.find('username', username);
  }

  /** How many active administrators there are. */
  async countAdmins(): Promise<number> {
    const row = await this.#handle
      .selectFrom('user')
      .select((build) => build.fn.countAll<number>().as('count'))
      .where('is_sys_admin', '=', 1)
      .where('is_active', '=', 1)
      .executeTakeFirst();
    return Number(row?.count ?? 0);
  }

  /** Notes a login and returns its date. No change of configuration: the generation stays. */
  async touchLogin(id: number): Promise<string> {
    const now = timestamp();
    await this.#handle.updateTable('user').set({ last_login_date: now }).where('id', '=', id).execute();
    return now;
  }
}
