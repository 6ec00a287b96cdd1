import { describe, expect, test } from 'vitest';
import { PlatformError } from '../../core/errors.ts';
import type { Result } from '../../core/operation.ts';
import type { Changes } from '../../core/runner.ts';
import { serviceResult } from './service-outcome.ts';

const script = 'service.math';

function answered(returned: unknown, changes: Changes = {}) {
  const text = returned === undefined ? undefined : JSON.stringify(returned);
  return shown(serviceResult({ returned: text, changes }, script));
}

function shown({ body, headers, ...rest }: Result) {
  return {
    ...rest,
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
    ...(body === undefined ? {} : body.isJson ? { body: body.value } : { text: body.text }),
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

const blank = { status: 200 };

describe('what is returned is the body', () => {
  test.each<[unknown]>([
    [{ result: 9 }],
    [[1, 2]],
    [5],
    [true],
    [{ headers: { a: 1 } }],
    [{ status_code: 204, name: 'a record with such a field' }],
    [{ content_type: 'text/plain' }],
    [{ text: 'with the word "content" in it' }],
    [{ error: null, content_length: 5 }],
  ])('%j', (returned) => {
    expect(answered(returned)).toEqual({ status: 200, body: returned });
  });

  test('text is plain text, or a JSON string to who accepts only JSON', () => {
    expect(answered('hi "you"')).toEqual({ status: 200, text: 'hi "you"' });
  });

  test('it wins over the event', () => {
    expect(answered({ a: 1 }, { response: '{"status_code":404}', responseContent: '{"b":2}' })).toEqual({
      status: 200,
      body: { a: 1 },
    });
  });

  test('headers that were sent on the way stay, unless it has its own', () => {
    const response = '{"status_code":404,"headers":{"X-Powered-By":"router","X-Both":"event"}}';
    expect(answered({ a: 1 }, { response })).toEqual({
      status: 200,
      headers: { 'x-powered-by': 'router', 'x-both': 'event' },
      body: { a: 1 },
    });
    expect(answered({ content: 1, headers: { 'X-Both': 'own' } }, { response })).toEqual({
      status: 200,
      headers: { 'x-powered-by': 'router', 'x-both': 'own' },
      body: 1,
    });
  });

  test('so does a type that was sent on the way', () => {
    const response = '{"headers":{"Content-Type":"text/html"}}';
    expect(answered('<p>x</p>', { response })).toEqual({
      status: 200,
      mediaType: 'text/html',
      text: '<p>x</p>',
    });
    expect(answered({ content: 'a', content_type: 'text/csv' }, { response })).toMatchObject({
      mediaType: 'text/csv',
    });
  });

  test('large values are passed on without being read', () => {
    const { body } = serviceResult({ returned: '{ "rows" : [ 1.50 ] }', changes: {} }, script);
    expect(body?.isParsed).toBe(false);
    expect(body?.text).toBe('{ "rows" : [ 1.50 ] }');
  });

  test('values that are too deep are refused by whoever reads them', () => {
    const deep = `{"a":${'['.repeat(100)}${']'.repeat(100)}}`;
    const { body } = serviceResult({ returned: deep, changes: {} }, script);
    expect(refusal(() => body?.value).kind).toBe('request.too_deep');
  });
});

describe('what is returned describes an answer', () => {
  test.each([
    ['content and status', { content: { a: 1 }, status_code: 201 }, { status: 201, body: { a: 1 } }],
    ['null and a status', { content: null, status_code: 404 }, { status: 404 }],
    ['a status alone', { status_code: 204 }, { status: 204 }],
    ['a status as text', { content: 1, status_code: '404' }, { status: 404, body: 1 }],
    ['an impossible status', { content: 1, status_code: 42 }, { status: 500, body: 1 }],
    ['headers', { content: 1, headers: { 'X-A': 1 } }, { status: 200, headers: { 'x-a': '1' }, body: 1 }],
    ['text', { content: 'hi' }, { status: 200, text: 'hi' }],
    [
      'text of a type',
      { content: '<p>x</p>', content_type: 'text/html' },
      { status: 200, mediaType: 'text/html', body: '<p>x</p>' },
    ],
    [
      'JSON that the script wrote',
      { content: '{"a":1}', content_type: 'application/json' },
      { status: 200, mediaType: 'application/json', body: { a: 1 } },
    ],
    [
      'a misspelt type',
      { content: { a: 1 }, content_type: 'applicaton/json' },
      { status: 200, mediaType: 'applicaton/json', body: { a: 1 } },
    ],
    [
      'the result of a call (proxy)',
      {
        status_code: 404,
        content: { error: { message: 'no' } },
        content_type: 'application/json',
        format: 201,
        headers: { 'Content-Length': '5', 'X-Kept': 'y' },
      },
      {
        status: 404,
        mediaType: 'application/json',
        headers: { 'x-kept': 'y' },
        body: { error: { message: 'no' } },
      },
    ],
    [
      'the result of a call in Node',
      {
        statusCode: 404,
        statusMessage: 'Not Found',
        headers: { 'content-type': 'application/json', 'x-kept': 'y' },
        body: '{"error":1.50}',
      },
      {
        status: 404,
        mediaType: 'application/json',
        headers: { 'x-kept': 'y' },
        body: { error: 1.5 },
      },
    ],
    [
      'the event',
      { request: {}, response: { content: { e: 1 }, status_code: 202 } },
      { status: 202, body: { e: 1 } },
    ],
    ['an event whose response is a value', { response: { a: 1 } }, { status: 200, body: { a: 1 } }],
    ['an event whose response is text', { response: 'ok', id: 5 }, { status: 200, text: 'ok' }],
    ['an event without a response', { response: null, request: {} }, { status: 200 }],
    ['an event with an empty response', { response: {} }, { status: 200 }],
  ])('%s', (_name, returned, expected) => {
    expect(answered(returned)).toEqual(expected);
  });

  test.each([
    [{ error: 'x' }, 'x'],
    [{ error: { message: 'm', code: 404 } }, 'm'],
    [{ error: {} }, "Script 'service.math' returned an error."],
  ])('an error, status 500: %j', (returned, message) => {
    const error = refusal(() => answered(returned));
    expect([error.kind, error.status, error.message]).toEqual(['script.threw', 500, message]);
  });
});

describe('what counts as nothing leaves the event', () => {
  test.each([undefined, null, 0, '', '0', false, [], {}])('%j', (returned) => {
    expect(answered(returned)).toEqual(blank);
    expect(answered(returned, { response: '{"status_code":202}' })).toEqual({ status: 202 });
  });

  test.each<[string, Changes, unknown]>([
    ['untouched', {}, blank],
    ['content', { responseContent: '{"a":1}' }, { status: 200, body: { a: 1 } }],
    ['a list', { responseContent: '[]' }, { status: 200, body: [] }],
    ['zero', { responseContent: '0' }, { status: 200, body: 0 }],
    ['text', { responseContent: '"hi"' }, { status: 200, text: 'hi' }],
    ['content deleted', { responseContent: null }, blank],
    [
      'content and status',
      { response: '{"status_code":400,"content_type":null}', responseContent: '{"a":1}' },
      { status: 400, body: { a: 1 } },
    ],
    [
      'a redirection without content',
      { response: '{"status_code":302,"headers":{"Location":"/elsewhere"}}' },
      { status: 302, headers: { location: '/elsewhere' } },
    ],
    ['a raw value', { response: '{"a":1}', responseContent: null }, { status: 200, body: { a: 1 } }],
    ['a status alone', { response: '{"status_code":404}', responseContent: null }, { status: 404 }],
    ['an empty response', { response: '{}', responseContent: null }, blank],
    ['a removed response', { response: null }, blank],
    ['a response that is text', { responseValue: '"bare"' }, { status: 200, text: 'bare' }],
    ['a response that is a list', { responseValue: '[1]' }, { status: 200, body: [1] }],
    ['a response that is false', { response: null, responseValue: 'false' }, blank],
    ['changes of the request', { parameters: '{"a":1}', payload: '1' }, blank],
  ])('%s', (_name, changes, expected) => {
    expect(answered(undefined, changes)).toEqual(expected);
  });

  test.each([
    [{ response: '{"headers":5}' }, /set headers to something that is not a map/],
    [{ response: '{"content_type":5}' }, /content_type/],
    [{ response: `{"a":${'['.repeat(100)}${']'.repeat(100)}}` }, /event\.response/],
  ])('what can not be sent is the error of the script: %j', (changes, message) => {
    const error = refusal(() => answered(undefined, changes));
    expect(error.kind).toBe('script.threw');
    expect(error.message).toMatch(message);
    expect(error.message).toContain(script);
  });
});
