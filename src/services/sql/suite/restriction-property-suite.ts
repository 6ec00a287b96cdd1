// The part of the conformance suite about any filter of a role with any request: what is found is what meets
// both in memory, and what is written was within the filter and stays there.
// Invariant: the reference in memory shares no code with the path from a role to SQL but the conditions.

import { describe, expect, test } from 'vitest';
import { fc } from '../../../../test/properties.ts';
import type { Action } from '../../../core/operation.ts';
import type { Where } from '../../../core/query.ts';
import type { Role } from '../../../core/role.ts';
import { roleOf } from '../../../core/role-fixture.ts';
import { arbitraryFilter } from '../../../query/filter-fixture.ts';
import { compileWhere } from '../../../query/match.ts';
import { asking, filterOf, rowOf, userOf } from './restriction-fixture.ts';
import { type EngineUnderTest, openSuiteHouse, type SuiteHouse, shared } from './suite-fixture.ts';

type Memo = Readonly<Record<string, unknown>>;

/** One row of a role: its conditions, and how they are joined. */
interface Row {
  readonly filters: readonly (readonly [name: string, operator: string, value: unknown])[];
  readonly filterOp: string;
}

const titles = ['mine', 'yours', 'x', 'a%b', 'a_b', "it's", '5'];
const scores = [-1, 0, 10, 20, 30, 41];
const table = `
  CREATE TABLE memo(id INTEGER NOT NULL PRIMARY KEY, title VARCHAR(20) DEFAULT 'x', score INTEGER,
    owner INTEGER);
`;

const score = fc.constantFrom(...scores);
const owner = fc.constantFrom(1, 2, 3);
const isOrIsNot = fc.constantFrom('is null', 'is not null');

const condition = fc.oneof(
  fc.tuple(fc.constant('score'), fc.constantFrom('=', '!=', '>', '>=', '<', '<='), score),
  fc.tuple(fc.constant('owner'), fc.constantFrom('=', '!='), owner),
  fc.tuple(fc.constantFrom('score', 'owner', 'title'), isOrIsNot, fc.constant(null)),
  fc.tuple(
    fc.constant('score'),
    fc.constantFrom('in', 'not in'),
    fc.array(score, { minLength: 1, maxLength: 4 }),
  ),
  fc.tuple(
    fc.constant('title'),
    fc.constantFrom('contains', 'starts with', 'ends with'),
    fc.constantFrom(...titles),
  ),
);

const rows: fc.Arbitrary<Row[]> = fc.array(
  fc.record({
    filters: fc.array(condition, { minLength: 1, maxLength: 3 }),
    filterOp: fc.constantFrom('AND', 'OR'),
  }),
  { minLength: 1, maxLength: 2 },
);

const memo = fc.record(
  {
    title: fc.option(fc.constantFrom(...titles)),
    score: fc.option(score),
    owner: fc.option(owner),
  },
  { requiredKeys: [] },
);

/** Defines the tests of any filter of a role with any request. */
export function restrictionPropertySuite(engine: EngineUnderTest): void {
  describe('any filter of a role', () => {
    const house = shared(() => openSuiteHouse(engine, table, { allow_upsert: true }));

    test('with any filter of a request finds what meets both', async () => {
      const client = arbitraryFilter({ score: score.map(String), owner: owner.map(String) });
      await fillWith(house, everyMix());
      const all = await memosOf(house);
      await fc.assert(
        fc.asyncProperty(rows, client, async (given, { text, where }) => {
          const [isGranted, isAsked] = [fits(given), compileWhere(where)];
          const expected = all.filter((each) => isGranted(each) && isAsked(each) === true);
          const parameters = { filter: text, order: 'id' };
          const { status, body } = await asking(house, userOf(1, roleWith(given)))('GET', '_table/memo', {
            parameters,
          });
          expect(status, JSON.stringify(body)).toBe(200);
          expect(body.resource, text).toEqual(expected);
        }),
        { numRuns: 50 },
      );
    });

    test('with any write leaves what is outside as it was, and puts nothing there', async () => {
      const present = fc.array(memo, { minLength: 6, maxLength: 6 });
      await fc.assert(
        fc.asyncProperty(rows, present, write, async (given, memos, { action, path, body }) => {
          const isGranted = fits(given);
          await fillWith(house, memos);
          const before = await memosOf(house);
          const asked = asking(house, userOf(1, roleWith(given)))(action, path, body);
          const { status, text } = await asked;
          expect(status, text).toBeLessThan(500);
          const after = await memosOf(house);
          expect(after.filter((each) => !isGranted(each))).toEqual(before.filter((each) => !isGranted(each)));
        }),
        { numRuns: 100 },
      );
    });
  });
}

const write = fc
  .record({
    action: fc.constantFrom<Action>('POST', 'PATCH', 'PUT', 'DELETE'),
    target: fc.constantFrom('/1', '/2', '/6', '/7', '?ids=1,2,3,7&continue=true', '?ids=4,5'),
    filter: fc.option(fc.constantFrom('score > 0', 'owner is null', 'owner in (1,2) or owner = 3')),
    record: memo,
  })
  .map(({ action, target, filter, record }) => {
    if (action === 'POST') {
      return { action, path: '_table/memo', body: { body: { resource: [{ id: 9, ...record }] } } };
    }
    const path =
      filter === null ? `_table/memo${target}` : `_table/memo?filter=${encodeURIComponent(filter)}`;
    return { action, path, body: action === 'DELETE' ? {} : { body: record } };
  });

async function memosOf(house: () => SuiteHouse): Promise<readonly Memo[]> {
  return (await house().ask('GET', '_table/memo?order=id')).body.resource;
}

async function fillWith(house: () => SuiteHouse, memos: readonly Memo[]): Promise<void> {
  await house().ask('DELETE', '_table/memo?force=true');
  const resource = memos.map((each, index) => ({ id: index + 1, ...each }));
  const { status, text } = await house().ask('POST', '_table/memo', { body: { resource } });
  if (status !== 200) throw new Error(text);
}

function everyMix(): readonly Memo[] {
  return [...titles, null].flatMap((title, i) =>
    [...scores, null].map((each, j) => ({ title, score: each, owner: (i + j) % 4 || null })),
  );
}

function roleWith(given: readonly Row[]): Role {
  return roleOf(
    given.map(({ filters, filterOp }) => {
      const conditions = filters.map((each) => filterOf(...each));
      return rowOf('memo', conditions, { filterOp });
    }),
  );
}

// What the rows say, by the conditions of requests in memory.
function fits(given: readonly Row[]): (memo: Memo) => boolean {
  const tests = given.map(({ filters, filterOp }) => {
    const terms = filters.map((filter) => compileWhere(whereOf(filter)));
    return (each: Memo) =>
      filterOp === 'OR'
        ? terms.some((term) => term(each) === true)
        : terms.every((term) => term(each) === true);
  });
  return (each) => tests.some((isMet) => isMet(each));
}

function whereOf([field, operator, value]: Row['filters'][number]): Where {
  const isNull: Where = { kind: 'null', field };
  switch (operator) {
    case 'is null':
      return isNull;
    case 'is not null':
      return { kind: 'not', term: isNull };
    case 'in':
      return { kind: 'in', field, values: value as number[] };
    case 'not in':
      return { kind: 'not', term: { kind: 'in', field, values: value as number[] } };
    default:
      return { kind: 'compare', field, op: operator as '=', value: value as string };
  }
}
