import { describe, expect, it, test } from 'vitest';
import { fc } from '../../../test/properties.ts';
import { limits } from '../../core/limits.ts';
import { anonymous, type Operation } from '../../core/operation.ts';
import { changeNote, type RecordedChange } from './audit-note.ts';

const operation: Operation = {
  ...{ service: 'system', path: ['role'], action: 'PATCH', origin: 'http', requestor: 'api', depth: 0 },
  ...{ principal: anonymous, uri: '', apiVersion: '2.0', remoteAddress: '203.0.113.9' },
  request: { parameters: {}, headers: {}, body: undefined },
};

const note = (change: Partial<RecordedChange>) =>
  changeNote(operation, { action: 'update', record: 'x/1', identifier: 'id', ...change });

const secret = fc.string({ minLength: 6, maxLength: 20 }).map((text) => `canary${text}`);
const secretName = fc.constantFrom(
  ...['password', 'new_password', 'api_key', 'apiKeys', 'client_secret', 'SECRET', 'access_token', 'passwd'],
  ...['private_key', 'privateKeys', 'tokens'],
);
const plain = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
const hidden = fc.oneof(
  secret,
  fc.array(secret),
  fc.record({ a: secret }),
  fc.record({ b: fc.array(secret) }),
);
const treeOf = (leaf: fc.Arbitrary<unknown>) =>
  fc.letrec((tie) => ({
    node: fc.oneof(
      { maxDepth: 3 },
      plain,
      fc.array(tie('node'), { maxLength: 4 }),
      fc.dictionary(fc.constantFrom('a', 'b', 'name', 'config'), tie('node'), { maxKeys: 4 }),
      leaf,
    ),
  })).node;
const rowOf = (leaf: fc.Arbitrary<unknown>) =>
  fc.dictionary(fc.constantFrom('a', 'b', 'c', 'config', 'role'), treeOf(leaf), { maxKeys: 5 });
const row = rowOf(fc.tuple(secretName, hidden).map(([name, value]) => ({ [name]: value })));
const openRow = rowOf(plain);

describe('what is kept of a change', () => {
  it('holds no secret, wherever in a record it stands', () => {
    fc.assert(
      fc.property(row, row, secretName, hidden, (before, after, name, value) => {
        const written = { ...after, [name]: value };
        const notes = [
          note({ before: { id: 1, ...before }, after: { id: 1, ...after, [name]: value }, written }),
          note({ action: 'create', after: { id: 1, ...after }, written }),
          note({ action: 'delete', before: { id: 1, ...before, [name]: value } }),
        ];
        expect(JSON.stringify(notes)).not.toContain('canary');
      }),
      { numRuns: 1_000 },
    );
  });

  it('is never larger than an entry may be', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 4_000 }), (fields, length) => {
        const wide = Object.fromEntries(
          Array.from({ length: fields }, (_, at) => [`f${at}`, 'ä'.repeat(length)]),
        );
        const { before } = note({ action: 'delete', before: { id: 1, ...wide } });
        expect(JSON.stringify(before).length).toBeLessThanOrEqual(limits.auditValueChars);
      }),
    );
  });

  it('tells of every field that differs, and of no other', () => {
    fc.assert(
      fc.property(openRow, openRow, (before, after) => {
        const told = note({ before: { id: 1, ...before }, after: { id: 1, ...after } });
        const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
        const same = (name: string) => JSON.stringify(before[name]) === JSON.stringify(after[name]);
        const keys = new Set([...Object.keys(told.before ?? {}), ...Object.keys(told.after ?? {})]);
        expect([...keys].filter((name) => name !== 'id').sort()).toEqual(
          names.filter((name) => !same(name)).sort(),
        );
      }),
    );
  });

  test.each([
    ['the mask', { password: '********' }, { password: '********' }, '********'],
    ['nothing', { password: '********' }, {}, '********'],
    ['another one', { password: '********' }, { password: 'x' }, '******** (new)'],
    ['none any more', { password: null }, { password: null }, null],
  ])('says of a secret that was written as %s what there is to say', (_what, after, written, told) => {
    expect(note({ action: 'create', after: { id: 1, ...after }, written }).after).toEqual({
      id: 1,
      password: told,
    });
  });

  it('tells of a key by a digest, and of what people may choose by nothing at all', () => {
    const { after } = note({ action: 'create', after: { id: 1, api_key: 'k', config: { password: 'p' } } });
    const digest = expect.stringMatching(/^sha256:[0-9a-f]{16}$/);
    expect(after).toEqual({ id: 1, api_key: digest, config: { password: '********' } });
  });

  it('leaves out who wrote it and when, which the entry says itself', () => {
    const stamps = { created_date: 'x', last_modified_date: 'x', created_by_id: 1, last_modified_by_id: 1 };
    expect(note({ action: 'create', after: { id: 1, ...stamps } }).after).toEqual({ id: 1 });
  });

  it('knows on whose authority', () => {
    const elevation = { by: 'script x', to: 'role y' };
    const app = { id: 4, name: 'web', isActive: true };
    const elevated = { ...operation, elevation, principal: { ...anonymous, app } };
    const told = changeNote(elevated, {
      action: 'delete',
      record: 'x/1',
      identifier: 'id',
      before: { id: 1 },
    });
    expect(told).toMatchObject({ elevation, appId: 4, userId: null, remoteAddress: '203.0.113.9' });
  });
});
