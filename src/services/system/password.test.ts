// Changing a password, and getting back in without it.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { limits } from '../../core/limits.ts';
import { anonymous } from '../../core/operation.ts';
import { openPostHouse, type PostHouse } from '../user/mailbox-fixture.ts';
import { type Ask, principalOf } from './scenario.ts';

let post: PostHouse;
beforeEach(async () => {
  vi.useFakeTimers({ now: Date.now(), toFake: ['Date'] });
  post = await openPostHouse();
  await post.house.ask('POST', 'user', { body: { email, first_name: 'Uma', password } });
});
afterEach(async () => {
  vi.useRealTimers();
  await post.house.store.close();
});

const email = 'uma@example.com';
const password = 'canary-password';
const fresh = 'another-canary';
const done = { status: 200, body: { success: true } };
let caller = 0;
const ask = (path: string, body: unknown, given: Ask = {}) =>
  post.house
    .as('user')
    .ask('POST', path, { body, principal: anonymous, remoteAddress: `caller ${caller++}`, ...given });
const login = (word: string) => ask('session', { email, password: word });
const uma = async () => (await post.house.store.users.findByEmail(email)) ?? expect.fail();
const openSession = async () => {
  const { token } = await post.house.sessions.open(await uma());
  return { token, principal: await post.house.sessions.resolve(token, null) };
};

describe('a change', () => {
  it('needs a session and the old password, and may go on with a new session', async () => {
    const body = { old_password: password, new_password: fresh };
    expect(await ask('password', body)).toMatchObject({ status: 401 });
    const { principal } = await openSession();
    expect(await ask('password', { ...body, old_password: 'wrong' }, { principal })).toMatchObject({
      status: 401,
    });
    expect(await ask('password', { new_password: fresh }, { principal })).toMatchObject({ status: 400 });
    const changed = await ask('password?login=true', body, { principal });
    expect(changed).toMatchObject({ status: 200, body: { session_token: expect.stringMatching(/^ey/) } });
    expect((await login(password)).status).toBe(401);
    expect((await login(fresh)).status).toBe(200);
  });

  it('ends other sessions and mailed codes', async () => {
    await post.configure({ password_email_service_id: 'post' });
    await ask('password?reset=true', { email });
    const { code } = await post.next();
    const [mine, other] = [await openSession(), await openSession()];
    const body = { old_password: password, new_password: fresh };
    expect(await ask('password', body, { principal: mine.principal })).toEqual(done);
    await expect(async () => post.house.sessions.resolve(other.token, null)).rejects.toThrow('terminated');
    expect((await post.house.sessions.resolve(mine.token, null)).user?.email).toBe(email);
    expect((await ask('password', { email, code, new_password: fresh })).status).toBe(401);
  });
});

