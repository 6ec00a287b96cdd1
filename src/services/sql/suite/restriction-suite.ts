// The part of the conformance suite about filters of roles: what a caller reaches through every way of reading
// and writing. Invariant: no scenario knows which engine it runs on; records outside a role's filter are as if
// they did not exist, and never change.
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { roleOf } from '../../../core/role-fixture.ts';
import { arbitraryFilter } from '../../../query/filter-fixture.ts';
import { compileWhere } from '../../../query/match.ts';
import {
  type AskAs,
  allRecords,
  asking,
  everything,
  filterOf,
  notebook,
  outside,
  own,
  ownersOnly,
  rowOf,
  userOf,
} from './restriction-fixture.ts';
import { type EngineUnderTest, openSuiteHouse, type SuiteHouse, shared } from './suite-fixture.ts';

/** Defines the tests of filters of roles for an engine. */
export function restrictionSuite(engine: EngineUnderTest): void {
  describe('filters of roles', () => {
    reading(engine);
    writing(engine);
    upserting(engine);
    nesting(engine);
    operators(engine);
    widening(engine);
    anyFilter(engine);
  });
}

type House = () => SuiteHouse;

const denied = { code: 403, message: 'Denied access to some of the requested fields.' };

function openNotebook(engine: EngineUnderTest, config: Readonly<Record<string, unknown>> = {}) {
  return openSuiteHouse(engine, notebook, config);
}

// Each test gets the records as they were.
function fresh(engine: EngineUnderTest, config: Readonly<Record<string, unknown>> = {}): House {
  let house: SuiteHouse | undefined;
  beforeEach(async () => {
    house = await openNotebook(engine, config);
  });
  afterEach(() => house?.close());
  return () => {
    if (house === undefined) throw new Error('the database was not opened');
    return house;
  };
}

const ids = ({ body }: { body: { resource: { id: number }[] } }) => body.resource.map(({ id }) => id);

