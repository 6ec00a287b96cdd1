// The part of the conformance suite about writing under filters of roles. Invariant: after every test all
// records of others are what they were.
import { describe, expect, test } from 'vitest';
import { roleOf } from '../../../core/role-fixture.ts';
import {
  allRecords,
  asking,
  denied,
  filterOf,
  ids,
  own,
  owner,
  rowOf,
  userOf,
} from './restriction-fixture.ts';
import type { EngineUnderTest } from './suite-fixture.ts';

/** Defines the tests of writing under filters of roles. */
export function restrictedWriteSuite(engine: EngineUnderTest): void {
  making(engine);
  changing(engine);
  deleting(engine);
  upserting(engine);
}

function making(engine: EngineUnderTest): void {
  describe('making records', () => {
    const { house, one } = owner(engine);

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
  });
}

function changing(engine: EngineUnderTest): void {
  describe('changing records', () => {
    const { house, one } = owner(engine);

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
  });
}

function deleting(engine: EngineUnderTest): void {
  describe('deleting records, and what is told of them', () => {
    const { house, one } = owner(engine);

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
      const open = asking(house, userOf(1, roleOf([rowOf('note', [], { verbMask: 8 })])));
      const told = await open('PATCH', '_table/note/1?fields=*', { body: { kind: 'm' } });
      expect(told.body).toEqual({ id: 1 });
    });
  });
}

function upserting(engine: EngineUnderTest): void {
  describe('making what is not there by PUT', () => {
    const { house, one } = owner(engine, { allow_upsert: true });

    test('touches no record of others, and says no more than that the key is taken', async () => {
      const taken = await one('PUT', '_table/word/b?fields=*', { body: { owner: 1 } });
      expect(taken.status).toBe(409);
      expect(taken.text).not.toMatch(/"owner"/);
      const slot = await one('PUT', '_table/slot', { body: { resource: [{ org: 1, nr: 2, owner: 1 }] } });
      expect(slot.body.error.context?.resource?.[0].code ?? slot.status).toBe(409);
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
