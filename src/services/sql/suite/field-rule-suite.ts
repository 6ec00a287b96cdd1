// Rules of roles for fields, the same on every engine: what is hidden can not be told from what never was,
// what is masked shows its mask and nothing else, what is only read is not written by any way.
// Invariant: a name that no table has is asked beside each hidden one, and both get the same answer.
import { describe, expect, test } from 'vitest';
import type { Principal } from '../../../core/operation.ts';
import type { FieldRule } from '../../../core/restriction.ts';
import type { Grant, Role } from '../../../core/role.ts';
import { grantOf, roleOf } from '../../../core/role-fixture.ts';
import type { CallParts } from './path-fixture.ts';
import { type AskAs, asking, userOf } from './restriction-fixture.ts';
import { type EngineUnderTest, openSuiteHouse, type SuiteAnswer, shared } from './suite-fixture.ts';

const sql = `
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
    ('Ada', '111-1', 10.5, 'ada@x', 'first'), ('Bob', NULL, 20, 'bob@x', NULL), ('Cyd', '113-3', 30, NULL, 'x');
  INSERT INTO phone(person_id, number, pin) VALUES (1, '555-1', '4711'), (1, '555-2', NULL), (2, '555-3', '4713');
  INSERT INTO team(title) VALUES ('red');
  INSERT INTO member(person_id, team_id, rank) VALUES (1, 1, 'chief');
`;

type Rules = Readonly<Record<string, FieldRule['access']>>;

/** A row of access to a table. */
function row(table: string, rules: Rules = {}, over: Partial<Grant> & { mask?: string | null } = {}): Grant {
  const { mask = '***', ...more } = over;
  const fields = Object.entries(rules).map(([field, access]) => ({
    ...{ field, access, mask: access === 'masked' ? mask : null },
  }));
  return grantOf({ component: `_table/${table}`, verbMask: 31, fields, ...more });
}

const looking = [
  grantOf({ component: '_schema/*' }),
  grantOf({ component: '' }),
  grantOf({ component: '_table' }),
];

/** Everything of all tables, but for the rules given by table. */
function roleWith(rules: Readonly<Record<string, Rules>>, mask: string | null = '***'): Role {
  const tables = ['person', 'phone', 'vault', 'form', 'team', 'member'];
  return roleOf([...looking, ...tables.map((table) => row(table, rules[table], { mask }))]);
}

const caller = (role: Role): Principal => userOf(1, role);

const message = ({ body }: SuiteAnswer): string => {
  const { error } = body;
  return (
    error.context?.resource?.find((entry: { message?: string }) => entry.message !== undefined)?.message ??
    error.message
  );
};

const denied = 'Denied access to some of the requested fields.';

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

const spellings = (name: string) => [name, name.toUpperCase()];

