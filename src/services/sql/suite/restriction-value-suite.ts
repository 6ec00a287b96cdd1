// The part of the conformance suite about what filters of roles say: their operators, values and lookups.
// Invariant: what can not be applied as it was meant shows nothing, or is refused to the caller by name.
import { describe, expect, test } from 'vitest';
import { roleOf } from '../../../core/role-fixture.ts';
import { asking, filterOf, ids, notebook, rowOf, userOf } from './restriction-fixture.ts';
import { type EngineUnderTest, openSuiteHouse, type SuiteHouse, shared } from './suite-fixture.ts';

/** A condition of a role: field, operator, value. */
type Condition = readonly [name: string, operator: string, value?: unknown];

/** Defines the tests of operators and values of filters of roles. */
export function restrictedValueSuite(engine: EngineUnderTest): void {
  operators(engine);
  missing(engine);
  refused(engine);
}

const lookups = { scores: '10,40', first: '10', empty: '' };

// Numbers of the notes that user 2 sees, or the status of his refusal.
async function found(house: () => SuiteHouse, conditions: readonly Condition[], filterOp = 'AND') {
  const filters = conditions.map((condition) => filterOf(...condition));
  const role = roleOf([rowOf('note', filters, { filterOp })]);
  const asked = await asking(house, userOf(2, role, lookups))('GET', '_table/note?order=id&fields=id');
  return asked.status === 200 ? ids(asked).join(' ') : asked.status;
}

const owners: Condition = ['owner', '=', 1];

function operators(engine: EngineUnderTest): void {
  describe('operators and values', () => {
    const house = shared(() => openSuiteHouse(engine, notebook));

    test.each<[string, string, unknown, string]>([
      ['owner', '=', 2, '3 4'],
      ['owner', '=', '2', '3 4'],
      ['OWNER', '!=', 2, '1 2'],
      ['score', '>', 20, '3 4'],
      ['score', '>=', '20', '2 3 4'],
      ['score', '<', 20, '1'],
      ['score', '<=', 20, '1 2'],
      ['score', 'in', '10, 30', '1 3'],
      ['score', 'IN', [10, '40'], '1 4'],
      ['score', 'in', '(10,40)', '1 4'],
      ['score', 'in', 30, '3'],
      ['score', 'not in', '10,20', '3 4'],
      ['title', 'in', '\'mine 1\', "mine 2"', '1 2'],
      ['title', 'in', "'mine 1, or 2',mine 2", '2'],
      ['title', 'starts with', 'mine', '1 2'],
      ['title', 'ends with', '4', '4'],
      ['title', 'contains', 'eirs', '3 4'],
      ['title', 'contains', '%', ''],
      ['title', 'contains', '_', ''],
      ['title', 'starts with', 'mine_', ''],
      ['title', '=', "' or 1=1 -- ", ''],
      ['owner', 'is null', undefined, '5'],
      ['owner', 'Is  Not  Null', 'whatever', '1 2 3 4'],
      ['owner', '=', null, '5'],
      ['owner', '!=', null, '1 2 3 4'],
      ['owner', '=', '{user.id}', '3 4'],
      ['title', 'ends with', ' {user.id}', '2'],
      ['score', 'in', '{scores}', '1 4'],
      ['score', 'not in', ['{scores}'], '2 3'],
      ['score', 'in', ['{first}', 30], '1 3'],
    ])('%s %s %j', async (name, operator, value, expected) => {
      expect(await found(house, [[name, operator, value]])).toBe(expected);
    });

    test('are joined by AND or OR, and rows of one level by OR', async () => {
      const both: Condition[] = [owners, ['score', '>', 10]];
      expect(await found(house, both)).toBe('2');
      expect(await found(house, both, 'OR')).toBe('1 2 3 4');
      const role = roleOf([
        rowOf('note', [filterOf('owner', '=', 1), filterOf('score', '>', 10)]),
        rowOf('note', [filterOf('owner', 'is null')]),
      ]);
      expect(ids(await asking(house, userOf(1, role))('GET', '_table/note?order=id'))).toEqual([2, 5]);
    });

    test('callers from outside and scripts each have their own', async () => {
      const role = roleOf([
        rowOf('note', [filterOf('owner', '=', 1)], { requestorMask: 1 }),
        rowOf('note', [filterOf('owner', '=', 2)], { requestorMask: 2 }),
      ]);
      const caller = asking(house, userOf(9, role));
      expect(ids(await caller('GET', '_table/note?order=id'))).toEqual([1, 2]);
      expect(ids(await caller('GET', '_table/note?order=id', { requestor: 'script' }))).toEqual([3, 4]);
    });
  });
}

