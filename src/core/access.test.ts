import { describe, expect, test } from 'vitest';
import { byRole, isAllowed, restrictionAt } from './access.ts';
import { PlatformError } from './errors.ts';
import { actions, anonymous, type Operation, type Principal, type UserView } from './operation.ts';
import { roleOf } from './role-fixture.ts';
import type { Location } from './service.ts';

const user: UserView = {
  ...{ id: 7, name: 'Uma', username: 'uma', displayName: 'Uma', firstName: 'Uma', lastName: '' },
  ...{ email: 'uma@example.com', isAdmin: false, lastLogin: null },
};
const role = roleOf([
  { component: '_table/*', verbMask: 3 },
  { component: '_proc/*', requestorMask: 2 },
]);
const app: Principal = {
  ...anonymous,
  kind: 'app',
  apiKey: 'k',
  app: { id: 1, name: 'web', isActive: true },
  role,
};
const person: Principal = { ...app, kind: 'user', user, sessionId: 's' };
const admin: Principal = { ...anonymous, kind: 'user', isAdmin: true, user };
const failure = new PlatformError('access.expired_token', 'Session expired.');

function check(principal: Principal, over: Partial<Operation & Location> = {}): string {
  const { component = '_table/todo', isPublic, isForUsers, isForRoles } = over;
  const { action = 'GET', requestor = 'api', isPrivileged } = over;
  const location = {
    component,
    events: [],
    ...(isPublic === undefined ? {} : { isPublic }),
    ...(isForUsers === undefined ? {} : { isForUsers }),
    ...(isForRoles === undefined ? {} : { isForRoles }),
  };
  const asked = {
    ...{ service: 'hr', action, requestor, principal },
    ...(isPrivileged === undefined ? {} : { isPrivileged }),
  } as Operation;
  try {
    byRole.check(asked, location);
    expect(isAllowed(asked, location)).toBe(true);
    return 'allowed';
  } catch (error) {
    // Whoever only asks whether it would pass is told the same.
    expect(isAllowed(asked, location)).toBe(false);
    return error instanceof PlatformError ? `${error.status} ${error.message}` : 'unknown';
  }
}

describe('whoever asks', () => {
  test.each([
    ['an administrator', admin],
    ['an app', app],
    ['a user', person],
  ])('%s may do what is granted', (_who, principal) => {
    expect(check(principal)).toBe('allowed');
    expect(check(principal, { action: 'POST' })).toBe('allowed');
  });

  test.each(actions.filter((action) => action !== 'GET' && action !== 'POST'))('and not %s', (action) => {
    expect(check(admin, { action })).toBe('allowed');
    expect(check(app, { action })).toBe('401 Unauthorized. User is not authenticated.');
    expect(check(person, { action })).toBe(
      `403 Access Forbidden. ${action} access to component '_table/todo' of service 'hr' is not allowed by ` +
        "this user's role.",
    );
  });

  test('through a script may do what is granted to scripts', () => {
    expect(check(app, { component: '_proc/x' })).toMatch(/^401/);
    expect(check(app, { component: '_proc/x', requestor: 'script' })).toBe('allowed');
  });
});

describe('whoever has no role in force', () => {
  test.each([
    ['nobody', anonymous, /^400 No session token \(JWT\) or API Key/],
    ['a stranger with a key', { ...anonymous, apiKey: 'x' }, /^400 No session token \(JWT\) provided/],
    ['an app without role', { ...app, role: null }, /^400 No session token \(JWT\) provided/],
    ['a user without key', { ...person, role: null, app: null, apiKey: null }, /^400 No API Key/],
    ['a user whose app has no role', { ...person, role: null }, /^403 Role not found/],
    [
      'an inactive role',
      { ...app, role: roleOf([{ component: '*' }], { isActive: false }) },
      /^403 .* not active\.$/,
    ],
    ['an inactive app', { ...person, app: { id: 1, name: 'web', isActive: false } }, /^403 .* not active\.$/],
    ['a bad token beside a good key', { ...app, failure }, /^401 Session expired\./],
  ])('%s is told what is missing', (_who, principal, expected) => {
    expect(check(principal as Principal)).toMatch(expected);
    expect(check(principal as Principal, { isPublic: true })).toBe('allowed');
  });
});

describe('what is open to users', () => {
  test('needs one, but no role', () => {
    expect(check({ ...person, role: null }, { isForUsers: true })).toBe('allowed');
    expect(check(app, { isForUsers: true, component: 'profile' })).toMatch(/^401/);
    expect(check(anonymous, { isForUsers: true })).toMatch(/^400/);
  });
});

describe('what is open to everybody with a role', () => {
  test('needs one that is in force', () => {
    const open = { isForRoles: true, component: '_spec' };
    expect(check(app, open)).toBe('allowed');
    expect(check(person, open)).toBe('allowed');
    expect(check(admin, open)).toBe('allowed');
    expect(check(anonymous, open)).toMatch(/^400/);
    expect(check({ ...person, role: null }, open)).toMatch(/^403 Role not found/);
    expect(check({ ...app, role: roleOf([], { isActive: false }) }, open)).toMatch(/^403 .* not active\.$/);
    expect(check({ ...app, app: { id: 1, name: 'web', isActive: false } }, open)).toMatch(
      /^403 .* active\.$/,
    );
    expect(check({ ...app, failure }, open)).toMatch(/^401 Session expired\./);
  });
});

test('what is granted under filters is refused with the reason', () => {
  const filters = [{ name: 'id', operator: '=', value: 1 }];
  const filtered = roleOf([
    { component: '_table/*', verbMask: 2 },
    { component: '_table/*', filters },
  ]);
  expect(check({ ...app, role: filtered })).toMatch(/^403 Access Forbidden\. .* under filters/);
  expect(check({ ...app, role: filtered }, { action: 'POST' })).toBe('allowed');
});

describe('what the clock asks for as the system', () => {
  test.each([
    ['a person', person],
    ['an app', app],
    ['nobody', anonymous],
  ])('is done whatever %s may do', (_who, principal) => {
    expect(check(principal, { action: 'DELETE' })).not.toBe('allowed');
    expect(check(principal, { action: 'DELETE', isPrivileged: false })).not.toBe('allowed');
    expect(check(principal, { action: 'DELETE', isPrivileged: true })).toBe('allowed');
  });

  test('is done whole, where the role would only do a part', () => {
    const some = roleOf([
      { component: '_table/*', verbMask: 31, filters: [{ name: 'id', operator: '>', value: '5' }] },
    ]);
    const asking = { principal: { ...person, role: some }, service: 'hr', action: 'GET' as const };
    const location = { component: '_table/todo', events: [], isRestrictable: true };
    expect(restrictionAt({ ...asking, requestor: 'api' }, location)).toBeDefined();
    expect(restrictionAt({ ...asking, requestor: 'api', isPrivileged: true }, location)).toBeUndefined();
  });
});
