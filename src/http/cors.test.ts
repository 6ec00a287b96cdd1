import { describe, expect, it, test } from 'vitest';
import type { CorsRecord } from '../core/store.ts';
import { Cors } from './cors.ts';

const rule = (over: Partial<CorsRecord>): CorsRecord => ({
  ...{ id: 1, path: '*', description: null, origin: '*', header: '*', exposedHeader: null },
  ...{ method: 31, maxAge: 0, supportsCredentials: false, enabled: true },
  ...{ createdDate: '', lastModifiedDate: '', createdById: null, lastModifiedById: null },
  ...over,
});
const origin = 'https://shop.example.com';
// What pages may read of every answer: whether it was given before, and when to try again.
const exposed = { 'access-control-expose-headers': 'Idempotency-Replayed, Retry-After' };
const preflight = { origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'x-a' };

/** The headers as an object; what may come several times is joined. */
function headersOf(lines: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let index = 0; index < lines.length; index += 2) {
    const name = String(lines[index]).toLowerCase();
    const value = String(lines[index + 1]);
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return headers;
}

const answered = (rules: readonly CorsRecord[], url: string, from = origin) =>
  headersOf(new Cors({ origins: ['*'], rules: () => rules }).headers(from, url));
const asked = (rules: readonly CorsRecord[], url: string, from = origin) =>
  headersOf(
    new Cors({ origins: ['*'], rules: () => rules }).preflight({ ...preflight, origin: from }, url).headers,
  );

describe('without rules', () => {
  it('the origins of the settings decide', () => {
    const cors = new Cors({ origins: [origin] });
    expect(headersOf(cors.headers(origin, '/api/v2'))).toMatchObject({
      'access-control-allow-origin': origin,
    });
    expect(headersOf(cors.headers('https://evil.example', '/api/v2'))).toEqual({ vary: 'Origin' });
  });

  it('a preflight is told what it asks for, unless its origin is not allowed', () => {
    const cors = new Cors({ origins: [origin] });
    const { status, headers } = cors.preflight(preflight, '/api/v2/db');
    expect(status).toBe(204);
    expect(headersOf(headers)).toMatchObject({
      'access-control-allow-headers': 'x-a',
      'access-control-allow-methods': expect.stringContaining('PATCH'),
      'access-control-max-age': '600',
    });
    const other = headersOf(
      cors.preflight({ ...preflight, origin: 'https://evil.example' }, '/api/v2/db').headers,
    );
    expect(Object.keys(other).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });
});

describe('a rule', () => {
  it('speaks of its path, in any case and with any query, and of no other', () => {
    const rules = [rule({ path: 'api/v2/db/*', origin })];
    expect(answered(rules, '/API/v2/db/_table/todo?x=1')).toMatchObject({
      'access-control-allow-origin': origin,
    });
    expect(answered(rules, '/api/v2/db/_table/todo', 'https://evil.example')).toEqual({ vary: 'Origin' });
    expect(answered(rules, '/api/v2/hr', 'https://evil.example')).toEqual({
      'access-control-allow-origin': '*',
      ...exposed,
    });
    expect(answered(rules, '/api/v2/database', 'https://evil.example')).toEqual({
      'access-control-allow-origin': '*',
      ...exposed,
    });
  });

  it('gives way to one with a longer path, and to one without a star', () => {
    const rules = [
      rule({ path: '*', origin: 'https://all.example' }),
      rule({ path: '/api/v2/db/*', origin: 'https://db.example' }),
      rule({ path: '/api/v2/db/', origin: 'https://root.example' }),
    ];
    const allowed = (url: string, from: string) => answered(rules, url, from)['access-control-allow-origin'];
    expect(allowed('/api/v2/hr', 'https://all.example')).toBe('https://all.example');
    expect(allowed('/api/v2/db/_table', 'https://db.example')).toBe('https://db.example');
    expect(allowed('/api/v2/db/_table', 'https://all.example')).toBeUndefined();
    expect(allowed('/api/v2/db', 'https://root.example')).toBe('https://root.example');
  });

  it('counts only while it is enabled', () => {
    const rules = [rule({ origin: 'https://all.example', enabled: false })];
    expect(answered(rules, '/api/v2/hr')).toEqual({ 'access-control-allow-origin': '*', ...exposed });
  });

  it('names verbs, headers, age and credentials', () => {
    const more = { header: 'X-One, X-Two', exposedHeader: 'X-Total', maxAge: 60, supportsCredentials: true };
    const rules = [rule({ origin, method: 3, ...more })];
    expect(asked(rules, '/api/v2/hr')).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'GET, POST, HEAD, OPTIONS',
      'access-control-allow-headers': 'X-One, X-Two',
      'access-control-max-age': '60',
    });
    expect(answered(rules, '/api/v2/hr')).toMatchObject({
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': 'X-Total',
      vary: 'Origin',
    });
    expect(answered(rules, '/api/v2/hr', 'https://evil.example')).toEqual({ vary: 'Origin' });
  });

  test.each(['x\r\nSet-Cookie: a=1', 'x: y', '\u00e4'])(
    'never sends on what is no list of headers: %j',
    (header) => {
      const rules = [rule({})];
      const cors = new Cors({ origins: [], rules: () => rules });
      const asking = { ...preflight, 'access-control-request-headers': header };
      expect(headersOf(cors.preflight(asking, '/').headers)).not.toHaveProperty(
        'access-control-allow-headers',
      );
    },
  );

  it('is taken over when the rules are others', () => {
    let rules = [rule({ origin })];
    const cors = new Cors({ origins: [], rules: () => rules });
    expect(headersOf(cors.headers(origin, '/'))).toHaveProperty('access-control-allow-origin');
    rules = [];
    expect(headersOf(cors.headers(origin, '/'))).toEqual({ vary: 'Origin' });
  });
});
