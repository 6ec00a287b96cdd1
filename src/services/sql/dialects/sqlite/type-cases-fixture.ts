// For tests and the documentation: values of SQLite's column types on their way in and out.
import type { TypeCase } from '../../suite/suite-fixture.ts';

/** SQLite keeps what a column's affinity makes of a value; these come back as what they are. */
export const sqliteTypes: readonly TypeCase[] = [
  {
    declared: 'INTEGER',
    type: 'integer',
    values: [['1'], ['-9223372036854775808'], ['9007199254740993'], ['"42"', '42'], ['1.0', '1']],
    refused: ['"x"', '1.5', 'true', '9223372036854775808', '[]'],
  },
  { declared: 'BIGINT', type: 'bigint', values: [['9223372036854775807'], ['0']], refused: ['"1e3"'] },
  {
    declared: 'BOOLEAN',
    type: 'boolean',
    values: [['true'], ['false'], ['1', 'true'], ['"off"', 'false']],
    refused: ['2', '"maybe"'],
  },
  {
    declared: 'DECIMAL(10,2)',
    type: 'decimal',
    values: [['1.5'], ['-0.25'], ['12345678.9'], ['"2.50"', '2.5']],
    refused: ['"1,5"', '"0.1234567890123456789"'],
    note: 'Kept as a double: 15 significant digits. Text with more is refused rather than rounded.',
  },
  { declared: 'DOUBLE', type: 'double', values: [['0.1'], ['-1234.5']], refused: ['"NaN"'] },
  { declared: 'REAL', type: 'float', values: [['2.5']], refused: ['"x"'] },
  {
    declared: 'VARCHAR(20)',
    type: 'string',
    values: [['"a"'], ['""'], ['"ü€😀"'], ['"it\'s"'], ['5', '"5"']],
    refused: ['{}', '["a"]', '"\\ud800"'],
    note: 'Longer text than declared is kept, unless the service is strict.',
  },
  { declared: 'TEXT', type: 'text', values: [['"line\\nline"'], ['"\\\\"']] },
  {
    declared: 'DATE',
    type: 'date',
    values: [['"2026-01-31"'], ['"0001-01-01"']],
    refused: ['"2026-02-30"', '"31.01.2026"', '5'],
  },
  {
    declared: 'TIME',
    type: 'time',
    values: [['"09:30:00"'], ['"23:59"', '"23:59:00"']],
    refused: ['"24:00"'],
  },
  {
    declared: 'DATETIME',
    type: 'datetime',
    values: [
      ['"2026-01-31 09:30:00"'],
      ['"2026-01-31T09:30:00.123456Z"', '"2026-01-31 09:30:00.123456"'],
      ['"2026-01-31T09:30:00+02:00"', '"2026-01-31 07:30:00"'],
    ],
    refused: ['"yesterday"'],
    note: 'Kept as text; what comes with a zone is kept as UTC.',
  },
  { declared: 'TIMESTAMP', type: 'timestamp', values: [['"2026-01-31 09:30:00"']], refused: ['1'] },
  {
    declared: 'JSON',
    type: 'json',
    values: [['{"a":[1,null,"x"]}'], ['[]'], ['"text"'], ['9007199254740993']],
    isComparable: false,
  },
  {
    declared: 'BLOB',
    type: 'binary',
    values: [['"AAEC/w=="'], ['""']],
    refused: ['"%%"', '[1]'],
    isComparable: false,
  },
  {
    declared: 'UUID',
    type: 'uuid',
    values: [['"6f1c1f0e-7a52-4a38-9f3b-0c6a4c6f1b2d"']],
    refused: ['"6f1c"'],
  },
];