function missing(engine: EngineUnderTest): void {
  describe('values that are not there', () => {
    const house = shared(() => openSuiteHouse(engine, notebook));

    test.each<[string, Condition]>([
      ['a lookup that the caller does not have', ['owner', '=', '{nobody}']],
      ['one that is negated', ['owner', '!=', '{nobody}']],
      ['one in a list', ['score', 'not in', '10,{nobody}']],
      ['a private one', ['owner', '=', '{word}']],
      ['a property that the user does not have', ['owner', '!=', '{user.phone}']],
      ['a modifier that does not exist', ['owner', '=', '{shout(user.id)}']],
      ['an empty list', ['score', 'not in', []]],
      ['an empty list as text', ['score', 'not in', ' ']],
      ['an empty lookup as a list', ['score', 'not in', '{empty}']],
    ])('%s finds nothing', async (_what, condition) => {
      expect(await found(house, [condition])).toBe('');
    });

    test('what one condition lacks, another one may have', async () => {
      expect(await found(house, [['owner', '=', '{nobody}'], owners], 'OR')).toBe('1 2');
      expect(await found(house, [['owner', '=', '{nobody}'], owners])).toBe('');
    });

    test('what a user says of himself is one value, not a list of them', async () => {
      const role = roleOf([rowOf('note', [filterOf('title', 'in', '{user.name}')])]);
      const principal = userOf(1, role);
      const { user } = principal;
      if (user === undefined) throw new Error('there is a user');
      const sly = { ...principal, user: { ...user, name: 'mine 1,theirs 3' } };
      expect(ids(await asking(house, sly)('GET', '_table/note'))).toEqual([]);
      const plain = { ...principal, user: { ...user, name: 'mine 1' } };
      expect(ids(await asking(house, plain)('GET', '_table/note'))).toEqual([1]);
    });

    test('who is nobody has no user', async () => {
      const role = roleOf([rowOf('note', [filterOf('owner', '!=', '{user.id}')])]);
      const { user: _user, ...app } = userOf(1, role);
      const caller = asking(house, { ...app, kind: 'app', user: undefined });
      expect(ids(await caller('GET', '_table/note'))).toEqual([]);
      const made = await caller('POST', '_table/note', { body: { resource: [{ title: 'x', owner: 5 }] } });
      expect(made.status).toBe(403);
    });
  });
}

function refused(engine: EngineUnderTest): void {
  describe('filters that do not fit the table', () => {
    const house = shared(() => openSuiteHouse(engine, notebook));

    test.each<[string, Condition, RegExp]>([
      ['a field that is not there', ['nowhere', '=', 1], /'nowhere', which the table does not have/],
      ['a value that is none', ['owner', '=', { a: 1 }], /'owner' with something that is no value/],
      ['a list where one value is meant', ['owner', '=', [1, 2]], /something that is no value/],
      ['a list in a list', ['owner', 'in', [[1]]], /something that is no value/],
      ['a value of another type', ['owner', '=', 'x'], /a value that is not of its type/],
      ['a lookup of another type', ['owner', '=', '{user.email}'], /a value that is not of its type/],
    ])('%s: refused, and the caller is told whom to ask', async (_what, condition, message) => {
      const role = roleOf([rowOf('note', [filterOf(...condition)])]);
      const caller = asking(house, userOf(1, role));
      const asked = [
        await caller('GET', '_table/note'),
        await caller('GET', '_table/note/1'),
        await caller('PATCH', '_table/note/1', { body: { score: 1 } }),
        await caller('DELETE', '_table/note?force=true'),
      ];
      for (const { status, body } of asked) {
        expect([status, body.error.message]).toEqual([403, expect.stringMatching(message)]);
        expect(body.error.message).toMatch(/An administrator has to correct the role/);
      }
    });

    test('its records are not reached through others either', async () => {
      const role = roleOf([rowOf('team', []), rowOf('note', [filterOf('nowhere', '=', 1)])]);
      const { status } = await asking(house, userOf(1, role))('GET', '_table/team?related=note_by_team_id');
      expect(status).toBe(403);
    });
  });
}
