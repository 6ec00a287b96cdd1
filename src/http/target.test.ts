import { describe, expect, test } from 'vitest';
import { fc } from '../../test/properties.ts';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { isApi, originForm, readTarget, redactUri } from './target.ts';

test.each([
  ['/api', true],
  ['/api/', true],
  ['/api?x', true],
  ['/api#x', true],
  ['/api/v2/db', true],
  ['/apis', false],
  ['/api.json', false],
  ['/API', false],
  ['/', false],
  ['/status', false],
  ['', false],
])('%s is of the API: %s', (url, expected) => {
  expect(isApi(url)).toBe(expected);
});

describe('a URL', () => {
  test.each([
    ['/api', '', [], '2.0', ''],
    ['/api/', '', [], '2.0', ''],
    ['/api?fields=name', '', [], '2.0', 'fields=name'],
    ['/api/v2', '', [], '2.0', ''],
    ['/api/v2/?group=x', '', [], '2.0', 'group=x'],
    ['/api/v2/db', 'db', [], '2.0', ''],
    ['/api/v2/db/_table/contact/5?fields=*', 'db', ['_table', 'contact', '5'], '2.0', 'fields=*'],
    ['/api/v2.0/db', 'db', [], '2.0', ''],
    ['/api/v1/db', 'db', [], '1.0', ''],
    ['/api/v3.1/db', 'db', [], '3.1', ''],
    ['/api/db/_table', 'db', ['_table'], '2.0', ''],
    ['/api/vault/x', 'vault', ['x'], '2.0', ''],
    ['/api/v2/My-Db.v1_0', 'My-Db.v1_0', [], '2.0', ''],
    ['/api/v2/db//_table///contact/', 'db', ['_table', 'contact'], '2.0', ''],
    ['/api/v2/db/../_table/./contact/..', 'db', ['_table', 'contact'], '2.0', ''],
    ['/api/v2/db/%2e%2e/_table/%2E/x', 'db', ['_table', 'x'], '2.0', ''],
    ['/api/v2/db/_table/a%20b%2Fc/%C3%A9', 'db', ['_table', 'a b/c', 'é'], '2.0', ''],
    ['/api/v2/db/a+b', 'db', ['a+b'], '2.0', ''],
    ['/api/v2/db?a=1?b=2#frag', 'db', [], '2.0', 'a=1?b=2'],
    ['/api/v2/db#frag?a=1', 'db', [], '2.0', ''],
  ])('%s', (url, service, path, apiVersion, query) => {
    expect(readTarget(url)).toEqual({ service, path, apiVersion, query });
  });

  test.each([
    ['/api/v2/db/%', 'request.malformed_uri'],
    ['/api/v2/db/%zz', 'request.malformed_uri'],
    ['/api/v2/db/%c0%af', 'request.malformed_uri'],
    ['/api/v2/db/%ff', 'request.malformed_uri'],
    ['/api/v2/db/%ed%a0%80', 'request.malformed_uri'],
    ['/api/v2/db/a%00b', 'request.malformed_uri'],
    ['/api/v2/db/a%0d%0ab', 'request.malformed_uri'],
    ['/api/v2/db/a%7f', 'request.malformed_uri'],
    ['/api/v2/db/..%2f..%2fetc', 'request.malformed_uri'],
    ['/api/v2/db/a%2f..', 'request.malformed_uri'],
    ['/api/v2/db/..%5cwindows', 'request.malformed_uri'],
    [`/api/v2/db${'/a'.repeat(limits.pathSegments + 1)}`, 'request.malformed_uri'],
    ['/api/v2./db', 'request.unsupported_version'],
    ['/api/v1.2.3/db', 'request.unsupported_version'],
    ['/api/v./db', 'request.unsupported_version'],
    ['/api/v99999/db', 'request.unsupported_version'],
    ['/api/v2/d%20b', 'service.not_found'],
    ['/api/v2/d%2fb', 'service.not_found'],
    ["/api/v2/db'--", 'service.not_found'],
  ])('%s is refused: %s', (url, kind) => {
    expect(() => readTarget(url)).toThrow(expect.objectContaining({ kind }));
  });

  test('of any kind gives clean segments or a refusal of the caller', () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom('/', '..', '.', '%', '%2e', '%2f', '%00', '\\', 'v2', '?', '#'),
    );
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        try {
          const { path } = readTarget(`/api/${pieces.join('')}`);
          for (const segment of path) expect(segment).not.toMatch(/^\.{0,2}$/);
        } catch (error) {
          expect(error).toBeInstanceOf(PlatformError);
          expect((error as PlatformError).status).toBeLessThan(500);
        }
      }),
    );
  });
});

describe('the origin form', () => {
  test.each([
    ['/api?x', '/api?x'],
    ['http://example.com/api/v2', '/api/v2'],
    ['HTTPS://example.com:8443/api', '/api'],
    ['http://example.com', '/'],
    ['http://example.com?x', '/?x'],
  ])('of %s is %s', (url, expected) => {
    expect(originForm(url)).toBe(expected);
  });

  test.each(['*', 'api/v2', 'ftp://x/api', 'example.com:443', ''])('of %j is refused', (url) => {
    expect(() => originForm(url)).toThrow(expect.objectContaining({ kind: 'request.malformed_uri' }));
  });

  test('of a URL beyond the limit is refused', () => {
    expect(originForm(`/${'a'.repeat(limits.uriBytes - 1)}`)).toHaveLength(limits.uriBytes);
    expect(() => originForm(`/${'a'.repeat(limits.uriBytes)}`)).toThrow(
      expect.objectContaining({ kind: 'request.uri_too_long', status: 414 }),
    );
  });
});

test.each([
  ['/api/v2/db?api_key=k&x=1', '/api/v2/db?api_key=********&x=1'],
  ['/api/v2/db?x=1&session_token=a.b.c', '/api/v2/db?x=1&session_token=********'],
  ['/api/v2/db?API_KEY=k#x', '/api/v2/db?API_KEY=********#x'],
  ['/api/v2/db?my_api_keys=1', '/api/v2/db?my_api_keys=1'],
  ['/api/v2/api_key=1', '/api/v2/api_key=1'],
])('%s is logged as %s', (url, expected) => {
  expect(redactUri(url)).toBe(expected);
});
