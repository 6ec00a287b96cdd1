// Invitations: accounts that nobody can use until the code that was mailed came back.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { anonymous } from '../../core/operation.ts';
import { openPostHouse, type PostHouse } from '../user/mailbox-fixture.ts';

let post: PostHouse;
beforeEach(async () => {
  post = await openPostHouse();
  expect(await post.configure({ invite_email_service_id: 'post' })).toBe(200);
});
afterEach(() => post.house.store.close());

const email = 'uma@example.com';
const fresh = 'another-canary';
const done = { status: 200, body: { success: true } };
const invite = (path: 'user' | 'admin', body: unknown) =>
  post.house.reply('POST', `${path}?send_invite=true&fields=*`, { body });
const enter = (path: string, body: unknown) =>
  post.house.as('user').ask('POST', path, { body, principal: anonymous });

describe('an invitation', () => {
  it('makes an account that waits for the code, which sets the password', async () => {
    const made = await invite('user', { email, first_name: 'Uma', password: 'canary-password' });
    expect(made).toMatchObject({ status: 201, headers: {} });
    expect(made.body?.value).toMatchObject({
      resource: [{ id: 2, email, is_active: true, confirmed: false }],
    });
    const mail = await post.next();
    expect(mail).toMatchObject({
      ...{ template: 'User Invite Default', to: [{ email }], first_name: 'Uma', code_minutes: 1440 },
      'df.confirm_invite_url': 'https://tenon.example.com/#/user-invite',
    });
    expect(mail.link).toBe(
      `https://tenon.example.com/#/user-invite?code=${mail.code}&email=uma%40example.com`,
    );
    expect((await enter('session', { email, password: 'canary-password' })).status).toBe(401);
    expect(await enter('password', { email, code: mail.code, new_password: fresh })).toEqual(done);
    expect((await enter('session', { email, password: fresh })).status).toBe(200);
    expect((await post.house.ask('GET', 'user/2')).body).toMatchObject({ confirmed: true, expired: false });
  });

  it('can be taken by registering, too, where registration is not open', async () => {
    await invite('user', { email });
    const { code } = await post.next();
    expect(await enter('register', { email, code, password: fresh })).toEqual(done);
    expect((await enter('session', { email, password: fresh })).status).toBe(200);
  });

  it('is sent again by PATCH, and the first code is over', async () => {
    await invite('user', { email });
    const first = await post.next();
    expect((await post.house.ask('PATCH', 'user/2?send_invite=true', { body: {} })).body).toEqual({ id: 2 });
    const second = await post.next();
    const take = ({ code }: { code: string }) => enter('password', { email, code, new_password: fresh });
    expect((await take(first)).status).toBe(401);
    expect(await take(second)).toEqual(done);
  });

  it('sent to who is in leaves the account as it is', async () => {
    await post.house.ask('POST', 'user', { body: { email, password: 'canary-password' } });
    await post.house.ask('PATCH', 'user/2?send_invite=true', { body: { phone: '1' } });
    await post.next();
    expect((await enter('session', { email, password: 'canary-password' })).status).toBe(200);
  });

  it('of an administrator needs no password, and is taken at his own place', async () => {
    expect((await invite('admin', { email })).status).toBe(201);
    const { code, is_sys_admin } = await post.next();
    expect(is_sys_admin).toBe(true);
    const body = { email, code, new_password: fresh };
    expect((await enter('password', body)).status).toBe(401);
    expect(await post.house.ask('POST', 'admin/password', { body, principal: anonymous })).toEqual(done);
    const login = { body: { email, password: fresh }, principal: anonymous };
    expect((await post.house.ask('POST', 'admin/session', login)).status).toBe(200);
  });

  it('goes to each of several', async () => {
    const people = ['a@b.c', 'd@e.f', 'g@h.i'].map((address) => ({ email: address }));
    expect((await invite('user', { resource: people })).status).toBe(201);
    expect(post.mails.map(({ to }) => to[0]?.email)).toEqual(['a@b.c', 'd@e.f', 'g@h.i']);
    expect(new Set(post.mails.map(({ code }) => code)).size).toBe(3);
  });

  it('that cannot be sent leaves the account, and says so', async () => {
    post.isDown = true;
    const made = await invite('user', { email });
    expect(made).toMatchObject({
      status: 201,
      headers: { 'X-Tenon-Warning': expect.stringContaining('The post is on strike.') },
    });
    post.isDown = false;
    expect(await post.house.ask('PATCH', 'user/2?send_invite=true', { body: { phone: '1' } })).toMatchObject({
      status: 200,
    });
    expect((await post.next()).to).toEqual([{ email }]);
  });

  it('of an account that cannot be made sends nothing', async () => {
    expect((await invite('user', { email: 'no address' })).status).toBe(400);
    await post.house.ask('POST', 'user', { body: { email } });
    expect((await invite('user', { email })).status).toBe(409);
    expect(await post.house.ask('PATCH', 'user/9?send_invite=true', { body: {} })).toMatchObject({
      status: 404,
    });
    const both = { resource: [{ email: 'a@b.c' }, { email }] };
    expect((await post.house.ask('POST', 'user?send_invite=true&rollback=true', { body: both })).status).toBe(
      400,
    );
    expect(post.mails).toEqual([]);
  });

  it('needs a mail service and leaves nothing behind without', async () => {
    await post.configure({ invite_email_service_id: null });
    const answer = await invite('user', { email });
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body?.value)).toContain('invite_email_service_id');
    expect(await post.house.store.users.list()).toHaveLength(1);
  });

  it('is in the audit log without its code', async () => {
    await invite('user', { email });
    const { code } = await post.next();
    const entries = await post.house.store.audit.list({ limit: 9 });
    expect(entries.map(({ action, record }) => `${action} ${record}`)).toEqual(
      expect.arrayContaining(['create user/2', 'elevate post']),
    );
    expect(JSON.stringify([entries, post.house.observations])).not.toContain(code);
  });
});

