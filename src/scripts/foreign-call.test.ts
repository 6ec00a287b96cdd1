import { describe, expect, test } from 'vitest';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { BridgeCall } from '../core/runner.ts';
import type { OutgoingAnswer, OutgoingCall } from '../egress/outgoing.ts';
import { callForeign, type ForeignStyle, isForeign, outgoingCall } from './foreign-call.ts';

const url = 'http://echo.example/ext/x';
const call = (over: Partial<BridgeCall> = {}): BridgeCall => ({
  method: 'GET',
  path: url,
  payload: undefined,
  options: null,
  ...over,
});
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

test.each<[string, boolean]>([
  ['http://a', true],
  ['HTTPS://a', true],
  [' http://a', true],
  ['ftp://a', true],
  ['http:/a', false],
  ['//a/b', false],
  ['db/_table/a?x=http://b', false],
  ['/api/v2/db', false],
  ['', false],
])("'%s' leads to another host: %s", (path, expected) => {
  expect(isForeign(path)).toBe(expected);
});

describe('in Node and Python', () => {
  const asked = (over: Partial<BridgeCall>) => outgoingCall(call(over), 'plain');

  test.each<[unknown, Record<string, string>]>([
    [null, {}],
    ['', {}],
    [{}, {}],
    [[], {}],
    [
      { 'X-Foo': '1', b: null, c: [1, 2] },
      { 'x-foo': '1', c: '1, 2' },
    ],
    [{ headers: { 'X-Foo': 1 } }, { 'x-foo': '1' }],
    [{ headers: ['X-Foo: 1'] }, { 'x-foo': '1' }],
    [{ headers: 'X-Foo: 1' }, {}],
    [{ parameters: {} }, {}],
    [
      { CURLOPT_USERPWD: 'a:b', 'X-Foo': '1' },
      { authorization: basic('a:b'), 'x-foo': '1' },
    ],
  ])('options %j', (options, headers) => {
    expect(asked({ options }).headers).toEqual(headers);
  });

  test.each<[string, unknown, string]>([
    [url, { a: '1 2', b: 'é' }, `${url}?a=1+2&b=%C3%A9`],
    [`${url}?y=1`, { a: '&=' }, `${url}?y=1&a=%26%3D`],
    [`${url}?`, { a: 1 }, `${url}?a=1`],
    [`${url}?y=1&`, { a: 1 }, `${url}?y=1&a=1`],
    [`${url}#part`, { a: 1 }, `${url}?a=1#part`],
    [
      url,
      { a: [1, 2], b: { c: true, d: false }, e: null },
      `${url}?a%5B0%5D=1&a%5B1%5D=2&b%5Bc%5D=1&b%5Bd%5D=0`,
    ],
    [`${url}?a=x y`, {}, `${url}?a=x y`],
    [`  ${url} `, undefined, url],
    [url, 'a=1', url],
  ])('%s with the parameters %j', (path, parameters, expected) => {
    expect(asked({ path, options: { parameters } }).url).toBe(expected);
  });

  test('the payload is sent as it is, without a type, and redirects are answers', () => {
    const sent = asked({ method: 'post', payload: '{"a":1}' });
    expect(sent).toMatchObject({ method: 'POST', body: '{"a":1}', headers: {}, redirects: 0 });
    expect(asked({ method: 'DELETE', payload: '{"a":1}' }).body).toBe('{"a":1}');
    expect(asked({ method: 'POST', payload: '' }).body).toBeUndefined();
  });
});

