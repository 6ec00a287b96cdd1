import { describe, expect, test } from 'vitest';
import { limits } from '../core/limits.ts';
import { anonymous, type Principal } from '../core/operation.ts';
import { roleOf } from '../core/role-fixture.ts';
import { mayNameLookups, meantValue, namesIn, withLookups, withValues } from './lookups.ts';

const mo: Principal = {
  ...anonymous,
  kind: 'user',
  user: {
    ...{ id: 5, name: 'Mo M', username: 'mo', displayName: 'Mo', firstName: 'mo', lastName: 'M' },
    ...{ email: 'mo@example.com', isAdmin: false, lastLogin: '2026-01-02T03:04:05.000Z' },
    ...{ phone: '+1 2', defaultAppId: 3 },
  },
  role: roleOf([]),
  app: { id: 3, name: 'web', isActive: true },
  apiKey: 'key',
  sessionId: 'session-7',
  sessionToken: () => 'run.token',
  lookups: {
    facts: { 'df.version': '1.2', 'df.host_url': 'https://t.example' },
    open: { color: 'deep red', 'a.b': "x' or 1=1", empty: '' },
    secret: { word: 'hidden' },
  },
};

describe('lookups in values', () => {
  test.each([
    ['{color}', 'deep red'],
    ['a {color} b {color}', 'a deep red b deep red'],
    ['{a.b}', "x' or 1=1"],
    ['{empty}', ''],
    ['{user.id}/{user.email}/{user.first_name}', '5/mo@example.com/mo'],
    ['{role.id} {role.name} {app.id} {app.name} {app.api_key}', '2 reader 3 web key'],
    ['{user.phone} {user.default_app_id} {user.is_sys_admin}', '+1 2 3 false'],
    ['{user.name} {user.username} {user.display_name} {user.last_name}', 'Mo M mo Mo M'],
    ['{user.last_login_date}', '2026-01-02T03:04:05.000Z'],
    ['{session.id} {session.token}', 'session-7 run.token'],
    ['{df.version} {df.host_url} {urlencode(df.host_url)}', '1.2 https://t.example https%3A%2F%2Ft.example'],
    [
      '{lcfirst(user.name)} {trim(color)} {rawurldecode(color)} {urldecode(color)}',
      'mo M deep red deep red deep red',
    ],
    ['{base64_decode(color)}', Buffer.from('deepred', 'base64').toString()],
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
    '{strtoupper(trim(color))} {strtoupper(word)} {strtoupper( color )}',
    '{session} {session.key} {df} {df.constructor} {df.secret} {user} {user.} {user.id.x} {app.is_active}',
    '{user.passwordHash} {user.isAdmin} {role.grants} {lookups.secret.word} {secret.word}',
    '',
  ])('%s stays', (text) => {
    expect(withLookups(text, mo)).toBe(text);
  });

  test('a lookup of a name stands before a fact of it, and a value is not looked through again', () => {
    const lookups = {
      open: { 'df.version': '{color}', color: 'red' },
      secret: {},
      facts: { 'df.version': '1' },
    };
    expect(withLookups('{df.version}', { ...mo, lookups })).toBe('{color}');
  });

  test('without a session there is no token of one', () => {
    expect(withLookups('{session.token} {session.id}', anonymous)).toBe('{session.token} {session.id}');
    expect(withLookups('{session.token}', { ...mo, sessionToken: () => undefined })).toBe('{session.token}');
  });

  test('a whole value may be a lookup', () => {
    expect(meantValue('{color}', mo)).toBe('deep red');
    expect(meantValue('{strtoupper(color)}', mo)).toBe('DEEP RED');
    for (const text of ['a {color}', '{color} ', '{color}{color}', '{{color}}', '{word}', '{', '{}', '']) {
      expect(meantValue(text, mo)).toBe(text);
    }
  });

  test('names are found as they stand', () => {
    expect(namesIn('{a} {trim(b.c)} { d } {e')).toEqual(['a', 'b.c']);
    expect(namesIn('none')).toEqual([]);
  });

  test('a text becomes no longer than its bound', () => {
    const long = 'x'.repeat(1_000);
    const most = limits.lookupTextChars / 1_000;
    expect(withValues('{a}'.repeat(Math.floor(most)), () => long)).toHaveLength(Math.floor(most) * 1_000);
    expect(() => withValues('{a}'.repeat(Math.ceil(most)), () => long)).toThrow('at most 1048576 characters');
  });

  // What took time beyond the length of the text would not end here.
  test.each(['{', '{a', '{a(', '{a(b', '{a(b)', '{a.', '{{a}', '{a(a(', '}{', 'aaaa', '((((', '....'])(
    'a million characters of %s stay as they are',
    (piece) => {
      for (const text of [
        piece.repeat(1_000_000 / piece.length),
        `{${piece.repeat(1_000_000 / piece.length)}`,
      ]) {
        expect(withLookups(text, mo)).toBe(text);
        expect(mayNameLookups(text)).toBe(namesIn(text).length > 0);
      }
    },
  );

  test('without a user, role or app there are none of these', () => {
    const text = '{user.id} {role.id} {app.id} {color}';
    expect(withLookups(text, anonymous)).toBe(text);
    expect(mayNameLookups('{"a": 1}')).toBe(false);
  });
});
