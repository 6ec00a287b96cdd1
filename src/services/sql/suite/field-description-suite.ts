// What a role is told of fields that it restricts, on every engine, and rules that differ by verb.
// Invariant: descriptions and conditions know no more than answers.
import { expect, test } from 'vitest';
import { grantOf, roleOf } from '../../../core/role-fixture.ts';
import { type Known, looking, message, roleWith, row, spellings } from './field-rule-fixture.ts';

/** Defines the tests of the schema and of lists. */
export function describedFields({ as }: Known): void {
  const role = roleWith({
    person: { ssn: 'hidden', pay: 'masked', mail: 'read_only', id: 'read_only' },
    phone: { person_id: 'hidden' },
  });
  const names = (fields: { name: string }[]) => fields.map(({ name }) => name);

  test('the schema is that of the tables as they are seen', async () => {
    const ask = as(role);
    const { body } = await ask('GET', '_schema/person');
    expect(names(body.field)).toEqual(['id', 'name', 'pay', 'mail', 'note', 'born', 'active']);
    expect(names(body.related)).toEqual(['member_by_person_id', 'team_by_member']);
    const field = (name: string) => body.field.find((each: { name: string }) => each.name === name);
    expect(field('pay')).toMatchObject({
      type: 'string',
      validation: { api_read_only: null },
      precision: null,
    });
    expect(field('mail').validation).toEqual({ api_read_only: null });
    expect(field('name').validation).toBeNull();
    expect(names((await ask('GET', '_schema/person/_field')).body.resource)).toEqual(names(body.field));
    expect((await ask('GET', '_schema?fields=*')).text).not.toContain('"ssn"');
    expect((await ask('GET', '_table?fields=*')).text).not.toContain('"ssn"');
    expect(
      (await ask('GET', '_table/person?include_schema=true&limit=1')).body.meta.schema.field,
    ).toHaveLength(7);
    const phone = await ask('GET', '_schema/phone');
    expect(phone.body.related).toEqual([]);
    for (const path of ['_field/', '_field/', '']) {
      for (const name of spellings('ssn')) {
        const hidden = await ask('GET', `_schema/person/${path}${name}`);
        const none = await ask('GET', `_schema/person/${path}nope`);
        expect([hidden.status, hidden.text]).toEqual([404, none.text.replace('nope', name)]);
      }
    }
    expect((await ask('GET', '_schema/phone/_related/person_by_person_id')).status).toBe(404);
  });

  test('a rule for a field that is called otherwise now does not let it be seen', async () => {
    const lost = { person: { ssn: 'hidden', secret: 'masked' } } as const;
    const refused = await as(roleWith(lost))('GET', '_table/person/1');
    expect([refused.status, message(refused)]).toEqual([
      403,
      expect.stringMatching(/has to correct the role/),
    ]);
    expect(refused.text).not.toContain('secret');
    const every = as(roleOf([row('*', lost.person), ...looking]));
    expect((await every('GET', '_table/team/1')).body).toEqual({ id: 1, title: 'red' });
    expect((await every('GET', '_table/person/1?fields=*')).text).not.toContain('111-1');
    // Whoever may look at all tables is not kept from the others.
    expect((await as(roleWith(lost))('GET', '_schema?as_list=true')).body.resource).toContain('person');
  });

  test('rules below _schema hold there', async () => {
    const ask = as(
      roleOf([
        row('person'),
        grantOf({ component: '_schema/*', fields: [{ field: 'ssn', access: 'hidden' }] }),
      ]),
    );
    for (const path of ['_schema/person', '_schema/person/_field', '_schema?fields=*']) {
      const { status, text } = await ask('GET', path);
      expect([status, text.includes('"ssn"')], path).toEqual([200, false]);
    }
    expect((await ask('GET', '_table/person/1')).body).toMatchObject({ ssn: '111-1' });
  });
}

/** Defines the tests of what is listed above the tables. */
export function listedRoots({ as }: Known): void {
  test('the root shows what the role reaches', async () => {
    const everything = (await as(roleWith({}))('GET', '?as_list=true')).body.resource;
    expect(everything).toEqual(expect.arrayContaining(['_schema', '_table']));
    const ask = as(roleOf([grantOf({ component: '' }), row('phone', {}, { verbMask: 3 })]));
    expect((await ask('GET', '?as_list=true')).body.resource).toEqual(['_table']);
    expect((await ask('GET', '?include_access=true')).body.resource).toEqual([
      { name: '_table', access: [] },
    ]);
    expect((await ask('GET', '?as_access_list=true')).body.resource).toEqual([
      ...['', '*', '_table/', '_table/*', '_table/phone/', '_table/phone/*'],
    ]);
    const lists = as(roleOf([grantOf({ component: '_table' }), row('phone', {}, { verbMask: 3 })]));
    expect((await lists('GET', '_table?include_access=true')).body.resource).toEqual([
      { name: 'phone', access: ['GET', 'POST'] },
    ]);
  });
}

/** Defines the tests of roles that say another thing for each verb. */
export function fieldsByVerb({ as, stored }: Known): void {
  const reading = row('person', { ssn: 'hidden', pay: 'masked' }, { verbMask: 1 });
  const writing = row('person', {}, { verbMask: 30 });

  test('what may only be written is not told by writing it', async () => {
    const ask = as(roleOf([reading, writing, ...looking]));
    const { body } = await ask('PATCH', '_table/person/3?fields=*', { body: { ssn: '113-3', pay: 30 } });
    expect(body).toEqual({ id: 3, name: 'Cyd', pay: '***', mail: null, note: 'x', born: null, active: true });
    expect(await stored(3)).toMatchObject({ ssn: '113-3', pay: 30 });
    const change = { body: { resource: [{ note: 'x' }] } };
    for (const path of [
      "_table/person?filter=ssn like '113%25'",
      '_table/person?filter=pay=30',
      '_table/person?ids=113-3&id_field=ssn',
    ]) {
      const asked = await ask('PATCH', path, change);
      const none = await ask('PATCH', path.replace(/(?<=[?=])(?:ssn|pay)(?=[ =]|$)/g, 'nope'), change);
      expect([path, asked.status, asked.text]).toEqual([
        path,
        400,
        none.text.replaceAll('nope', path.includes('pay') ? 'pay' : 'ssn'),
      ]);
    }
  });

  test('who may not read at all learns nothing of hidden fields', async () => {
    const ask = as(roleOf([row('person', { ssn: 'hidden' }, { verbMask: 30 }), ...looking]));
    expect((await ask('GET', '_schema/person')).text).not.toContain('"ssn"');
    const [asked, none] = [
      await ask('PATCH', '_table/person/3?fields=ssn', { body: { note: 'x' } }),
      await ask('PATCH', '_table/person/3?fields=nope', { body: { note: 'x' } }),
    ];
    expect([asked.status, asked.text]).toEqual([none.status, none.text.replace('nope', 'ssn')]);
  });

  test('rules of several rows add up to what one of them allows', async () => {
    const rows = [
      row('person', { ssn: 'hidden', pay: 'masked' }),
      row('person', { ssn: 'read_only', name: 'hidden' }),
    ];
    const ask = as(roleOf(rows));
    expect((await ask('GET', '_table/person/1?fields=name,ssn,pay')).body).toEqual({
      name: 'Ada',
      ssn: '111-1',
      pay: 10.5,
    });
    expect((await ask('PATCH', '_table/person/1', { body: { ssn: '1' } })).status).toBe(403);
  });
}
