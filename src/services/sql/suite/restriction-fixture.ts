// For tests only: tables with owners, and callers whose roles reach some of their records.
// Invariant: whatever a role does, `outside` answers the records that are none of its callers'.
import { afterEach, beforeEach, expect } from 'vitest';
import { type Action, anonymous, type Principal } from '../../../core/operation.ts';
import type { RoleFilter } from '../../../core/restriction.ts';
import type { Grant, Role } from '../../../core/role.ts';
import { grantOf, roleOf } from '../../../core/role-fixture.ts';
import type { CallParts } from './path-fixture.ts';
import { type EngineUnderTest, openSuiteHouse, type SuiteAnswer, type SuiteHouse } from './suite-fixture.ts';

/** Notes of two owners, with what relates to them. */
export const notebook = `
  CREATE TABLE team(id {id}, name VARCHAR(20) NOT NULL, region VARCHAR(10) NOT NULL);
  CREATE TABLE note(id {id}, owner INTEGER, team_id INTEGER, title VARCHAR(40) NOT NULL,
    kind VARCHAR(10) DEFAULT 'open', score INTEGER, FOREIGN KEY (team_id) REFERENCES team(id));
  CREATE TABLE cover(note_id INTEGER NOT NULL PRIMARY KEY, owner INTEGER, color VARCHAR(10),
    FOREIGN KEY (note_id) REFERENCES note(id));
  CREATE TABLE badge(id {id}, note_id INTEGER UNIQUE, owner INTEGER, label VARCHAR(10),
    FOREIGN KEY (note_id) REFERENCES note(id));
  CREATE TABLE word(code VARCHAR(8) NOT NULL PRIMARY KEY, owner INTEGER);
  CREATE TABLE tagging(id {id}, note_id INTEGER NOT NULL, word_code VARCHAR(8) NOT NULL, owner INTEGER,
    weight INTEGER, FOREIGN KEY (note_id) REFERENCES note(id), FOREIGN KEY (word_code) REFERENCES word(code));
  CREATE TABLE slot(org INTEGER NOT NULL, nr INTEGER NOT NULL, owner INTEGER, PRIMARY KEY (org, nr));
  CREATE TABLE log(owner INTEGER, line VARCHAR(20));
  INSERT INTO team(name, region) VALUES ('red', 'north'), ('blue', 'south');
  INSERT INTO note(owner, team_id, title, kind, score) VALUES
    (1, 1, 'mine 1', 'open', 10), (1, 2, 'mine 2', 'open', 20), (2, 1, 'theirs 3', 'open', 30),
    (2, 2, 'theirs 4', 'shut', 40), (NULL, NULL, 'nobody 5', 'open', NULL);
  INSERT INTO cover(note_id, owner, color) VALUES (1, 1, 'red'), (3, 2, 'azure');
  INSERT INTO badge(note_id, owner, label) VALUES (1, 2, 'theirs'), (2, 1, 'mine');
  INSERT INTO word(code, owner) VALUES ('a', 1), ('b', 2), ('c', NULL);
  INSERT INTO tagging(note_id, word_code, owner, weight) VALUES
    (1, 'a', 1, 1), (1, 'b', 2, 2), (3, 'a', 2, 3), (2, 'a', 1, 4), (2, 'a', 2, 5);
  INSERT INTO slot(org, nr, owner) VALUES (1, 1, 1), (1, 2, 2), (2, 1, 1);
  INSERT INTO log(owner, line) VALUES (1, 'mine'), (2, 'theirs');
`;

/** Tables of the notebook, and what makes the order of their records. */
const tables: Readonly<Record<string, string>> = {
  ...{ team: 'id', note: 'id', cover: 'note_id', badge: 'id', word: 'code', tagging: 'id' },
  ...{ slot: 'org,nr', log: 'line' },
};

/** All verbs. */
const everything = 31;

/** A row of access to a table, `*` for all, under conditions that must all be met. */
export function rowOf(table: string, filters: readonly RoleFilter[], over: Partial<Grant> = {}): Grant {
  return grantOf({ component: `_table/${table}`, verbMask: everything, filters, ...over });
}

/** A condition of a role. */
export function filterOf(name: string, operator: string, value: unknown = null): RoleFilter {
  return { name, operator, value };
}

/** Records whose `owner` is the caller. */
export const own: RoleFilter = filterOf('owner', '=', '{user.id}');

/** A role that reaches, of tables with an owner, the records of its callers. */
export function ownersOnly(): Role {
  const owned = ['note', 'cover', 'badge', 'word', 'tagging', 'slot', 'log'].map((table) =>
    rowOf(table, [own]),
  );
  return roleOf([...owned, rowOf('team', [])]);
}

/** Somebody with a role. */
export function userOf(id: number, role: Role, lookups: Readonly<Record<string, string>> = {}): Principal {
  const user = {
    ...{ id, name: `User ${id}`, username: `user${id}`, displayName: '', firstName: '', lastName: '' },
    ...{ email: `user${id}@example.com`, isAdmin: false, lastLogin: null },
  };
  return {
    ...anonymous,
    ...{ kind: 'user', user, role, apiKey: 'key', lookups: { open: lookups, secret: { word: '1' } } },
  };
}

/** Asks for a caller. */
export type AskAs = (action: Action, path: string, parts?: CallParts) => Promise<SuiteAnswer>;

/** Whoever asks in the name of a caller. */
export function asking(house: () => SuiteHouse, principal: Principal): AskAs {
  return (action, path, parts = {}) => house().ask(action, path, { ...parts, principal });
}

/** Every record of the notebook, as an administrator sees it. */
export async function allRecords(
  house: () => SuiteHouse,
): Promise<Record<string, Record<string, unknown>[]>> {
  const found: Record<string, Record<string, unknown>[]> = {};
  for (const [table, order] of Object.entries(tables)) {
    const { body } = await house().ask('GET', `_table/${table}`, { parameters: { order } });
    found[table] = body.resource;
  }
  return found;
}

/** The records that belong to somebody else, or to nobody. */
export async function outside(house: () => SuiteHouse, id: number): Promise<unknown> {
  const all = await allRecords(house);
  return Object.fromEntries(
    Object.entries(all).map(([table, rows]) => [table, rows.filter(({ owner }) => owner !== id)]),
  );
}

/** What a write is refused with that would make a record outside of its role's filter. */
export const denied = { code: 403, message: 'Denied access to some of the requested fields.' };

/** Numbers of the records of an answer. */
export function ids({ body }: Pick<SuiteAnswer, 'body'>): number[] {
  return body.resource.map(({ id }: { id: number }) => id);
}

/** A notebook for each test, with the records as they were. */
function fresh(engine: EngineUnderTest, config: Readonly<Record<string, unknown>> = {}): () => SuiteHouse {
  let house: SuiteHouse | undefined;
  beforeEach(async () => {
    house = await openSuiteHouse(engine, notebook, config);
  });
  afterEach(() => house?.close());
  return () => {
    if (house === undefined) throw new Error('the database was not opened');
    return house;
  };
}

/** A notebook for each test and an owner of some of its records, after whom all others must be as before. */
export function owner(engine: EngineUnderTest, config: Readonly<Record<string, unknown>> = {}) {
  const house = fresh(engine, config);
  const one = asking(house, userOf(1, ownersOnly()));
  let before: unknown;
  beforeEach(async () => {
    before = await outside(house, 1);
  });
  afterEach(async () => expect(await outside(house, 1)).toEqual(before));
  return { house, one };
}
