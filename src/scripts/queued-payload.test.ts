// The payload of queued runs: what comes back is what was kept, and no credentials are.
import { describe, expect, it } from 'vitest';
import { fc } from '../../test/properties.ts';
import { Body } from '../core/body.ts';
import { limits } from '../core/limits.ts';
import { anonymous, type Message, type Operation, type Result } from '../core/operation.ts';
import { queuedOperation, queuedResult, readPayload, writePayload } from './queued-payload.ts';

const request: Message = { parameters: {}, headers: {}, body: undefined };

function asked(over: Partial<Operation> = {}): Operation {
  return {
    service: 'db',
    path: ['_table', 'todo'],
    action: 'POST',
    origin: 'http',
    requestor: 'api',
    principal: { ...anonymous, kind: 'user' },
    depth: 2,
    request,
    uri: '/api/v2/db/_table/todo?x=1',
    apiVersion: '2.0',
    remoteAddress: '10.0.0.7',
    ...over,
  };
}

function kept(message: Partial<Message>, result?: Result): string {
  const operation = asked();
  return writePayload({ kind: 'event', operation, request: { ...request, ...message }, result });
}

function roundTrip(message: Partial<Message>, result?: Result) {
  const payload = readPayload(kept(message, result));
  return { operation: queuedOperation(payload, anonymous), result: queuedResult(payload), payload };
}

describe('the payload of a queued run', () => {
  it('makes the operation again, by the door of the queue', () => {
    const { operation, payload } = roundTrip({ parameters: { limit: '1' }, headers: { accept: 'x' } });
    expect(operation).toEqual({
      ...asked(),
      origin: 'queue',
      principal: anonymous,
      request: { parameters: { limit: '1' }, headers: { accept: 'x' }, body: undefined },
    });
    expect(payload.caller).toBe('user');
  });

  it.each([
    ['JSON', Body.ofText('{"a": 1.00}', 'application/json')],
    ['a value', Body.ofValue({ a: [1, 'ü', null] })],
    ['text', Body.ofText('plain', 'text/plain')],
    ['text that looks like JSON but is broken', Body.ofText('{"a":', 'application/json')],
  ])('keeps a body that is %s as it is', (_what, body) => {
    const { operation } = roundTrip({ body });
    expect(operation.request.body?.text).toBe(body.text);
    expect(operation.request.body?.mediaType).toBe(body.mediaType);
  });

  it('keeps what was read from a form, and the bytes of a file', () => {
    const form = Body.ofParsed('a=1&b=2', { a: '1', b: '2' }, 'application/x-www-form-urlencoded');
    expect(roundTrip({ body: form }).operation.request.body?.value).toEqual({ a: '1', b: '2' });
    const bytes = Uint8Array.from([0, 255, 128, 10]);
    const file = roundTrip({ body: Body.ofBytes(bytes, 'image/png') }).operation.request.body;
    expect(file?.isBinary).toBe(true);
    expect([...(file?.bytes ?? [])]).toEqual([...bytes]);
  });

  it('keeps the answer with its status, headers and type', () => {
    const result = {
      status: 201,
      headers: { 'x-a': '1', 'set-cookie': 'session=secret' },
      mediaType: 'text/csv',
      body: Body.ofText('a,b', 'text/csv'),
    };
    const { result: again } = roundTrip({}, result);
    expect(again).toMatchObject({ status: 201, headers: { 'x-a': '1' }, mediaType: 'text/csv' });
    expect(again?.body?.text).toBe('a,b');
    expect(roundTrip({}).result).toBeUndefined();
  });

  it('keeps no credentials', () => {
    const headers = {
      authorization: 'Bearer secret-1',
      cookie: 'a=secret-2',
      'proxy-authorization': 'secret-3',
      'x-dreamfactory-session-token': 'secret-4',
      'x-dreamfactory-api-key': 'secret-5',
      'x-tenon-api-key': 'secret-6',
      'x-mine': 'stays',
    };
    const parameters = { api_key: 'secret-7', session_token: 'secret-8', a: 'stays' };
    const text = kept(
      { headers, parameters },
      { status: 200, headers: { 'set-cookie': 'secret-9' }, body: undefined },
    );
    expect(text).not.toContain('secret');
    expect(readPayload(text).request).toEqual({ headers: { 'x-mine': 'stays' }, parameters: { a: 'stays' } });
  });

  it.each(['system', 'user', 'System'])('keeps nothing that people log in with at %s', (service) => {
    const operation = asked({ service, path: ['session'] });
    const body = Body.ofText(
      '{"email":"a@example.com","password":"secret-1","resource":[{"new_password":"secret-2","code":"secret-3"}]}',
      'application/json',
    );
    const told = { session_token: 'secret-4', sessionToken: 'secret-5', id: 7, error: { code: 401 } };
    const result = {
      status: 200,
      headers: {},
      body: Body.ofValue({ ...told, recovery_codes: ['secret-6'] }),
    };
    const message = { ...request, parameters: { password: 'secret-7', limit: '1' }, body };
    const text = writePayload({ kind: 'event', operation, request: message, result });
    expect(text).not.toContain('secret-');
    const payload = readPayload(text);
    expect(payload.request.parameters).toEqual({ password: '********', limit: '1' });
    expect(queuedResult(payload)?.body?.value).toMatchObject({ id: 7, error: { code: 401 } });
    const form = Body.ofParsed(
      'password=secret-8',
      { password: 'secret-8' },
      'application/x-www-form-urlencoded',
    );
    expect(writePayload({ kind: 'event', operation, request: { ...request, body: form } })).not.toContain(
      'secret-',
    );
  });

  it('keeps the fields of tables as they are, whatever they are called', () => {
    const body = Body.ofValue({ resource: [{ password: 'of a table' }] });
    expect(roundTrip({ body }).operation.request.body?.text).toContain('of a table');
  });

  it('leaves out the content of an answer that is too long, and says so', () => {
    const long = { status: 200, headers: {}, body: Body.ofValue('x'.repeat(limits.queuePayloadChars)) };
    const { payload, result } = roundTrip({ body: Body.ofValue({ a: 1 }) }, long);
    expect(payload.response).toEqual({ status: 200, headers: {}, isCut: true });
    expect(result?.body).toBeUndefined();
    expect(payload.request.body?.text).toBe('{"a":1}');
  });

  it('of a newer form is left to a newer server', () => {
    const newer = JSON.stringify({ ...JSON.parse(kept({})), v: 2 });
    expect(() => readPayload(newer)).toThrow(expect.objectContaining({ kind: 'queue.unavailable' }));
  });

  it('ignores fields that a newer server added', () => {
    const newer = JSON.stringify({ ...JSON.parse(kept({})), added: { by: 'a newer server' } });
    expect(queuedOperation(readPayload(newer), anonymous).service).toBe('db');
  });

  it('comes back the same for any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.dictionary(fc.string(), fc.string()), (value, parameters) => {
        const { operation } = roundTrip({ body: Body.ofValue(value), parameters });
        expect(operation.request.body?.text).toBe(JSON.stringify(value));
        const { api_key: _key, session_token: _token, ...rest } = parameters;
        expect({ ...operation.request.parameters }).toEqual({ ...rest });
      }),
    );
  });
});
