// Own data: what a session alone may change, and what takes the password.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { limits } from '../../core/limits.ts';
import { anonymous } from '../../core/operation.ts';
import { openPostHouse, type PostHouse } from '../user/mailbox-fixture.ts';
import { principalOf } from './scenario.ts';

let post: PostHouse;
beforeEach(async () => {
  vi.useFakeTimers({ now: Date.now(), toFake: ['Date'] });
  post = await openPostHouse();
  await post.house.ask('POST', 'user', { body: { email, password, name: 'Uma' } });
});
afterEach(async () => {
  vi.useRealTimers();
  await post.house.store.close();
});

const email = 'uma@example.com';
const password = 'canary-password';
const done = { status: 200, body: { success: true } };
const uma = async () => (await post.house.store.users.get(2)) ?? expect.fail();
const own = async (action: 'GET' | 'POST' | 'PUT' | 'PATCH', body?: unknown) =>
  post.house.as('user').ask(action, 'profile', { principal: principalOf(await uma()), body });

describe('the own profile', () => {
  it.each(['POST', 'PUT', 'PATCH'] as const)(
    'is changed by %s, and written back as it is',
    async (action) => {
      await post.house.ask('POST', 'app', { body: { name: 'web' } });
      const body = {
        first_name: 'U',
        last_name: 'M',
        name: 'U M',
        phone: '1',
        username: 'uma',
        default_app_id: 1,
      };
      expect(await own(action, body)).toEqual(done);
      const { body: shown } = await own('GET');
      expect(shown).toEqual({
        ...body,
        ...{ email, security_question: null, oauth_provider: '', adldap: '' },
      });
      expect(await own(action, { ...(shown as object), email: email.toUpperCase() })).toEqual(done);
    },
  );

  it('gives no rights', async () => {
    await own('PATCH', {
      is_sys_admin: true,
      is_active: false,
      confirmed: false,
      id: 1,
      new_password: 'x'.repeat(9),
    });
    const before = await uma();
    expect(before).toMatchObject({ id: 2, isSysAdmin: false, isActive: true, isConfirmed: true });
    expect(await post.house.store.users.get(1)).toMatchObject({ email: 'admin@example.com' });
  });

  it('takes no login name that is somebody else’s address', async () => {
    const taken = await own('PATCH', { username: 'ben@example.com' });
    expect(taken).toMatchObject({ status: 400 });
    expect(JSON.stringify(taken.body)).toContain("'username' must not be an address");
    expect(await own('PATCH', { username: 'uma' })).toEqual(done);
    expect(await own('PATCH', { username: email.toUpperCase() })).toEqual(done);
    // What is there already may be written back, also after the address changed.
    await own('PATCH', { username: email });
    expect(await own('PATCH', { email: 'new@example.com', old_password: password })).toEqual(done);
    expect(await own('PATCH', { username: email })).toEqual(done);
  });

  it('names an app that there is', async () => {
    expect(await own('PATCH', { default_app_id: 9 })).toMatchObject({
      status: 400,
      body: { error: { message: "Field 'default_app_id' names no app." } },
    });
  });

  it.each([{ email: 'new@example.com' }, { security_question: 'Pet?', security_answer: 'Dobermann' }])(
    'changes %j for who knows the password',
    async (change) => {
      expect(await own('PATCH', change)).toMatchObject({
        status: 400,
        body: { error: { message: expect.stringContaining("'old_password' is required") } },
      });
      expect((await own('PATCH', { ...change, old_password: 'wrong' })).status).toBe(401);
      expect(await own('PATCH', { ...change, old_password: password })).toEqual(done);
      const { security_answer: _answer, ...shown } = change as Record<string, unknown>;
      expect((await own('GET')).body).toMatchObject(shown);
    },
  );

  it('tries passwords as often as a login', async () => {
    const guess = () => own('PATCH', { email: 'new@example.com', old_password: 'wrong' });
    for (let i = 0; i < limits.loginAttempts; i++) expect((await guess()).status).toBe(401);
    const right = () => own('PATCH', { email: 'new@example.com', old_password: password });
    expect((await right()).status).toBe(429);
    // Tries that were only begun are forgotten by then; wrong ones are not.
    vi.setSystemTime(Date.now() + limits.requestTimeoutMs);
    expect((await right()).status).toBe(429);
  });

  it('takes a security question with an answer of some length, and drops both', async () => {
    const own_ = (body: object) => own('PATCH', { old_password: password, ...body });
    expect((await own_({ security_question: 'Pet?' })).status).toBe(400);
    expect((await own_({ security_answer: 'Dobermann' })).status).toBe(400);
    expect((await own_({ security_question: 'Pet?', security_answer: 'Rex' })).status).toBe(400);
    expect(await own_({ security_question: 'Pet?', security_answer: 'Dobermann' })).toEqual(done);
    expect((await uma()).securityAnswerHash).toMatch(/^\$argon2id/);
    expect((await own('PATCH', { security_question: null })).status).toBe(400);
    expect(await own_({ security_question: null })).toEqual(done);
    expect(await uma()).toMatchObject({ securityQuestion: null, securityAnswerHash: null });
  });

  it('with another address ends the codes that went to the old one', async () => {
    await post.configure({ password_email_service_id: 'post' });
    await post.house.as('user').ask('POST', 'password?reset=true', { body: { email }, principal: anonymous });
    const { code } = await post.next();
    expect(await own('PATCH', { email: 'new@example.com', old_password: password })).toEqual(done);
    const body = { email: 'new@example.com', code, new_password: 'another-canary' };
    const reset = await post.house.as('user').ask('POST', 'password', { body, principal: anonymous });
    expect(reset.status).toBe(401);
  });

  it('is in the audit log as it was and is, without answers', async () => {
    const change = { email: 'new@example.com', security_question: 'Pet?', security_answer: 'Dobermann' };
    await own('PATCH', { ...change, old_password: password });
    const [entry] = await post.house.store.audit.list({ limit: 1 });
    expect(entry).toMatchObject({ action: 'update', record: 'user/2', userId: 2 });
    expect(entry).toMatchObject({ before: { email }, after: { email: 'new@example.com' } });
    expect(JSON.stringify(entry)).not.toMatch(/Dobermann|canary|argon2/);
  });

  it('is nobody’s without a session', async () => {
    const answer = await post.house.as('user').ask('GET', 'profile', { principal: anonymous });
    expect(answer.status).toBe(400);
  });
});
