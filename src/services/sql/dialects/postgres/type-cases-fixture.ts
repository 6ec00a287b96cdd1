// For tests and the documentation: values of PostgreSQL's column types on their way in and out.
import type { TypeCase } from '../../suite/suite-fixture.ts';

const numbers: readonly TypeCase[] = [
  {
    declared: 'smallint',
    type: 'smallint',
    values: [['1'], ['-32768'], ['"42"', '42']],
    refused: ['32768', '"x"', '1.5'],
  },
  {
    declared: 'integer',
    type: 'integer',
    values: [['1'], ['-2147483648'], ['2147483647'], ['1.0', '1']],
    refused: ['2147483648', '"x"', '1.5', 'true', '[]'],
  },
  {
    declared: 'bigint',
    type: 'bigint',
    values: [['9223372036854775807'], ['-9223372036854775808'], ['9007199254740993'], ['0']],
    refused: ['9223372036854775808', '"1e3"'],
  },
  { declared: 'oid', type: 'bigint', values: [['4294967295']], refused: ['-1', '4294967296'] },
  {
    declared: 'numeric(10,2)',
    type: 'decimal',
    values: [['1.5'], ['-0.25'], ['12345678.91'], ['"2.50"', '2.5'], ['0.125', '0.13'], ['99999999.99']],
    refused: ['"1,5"', '100000000', '99999999.995', '"Infinity"', '{}'],
    note: 'Fractions beyond the declared ones are rounded by the database.',
  },
  {
    declared: 'numeric',
    type: 'decimal',
    values: [
      ['0.1234567890123456789012345678901234567890'],
      ['123456789012345678901234567890'],
      ['"1e-7"', '1e-7'],
      ['"NaN"'],
      ['"Infinity"'],
    ],
    refused: ['"x"', 'true'],
    note: 'All digits, in and out: such a client needs a parser that keeps them.',
  },
  {
    declared: 'money',
    type: 'money',
    values: [['1.5'], ['-1234567.89'], ['"10.25"', '10.25']],
    refused: ['"$1"', '1e18'],
    note: 'A number, without the sign of a currency.',
  },
  {
    declared: 'real',
    type: 'float',
    values: [['0.1'], ['-2.5'], ['3.4e38', '3.4e+38'], ['"NaN"'], ['"-Infinity"']],
    refused: ['1e39', '"x"'],
  },
  {
    declared: 'double precision',
    type: 'double',
    values: [['0.1'], ['1.7976931348623157e308', '1.7976931348623157e+308'], ['"NaN"'], ['"Infinity"']],
    refused: ['"x"', '[]'],
    note: 'What JSON has no number for is text.',
  },
  {
    declared: 'boolean',
    type: 'boolean',
    values: [['true'], ['false'], ['1', 'true'], ['"off"', 'false']],
    refused: ['2', '"maybe"'],
  },
];

const texts: readonly TypeCase[] = [
  {
    declared: 'varchar(20)',
    type: 'string',
    values: [['"a"'], ['""'], ['"ü€😀"'], ['"it\'s"'], ['5', '"5"'], ['"a "']],
    refused: ['{}', '["a"]', '"\\ud800"', '"a\\u0000b"', '"123456789012345678901"'],
  },
  {
    declared: 'char(4)',
    type: 'string',
    values: [['"abcd"'], ['"ab"'], ['"ab  "', '"ab"']],
    refused: ['"abcde"'],
    note: 'Blanks at the end mean nothing.',
  },
  {
    declared: 'text',
    type: 'text',
    values: [['"line\\nline"'], ['"\\\\"'], ['"NULL"']],
    refused: ['"\\u0000"'],
  },
  {
    declared: 'citext',
    type: 'text',
    values: [['"Anna"']],
    before: 'CREATE EXTENSION IF NOT EXISTS citext;',
  },
  {
    declared: 'uuid',
    type: 'uuid',
    values: [['"6f1c1f0e-7a52-4a38-9f3b-0c6a4c6f1b2d"']],
    refused: ['"6f1c"', '5'],
  },
  {
    declared: 'bytea',
    type: 'binary',
    values: [['"aGk="'], ['""'], ['"AP8="']],
    refused: ['"ä"', '5'],
    isComparable: false,
    note: 'Base64.',
  },
  {
    declared: 'mood',
    type: 'string',
    values: [['"happy"'], ['"it\'s ok"']],
    refused: ['"angry"', '5'],
    before: "CREATE TYPE mood AS ENUM ('sad', 'it''s ok', 'happy');",
    note: 'An enumeration; its values are the picklist.',
  },
  {
    declared: 'email',
    type: 'string',
    values: [['"a@b.c"']],
    refused: ['"a\\u0000"'],
    before: "CREATE DOMAIN email AS varchar(40) CHECK (VALUE LIKE '%@%');",
    note: 'A domain is what it is made of.',
  },
];

