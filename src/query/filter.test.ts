import { readFileSync } from 'node:fs';
import peggy from 'peggy';
import { describe, expect, test } from 'vitest';
import { fc } from '../../test/properties.ts';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Comparison, Literal, Where } from '../core/query.ts';
import { type FilterScope, parseFilter } from './filter.ts';
import { arbitraryFilter } from './filter-fixture.ts';

const names = new Map(
  [
    'name',
    'label',
    'type',
    'age',
    'role_id',
    'service_id',
    'created_by_id',
    'a',
    'b',
    'c',
    'größe',
    'db.x-1',
    '$s',
  ]
    .concat(['first name', 'order', 'not', 'and', 'tick`ed', 'brack]et'])
    .map((name) => [name.toLowerCase(), name]),
);
const parameters = new Map<string, Literal>(
  Object.entries({
    id: 5,
    none: null,
    flag: true,
    big: 9007199254740993n,
  }),
);
const scope: FilterScope = {
  field: (name) => names.get(name.toLowerCase()),
  parameter: (name) => parameters.get(name),
};

const is = (field: string, value: Literal, op: Comparison = '='): Where => ({
  kind: 'compare',
  field,
  op,
  value,
});
const oneOf = (field: string, ...values: Literal[]): Where => ({ kind: 'in', field, values });
const isNull = (field: string): Where => ({ kind: 'null', field });
const not = (term: Where): Where => ({ kind: 'not', term });
const all = (...terms: Where[]): Where => ({ kind: 'and', terms });
const any = (...terms: Where[]): Where => ({ kind: 'or', terms });
const odd = (...terms: Where[]): Where => ({ kind: 'xor', terms });

function refusal(text: string): string {
  try {
    parseFilter(text, scope);
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    expect([error.kind, error.status]).toEqual(['request.invalid_filter', 400]);
    return error.message;
  }
  throw new Error(`was taken: ${text.slice(0, 80)}`);
}

describe('what is written like this is read as that', () => {
  test.each<[string, Where]>([
    // Filters of real clients and of the recordings, spec §5.6.
    ['(name like "%x%") or (label like "%x%")', any(is('name', '%x%', 'like'), is('label', '%x%', 'like'))],
    ['(type in ("mysql","pgsql")) and (age>3)', all(oneOf('type', 'mysql', 'pgsql'), is('age', '3', '>'))],
    [
      '(created_by_id is null) and (name != "api_docs") and (type in ("local_file"))',
      all(isNull('created_by_id'), is('name', 'api_docs', '!='), oneOf('type', 'local_file')),
    ],
    ['(type not like "%swagger%") and (a=1)', all(not(is('type', '%swagger%', 'like')), is('a', '1'))],
    ['type=local_file', is('type', 'local_file')],
    ['role_id=4', is('role_id', '4')],
    ['(service_id like 5) or (name like 5)', any(is('service_id', '5', 'like'), is('name', '5', 'like'))],
    ["name='Sales'", is('name', 'Sales')],
    [
      "(a='F') and ((b>10990) or (b<10005))",
      all(is('a', 'F'), any(is('b', '10990', '>'), is('b', '10005', '<'))),
    ],
    ["name contains 'ar'", is('name', 'ar', 'contains')],
    ["a in ('d001','d002')", oneOf('a', 'd001', 'd002')],
    ['a is null', isNull('a')],
    ['(name = John Smith) and (age > 3)', all(is('name', 'John Smith'), is('age', '3', '>'))],
    ['NOT (a = 1)', not(is('a', '1'))],
  ])('%s', (text, where) => {
    expect(parseFilter(text, scope)).toEqual(where);
  });
});

