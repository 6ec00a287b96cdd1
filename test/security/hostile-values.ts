// Hostile texts and JSON values, and the names that requests are made of.
// Invariant: nothing here asks the server to make a file, so that hostile paths stay names.
import { fc } from '../properties.ts';

function words(text: string): string[] {
  return text.split(' ');
}

const poison = { toString: 1, valueOf: 1, toJSON: 1, length: -1, constructor: 1, hasOwnProperty: 1 };

/** Texts that have broken parsers, encoders and builders before. */
export const hostileText = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      ...[
        '',
        ' ',
        '*',
        '%',
        '_',
        "'",
        '"',
        '`',
        ';',
        '--',
        '/*',
        '\\',
        '{',
        '}',
        '[',
        ']',
        '(',
        ')',
        ',',
        '.',
      ],
      ...['null', 'undefined', 'NaN', 'true', '-1', '0', '-0', '1.5', '1e309', '0x10', '1_000', '٣', '+1'],
      ...['9223372036854775807', '9223372036854775808', '-9223372036854775809', '9'.repeat(400)],
      ...["' or '1'='1", "'; drop table item; --", '(select 1)', "x' union select 1 --", '#{7*7}', '{{7*7}}'],
      ...[
        '../../etc/passwd',
        '..\\..\\windows',
        '\u0000',
        '\u0000a',
        '\ufeff',
        '\u202e',
        '\r\nX-A: b',
        '\ud800',
      ],
      ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'then', '$ne', 'é😀', 'İı'],
      ...['a'.repeat(300), 'é'.repeat(600), '('.repeat(200), '['.repeat(200), '%'.repeat(100), '%00', '%ff'],
      ...[
        'id',
        'name',
        'ID',
        'id,name',
        'id desc',
        'id asc nulls last',
        'nope desc',
        'item_by_part_of',
        ':x',
      ],
      ...[
        "name = 'a'",
        '((((((id = 1',
        'id in (',
        'id in (1,,2)',
        'not not id = 1',
        'id = 1 or',
        'id between 1',
      ],
      ...[
        '1,2,abc',
        '(1,2),(3',
        '2026-02-30',
        '2026-01-31T25:00:00Z',
        '0000-00-00',
        'sqlite_master',
        'rowid',
      ],
      ...[
        'id like %',
        'at > now()',
        'data = {}',
        'raw = 1',
        'active = perhaps',
        'part_of is null',
        'x.y',
        'a.csv',
      ],
    ),
  },
  { weight: 2, arbitrary: fc.string({ maxLength: 40 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
  { weight: 1, arbitrary: fc.integer().map(String) },
);

/** JSON values of every shape, with names that objects and prototypes use themselves. */
export const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 5, arbitrary: hostileText },
  {
    weight: 2,
    arbitrary: fc.constantFrom(poison, [poison], { a: poison }, [[poison]], [null], [[]], {}, []),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(null, true, false, 0, -1, 1.5, 1e300, 2 ** 53, -(2 ** 63), 5e-324, 1e21),
  },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
);

/** Fields of our tables. */
export const fields = words('id name price made at clock active data raw part_of ratio any');
/** Fields of system records. */
export const systemFields = words(
  'email password new_password old_password username first_name is_sys_admin remember_me type ' +
    'label description content allow_event_modification storage_path scm_reference',
);
/** Parameters that some resource knows. */
export const options = words(
  'fields select filter where limit top offset skip order sort order_by group group_by having ids ' +
    'id_field id_type related include_count count_only params include_schema include_access as_list ' +
    'as_access_list refresh schema continue rollback allow_related_delete force file accept wrap ' +
    'method _method service scriptable type api_key session_token item_by_part_of.fields ' +
    'item_by_part_of_limit only_scripted',
);

/** Text as a path or query carries it. */
export function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}