const moments: readonly TypeCase[] = [
  {
    declared: 'date',
    type: 'date',
    values: [['"2026-01-31"'], ['"0001-01-01"'], ['"infinity"'], ['"0044-03-15 BC"'], ['"12026-01-01"']],
    refused: ['"2026-02-30"', '"31.01.2026"', '5', '"6000000-01-01"'],
  },
  {
    declared: 'time',
    type: 'time',
    values: [['"09:30:00"'], ['"23:59"', '"23:59:00"'], ['"09:30:00.123456"'], ['"24:00:00"']],
    refused: ['"24:01"', '"09:30:00+02"'],
  },
  {
    declared: 'time with time zone',
    type: 'timetz',
    values: [['"09:30:00+02"'], ['"09:30:00Z"', '"09:30:00+00"'], ['"09:30:00.5-03:30"']],
    refused: ['"9 o\'clock"'],
    note: 'With the zone that it was given; UTC without one.',
  },
  {
    declared: 'timestamp',
    type: 'timestamp',
    values: [
      ['"2026-01-31 09:30:00"'],
      ['"2026-01-31T09:30:00.123456Z"', '"2026-01-31 09:30:00.123456"'],
      ['"2026-01-31T09:30:00+02:00"', '"2026-01-31 07:30:00"'],
      ['"-infinity"'],
      ['"0044-03-15 12:00:00 BC"'],
    ],
    refused: ['"yesterday"', '1'],
    note: 'As stored; what comes with a zone is stored as UTC.',
  },
  {
    declared: 'timestamp with time zone',
    type: 'timestamptz',
    values: [
      ['"2026-01-31T09:30:00Z"'],
      ['"2026-01-31 09:30:00.123456"', '"2026-01-31T09:30:00.123456Z"'],
      ['"2026-01-31T09:30:00+02:00"', '"2026-01-31T07:30:00Z"'],
      ['"infinity"'],
      ['"12026-01-01T00:00:00Z"'],
      ['"0044-03-15T12:00:00Z BC"'],
    ],
    refused: ['"now"', '"2026-02-30T00:00:00Z"'],
    note: 'UTC, to the microsecond; what comes without a zone is UTC.',
  },
  {
    declared: 'interval',
    type: 'string',
    values: [['"1 year 2 mons 3 days 04:05:06.789"'], ['"P1DT2H"', '"1 day 02:00:00"'], ['"00:00:01"']],
    refused: ['"a while"', '[]'],
  },
];

const documents: readonly TypeCase[] = [
  {
    declared: 'jsonb',
    type: 'json',
    values: [
      ['{"a": [1, null]}', '{"a":[1,null]}'],
      ['"text"'],
      ['5'],
      ['9007199254740993'],
      ['[]'],
      ['false'],
    ],
    refused: ['"\\u0000"', '"\\ud800"'],
    isComparable: false,
  },
  {
    declared: 'json',
    type: 'json',
    values: [['{"b":1,"a":"\\u0000"}'], ['[[]]']],
    isComparable: false,
    note: 'Can be searched with `like`, not compared.',
  },
  {
    declared: 'xml',
    type: 'text',
    values: [['"<a>ü</a>"']],
    refused: ['"<a>"'],
    isComparable: false,
  },
  {
    declared: 'hstore',
    type: 'string',
    values: [['"\\"a\\"=>\\"1\\""']],
    refused: ['"=>"'],
    before: 'CREATE EXTENSION IF NOT EXISTS hstore;',
  },
  { declared: 'tsvector', type: 'string', values: [["\"'a':1 'b':2\""]] },
];

