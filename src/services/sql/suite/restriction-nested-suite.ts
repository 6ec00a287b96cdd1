// The part of the conformance suite about records that bring others under filters of roles: each is made,
// changed, adopted, let go and linked by the filter of its own table.
// Invariant: after every test all records of others are what they were.
import { describe, expect, test } from 'vitest';
import { roleOf } from '../../../core/role-fixture.ts';
import { allRecords, asking, denied, filterOf, own, owner, rowOf, userOf } from './restriction-fixture.ts';
import type { EngineUnderTest } from './suite-fixture.ts';

/** Defines the tests of writing records with related ones under filters of roles. */
export function restrictedNestingSuite(engine: EngineUnderTest): void {
  children(engine);
  others(engine);
  verbs(engine);
}

function children(engine: EngineUnderTest): void {
  describe('children of written records', () => {
    const { house, one } = owner(engine);

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
  });
}

function others(engine: EngineUnderTest): void {
  describe('parents, only children and links of written records', () => {
    const { house, one } = owner(engine);

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

    test('the one child, where there is one of others', async () => {
      const changed = await one('PATCH', '_table/note/2', { body: { badge_by_note_id: { label: 'new' } } });
      expect(changed.status).toBe(200);
      expect((await allRecords(house)).badge?.[1]).toMatchObject({ id: 2, owner: 1, label: 'new' });
      const taken = await one('PATCH', '_table/note/1', {
        body: { badge_by_note_id: { label: 'x', owner: 1 } },
      });
      expect(taken.status).toBe(409);
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

function verbs(engine: EngineUnderTest): void {
  describe('a written record that brings others, by verbs that are restricted each by itself', () => {
    const { house } = owner(engine);
    const visible = filterOf('score', '<', 15);
    const role = roleOf([
      rowOf('team', []),
      rowOf('note', [visible], { verbMask: 1 }),
      rowOf('note', [own, filterOf('kind', '=', 'made')], { verbMask: 2 }),
      rowOf('note', [own, filterOf('score', '>', 5)], { verbMask: 8 }),
    ]);
    const patch = (child: object) =>
      asking(house, userOf(1, role))('PATCH', '_table/team/1', { body: { note_by_team_id: [child] } });

    test('what is made must fit what may be made', async () => {
      expect((await patch({ owner: 1, title: 'n', kind: 'other' })).status).toBe(403);
      expect((await patch({ owner: 1, title: 'n', kind: 'made', score: 99 })).status).toBe(200);
    });

    test('what is changed must fit what may be changed, seen or not', async () => {
      expect((await patch({ id: 2, kind: 'k' })).status).toBe(200);
      expect((await patch({ id: 2, score: 1 })).status).toBe(403);
      expect((await allRecords(house)).note?.[1]).toMatchObject({ id: 2, kind: 'k', score: 20 });
    });

    test('what is only named must be seen', async () => {
      const caller = asking(
        house,
        userOf(
          1,
          roleOf([rowOf('note', [own]), rowOf('team', [filterOf('region', '=', 'north')], { verbMask: 1 })]),
        ),
      );
      const named = (id: number) => caller('PATCH', '_table/note/2', { body: { team_by_team_id: { id } } });
      expect((await named(2)).status).toBe(404);
      expect((await named(1)).status).toBe(200);
    });
  });
}
