import { describe, expect, it, test } from 'vitest';
import { readFieldRule, readRoleFilter, restrictionOf } from './restriction.ts';

const filter = { name: 'status', operator: '=', value: 'open' };
const plain = { filters: [], filterOp: 'AND', fields: [] };

describe('a filter', () => {
  it('is read with its operator in one spelling', () => {
    const written = { name: ' status ', operator: ' NOT  In ', value: [1] };
    expect(readRoleFilter(written)).toEqual({ name: 'status', operator: 'not in', value: [1] });
  });

  test.each([
    null,
    'status = open',
    {},
    { ...filter, name: '' },
    { ...filter, name: 3 },
    { ...filter, operator: 'like' },
    { ...filter, operator: null },
  ])('cannot be read from %j', (written) => {
    expect(readRoleFilter(written)).toBeUndefined();
  });
});

test.each([
  [
    { field: 'salary', access: 'hidden' },
    { field: 'salary', access: 'hidden', mask: null },
  ],
  [
    { field: ' salary', access: 'masked', mask: '***' },
    { field: 'salary', access: 'masked', mask: '***' },
  ],
  [{ field: 'salary', access: 'secret' }, undefined],
  [{ field: '', access: 'hidden' }, undefined],
  [{ field: 'salary', access: 'masked', mask: 5 }, undefined],
  ['salary', undefined],
])('of a rule for a field, %j makes %j', (written, rule) => {
  expect(readFieldRule(written)).toEqual(rule);
});

describe('rows that grant the same', () => {
  it('restrict nothing where one of them is without filters', () => {
    expect(restrictionOf([plain, { ...plain, filters: [filter] }])).toBeUndefined();
    expect(restrictionOf([])).toBeUndefined();
  });

  it('let records pass that fit one of them', () => {
    const other = { ...filter, value: 'new' };
    const rows = [
      { ...plain, filters: [filter] },
      { ...plain, filters: [filter, other], filterOp: 'or' },
    ];
    expect(restrictionOf(rows)).toEqual({
      rows: [
        { op: 'AND', conditions: [filter] },
        { op: 'OR', conditions: [filter, other] },
      ],
      fields: new Map(),
    });
  });

  it('restrict fields as little as one of them does', () => {
    const hidden = (field: string) => ({ field, access: 'hidden' });
    const rows = [
      { ...plain, fields: [hidden('salary'), hidden('notes')] },
      { ...plain, fields: [{ field: 'SALARY', access: 'masked', mask: '?' }] },
    ];
    expect(restrictionOf(rows)).toEqual({
      rows: [],
      fields: new Map([['salary', { field: 'SALARY', access: 'masked', mask: '?' }]]),
    });
  });

  it('grant nothing where they cannot be understood', () => {
    const broken = { ...plain, filters: [{ name: 'a', operator: '~', value: 1 }] };
    expect(restrictionOf([broken])).toBe('all');
    expect(restrictionOf([{ ...plain, fields: [{ field: 'a' }] }])).toBe('all');
    expect(restrictionOf([broken, { ...plain, filters: [filter] }])).toMatchObject({
      rows: [{ op: 'AND', conditions: [filter] }],
    });
  });
});
