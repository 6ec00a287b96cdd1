// What a key stands for: what is the same request, and what is another one.
import { describe, expect, it } from 'vitest';
import { fc } from '../../../test/properties.ts';
import { Body } from '../../core/body.ts';
import { PlatformError } from '../../core/errors.ts';
import { anonymous, itself, type Operation, type Principal, type UserView } from '../../core/operation.ts';
import { keyedBy } from './keyed.ts';

const user = { id: 7, name: 'Ann' } as UserView;
const app = { id: 3, name: 'web', isActive: true };
const ann: Principal = { ...anonymous, kind: 'user', user };

interface Given extends Partial<Operation> {
  readonly key?: string;
  readonly body?: Body;
  readonly type?: string;
}

function asked({
  key = 'k',
  body = Body.ofText('{"a":1}', 'application/json'),
  type = '',
  ...over
}: Given = {}) {
  const operation: Operation = {
    ...{ service: 'db', path: ['_table', 'todo'], action: 'POST', origin: 'http', requestor: 'api' },
    ...{ principal: ann, depth: 0, uri: '', apiVersion: '2.0' },
    request: { parameters: {}, headers: { 'idempotency-key': key, 'content-type': type }, body },
    ...over,
  };
  return keyedBy(operation);
}

const parameters = (given: Operation['request']['parameters']): Given => ({
  request: {
    parameters: given,
    headers: { 'idempotency-key': 'k' },
    body: Body.ofText('{"a":1}', 'application/json'),
  },
});

describe('the same request', () => {
  const same: Record<string, [Given, Given]> = {
    'with a key between spaces': [{}, { key: ' k ' }],
    'from another address': [{}, { remoteAddress: '10.0.0.1' }],
    'with the name of the service in another case': [{}, { service: 'DB' }],
    'with a session that was renewed': [
      parameters({ a: 1, session_token: 'old', api_key: 'x' }),
      parameters({ a: 1, session_token: 'new' }),
    ],
    'with parameters in another order': [parameters({ a: '1', b: '2' }), parameters({ b: '2', a: '1' })],
    'as a form in parts with another boundary': [form('one'), form('two')],
  };
  it.each(Object.entries(same))('%s', (_name, [one, other]) => {
    expect(asked(one)).toMatchObject({ id: asked(other).id, digest: asked(other).digest });
  });

  it('of a stranger is his by his address', () => {
    const stranger = { principal: anonymous, remoteAddress: '10.0.0.1' };
    expect(asked(stranger)).toEqual(asked(stranger));
    expect(asked(stranger).id).not.toBe(asked({ ...stranger, remoteAddress: '10.0.0.2' }).id);
  });
});

describe('another request of the same caller', () => {
  const others: Record<string, Given> = {
    'of another method': { action: 'PUT' },
    'of another service': { service: 'hr' },
    'of another path': { path: ['_table', 'todo', '1'] },
    'of a path with other borders': { path: ['_table/todo'] },
    'with parameters': parameters({ fields: '*' }),
    'with another body': { body: Body.ofText('{"a":2}', 'application/json') },
    'with the same text of another type': { body: Body.ofText('{"a":1}', 'text/plain') },
    'with bytes': { body: Body.ofBytes(Buffer.from('{"a":1}'), 'application/zip') },
    'in another app': { principal: { ...ann, app } },
    'as an administrator': { principal: { ...ann, isAdmin: true } },
  };
  it.each(Object.entries(others))('%s has the id, and another digest', (_name, other) => {
    expect(asked(other).id).toBe(asked().id);
    expect(asked(other).digest).not.toBe(asked().digest);
  });

  it('has another digest for bytes that differ', () => {
    const of = (byte: number) => asked({ body: Body.ofBytes(Uint8Array.of(255, byte), 'application/zip') });
    expect(of(1).digest).toBe(of(1).digest);
    expect(of(1).digest).not.toBe(of(2).digest);
  });
});

describe('another caller', () => {
  const callers: Record<string, Given> = {
    'another user': { principal: { ...ann, user: { ...user, id: 8 } } },
    'an app': { principal: { ...anonymous, kind: 'app', app } },
    'another app': { principal: { ...anonymous, kind: 'app', app: { ...app, id: 7 } } },
    'the system': { principal: itself },
    'a stranger': { principal: anonymous, remoteAddress: '10.0.0.1' },
    'a stranger without an address': { principal: anonymous },
    'a script of the same user': { requestor: 'script' },
  };
  it('has keys of his own', () => {
    const ids = [{}, ...Object.values(callers)].map((given) => asked(given).id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('any text', () => {
  it('is a key that stands for itself alone, or is refused by name', () => {
    const texts = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.string({ unit: 'grapheme' }));
    fc.assert(
      fc.property(texts, texts, (one, other) => {
        const [first, second] = [tried(one), tried(other)];
        if (first === undefined || second === undefined) return;
        expect(first.id === second.id).toBe(one.trim() === other.trim());
        expect(`${first.id}${first.digest}`).toMatch(/^[0-9a-f]{128}$/);
      }),
      { numRuns: 40 },
    );
  });

  it.each(['', ' ', '\t', 'a\u0000b', 'a\r\nb', 'a\u007fb', 'x'.repeat(256)])('is refused: %j', (key) => {
    expect(() => asked({ key })).toThrow(/Idempotency-Key/);
  });

  it('may be a number that a script gave', () => {
    expect(asked({ key: 7 as unknown as string }).id).toBe(asked({ key: '7' }).id);
  });
});

function tried(key: string) {
  try {
    return asked({ key });
  } catch (error) {
    if (!(error instanceof PlatformError) || error.kind !== 'request.malformed') throw error;
    return undefined;
  }
}

function form(boundary: string): Given {
  const text = `--${boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--${boundary}--\r\n`;
  return {
    body: Body.ofText(text, 'multipart/form-data'),
    type: `multipart/form-data; boundary=${boundary}`,
  };
}
