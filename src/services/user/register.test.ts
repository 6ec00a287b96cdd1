// Registration: who may, what is taken of it, and what an answer does not tell.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { limits } from '../../core/limits.ts';
import { anonymous } from '../../core/operation.ts';
import type { Ask } from '../system/scenario.ts';
import { openPostHouse, type PostHouse } from './mailbox-fixture.ts';

let post: PostHouse;
beforeEach(async () => {
  post = await openPostHouse();
});
afterEach(() => post.house.store.close());

const done = { status: 200, body: { success: true } };
const uma = {
  email: 'uma@example.com',
  first_name: 'Uma',
  last_name: 'User',
  new_password: 'canary-password',
};
let caller = 0;
// Each from an address of its own, so that only what is meant to be throttled is.
const as = (body: unknown, given: Ask = {}): Ask => ({
  body,
  principal: anonymous,
  remoteAddress: `caller ${caller++}`,
  ...given,
});
const register = (body: unknown, query = '', given: Ask = {}) =>
  post.house.as('user').ask('POST', `register${query}`, as(body, given));
const login = (password: string, email = uma.email) =>
  post.house.as('user').ask('POST', 'session', as({ email, password }));
const users = async () => (await post.house.store.users.list()).filter(({ isSysAdmin }) => !isSysAdmin);

describe('registration that is not open', () => {
  it('is refused', async () => {
    expect(await register(uma)).toMatchObject({
      status: 403,
      body: { error: { message: 'Open registration is not enabled for this system.' } },
    });
    expect(await users()).toEqual([]);
  });
});

