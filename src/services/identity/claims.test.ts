// What becomes of claims, whatever they hold.
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { fc } from '../../../test/properties.ts';
import { belongsTogether, type Claims, identityOf, isSilent, merged } from './claims.ts';
import { readSettings } from './settings.ts';

const settings = (config: Record<string, unknown> = {}) =>
  readSettings({
    discovery_document_endpoint: 'https://accounts.example.com',
    client_id: 'tenon',
    client_secret: 'secret',
    redirect_url: 'https://app.example.com/login',
    scopes: 'openid',
    ...config,
  });

const of = (claims: Claims, config: Record<string, unknown> = {}) =>
  identityOf({ sub: 'alice', ...claims }, settings(config));

test('people are known by their subject alone', () => {
  expect(of({})).toMatchObject({ subject: 'alice', email: undefined, isEmailVerified: false });
  for (const sub of [undefined, null, '', ' ', 5, {}, ['alice'], 'x'.repeat(256), 'a\0b']) {
    expect(of({ sub })).toBeUndefined();
  }
});

test('an address is verified where the provider says so, and only then', () => {
  const email = 'Alice@Example.com';
  expect(of({ email, email_verified: true })).toMatchObject({
    email: 'alice@example.com',
    isEmailVerified: true,
  });
  expect(of({ email, email_verified: 'true' })?.isEmailVerified).toBe(true);
  for (const email_verified of [undefined, null, false, 'false', '', 1, 0, 'yes', {}, [true]]) {
    expect(of({ email, email_verified })?.isEmailVerified).toBe(false);
  }
  expect(of({ email_verified: true })?.isEmailVerified).toBe(false);
});

test('an administrator may vouch for a provider that says nothing, never against it', () => {
  const trusting = { trust_email: true };
  const email = 'alice@example.com';
  expect(of({ email }, trusting)?.isEmailVerified).toBe(true);
  for (const email_verified of [false, 'false', 0, '']) {
    expect(of({ email, email_verified }, trusting)?.isEmailVerified).toBe(false);
  }
});

test('what is no address, or becomes another one in lower case, is none', () => {
  for (const email of [
    'alice',
    'a b@example.com',
    'a@b@c',
    5,
    null,
    `${'x'.repeat(250)}@example.com`,
    '@',
    'a@',
  ]) {
    expect(of({ email, email_verified: true })?.email).toBeUndefined();
  }
  // The sign of Kelvin, whose lower case is a plain k.
  expect(of({ email: 'al\u212a@example.com', email_verified: true })?.email).toBeUndefined();
  expect(of({ email: 'zo\u00cb@example.com', email_verified: true })?.email).toBe('zo\u00eb@example.com');
});

test('roles come from groups only where a claim is named, the first of the map first', () => {
  const config = { role_claim: 'groups', role_map: { admins: 3, staff: 4 }, default_role: 9 };
  expect(of({ groups: ['staff', 'admins'] }, config)?.roleId).toBe(3);
  expect(of({ groups: 'staff' }, config)?.roleId).toBe(4);
  for (const groups of [undefined, [], ['others'], {}, 5, '__proto__', ['constructor']]) {
    expect(of({ groups }, config)?.roleId).toBe(9);
  }
  expect(of({ groups: ['others'] }, { ...config, default_role: null })?.roleId).toBeNull();
  expect(of({ groups: ['admins'] }, { role_map: { admins: 3 } })?.roleId).toBeUndefined();
});

test('how somebody logged in is a list of words', () => {
  expect(of({ amr: ['pwd', 'otp', 5] })?.methods).toEqual(['pwd', 'otp']);
  for (const amr of [undefined, 'mfa', {}, 1]) expect(of({ amr })?.methods).toEqual([]);
});

test('more is asked for where something is missing', () => {
  const email = 'a@example.com';
  expect(isSilent({ email, email_verified: false }, settings())).toBe(false);
  expect(isSilent({ email }, settings())).toBe(true);
  expect(isSilent({}, settings())).toBe(true);
  expect(isSilent({ email, email_verified: true }, settings({ role_claim: 'groups' }))).toBe(true);
  expect(isSilent({ email, email_verified: true, groups: [] }, settings({ role_claim: 'groups' }))).toBe(
    false,
  );
});

test('what is said of an address counts for no other', () => {
  const [a, b] = ['a@example.com', 'b@example.com'];
  expect(merged({ sub: 'x', name: 'X' }, { sub: 'x', name: 'Y', email: a, email_verified: true })).toEqual({
    ...{ sub: 'x', name: 'X', email: a, email_verified: true },
  });
  // The token speaks of no address, so what it says of one is for nothing.
  expect(merged({ email_verified: true }, { email: a }).email_verified).toBeUndefined();
  expect(merged({ email_verified: true }, { email: a, email_verified: false }).email_verified).toBe(false);
  expect(merged({ email: a }, { email: a, email_verified: true }).email_verified).toBe(true);
  expect(merged({ email: a }, { email: b, email_verified: true })).toMatchObject({ email: a });
  expect(merged({ email: a }, { email: b, email_verified: true }).email_verified).toBeUndefined();
  expect(merged({ email: a, email_verified: false }, { email: a, email_verified: true }).email_verified).toBe(
    false,
  );
});

test('whatever claims hold: nobody, or somebody whose address is verified only if that is said', () => {
  const names = fc.constantFrom('sub', 'email', 'email_verified', 'name', 'groups', 'amr', '__proto__');
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom('a@b', 'A@B.c', 'true', true, 'x'));
  fc.assert(
    fc.property(fc.dictionary(names, value), (claims) => {
      const identity = identityOf(claims, settings({ role_claim: '__proto__', role_map: { x: 1 } }));
      if (identity === undefined) return;
      expect(identity.subject).toBe(claims.sub);
      if (identity.isEmailVerified) expect([true, 'true']).toContain(claims.email_verified);
      if (identity.isEmailVerified) expect(identity.email).toBe(String(claims.email).toLowerCase());
    }),
  );
});

test('a token that names an access token names this one', () => {
  const token = (alg: string) => `${Buffer.from(JSON.stringify({ alg })).toString('base64url')}.e30.`;
  for (const [alg, bits] of [
    ['RS256', 256],
    ['ES384', 384],
    ['PS512', 512],
    ['EdDSA', 512],
  ] as const) {
    const digest = createHash(`sha${bits}`).update('the token').digest();
    const at_hash = digest.subarray(0, digest.length / 2).toString('base64url');
    expect(belongsTogether(token(alg), { at_hash }, 'the token')).toBe(true);
    expect(belongsTogether(token(alg), { at_hash }, 'another')).toBe(false);
  }
  expect(belongsTogether(token('RS256'), {}, 'the token')).toBe(true);
  for (const at_hash of ['', 5, null, {}]) {
    expect(belongsTogether(token('RS256'), { at_hash }, 'the token')).toBe(false);
  }
});
