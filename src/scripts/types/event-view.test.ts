import { describe, expect, test } from 'vitest';
import { Body } from '../../core/body.ts';
import type { Operation, Result } from '../../core/operation.ts';
import type { Exchange } from '../../core/script.ts';
import { parseParameters } from '../../query/parameters.ts';
import { exchangeOf, operationOf } from '../exchange-fixture.ts';
import { SessionTexts } from '../platform.ts';
import { EventView, type Place } from './event-view.ts';

const post: Place = { event: { name: 'hr._table.todo.get', drop: 1 }, stage: 'post_process' };
const pre: Place = { ...post, stage: 'pre_process' };

function sections(exchange: Exchange, place = pre, view = new EventView({ sessions: new SessionTexts() })) {
  return view.sections(exchange, place);
}

function asking(query: string, over: Partial<Operation> = {}, body?: Body): Exchange {
  const operation = operationOf({ uri: `/api/v2/hr/_table/todo${query === '' ? '' : `?${query}`}`, ...over });
  const request = { ...operation.request, parameters: parseParameters(query), body };
  return exchangeOf({ ...operation, request });
}

describe('meta', () => {
  test('names the event, the resource and the call', () => {
    expect(JSON.parse(sections(asking('limit=1')).meta)).toEqual({
      event: 'hr._table.todo.get',
      stage: 'pre_process',
      resource: 'todo',
      method: 'GET',
      uri: '/api/v2/hr/_table/todo?limit=1',
      service: 'hr',
      requestResource: '_table/todo?limit=1',
      apiVersion: '2.0',
      contentType: 'application/json',
    });
  });

  test('says of queued runs which attempt they are, and of others nothing', () => {
    const queued = { id: '0199-"7', attempt: 3, isUncertain: false };
    const exchange = asking('limit=1');
    const { meta } = sections({ ...exchange, queued });
    expect(JSON.parse(meta)).toEqual({ ...JSON.parse(sections(exchange).meta), id: queued.id, attempt: 3 });
    const uncertain = sections({ ...exchange, queued: { ...queued, isUncertain: true } });
    expect(JSON.parse(uncertain.meta)).toMatchObject({ attempt: 3, certainty: 'unknown' });
    expect(Object.keys(JSON.parse(sections(exchange).meta))).not.toContain('id');
  });

  test('the type of the content is that of the request', () => {
    const exchange = exchangeOf(operationOf());
    exchange.request = { ...exchange.request, headers: { 'content-type': 'text/csv' } };
    expect(JSON.parse(sections(exchange).meta)).toMatchObject({ contentType: 'text/csv' });
  });
});

describe('parameters of reads of records, as recorded', () => {
  const parameters = (query: string, over?: Partial<Operation>, body?: Body) =>
    JSON.parse(sections(asking(query, over, body)).parameters);

  test.each([
    ['', { fields: '*' }],
    ['fields=id,title', { fields: 'id,title' }],
    ['select=id', { select: 'id' }],
    ['limit=1&flag&arr[]=1', { limit: '1', flag: null, arr: ['1'], fields: '*' }],
    [
      'fields=emp_no&related=dept&dept.fields=id&dept.limit=1',
      {
        fields: 'emp_no',
        related: { dept: { name: 'dept', fields: 'id', limit: '1', order: null, group: null } },
        dept_fields: 'id',
        dept_limit: '1',
      },
    ],
    [
      'related=a,%20b',
      {
        fields: '*',
        related: {
          a: { name: 'a', fields: '*', limit: null, order: null, group: null },
          b: { name: 'b', fields: '*', limit: null, order: null, group: null },
        },
      },
    ],
  ])('%s', (query, expected) => {
    expect(parameters(query)).toEqual(expected);
  });

  test('options in a body are parameters; those of the query win', () => {
    const body = Body.ofText('{"filter":"id=1","limit":5,"resource":[{"id":1}]}', 'application/json');
    expect(JSON.stringify(parameters('limit=1', {}, body))).toBe(
      '{"limit":"1","filter":"id=1","fields":"*"}',
    );
  });

  test.each(['{"a":', '[1]', '5'])('a body without options changes nothing: %s', (text) => {
    expect(parameters('', {}, Body.ofText(text, 'application/json'))).toEqual({ fields: '*' });
  });

  test.each<Partial<Operation>>([
    { action: 'POST' },
    { path: ['_table'] },
    { path: ['_schema', 'todo'] },
    { service: 'system', path: ['service'] },
  ])('elsewhere they are as sent: %j', (over) => {
    const body = Body.ofText('{"filter":"id=1"}', 'application/json');
    expect(parameters('related=x', over, body)).toEqual({ related: 'x' });
  });

  test('a map that a script made is left alone', () => {
    const exchange = exchangeOf();
    exchange.request = { ...exchange.request, parameters: { fields: 'id', related: { dept: { limit: 1 } } } };
    expect(JSON.parse(sections(exchange).parameters)).toEqual({
      fields: 'id',
      related: { dept: { limit: 1 } },
    });
  });

  test('texts are written once for the same parameters and headers', () => {
    const view = new EventView({ sessions: new SessionTexts() });
    const exchange = asking('limit=1');
    const first = sections(exchange, pre, view);
    const second = sections({ ...exchange }, post, view);
    expect(Object.is(second.parameters, first.parameters)).toBe(true);
    expect(second.headers).toBe('{"host":"localhost"}');
    expect(second.session).toBe(first.session);
  });
});

