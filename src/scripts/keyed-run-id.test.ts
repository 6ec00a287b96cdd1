import { describe, expect, it } from 'vitest';
import { anonymous, type Operation } from '../core/operation.ts';
import { runIdOf } from './keyed-run-id.ts';

const operation: Operation = {
  ...{ service: 'db', path: ['_table', 'todo'], action: 'POST', origin: 'http', requestor: 'api' },
  ...{ principal: anonymous, depth: 0, uri: '', apiVersion: '2.0' },
  request: { parameters: {}, headers: {}, body: undefined },
};
const keyed = (origin: string): Operation => ({
  ...operation,
  idempotency: { id: 'i', digest: 'd', origin },
});
const origin = '019a9d3c5b7f0123456789abcdef0123456789abcdef';

describe('the id of a run', () => {
  it('is another one each time without a key, and where only a note counts', () => {
    const noted = { ...operation, idempotency: { id: 'i', digest: 'd' } };
    for (const each of [operation, noted]) expect(runIdOf(each, 'a')).not.toBe(runIdOf(each, 'a'));
  });

  it('with a key is the same for the same script, service and path, of the time when the key was taken', () => {
    const id = runIdOf(keyed(origin), 'a');
    expect(id).toMatch(/^019a9d3c-5b7f-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(runIdOf(keyed(origin), 'a')).toBe(id);
    const others = [
      runIdOf(keyed(origin), 'b'),
      runIdOf(keyed(origin.replace(/f$/, 'e')), 'a'),
      runIdOf({ ...keyed(origin), service: 'hr' }, 'a'),
      runIdOf({ ...keyed(origin), path: ['_table'] }, 'a'),
    ];
    expect(new Set([id, ...others]).size).toBe(5);
  });
});