describe('accounts', () => {
  it('show whether a code is still out', async () => {
    await invite('user', { email });
    expect((await post.house.ask('GET', 'user/2?fields=confirmed,expired')).body).toEqual({
      ...{ confirmed: false, expired: false },
    });
    await post.house.store.userCodes.update(1, { expiresDate: '2020-01-01T00:00:00.000Z' }, null);
    expect((await post.house.ask('GET', 'user?filter=expired=true&fields=id')).body).toEqual({
      resource: [{ id: 2 }],
    });
  });

  it('are confirmed and shut by administrators', async () => {
    await invite('user', { email });
    const { code } = await post.next();
    await post.house.ask('PATCH', 'user/2', { body: { confirmed: true, password: fresh } });
    expect((await enter('session', { email, password: fresh })).status).toBe(200);
    // The password that an administrator set counts, not a mail from before.
    expect((await enter('password', { email, code, new_password: 'something-else' })).status).toBe(401);
    const user = (await post.house.store.users.get(2)) ?? expect.fail();
    const { token } = await post.house.sessions.open(user);
    await post.house.ask('PATCH', 'user/2', { body: { confirmed: false } });
    await expect(async () => post.house.sessions.resolve(token, null)).rejects.toThrow('terminated');
    expect(await enter('session', { email, password: fresh })).toMatchObject({
      status: 401,
      body: { error: { message: 'Invalid credentials supplied.' } },
    });
  });

  it('that move to another address lose the codes of the old one', async () => {
    await invite('user', { email });
    const { code } = await post.next();
    await post.house.ask('PATCH', 'user/2', { body: { email: 'new@example.com' } });
    const body = { email: 'new@example.com', code, new_password: fresh };
    expect((await enter('password', body)).status).toBe(401);
  });
});