const lists: readonly TypeCase[] = [
  {
    declared: 'integer[]',
    type: 'array',
    values: [['[1,null,-3]'], ['[]'], ['[[1,2],[3,4]]'], ['["7"]', '[7]']],
    refused: ['5', '"x"', '["x"]', '[[1],[2,3]]', '[[]]', '[2147483648]'],
  },
  {
    declared: 'text[]',
    type: 'array',
    values: [['["a","","NULL",null,"{,}","it\'s \\"q\\" \\\\"]'], ['[["ü"],["😀"]]']],
    refused: ['["a\\u0000"]', '[{}]'],
  },
  { declared: 'varchar(3)[]', type: 'array', values: [['["abc"]']], refused: ['["abcd"]'] },
  { declared: 'bigint[]', type: 'array', values: [['[9223372036854775807,1]']] },
  {
    declared: 'numeric(6,2)[]',
    type: 'array',
    values: [['[1.25,-3]'], ['["1.50"]', '[1.5]']],
    refused: ['[100000]'],
  },
  { declared: 'boolean[]', type: 'array', values: [['[true,null,false]']], refused: ['["maybe"]'] },
  { declared: 'double precision[]', type: 'array', values: [['[0.1,"NaN"]']] },
  { declared: 'date[]', type: 'array', values: [['["2026-01-31","infinity"]']], refused: ['["2026-02-30"]'] },
  {
    declared: 'timestamp with time zone[]',
    type: 'array',
    values: [['["2026-01-31T09:30:00Z"]'], ['["2026-01-31T09:30:00+01:00"]', '["2026-01-31T08:30:00Z"]']],
  },
  {
    declared: 'uuid[]',
    type: 'array',
    values: [['["6f1c1f0e-7a52-4a38-9f3b-0c6a4c6f1b2d"]']],
    refused: ['["x"]'],
  },
  { declared: 'bytea[]', type: 'array', values: [['["aGk=",null]']] },
  {
    declared: 'jsonb[]',
    type: 'array',
    values: [['[{"a":1},[1,2],null,"x"]']],
    note: 'Each element of the list is a JSON value.',
  },
  {
    declared: 'mood[]',
    type: 'array',
    values: [['["sad","happy"]']],
    refused: ['["angry"]'],
  },
];

const others: readonly TypeCase[] = [
  {
    declared: 'inet',
    type: 'string',
    values: [['"10.0.0.1"'], ['"10.1.0.0/16"'], ['"::1"']],
    refused: ['"300.1.1.1"', '5'],
  },
  { declared: 'cidr', type: 'string', values: [['"10.1.0.0/16"']], refused: ['"10.1.0.1/16"'] },
  { declared: 'macaddr', type: 'string', values: [['"08:00:2b:01:02:03"']], refused: ['"08:00"'] },
  { declared: 'bit(3)', type: 'string', values: [['"101"']], refused: ['"10"', '"1012"', '5'] },
  { declared: 'bit varying(8)', type: 'string', values: [['"10110"'], ['""']], refused: ['"111111111"'] },
  {
    declared: 'int4range',
    type: 'string',
    values: [['"[1,5)"'], ['"[1,4]"', '"[1,5)"'], ['"empty"']],
    refused: ['"[5,1)"', '"1-5"'],
  },
  { declared: 'tstzrange', type: 'string', values: [['"[\\"2026-01-01 00:00:00+00\\",)"']] },
  { declared: 'point', type: 'string', values: [['"(1,2)"']], refused: ['"here"'], isComparable: false },
];

/** What PostgreSQL keeps, to the last digit. */
export const postgresTypes: readonly TypeCase[] = [
  ...numbers,
  ...texts,
  ...moments,
  ...documents,
  ...lists,
  ...others,
];
