// Keys of queued runs from templates.
import { describe, expect, it } from 'vitest';
import { Body } from '../core/body.ts';
import { limits } from '../core/limits.ts';
import { anonymous, type Operation, type UserView } from '../core/operation.ts';
import { keyOf } from './queued-key.ts';

const user = { id: 7, email: 'ada@example.com' } as UserView;
const request = {
  parameters: { limit: '5' },
  headers: { 'x-tenant': 'north' },
  body: Body.ofValue({ id: 12, customer: { name: 'Ada' }, tags: ['a'], nothing: null }),
};
const operation: Operation = {
  service: 'db',
  path: ['_table', 'todo', '3'],
  action: 'PUT',
  origin: 'http',
  requestor: 'api',
  principal: { ...anonymous, user },
  depth: 0,
  request,
  uri: '/api/v2/db/_table/todo/3',
  apiVersion: '2.0',
};
const result = { status: 200, headers: {}, body: Body.ofValue({ id: 12, ok: true }) };
const exchange = { id: 'x', operation, request, result };

describe('the key of a queued run', () => {
  it.each([
    ['plain', 'plain'],
    ['todo-{request.payload.id}', 'todo-12'],
    ['{request.payload.customer.name}/{request.method}', 'Ada/PUT'],
    ['{request.parameters.limit}-{request.headers.x-tenant}', '5-north'],
    ['{response.content.id}:{response.status_code}:{response.content.ok}', '12:200:true'],
    ['{resource}', '_table/todo/3'],
    ['{user.id} {user.email}', '7 ada@example.com'],
  ])('%s', (template, key) => {
    expect(keyOf(template, exchange)).toBe(key);
  });

  it.each([
    'todo-{request.payload.missing}',
    '{request.payload.customer}',
    '{request.payload.nothing}',
    '{request.payload.constructor.name}',
    '{user}',
    '{process.env}',
    '{response.headers}',
    '   ',
  ])('%s makes none', (template) => {
    expect(keyOf(template, exchange)).toBeNull();
  });

  it('is none without a template, and none where content can not be read', () => {
    expect(keyOf(null, exchange)).toBeNull();
    const broken = { ...request, body: Body.ofText('{"id":', 'application/json') };
    expect(keyOf('{request.payload.id}', { ...exchange, request: broken })).toBeNull();
    expect(keyOf('{response.content.id}', { id: 'x', operation, request })).toBeNull();
  });

  it('is a digest where it would be too long, another one for another key', () => {
    const long = (end: string) => keyOf('x'.repeat(limits.queueKeyChars) + end, exchange);
    expect(long('a')).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(long('a')).not.toBe(long('b'));
  });
});
