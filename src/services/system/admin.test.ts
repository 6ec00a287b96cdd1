// Administrators, their passwords and profiles: nobody is locked out, and no password or hash is ever
// answered.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { limits } from '../../core/limits.ts';
import { anonymous } from '../../core/operation.ts';
import { roleOf } from '../../core/role-fixture.ts';
import { newAccount } from './account.ts';
import { adminPassword, type House, openHouse, principalOf } from './scenario.ts';

let house: House;
beforeEach(async () => {
  house = await openHouse();
});
afterEach(() => house.store.close());

const bea = { email: 'Bea@example.com', first_name: 'Bea', last_name: 'B', password: 'canary-password' };
const create = (body: unknown) => house.ask('POST', 'admin', { body });
const refusal = (status: number, text: string) => ({
  status,
  body: { error: { message: expect.stringContaining(text) } },
});
const login = (email: string, password: string) =>
  house.ask('POST', 'admin/session', { body: { email, password }, principal: anonymous });
const openSession = async (id: string) => {
  const dates = { createdDate: '2026-01-01', expiresDate: '2999-01-01', refreshUntilDate: '2999-01-01' };
  await house.store.sessions.open({ id, userId: 1, ...dates });
};
const isOpen = async (id: string) => (await house.store.sessions.get(id))?.closedDate === null;

describe('administrators', () => {
  it('are created with defaults and can log in', async () => {
    expect(await create({ resource: [bea] })).toEqual({ status: 201, body: { resource: [{ id: 2 }] } });
    expect((await house.ask('GET', 'admin/2')).body).toMatchObject({
      id: 2,
      name: 'Bea B',
      username: 'Bea@example.com',
      email: 'bea@example.com',
      is_active: true,
      is_sys_admin: true,
      last_login_date: null,
      created_by_id: 1,
    });
    expect((await login('bea@example.com', bea.password)).status).toBe(200);
    expect(house.observations).toContainEqual({ kind: 'config.changed', record: 'admin/2', by: 1 });
  });

  it('are written by administrators only, whatever a role grants', async () => {
    const user = await house.store.users.create(newAccount({ email: 'uma@example.com' }), null);
    const principal = {
      ...principalOf(user),
      role: roleOf([{ service: 'system', component: '*', verbMask: 31 }]),
    };
    const attempts = [
      ['POST', 'admin', bea],
      ['PATCH', 'admin/1', { password: 'taken over' }],
      ['PATCH', 'admin/1', { second_factor: false }],
      ['PATCH', 'admin?ids=1', { is_active: false }],
      ['DELETE', 'admin/1', undefined],
      ['DELETE', 'admin?force=true', undefined],
    ] as const;
    expect((await house.ask('GET', 'admin/1', { principal })).status).toBe(200);
    for (const [action, path, body] of attempts) {
      const answer = await house.ask(action, path, { principal, body });
      expect(answer.status, path).toBeGreaterThanOrEqual(400);
      expect(JSON.stringify(answer.body), path).toContain('by administrators only');
    }
    expect((await house.store.users.list()).map(({ email }) => email)).toEqual([
      'admin@example.com',
      'uma@example.com',
    ]);
    expect((await login('admin@example.com', adminPassword)).status).toBe(200);
    expect((await house.ask('PATCH', 'user/2', { principal, body: { phone: '1' } })).status).toBe(200);
  });

  it('never show passwords or hashes', async () => {
    const answers = [
      await house.ask('POST', 'admin?fields=*', { body: bea }),
      await house.ask('PATCH', 'admin/2?fields=*', { body: { password: 'canary-password-2' } }),
      await house.ask('GET', 'admin'),
      await house.ask('GET', 'admin/2'),
      await house.ask('GET', 'admin/profile'),
      await house.ask('DELETE', 'admin/2?fields=*'),
    ];
    expect(answers.map(({ status }) => status)).toEqual([201, 200, 200, 200, 200, 200]);
    const hash = (await house.store.users.get(1))?.passwordHash ?? '?';
    const text = JSON.stringify([answers, house.observations]);
    expect(text).not.toMatch(/canary-password|passwordHash|password_hash/);
    expect(text).not.toContain(hash);
    for (const field of ['password', 'password_hash', 'passwordHash']) {
      expect((await house.ask('GET', `admin?fields=${field}`)).status).toBe(400);
      expect((await house.ask('GET', `admin?filter=${field} like "a%25"`)).status).toBe(400);
      expect((await house.ask('GET', `admin?order=${field}`)).status).toBe(400);
    }
  });

  it('are not the mere users', async () => {
    const stored = await house.store.users.get(1);
    if (stored === undefined) throw new Error('no administrator');
    await house.store.users.create({ ...stored, email: 'm@x.y', username: 'm', isSysAdmin: false }, null);
    expect((await house.ask('GET', 'admin?fields=id')).body).toEqual({ resource: [{ id: 1 }] });
    expect((await house.ask('PATCH', 'admin/2', { body: { name: 'x' } })).status).toBe(404);
    expect((await house.ask('DELETE', 'admin/2')).status).toBe(404);
  });

  it.each([
    [{ ...bea, email: undefined }, 400, "Field 'email' is required"],
    [{ ...bea, email: 'nobody' }, 400, "Field 'email' must be an email address"],
    [{ ...bea, email: ['a@b.c'] }, 400, "Field 'email' must be text"],
    [{ ...bea, password: undefined }, 400, "Field 'password' is required"],
    [{ ...bea, password: 'short' }, 400, 'at least 8 characters'],
    [{ ...bea, password: 'x'.repeat(1025) }, 400, 'at most 1024 characters'],
    [{ ...bea, password: 12345678 }, 400, "Field 'password' must be text"],
    [{ ...bea, is_active: null }, 400, "Field 'is_active' must be true or false"],
    [{ ...bea, email: 'ADMIN@example.com' }, 409, 'already taken'],
    [{ ...bea, username: 'ada' }, 409, 'already taken'],
  ])('are refused as %j', async (body, status, text) => {
    expect(await create(body)).toMatchObject(refusal(status, text));
    expect(await house.store.users.list()).toHaveLength(1);
  });

  it('keep one that is active, however one tries', async () => {
    const kept = refusal(409, 'The last active administrator cannot be deleted or deactivated.');
    expect(await house.ask('DELETE', 'admin/1')).toMatchObject(kept);
    expect(await house.ask('PATCH', 'admin/1', { body: { is_active: false } })).toMatchObject(kept);
    await create(bea);
    await house.ask('PATCH', 'admin/2', { body: { is_active: false } });
    expect(await house.ask('DELETE', 'admin/1')).toMatchObject(kept);
    expect((await house.ask('DELETE', 'admin?force=true')).status).toBe(400);
    expect(await house.store.users.countAdmins()).toBe(1);
    expect((await house.ask('DELETE', 'admin/2')).status).toBe(200);
  });

  it('cannot take or give rights through a body', async () => {
    await house.ask('PATCH', 'admin/1', { body: { is_sys_admin: false, name: 'Ada' } });
    expect(await house.store.users.get(1)).toMatchObject({ isSysAdmin: true, name: 'Ada' });
  });

  it('lose their sessions with a new password or when locked out', async () => {
    await create(bea);
    await openSession('s1');
    await house.ask('PATCH', 'admin/1', { body: { name: 'x' } });
    expect(await isOpen('s1')).toBe(true);
    await house.ask('PATCH', 'admin/1', { body: { password: 'another one' } });
    expect(await isOpen('s1')).toBe(false);
    await openSession('s2');
    await house.ask('PATCH', 'admin/1', { body: { is_active: false } });
    expect(await isOpen('s2')).toBe(false);
  });
});

