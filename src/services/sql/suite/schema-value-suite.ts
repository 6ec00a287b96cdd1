// Part of the suite of written schemas: types, literals, and what is refused, on every engine.

import { expect, it } from 'vitest';
import { fc } from '../../../../test/properties.ts';
import type { SchemaHouse } from './schema-fixture.ts';

/** The house of a suite, once it is open. */
export type The = () => SchemaHouse;

/** Every word for a type, with a value for the field that it becomes. */
const words: Readonly<Record<string, unknown>> = {
  tinyint: 1,
  smallint: 2,
  mediumint: 3,
  integer: 4,
  bigint: 5,
  boolean: true,
  string: 'text',
  text: 'text',
  mediumtext: 'text',
  longtext: 'text',
  decimal: 1.5,
  double: 2.5,
  float: 0.5,
  date: '2026-01-31',
  time: '09:30:00',
  datetime: '2026-01-31 09:30:00',
  timestamp: '2026-01-31 09:30:00',
  json: { a: [1, null] },
  jsonb: { a: [1, null] },
  object: { a: 1 },
  array: [1, 2],
  binary: 'AAEC',
  uuid: '6f1c1f0e-7a52-4a38-9f3b-0c6a4c6f1b2d',
  user_id: 7,
};

const sizes: Readonly<Record<string, object>> = { decimal: { precision: 6, scale: 2 } };

/** Columns of every type. */
export function everyType(the: The): void {
  it('makes columns of every type that hold what they should', async () => {
    const field = Object.keys(words).map((type) => ({ name: `f_${type}`, type, ...sizes[type] }));
    const made = await the().ask('POST', '_schema', {
      resource: [{ name: 'every', field: [{ name: 'id', type: 'bigid' }, ...field] }],
    });
    expect(made.body).toEqual({ resource: [{ name: 'every' }] });
    const record = Object.fromEntries(Object.entries(words).map(([type, value]) => [`f_${type}`, value]));
    const { status, body } = await the().ask('POST', '_table/every?fields=*', { resource: [record] });
    expect({ status, error: body.error }).toEqual({ status: 200, error: undefined });
    const read = body.resource[0];
    for (const [type, value] of Object.entries(words)) {
      const answered = read[`f_${type}`];
      if (typeof value === 'string' && typeof answered === 'string')
        expect(answered.startsWith(value), type).toBe(true);
      else expect(answered, type).toEqual(value);
    }
    await the().ask('DELETE', '_schema/every');
  });

  it.each(['smallid', 'mediumid', 'bigid'])('makes keys of type %s', async (type) => {
    await the().ask('POST', '_schema/counted', {
      field: [
        { name: 'n', type },
        { name: 'v', type: 'string' },
      ],
    });
    const { body } = await the().ask('POST', '_table/counted', { resource: [{ v: 'a' }, { v: 'b' }] });
    expect(body.resource).toEqual([{ n: 1 }, { n: 2 }]);
    await the().ask('DELETE', '_schema/counted');
  });
}

/** Texts as defaults. */
export function literals(the: The): void {
  it('keeps every text as a default exactly, and runs none', async () => {
    const special = [
      "'",
      "''",
      '\\',
      "\\'",
      '"',
      '`',
      "'); DROP TABLE texts; --",
      '{x}',
      '?',
      '$1',
      ':a',
      '@1',
      '%s',
      '\n',
      '😀',
    ];
    const any = fc.sample(fc.string({ unit: 'grapheme', maxLength: 20 }), { numRuns: 25, seed: 7 });
    const mixed = fc.sample(
      fc.array(fc.constantFrom(...special, 'a', ' '), { maxLength: 6 }).map((parts) => parts.join('')),
      { numRuns: 25, seed: 8 },
    );
    const texts = [...special, ...any, ...mixed].filter(
      (text) => text.isWellFormed() && !text.includes('\0'),
    );
    const field = texts.map((text, index) => ({
      name: `f${index}`,
      type: 'string',
      length: 80,
      default: text,
    }));
    const made = await the().ask('POST', '_schema/texts', { field: [{ name: 'id', type: 'id' }, ...field] });
    expect(made.body).toEqual({ name: 'texts' });
    const { body } = await the().ask('POST', '_table/texts?fields=*', { resource: [{}] });
    const expected = Object.fromEntries(texts.map((text, index) => [`f${index}`, text]));
    expect(body.resource[0]).toEqual({ id: 1, ...expected });
    await the().ask('DELETE', '_schema/texts');
  });
}

