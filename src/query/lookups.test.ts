import { describe, expect, test } from 'vitest';
import { anonymous, type Principal } from '../core/operation.ts';
import { roleOf } from '../core/role-fixture.ts';
import { mayNameLookups, withLookups } from './lookups.ts';

const mo: Principal = {
  ...anonymous,
  kind: 'user',
  user: {
    ...{ id: 5, name: 'Mo M', username: 'mo', displayName: 'Mo', firstName: 'mo', lastName: 'M' },
    ...{ email: 'mo@example.com', isAdmin: false, lastLogin: null },
  },
  role: roleOf([]),
  app: { id: 3, name: 'web', isActive: true },
  apiKey: 'key',
  lookups: { open: { color: 'deep red', 'a.b': "x' or 1=1", empty: '' }, secret: { word: 'hidden' } },
};

describe('lookups in values', () => {
  test.each([
    ['{color}', 'deep red'],
    ['a {color} b {color}', 'a deep red b deep red'],
    ['{a.b}', "x' or 1=1"],
    ['{empty}', ''],
    ['{user.id}/{user.email}/{user.first_name}', '5/mo@example.com/mo'],
    ['{role.id} {role.name} {app.id} {app.name} {app.api_key}', '2 reader 3 web key'],
    ['{strtoupper(color)} {ucwords(color)} {ucfirst(user.first_name)}', 'DEEP RED Deep Red Mo'],
    ['{urlencode(color)} {rawurlencode(color)} {base64_encode(color)}', 'deep+red deep%20red ZGVlcCByZWQ='],
  ])('%s', (text, expected) => {
    expect(withLookups(text, mo)).toBe(expected);
    expect(mayNameLookups(text)).toBe(true);
  });

  test.each([
    'no braces',
    '{word}',
    '{unknown} {user.password} {user.constructor} {constructor} {toString}',
    '{"color":1} { color } {color',
    '{sleep(color)} {constructor(color)}',
    '',
  ])('%s stays', (text) => {
    expect(withLookups(text, mo)).toBe(text);
  });

  test('without a user, role or app there are none of these', () => {
    const text = '{user.id} {role.id} {app.id} {color}';
    expect(withLookups(text, anonymous)).toBe(text);
    expect(mayNameLookups('{"a": 1}')).toBe(false);
  });
});
