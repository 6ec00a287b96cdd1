// The part of the conformance suite about filters of roles: what a caller reads, and the other parts.
// Invariant: no scenario knows which engine it runs on; records outside a role's filter are as if they did
// not exist, and never change.
import { describe, expect, test } from 'vitest';
import { roleOf } from '../../../core/role-fixture.ts';
import { restrictionAttackSuite } from './restriction-attack-suite.ts';
import { type AskAs, asking, ids, notebook, own, ownersOnly, rowOf, userOf } from './restriction-fixture.ts';
import { restrictedNestingSuite } from './restriction-nested-suite.ts';
import { restrictionPropertySuite } from './restriction-property-suite.ts';
import { restrictedValueSuite } from './restriction-value-suite.ts';
import { restrictedWriteSuite } from './restriction-write-suite.ts';
import { type EngineUnderTest, openSuiteHouse, shared } from './suite-fixture.ts';

/** Defines the tests of filters of roles for an engine. */
export function restrictionSuite(engine: EngineUnderTest): void {
  describe('filters of roles', () => {
    lists(engine);
    kinds(engine);
    portions(engine);
    restrictedWriteSuite(engine);
    restrictedNestingSuite(engine);
    restrictedValueSuite(engine);
    restrictionAttackSuite(engine);
    restrictionPropertySuite(engine);
  });
}

function lists(engine: EngineUnderTest): void {
  describe('lists, records and counts', () => {
    const house = shared(() => openSuiteHouse(engine, notebook));
    const role = ownersOnly();
    const one: AskAs = (...asked) => asking(house, userOf(1, role))(...asked);
    const two: AskAs = (...asked) => asking(house, userOf(2, role))(...asked);

    test('a list, each caller his own, by the same role', async () => {
      expect(ids(await one('GET', '_table/note?order=id'))).toEqual([1, 2]);
      expect(ids(await two('GET', '_table/note?order=id'))).toEqual([3, 4]);
      expect(ids(await one('GET', '_table/note?order=id'))).toEqual([1, 2]);
      expect(ids(await house().ask('GET', '_table/note?order=id'))).toEqual([1, 2, 3, 4, 5]);
    });

    test('many callers at the same time, each his own', async () => {
      const callers = Array.from({ length: 40 }, (_unused, index) => (index % 2) + 1);
      const asked = callers.map((id) =>
        asking(house, userOf(id, role))('GET', '_table/note?order=id&fields=owner&limit=5'),
      );
      const seen = (await Promise.all(asked)).map(({ body }) => body.resource);
      expect(seen).toEqual(callers.map((owner) => [{ owner }, { owner }]));
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
  });
}

function kinds(engine: EngineUnderTest): void {
  describe('groups, related records and schema', () => {
    const house = shared(() => openSuiteHouse(engine, notebook));
    const role = ownersOnly();
    const one: AskAs = (...asked) => asking(house, userOf(1, role))(...asked);
    const two: AskAs = (...asked) => asking(house, userOf(2, role))(...asked);

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

    test('with rules for fields, where another role has the same filter without', async () => {
      const fields = [{ field: 'score', access: 'masked', mask: '*' }];
      const masked = asking(house, userOf(1, roleOf([rowOf('note', [own], { fields })])));
      for (const path of ['_table/note?order=id&fields=score', '_table/note?ids=1&fields=score']) {
        expect((await one('GET', path)).body.resource[0]).toEqual({ score: 10 });
        expect((await masked('GET', path)).body.resource[0]).toEqual({ score: '*' });
        expect((await two('GET', '_table/note/3?fields=score')).body).toEqual({ score: 30 });
      }
      const hidden = [{ field: 'owner', access: 'hidden', mask: null }];
      const blind = asking(house, userOf(2, roleOf([rowOf('note', [own], { fields: hidden })])));
      const seen = await blind('GET', '_table/note?order=id');
      expect(ids(seen)).toEqual([3, 4]);
      expect(seen.text).not.toContain('owner');
      expect((await blind('PATCH', '_table/note/3', { body: { score: 31 } })).status).toBe(200);
      expect((await blind('PATCH', '_table/note/1', { body: { score: 31 } })).status).toBe(404);
    });
  });
}

function portions(engine: EngineUnderTest): void {
  describe('long lists and what shows no records', () => {
    const house = shared(() => openSuiteHouse(engine, notebook, { max_records: 100_000 }));
    const one: AskAs = (...asked) => asking(house, userOf(1, ownersOnly()))(...asked);

    test('a list that is read in portions', async () => {
      for (const more of ['', '&include_count=true', '&related=team_by_team_id', '&filter=id>0 or id<0']) {
        expect(ids(await one('GET', `_table/note?limit=100000&order=id${more}`)), more).toEqual([1, 2]);
      }
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
      // What routines show is nothing that a filter could be applied to.
      for (const path of ['_proc', '_func', '_proc/any', '_func/any']) {
        for (const action of ['GET', 'POST'] as const) {
          expect([403, 404], `${action} ${path}`).toContain((await wide(action, path)).status);
        }
      }
      expect(ids(await wide('GET', '_table/note?order=id'))).toEqual([1, 2]);
    });
  });
}
