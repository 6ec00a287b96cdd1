// What a configuration may say, and what is refused when it is stored.
import { expect, test } from 'vitest';
import type { ServiceType } from '../../core/service.ts';
import { oidcFields } from './fields.ts';
import { identityServiceTypes } from './index.ts';
import { readSettings } from './settings.ts';

const good = {
  discovery_document_endpoint: 'https://accounts.example.com',
  client_id: 'tenon',
  client_secret: 'secret',
  redirect_url: 'https://app.example.com/login',
  scopes: 'openid profile email',
};

const read = (config: Record<string, unknown> = {}) => readSettings({ ...good, ...config });

function oidc(): ServiceType {
  const [type] = identityServiceTypes({ egressAllow: [], observe: () => {} });
  if (type === undefined) throw new Error('no type');
  return type;
}

test('an issuer and its document name the same provider', () => {
  const document = 'https://accounts.example.com/realms/one/.well-known/openid-configuration';
  for (const given of [
    'https://accounts.example.com/realms/one',
    'https://accounts.example.com/realms/one/',
    document,
  ]) {
    const { issuer, discoveryUrl } = read({ discovery_document_endpoint: given });
    expect([issuer, discoveryUrl.href]).toEqual(['https://accounts.example.com/realms/one', document]);
  }
  expect(read().issuer).toBe('https://accounts.example.com');
});

test('what is not said is safe', () => {
  expect(read()).toMatchObject({
    proof: 'client_secret_basic',
    trustsEmail: false,
    roleClaim: undefined,
    returnsAccessToken: false,
    iconClass: null,
    rules: {
      allowsNewUsers: true,
      linksByEmail: true,
      domains: [],
      defaultRoleId: null,
      requiresSecondFactor: false,
    },
  });
});

test('lists are read however they are written', () => {
  expect(read({ scopes: 'openid,email  groups' }).scopes).toBe('openid email groups');
  expect(read({ allowed_domains: ' Example.com, sub.example.ORG ' }).rules.domains).toEqual([
    'example.com',
    'sub.example.org',
  ]);
  expect([...read({ role_map: { editors: 3 } }).roleMap]).toEqual([['editors', 3]]);
  expect(read({ role_map: [] }).roleMap.size).toBe(0);
});

const refused: readonly (readonly [string, unknown])[] = [
  ['discovery_document_endpoint', 'accounts.example.com'],
  ['discovery_document_endpoint', 'ftp://accounts.example.com'],
  ['discovery_document_endpoint', 'https://me:secret@accounts.example.com'],
  ['discovery_document_endpoint', 'https://accounts.example.com?x=1'],
  ['discovery_document_endpoint', `https://accounts.example.com/${'x'.repeat(9_000)}`],
  ['redirect_url', 'javascript:alert(1)'],
  ['redirect_url', '/login'],
  ['redirect_url', 'https://app.example.com/login?next=1'],
  ['redirect_url', 'https://app.example.com/#/login'],
  ['client_secret', ''],
  ['scopes', 'profile email'],
  ['allowed_domains', 'me@example.com'],
  ['allowed_domains', '*'],
  ['role_map', { editors: 'three' }],
  ['role_map', ['editors']],
];

for (const [name, value] of refused) {
  test(`refused: ${name} ${JSON.stringify(value).slice(0, 50)}`, () => {
    expect(() => read({ [name]: value })).toThrow(new RegExp(`^Field 'config\\.${name}' `));
  });
}

test('only a client without authentication has no secret', () => {
  expect(read({ client_secret: null, token_endpoint_auth_method: 'none' }).proof).toBe('none');
});

test('the redirect URL is kept as it will be sent', () => {
  const config = { ...good, redirect_url: 'https://App.example.com' };
  const stored = oidc().prepare?.({ name: 'company', isActive: true, config });
  expect(stored).toEqual({ ...good, redirect_url: 'https://app.example.com/' });
});

test('whoever stores a provider without TLS is warned', async () => {
  const settings = { id: 1, name: 'company', label: 'Company' };
  expect(await oidc().flaw?.({ ...settings, config: good })).toBeUndefined();
  const config = { ...good, discovery_document_endpoint: 'http://accounts.example.com' };
  expect(await oidc().flaw?.({ ...settings, config })).toContain('unencrypted');
});

test('every field says what it is for, and only the secret is one', () => {
  for (const { label, description } of oidcFields) expect([label, description]).not.toContain('');
  expect(oidcFields.filter(({ secret }) => secret).map(({ name }) => name)).toEqual(['client_secret']);
});
