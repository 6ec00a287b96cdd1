// Writing `_schema` on SQLite, through the whole path.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqliteHouse, type SqliteSchemaHouse } from './schema-fixture.ts';

let house: SqliteSchemaHouse;
beforeEach(async () => {
  house = await openSqliteHouse();
});
afterEach(() => house.close());

const contact = {
  name: 'contact',
  label: 'Person',
  field: [
    { name: 'id', type: 'id' },
    { name: 'email', type: 'string', length: 80, is_unique: true, required: true },
    { name: 'age', type: 'integer', is_index: true },
    { name: 'score', type: 'decimal', precision: 8, scale: 2, default: 1.5 },
    { name: 'note', type: 'text' },
  ],
};

describe('tables', () => {
  it('are made with their fields, indexes and defaults, and are there at once', async () => {
    expect(await house.ask('POST', '_schema', { resource: [contact] })).toEqual({
      status: 200,
      body: { resource: [{ name: 'contact' }] },
    });
    const { body } = await house.ask('GET', '_schema/contact');
    expect(body).toMatchObject({ name: 'contact', label: 'Person', plural: 'Persons', primary_key: ['id'] });
  });
});
