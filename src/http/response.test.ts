import { describe, expect, test } from 'vitest';
import { Body } from '../core/body.ts';
import { PlatformError } from '../core/errors.ts';
import type { Result } from '../core/operation.ts';
import { type Rendered, render, renderError, renderRefusal } from './response.ts';
import type { Wanted } from './wanted.ts';

const json = 'application/json';
const result = (body: Body | undefined, others: Partial<Result> = {}): Result => ({
  status: 200,
  headers: {},
  body,
  ...others,
});
const wanted = (others: Partial<Wanted> = {}): Wanted => ({
  accept: json,
  parameters: {},
  action: 'GET',
  resource: 'contact',
  ...others,
});

function header(headers: readonly string[], name: string): string | undefined {
  const at = headers.findIndex((text, i) => i % 2 === 0 && text.toLowerCase() === name);
  return at < 0 ? undefined : headers[at + 1];
}

// What is not converted is there at once.
function atOnce(given: Rendered | Promise<Rendered>): Rendered {
  if (given instanceof Promise) throw new Error('still to come');
  return given;
}

async function show(asked: Result, given: Partial<Wanted> = {}) {
  const { status, headers, payload } = await render(asked, wanted(given));
  return [status, header(headers, 'content-type'), payload];
}

describe('content', () => {
  test.each<[string, Result, string | undefined, unknown[]]>([
    ['a value', result(Body.ofValue({ a: 'x/y' })), json, [200, json, '{"a":"x/y"}']],
    ['a value for anyone', result(Body.ofValue([1])), '*/*', [200, json, '[1]']],
    ['a value without Accept', result(Body.ofValue([1])), undefined, [200, json, '[1]']],
    ['JSON text, untouched', result(Body.ofText('{ "a": 1 }')), json, [200, json, '{ "a": 1 }']],
    ['a number', result(Body.ofValue(9)), json, [200, json, '9']],
    ['a string', result(Body.ofValue('hi')), json, [200, json, '"hi"']],
    ['a string for anyone', result(Body.ofValue('hi')), '*/*', [200, json, '"hi"']],
    [
      'a value as text/plain',
      result(Body.ofValue({ a: 1 })),
      'text/plain',
      [200, 'text/plain; charset=UTF-8', '{"a":1}'],
    ],
    [
      'a string as text/plain',
      result(Body.ofValue('hi')),
      'text/plain',
      [200, 'text/plain; charset=UTF-8', 'hi'],
    ],
    ['nothing', result(undefined), json, [200, json, '']],
    ['null', result(Body.ofValue(null), { status: 302 }), json, [302, json, '']],
    ['null as text', result(Body.ofText('null')), json, [200, json, '']],
    ['204', result(Body.ofValue({ a: 1 }), { status: 204 }), json, [204, undefined, '']],
    ['304', result(Body.ofValue(1), { status: 304 }), json, [304, undefined, '']],
  ])('%s', async (_what, asked, accept, expected) => {
    expect(await show(asked, { accept })).toEqual(expected);
  });
});