function reading(engine: EngineUnderTest): void {
  describe('reading', () => {
    const house = shared(() => openNotebook(engine));
    const role = ownersOnly();
    const one: AskAs = (...asked) => asking(house, userOf(1, role))(...asked);
    const two: AskAs = (...asked) => asking(house, userOf(2, role))(...asked);

    test('a list, each caller his own, by the same role', async () => {
      expect(ids(await one('GET', '_table/note?order=id'))).toEqual([1, 2]);
      expect(ids(await two('GET', '_table/note?order=id'))).toEqual([3, 4]);
      expect(ids(await one('GET', '_table/note?order=id'))).toEqual([1, 2]);
      expect(ids(await house().ask('GET', '_table/note?order=id'))).toEqual([1, 2, 3, 4, 5]);
    });

    test('a filter narrows further, and never widens', async () => {
      const found = async (filter: string) =>
        ids(await one('GET', '_table/note', { parameters: { filter, order: 'id' } }));
      expect(await found('score > 10')).toEqual([2]);
      expect(await found('(owner = 2) or (owner = 1)')).toEqual([1, 2]);
      expect(await found('NOT (owner = 1)')).toEqual([]);
      expect(await found('owner is null')).toEqual([]);
    });

    test('one record, and records of identifiers', async () => {
      expect((await one('GET', '_table/note/1')).body.title).toBe('mine 1');
      expect((await one('GET', '_table/note/3')).status).toBe(404);
      expect((await one('GET', '_table/note/3?fields=id')).body.error.message).toBe(
        "Record with identifier '3' not found.",
      );
      expect(ids(await one('GET', '_table/note?ids=2,1'))).toEqual([2, 1]);
      const { status, body } = await one('GET', '_table/note?ids=1,3');
      expect(status).toBe(400);
      expect(body.error.context.error).toEqual([1]);
      expect(JSON.stringify(body)).not.toContain('theirs');
      expect((await one('GET', '_table/note/theirs 3?id_field=title')).status).toBe(404);
      expect((await one('GET', '_table/slot/1,1')).body).toMatchObject({ owner: 1 });
      expect((await one('GET', '_table/slot/1,2')).status).toBe(404);
      expect((await one('GET', '_table/slot?ids=(1,2),(2,1)')).status).toBe(400);
    });

    test('counts', async () => {
      expect((await one('GET', '_table/note?count_only=true')).body).toBe(2);
      const { body } = await one('GET', '_table/note?include_count=true&limit=1');
      expect(body.meta).toMatchObject({ count: 2, next: 1 });
      expect((await one('GET', '_table/note?count_only=true&filter=owner=2')).body).toBe(0);
    });

    test('groups and aggregates', async () => {
      const { body } = await one('GET', '_table/note?fields=SUM(score),MAX(score),COUNT(*)');
      expect(body.resource).toEqual([{ SUM_score: 30, MAX_score: 20, COUNT_ALL: 2 }]);
      const groups = await one('GET', '_table/note?fields=kind,COUNT(*)&group=kind&having=`COUNT(*)` > 1');
      expect(groups.body.resource).toEqual([{ kind: 'open', COUNT_ALL: 2 }]);
      expect((await one('GET', '_table/note?group=owner&fields=owner&count_only=true')).body).toBe(1);
    });

    test('related records of both directions, and beyond junctions', async () => {
      const teams = await one('GET', '_table/team?related=note_by_team_id&order=id');
      expect(teams.body.resource.map((team: { note_by_team_id: unknown[] }) => team.note_by_team_id)).toEqual(
        [[expect.objectContaining({ id: 1 })], [expect.objectContaining({ id: 2 })]],
      );
      const notes = await one('GET', '_table/note?related=cover_by_note_id,word_by_tagging&order=id');
      expect(notes.body.resource).toMatchObject([
        { cover_by_note_id: { color: 'red' }, word_by_tagging: [{ code: 'a' }] },
        { cover_by_note_id: null, word_by_tagging: [{ code: 'a' }] },
      ]);
      const words = await two('GET', '_table/word?related=note_by_tagging,tagging_by_word_code');
      expect(words.body.resource).toEqual([
        {
          ...{ code: 'b', owner: 2, note_by_tagging: [] },
          tagging_by_word_code: [{ id: 2, note_id: 1, word_code: 'b', owner: 2, weight: 2 }],
        },
      ]);
      const covers = await two('GET', '_table/cover/3?related=note_by_note_id');
      expect(covers.body.note_by_note_id.id).toBe(3);
      const narrowed = await one('GET', '_table/team/1', {
        parameters: { related: 'note_by_team_id', 'note_by_team_id.filter': 'owner = 2 or owner = 1' },
      });
      expect(narrowed.body.note_by_team_id.map(({ id }: { id: number }) => id)).toEqual([1]);
    });

    test('a list that is read in portions', async () => {
      const { body } = await one('GET', '_table/note?limit=100000&order=id');
      expect(body.resource.map(({ id }: { id: number }) => id)).toEqual([1, 2]);
    });

    test('names of tables and their schema show no records, so they are there', async () => {
      expect((await one('GET', '_table')).status).toBe(403);
      const wide = asking(house, userOf(1, roleOf([rowOf('*', [own], { component: '*' })])));
      expect((await wide('GET', '')).status).toBe(200);
      expect((await wide('GET', '_table?as_list=true')).body.resource).toContain('team');
      expect((await wide('GET', '_table')).status).toBe(200);
      expect((await wide('GET', '_schema/note')).status).toBe(200);
      expect((await wide('DELETE', '_schema/note')).status).toBe(403);
      expect((await wide('PATCH', '_schema/note', { body: { label: 'x' } })).status).toBe(403);
      expect(ids(await wide('GET', '_table/note?order=id'))).toEqual([1, 2]);
    });
  });
}