describe('operators', () => {
  test.each<[string, Comparison]>([
    ['a=1', '='],
    ['a EQ 1', '='],
    ['a!=1', '!='],
    ['a<>1', '!='],
    ['a ne 1', '!='],
    ['a>1', '>'],
    ['a gt 1', '>'],
    ['a >=1', '>='],
    ['a GTE 1', '>='],
    ['a< 1', '<'],
    ['a lt 1', '<'],
    ['a<=1', '<='],
    ['a Lte 1', '<='],
    ['a LIKE 1', 'like'],
    ["a like'1'", 'like'],
    ['a starts with 1', 'starts with'],
    ['a ENDS \t WITH "1"', 'ends with'],
    ['a contains 1', 'contains'],
  ])('%s', (text, op) => {
    expect(parseFilter(text, scope)).toEqual(is('a', '1', op));
    expect(parseFilter(text.replace('a', 'a not '), scope)).toEqual(not(is('a', '1', op)));
  });

  test.each<[string, Where]>([
    ['a IN(1, two words ,"x, y")', oneOf('a', '1', 'two words', 'x, y')],
    ["a not in (O'Brien, f(x))", not(oneOf('a', "O'Brien", 'f(x)'))],
    ['a between 1 and 5 and b = 2', all({ kind: 'between', field: 'a', low: '1', high: '5' }, is('b', '2'))],
    ["a NOT BETWEEN '1 and 2' AND 5", not({ kind: 'between', field: 'a', low: '1 and 2', high: '5' })],
    [
      'a between 2020-01-01 10:00:00 and 2021-01-01 00:00:00 or b is null',
      any(
        { kind: 'between', field: 'a', low: '2020-01-01 10:00:00', high: '2021-01-01 00:00:00' },
        isNull('b'),
      ),
    ],
    ['a IS  NOT NULL', not(isNull('a'))],
  ])('%s', (text, where) => {
    expect(parseFilter(text, scope)).toEqual(where);
  });
});

describe('joining', () => {
  test.each<[string, Where]>([
    ['a=1 and b=2', all(is('a', '1'), is('b', '2'))],
    ['a=1&&b=2||c=3', any(all(is('a', '1'), is('b', '2')), is('c', '3'))],
    ['(a=1)and(b=2)', all(is('a', '1'), is('b', '2'))],
    [
      'a=1 or b=2 xor c=3 and not a=4',
      any(is('a', '1'), odd(is('b', '2'), all(is('c', '3'), not(is('a', '4'))))),
    ],
    ['a=1 and (b=2 and c=3)', all(is('a', '1'), all(is('b', '2'), is('c', '3')))],
    ['a=1 nor b=2 nor c=3', not(any(is('a', '1'), is('b', '2'), is('c', '3')))],
    ['(a=1 nor b=2) or c=3', any(not(any(is('a', '1'), is('b', '2'))), is('c', '3'))],
    ['(a=1) and not (b=2)', all(is('a', '1'), not(is('b', '2')))],
    ['not not a=1', is('a', '1')],
    ['not(not(a=1))', not(not(is('a', '1')))],
    ['((((a=1))))', is('a', '1')],
    ["a='x'and b=2", all(is('a', 'x'), is('b', '2'))],
  ])('%s', (text, where) => {
    expect(parseFilter(text, scope)).toEqual(where);
  });

  test('OR and NOR side by side have no agreed meaning', () => {
    expect(refusal('a=1 or b=2 nor c=3')).toContain('OR and NOR side by side need parentheses');
  });
});

describe('quoted values hold anything', () => {
  test.each<[string, string]>([
    ["a = 'x >= y'", 'x >= y'],
    ["a = ') and (b = 2'", ') and (b = 2'],
    ['a = "x, y"', 'x, y'],
    ["a = 'it''s'", "it's"],
    ['a = "say ""x"""', 'say "x"'],
    [`a = "it''s"`, "it''s"],
    ["a = 'it\\'s'", "it's"],
    ['a = "\\"\\\\"', '"\\'],
    ["a = 'C:\\temp 50\\%'", 'C:\\temp 50\\%'],
    ["a = ''", ''],
    ["a = ' x '", ' x '],
    ["a = 'null'", 'null'],
    ["a = ':id'", ':id'],
    ["a = '\u0000\n😀'", '\u0000\n😀'],
  ])('%s', (text, value) => {
    expect(parseFilter(text, scope)).toEqual(is('a', value));
  });
});