describe('a reset by mail', () => {
  beforeEach(async () => {
    expect(await post.configure({ password_email_service_id: 'post' })).toBe(200);
  });

  it('goes by the code that was mailed, once', async () => {
    const session = await openSession();
    expect(await ask('password?reset=true', { email: email.toUpperCase() })).toEqual(done);
    const mail = await post.next();
    expect(mail).toMatchObject({ template: 'Password Reset Default', to: [{ email }], code_minutes: 60 });
    expect(mail.link).toContain('https://tenon.example.com/#/reset-password?code=');
    const body = { email, code: mail.code, new_password: fresh };
    expect(await ask('password', { ...body, code: 'wrong' })).toMatchObject({ status: 401 });
    expect(await ask('password?login=true', body)).toMatchObject({ status: 200, body: { email } });
    expect(await ask('password', body)).toMatchObject({ status: 401 });
    await expect(async () => post.house.sessions.resolve(session.token, null)).rejects.toThrow('terminated');
    expect((await login(fresh)).status).toBe(200);
    expect((await login(password)).status).toBe(401);
  });

  it('does not open what is shut, although the code is still there', async () => {
    await ask('password?reset=true', { email });
    const { code } = await post.next();
    await post.house.store.users.update(2, { isActive: false }, null);
    expect((await ask('password', { email, code, new_password: fresh })).status).toBe(401);
    await post.house.store.users.update(2, { isActive: true }, null);
    expect(await ask('password', { email, code, new_password: fresh })).toEqual(done);
  });

  it('takes the user name as well, and the flag in the body', async () => {
    expect(await ask('password', { username: email, reset: true })).toEqual(done);
    expect((await post.next()).to).toEqual([{ email }]);
  });

  it.each([
    ['nobody', 'nobody@example.com'],
    ['an administrator', 'admin@example.com'],
    ['who was shut out', 'off@example.com'],
  ])('answers alike for %s, and mails nothing', async (_who, address) => {
    await post.house.ask('POST', 'user', { body: { email: 'off@example.com', is_active: false, password } });
    expect(await ask('password?reset=true', { email: address })).toEqual(done);
    await post.quiet();
    expect(post.mails).toEqual([]);
    const body = { email: address, code: 'x'.repeat(43), new_password: fresh };
    const refused = { status: 401, body: { error: { message: 'Invalid credentials supplied.' } } };
    expect(await ask('password', body)).toMatchObject(refused);
    expect(await ask('password', { ...body, email })).toMatchObject(refused);
  });

  it('of an administrator is asked for at his own place', async () => {
    const admin = (body: unknown, query = '') =>
      post.house.ask('POST', `admin/password${query}`, { body, principal: anonymous });
    expect(await admin({ email }, '?reset=true')).toEqual(done);
    expect(await admin({ email: 'admin@example.com' }, '?reset=true')).toEqual(done);
    const mail = await post.next();
    expect(mail).toMatchObject({ to: [{ email: 'admin@example.com' }], is_sys_admin: true });
    const body = { email: 'admin@example.com', code: mail.code, new_password: fresh };
    expect((await ask('password', body)).status).toBe(401);
    expect(await admin(body)).toEqual(done);
  });

  it('is limited for each address and for each caller', async () => {
    const request = (address: string, remoteAddress: string) =>
      ask('password?reset=true', { email: address }, { remoteAddress });
    for (let i = 0; i < limits.loginAttempts; i++)
      expect((await request(email, `from ${i}`)).status).toBe(200);
    expect((await request('UMA@example.com', 'elsewhere')).status).toBe(429);
    for (let i = 0; i < limits.loginAttempts; i++)
      expect((await request(`n${i}@x.y`, 'one')).status).toBe(200);
    expect((await request('n99@x.y', 'one')).status).toBe(429);
  });

  it('lets codes be guessed a few times only', async () => {
    const guess = (i: number) => ask('password', { email, code: `guess ${i}`, new_password: fresh });
    for (let i = 0; i < limits.loginAttempts; i++) expect((await guess(i)).status).toBe(401);
    expect((await guess(99)).status).toBe(429);
    const here = { remoteAddress: 'one place' };
    for (let i = 0; i < limits.loginAttempts; i++) {
      const body = { email: `n${i}@x.y`, code: 'guess', new_password: fresh };
      expect((await ask('password', body, here)).status).toBe(401);
    }
    expect((await ask('password', { email: 'n@x.y', code: 'guess', new_password: fresh }, here)).status).toBe(
      429,
    );
  });

  it('ends the code after a few wrong ones', async () => {
    await ask('password?reset=true', { email });
    const { code } = await post.next();
    for (let i = 0; i < limits.codeAttempts; i++) {
      expect((await ask('password', { email, code: `guess ${i}`, new_password: fresh })).status).toBe(401);
      await post.quiet();
    }
    expect((await ask('password', { email, code, new_password: fresh })).status).toBe(401);
    expect(await post.house.store.userCodes.list()).toEqual([]);
  });

  it('is not possible by an answer then', async () => {
    const hash = (await uma()).passwordHash;
    await post.house.store.users.update(
      2,
      { securityQuestion: 'The password?', securityAnswerHash: hash },
      null,
    );
    const body = { email, security_answer: password, new_password: fresh };
    expect(await ask('password', body)).toMatchObject({ status: 401 });
    expect(await ask('password?reset=true', { email })).toEqual(done);
  });

  it.each([
    [{}, 'Password reset request is missing required email.'],
    [{ email: { $ne: null } }, 'Password reset request is missing required email.'],
    [{ email, code: 'x' }, "Field 'new_password' is required."],
    [{ email, code: 'x', new_password: 'short' }, "Field 'new_password' must have at least 8 characters."],
  ])('refuses %j', async (body, message) => {
    const path = Object.hasOwn(body, 'code') ? 'password' : 'password?reset=true';
    expect(await ask(path, body)).toMatchObject({ status: 400, body: { error: { message } } });
  });

  it('leaves entries in the audit log, without codes and passwords', async () => {
    await ask('password?reset=true', { email });
    const { code } = await post.next();
    await ask('password', { email, code, new_password: fresh });
    const entries = await post.house.store.audit.list({ limit: 99 });
    expect(entries).toContainEqual(
      expect.objectContaining({ action: 'password.reset', record: 'user/2', userEmail: email }),
    );
    expect(entries).toContainEqual(expect.objectContaining({ action: 'elevate', record: 'post' }));
    expect(JSON.stringify([entries, post.house.observations])).not.toMatch(new RegExp(`${code}|canary`));
  });
});