function writing(engine: EngineUnderTest): void {
  describe('writing', () => {
    const house = fresh(engine);
    const role = ownersOnly();
    const one: AskAs = (...asked) => asking(house, userOf(1, role))(...asked);
    let before: unknown;

    beforeEach(async () => {
      before = await outside(house, 1);
    });
    afterEach(async () => expect(await outside(house, 1)).toEqual(before));

    test('new records that fit are made, others are not', async () => {
      const made = await one('POST', '_table/note?fields=*', {
        body: { resource: [{ owner: 1, title: 'new' }] },
      });
      expect(made.body.resource).toMatchObject([{ owner: 1, title: 'new', kind: 'open' }]);
      for (const record of [{ owner: 2, title: 'x' }, { title: 'x' }, { owner: null, title: 'x' }]) {
        const refused = await one('POST', '_table/note', { body: { resource: [record] } });
        expect(refused).toMatchObject({ status: 403, body: { error: denied } });
      }
      const all = (await allRecords(house)).note ?? [];
      expect(all.filter(({ title }) => title === 'x')).toEqual([]);
    });

    test('a default decides as much as a value that is given', async () => {
      const open = asking(house, userOf(1, roleOf([rowOf('note', [filterOf('kind', '=', 'open')])])));
      const shut = asking(house, userOf(1, roleOf([rowOf('note', [filterOf('kind', '=', 'shut')])])));
      const resource = [{ owner: 1, title: 'y' }];
      expect((await shut('POST', '_table/note', { body: { resource } })).status).toBe(403);
      expect((await open('POST', '_table/note', { body: { resource } })).status).toBe(200);
    });

    test('of many records one that does not fit undoes all', async () => {
      const resource = [
        ...Array.from({ length: 5 }, (_unused, index) => ({ owner: 1, title: `many ${index}` })),
        { owner: 2, title: 'many 5' },
      ];
      for (const rule of ['', '?continue=true', '?rollback=true']) {
        expect((await one('POST', `_table/note${rule}`, { body: { resource } })).status).toBe(403);
      }
      const titles = (await allRecords(house)).note?.map(({ title }) => String(title)) ?? [];
      expect(titles.filter((title) => title.startsWith('many'))).toEqual([]);
      const fitting = resource.slice(0, 5);
      expect((await one('POST', '_table/note', { body: { resource: fitting } })).status).toBe(200);
    });

    test('a record is changed by its identifier when it fits', async () => {
      expect((await one('PATCH', '_table/note/1', { body: { score: 11 } })).body).toEqual({ id: 1 });
      for (const action of ['PATCH', 'PUT'] as const) {
        const { status, body } = await one(action, '_table/note/3?fields=*', { body: { score: 1 } });
        expect(status).toBe(404);
        expect(body.error.message).toBe("Record with identifier '3' not found.");
      }
      expect((await one('DELETE', '_table/note/4?fields=*')).status).toBe(404);
      expect((await one('DELETE', '_table/slot/1,2')).status).toBe(404);
      expect((await one('DELETE', '_table/slot/2,1')).status).toBe(200);
    });

    test('nor can it be given away', async () => {
      for (const body of [{ owner: 2 }, { owner: null }]) {
        const refused = await one('PATCH', '_table/note/1', { body });
        expect(refused).toMatchObject({ status: 403, body: { error: denied } });
      }
      expect((await allRecords(house)).note?.[0]).toMatchObject({ id: 1, owner: 1, score: 10 });
    });

    test('by identifiers, filter and records, in batches', async () => {
      const byIds = await one('PATCH', '_table/note?ids=1,3&continue=true', { body: { score: 12 } });
      expect(byIds.body.error.context).toMatchObject({ error: [1], resource: [{ id: 1 }, { code: 404 }] });
      const byFilter = await one('PATCH', '_table/note', {
        parameters: { filter: 'score > 0' },
        body: { resource: [{ kind: 'seen' }] },
      });
      expect(byFilter.body.resource).toEqual([{ id: 1 }, { id: 2 }]);
      const records = await one('PUT', '_table/note?continue=true', {
        body: {
          resource: [
            { id: 2, score: 1 },
            { id: 4, score: 1 },
            { id: 99, score: 1 },
          ],
        },
      });
      expect(records.body.error.context.error).toEqual([1, 2]);
      const [, foreign, missing] = records.body.error.context.resource;
      expect(foreign.message.replace('4', '99')).toBe(missing.message);
    });

    test('deleting by identifiers, filter, records and everything', async () => {
      const byIds = await one('DELETE', '_table/tagging?ids=1,2&continue=true&fields=*');
      expect(byIds.body.error.context).toMatchObject({ error: [1], resource: [{ id: 1, owner: 1 }, {}] });
      expect(JSON.stringify(byIds.body)).not.toContain('"b"');
      const byFilter = await one('DELETE', '_table/tagging', { parameters: { filter: 'weight > 0' } });
      expect(byFilter.body.resource).toEqual([{ id: 4 }]);
      expect((await one('DELETE', '_table/slot?force=true')).body).toEqual({ success: true });
      expect((await allRecords(house)).slot).toEqual([{ org: 1, nr: 2, owner: 2 }]);
      const bodies = await one('DELETE', '_table/note?continue=true', {
        body: { resource: [{ id: 3 }, { id: 5 }] },
      });
      expect(bodies.body.error.context.error).toEqual([0, 1]);
    });

    test('records without a key can not be looked at again, so they are not made', async () => {
      expect((await one('GET', '_table/log')).body.resource).toEqual([{ owner: 1, line: 'mine' }]);
      const resource = [{ owner: 1, line: 'more' }];
      expect((await one('POST', '_table/log', { body: { resource } })).status).toBe(403);
      const several = await one('PATCH', '_table/log?id_field=line', {
        body: { resource: [{ line: 'mine', owner: 2 }] },
      });
      expect(several.status).toBe(400);
      expect((await one('DELETE', '_table/log/theirs?id_field=line')).status).toBe(404);
      expect((await one('DELETE', '_table/log/mine?id_field=line')).status).toBe(200);
    });

    test('each verb has its own filter, and what is read back is what may be read', async () => {
      const verbs = asking(
        house,
        userOf(
          1,
          roleOf([
            rowOf('note', [filterOf('score', '<', 15)], { verbMask: 1 }),
            rowOf('note', [own], { verbMask: 2 + 8 + 16 }),
          ]),
        ),
      );
      expect(ids(await verbs('GET', '_table/note'))).toEqual([1]);
      const hidden = await verbs('PATCH', '_table/note/2?fields=*&related=*', { body: { kind: 'k' } });
      expect(hidden).toMatchObject({ status: 200, body: { id: 2 } });
      expect(Object.keys(hidden.body)).toEqual(['id']);
      const seen = await verbs('PATCH', '_table/note/1?fields=*', { body: { kind: 'k' } });
      expect(seen.body).toMatchObject({ id: 1, title: 'mine 1', kind: 'k' });
      const blind = asking(house, userOf(1, roleOf([rowOf('note', [own], { verbMask: 8 })])));
      const answered = await blind('PATCH', '_table/note/1?fields=*', { body: { kind: 'l' } });
      expect(answered.body).toEqual({ id: 1 });
      expect((await blind('GET', '_table/note/1')).status).toBe(403);
    });
  });
}