describe('the own password', () => {
  const change = async (body: unknown) => {
    const user = await house.store.users.get(1);
    if (user === undefined) throw new Error('no administrator');
    return house.ask('POST', 'admin/password', { body, principal: principalOf(user, 'mine') });
  };

  it('is changed by whoever knows the old one; other sessions end', async () => {
    await openSession('mine');
    await openSession('other');
    const changed = await change({ old_password: adminPassword, new_password: 'battery staple' });
    expect(changed).toEqual({ status: 200, body: { success: true } });
    expect([await isOpen('mine'), await isOpen('other')]).toEqual([true, false]);
    expect((await login('admin@example.com', adminPassword)).status).toBe(401);
    expect((await login('admin@example.com', 'battery staple')).status).toBe(200);
  });

  it.each([
    [{ old_password: 'wrong', new_password: 'battery staple' }, 401, 'Invalid credentials supplied.'],
    [{ new_password: 'battery staple' }, 400, "Field 'old_password' is required"],
    [{ old_password: adminPassword }, 400, "Field 'new_password' is required"],
    [{ old_password: adminPassword, new_password: 'short' }, 400, 'at least 8 characters'],
    [{ old_password: { $ne: 1 }, new_password: 'battery staple' }, 400, "Field 'old_password'"],
  ])('is not changed by %j', async (body, status, text) => {
    expect(await change(body)).toMatchObject(refusal(status, text));
    expect((await login('admin@example.com', adminPassword)).status).toBe(200);
  });

  it('cannot be guessed without end', async () => {
    for (let i = 0; i < limits.loginAttempts; i++)
      await change({ old_password: 'no', new_password: 'battery staple' });
    const last = await change({ old_password: adminPassword, new_password: 'battery staple' });
    expect(last.status).toBe(429);
  });
});

describe('the own profile', () => {
  it('is shown and changed, but not the rights', async () => {
    const changed = await house.ask('PATCH', 'admin/profile', { body: { first_name: '', is_active: false } });
    expect(changed).toEqual({ status: 200, body: { success: true } });
    expect((await house.ask('GET', 'admin/profile')).body).toEqual({
      username: 'ada',
      first_name: '',
      last_name: 'Admin',
      name: 'Ada Admin',
      email: 'admin@example.com',
      phone: null,
      security_question: null,
      default_app_id: null,
      oauth_provider: '',
      adldap: '',
    });
    expect((await house.store.users.get(1))?.isActive).toBe(true);
  });

  it('needs somebody whose it is', async () => {
    const principal = { ...house.admin, user: undefined };
    for (const path of ['admin/profile', 'admin/session']) {
      expect((await house.ask('GET', path, { principal })).status).toBe(401);
    }
    expect((await house.ask('POST', 'admin/password', { principal, body: {} })).status).toBe(401);
  });
});

it('takes roles and lookups as every user does, and stays an administrator', async () => {
  const list = 'user_to_app_to_role_by_user_id';
  await house.ask('POST', 'role', { body: { resource: [{ name: 'reader' }] } });
  await house.ask('POST', 'app', { body: { resource: [{ name: 'web' }] } });
  const body = { [list]: [{ app_id: 1, role_id: 1 }], lookup_by_user_id: [{ name: 'a', value: 'b' }] };
  const changed = await house.ask('PATCH', `admin/1?fields=is_sys_admin&related=*`, { body });
  expect(changed.body).toMatchObject({
    is_sys_admin: true,
    [list]: [{ user_id: 1, app_id: 1, role_id: 1 }],
    lookup_by_user_id: [{ name: 'a', value: 'b' }],
  });
  expect((await house.ask('GET', 'role')).status).toBe(200);
});
