import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { userServiceRecord } from '../user/index.ts';
import { type House, openHouse, principalOf } from './scenario.ts';

let house: House;
beforeEach(async () => {
  house = await openHouse();
  await house.store.services.create(userServiceRecord, null);
  house.services.reload(await house.store.services.list());
  await house.ask('POST', 'role', { body: { resource: [{ name: 'reader' }, { name: 'writer' }] } });
  await house.ask('POST', 'app', { body: { resource: [{ name: 'web' }, { name: 'mobile' }] } });
});
afterEach(() => house.store.close());

const password = 'canary-password';
const uma = { name: 'Uma User', first_name: 'Uma', last_name: 'User', email: 'uma@example.com', password };
const list = 'user_to_app_to_role_by_user_id';

describe('a user', () => {
  it('is made, shown and deleted like an administrator, but is none', async () => {
    const made = await house.ask('POST', 'user?fields=*', { body: { ...uma, is_sys_admin: true } });
    expect(made).toMatchObject({ status: 201 });
    const shown = await house.ask('GET', 'user/2');
    expect(shown.body).toMatchObject({
      ...{ id: 2, name: 'Uma User', username: 'uma@example.com', email: 'uma@example.com', phone: null },
      ...{ is_active: true, is_sys_admin: false, default_app_id: null },
    });
    await house.ask('PATCH', 'user/2', { body: { is_sys_admin: true, phone: '123' } });
    expect((await house.ask('GET', 'user/2?fields=is_sys_admin,phone')).body).toEqual({
      is_sys_admin: false,
      phone: '123',
    });
    expect(JSON.stringify([made, shown, house.observations])).not.toMatch(/canary-password|argon2/);
    expect((await house.ask('DELETE', 'user/2')).body).toEqual({ id: 2 });
  });

  it('and an administrator are not found under the name of the other', async () => {
    await house.ask('POST', 'user', { body: uma });
    for (const [action, path] of [
      ['GET', 'admin/2'],
      ['PATCH', 'admin/2'],
      ['DELETE', 'admin/2'],
      ['GET', 'user/1'],
      ['PATCH', 'user/1'],
      ['DELETE', 'user/1'],
    ] as const) {
      expect(await house.ask(action, path, { body: { name: 'x' } })).toMatchObject({ status: 404 });
    }
    expect((await house.ask('DELETE', 'user?force=true')).body).toEqual({ success: true });
    expect(await house.store.users.list()).toHaveLength(1);
  });

  it('without a password is nobody who can log in', async () => {
    await house.ask('POST', 'user', { body: { email: 'uma@example.com' } });
    expect((await house.store.users.get(2))?.passwordHash).toBe('');
    const login = await house
      .as('user')
      .ask('POST', 'session', { body: { email: uma.email, password: 'x' } });
    expect(login).toMatchObject({ status: 401 });
    await house.ask('PATCH', 'user/2', { body: { password } });
    const later = await house.as('user').ask('POST', 'session', { body: { email: uma.email, password } });
    expect(later).toMatchObject({ status: 200, body: { email: uma.email, is_sys_admin: false } });
  });

  it('has one role in each app', async () => {
    const body = {
      ...uma,
      [list]: [
        { app_id: 1, role_id: 1 },
        { app_id: 2, role_id: 2 },
      ],
    };
    const made = await house.ask('POST', `user?fields=id&related=${list}`, { body });
    const rows = [
      { id: 1, user_id: 2, app_id: 1, role_id: 1 },
      { id: 2, user_id: 2, app_id: 2, role_id: 2 },
    ];
    expect(made.body).toEqual({ resource: [{ id: 2, [list]: rows }] });
    const changed = await house.ask('PATCH', `user/2?fields=id&related=${list}`, {
      body: {
        [list]: [
          { id: 1, role_id: 2 },
          { id: 2, user_id: null },
        ],
      },
    });
    expect(changed.body).toEqual({ id: 2, [list]: [{ id: 1, user_id: 2, app_id: 1, role_id: 2 }] });
    const again = await house.ask('PATCH', 'user/2', { body: { [list]: [{ app_id: 1, role_id: 1 }] } });
    expect(again).toMatchObject({ status: 409 });
  });

  it.each([
    [{ app_id: 9, role_id: 1 }, 'app_id'],
    [{ app_id: 1, role_id: 9 }, 'role_id'],
    [{ app_id: 1 }, 'role_id'],
    [{ role_id: 1 }, 'app_id'],
    [{ app_id: '1', role_id: 1 }, 'app_id'],
  ])('cannot be given the role %j', async (role, field) => {
    const refused = await house.ask('POST', 'user', { body: { ...uma, [list]: [role] } });
    expect(refused).toMatchObject({ status: 400 });
    expect(JSON.stringify(refused.body)).toContain(`'${field}'`);
    expect(await house.store.users.list()).toHaveLength(1);
  });

  it('whose password or activity changed has no sessions left', async () => {
    await house.ask('POST', 'user', { body: uma });
    const user = await house.store.users.get(2);
    for (const body of [{ password: 'another password' }, { is_active: false }]) {
      const { token } = await house.sessions.open(user ?? expect.fail());
      const { sessionId } = await house.sessions.resolve(token, null);
      await house.ask('PATCH', 'user/2', { body });
      await expect(async () => house.sessions.resolve(token, null)).rejects.toMatchObject({
        kind: 'access.terminated_session',
      });
      expect((await house.store.sessions.get(sessionId ?? ''))?.closedDate).not.toBeNull();
      await house.store.users.update(2, { isActive: true }, null);
    }
  });
});

describe('the service user', () => {
  it('lists its resources and knows no others', async () => {
    const { ask } = house.as('user');
    expect((await ask('GET', '?as_list=true')).body).toEqual({
      resource: ['custom', 'factor', 'identity', 'password', 'profile', 'register', 'session'],
    });
    expect(await ask('GET', 'registers')).toMatchObject({ status: 404 });
    expect(await ask('DELETE', 'profile')).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringMatching(/not currently supported by the 'user' service/) } },
    });
  });

  it('shows everybody the own profile', async () => {
    await house.ask('POST', 'user', { body: uma });
    const user = await house.store.users.get(2);
    const principal = principalOf(user ?? expect.fail());
    const { ask } = house.as('user');
    expect((await ask('GET', 'profile', { principal })).body).toMatchObject({ email: uma.email });
    expect((await ask('GET', 'profile')).body).toMatchObject({ email: 'admin@example.com' });
    const change = { old_password: password, new_password: 'another password' };
    expect((await ask('POST', 'password', { principal, body: change })).body).toEqual({ success: true });
    const told = house.observations.filter(({ kind }) => kind === 'config.changed');
    expect(told.at(-1)).toMatchObject({ record: 'user/2', by: 2 });
  });
});