describe('content of a type that a script chose', () => {
  const csv = result(Body.ofValue('a;b'), { mediaType: 'text/csv' });
  const html = result(Body.ofValue('<b>hi</b>'), { mediaType: 'text/html' });
  test.each<[string, Result, string, unknown[]]>([
    ['CSV for anyone', csv, '*/*', [200, 'text/csv; charset=UTF-8', 'a;b']],
    ['CSV for who takes JSON', csv, json, [200, json, '"a;b"']],
    [
      'CSV as the body itself',
      result(Body.ofText('a;b', 'text/csv')),
      '*/*',
      [200, 'text/csv; charset=UTF-8', 'a;b'],
    ],
    ['the same for JSON', result(Body.ofText('a;b', 'text/csv')), json, [200, json, '"a;b"']],
    ['HTML for anyone', html, '*/*', [200, 'text/html; charset=UTF-8', '<b>hi</b>']],
    ['HTML for who takes JSON', html, json, [200, 'text/html; charset=UTF-8', '<b>hi</b>']],
    [
      'XML',
      result(Body.ofValue('<a/>'), { mediaType: 'application/xml' }),
      '*/*',
      [200, 'application/xml', '<a/>'],
    ],
    [
      'a type with parameters',
      result(Body.ofValue('x'), { mediaType: 'Text/Plain; charset=latin1' }),
      '*/*',
      [200, 'text/plain; charset=UTF-8', 'x'],
    ],
    [
      'an object as HTML',
      result(Body.ofValue({ a: 1 }), { mediaType: 'text/html' }),
      '*/*',
      [200, json, '{"a":1}'],
    ],
    [
      'an object as text',
      result(Body.ofValue({ a: 1 }), { mediaType: 'text/plain' }),
      '*/*',
      [200, 'text/plain; charset=UTF-8', '{"a":1}'],
    ],
    [
      'a kind of JSON',
      result(Body.ofValue({ a: 1 }), { mediaType: 'application/hal+json' }),
      '*/*',
      [200, 'application/hal+json', '{"a":1}'],
    ],
    ['a type that is none', result(Body.ofValue('x'), { mediaType: 'a\r\nb: c' }), '*/*', [200, json, '"x"']],
  ])('%s', async (_what, asked, accept, expected) => {
    expect(await show(asked, { accept })).toEqual(expected);
  });
});

describe('what nobody accepts', () => {
  const rows = result(Body.ofValue([1]));

  test('is refused when it was only read', () => {
    expect(() => render(rows, wanted({ accept: 'image/png' }))).toThrow(
      expect.objectContaining({ kind: 'request.not_acceptable', status: 400 }),
    );
    expect(() => render(rows, wanted({ accept: undefined, parameters: { accept: 'text/html' } }))).toThrow(
      /application\/json/,
    );
  });

  test('is sent all the same when something was written, or when it is an error', async () => {
    expect(await show(rows, { accept: 'image/png', action: 'POST' })).toEqual([200, json, '[1]']);
    const failed = result(Body.ofValue({ error: {} }), { status: 404 });
    expect(await show(failed, { accept: 'image/png' })).toEqual([404, json, '{"error":{}}']);
  });

  test('is decided by the parameter before the header', async () => {
    const shown = await show(rows, { accept: 'image/png', parameters: { accept: '*/*' } });
    expect(shown).toEqual([200, json, '[1]']);
  });
});

describe('other forms', () => {
  const rows = result(Body.ofText('{"resource":[{"id":12345678901234567890,"name":"a"}]}'));
  const xml = 'application/xml';
  const csv = 'text/csv; charset=UTF-8';
  const asXml = (type: string) => [
    200,
    type,
    '<?xml version="1.0" ?><dfapi>\n\t<resource>\n\t\t<id>12345678901234567890</id>\n' +
      '\t\t<name>a</name>\n\t</resource>\n</dfapi>\n',
  ];
  const asCsv = [200, csv, 'id,name\n12345678901234567890,a\n'];

  test.each<[string, Partial<Wanted>, unknown[]]>([
    ['XML by header', { accept: xml }, asXml(xml)],
    ['XML by its other name', { accept: 'text/xml' }, asXml('text/xml; charset=UTF-8')],
    ['CSV by header', { accept: 'text/csv' }, asCsv],
    ['CSV by parameter', { parameters: { accept: 'text/csv' } }, asCsv],
    ['CSV as a file', { parameters: { file: 'rows.csv' } }, asCsv],
    ['XML as a file', { parameters: { file: 'rows.XML' } }, asXml(xml)],
    ['XML before CSV', { accept: 'text/csv, application/xml' }, asXml(xml)],
    ['JSON before both', { accept: 'text/csv, application/xml, */*' }, [200, json, rows.body?.text]],
  ])('%s', async (_what, given, expected) => {
    expect(await show(rows, given)).toEqual(expected);
  });

  test('errors keep their status in them', async () => {
    const { status, headers, payload } = await renderRefusal(
      new PlatformError('request.not_found', 'No <such> thing.'),
      'text/csv',
    );
    expect([status, header(headers, 'content-type')]).toEqual([404, csv]);
    expect(payload).toBe('code,context,message,status_code\n404,,No <such> thing.,404\n');
  });

  test('nothing is no text in any of them', async () => {
    expect(await show(result(undefined), { accept: xml })).toEqual([200, json, '']);
  });
});