describe('in PHP', () => {
  const asked = (over: Partial<BridgeCall>) => outgoingCall(call(over), 'curl');
  const form = 'application/x-www-form-urlencoded';

  test('a GET', () => {
    const sent = asked({ options: { parameters: { a: '1 2' } } });
    expect(sent).toMatchObject({ url: `${url}?a=1+2`, headers: { accept: '*/*' }, body: undefined });
    expect(sent.redirects).toBe(limits.egressRedirects);
  });

  test.each<[string | undefined, string]>([
    ['{"filter":"a=1"}', `${url}?filter=a%3D1`],
    ['null', url],
    ['[]', url],
    [undefined, url],
    ['{"filter":', url],
  ])('a GET with the payload %s', (payload, expected) => {
    expect(asked({ payload }).url).toBe(expected);
  });

  test.each<[string, string | undefined, unknown, string, string]>([
    ['POST', '{"a":1}', null, form, '{"a":1}'],
    ['POST', 'a=1', { headers: { 'Content-Type': 'text/csv' } }, 'text/csv', 'a=1'],
    ['POST', 'a=1', { CURLOPT_HTTPHEADER: ['Content-Type: text/csv'] }, 'text/csv', 'a=1'],
    ['DELETE', undefined, null, form, ''],
    ['POST', 'null', null, form, ''],
    ['PUT', undefined, { CURLOPT_POSTFIELDS: 'a=1' }, form, 'a=1'],
  ])('a %s with %s and %j', (method, payload, options, type, body) => {
    expect(asked({ method, payload, options })).toMatchObject({ headers: { 'content-type': type }, body });
  });

  test('an array is a form of several parts', () => {
    const fields = { a: 1, b: { c: 2, d: [true, null] }, 'x"\r\n': 'ü' };
    const { headers, body } = asked({ method: 'POST', options: { CURLOPT_POSTFIELDS: fields } });
    const [, boundary = ''] =
      /^multipart\/form-data; boundary=(\S+)$/.exec(headers['content-type'] ?? '') ?? [];
    expect(boundary.length).toBeGreaterThan(30);
    const part = (name: string, text: string) =>
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${text}\r\n`;
    const parts = [part('a', '1'), part('b', '2'), part('b', '1'), part('b', ''), part('x%22%0D%0A', 'ü')];
    expect(body).toBe(`${parts.join('')}--${boundary}--\r\n`);
  });

  test('no file of the server gets into a form', () => {
    const { body } = asked({ method: 'POST', options: { CURLOPT_POSTFIELDS: { f: '@/etc/passwd' } } });
    expect(body).toContain('\r\n\r\n@/etc/passwd\r\n');
  });

  test('the whole of the options is no header there', () => {
    expect(asked({ options: { 'X-Foo': '1' } }).headers).toEqual({ accept: '*/*' });
  });
});

describe('callForeign', () => {
  const answers = (answer: Partial<OutgoingAnswer>, style: ForeignStyle, over: Partial<BridgeCall> = {}) => {
    const asked: OutgoingCall[] = [];
    const warnings: string[] = [];
    const outgoing = {
      call: async (each: OutgoingCall) => {
        asked.push(each);
        return { status: 200, headers: {}, body: '', ...answer };
      },
    };
    const { signal } = new AbortController();
    const surroundings = {
      outgoing,
      style,
      by: 'a.script',
      hops: 3,
      signal,
      warn: (text: string) => warnings.push(text),
    };
    return callForeign(call(over), surroundings).then((result) => ({ result, asked, warnings, signal }));
  };

  test('hands the answer on as it came', async () => {
    const headers = { 'content-type': 'application/json; charset=utf-8', 'x-echo': '1' };
    const { result, asked, signal } = await answers({ status: 404, headers, body: '{not json' }, 'plain');
    expect(result).toMatchObject({
      status: 404,
      headers,
      body: { text: '{not json', mediaType: 'application/json' },
    });
    expect(asked[0]?.signal).toBe(signal);
    expect(asked[0]).toMatchObject({ hops: 3, by: 'a.script' });
  });

  test('no content is none', async () => {
    expect((await answers({ status: 204 }, 'plain')).result).toEqual({
      status: 204,
      headers: {},
      body: undefined,
    });
  });

  test.each<[string, string]>([
    ['{"error":{"message":"upstream says 404"}}', '{"error":{"message":"upstream says 404"}}'],
    ['', 'The other host answered with status 404.'],
  ])('in PHP an error has the answer %s as its message', async (body, message) => {
    const { result } = await answers({ status: 404, body, headers: { 'x-echo': '1' } }, 'curl');
    expect(result).toMatchObject({ status: 404, headers: {} });
    expect(result.body?.value).toEqual({ error: { code: 404, context: null, message, status_code: 404 } });
  });

  test('a call that fails is an error result', async () => {
    const outgoing = {
      call: () => Promise.reject(new PlatformError('egress.failed', 'http://a is not known.')),
    };
    const { signal } = new AbortController();
    const result = await callForeign(call(), {
      outgoing,
      style: 'plain',
      by: 'a.script',
      hops: 1,
      signal,
      warn: () => {},
    });
    expect(result.status).toBe(500);
    expect(result.body?.value).toMatchObject({ error: { code: 500, message: 'http://a is not known.' } });
  });

  test('options that are refused, and those without effect', async () => {
    const refused = await answers({}, 'curl', { options: { CURLOPT_PROXY: 'http://proxy' } });
    expect(refused.result).toMatchObject({ status: 403 });
    expect(refused.asked).toEqual([]);
    const options = { CURLOPT_SSL_VERIFYPEER: false, CURLOPT_VERBOSE: true };
    const { warnings, result } = await answers({}, 'curl', { options });
    expect(result.status).toBe(200);
    expect(warnings).toEqual(['platform.api: without effect here: CURLOPT_SSL_VERIFYPEER, CURLOPT_VERBOSE']);
  });
});
