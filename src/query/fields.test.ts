import { describe, expect, test } from 'vitest';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { parseNames } from './fields.ts';

describe('comma lists', () => {
  test.each<[string, string[]]>([
    ['', []],
    [' , ,', []],
    ['*', ['*']],
    ['id,name', ['id', 'name']],
    [' id ,\tfirst name\n', ['id', 'first name']],
    ['b,a,b', ['b', 'a', 'b']],
    ['1,2,,3,', ['1', '2', '3']],
  ])("'%s'", (text, names) => {
    expect(parseNames(text)).toEqual(names);
  });

  test('have the limit of fields, or their own', () => {
    const many = (count: number) => Array(count).fill('x').join();
    expect(parseNames(many(limits.fields))).toHaveLength(limits.fields);
    expect(() => parseNames(many(limits.fields + 1))).toThrow(
      new PlatformError(
        'request.invalid_parameter',
        `The parameter 'fields' has more than ${limits.fields} entries.`,
      ),
    );
    const ids = { parameter: 'ids', max: limits.records };
    expect(parseNames(many(limits.records), ids)).toHaveLength(limits.records);
    expect(() => parseNames(many(limits.records + 1), ids)).toThrow("The parameter 'ids' has more than");
    expect(() => parseNames(','.repeat(limits.filterBytes))).toThrow(PlatformError);
  });
});
