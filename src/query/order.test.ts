import { describe, expect, test } from 'vitest';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Order } from '../core/query.ts';
import { parseOrder } from './order.ts';

const names = new Map(['emp_no', 'name', 'first name', 'a,b', 'desc', 'tick`ed'].map((name) => [name, name]));
const read = (text: string) => parseOrder(text, (name) => names.get(name.toLowerCase()));

function refusal(text: string): string {
  try {
    read(text);
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    expect([error.kind, error.status]).toEqual(['request.invalid_parameter', 400]);
    return error.message;
  }
  throw new Error(`was taken: ${text}`);
}

describe('orderings', () => {
  test.each<[string, Order[]]>([
    ['', []],
    [' ', []],
    ['name', [{ field: 'name', descending: false }]],
    ['emp_no desc', [{ field: 'emp_no', descending: true }]],
    ['Emp_No DESC', [{ field: 'emp_no', descending: true }]],
    ['name asc', [{ field: 'name', descending: false }]],
    ['name nulls last', [{ field: 'name', descending: false, nulls: 'last' }]],
    [' name  desc\tNULLS First ', [{ field: 'name', descending: true, nulls: 'first' }]],
    [
      'name,emp_no desc , desc desc',
      [
        { field: 'name', descending: false },
        { field: 'emp_no', descending: true },
        { field: 'desc', descending: true },
      ],
    ],
    ['name,', [{ field: 'name', descending: false }]],
    ['[first name] desc', [{ field: 'first name', descending: true }]],
    [
      '`a,b`, `tick``ed`',
      [
        { field: 'a,b', descending: false },
        { field: 'tick`ed', descending: false },
      ],
    ],
  ])("'%s'", (text, order) => {
    expect(read(text)).toEqual(order);
  });

  test.each([
    ['nope', "The parameter 'order' has the unknown field 'nope'."],
    ['name, nope desc', "The parameter 'order' has the unknown field 'nope'."],
    ['constructor', "The parameter 'order' has the unknown field 'constructor'."],
    [
      '(select 1)',
      "The parameter 'order' must be 'field [asc|desc] [nulls first|last], …', found '(select 1)'.",
    ],
    ['name descending', "found 'name descending'"],
    ['name desc asc', "found 'name desc asc'"],
    ['name nulls', "found 'name nulls'"],
    ['name,,emp_no', "found ''"],
    [',name', "found ''"],
    ['name; drop table t', "found 'name; drop table t'"],
    [`name ${'x'.repeat(100)}`, `found 'name ${'x'.repeat(limits.excerpt - 5)}'`],
    ['[first name', "found '[first name'"],
  ])("'%s' is refused", (text, message) => {
    expect(refusal(text)).toContain(message);
  });

  test('has a limit', () => {
    const many = (count: number) => Array(count).fill('name').join();
    expect(read(many(limits.fields))).toHaveLength(limits.fields);
    expect(refusal(many(limits.fields + 1))).toContain(`has more than ${limits.fields} fields`);
  });

  test.each([' ', 'a', '`', '``', '[', ']]', 'a ', 'asc ', ' nulls'])(
    "'%s' without end is refused",
    (piece) => {
      expect(refusal(`name ${piece.repeat(limits.filterBytes / piece.length)}!`)).toContain(
        "The parameter 'order'",
      );
    },
  );
});
