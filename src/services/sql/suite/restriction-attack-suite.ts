// The part of the conformance suite about requests that try to reach beyond a filter of a role.
// Invariant: no answer holds anything of the records of others, and no write changes them.
import { describe, expect, test } from 'vitest';
import type { Action, Parameters } from '../../../core/operation.ts';
import { type AskAs, asking, notebook, outside, ownersOnly, userOf } from './restriction-fixture.ts';
import { type EngineUnderTest, openSuiteHouse, shared } from './suite-fixture.ts';

/** Defines the tests of attacks on filters of roles. */
export function restrictionAttackSuite(engine: EngineUnderTest): void {
  describe('nothing that a request says gets round a filter', () => {
    const house = shared(() => openSuiteHouse(engine, notebook));
    const one: AskAs = (...asked) => asking(house, userOf(1, ownersOnly()))(...asked);

    test.each(reads)('GET %s %j', async (table, parameters) => {
      const { text, status } = await one('GET', `_table/${table}`, { parameters });
      expect(status).toBeLessThan(500);
      expect(text).not.toMatch(foreign);
      if ('count_only' in parameters) expect(text).toBe('0');
    });

    test('nor the body of a read', async () => {
      const { text } = await one('GET', '_table/note', { body: { ids: [1, 2, 3], filter: 'owner = 2' } });
      expect(text).not.toMatch(foreign);
    });

    test.each(writes)('%s %s %j', async (action, path, body) => {
      const before = await outside(house, 1);
      const { status, text } = await one(action, `_table/${path}`, { body });
      expect(status, text).toBeLessThan(500);
      expect(text).not.toMatch(foreign);
      expect(await outside(house, 1)).toEqual(before);
    });
  });
}

// What stands in records of others only.
const foreign = /theirs|nobody|"owner": ?(?:2|null)|shut|azure/;

const conditions = [
  'owner=1 or 1=1',
  "title = 'x' or owner = 2",
  ') or (owner = 2',
  'owner = 1) or (owner = 2',
  'owner = {user.id} or owner = 2',
  'NOT (owner = 1 XOR owner = 2)',
  'NOT (id = 0)',
  'owner is null or owner is not null',
  "title like '%'",
  'id between 0 and 99',
  'owner in (1, 2)',
];

const reads: [string, Parameters][] = [
  ...conditions.map((filter): [string, Parameters] => ['note', { filter }]),
  ...conditions.map((filter): [string, Parameters] => [
    'team/1',
    { related: 'note_by_team_id', 'note_by_team_id.filter': filter },
  ]),
  ['note', { where: 'owner = :o or owner = 2', params: { o: '1 or 1=1' } }],
  ['note', { filter: 'owner=2', count_only: 'true' }],
  ['note', { order: 'id', limit: '2', offset: '1' }],
  ['note', { order: '(select 1)' }],
  ['note', { fields: 'owner', group: 'owner' }],
  ['note', { fields: 'MAX(title)' }],
  ['note', { fields: 'title', group: 'title', having: "title starts with 't'" }],
  ['note', { ids: '1,2,3,4,5', continue: 'true' }],
  ['note', { ids: '3', id_field: 'id' }],
  ['note', { ids: '2', id_field: 'owner' }],
  ['note', { ids: '0) or (1=1', id_field: 'id' }],
  ['note', { limit: '50000', include_count: 'true', include_schema: 'true' }],
  ['note', { related: '*' }],
  ['note/3', { id_field: 'id' }],
  ['note/2', { id_field: 'owner' }],
  ['note/3', { related: '*' }],
  ['NOTE/3', {}],
  ['Note', { filter: 'owner = 2' }],
  ['note(3)', {}],
  ['slot/1,2', {}],
  ['slot', { ids: '(1,2)' }],
  ['slot', { filter: '(org = 1) and (nr = 2)' }],
  ['team', { related: { note_by_team_id: { filter: 'owner = 2', order: 'id' } }, fields: 'id' }],
  ['team', { related: 'note_by_team_id', 'note_by_team_id.limit': '9', fields: 'id' }],
  ['team', { related: 'note_by_team_id', 'note_by_team_id.group': 'title', fields: 'id' }],
  ['word', { related: '*' }],
  ['cover/3', {}],
  ['cover', { related: 'note_by_note_id', 'note_by_note_id.related': '*' }],
];

const writes: [Action, string, object][] = [
  ['PATCH', 'note?filter=owner=2 or owner=1', { resource: [{ owner: 1 }] }],
  ['PATCH', 'note?id_field=owner', { resource: [{ owner: 2, title: 'x' }] }],
  ['PATCH', 'note?id_field=title', { resource: [{ title: 'theirs 3', owner: 1 }] }],
  ['PATCH', 'note/3?id_field=id&fields=*&related=*', { title: 'x' }],
  ['PUT', 'note?ids=3,4,5&fields=*', { resource: [{ owner: 1 }] }],
  ['PUT', 'note', { resource: [{ id: 3, owner: 1 }] }],
  ['PATCH', 'NOTE/3', { owner: 1 }],
  ['PATCH', 'slot/1,2', { owner: 1 }],
  ['PATCH', 'slot', { resource: [{ org: 1, nr: 2, owner: 1 }] }],
  ['POST', 'note', { resource: [{ id: 3, owner: 1, title: 'x' }] }],
  ['POST', 'note?fields=*&related=*', { resource: [{ owner: 1, title: 'x', team_by_team_id: { id: 1 } }] }],
  ['POST', 'cover', { resource: [{ note_id: 3, owner: 1 }] }],
  ['DELETE', 'note?filter=owner=2 or owner is null', {}],
  ['DELETE', 'note?id_field=owner&ids=2', {}],
  ['DELETE', 'note/4?fields=*&related=*', {}],
  ['DELETE', 'word?ids=b,c', {}],
  ['DELETE', 'slot?ids=(1,2)', {}],
  ['PATCH', 'note/2', { team_by_team_id: { id: 2, note_by_team_id: [{ id: 4, owner: 1 }] } }],
  ['PATCH', 'note/2', { team_by_team_id: { id: 2, note_by_team_id: [{ id: 4 }] } }],
  ['PATCH', 'team/2?allow_related_delete=true', { note_by_team_id: [{ id: 4, team_id: null }] }],
  ['PATCH', 'note/1?allow_related_delete=true', { tagging_by_note_id: [{ id: 2, note_id: null }] }],
  ['PATCH', 'note/1', { word_by_tagging: [{ code: 'b', 'tagging.id': null }] }],
  ['PATCH', 'note/1', { word_by_tagging: [{ code: 'b', owner: 1 }] }],
  ['PATCH', 'word/a', { tagging_by_word_code: [{ id: 5, weight: 9 }] }],
];