describe('headers of scripts', () => {
  const headersOf = (headers: Record<string, unknown>) =>
    atOnce(render(result(Body.ofValue(1), { headers: headers as Record<string, string> }), wanted())).headers;

  test('are sent', () => {
    const headers = headersOf({ 'X-Total': 3, location: '/elsewhere' });
    expect(header(headers, 'x-total')).toBe('3');
    expect(header(headers, 'location')).toBe('/elsewhere');
    expect(header(headers, 'x-content-type-options')).toBe('nosniff');
  });

  test('that belong to the server are left out', () => {
    const own = [
      'Content-Length',
      'transfer-encoding',
      'Connection',
      'Keep-Alive',
      'Upgrade',
      'Trailer',
      'TE',
      'Date',
    ];
    const headers = headersOf(Object.fromEntries(own.map((name) => [name, 'x'])));
    expect(headers).toEqual(['Content-Type', json, 'X-Content-Type-Options', 'nosniff']);
  });

  test.each([
    ['X-A', 'b\r\nSet-Cookie: c=1'],
    ['X-A', 'b\0'],
    ['X-A', 'b\nc'],
    ['X-A', '€'],
    ['X A', 'b'],
    ['X-A:', 'b'],
    ['X-A\r\nX-B', 'c'],
    ['', 'b'],
  ])('that would break the answer make it an error: %j: %j', (name, value) => {
    expect(() => headersOf({ [name]: value })).toThrow(expect.objectContaining({ status: 500 }));
  });
});

test.each([0, 100, 101, 199, 600, 1000, 200.5, Number.NaN, '200'])('the status %j is no status', (status) => {
  expect(() => render(result(undefined, { status: status as number }), wanted())).toThrow(
    expect.objectContaining({ kind: 'request.failed' }),
  );
});

describe('a file', () => {
  const disposition = async (file: string | null, others: Partial<Result> = {}, given = wanted()) => {
    const asked = { ...given, parameters: { file } };
    const { headers } = await render(result(Body.ofValue({}), others), asked);
    return header(headers, 'content-disposition');
  };

  test.each([
    ['true', 'attachment; filename="contact.json";'],
    [null, 'attachment; filename="contact.json";'],
    ['hr.json', 'attachment; filename="hr.json";'],
    ['a b (1).json', 'attachment; filename="a b (1).json";'],
    ['../../x.json', 'attachment; filename=".._.._x.json";'],
    ['a"; x="b.json', 'attachment; filename="a__ x__b.json";'],
    ['é\r\nX: y.json', 'attachment; filename="___X_ y.json";'],
  ])('%j is %s', async (file, expected) => {
    expect(await disposition(file)).toBe(expected);
  });

  test('is not made of errors', async () => {
    expect(await disposition('x.json', { status: 404 })).toBeUndefined();
  });

  test('has the ending of its form', async () => {
    expect(await disposition('true', {}, wanted({ accept: 'text/csv' }))).toBe(
      'attachment; filename="contact.csv";',
    );
    expect(await disposition('x.csv')).toBe('attachment; filename="x.csv";');
  });
});

describe('errors', () => {
  test('have the envelope', () => {
    const { status, payload } = renderError(new PlatformError('request.not_found', 'No such thing <b>.'));
    expect(status).toBe(404);
    expect(payload).toBe(
      '{"error":{"code":404,"context":null,"message":"No such thing <b>.","status_code":404}}',
    );
  });

  test('that nobody foresaw tell nothing', () => {
    const { status, payload } = renderError(new Error('SQLITE at /srv/x.ts'));
    expect(status).toBe(500);
    expect(payload).not.toMatch(/SQLITE|srv/);
  });
});