function upserting(engine: EngineUnderTest): void {
  describe('making what is not there by PUT', () => {
    const house = fresh(engine, { allow_upsert: true });
    const role = ownersOnly();
    const one: AskAs = (...asked) => asking(house, userOf(1, role))(...asked);

    test('touches no record of others, and says no more than that the key is taken', async () => {
      const before = await outside(house, 1);
      const taken = await one('PUT', '_table/word/b?fields=*', { body: { owner: 1 } });
      expect(taken.status).toBe(409);
      expect(taken.text).not.toMatch(/"owner"/);
      const slot = await one('PUT', '_table/slot', { body: { resource: [{ org: 1, nr: 2, owner: 1 }] } });
      expect(slot.body.error.context?.resource?.[0].code ?? slot.status).toBe(409);
      expect(await outside(house, 1)).toEqual(before);
    });

    test('makes records that fit, no others, and changes those that are there', async () => {
      expect((await one('PUT', '_table/word/n', { body: { owner: 1 } })).status).toBe(200);
      expect((await one('PUT', '_table/word/m', { body: { owner: 2 } })).status).toBe(403);
      expect((await one('PUT', '_table/word/a', { body: { owner: 2 } })).status).toBe(403);
      expect((await one('PUT', '_table/word/a', { body: { owner: 1 } })).status).toBe(200);
      const words = (await allRecords(house)).word ?? [];
      expect(words.map(({ code }) => code)).toEqual(['a', 'b', 'c', 'n']);
    });
  });
}

