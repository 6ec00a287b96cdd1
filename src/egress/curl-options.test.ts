import { describe, expect, test } from 'vitest';
import { headerLines, isCurlOption, readCurlOptions } from './curl-options.ts';

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

test.each<[string, boolean]>([
  ['CURLOPT_HTTPHEADER', true],
  ['curlopt_userpwd', true],
  ['10023', true],
  ['headers', false],
  ['X-CURLOPT', false],
  ['123456', false],
])('%s is an option of cURL: %s', (name, expected) => {
  expect(isCurlOption(name)).toBe(expected);
});

describe('readCurlOptions', () => {
  test.each<[Record<string, unknown>, Record<string, unknown>]>([
    [{ CURLOPT_HTTPHEADER: ['X-A: 1', 'X-B:2'] }, { headers: { 'x-a': '1', 'x-b': '2' } }],
    [{ 10023: ['X-A: 1'] }, { headers: { 'x-a': '1' } }],
    [{ CURLOPT_USERPWD: 'ann:a:b' }, { headers: { authorization: basic('ann:a:b') } }],
    [{ CURLOPT_USERNAME: 'ann', CURLOPT_PASSWORD: 'p' }, { headers: { authorization: basic('ann:p') } }],
    [{ CURLOPT_PASSWORD: 'p', CURLOPT_USERNAME: 'ann' }, { headers: { authorization: basic('ann:p') } }],
    [{ CURLOPT_USERPWD: 'ann:p', CURLOPT_HTTPAUTH: 1 }, { headers: { authorization: basic('ann:p') } }],
    [{ CURLOPT_HTTPAUTH: -17 }, { headers: {} }],
    [{ CURLOPT_XOAUTH2_BEARER: 'x' }, { headers: { authorization: 'Bearer x' } }],
    [{ CURLOPT_USERAGENT: 'a', CURLOPT_REFERER: 'b' }, { headers: { 'user-agent': 'a', referer: 'b' } }],
    [{ CURLOPT_COOKIE: 'a=b; c=d' }, { headers: { cookie: 'a=b; c=d' } }],
    [{ CURLOPT_CUSTOMREQUEST: 'PROPFIND' }, { method: 'PROPFIND' }],
    [
      { CURLOPT_POST: true, CURLOPT_POSTFIELDS: 'a=1' },
      { method: 'POST', body: 'a=1' },
    ],
    [{ CURLOPT_CUSTOMREQUEST: 'PUT', CURLOPT_POST: 1 }, { method: 'PUT' }],
    [{ CURLOPT_POST: false }, {}],
    [{ CURLOPT_NOBODY: true }, { method: 'HEAD' }],
    [{ CURLOPT_POSTFIELDS: { a: 1 } }, { body: { a: 1 } }],
    [{ CURLOPT_FOLLOWLOCATION: false }, { redirects: 0 }],
    [{ CURLOPT_FOLLOWLOCATION: true }, {}],
    [{ CURLOPT_MAXREDIRS: 1 }, { redirects: 1 }],
    [{ CURLOPT_MAXREDIRS: -1 }, { redirects: 3 }],
    [{ CURLOPT_MAXREDIRS: 50 }, { redirects: 3 }],
    [{ CURLOPT_FOLLOWLOCATION: 0, CURLOPT_MAXREDIRS: 2 }, { redirects: 0 }],
    [{ CURLOPT_TIMEOUT: 2 }, { timeoutMs: 2_000 }],
    [{ CURLOPT_TIMEOUT_MS: '250' }, { timeoutMs: 250 }],
    [{ CURLOPT_TIMEOUT: 0 }, {}],
    [{ CURLOPT_TIMEOUT: 'soon' }, {}],
    [{ CURLOPT_ENCODING: 'gzip', CURLOPT_RETURNTRANSFER: 1 }, {}],
    [{ CURLOPT_PROXY: null, CURLOPT_INTERFACE: '' }, {}],
    [{ headers: { a: 'b' }, parameters: {} }, {}],
  ])('%j', (options, expected) => {
    expect(readCurlOptions(options)).toEqual({ headers: {}, ignored: [], ...expected });
  });

  test.each([
    'CURLOPT_URL',
    'CURLOPT_PORT',
    'CURLOPT_PROXY',
    'curlopt_proxy',
    '10004',
    'CURLOPT_PROXYPORT',
    'CURLOPT_PRE_PROXY',
    'CURLOPT_HTTPPROXYTUNNEL',
    'CURLOPT_INTERFACE',
    'CURLOPT_RESOLVE',
    '10203',
    'CURLOPT_CONNECT_TO',
    'CURLOPT_DOH_URL',
    'CURLOPT_DNS_SERVERS',
    'CURLOPT_UNIX_SOCKET_PATH',
    '10231',
    'CURLOPT_ABSTRACT_UNIX_SOCKET',
    'CURLOPT_INFILE',
    'CURLOPT_COOKIEFILE',
    'CURLOPT_SSLKEY',
  ])('%s is refused', (name) => {
    expect(() => readCurlOptions({ [name]: 'x' })).toThrow(/is not possible/);
  });

  test('ways to log in that are not built are refused, as they would be sent wrongly', () => {
    for (const bits of [2, 8, 10]) {
      expect(() => readCurlOptions({ CURLOPT_HTTPAUTH: bits })).toThrow(/must allow Basic/);
    }
  });

  test('what only loosens or only shows has no effect, and is named', () => {
    const options = { CURLOPT_SSL_VERIFYPEER: false, 81: 0, CURLOPT_VERBOSE: true, CURLOPT_constructor: 1 };
    expect([...readCurlOptions(options).ignored].sort()).toEqual([
      'CURLOPT_CONSTRUCTOR',
      'CURLOPT_SSL_VERIFYHOST',
      'CURLOPT_SSL_VERIFYPEER',
      'CURLOPT_VERBOSE',
    ]);
  });
});

test.each<[unknown, Record<string, string>]>([
  [undefined, {}],
  ['X-A: 1', {}],
  [['X-A: 1: 2', ' X-B :  3 '], { 'x-a': '1: 2', 'x-b': '3' }],
  [['X-Gone:', 'X-Empty;', 'nothing'], { 'x-empty': '' }],
  [
    { 'X-A': 1, 'X-B': true, 'X-C': null, 'X-D': ['a', 'b'], 'X-E': { f: 1 } },
    { 'x-a': '1', 'x-b': 'true', 'x-d': 'a, b', 'x-e': '{"f":1}' },
  ],
])('headerLines(%j)', (value, expected) => {
  expect(headerLines(value)).toEqual(expected);
});