describe('values without quotes', () => {
  test.each<[string, string]>([
    ['name = Tom and Jerry', 'Tom and Jerry'],
    ['name = Tom and Jerry or his not so little friend', 'Tom and Jerry or his not so little friend'],
    ['(name = Tom and Jerry)', 'Tom and Jerry'],
    ["name = O'Brien", "O'Brien"],
    ['name = Smith (Jr (III))', 'Smith (Jr (III))'],
    ['(name = Smith (Jr) )', 'Smith (Jr)'],
    ['name = R&D && more', 'R&D && more'],
    ['name = http://x/?a=b', 'http://x/?a=b'],
    ['name = {user.id}', '{user.id}'],
    ['name = -1.5e3', '-1.5e3'],
    ['name = :', ':'],
    ['name = 10:30 :x', '10:30 :x'],
    ['name = NOW()', 'NOW()'],
    ['name = true', 'true'],
    ['name =\tTom \n', 'Tom'],
    ['name = nullable', 'nullable'],
  ])('%s', (text, value) => {
    expect(parseFilter(text, scope)).toEqual(is('name', value));
  });

  test.each<[string, string]>([
    ['a = x and b = 2', 'x'],
    ['a = x  AND  b is not null', 'x'],
    ['a = x and Y and b in (1)', 'x and Y'],
    ["a = O'Brien && b not like '%and'", "O'Brien"],
    ['a = x and [first name] = 1', 'x'],
    ['a = x\nand\nnot not (b = 2)', 'x'],
  ])('%s ends where a condition begins', (text, value) => {
    expect(parseFilter(text, scope)).toMatchObject({ kind: 'and', terms: [is('a', value), {}] });
  });

  test.each([
    'a = b = c',
    'a = 1 b = 2',
    'a = 1 b=2',
    'a = 1, b = 2',
    'a = 1 (b = 2)',
    'a = x (y z = 2)',
    'a == 1',
    'a =< 1',
    'a = and b = 2',
    'a = 1 and',
    '(a = 1 and)',
    'a = 1 and and b = 2',
    'a = 1 and (b)',
    'a = 1 and (b = 2',
    'a = (',
    'a = x ((',
  ])('a forgotten word finds an error instead of nothing: %s', (text) => {
    expect(refusal(text)).toMatch(/^Invalid or unparsable filter request\. .+\(at character \d+\)\.$/);
  });
});

describe('null', () => {
  test.each<[string, Where]>([
    ['a = null', isNull('a')],
    ['a eq NULL', isNull('a')],
    ['a != null', not(isNull('a'))],
    ['a <> Null and b = 1', all(not(isNull('a')), is('b', '1'))],
    ['a not = null', not(isNull('a'))],
    ['a in (1, null)', any(oneOf('a', '1'), isNull('a'))],
    ['a not in (null, null)', not(isNull('a'))],
    ['a contains null', is('a', 'null', 'contains')],
    ['a = :none', isNull('a')],
  ])('%s', (text, where) => {
    expect(parseFilter(text, scope)).toEqual(where);
  });

  test.each(['a > null', 'a lte NULL', 'a between null and 3', 'a between 1 and :none', 'a like :none'])(
    'has no place in %s',
    (text) => {
      expect(refusal(text)).toContain('cannot compare with null, use IS NULL or IS NOT NULL');
    },
  );
});

describe('placeholders', () => {
  test.each<[string, Where]>([
    ['a = :id', is('a', 5)],
    ['a=:flag and b > :big', all(is('a', true), is('b', 9007199254740993n, '>'))],
    ['a in (:id, 6)', oneOf('a', 5, '6')],
    ['a like :id', is('a', '5', 'like')],
    ['a between :id and 9', { kind: 'between', field: 'a', low: 5, high: '9' }],
  ])('%s', (text, where) => {
    expect(parseFilter(text, scope)).toEqual(where);
  });

  test('one without a value is named', () => {
    expect(refusal('b = 1 and a = :nope')).toContain("No value was given for the parameter ':nope'");
    expect(refusal('a in (1, :toString)')).toContain("':toString'");
  });
});

describe('names', () => {
  test.each<[string, string]>([
    ['NAME = 1', 'name'],
    ['größe=1', 'größe'],
    ['db.x-1 = 1', 'db.x-1'],
    ['$s = 1', '$s'],
    ['[first name] = 1', 'first name'],
    ['`order`= 1', 'order'],
    ['order = 1', 'order'],
    ['[not] = 1', 'not'],
    ['`and` = 1', 'and'],
    ['`tick``ed` = 1', 'tick`ed'],
    ['[brack]]et] = 1', 'brack]et'],
  ])('%s', (text, field) => {
    expect(parseFilter(text, scope)).toEqual(is(field, '1'));
  });

  test.each([
    ['foo = 5', 'foo'],
    ['a = 1 and foo.bar like x', 'foo.bar'],
    ['1=1', '1'],
    ["a = 'x' or 1=1", '1'],
    ['`a; drop table t` = 1', 'a; drop table t'],
    ['[name") or 1=1 --] = 1', 'name") or 1=1 --'],
    ['__proto__ = 1', '__proto__'],
    ['name = Tom and Jerry = 5', 'Jerry'],
  ])('an unknown one is refused in the recorded words: %s', (text, name) => {
    expect(refusal(text)).toBe(`Invalid or unparsable field in filter request: '${name}'`);
  });
});