function nesting(engine: EngineUnderTest): void {
  describe('writing records that bring others', () => {
    const house = fresh(engine);
    const role = ownersOnly();
    const one: AskAs = (...asked) => asking(house, userOf(1, role))(...asked);
    let before: unknown;

    beforeEach(async () => {
      before = await outside(house, 1);
    });
    afterEach(async () => expect(await outside(house, 1)).toEqual(before));

    test('children that fit are made, changed and adopted', async () => {
      const { status } = await one('PATCH', '_table/team/1', {
        body: {
          note_by_team_id: [
            { owner: 1, title: 'child' },
            { id: 2, score: 21 },
          ],
        },
      });
      expect(status).toBe(200);
      const notes = (await allRecords(house)).note ?? [];
      expect(notes[1]).toMatchObject({ id: 2, team_id: 1, score: 21 });
      expect(notes.at(-1)).toMatchObject({ owner: 1, team_id: 1, title: 'child' });
    });

    test.each([
      ['is made', { title: 'x' }, 403],
      ['is made for another', { title: 'x', owner: 2 }, 403],
      ['is changed', { id: 3, score: 1 }, 404],
      ['is adopted', { id: 4 }, 404],
      ['is given away', { id: 1, owner: 2 }, 403],
      ['is let go', { id: 3, team_id: null }, 404],
    ])('no child that does not fit %s', async (_what, child, expected) => {
      const asked = await one('PATCH', '_table/team/1', { body: { note_by_team_id: [child] } });
      expect(asked.status).toBe(expected);
      expect(asked.text).not.toContain('theirs');
      const all = await allRecords(house);
      expect(all.note?.slice(0, 2)).toMatchObject([
        { owner: 1, team_id: 1 },
        { owner: 1, team_id: 2 },
      ]);
    });

    test('a child that fits is let go', async () => {
      const child = { id: 1, team_id: null };
      const left = await one('PATCH', '_table/team/1', { body: { note_by_team_id: [child] } });
      expect(left.status).toBe(200);
      expect((await allRecords(house)).note?.[0]).toMatchObject({ id: 1, team_id: null });
    });

    test('a child that may not be without its parent stays', async () => {
      const teamed = roleOf([rowOf('team', []), rowOf('note', [filterOf('team_id', 'is not null')])]);
      const caller = asking(house, userOf(1, teamed));
      const left = await caller('PATCH', '_table/team/1', {
        body: { note_by_team_id: [{ id: 1, team_id: null }] },
      });
      expect(left).toMatchObject({ status: 403, body: { error: denied } });
    });

    test('the one child', async () => {
      const changed = await one('PATCH', '_table/note/1', { body: { cover_by_note_id: { color: 'green' } } });
      expect(changed.status).toBe(200);
      expect((await allRecords(house)).cover?.[0]).toMatchObject({ note_id: 1, color: 'green' });
      const taken = asking(house, userOf(1, roleOf([rowOf('note', []), rowOf('cover', [own])])));
      const foreign = await taken('PATCH', '_table/note/3', {
        body: { cover_by_note_id: { color: 'x', owner: 1 } },
      });
      expect(foreign.status).toBe(409);
      const away = await one('PATCH', '_table/note/1', { body: { cover_by_note_id: { owner: 2 } } });
      expect(away.status).toBe(403);
    });

    test('parents', async () => {
      const caller = asking(
        house,
        userOf(1, roleOf([rowOf('note', [own]), rowOf('team', [filterOf('region', '=', 'north')])])),
      );
      const named = await caller('PATCH', '_table/note/1', { body: { team_by_team_id: { id: 2 } } });
      expect(named.status).toBe(404);
      const moved = await caller('PATCH', '_table/note/1', {
        body: { team_by_team_id: { id: 1, region: 'south' } },
      });
      expect(moved.status).toBe(403);
      const made = await caller('POST', '_table/note', {
        body: { resource: [{ owner: 1, title: 'p', team_by_team_id: { name: 'g', region: 'south' } }] },
      });
      expect(made.status).toBe(403);
      const fits = await caller('PATCH', '_table/note/2', { body: { team_by_team_id: { id: 1 } } });
      expect(fits.status).toBe(200);
      expect((await allRecords(house)).team).toHaveLength(2);
    });

    test('links beyond junctions', async () => {
      const link = (word: object) => one('PATCH', '_table/note/2', { body: { word_by_tagging: [word] } });
      // Neither a far record of others, nor a link that would be theirs.
      expect((await link({ code: 'b' })).status).toBe(409);
      expect((await link({ code: 'a', 'tagging.weight': 9 })).status).toBe(200);
      const taggings = (await allRecords(house)).tagging ?? [];
      expect(taggings.slice(3)).toMatchObject([
        { id: 4, owner: 1, weight: 9 },
        { id: 5, owner: 2, weight: 5 },
      ]);
      expect((await link({ code: 'a', 'tagging.owner': 2 })).status).toBe(403);
      expect((await link({ code: 'a', 'tagging.id': null })).status).toBe(200);
      expect((await link({ code: 'a', 'tagging.id': null })).status).toBe(404);
      expect((await link({ code: 'a' })).status).toBe(403);
      expect((await link({ code: 'a', 'tagging.owner': 1 })).status).toBe(200);
    });
  });
}

