// Rules of roles for fields, the same on every engine: what is hidden can not be told from what never was,
// what is masked shows its mask and nothing else, what is only read is not written by any way.
// Invariant: a name that no table has is asked beside each hidden one, and both get the same answer.
import { describe, expect, test } from 'vitest';
import type { Role } from '../../../core/role.ts';
import { describedFields, fieldsByVerb, listedRoots } from './field-description-suite.ts';
import { type Known, message, people, roleWith, same } from './field-rule-fixture.ts';
import { writtenFields } from './field-write-suite.ts';
import { asking, userOf } from './restriction-fixture.ts';
import { type EngineUnderTest, openSuiteHouse, shared } from './suite-fixture.ts';

/** Queries that name a field, as `{f}`. */
const queries: readonly string[] = [
  ...[
    'fields={f}',
    'fields=id,{f}',
    'fields=*,{f}',
    'fields=SUM({f})',
    'fields=COUNT({f})',
    'fields=MIN({f}),id',
  ],
  ...['fields=COUNT(distinct {f})', 'fields=MAX(`{f}`)', 'group={f}', 'group=name,{f}&fields=name'],
  ...['group=name&fields=name,MAX({f})', 'group=name&order=MAX_{f}', "group=name&having=MAX({f}) > '1'"],
  ...['group=name&having=COUNT_{f} > 0', 'order={f}', 'order=id,{f} desc', 'order={f} asc nulls last'],
  ...[
    'ids=1&id_field={f}',
    'id_field={f},id&ids=(1,1)',
    'filter={f}=1',
    "filter={f} = '111-1'",
    'filter={f}!=1',
  ],
  ...[
    "filter={f} > '1'",
    "filter={f} >= '1'",
    "filter={f} < '9'",
    "filter={f} <= '9'",
    "filter={f} in ('111-1')",
  ],
  ...[
    "filter={f} not in ('1')",
    "filter={f} like '1%25'",
    "filter={f} not like '1%25'",
    'filter={f} starts with 1',
  ],
  ...['filter={f} ends with 1', 'filter={f} contains 1', 'filter={f} is null', 'filter={f} is not null'],
  ...["filter={f} between '1' and '2'", "filter=not ({f} = '1')", "filter=(id = 1) and ({f} = '111-1')"],
  ...['filter=(id = 1) or (not (({f} is null)))', "filter=id = 1 and {f} = '1'", 'filter=`{f}` is null'],
  ...['filter={f} = :x&params[x]=111-1', 'filter={f} is null&count_only=true', 'filter={f} is null&limit=0'],
  ...[
    "filter=person.{f} = '1'",
    "filter={f}.x = '1'",
    'order=person.{f}',
    'order={f}.x',
    'fields=person.{f}',
  ],
  ...[
    'fields={f}.x',
    'group=person.{f}',
    'fields=`{f}`',
    'fields=[{f}]',
    'fields= {f} ',
    'where={f}=1',
    'sort={f}',
  ],
  ...['select={f}', 'group_by={f}', 'order_by={f}', 'related={f}_by_id', 'related=person_by_{f}'],
];

/** Queries of person that name a field of its phones. */
const relatedQueries: readonly string[] = ['fields={f}', 'order={f}', 'group={f}', "filter={f} = '4711'"].map(
  (option) => `related=phone_by_person_id&phone_by_person_id.${option}`,
);

/** Defines the tests of rules for fields. */
export function fieldRuleSuite(engine: EngineUnderTest): void {
  describe('rules of roles for fields', () => {
    const house = shared(() => openSuiteHouse(engine, people));
    const as = (role: Role) => asking(house, userOf(1, role));
    const stored = async (id: number) => (await house().ask('GET', `_table/person/${id}`)).body;
    const known = { house, as, stored };
    hiddenReads(known);
    hiddenKeys(known);
    maskedReads(known);
    writtenFields(known);
    describedFields(known);
    listedRoots(known);
    fieldsByVerb(known);
  });
}

function hiddenReads({ as, house }: Known): void {
  const role = roleWith({ person: { ssn: 'hidden', pay: 'hidden' }, phone: { pin: 'hidden' } });

  test('a hidden field is in no answer', async () => {
    const ask = as(role);
    const whole = { id: 1, name: 'Ada', mail: 'ada@x', note: 'first', born: null, active: true };
    for (const query of [
      '',
      'fields=*',
      'include_count=true',
      'filter=id=1',
      'order=name&limit=1',
      'ids=1',
    ]) {
      const { body } = await ask('GET', `_table/person?${query}`);
      expect(body.resource[0], query).toEqual(whole);
    }
    expect((await ask('GET', '_table/person/1')).body).toEqual(whole);
    const related = await ask('GET', '_table/person/1?related=*');
    expect(related.body.phone_by_person_id).toEqual([
      { id: 1, person_id: 1, number: '555-1' },
      { id: 2, person_id: 1, number: '555-2' },
    ]);
    expect(related.body.team_by_member).toEqual([{ id: 1, title: 'red' }]);
    expect((await house().ask('GET', '_table/person/1')).body).toMatchObject({ ssn: '111-1', pay: 10.5 });
  });

  test.each(queries)('?%s takes a hidden field for one that is none', async (query) => {
    await same(as(role), `_table/person?${query}`, 'ssn');
    await same(as(role), `_table/person?${query}`, 'pay');
  });

  test.each(relatedQueries)('?%s too, of related records', async (query) => {
    await same(as(role), `_table/person?${query}`, 'pin');
  });

  test('no condition of a write tells of it either', async () => {
    const ask = as(role);
    const body = { resource: [{ mail: 'changed' }] };
    await same(ask, "PATCH _table/person?filter={f} like '1%25'", 'ssn', () => ({ body }));
    await same(ask, 'PATCH _table/person?ids=111-1&id_field={f}', 'ssn', () => ({ body }));
    await same(ask, 'PATCH _table/person/1?fields={f}', 'ssn', () => ({ body: { mail: 'changed' } }));
    await same(ask, 'PATCH _table/person/1?fields=SUM({f})', 'ssn', () => ({ body: { mail: 'changed' } }));
    await same(ask, "DELETE _table/person?filter={f} = '111-1'", 'ssn');
    await same(ask, 'DELETE _table/person?ids=111-1&id_field={f}', 'ssn');
    expect((await house().ask('GET', '_table/person?filter=mail=changed&count_only=true')).body).toBe(0);
  });
}

