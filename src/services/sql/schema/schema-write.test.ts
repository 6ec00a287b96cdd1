// Texts that would do harm as SQL, in every place of a request on `_schema`: refused by name, or kept as the texts
// that they are.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sqlPayloads } from '../../../../test/security/sql-payloads.ts';
import { limits } from '../../../core/limits.ts';
import { openSqliteHouse, type SqliteSchemaHouse } from '../suite/schema-fixture.ts';

const corpus = sqlPayloads('sqlite').filter((_, index) => index % 29 === 0);
let house: SqliteSchemaHouse;
let before: unknown;
beforeAll(async () => {
  house = await openSqliteHouse(
    "CREATE TABLE word (id INTEGER PRIMARY KEY, body TEXT); CREATE TABLE secret (id, token); INSERT INTO word VALUES (1, 'a')",
  );
  before = state();
});
afterAll(() => house.close());

const state = () => [
  house.rows("SELECT sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite%'"),
  house.rows('SELECT * FROM word'),
];

const places: readonly (readonly [string, (text: string) => readonly [path: string, body: unknown]])[] = [
  [
    'the name of a table',
    (text) => ['_schema', { resource: [{ name: text, field: [{ name: 'id', type: 'id' }] }] }],
  ],
  ['the name of a field', (text) => ['_schema/word/_field', { resource: [{ name: text, type: 'text' }] }]],
  ['a type', (text) => ['_schema/word/_field', { resource: [{ name: 'f', type: text }] }]],
  ['a type of the database', (text) => ['_schema/word/_field', { resource: [{ name: 'f', db_type: text }] }]],
  [
    'a length',
    (text) => ['_schema/word/_field', { resource: [{ name: 'f', type: 'string', length: text }] }],
  ],
  [
    'a default that is a number',
    (text) => ['_schema/word/_field', { resource: [{ name: 'f', type: 'integer', default: text }] }],
  ],
  [
    'a default expression',
    (text) => ['_schema/word/_field', { name: 'f', type: 'text', default: { expression: text } }],
  ],
  [
    'a table that is referred to',
    (text) => ['_schema/word/_field', { name: 'f', type: 'reference', ref_table: text }],
  ],
  [
    'an action',
    (text) => [
      '_schema/word/_field',
      { name: 'f', type: 'reference', ref_table: 'word', ref_on_delete: text },
    ],
  ],
];

describe('hostile text', () => {
  it('has a corpus', () => expect(corpus.length).toBeGreaterThan(40));

  it.each(places)('as %s changes nothing', async (_place, request) => {
    for (const text of corpus) {
      const [path, body] = request(text);
      const { status } = await house.ask('POST', path, body);
      // Some are names that SQLite takes, or numbers: those are made as what they are, and taken back.
      if (status === 200) await undo(text);
      else
        expect([text, status], path).toEqual([text, expect.toSatisfy((code) => code >= 400 && code < 500)]);
    }
    expect(state()).toEqual(before);
  });

  it('is kept as what it is where any text may stand', async () => {
    for (const text of corpus.filter((one) => one.isWellFormed() && one.length <= limits.labelText)) {
      const said = { label: text, description: text, client_info: { text } };
      expect((await house.ask('PATCH', '_schema/word/_field/body', said)).status).toBe(200);
      const { body } = await house.ask('GET', '_schema/word/_field/body');
      expect(body).toMatchObject(text === '' ? {} : said);
    }
    await house.ask('PUT', '_schema/word/_field/body', { name: 'body' });
    expect(state()).toEqual(before);
  });
});

async function undo(text: string): Promise<void> {
  const tables = (await house.ask('GET', '_schema?as_list=true')).body.resource as string[];
  for (const name of tables.filter((one) => one !== 'word' && one !== 'secret')) {
    expect([text, name]).toEqual([text, text]);
    await house.ask('DELETE', `_schema?ids=${encodeURIComponent(name)}`);
  }
  const fields = (await house.ask('GET', '_schema/word/_field?as_list=true')).body.resource as string[];
  for (const name of fields.filter((one) => one !== 'id' && one !== 'body')) {
    await house.ask('DELETE', `_schema/word/_field?ids=${encodeURIComponent(name)}`);
  }
}