function operators(engine: EngineUnderTest): void {
  describe('operators and values', () => {
    const house = shared(() => openNotebook(engine));
    const found = async (conditions: Parameters<typeof filterOf>[], op = 'AND', lookups = {}) => {
      const filters = conditions.map((condition) => filterOf(...condition));
      const role = roleOf([rowOf('note', filters, { filterOp: op })]);
      const asked = await asking(house, userOf(2, role, lookups))('GET', '_table/note?order=id&fields=id');
      return asked.status === 200 ? ids(asked) : asked.status;
    };

    test.each([
      [
        ['owner', '=', 2],
        [3, 4],
      ],
      [
        ['owner', '=', '2'],
        [3, 4],
      ],
      [
        ['OWNER', '!=', 2],
        [1, 2],
      ],
      [
        ['score', '>', 20],
        [3, 4],
      ],
      [
        ['score', '>=', '20'],
        [2, 3, 4],
      ],
      [['score', '<', 20], [1]],
      [
        ['score', '<=', 20],
        [1, 2],
      ],
      [
        ['score', 'in', '10, 30'],
        [1, 3],
      ],
      [
        ['score', 'IN', [10, '40']],
        [1, 4],
      ],
      [
        ['score', 'in', '(10,40)'],
        [1, 4],
      ],
      [
        ['score', 'not in', '10,20'],
        [3, 4],
      ],
      [
        ['title', 'in', '\'mine 1\', "mine 2"'],
        [1, 2],
      ],
      [
        ['title', 'starts with', 'mine'],
        [1, 2],
      ],
      [['title', 'ends with', '4'], [4]],
      [
        ['title', 'contains', 'eirs'],
        [3, 4],
      ],
      [['title', 'contains', '%'], []],
      [['title', 'contains', '_'], []],
      [['title', '=', "' or 1=1 -- "], []],
      [['owner', 'is null'], [5]],
      [
        ['owner', 'Is  Not  Null', 'whatever'],
        [1, 2, 3, 4],
      ],
      [['owner', '=', null], [5]],
      [
        ['owner', '!=', null],
        [1, 2, 3, 4],
      ],
      [
        ['owner', '=', '{user.id}'],
        [3, 4],
      ],
      [['title', 'ends with', ' {user.id}'], [2]],
      [
        ['score', 'in', '{scores}'],
        [1, 4],
      ],
      [
        ['score', 'not in', ['{scores}']],
        [2, 3],
      ],
      [
        ['score', 'in', ['{first}', 30]],
        [1, 3],
      ],
    ] as const)('%j', async (condition, expected) => {
      const lookups = { scores: '10,40', first: '10' };
      expect(await found([condition as unknown as Parameters<typeof filterOf>], 'AND', lookups)).toEqual(
        expected,
      );
    });

    test('are joined by AND or OR, and rows of one level by OR', async () => {
      const both: Parameters<typeof filterOf>[] = [
        ['owner', '=', 1],
        ['score', '>', 10],
      ];
      expect(await found(both)).toEqual([2]);
      expect(await found(both, 'OR')).toEqual([1, 2, 3, 4]);
      const role = roleOf([
        rowOf('note', [filterOf('owner', '=', 1), filterOf('score', '>', 10)]),
        rowOf('note', [filterOf('owner', 'is null')]),
      ]);
      expect(ids(await asking(house, userOf(1, role))('GET', '_table/note?order=id'))).toEqual([2, 5]);
    });

    test.each([
      ['a lookup that the caller does not have', ['owner', '=', '{nobody}']],
      ['one that is negated', ['owner', '!=', '{nobody}']],
      ['one in a list', ['score', 'not in', '10,{nobody}']],
      ['a private one', ['owner', '=', '{word}']],
      ['a modifier that does not exist', ['owner', '=', '{shout(user.id)}']],
      ['an empty list', ['score', 'not in', []]],
      ['an empty list as text', ['score', 'not in', ' ']],
    ] as const)('%s finds nothing', async (_what, condition) => {
      expect(await found([condition as unknown as Parameters<typeof filterOf>])).toEqual([]);
    });

    test('what one condition lacks, another one may have', async () => {
      expect(
        await found(
          [
            ['owner', '=', '{nobody}'],
            ['owner', '=', 1],
          ],
          'OR',
        ),
      ).toEqual([1, 2]);
    });

    test.each([
      [
        'a field that the table does not have',
        ['nowhere', '=', 1],
        /'nowhere', which the table does not have/,
      ],
      ['a value that is none', ['owner', '=', { a: 1 }], /something that is no value/],
      ['a list where one value is meant', ['owner', '=', [1, 2]], /something that is no value/],
    ] as const)('%s is refused, and the caller is told whom to ask', async (_what, condition, message) => {
      const role = roleOf([
        rowOf('note', [filterOf(...(condition as unknown as [string, string, unknown]))]),
      ]);
      const caller = asking(house, userOf(1, role));
      for (const [action, path] of [
        ['GET', 'note'],
        ['GET', 'note/1'],
        ['DELETE', 'note?force=true'],
      ] as const) {
        const { status, body } = await caller(action, `_table/${path}`);
        expect([status, body.error.message]).toEqual([403, expect.stringMatching(message)]);
        expect(body.error.message).toMatch(/An administrator has to correct the role/);
      }
    });

    test('records of such a table are not reached through others either', async () => {
      const role = roleOf([rowOf('team', []), rowOf('note', [filterOf('nowhere', '=', 1)])]);
      const { status } = await asking(house, userOf(1, role))('GET', '_table/team?related=note_by_team_id');
      expect(status).toBe(403);
    });
  });
}