const cases: readonly (readonly [string, unknown, RegExp])[] = [
  [
    'a reserved name',
    { name: '_tenon_x', field: [{ name: 'id', type: 'id' }] },
    /'_tenon_x' of a table is reserved/,
  ],
  [
    'a name with SQL in it',
    { name: 'a"; DROP TABLE x', field: [{ name: 'id', type: 'id' }] },
    /can not be used/,
  ],
  [
    'a name that is too long',
    { name: 'x'.repeat(300), field: [{ name: 'id', type: 'id' }] },
    /longer than \d+ bytes/,
  ],
  ['a table without fields', { name: 'x' }, /needs at least one 'field'/],
  ['a field without a name', { name: 'x', field: [{ type: 'id' }] }, /without a 'name'/],
  ['an unknown type', { name: 'x', field: [{ name: 'a', type: 'nope' }] }, /'type' must be one of/],
  ['a field without a type', { name: 'x', field: [{ name: 'a' }] }, /needs a 'type'/],
  [
    'a field given twice',
    {
      name: 'x',
      field: [
        { name: 'a', type: 'id' },
        { name: 'A', type: 'text' },
      ],
    },
    /given twice/,
  ],
  [
    'a default of the wrong type',
    { name: 'x', field: [{ name: 'a', type: 'integer', default: 'b' }] },
    /can not be its 'default'/,
  ],
  [
    'SQL as a default',
    { name: 'x', field: [{ name: 'a', type: 'text', default: { expression: '(SELECT 1)' } }] },
    /no expression that a default may be/,
  ],
  [
    'SQL as a type',
    { name: 'x', field: [{ name: 'a', db_type: 'integer); DROP TABLE y; --' }] },
    /no 'db_type'/,
  ],
  [
    'constraints as a type',
    { name: 'x', field: [{ name: 'a', db_type: 'integer primary key' }] },
    /no 'db_type'/,
  ],
  ['a length of 0', { name: 'x', field: [{ name: 'a', type: 'string', length: 0 }] }, /'length' must be/],
  [
    'a length that is none',
    { name: 'x', field: [{ name: 'a', type: 'string', length: 'x' }] },
    /'length' must be a whole/,
  ],
  [
    'a reference to nothing',
    { name: 'x', field: [{ name: 'a', type: 'reference' }] },
    /'ref_table' is needed/,
  ],
  [
    'a reference to no table',
    { name: 'x', field: [{ name: 'a', type: 'reference', ref_table: 'nowhere' }] },
    /'nowhere', which is no table/,
  ],
  [
    'an unknown action',
    { name: 'x', field: [{ name: 'a', type: 'reference', ref_table: 'x', ref_on_delete: 'EXPLODE' }] },
    /'ref_on_delete' must be one of/,
  ],
  [
    'two counters',
    {
      name: 'x',
      field: [
        { name: 'a', type: 'id' },
        { name: 'b', type: 'id' },
      ],
    },
    /only primary key/,
  ],
];

/** What is refused, and by which words. */
export function refusals(the: The): void {
  it.each(cases)('refuses %s', async (_what, table, message) => {
    const { status, body } = await the().ask('POST', '_schema', { resource: [table] });
    expect({ status, message: body.error?.message }).toEqual({
      status: 400,
      message: expect.stringMatching(message),
    });
    expect((await the().ask('GET', '_schema')).body).toEqual({ resource: [] });
  });

  it('makes nothing of several tables when one of them can not be made', async () => {
    const good = { name: 'good', field: [{ name: 'id', type: 'id' }] };
    const { status } = await the().ask('POST', '_schema', {
      resource: [good, { name: 'bad', field: [{ name: 'a' }] }],
    });
    expect(status).toBe(400);
    expect((await the().ask('GET', '_schema')).body).toEqual({ resource: [] });
  });

  it.each(['PUT', 'PATCH', 'DELETE'] as const)('%s of a table that is not there is 404', async (action) => {
    const body = action === 'DELETE' ? undefined : { label: 'X' };
    expect((await the().ask(action, '_schema/nowhere', body)).status).toBe(404);
  });
}
