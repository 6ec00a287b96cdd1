// Writing fields that roles restrict, on every engine. Invariant: what is refused has changed nothing.
import { expect, test } from 'vitest';
import { denied, type Known, message, roleWith } from './field-rule-fixture.ts';

const written = [null, 0, '', false, 1, '2', [], {}, [1], { a: 1 }, { expression: '1' }];

/** Defines the tests of writing. */
export function writtenFields(known: Known): void {
  refusedValues(known);
  readOnlyFields(known);
  hiddenPayloads(known);
}

function refusedValues({ as, house, stored }: Known): void {
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
}

function readOnlyFields({ as, house }: Known): void {
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
}

function hiddenPayloads({ as, house, stored }: Known): void {
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
    const whole = as(roleWith({}));
    const told = await whole('POST', '_table/vault', { body: { resource: [{ name: 'x' }] } });
    expect(message(told)).toMatch(/token|same unique value/);
    expect(second.text + lacking.text).not.toMatch(/token|only|must/);
  });
}
