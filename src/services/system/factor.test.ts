// The second factor of a login: set up by its owner, asked for by every login, taken away by who has it.
import { generate } from 'otplib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { limits } from '../../core/limits.ts';
import { anonymous } from '../../core/operation.ts';
import { BasicLogins } from '../../security/basic-logins.ts';
import { userServiceRecord } from '../user/index.ts';
import { type Ask, type House, openHouse, principalOf } from './scenario.ts';

let house: House;
beforeEach(async () => {
  // In the middle of a step, so that no test is about two.
  vi.useFakeTimers({ now: Math.floor(Date.now() / 30_000) * 30_000 + 15_000, toFake: ['Date'] });
  house = await openHouse();
  await house.store.services.create(userServiceRecord, null);
  house.services.reload(await house.store.services.list());
  await house.ask('POST', 'user', { body: { email, password } });
});
afterEach(async () => {
  vi.useRealTimers();
  await house.store.close();
});

const email = 'uma@example.com';
const password = 'canary-password';
const done = { status: 200, body: { success: true } };
const refused = { status: 401, body: { error: { message: 'Invalid credentials supplied.', context: null } } };
const uma = async () => (await house.store.users.findByEmail(email)) ?? expect.fail();
const own = async (action: 'GET' | 'POST' | 'DELETE', body?: unknown, given: Ask = {}) =>
  house.as('user').ask(action, 'factor', { principal: principalOf(await uma()), body, ...given });
let caller = 0;
const login = (more: object, given: Ask = {}) =>
  house.as('user').ask('POST', 'session', {
    ...{ body: { email, password, ...more }, principal: anonymous, remoteAddress: `caller ${caller++}` },
    ...given,
  });
const codeAt = (secret: string, steps = 0) => generate({ secret, epoch: Date.now() / 1000 + steps * 30 });

/** Sets one up with the code of the step before; answers its secret and recovery codes. */
async function setUp(): Promise<{ secret: string; codes: string[] }> {
  const { secret } = (await own('POST', { password })).body as { secret: string };
  const { body } = await own('POST', { code: await codeAt(secret, -1) });
  return { secret, codes: (body as { recovery_codes: string[] }).recovery_codes };
}

