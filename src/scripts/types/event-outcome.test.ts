import { describe, expect, test } from 'vitest';
import { Body } from '../../core/body.ts';
import { PlatformError } from '../../core/errors.ts';
import type { Message, Result } from '../../core/operation.ts';
import type { Changes } from '../../core/runner.ts';
import { exchangeOf, operationOf } from '../exchange-fixture.ts';
import { applyAfter, applyBefore, KnownParameters } from './event-outcome.ts';

const author = { name: 'hr.get.pre_process', allowModification: true };
const looker = { ...author, allowModification: false };

interface Ended {
  readonly returned?: unknown;
  readonly changes?: Changes;
  /** Text of the request's JSON body. */
  readonly body?: string;
  readonly result?: Result;
  readonly by?: typeof author;
}

const ending = ({ returned, changes = {} }: Ended) => ({
  returned: returned === undefined ? undefined : JSON.stringify(returned),
  changes,
});

function asked(ended: Ended) {
  const exchange = exchangeOf(operationOf({ action: 'POST' }, ended.body));
  applyBefore(exchange, ending(ended), ended.by ?? author);
  return { request: exchange.request, answer: shown(exchange.result), given: exchange.operation.request };
}

const answered: Result = { status: 200, headers: {}, body: Body.ofText('{"resource":[]}') };

function replied(ended: Ended) {
  const exchange = exchangeOf(operationOf(), ended.result ?? answered);
  applyAfter(exchange, ending(ended), ended.by ?? author);
  return shown(exchange.result);
}

function shown(result: Result | undefined) {
  if (result === undefined) return undefined;
  const { body, headers, ...rest } = result;
  return {
    ...rest,
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
    ...(body === undefined ? {} : { body: body.value }),
  };
}