describe('refusals', () => {
  test('a list without parentheses, in the recorded words', () => {
    expect(refusal("type in 'a','b'")).toBe('Filter value lists must be wrapped in parentheses.');
    expect(refusal('type not in 5')).toBe('Filter value lists must be wrapped in parentheses.');
  });

  test.each([
    ['', 'It is empty.'],
    [' \n', 'It is empty.'],
    ['a', 'It ends too early'],
    ['a =', 'a condition or ")" is missing (at character 4)'],
    ['((a=1)', 'It ends too early'],
    ['a=1)', "not understood from ')' on"],
    ["a = 'x", 'A quote is not closed (at character 7)'],
    ["a in ('x, 'y')", "from 'y' on"],
    ["a = 'x' y", "from 'y' on; values with special characters need quotes (at character 9)"],
    ['a in ()', 'A list needs at least one value (at character 8)'],
    ['a in (1,)', "from ')' on"],
    ['a between 1', 'BETWEEN needs two values: between 1 and 5'],
    ['a all (1)', 'ALL (…) is not supported, use IN (…)'],
    ['a > (NOW())', 'A value in parentheses is not supported (at character 6)'],
    ['a in ((select 1))', 'A value in parentheses is not supported'],
    ['a = (select password from user)', 'A value in parentheses is not supported'],
    ["upper(name) = 'X'", "from '(' on"],
    ['a is 5', "from '5' on"],
    ['not = 5', "from '=' on"],
    ['😀 = 1', "from '😀' on"],
    [`a ${'y'.repeat(100)}`, `from '${'y'.repeat(limits.excerpt)}' on`],
  ])('%s', (text, message) => {
    expect(refusal(text)).toMatch(/^Invalid or unparsable filter request\. /);
    expect(refusal(text)).toContain(message);
  });
});

describe('limits', () => {
  const nested = (levels: number) => `${'('.repeat(levels)}a=1${')'.repeat(levels)}`;
  const list = (count: number) => `a in (${Array(count).fill('1').join(',')})`;
  const chain = (count: number) => Array(count).fill('a=1').join(' or ');

  test('each is kept exactly', () => {
    expect(parseFilter(nested(limits.filterDepth), scope)).toEqual(is('a', '1'));
    expect(refusal(nested(limits.filterDepth + 1))).toContain(`deeper than ${limits.filterDepth} levels`);
    expect(parseFilter(chain(limits.filterTerms), scope)).toMatchObject({ kind: 'or' });
    expect(refusal(chain(limits.filterTerms + 1))).toContain(`more than ${limits.filterTerms} conditions`);
    expect(parseFilter(list(limits.filterList), scope)).toMatchObject({ kind: 'in' });
    expect(refusal(list(limits.filterList + 1))).toContain(`more than ${limits.filterList} values`);
    const long = 'x'.repeat(limits.filterBytes - 2);
    expect(parseFilter(`a=${long}`, scope)).toEqual(is('a', long));
    expect(refusal(`a=${long}x`)).toContain(`longer than ${limits.filterBytes} characters`);
  });

  test('side by side parentheses are no depth, nor are those in values', () => {
    expect(parseFilter(chain(100).replaceAll('a=1', '(a=1)'), scope)).toMatchObject({ kind: 'or' });
    expect(parseFilter(`a = '${'('.repeat(1000)}'`, scope)).toEqual(is('a', '('.repeat(1000)));
  });

  const most = (piece: string, before = '', after = '') =>
    before +
    piece.repeat(Math.floor((limits.filterBytes - before.length - after.length) / piece.length)) +
    after;

  test.each([
    ['parentheses', most('(')],
    ['negated parentheses', most('not (')],
    ['parentheses after a quote that is none', most('(', "a = x 'y and ")],
    ['parentheses in a value', most('(', 'a=x')],
    ['closing parentheses', most(')')],
    ['words', most('and ')],
    ['words after a value', most(' and', 'a=x')],
    ['quotes', most("''", "a='")],
    ['backslashes', most('\\', "a='")],
    ['open ticks', most('`')],
    ['open brackets', most('[')],
    ['operators', most('=', 'a')],
    ['conditions', most(' and a=1', 'a=1')],
    ['a list that never ends', most('(x,', 'a in (')],
    ['between that never ends', most(' x', 'a between 1')],
    ['a name', most('n.')],
  ])('%s without end are refused', (_name, text) => {
    expect(refusal(text)).toMatch(/^Invalid or unparsable f/);
  });

  test.each([
    ['not', most('not ', '', 'a=1'), 'compare'],
    ['and x', most(' and x', 'a=x'), 'compare'],
    ['and not', most(' and not', 'a=x', ' y'), 'compare'],
    ['parentheses in pairs', most('(a)', 'a=x'), 'compare'],
    ['blanks', most(' ', 'a=x ', 'y'), 'compare'],
  ])('%s without end are taken', (_name, text, kind) => {
    expect([kind, 'not']).toContain(parseFilter(text, scope).kind);
  });
});

