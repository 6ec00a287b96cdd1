import { describe, expect, test } from 'vitest';
import { changesBetween, isSame } from './difference.ts';
import { Secret } from './document.ts';
import type { Kind } from './kinds.ts';

const kind = {
  lists: [{ field: 'rows', parent: 'p_id', keys: ['service', 'component'], fields: [], references: [] }],
} as unknown as Kind;

const changes = (before: Record<string, unknown> | undefined, after: Record<string, unknown> | undefined) =>
  changesBetween(kind, before, after);

describe('what changes', () => {
  test.each([
    [{ a: 1 }, { a: 1 }, []],
    [{ a: 1 }, { a: 2 }, [{ field: 'a', before: 1, after: 2 }]],
    [{ a: null }, { a: '' }, []],
    [{}, { a: null, b: [], c: {} }, []],
    [{ a: false }, { a: null }, [{ field: 'a', before: false, after: null }]],
    [{ a: { x: 1, y: 2 } }, { a: { x: 1, y: 3 } }, [{ field: 'a.y', before: 2, after: 3 }]],
    [{}, { a: { x: 1 } }, [{ field: 'a.x', before: null, after: 1 }]],
    [{ a: { x: 1 } }, { a: null }, [{ field: 'a', before: { x: 1 }, after: null }]],
    [{ a: [1, 2] }, { a: [2, 1] }, [{ field: 'a', before: [1, 2], after: [2, 1] }]],
    [{ a: { x: { y: 1 } } }, { a: { x: { y: 2 } } }, [{ field: 'a.x.y', before: 1, after: 2 }]],
  ])('%j to %j', (before, after, expected) => {
    expect(changes(before, after)).toEqual(expected);
  });

  test('of a record that is made all that it has, of one that goes all that it had', () => {
    expect(changes(undefined, { a: 1, b: null })).toEqual([{ field: 'a', before: null, after: 1 }]);
    expect(changes({ a: 1 }, undefined)).toEqual([{ field: 'a', before: 1, after: null }]);
  });

  test('rows of lists are known by their keys, wherever they stand', () => {
    const [one, two] = [
      { service: 's', component: 'x', mask: 1 },
      { service: null, component: '*', mask: 2 },
    ];
    expect(changes({ rows: [one, two] }, { rows: [two, one] })).toEqual([]);
    expect(changes({ rows: [one, two] }, { rows: [{ ...one, mask: 3 }] })).toEqual([
      { field: 'rows[s, x].mask', before: 1, after: 3 },
      { field: 'rows[*, *]', before: two, after: null },
    ]);
  });

  test('rows with the same keys are counted', () => {
    const row = { service: 's', component: 'x' };
    expect(changes({ rows: [row] }, { rows: [row, { ...row, mask: 1 }] })).toEqual([
      { field: 'rows[s, x, #2]', before: null, after: { ...row, mask: 1 } },
    ]);
  });
});

describe('secrets', () => {
  const [one, same, other] = [new Secret('hush'), new Secret('hush'), new Secret('hush-hush')];

  test('are the same when what they hold is, sealed or written by hand', () => {
    expect(isSame(one, same)).toBe(true);
    expect(isSame(one, 'hush')).toBe(true);
    expect(isSame({ a: [one] }, { a: [same] })).toBe(true);
    expect(isSame(one, other)).toBe(false);
    expect(isSame(one, undefined)).toBe(false);
    expect(isSame(new Secret(new Error('x')), new Secret('x'))).toBe(false);
  });

  test('are told masked, at any depth, in what was and in what is', () => {
    const told = [
      ...changes({ a: one }, { a: other }),
      ...changes({ a: 'open' }, { a: one }),
      ...changes(undefined, { b: { c: one }, rows: [{ service: 's', value: one }] }),
      ...changes({ list: [one] }, { list: [other] }),
      ...changes({ a: one }, { a: new Secret(null) }),
    ];
    expect(JSON.stringify(told)).not.toContain('hush');
    expect(told).toEqual([
      { field: 'a', before: '********', after: '********' },
      { field: 'a', before: 'open', after: '********' },
      { field: 'b.c', before: null, after: '********' },
      { field: 'rows[s, *]', before: null, after: { service: 's', value: '********' } },
      { field: 'list', before: ['********'], after: ['********'] },
      { field: 'a', before: '********', after: null },
    ]);
  });
});