describe('setting up', () => {
  it('takes the password, then a code', async () => {
    const none = { kind: 'totp', is_active: false, is_started: false, recovery_codes_left: 0 };
    expect((await own('GET')).body).toEqual(none);
    expect(await own('POST', {})).toMatchObject({ status: 400 });
    expect(await own('POST', { password: 'wrong' })).toMatchObject(refused);
    const begun = await own('POST', { password });
    expect(begun).toMatchObject({ status: 200, body: { uri: expect.stringMatching(/^otpauth:\/\/totp\//) } });
    expect((await own('GET')).body).toEqual({ ...none, is_started: true });
    expect(await own('POST', { code: '000000' })).toMatchObject(refused);
    const { secret } = begun.body as { secret: string };
    expect(await own('POST', { code: await codeAt(secret) })).toMatchObject({
      body: { is_active: true, recovery_codes: { length: limits.recoveryCodes } },
    });
    expect((await own('GET')).body).toEqual({
      ...{ kind: 'totp', is_active: true, is_started: true },
      recovery_codes_left: limits.recoveryCodes,
    });
    expect(await own('POST', { password })).toMatchObject({ status: 409 });
  });

  it('that was only begun asks nobody for anything', async () => {
    await own('POST', { password });
    expect((await login({})).status).toBe(200);
  });

  it('is for people who are logged in', async () => {
    for (const action of ['GET', 'POST', 'DELETE'] as const) {
      expect(await own(action, { password }, { principal: anonymous })).toMatchObject({ status: 400 });
    }
  });

  it('ends all other sessions', async () => {
    const { token } = await house.sessions.open(await uma());
    await setUp();
    await expect(async () => house.sessions.resolve(token, null)).rejects.toThrow('terminated');
  });

  it('leaves entries in the audit log, without secrets', async () => {
    const { secret, codes } = await setUp();
    const entries = await house.store.audit.list({ limit: 9 });
    expect(entries.map(({ action }) => action)).toEqual(
      expect.arrayContaining(['factor.start', 'factor.activate']),
    );
    const text = JSON.stringify([entries, house.observations, await house.ask('GET', 'user/2')]);
    for (const word of [secret, ...codes, password]) expect(text).not.toContain(word);
  });
});

describe('a login', () => {
  it('is asked for the code by who knows the password, and nobody else', async () => {
    await setUp();
    const missing = { code: 401, context: { second_factor: 'totp' }, status_code: 401 };
    expect(await login({})).toMatchObject({ status: 401, body: { error: missing } });
    expect(await login({ password: 'wrong' })).toMatchObject(refused);
    expect(await login({ password: 'wrong', totp: '000000' })).toMatchObject(refused);
  });

  it.each(['totp', 'code'])('takes the code as %s, once', async (field) => {
    const { secret } = await setUp();
    const code = await codeAt(secret);
    expect(await login({ [field]: code })).toMatchObject({ status: 200, body: { email } });
    expect(await login({ [field]: code })).toMatchObject(refused);
    expect(await login({ [field]: 'x'.repeat(100_000) })).toMatchObject(refused);
  });

  it('takes a recovery code once', async () => {
    const { codes } = await setUp();
    expect((await login({ totp: codes[3] })).status).toBe(200);
    expect((await login({ totp: codes[3] })).status).toBe(401);
    expect((await own('GET')).body).toMatchObject({ recovery_codes_left: limits.recoveryCodes - 1 });
  });

  it('does not lose its code to a request that cannot be read', async () => {
    const { secret } = await setUp();
    const code = await codeAt(secret);
    expect((await login({ totp: code, remember_me: 'maybe' })).status).toBe(400);
    expect((await login({ totp: code })).status).toBe(200);
  });

  it('is limited, and neither a password nor a reset of it clears the count', async () => {
    const { secret } = await setUp();
    for (let i = 0; i < limits.loginAttempts; i++) {
      expect((await login({ totp: '000000' })).status).toBe(401);
      if (i < 9) expect((await login({})).status).toBe(401);
    }
    const right = async (given: Ask = {}) => (await login({ totp: await codeAt(secret) }, given)).status;
    expect(await right()).toBe(429);
    expect(await right({ headers: { 'x-forwarded-for': '9.9.9.9' } })).toBe(429);
    // Tries that were only begun are forgotten by then; wrong ones are not.
    vi.setSystemTime(Date.now() + limits.requestTimeoutMs);
    expect(await right()).toBe(429);
  });

  it('without code is no failure, however often', async () => {
    const { secret } = await setUp();
    for (let i = 0; i < limits.loginAttempts * 2; i++) expect((await login({})).status).toBe(401);
    expect((await login({ totp: await codeAt(secret) })).status).toBe(200);
  });

  it('is refreshed without code', async () => {
    const { secret } = await setUp();
    const { body } = await login({ totp: await codeAt(secret) });
    const token = String((body as { session_token: string }).session_token);
    const headers = { 'x-dreamfactory-session-token': token };
    expect((await house.as('user').ask('PUT', 'session', { principal: anonymous, headers })).status).toBe(
      200,
    );
  });

  it('is not possible by HTTP Basic any more, also where it was remembered', async () => {
    const passwords = { verify: async () => true } as never;
    const authority = { generation: 1, rightsOf: () => ({}) } as never;
    const during = (_key: string, work: () => unknown) => work();
    const noCount = { check() {}, fail() {}, succeed() {}, release() {}, during } as never;
    let now = 0;
    const basic = new BasicLogins({
      store: house.store,
      passwords,
      authority,
      throttle: noCount,
      now: () => now,
    });
    const credentials = Buffer.from(`${email}:${password}`).toString('base64');
    const resolve = () => basic.resolve({ credentials, apiKey: null, remoteAddress: 'x' });
    expect((await resolve()).user?.email).toBe(email);
    await setUp();
    now = limits.sessionCacheMs + 1;
    await expect(resolve()).rejects.toMatchObject({ kind: 'access.second_factor' });
  });
});

describe('taking it away', () => {
  it('takes password and code', async () => {
    const { secret } = await setUp();
    expect(await own('DELETE', { password })).toMatchObject({ status: 400 });
    expect(await own('DELETE', { password, code: '000000' })).toMatchObject(refused);
    expect(await own('DELETE', { password: 'wrong', code: await codeAt(secret) })).toMatchObject(refused);
    expect(await own('DELETE', { password, code: await codeAt(secret) })).toEqual(done);
    expect((await login({})).status).toBe(200);
    expect(await own('DELETE', { password })).toMatchObject({ status: 404 });
  });

  it('takes the password only where it was not in force', async () => {
    await own('POST', { password });
    expect(await own('DELETE', { password })).toEqual(done);
    expect((await own('GET')).body).toMatchObject({ is_started: false });
  });

  it('is what administrators do for others: audited, and sessions end', async () => {
    await setUp();
    expect((await house.ask('GET', 'user/2')).body).toMatchObject({ second_factor: true });
    const { token } = await house.sessions.open(await uma());
    expect((await house.ask('PATCH', 'user/2', { body: { second_factor: false } })).status).toBe(200);
    expect((await house.ask('GET', 'user/2?fields=second_factor')).body).toEqual({ second_factor: false });
    await expect(async () => house.sessions.resolve(token, null)).rejects.toThrow('terminated');
    expect((await login({})).status).toBe(200);
    const [entry] = await house.store.audit.list({ limit: 1 });
    expect(entry).toMatchObject({
      record: 'user/2',
      before: { second_factor: true },
      after: { second_factor: false },
    });
  });

  it('is all that administrators can do: they set none up', async () => {
    expect(await house.ask('PATCH', 'user/2', { body: { second_factor: true } })).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining("'second_factor' can only be set to false") } },
    });
    expect((await house.ask('POST', 'user', { body: { email: 'a@b.c', second_factor: true } })).status).toBe(
      400,
    );
    await setUp();
    expect((await house.ask('PATCH', 'user/2', { body: { second_factor: true } })).status).toBe(200);
  });
});

describe('an administrator', () => {
  it('has one at his own place', async () => {
    const mine = (action: 'GET' | 'POST', body?: unknown) => house.ask(action, 'admin/factor', { body });
    const { secret } = (await mine('POST', { password: 'correct horse' })).body as { secret: string };
    expect((await mine('POST', { code: await codeAt(secret, -1) })).status).toBe(200);
    const body = { email: 'admin@example.com', password: 'correct horse' };
    const enter = (more: object) =>
      house.ask('POST', 'admin/session', { body: { ...body, ...more }, principal: anonymous });
    expect((await enter({})).status).toBe(401);
    expect((await enter({ totp: await codeAt(secret) })).status).toBe(200);
  });
});