describe('registration without mail', () => {
  beforeEach(async () => {
    expect(await post.configure({ allow_open_registration: true })).toBe(200);
  });

  it('makes an active user who can log in', async () => {
    expect(await register(uma)).toEqual(done);
    expect(await users()).toMatchObject([
      { email: uma.email, name: 'Uma User', username: uma.email, isActive: true, isConfirmed: true },
    ]);
    expect(await login(uma.new_password)).toMatchObject({ status: 200, body: { email: uma.email } });
  });

  it('answers a session where that is asked for', async () => {
    const made = await register({ ...uma, password: 'other' }, '?login=true');
    expect(made).toMatchObject({
      status: 200,
      body: { session_token: expect.stringMatching(/^ey/), name: 'Uma User' },
    });
  });

  it('takes nothing that would give rights', async () => {
    const rights = {
      ...{ is_sys_admin: true, is_active: false, confirmed: false, role_id: 1, default_app_id: 1, id: 99 },
      user_to_app_to_role_by_user_id: [{ app_id: 1, role_id: 1 }],
      lookup_by_user_id: [{ name: 'x', value: 'y' }],
    };
    expect(await register({ ...uma, ...rights })).toEqual(done);
    const [made] = await users();
    expect(made).toMatchObject({
      id: 2,
      isSysAdmin: false,
      isActive: true,
      isConfirmed: true,
      defaultAppId: null,
    });
    expect(await post.house.store.userRoles.list()).toEqual([]);
    expect(await post.house.store.lookups.list()).toEqual([]);
  });

  it('gives the role of the configuration in every app', async () => {
    await post.house.ask('POST', 'role', { body: { resource: [{ name: 'reader' }] } });
    await post.house.ask('POST', 'app', { body: { resource: [{ name: 'web' }, { name: 'mobile' }] } });
    await post.configure({ open_reg_role_id: 1 });
    await register(uma);
    expect(await post.house.store.userRoles.list()).toMatchObject([
      { userId: 2, appId: 1, roleId: 1 },
      { userId: 2, appId: 2, roleId: 1 },
    ]);
  });

  it('keeps nobody out by a login name', async () => {
    const name = { username: 'ben@example.com' };
    expect((await register({ ...uma, ...name })).status).toBe(400);
    await post.house.ask('POST', 'user', { body: { email: 'x@y.z', ...name } });
    expect(await register({ ...uma, email: 'ben@example.com' })).toEqual(done);
    expect((await login(uma.new_password, 'ben@example.com')).status).toBe(200);
    const ben = await post.house.store.users.findByEmail('ben@example.com');
    expect(ben?.username).toMatch(/^ben@example\.com#[0-9a-f]{8}$/);
    expect((await register({ ...uma, ...{ email: 'c@d.e', username: 'ben' } })).status).toBe(200);
    expect((await register({ ...uma, ...{ email: 'f@g.h', username: 'ben' } })).status).toBe(409);
  });

  it('says that an address is taken, and is limited', async () => {
    const here = { remoteAddress: 'one place' };
    expect(await register(uma, '', here)).toEqual(done);
    for (let i = 1; i < limits.loginAttempts; i++) {
      expect((await register({ ...uma, email: `U${i}@x.y` }, '', here)).status).toBe(200);
    }
    expect((await register({ ...uma, email: 'late@x.y' }, '', here)).status).toBe(429);
    expect((await register({ ...uma, email: 'UMA@example.com' })).status).toBe(409);
  });

  it.each([
    [{}, "Field 'email' is required."],
    [{ email: 'nobody' }, "Field 'email' must be an email address."],
    [{ email: 'a@b.c' }, "Field 'new_password' is required."],
    [{ email: 'a@b.c', new_password: 'short' }, "Field 'new_password' must have at least 8 characters."],
    [
      { ...uma, security_question: 'Pet?' },
      "Field 'security_answer' is required with a new security_question.",
    ],
    [{ ...uma, remember_me: 'maybe' }, "Field 'remember_me' must be true or false."],
    [[uma], 'The body must be a JSON object.'],
  ])('refuses %j', async (body, message) => {
    expect(await register(body)).toMatchObject({ status: 400, body: { error: { message } } });
    expect(await users()).toEqual([]);
  });

  it('is in the audit log, without passwords', async () => {
    await register(uma);
    const entries = await post.house.store.audit.list({ limit: 99 });
    expect(entries.find(({ action }) => action === 'register')).toMatchObject({
      record: 'user/2',
      userEmail: uma.email,
    });
    expect(JSON.stringify([entries, post.house.observations])).not.toContain('canary-password');
  });
});

describe('registration with mail', () => {
  beforeEach(async () => {
    await post.configure({ allow_open_registration: true, open_reg_email_service_id: 'post' });
  });

  it('waits for the code, which only the mail has', async () => {
    expect(await register(uma, '?login=true')).toEqual(done);
    const mail = await post.next();
    expect(mail).toMatchObject({ template: 'User Registration Default', to: [{ email: uma.email }] });
    expect(mail.link).toBe(
      `https://tenon.example.com/#/register-confirm?code=${mail.code}&email=uma%40example.com`,
    );
    // The password of who registered is not that of who got the mail.
    expect((await login(uma.new_password)).status).toBe(401);
    const code = { email: uma.email, code: mail.code, new_password: 'another-canary' };
    expect(await register(code, '?login=true')).toMatchObject({ status: 200, body: { email: uma.email } });
    expect((await login('another-canary')).status).toBe(200);
    expect((await login(uma.new_password)).status).toBe(401);
    expect((await register(code)).status).toBe(401);
  });

  it('takes no security question, by which who registered could come back', async () => {
    await register({ ...uma, security_question: 'Pet?', security_answer: 'Dobermann' });
    await post.next();
    expect(await users()).toMatchObject([
      { securityQuestion: null, securityAnswerHash: null, passwordHash: '' },
    ]);
  });

  it('answers alike for an address that is taken, and mails nothing there', async () => {
    await post.house.ask('POST', 'user', { body: { email: uma.email, password: 'canary-password' } });
    expect(await register(uma)).toEqual(done);
    expect(await register({ ...uma, email: 'admin@example.com' })).toEqual(done);
    await post.quiet();
    expect(post.mails).toEqual([]);
    expect(await users()).toHaveLength(1);
  });

  it('mails another code to who did not confirm, and the first one is over', async () => {
    await register(uma);
    const first = await post.next();
    await register(uma);
    const second = await post.next();
    const confirm = ({ code }: { code: string }) =>
      register({ email: uma.email, code, new_password: 'my-password' });
    expect((await confirm(first)).status).toBe(401);
    expect(await confirm(second)).toEqual(done);
    expect(await users()).toHaveLength(1);
  });

  it('does not tell that a login name is taken either', async () => {
    await post.house.ask('POST', 'user', { body: { email: 'a@b.c', username: 'uma' } });
    expect(await register({ ...uma, username: 'uma' })).toEqual(done);
    await post.next();
    expect(await post.house.store.users.findByEmail(uma.email)).toMatchObject({ username: uma.email });
  });

  it('keeps nobody out whose address is the login name of somebody else', async () => {
    await post.house.ask('POST', 'user', { body: { email: 'x@y.z', username: uma.email } });
    expect(await register(uma)).toEqual(done);
    expect((await post.next()).to).toEqual([{ email: uma.email }]);
  });

  it('does not open what an administrator shut', async () => {
    await register(uma);
    const { code } = await post.next();
    await post.house.ask('PATCH', 'user/2', { body: { is_active: false } });
    expect((await register({ email: uma.email, code, new_password: 'my-password' })).status).toBe(401);
    expect(await register(uma)).toEqual(done);
    await post.quiet();
    expect(post.mails).toEqual([]);
  });

  it('answers alike when the mail cannot be sent; the log knows', async () => {
    post.isDown = true;
    expect(await register(uma)).toEqual(done);
    await post.quiet();
    expect(post.house.observations).toContainEqual({
      ...{ kind: 'service.failed', service: 'user' },
      reason: 'The mail could not be sent: The post is on strike.',
    });
    post.isDown = false;
    expect(await register(uma)).toEqual(done);
    expect((await post.next()).to).toEqual([{ email: uma.email }]);
  });

  it('sends nobody more than a few mails', async () => {
    for (let i = 0; i < limits.loginAttempts; i++) expect((await register(uma)).status).toBe(200);
    expect((await register({ ...uma, email: 'UMA@example.com' })).status).toBe(429);
    expect((await register({ ...uma, email: 'other@example.com' })).status).toBe(200);
  });
});