describe('a reset by security question', () => {
  const question = 'Name of my first dog?';
  beforeEach(async () => {
    const body = { security_question: question, security_answer: 'Bello von Berg' };
    expect((await post.house.ask('PATCH', 'user/2', { body })).status).toBe(200);
  });

  it('asks it, and takes the answer however it is written', async () => {
    expect(await ask('password?reset=true', { email })).toEqual({
      status: 200,
      body: { security_question: question },
    });
    const body = { email, new_password: fresh };
    expect((await ask('password', { ...body, security_answer: 'Rex' })).status).toBe(401);
    expect(await ask('password', { ...body, security_answer: ' bello  VON berg ' })).toEqual(done);
    expect((await login(fresh)).status).toBe(200);
  });

  it('is limited like a login', async () => {
    const guess = () => ask('password', { email, security_answer: 'Rex', new_password: fresh });
    for (let i = 0; i < limits.loginAttempts; i++) expect((await guess()).status).toBe(401);
    expect((await guess()).status).toBe(429);
    expect((await login(password)).status).toBe(429);
    // Tries that were only begun are forgotten by then; wrong ones are not.
    vi.setSystemTime(Date.now() + limits.requestTimeoutMs);
    expect((await guess()).status).toBe(429);
  });

  it('is nothing for who has none, is shut out, or is an administrator', async () => {
    await post.house.ask('PATCH', 'user/2', { body: { is_active: false } });
    expect(await ask('password?reset=true', { email })).toEqual(done);
    expect(await ask('password?reset=true', { email: 'nobody@x.y' })).toEqual(done);
    const body = { email, security_answer: 'Bello von Berg', new_password: fresh };
    expect((await ask('password', body)).status).toBe(401);
    const own = { security_question: question, security_answer: 'Bello von Berg' };
    await post.house.ask('PATCH', 'admin/1', { body: own });
    const admin = { email: 'admin@example.com' };
    expect(await post.house.ask('POST', 'admin/password?reset=true', { body: admin })).toEqual(done);
    const reset = { ...admin, security_answer: own.security_answer, new_password: fresh };
    expect(
      (await post.house.ask('POST', 'admin/password', { body: reset, principal: anonymous })).status,
    ).toBe(401);
  });

  it('keeps the answer as a hash', async () => {
    expect((await uma()).securityAnswerHash).toMatch(/^\$argon2id\$/);
    const shown = await post.house.ask('GET', 'user/2');
    expect(shown.body).toMatchObject({ security_question: question });
    expect(JSON.stringify(shown)).not.toMatch(/argon2|security_answer/);
  });
});

describe('somebody with a second factor', () => {
  it('does not get round it by a reset', async () => {
    const { startFactor, activateFactor } = await import('../../security/factors.ts');
    const { generate } = await import('otplib');
    const parts = { store: post.house.store, secrets: post.house.secrets };
    const { secret } = await startFactor(parts, await uma());
    const codes = await activateFactor(parts, 2, await generate({ secret }));
    const principal = principalOf(await uma());
    const change = { old_password: password, new_password: fresh };
    expect(await ask('password?login=true', change, { principal })).toEqual(done);
    const again = { old_password: fresh, new_password: password };
    expect(await ask('password?login=true', { ...again, totp: '000000' }, { principal })).toEqual(done);
    const body = { ...change, totp: codes?.[0] };
    expect(await ask('password?login=true', body, { principal })).toMatchObject({
      status: 200,
      body: { email },
    });
  });
});
