import { describe, expect, test } from 'vitest';
import { limits } from '../core/limits.ts';
import { anonymous, type Principal } from '../core/operation.ts';
import { Role } from '../core/role.ts';
import { RunTokens } from '../security/run-tokens.ts';
import { ada } from './exchange-fixture.ts';
import { platformConfig, SessionTexts } from './platform.ts';

const grant = {
  id: 9,
  serviceId: 3,
  service: 'hr',
  component: '_table/*',
  verbMask: 3,
  requestorMask: 3,
  filters: [],
  filterOp: 'AND',
  fields: [],
  createdDate: '2026-01-01T00:00:00.000Z',
  lastModifiedDate: '2026-01-02T00:00:00.000Z',
  createdById: null,
  lastModifiedById: null,
};
const appPrincipal: Principal = {
  ...anonymous,
  kind: 'app',
  apiKey: 'key',
  app: { id: 3, name: 'web', isActive: true },
  role: new Role({ id: 4, name: 'reader', isActive: true, grants: [grant] }),
};
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
    expect(session(appPrincipal)).toEqual({
      api_key: 'key',
      session_token: null,
      app: { id: 3 },
      role: {
        id: 4,
        name: 'reader',
        services: [
          {
            id: 9,
            role_id: 4,
            service_id: 3,
            component: '_table/*',
            verb_mask: 3,
            requestor_mask: 3,
            filters: [],
            filter_op: 'AND',
            created_date: '2026-01-01T00:00:00.000Z',
            last_modified_date: '2026-01-02T00:00:00.000Z',
            created_by_id: null,
            last_modified_by_id: null,
            service: 'hr',
          },
        ],
      },
      lookup: [],
      lookup_secret: [],
    });
  });

  test('shows lookups as maps; private ones under lookup_secret', () => {
    const lookups = { open: { color: 'red' }, secret: { word: 'hidden' } };
    expect(session({ ...ada, lookups })).toMatchObject({
      lookup: { color: 'red' },
      lookup_secret: { word: 'hidden' },
    });
  });

  test('the order of the keys of a role and its rows is that of the records', () => {
    const shown = session({ ...appPrincipal, user: ada.user });
    const order = ['api_key', 'session_token', 'user', 'app', 'role', 'lookup', 'lookup_secret'];
    expect(Object.keys(shown)).toEqual(order);
    expect(Object.keys(shown.role.services[0]).slice(0, 5)).toEqual([
      ...['id', 'role_id', 'service_id', 'component', 'verb_mask'],
    ]);
  });

  test('its token is good for whoever is behind the session, and is renewed before it ends', () => {
    let now = Date.now() - limits.runTokenMs;
    const tokens = new RunTokens({ now: () => now });
    const texts = new SessionTexts(tokens);
    const old = JSON.parse(texts.of({ ...ada, sessionId: 's' })).session_token;
    expect(tokens.claims(old)).toMatchObject({ sessionId: 's', userId: 1 });
    const first = texts.of(ada);
    now = Date.now();
    const second = texts.of(ada);
    expect(second).not.toBe(first);
    expect(texts.of(ada)).toBe(second);
    expect(tokens.claims(JSON.parse(second).session_token)).toMatchObject({ sessionId: null, userId: 1 });
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
