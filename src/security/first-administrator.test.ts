import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createSqliteStore } from '../store/sqlite.ts';
import { AuditLog } from './audit.ts';
import { createFirstAdministrator } from './first-administrator.ts';
import { MasterKey } from './master-key.ts';
import { Passwords } from './passwords.ts';
import { Secrets } from './secrets.ts';

const passwords = new Passwords();

async function start(given: { email?: string; password?: string } = {}) {
  const store = await createSqliteStore({ file: ':memory:' });
  const audit = new AuditLog({ store, secrets: new Secrets({ key: new MasterKey(randomBytes(32)) }) });
  const create = () =>
    createFirstAdministrator({ store, passwords, audit, email: given.email, password: given.password });
  return { store, create };
}

describe('the first administrator', () => {
  test('has a password that is made up and told once', async () => {
    const { store, create } = await start();
    const told = await create();
    expect(told?.password.length).toBeGreaterThanOrEqual(20);
    const user = await store.users.findByEmail(told?.email ?? '');
    expect(user).toMatchObject({ isSysAdmin: true, isActive: true });
    expect(await passwords.verify(user?.passwordHash, told?.password ?? '')).toBe(true);
    expect(await create()).toBeUndefined();
    expect(await store.users.countAdmins()).toBe(1);
    await store.close();
  });

  test('has the account that the operator gave, and nothing is told', async () => {
    const { store, create } = await start({ email: 'ops@example.org', password: 'a good password' });
    expect(await create()).toBeUndefined();
    const user = await store.users.findByEmail('ops@example.org');
    expect(await passwords.verify(user?.passwordHash, 'a good password')).toBe(true);
    await store.close();
  });

  test('is the first entry of the audit log', async () => {
    const { store, create } = await start({ email: 'ops@example.org', password: 'a good password' });
    await Promise.all([create(), create()]);
    expect(await store.audit.list({ limit: 9 })).toMatchObject([
      {
        ...{ action: 'create', record: 'admin/1', userId: null, door: 'cli', before: null },
        after: { id: 1, email: 'ops@example.org' },
      },
    ]);
    await store.close();
  });

  test('is refused with a password that is too short', async () => {
    const { store, create } = await start({ password: 'short' });
    await expect(create()).rejects.toThrow(/'password' must have 8 to/);
    expect(await store.users.countAdmins()).toBe(0);
    await store.close();
  });
});