/** Asks for a hidden field and for one that is none, which must be the same. */
async function same(ask: AskAs, path: string, name: string, parts: (name: string) => CallParts = () => ({})) {
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

/** Defines the tests of rules for fields. */
export function fieldRuleSuite(engine: EngineUnderTest): void {
  describe('rules of roles for fields', () => {
    const house = shared(() => openSuiteHouse(engine, sql));
    const as = (role: Role) => asking(house, caller(role));
    const stored = async (id: number) => (await house().ask('GET', `_table/person/${id}`)).body;
    const known = { house, as, stored };
    hiddenReads(known);
    maskedReads(known);
    writes(known);
    descriptions(known);
    verbs(known);
  });
}

interface Known {
  readonly house: () => { ask: AskAs };
  readonly as: (role: Role) => AskAs;
  readonly stored: (id: number) => Promise<Record<string, unknown>>;
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

const written = [null, 0, '', false, 1, '2', [], {}, [1], { a: 1 }, { expression: '1' }];

function writes({ as, house, stored }: Known): void {
  test.each(['read_only', 'masked'] as const)(
    'a %s field is not written, whatever the value',
    async (access) => {
      const ask = as(roleWith({ person: { pay: access, mail: 'read_only' }, phone: { pin: access } }));
      const count = async () => (await house().ask('GET', '_table/person?count_only=true')).body;
      const before = [await stored(1), await count()];
      const list = (record: object) => ({ body: { resource: [record] } });
      for (const value of written) {
        const tried = [
          ask('PATCH', '_table/person/1', { body: { pay: value } }),
          ask('PUT', '_table/person/1', { body: { name: 'Eve', PAY: value } }),
          ask('PATCH', '_table/person', list({ id: 1, Pay: value })),
          ask('PATCH', '_table/person?ids=1,2', list({ pay: value })),
          ask('PATCH', '_table/person?filter=id=1&continue=true', list({ name: 'Eve', mail: value })),
          ask('POST', '_table/person?rollback=true', list({ name: 'Eve', pay: value })),
          ask('POST', '_table/person', {
            body: { resource: [{ name: 'Eve' }, { name: 'Eve', pay: value }] },
          }),
          ask('PATCH', '_table/person/1', { body: { phone_by_person_id: [{ number: '9', pin: value }] } }),
          ask('PATCH', '_table/person/1', { body: { phone_by_person_id: [{ id: 1, PIN: value }] } }),
          ask('PATCH', '_table/phone/1', { body: { person_by_person_id: { id: 1, pay: value } } }),
          ask(
            'POST',
            '_table/phone',
            list({ number: '9', person_by_person_id: { name: 'Eve', pay: value } }),
          ),
        ];
        for (const [index, answer] of (await Promise.all(tried)).entries()) {
          expect([index, value, answer.status, message(answer)]).toEqual([index, value, 403, denied]);
        }
      }
      expect([await stored(1), await count()]).toEqual(before);
    },
  );

  test('a field that is only read is of use for everything else', async () => {
    const ask = as(roleWith({ person: { id: 'read_only', pay: 'read_only', active: 'read_only' } }));
    const found = await ask(
      'GET',
      '_table/person?filter=pay > 15&order=pay desc&fields=id,pay&related=phone_by_person_id',
    );
    expect(found.body.resource).toMatchObject([
      { id: 3, pay: 30 },
      { id: 2, pay: 20 },
    ]);
    expect((await ask('GET', '_table/person?fields=SUM(pay),COUNT(*)')).body.resource).toEqual([
      { SUM_pay: 60.5, COUNT_ALL: 3 },
    ]);
    const named = { resource: [{ id: 2, mail: 'bob@y' }] };
    expect((await ask('PATCH', '_table/person?fields=id,mail,pay', { body: named })).body.resource).toEqual([
      { id: 2, mail: 'bob@y', pay: 20 },
    ]);
    const made = await ask('POST', '_table/person?fields=active', { body: { resource: [{ name: 'Dan' }] } });
    expect(made.body.resource).toEqual([{ active: true }]);
    expect((await ask('DELETE', "_table/person?filter=name='Dan'")).status).toBe(200);
    const own = await ask('POST', '_table/person', { body: { resource: [{ id: 99, name: 'Dan' }] } });
    expect([own.status, message(own)]).toEqual([403, denied]);
  });

  test('what links records is a field, too', async () => {
    const ask = as(
      roleWith({ phone: { person_id: 'read_only' }, member: { rank: 'read_only', team_id: 'read_only' } }),
    );
    const tried = [
      { phone_by_person_id: [{ number: '9' }] },
      { phone_by_person_id: [{ id: 3 }] },
      { phone_by_person_id: [{ id: 1, person_id: null }] },
      { team_by_member: [{ title: 'blue' }] },
      { team_by_member: [{ id: 1, 'member.rank': 'boss' }] },
    ];
    for (const body of tried) {
      const answer = await ask('PATCH', '_table/person/1', { body });
      expect([body, answer.status, message(answer)]).toEqual([body, 403, denied]);
    }
    expect((await house().ask('GET', '_table/phone?filter=person_id=1&count_only=true')).body).toBe(2);
    expect((await house().ask('GET', '_table/member/1')).body).toMatchObject({ rank: 'chief' });
    const allowed = { phone_by_person_id: [{ id: 1, person_id: 1, number: '555-1' }] };
    expect((await ask('PATCH', '_table/person/1', { body: allowed })).status).toBe(403);
  });

  test('a hidden field in a payload is like any other that is none', async () => {
    const ask = as(roleWith({ person: { ssn: 'hidden' }, phone: { pin: 'hidden' } }));
    for (const value of written) {
      const body = (name: string) => ({
        body: { [name]: value, note: 'first', phone_by_person_id: [{ id: 1, pin: 'x' }] },
      });
      expect((await ask('PATCH', '_table/person/1', body('ssn'))).body).toEqual({ id: 1 });
      const alone = await ask('PATCH', '_table/person/1', { body: { SSN: value } });
      const none = await ask('PATCH', '_table/person/1', { body: { NOPE: value } });
      expect([alone.status, alone.text]).toEqual([none.status, none.text]);
    }
    expect(await stored(1)).toMatchObject({ ssn: '111-1' });
    expect((await house().ask('GET', '_table/phone/1')).body).toMatchObject({ pin: '4711' });
  });

  test('the database refuses without naming what is hidden', async () => {
    const ask = as(roleWith({ vault: { token: 'hidden' }, form: { must: 'hidden' } }));
    const put = (table: string) => ask('POST', `_table/${table}`, { body: { resource: [{ name: 'x' }] } });
    expect((await put('vault')).status).toBe(200);
    const second = await put('vault');
    expect(message(second)).toBe('A record with the same unique value exists already.');
    const lacking = await put('form');
    expect([lacking.status, message(lacking)]).toEqual([400, 'A field of the record can not be NULL.']);
    const whole = asking(house as never, userOf(1, roleWith({})));
    const told = await whole('POST', '_table/vault', { body: { resource: [{ name: 'x' }] } });
    expect(message(told)).toMatch(/token|same unique value/);
    expect(second.text + lacking.text).not.toMatch(/token|only|must/);
  });
}

function descriptions({ as }: Known): void {
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

// A role may say another thing for each verb.
function verbs({ as, stored }: Known): void {
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
    expect([asked.status, asked.text]).toEqual([400, none.text.replace('nope', 'ssn')]);
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
