// For tests only: tables with fields that roles hide, mask or let be read only, and the comparison of a
// hidden field with one that is none. Invariant: both are asked for in the same words, and in any case.
import { expect } from 'vitest';
import type { FieldRule } from '../../../core/restriction.ts';
import type { Grant, Role } from '../../../core/role.ts';
import { grantOf, roleOf } from '../../../core/role-fixture.ts';
import type { CallParts } from './path-fixture.ts';
import type { AskAs } from './restriction-fixture.ts';
import type { SuiteAnswer } from './suite-fixture.ts';

/** People and what relates to them. */
export const people = `
  CREATE TABLE person(id {id}, name VARCHAR(20) NOT NULL, ssn VARCHAR(20) UNIQUE, pay DECIMAL(10,2),
    mail VARCHAR(40), note {text}, born DATE, active {boolean} NOT NULL DEFAULT true);
  CREATE TABLE phone(id {id}, person_id INTEGER, number VARCHAR(20) NOT NULL, pin VARCHAR(8),
    FOREIGN KEY (person_id) REFERENCES person(id));
  CREATE TABLE vault(id {id}, name VARCHAR(20), token VARCHAR(20) DEFAULT 'only' UNIQUE);
  CREATE TABLE form(id {id}, name VARCHAR(20), must INTEGER NOT NULL);
  CREATE TABLE team(id {id}, title VARCHAR(20));
  CREATE TABLE member(id {id}, person_id INTEGER NOT NULL, team_id INTEGER NOT NULL, rank VARCHAR(8),
    FOREIGN KEY (person_id) REFERENCES person(id), FOREIGN KEY (team_id) REFERENCES team(id));
  INSERT INTO person(name, ssn, pay, mail, note) VALUES
    ('Ada', '111-1', 10.5, 'ada@x', 'first'), ('Bob', NULL, 20, 'bob@x', NULL),
    ('Cyd', '113-3', 30, NULL, 'x');
  INSERT INTO phone(person_id, number, pin) VALUES
    (1, '555-1', '4711'), (1, '555-2', NULL), (2, '555-3', '4713');
  INSERT INTO team(title) VALUES ('red');
  INSERT INTO member(person_id, team_id, rank) VALUES (1, 1, 'chief');
`;

/** What a role does with fields, by name. */
export type Rules = Readonly<Record<string, FieldRule['access']>>;

/** A row of access to a table. */
export function row(
  table: string,
  rules: Rules = {},
  over: Partial<Grant> & { mask?: string | null } = {},
): Grant {
  const { mask = '***', ...more } = over;
  const fields = Object.entries(rules).map(([field, access]) => ({
    ...{ field, access, mask: access === 'masked' ? mask : null },
  }));
  return grantOf({ component: `_table/${table}`, verbMask: 31, fields, ...more });
}

/** Rows that let tables be looked at. */
export const looking = [
  grantOf({ component: '_schema/*' }),
  grantOf({ component: '' }),
  grantOf({ component: '_table' }),
];

/** Everything of all tables, but for the rules given by table. */
export function roleWith(rules: Readonly<Record<string, Rules>>, mask: string | null = '***'): Role {
  const tables = ['person', 'phone', 'vault', 'form', 'team', 'member'];
  return roleOf([...looking, ...tables.map((table) => row(table, rules[table], { mask }))]);
}

/** What an answer refuses with: of a batch, its first refusal. */
export const message = ({ body }: SuiteAnswer): string => {
  const { error } = body;
  return (
    error.context?.resource?.find((entry: { message?: string }) => entry.message !== undefined)?.message ??
    error.message
  );
};

/** The refusal of what a role may not write. */
export const denied = 'Denied access to some of the requested fields.';

/** What the tests ask. */
export interface Known {
  readonly house: () => { ask: AskAs };
  readonly as: (role: Role) => AskAs;
  readonly stored: (id: number) => Promise<Record<string, unknown>>;
}

/** A name as callers may spell it. */
export const spellings = (name: string) => [name, name.toUpperCase()];

/** Asks for a hidden field and for one that is none, which must be the same. */
export async function same(
  ask: AskAs,
  path: string,
  name: string,
  parts: (name: string) => CallParts = () => ({}),
) {
  for (const [index, spelled] of spellings(name).entries()) {
    const unknown = spellings('nope')[index] ?? '';
    const [asked, other] = [spelled, unknown].map((field) => {
      const [place = '', query = ''] = path.split('?');
      const verb = place.startsWith('DELETE ') ? 'DELETE' : place.startsWith('PATCH ') ? 'PATCH' : 'GET';
      return ask(verb, `${place.replace(/^\w+ /, '')}?${query.replaceAll('{f}', field)}`, parts(field));
    });
    const [hidden, none] = [await asked, await other];
    const spelledAlike = (none?.text ?? '').replaceAll(unknown, spelled);
    expect([hidden?.status, hidden?.text], path).toEqual([none?.status, spelledAlike]);
    expect(hidden?.status, path).toBe(path.includes('limit=0&ok') ? 200 : 400);
    expect(hidden?.text).not.toMatch(/111-1|113-3|4711/);
  }
}