function hiddenKeys({ as, house }: Known): void {
  test('what relates by a hidden field does not', async () => {
    const ask = as(roleWith({ phone: { person_id: 'hidden' }, member: { team_id: 'hidden' } }));
    expect(Object.keys((await ask('GET', '_table/person/1?related=*')).body)).toEqual([
      ...['id', 'name', 'ssn', 'pay', 'mail', 'note', 'born', 'active', 'member_by_person_id'],
    ]);
    const gone = ['phone_by_person_id', 'team_by_member'];
    for (const name of gone) {
      const { status, text } = await ask('GET', `_table/person?related=${name}`);
      const none = await ask('GET', '_table/person?related=nope');
      expect([status, text]).toEqual([none.status, none.text.replace('nope', name)]);
    }
    expect((await ask('GET', '_table/phone/1?related=*')).body).toEqual({
      id: 1,
      number: '555-1',
      pin: '4711',
    });
    const nested = { phone_by_person_id: [{ number: '1' }], name: 'Ada' };
    expect((await ask('PATCH', '_table/person/1', { body: nested })).status).toBe(200);
    expect((await house().ask('GET', '_table/phone?count_only=true')).body).toBe(3);
  });

  test('a hidden key leaves filters to find records by', async () => {
    const ask = as(roleWith({ team: { id: 'hidden' } }));
    expect((await ask('GET', "_table/team?filter=title='red'")).body).toEqual({
      resource: [{ title: 'red' }],
    });
    expect(message(await ask('GET', '_table/team/1'))).toMatch(/has no primary key/);
    expect(message(await ask('GET', '_table/team?ids=1'))).toMatch(/has no primary key/);
    const made = await ask('POST', '_table/team', { body: { resource: [{ title: 'blue' }] } });
    expect([made.status, made.body]).toEqual([200, { resource: [{}] }]);
    expect(
      (await ask('PATCH', '_table/team?filter=title=blue', { body: { resource: [{ title: 'x' }] } })).status,
    ).toBe(400);
    const gone = await ask('DELETE', '_table/team?filter=title=blue&id_field=title');
    expect([gone.status, gone.body]).toEqual([200, { resource: [{ title: 'blue' }] }]);
  });
}

function maskedReads({ as, house }: Known): void {
  const masks = ['***', '', 'it\'s \\ "q" ? :x $1 %s {x} -- /*', '•'.repeat(255), null];
  test.each(masks)('a masked field answers %j, whether or not there is a value', async (mask) => {
    const rules = { ssn: 'masked', pay: 'masked', born: 'masked', active: 'masked' } as const;
    const ask = as(roleWith({ person: rules }, mask));
    const shown = { ssn: mask, pay: mask, born: mask, active: mask };
    for (const path of [
      '_table/person?order=id',
      '_table/person?ids=1,2,3',
      '_table/person?include_count=true&order=id',
    ]) {
      const { body } = await ask('GET', path);
      expect(body.resource, path).toMatchObject([
        { id: 1, ...shown, name: 'Ada' },
        { id: 2, ...shown, mail: 'bob@x' },
        { id: 3, ...shown },
      ]);
    }
    expect((await ask('GET', '_table/person/2?fields=SSN,id')).body).toEqual({ ssn: mask, id: 2 });
    expect((await ask('GET', '_table/phone/1?related=*')).body).toMatchObject({
      person_by_person_id: { ...shown, id: 1 },
    });
    expect((await ask('GET', '_table/person?group=name&fields=name&order=name')).body.resource).toHaveLength(
      3,
    );
    const { body } = await ask('PATCH', '_table/person/1?fields=*', { body: { note: 'first' } });
    expect(body).toMatchObject({ id: 1, ...shown, note: 'first' });
    expect((await house().ask('GET', '_table/person/1')).body).toMatchObject({ ssn: '111-1', pay: 10.5 });
  });

  const role = roleWith({ person: { ssn: 'masked' }, phone: { pin: 'masked' } });
  const answered = /^(?:fields=(?:id,|\*,|`|\[| )?\{f\}|select=)/;
  test.each(queries.filter((query) => !answered.test(query)))('?%s has no use for it', async (query) => {
    await same(as(role), `_table/person?${query}`, 'ssn');
  });

  test.each(relatedQueries.slice(1))('?%s neither, of related records', async (query) => {
    await same(as(role), `_table/person?${query}`, 'pin');
  });

  test('what relates by it does not', async () => {
    const ask = as(roleWith({ phone: { person_id: 'masked' } }));
    expect((await ask('GET', '_table/phone?fields=*&related=*&limit=1')).body.resource).toEqual([
      { id: 1, person_id: '***', number: '555-1', pin: '4711' },
    ]);
    expect((await ask('GET', '_table/person?related=phone_by_person_id')).status).toBe(400);
  });
}