function refusal(work: () => unknown): PlatformError {
  try {
    work();
  } catch (error) {
    if (error instanceof PlatformError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

const text = JSON.stringify;

describe('return values (spec §1.3)', () => {
  test.each([0, '', '0', {}, [], false, null, -0, undefined])(
    '%j counts as nothing: the event is used',
    (returned) => {
      expect(replied({ returned, changes: { response: '{"status_code":206}' } })?.status).toBe(206);
    },
  );

  test.each([[{ d: 1 }], ['s'], [5], [true], [[1, 2]], [{ headers: 1 }]])(
    '%j is the body, status 200',
    (returned) => {
      const result: Result = { ...answered, status: 404 };
      expect(replied({ returned, result, changes: { response: '{"status_code":206}' } })).toEqual({
        status: 200,
        body: returned,
      });
    },
  );

  test.each([
    [{ error: 'x' }, 'x'],
    [{ error: { message: 'em', code: 404, status_code: 404 } }, 'em'],
    [{ error: 5 }, '5'],
    [{ error: {} }, "Script 'hr.get.pre_process' returned an error."],
  ])('%j is an error 500 in every stage, with or without the right to change', (returned, message) => {
    for (const by of [author, looker]) {
      for (const stage of [asked, replied]) {
        const error = refusal(() => stage({ returned, by }));
        expect([error.kind, error.status, error.code, error.message]).toEqual([
          'script.threw',
          500,
          500,
          message,
        ]);
      }
    }
  });

  test('an error of null is none', () => {
    expect(replied({ returned: { error: null, a: 1 } })).toEqual({
      status: 200,
      body: { error: null, a: 1 },
    });
  });

  test('a value too deep to be read is the error of the script', () => {
    const deep = JSON.parse(`{"a":${'['.repeat(100)}${']'.repeat(100)}}`);
    const error = refusal(() => replied({ returned: deep }));
    expect([error.status, error.message]).toEqual([
      500,
      expect.stringMatching(/^Script 'hr.*its return value/),
    ]);
  });

  test('without allow_event_modification nothing is changed', () => {
    expect(replied({ returned: { d: 1 }, by: looker })).toEqual(shown(answered));
    expect(replied({ returned: { content: { c: 1 }, status_code: 202 }, by: looker })).toEqual(
      shown(answered),
    );
    expect(replied({ changes: { responseContent: '1' }, by: looker })).toEqual(shown(answered));
    const { request, given, answer } = asked({
      by: looker,
      changes: { parameters: '{"a":1}', responseContent: '1', response: '{}' },
    });
    expect(request).toBe(given);
    expect(answer).toBeUndefined();
  });
});

describe('before: request edits', () => {
  test('nothing changed: the request is the same object', () => {
    const { request, given } = asked({ body: '{"a":1}' });
    expect(request).toBe(given);
  });

  test('parameters are replaced as a whole', () => {
    expect(asked({ changes: { parameters: '{"limit":2,"map":{"a":null}}' } }).request.parameters).toEqual({
      limit: 2,
      map: { a: null },
    });
    expect(asked({ changes: { parameters: '[]' } }).request.parameters).toEqual({});
  });

  test('parameters of the same text are the same frozen object, by which services know them again', () => {
    const by = { ...author, parameters: new KnownParameters() };
    const set = () => asked({ by, changes: { parameters: '{"limit":2}' } }).request.parameters;
    expect(set()).toBe(set());
    expect(Object.isFrozen(set())).toBe(true);
  });

  test('headers are replaced, with lower-case names and text', () => {
    const { headers } = asked({ changes: { headers: '{"X-A":1,"x-b":["p","q"],"X-C":null}' } }).request;
    expect(headers).toEqual({ 'x-a': '1', 'x-b': 'p, q' });
  });

  test('trap 1: a changed payload wins over the untouched content', () => {
    const { request } = asked({ body: '{"t":"old"}', changes: { payload: '{"t":"new"}' } });
    expect(request.body?.text).toBe('{"t":"new"}');
  });

  test('a changed payload wins over changed content, too', () => {
    const changes = { payload: '{"t":1}', content: '"{}"' };
    expect(asked({ body: '{"t":0}', changes }).request.body?.value).toEqual({ t: 1 });
  });

  test('content alone is parsed again', () => {
    expect(asked({ body: '{"t":0}', changes: { content: text('{"t":2}') } }).request.body?.value).toEqual({
      t: 2,
    });
    expect(asked({ body: '{"t":0}', changes: { content: '{"t":3}' } }).request.body?.value).toEqual({
      t: 3,
    });
    expect(asked({ body: '{"t":0}', changes: { content: '""' } }).request.body).toBeUndefined();
  });

  test('changed content is of the type that the changed headers say', () => {
    const { request } = asked({
      body: '{}',
      changes: { content: '"a,b"', headers: '{"Content-Type":"text/csv; charset=utf-8"}' },
    });
    expect([request.body?.mediaType, request.body?.value]).toEqual(['text/csv', 'a,b']);
  });

  test.each([
    ['removed payload and content', { payload: null, content: null }],
    ['removed parameters and headers', { parameters: null, headers: null }],
  ])('%s stay as they are', (_name, changes) => {
    const { request, given } = asked({ body: '{"t":0}', changes });
    expect(request).toBe(given);
  });

  test.each(['5', '"text"', '[1]'])('parameters that are no map are refused: %s', (parameters) => {
    expect(refusal(() => asked({ changes: { parameters } })).message).toMatch(/event\.request\.parameters/);
  });

  test('a payload that reaches a prototype is refused when it is read', () => {
    const { request } = asked({ changes: { payload: '{"__proto__":{"a":1}}' } });
    expect(refusal(() => request.body?.value).kind).toBe('request.forbidden_key');
    expect(refusal(() => asked({ changes: { parameters: '{"__proto__":{}}' } })).status).toBe(500);
  });
});

describe('before: a response answers the call', () => {
  test.each<[string, Changes, unknown]>([
    [
      '{content}',
      { response: '{}', responseContent: '{"cached":true}' },
      { status: 200, body: { cached: true } },
    ],
    ['an empty list', { response: '{}', responseContent: '[]' }, { status: 200, body: [] }],
    [
      'status and headers',
      { response: '{"status_code":403,"headers":{"X-Why":"script"}}', responseContent: '{"error":"denied"}' },
      { status: 403, headers: { 'x-why': 'script' }, body: { error: 'denied' } },
    ],
    ['a status alone', { response: '{"status_code":403}' }, { status: 403 }],
    ['204 with null', { response: '{"status_code":204}', responseContent: 'null' }, { status: 204 }],
    ['an object that is no response', { response: '{"a":1}' }, { status: 200, body: { a: 1 } }],
    ['text', { responseValue: '"hello"' }, { status: 200, body: 'hello' }],
    ['a list', { responseValue: '[1]' }, { status: 200, body: [1] }],
    [
      'a type',
      { response: '{"content_type":"text/html"}', responseContent: '"<b>hi</b>"' },
      { status: 200, mediaType: 'text/html', body: '<b>hi</b>' },
    ],
    [
      'JSON as text',
      { response: '{"content_type":"application/json"}', responseContent: text('{"a":1}') },
      { status: 200, mediaType: 'application/json', body: { a: 1 } },
    ],
    [
      'trap 5: status without content',
      { response: '{"status_code":400}', responseContent: '{"error":"x"}' },
      {
        status: 400,
        body: { error: 'x' },
      },
    ],
  ])('%s', (_name, changes, expected) => {
    expect(asked({ changes }).answer).toEqual(expected);
  });

  test.each<[string, Changes]>([
    ['an empty object', { response: '{}' }],
    ['removed', { response: null }],
    ['null', { response: null, responseValue: 'null' }],
    ['an empty list', { responseValue: '[]' }],
    ['zero', { responseValue: '0' }],
  ])('no response: %s', (_name, changes) => {
    expect(asked({ changes }).answer).toBeUndefined();
  });

  test('trap 2: any returned value keeps the edits and goes on', () => {
    const { request, answer } = asked({ returned: true, changes: { parameters: '{"limit":1}' } });
    expect(request.parameters).toEqual({ limit: 1 });
    expect(answer).toBeUndefined();
    expect(asked({ returned: { a: 1 }, changes: { parameters: '{"limit":1}' } }).answer).toBeUndefined();
  });

  test('a returned response or request takes the place of the event', () => {
    const changes = { parameters: '{"limit":1}' };
    const { request, answer } = asked({
      returned: { response: { content: { r: 1 }, status_code: 202 } },
      changes,
    });
    expect(answer).toEqual({ status: 202, body: { r: 1 } });
    expect(request.parameters).toEqual({});
    expect(asked({ returned: { request: { parameters: { a: 'b' } } }, changes }).request.parameters).toEqual({
      a: 'b',
    });
  });

  test('a returned event tells a changed payload from an untouched one', () => {
    const body = '{"t": 1}';
    const same = { payload: { t: 1 }, content: body };
    const bodyAfter = (request: unknown): Message['body'] =>
      asked({ body, returned: { request } }).request.body;
    expect(bodyAfter(same)?.text).toBe(body);
    expect(bodyAfter({ ...same, payload: { t: 2 } })?.value).toEqual({ t: 2 });
    expect(bodyAfter({ ...same, content: '{"t":3}' })?.value).toEqual({ t: 3 });
    expect(asked({ returned: { request: { payload: [], content: '' } } }).request.body).toBeUndefined();
  });
});

describe('after: the response is merged', () => {
  test.each<[string, Changes, unknown]>([
    ['content', { responseContent: '{"a":1}' }, { status: 200, body: { a: 1 } }],
    ['zero', { responseContent: '0' }, { status: 200, body: 0 }],
    ['false', { responseContent: 'false' }, { status: 200, body: false }],
    ['text', { responseContent: '"txt"' }, { status: 200, body: 'txt' }],
    ['an empty map', { responseContent: '{}' }, { status: 200, body: {} }],
    ['null', { responseContent: 'null' }, { status: 200 }],
    ['removed content stays', { responseContent: null }, { status: 200, body: { resource: [] } }],
    ['a removed response stays', { response: null }, { status: 200, body: { resource: [] } }],
    ['status', { response: '{"status_code":206}' }, { status: 206, body: { resource: [] } }],
    ['status as text', { response: '{"status_code":"404"}' }, { status: 404, body: { resource: [] } }],
    [
      'headers',
      { response: '{"headers":{"X-Total":3,"X-Two":"b"}}' },
      {
        status: 200,
        headers: { 'x-total': '3', 'x-two': 'b' },
        body: { resource: [] },
      },
    ],
    [
      'everything',
      { response: '{"status_code":201}', responseContent: '{"whole":1}' },
      { status: 201, body: { whole: 1 } },
    ],
    [
      'text of a type',
      { response: '{"content_type":"text/csv"}', responseContent: '"a;b"' },
      {
        status: 200,
        mediaType: 'text/csv',
        body: 'a;b',
      },
    ],
    [
      'text of a misspelt type',
      { response: '{"content_type":"applicaton/json"}', responseContent: '{"a":1}' },
      {
        status: 200,
        mediaType: 'applicaton/json',
        body: { a: 1 },
      },
    ],
    ['no object', { responseValue: '"bare"' }, { status: 200, body: 'bare' }],
    ['unknown members are ignored', { response: '{"foo":1}' }, { status: 200, body: { resource: [] } }],
  ])('%s', (_name, changes, expected) => {
    expect(replied({ changes })).toEqual(expected);
  });

  test('text of an untouched answer is passed through', () => {
    const exchange = exchangeOf(operationOf(), { ...answered, body: Body.ofText('{ "kept" : 1.50 }') });
    applyAfter(exchange, { returned: undefined, changes: { response: '{"status_code":203}' } }, author);
    expect(exchange.result?.body?.isParsed).toBe(false);
    expect(exchange.result?.body?.text).toBe('{ "kept" : 1.50 }');
  });

  test('an untouched exchange keeps its result', () => {
    const exchange = exchangeOf(operationOf(), answered);
    applyAfter(exchange, { returned: undefined, changes: {} }, author);
    expect(exchange.result).toBe(answered);
  });

  test('the content of an error may be replaced; its status stays unless it is changed', () => {
    const failed: Result = { status: 404, headers: {}, body: Body.ofValue({ error: {} }) };
    expect(replied({ result: failed, changes: { responseContent: '{"post":"ran"}' } })).toEqual({
      status: 404,
      body: { post: 'ran' },
    });
  });

  test('headers are merged with those there are', () => {
    const result: Result = { ...answered, headers: { 'x-old': '1', 'x-both': 'a' } };
    expect(
      replied({ result, changes: { response: '{"headers":{"X-Both":"b","x-new":true}}' } })?.headers,
    ).toEqual({
      'x-old': '1',
      'x-both': 'b',
      'x-new': 'true',
    });
  });

  test('framing is not for scripts, and a content type among the headers is the type', () => {
    const headers = { 'Content-Length': 5, 'Transfer-Encoding': 'chunked', 'Content-Type': 'text/plain' };
    expect(replied({ changes: { response: text({ headers }), responseContent: '"x"' } })).toEqual({
      status: 200,
      mediaType: 'text/plain',
      body: 'x',
    });
  });

  test.each<[string, unknown, unknown]>([
    [
      'a returned response',
      { response: { content: { c: 1 }, status_code: 202 } },
      { status: 202, body: { c: 1 } },
    ],
    ['returned content and status', { content: { c: 1 }, status_code: 202 }, { status: 202, body: { c: 1 } }],
    ['a returned status', { status_code: 203 }, { status: 203, body: { resource: [] } }],
    ['a returned response of text', { response: 'bare' }, { status: 200, body: 'bare' }],
    ['a returned empty response', { response: {} }, { status: 200, body: { resource: [] } }],
    ['trap 3: returned records', { resource: [{ a: 1 }] }, { status: 200, body: { resource: [{ a: 1 }] } }],
  ])('%s', (_name, returned, expected) => {
    expect(replied({ returned })).toEqual(expected);
  });
});

describe('what can not be sent', () => {
  test.each([42, 999, 100, 'abc', 200.5, {}, true])(
    'status %j becomes 500 and keeps the content',
    (status_code) => {
      expect(replied({ changes: { response: text({ status_code }), responseContent: '{"a":1}' } })).toEqual({
        status: 500,
        body: { a: 1 },
      });
    },
  );

  test.each<[string, unknown]>([
    ['a line break in a value', { 'X-A': 'a\r\nSet-Cookie: b' }],
    ['a line break in a name', { 'X-A\r\nX-B': 'a' }],
    ['a name with a space', { 'X A': 'a' }],
    ['an empty name', { '': 'a' }],
    ['a character beyond Latin-1', { 'X-A': '漢' }],
    ['a map as value', { 'X-A': { b: 1 } }],
    ['a map without a text of its own', { 'X-A': { toString: 1 } }],
    ['text', 'X-A: b'],
    ['a list', ['X-A: b']],
  ])('headers: %s', (_name, headers) => {
    for (const stage of [asked, replied]) {
      const error = refusal(() => stage({ changes: { response: text({ headers }), responseContent: '1' } }));
      expect([error.kind, error.status]).toEqual(['script.threw', 500]);
      expect(error.message).toMatch(/^Script 'hr\.get\.pre_process' set .*header/);
    }
  });

  test.each([5, 'text/html\r\nX: y', { a: 1 }])('content_type: %j', (content_type) => {
    const error = refusal(() => replied({ changes: { response: text({ content_type }) } }));
    expect([error.status, error.message]).toEqual([500, expect.stringMatching(/content_type/)]);
  });
});