function widening(engine: EngineUnderTest): void {
  describe('nothing that a request says gets round a filter', () => {
    const house = shared(() => openNotebook(engine));
    const role = ownersOnly();
    const one: AskAs = (...asked) => asking(house, userOf(1, role))(...asked);

    test.each([
      ['_table/note', { filter: 'owner=1 or 1=1' }],
      ['_table/note', { filter: "title = 'x' or owner = 2" }],
      ['_table/note', { filter: ') or (owner = 2' }],
      ['_table/note', { filter: 'owner = 1) or (owner = 2' }],
      ['_table/note', { filter: 'owner = {user.id} or owner = 2' }],
      ['_table/note', { filter: 'NOT (owner = 1 XOR owner = 2)' }],
      ['_table/note', { filter: 'owner = :o or owner = 2', params: { o: '1 or 1=1' } }],
      ['_table/note', { order: 'id', limit: '2', offset: '1' }],
      ['_table/note', { order: '(select 1)' }],
      ['_table/note', { fields: 'owner', group: 'owner' }],
      ['_table/note', { fields: 'MAX(title)' }],
      ['_table/note', { fields: 'title', group: 'title', having: 'title starts with t or 1=1' }],
      ['_table/note', { ids: '1,2,3,4,5', continue: 'true' }],
      ['_table/note', { ids: '3', id_field: 'id' }],
      ['_table/note', { ids: '2', id_field: 'owner' }],
      ['_table/note', { ids: '0) or (1=1', id_field: 'id' }],
      ['_table/note/3', { id_field: 'id' }],
      ['_table/note/2', { id_field: 'owner' }],
      ['_table/NOTE/3', {}],
      ['_table/Note', { filter: 'owner = 2' }],
      ['_table/note(3)', {}],
      ['_table/slot/1,2', {}],
      ['_table/slot', { ids: '(1,2)' }],
      ['_table/slot', { filter: '(org = 1) and (nr = 2)' }],
      ['_table/team', { related: 'note_by_team_id', 'note_by_team_id.filter': 'owner = 2 or 1 = 1' }],
      ['_table/team', { related: 'note_by_team_id', 'note_by_team_id.filter': 'owner > 0) or (owner > 0' }],
      ['_table/team', { related: { note_by_team_id: { filter: 'owner = 2', order: 'id' } } }],
      [
        '_table/team',
        { related: 'note_by_team_id', 'note_by_team_id.fields': '*', 'note_by_team_id.limit': '9' },
      ],
      ['_table/team', { related: 'note_by_team_id', 'note_by_team_id.group': 'title' }],
      ['_table/word', { related: '*' }],
      ['_table/note', { related: '*' }],
      ['_table/note', { filter: 'owner=2', count_only: 'true' }],
      ['_table/note', { limit: '50000', include_count: 'true', include_schema: 'true' }],
    ] as const)('GET %s %j', async (path, parameters) => {
      const { text, status } = await one('GET', path, { parameters: parameters as never });
      expect(status).toBeLessThan(500);
      expect(text).not.toMatch(/theirs|nobody|"owner": ?(?:2|null)|shut/);
      if ('count_only' in parameters) expect(text).toBe('0');
    });

    test('not in the body of a read either', async () => {
      const { text } = await one('GET', '_table/note', { body: { ids: [1, 2, 3], filter: 'owner = 2' } });
      expect(text).not.toContain('theirs');
    });

    test('nor what a write is told of where it goes', async () => {
      const before = await outside(house, 1);
      const attempts: [Parameters<AskAs>[0], string, object][] = [
        ['PATCH', '_table/note?filter=owner=2 or owner=1', { resource: [{ owner: 1 }] }],
        ['PATCH', '_table/note?id_field=owner', { resource: [{ owner: 2, title: 'x' }] }],
        ['PATCH', '_table/note?id_field=title', { resource: [{ title: 'theirs 3', owner: 1 }] }],
        ['PATCH', '_table/note/3?id_field=id&fields=*', { title: 'x' }],
        ['PUT', '_table/note?ids=3,4,5', { resource: [{ owner: 1 }] }],
        ['PATCH', '_table/NOTE/3', { owner: 1 }],
        ['POST', '_table/note', { resource: [{ id: 3, owner: 1, title: 'x' }] }],
        ['POST', '_table/cover', { resource: [{ note_id: 3, owner: 1 }] }],
        ['DELETE', '_table/note?filter=owner=2 or owner is null', {}],
        ['DELETE', '_table/note?id_field=owner&ids=2', {}],
        ['DELETE', '_table/word?ids=b,c', {}],
        ['PATCH', '_table/note/2', { team_by_team_id: { id: 2, note_by_team_id: [{ id: 4, owner: 1 }] } }],
        ['PATCH', '_table/team/2?allow_related_delete=true', { note_by_team_id: [{ id: 4, team_id: null }] }],
      ];
      for (const [action, path, body] of attempts) {
        const { status, text } = await one(action, path, { body });
        expect(status, `${action} ${path}: ${text}`).toBeLessThan(500);
        expect(text, `${action} ${path}`).not.toMatch(/theirs|nobody|shut/);
        expect(await outside(house, 1), `${action} ${path}`).toEqual(before);
      }
    });
  });
}

const titles = ['mine 1', 'mine 2', 'theirs 3', 'x', 'a%b', 'a_b', "it's", '', '5'];
const scores = [-1, 0, 10, 20, 30, 41];