describe('injection', () => {
  test.each([
    "' or 1=1 --",
    "'; drop table users; --",
    '" or ""="',
    "\\' or 1=1 #",
    "') or ('1'='1",
    '1 union select password from user',
    '1); delete from t; --',
    "admin'/*",
    "\u0000' or 1=1",
    'ʼ or 1=1',
    '0x27 or sleep(5)',
  ])('%s is a value when quoted, and a value or a refusal when not', (attack) => {
    const quoted = `'${attack.replace(/['\\]/g, '\\$&')}'`;
    expect(parseFilter(`a = ${quoted}`, scope)).toEqual(is('a', attack));
    for (const text of [
      `a = ${attack}`,
      `a in (${attack})`,
      `a = '${attack}'`,
      `a = "${attack}"`,
      `(a = ${attack})`,
    ]) {
      let where: Where;
      try {
        where = parseFilter(text, scope);
      } catch (error) {
        expect(error).toBeInstanceOf(PlatformError);
        continue;
      }
      expect(['compare', 'in']).toContain(where.kind);
      expect(where).toHaveProperty('field', 'a');
    }
  });
});

describe('properties', () => {
  const fields = {
    name: fc.oneof(
      fc.string(),
      fc.constantFrom('Tom and Jerry', "O'Brien", ') or (', '', 'null', ':id', 'a=1'),
    ),
    age: fc.oneof(fc.integer(), fc.double({ noNaN: true })).map(String),
    'first name': fc.string({ unit: 'grapheme' }),
    'brack]et': fc.constantFrom('true', 'false', '1'),
    'tick`ed': fc.stringMatching(/^[()'"\\=<>&|,\s]{0,12}$/),
  };

  test('whatever the spelling, it is read as it was meant', () => {
    fc.assert(
      fc.property(arbitraryFilter(fields), ({ text, where }) => {
        expect(parseFilter(text, scope)).toEqual(where);
      }),
      { numRuns: 1_000 },
    );
  });

  test('any text is understood or refused as a bad request', () => {
    const pieces = fc.constantFrom(
      ...['a', 'b', ' ', '=', '<', '>', '!', '(', ')', ',', "'", '"', '`', '[', ']', '\\', ':id', '&&', '||'],
      ...[
        'and ',
        ' or ',
        'xor',
        'nor',
        'not ',
        'in',
        ' like ',
        'between',
        ' is ',
        'null',
        'x',
        '1',
        '%',
        '\n',
        'é',
      ],
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 40 }), (list) => {
        try {
          expect(parseFilter(list.join(''), scope)).toHaveProperty('kind');
        } catch (error) {
          expect(error).toBeInstanceOf(PlatformError);
          expect((error as PlatformError).status).toBe(400);
        }
      }),
      { numRuns: 3_000 },
    );
  });
});

test('the committed parser is the one that the grammar makes', () => {
  const read = (file: string) => readFileSync(new URL(file, import.meta.url), 'utf8');
  const made = peggy.generate(read('filter.peggy'), { format: 'es', output: 'source' });
  expect(read('filter-parser.js').trim()).toBe(made.trim());
});