describe('content and payload', () => {
  const of = (body: Body | undefined, type?: string) => {
    const exchange = exchangeOf();
    const headers = type === undefined ? {} : { 'content-type': type };
    exchange.request = { ...exchange.request, body, headers };
    const { content, payload } = sections(exchange);
    return [content, payload];
  };

  test('JSON is not parsed', () => {
    const operation = operationOf({ action: 'POST' }, '{ "a": 1 }');
    const { content, payload } = sections(exchangeOf(operation));
    expect([content, payload]).toEqual(['{ "a": 1 }', '']);
    expect(operation.request.body?.isParsed).toBe(false);
  });

  test.each<[string, Body | undefined, string | undefined, string[]]>([
    ['nothing', undefined, undefined, ['', '']],
    ['text', Body.ofText('a,b', 'text/csv'), 'text/csv', ['a,b', '"a,b"']],
    [
      'a form',
      Body.ofParsed('a=1', { a: '1' }, 'application/x-www-form-urlencoded'),
      'application/x-www-form-urlencoded',
      ['a=1', '{"a":"1"}'],
    ],
    [
      'JSON said to be a form',
      Body.ofText('{"a": 1}', 'application/json'),
      'application/x-www-form-urlencoded',
      ['{"a": 1}', '{"a":1}'],
    ],
    ['broken JSON said to be text', Body.ofText('{"a', 'application/json'), 'text/plain', ['{"a', '']],
  ])('%s', (_name, body, type, expected) => {
    expect(of(body, type)).toEqual(expected);
  });
});

describe('response', () => {
  const shown = (result: Result | undefined, place = post) => {
    const { response, responseContent } = sections(exchangeOf(operationOf(), result), place);
    return [response, responseContent];
  };

  test('before scripts see none, not even one that was made before them', () => {
    expect(shown({ status: 200, headers: {}, body: Body.ofValue(1) }, pre)).toEqual(['', '']);
  });

  test('content is passed through as text', () => {
    const body = Body.ofText('{ "a":1 }');
    expect(shown({ status: 200, headers: {}, body })).toEqual([
      '{"status_code":200,"content_type":null,"format":201,"headers":[]}',
      '{ "a":1 }',
    ]);
    expect(body.isParsed).toBe(false);
  });

  test('status, type and headers', () => {
    const body = Body.ofText('a;b', 'text/csv');
    const [response, content] = shown({ status: 404, headers: { 'x-a': '1' }, body, mediaType: 'text/csv' });
    expect(JSON.parse(response ?? '')).toEqual({
      status_code: 404,
      content_type: 'text/csv',
      format: 201,
      headers: { 'x-a': '1' },
    });
    expect(content).toBe('"a;b"');
    expect(shown({ status: 204, headers: {}, body: undefined })[1]).toBe('null');
  });
});
