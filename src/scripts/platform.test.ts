import { describe, expect, test } from 'vitest';
import { anonymous } from '../core/operation.ts';
import { ada } from './exchange-fixture.ts';
import { platformConfig, SessionTexts } from './platform.ts';

const session = (principal = ada) => JSON.parse(new SessionTexts().of(principal));

describe('platform.session', () => {
  test('of an administrator, as recorded', () => {
    expect(session()).toEqual({
      api_key: null,
      session_token: expect.stringMatching(/^run\.[\w-]{43}$/),
      user: {
        id: 1,
        name: 'Ada Admin',
        username: 'admin@example.com',
        display_name: 'Ada Admin',
        first_name: 'Ada',
        last_name: 'Admin',
        email: 'admin@example.com',
        is_sys_admin: true,
        last_login_date: '2026-01-01T00:00:00Z',
        ldap_username: null,
      },
      app: { id: null },
      lookup: [],
      lookup_secret: [],
      has_role: false,
    });
  });

  test('the order of the keys is that of the records', () => {
    const keys = ['api_key', 'session_token', 'user', 'app', 'lookup', 'lookup_secret', 'has_role'];
    expect(Object.keys(session())).toEqual(keys);
  });

  test('of an app with a role, without a user', () => {
    expect(session({ ...anonymous, kind: 'app', apiKey: 'key', appId: 3, roleId: 4 })).toEqual({
      api_key: 'key',
      session_token: null,
      app: { id: 3 },
      role: { id: 4 },
      lookup: [],
      lookup_secret: [],
    });
  });

  test('is written once per principal, with a token of its own', () => {
    const texts = new SessionTexts();
    expect(texts.of(ada)).toBe(texts.of(ada));
    expect(texts.of({ ...ada })).not.toBe(texts.of(ada));
  });
});

describe('platform.config', () => {
  test('shows the same list at the root and under df', () => {
    const { df, ...root } = platformConfig({ version: '1.2.3', maxRecords: 1000 });
    expect(root).toEqual(df);
    expect(root).toMatchObject({
      version: '1.2.3',
      api_version: '2.0',
      always_wrap_resources: true,
      resources_wrapper: 'resource',
    });
    expect(root).not.toHaveProperty('storage_path');
  });

  test('has a storage path where there is one', () => {
    const config = platformConfig({ version: '1', maxRecords: 1, storagePath: '/scripts' });
    expect(config).toMatchObject({ storage_path: '/scripts', df: { storage_path: '/scripts' } });
  });
});
