// Filters of roles over what administrators say of fields: aliases, functions, values that come by themselves,
// and triggers of the database.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RoleFilter } from '../../../core/restriction.ts';
import { roleOf } from '../../../core/role-fixture.ts';
import { filterOf, ids, rowOf, userOf } from '../suite/restriction-fixture.ts';
import { openSqliteHouse, type SqliteSchemaHouse } from '../suite/schema-fixture.ts';

let house: SqliteSchemaHouse;
beforeEach(async () => {
  house = await openSqliteHouse(`
    CREATE TABLE note (id INTEGER PRIMARY KEY, author INTEGER, text TEXT, score REAL, kind TEXT DEFAULT 'open');
    INSERT INTO note(id, author, text, score) VALUES (1, 1, 'One', 1), (2, 2, 'Two', 5), (3, 1, 'TOO', 9);
  `);
});
afterEach(() => house.close());

const as = (filters: readonly RoleFilter[], id = 1) =>
  house.as({ ...userOf(id, roleOf([rowOf('note', filters, { service: 'db' })])), isAdmin: false });
const field = async (name: string, settings: object) => {
  const { status, body } = await house.ask('PATCH', `_schema/note/_field/${name}`, settings);
  expect([status, body]).toEqual([200, body]);
};
const fn = (use: string, text: string) => [{ use: [use], function: text, function_type: 'database' }];

describe('a field', () => {
  test('is found by its alias, and by nothing else', async () => {
    await field('author', { alias: 'owner' });
    const caller = as([filterOf('OWNER', '=', '{user.id}')]);
    expect(ids(await caller.ask('GET', '_table/note'))).toEqual([1, 3]);
    expect((await caller.ask('PATCH', '_table/note/1', { owner: 2 })).status).toBe(403);
    expect((await caller.ask('PATCH', '_table/note/2', { text: 'x' })).status).toBe(404);
    expect((await as([filterOf('author', '=', 1)]).ask('GET', '_table/note')).status).toBe(403);
  });

  test('that is computed decides what is read; what is written it can not decide', async () => {
    await house.ask('POST', '_schema/note/_field', {
      resource: [
        { name: 'double', type: 'double', is_virtual: true, db_function: fn('SELECT', 'score * 2') },
      ],
    });
    await field('text', { db_function: fn('SELECT', 'lower(text)') });
    for (const [filter, found] of [
      [filterOf('double', '>', 5), [2, 3]],
      [filterOf('text', 'in', 'two,too'), [2, 3]],
    ] as const) {
      const caller = as([filter]);
      expect(ids(await caller.ask('GET', '_table/note'))).toEqual(found);
      expect((await caller.ask('GET', '_table/note/1')).status).toBe(404);
      const written = await caller.ask('PATCH', '_table/note/2', { score: 3 });
      expect([written.status, written.body.error.message]).toEqual([
        403,
        expect.stringMatching(/computed when it is read/),
      ]);
      expect((await caller.ask('DELETE', '_table/note?force=true')).status).toBe(403);
    }
    expect(house.rows('SELECT count(*) AS n FROM note')).toEqual([{ n: 3 }]);
  });

  test('with a function for filters is compared by it, read or written', async () => {
    await field('text', { db_function: fn('FILTER', 'upper(text)') });
    const caller = as([filterOf('text', '=', 'TOO')]);
    expect(ids(await caller.ask('GET', '_table/note'))).toEqual([3]);
    const two = as([filterOf('text', '=', 'TWO')]);
    expect((await two.ask('PATCH', '_table/note/2', { score: 1 })).status).toBe(200);
    expect((await two.ask('PATCH', '_table/note/3', { score: 1 })).status).toBe(404);
    expect((await two.ask('PATCH', '_table/note/2', { text: 'too' })).status).toBe(403);
  });

  test('that is an aggregate of many records is none of one', async () => {
    await house.ask('POST', '_schema/note/_field', {
      resource: [
        {
          ...{ name: 'total', type: 'double', is_virtual: true, is_aggregate: true },
          db_function: fn('SELECT', 'sum(score)'),
        },
      ],
    });
    expect((await as([filterOf('total', '>', 0)]).ask('GET', '_table/note')).status).toBe(403);
    const sums = await as([filterOf('author', '=', 1)]).ask('GET', '_table/note?fields=total');
    expect(sums.body.resource).toEqual([{ total: 10 }]);
  });
});

describe('a value that comes by itself', () => {
  const mine = filterOf('author', '=', '{user.id}');

  test('decides like one that is written', async () => {
    await field('author', { validation: null, type: 'user_id_on_create' });
    const made = await as([mine], 7).ask('POST', '_table/note', { resource: [{ text: 'x' }] });
    expect(made.status).toBe(200);
    expect(house.rows('SELECT author FROM note WHERE id = 4')).toEqual([{ author: 7 }]);
    const other = await as([filterOf('author', '=', 1)], 7).ask('POST', '_table/note', {
      resource: [{ text: 'y' }],
    });
    expect(other.status).toBe(403);
    expect(house.rows('SELECT count(*) AS n FROM note')).toEqual([{ n: 4 }]);
  });

  test('by a trigger does, too', async () => {
    house.execute(`
      CREATE TRIGGER taken AFTER INSERT ON note WHEN NEW.text = 'given'
        BEGIN UPDATE note SET author = 2 WHERE id = NEW.id; END;
      CREATE TRIGGER moved AFTER UPDATE OF score ON note WHEN NEW.score > 100
        BEGIN UPDATE note SET author = 2 WHERE id = NEW.id; END;
    `);
    const caller = as([mine]);
    const given = await caller.ask('POST', '_table/note', { resource: [{ author: 1, text: 'given' }] });
    expect(given.status).toBe(403);
    expect((await caller.ask('PATCH', '_table/note/1', { score: 101 })).status).toBe(403);
    expect((await caller.ask('PATCH', '_table/note/1', { score: 99 })).status).toBe(200);
    const kept = 'SELECT id, author, score FROM note WHERE id IN (1, 4)';
    expect(house.rows(kept)).toEqual([{ id: 1, author: 1, score: 99 }]);
  });
});