function anyFilter(engine: EngineUnderTest): void {
  describe('any filter of a role with any filter of a request', () => {
    const house = fresh(engine);
    const plain = {
      title: fc.constantFrom(...titles),
      score: fc.constantFrom(...scores),
      owner: fc.constantFrom(1, 2, 3),
    };
    const comparison = fc.constantFrom('=', '!=', '>', '>=', '<', '<=');
    const condition = fc.oneof(
      fc.tuple(fc.constant('score'), comparison, plain.score),
      fc.tuple(fc.constant('owner'), fc.constantFrom('=', '!='), plain.owner),
      fc.tuple(
        fc.constantFrom('score', 'owner'),
        fc.constantFrom('is null', 'is not null'),
        fc.constant(null),
      ),
      fc.tuple(
        fc.constant('score'),
        fc.constantFrom('in', 'not in'),
        fc.array(plain.score, { minLength: 1, maxLength: 4 }),
      ),
      fc.tuple(
        fc.constant('title'),
        fc.constantFrom('contains', 'starts with', 'ends with'),
        fc.constantFrom(...titles.filter((title) => title !== '')),
      ),
    );
    const row = fc.record({
      filters: fc.array(condition, { minLength: 1, maxLength: 3 }),
      filterOp: fc.constantFrom('AND', 'OR'),
    });
    const rows = fc.array(row, { minLength: 1, maxLength: 2 });

    type Row = { readonly filters: (readonly [string, string, unknown])[]; readonly filterOp: string };
    // What the rows say, in the words of filters of requests, made anew in memory.
    const fits = (given: readonly Row[]) => {
      const tests = given.map(({ filters, filterOp }) => {
        const terms = filters.map(([field, operator, value]) =>
          compileWhere(whereOf(field, operator, value)),
        );
        return (record: Record<string, unknown>) =>
          filterOp === 'OR'
            ? terms.some((term) => term(record) === true)
            : terms.every((term) => term(record) === true);
      });
      return (record: Record<string, unknown>) => tests.some((each) => each(record));
    };
    const roleWith = (given: readonly Row[]) =>
      roleOf(
        given.map(({ filters, filterOp }) =>
          rowOf(
            'note',
            filters.map((each) => filterOf(...each)),
            { filterOp, verbMask: everything },
          ),
        ),
      );

    test('finds what meets both', async () => {
      const all = (await allRecords(house)).note ?? [];
      const client = arbitraryFilter({
        score: plain.score.map(String),
        owner: plain.owner.map(String),
      });
      await fc.assert(
        fc.asyncProperty(rows, client, async (given, { text, where }) => {
          const isGranted = fits(given);
          const isAsked = compileWhere(where);
          const expected = all.filter((record) => isGranted(record) && isAsked(record) === true);
          const caller = asking(house, userOf(1, roleWith(given)));
          const parameters = { filter: text, order: 'id' };
          const { status, body } = await caller('GET', '_table/note', { parameters });
          expect(status, JSON.stringify(body)).toBe(200);
          expect(body.resource).toEqual(expected);
        }),
        { numRuns: 60 },
      );
    });

    test('is written by it only within, and leaves nothing outside', async () => {
      const change = fc.record(
        { score: plain.score, owner: plain.owner, title: fc.constantFrom('x', 'mine 1', '5') },
        { requiredKeys: [] },
      );
      const target = fc.oneof(
        fc.constantFrom('note/1', 'note/3', 'note/5', 'note?ids=1,2,3,4,5&continue=true'),
        fc.constantFrom('note?filter=score>0', 'note?filter=owner is null', 'note?ids=1,3'),
      );
      const verb = fc.constantFrom('PATCH', 'PUT', 'POST', 'DELETE');
      await fc.assert(
        fc.asyncProperty(rows, verb, target, change, async (given, action, path, record) => {
          const isGranted = fits(given);
          const before = (await allRecords(house)).note ?? [];
          const body =
            action === 'POST' ? { resource: [{ title: 'new', ...record }] } : { resource: [record] };
          const asked = action === 'POST' ? '_table/note' : `_table/${path}`;
          const caller = asking(house, userOf(1, roleWith(given)));
          const { status, text } = await caller(action as 'PATCH', asked, {
            ...(action === 'DELETE' ? {} : { body }),
          });
          expect(status, text).toBeLessThan(500);
          const after = (await allRecords(house)).note ?? [];
          const byId = new Map(before.map((each) => [each.id, each]));
          const same = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);
          for (const each of after) {
            if (!same(byId.get(each.id), each)) expect(isGranted(each), `${JSON.stringify(each)}`).toBe(true);
          }
          for (const each of before) if (!isGranted(each)) expect(after).toContainEqual(each);
        }),
        { numRuns: 60 },
      );
    });
  });
}

function whereOf(field: string, operator: string, value: unknown): Parameters<typeof compileWhere>[0] {
  const isNull = { kind: 'null', field } as const;
  if (operator === 'is null') return isNull;
  if (operator === 'is not null') return { kind: 'not', term: isNull };
  if (operator === 'in') return { kind: 'in', field, values: value as number[] };
  if (operator === 'not in') return { kind: 'not', term: { kind: 'in', field, values: value as number[] } };
  return { kind: 'compare', field, op: operator as '=', value: value as string };
}
