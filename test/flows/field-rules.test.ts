// Fields that a role hides, masks or lets be read only, over real HTTP: in every form of an answer, in long
// lists, in descriptions, in bodies of every form, and for scripts.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { saveScript } from '../scenario.ts';
import { type Ask, startTestServer, type TestServer } from '../server.ts';

const records = 5_000;
const sql = `
  create table person (id integer primary key, name text not null, ssn text unique, pay real, mail text);
  with recursive n(i) as (select 1 union all select i + 1 from n where i < ${records})
  insert into person select i, 'Name ' || i, '111-' || i, i + 0.25, 'm' || i || '@example.com' from n;
  create table phone (id integer primary key, person_id integer references person(id), ssn text);
  insert into phone values (1, 1, '111-1');
`;
const people = '/api/v2/staff/_table/person';
const fields = [
  { field: 'SSN', access: 'hidden' },
  { field: 'pay', access: 'masked', mask: '"•,<&>' },
  { field: 'mail', access: 'read_only' },
];

let server: TestServer;
let key = '';

const system = async (path: string, body: unknown) => {
  const answer = await server.ask(`/api/v2/system/${path}`, { method: 'POST', body });
  expect(answer.status, answer.text).toBe(201);
  return answer.body.resource?.[0] ?? answer.body;
};
const asApp = (path: string, ask: Ask = {}) =>
  server.ask(path, { ...ask, anonymous: true, headers: { 'X-DreamFactory-API-Key': key, ...ask.headers } });

beforeAll(async () => {
  server = await startTestServer();
  await server.addDatabase('staff', sql, { max_records: records });
  const { body } = await server.ask("/api/v2/system/service?filter=name='staff'&fields=id");
  const row = { service_id: body.resource[0].id, requestor_mask: 3, verb_mask: 31 };
  const rows = [
    { ...row, component: '_table/person/*', fields },
    { ...row, component: '_table/phone/*', fields: [{ field: 'ssn', access: 'hidden' }] },
    { ...row, component: '_schema/*', verb_mask: 1 },
    { ...row, component: '' },
  ];
  const role = await system('role?fields=id', { name: 'clerk', role_service_access_by_role_id: rows });
  key = (await system('app?fields=api_key', { name: 'desk', role_id: role.id })).api_key;
});
afterAll(() => server.close());

describe('a restricted answer', () => {
  test('is the same in every form', async () => {
    const get = async (accept: string, query = 'limit=2&order=id') =>
      (await asApp(`${people}?${query}`, { headers: { accept } })).text;
    expect(await get('application/json')).toBe(
      '{"resource":[{"id":1,"name":"Name 1","pay":"\\"•,<&>","mail":"m1@example.com"},' +
        '{"id":2,"name":"Name 2","pay":"\\"•,<&>","mail":"m2@example.com"}]}',
    );
    expect(await get('text/csv')).toBe(
      'id,name,pay,mail\n1,Name 1,"""•,<&>",m1@example.com\n2,Name 2,"""•,<&>",m2@example.com\n',
    );
    expect(await get('application/x-ndjson')).toBe(
      '{"id":1,"name":"Name 1","pay":"\\"•,<&>","mail":"m1@example.com"}\n' +
        '{"id":2,"name":"Name 2","pay":"\\"•,<&>","mail":"m2@example.com"}\n',
    );
    const xml = await get('application/xml');
    expect(xml).toMatch(/<pay>&quot;•,&lt;&amp;&gt;<\/pay>|<pay>"•,&lt;&amp;&gt;<\/pay>/);
    expect(xml).not.toMatch(/ssn|111-/i);
  });

  test.each(['application/json', 'text/csv', 'application/xml', 'application/x-ndjson'])(
    'of %s is so to the end of a long list',
    async (accept) => {
      const { status, text } = await asApp(`${people}?limit=${records}`, { headers: { accept } });
      expect(status).toBe(200);
      expect(text).toContain(`m${records}@example.com`);
      expect(text).not.toMatch(/ssn|111-|\.25/i);
      expect(text.match(/•/g)).toHaveLength(records);
      const whole = await server.ask(`${people}?limit=${records}`, { headers: { accept } });
      expect(whole.text).toMatch(/111-5000/);
    },
  );

  test('has errors that tell no more', async () => {
    for (const accept of ['application/json', 'text/csv', 'application/xml']) {
      const headers = { accept };
      const hidden = await asApp(`${people}?filter=ssn like '111-1%25'`, { headers });
      const none = await asApp(`${people}?filter=nope like '111-1%25'`, { headers });
      expect([hidden.status, hidden.text]).toEqual([400, none.text.replace('nope', 'ssn')]);
    }
  });
});

describe('a body', () => {
  const denied = /Denied access to some of the requested fields\./;
  test.each([
    ['application/json', '[{"id":1,"mail":null}]'],
    ['text/csv', 'id,mail\n1,\n'],
    ['application/xml', '<dfapi><resource><id>1</id><mail>x</mail></resource></dfapi>'],
    ['application/x-www-form-urlencoded', 'resource[0][id]=1&resource[0][pay]=1'],
  ])('of %s writes nothing that is only read or masked', async (type, body) => {
    const { status, text } = await asApp(people, {
      method: 'PATCH',
      body,
      headers: { 'content-type': type },
    });
    expect([status, text]).toEqual([403, expect.stringMatching(denied)]);
    expect((await server.ask(`${people}/1`)).body).toMatchObject({ mail: 'm1@example.com', pay: 1.25 });
  });

  test('that was read can not be written back whole', async () => {
    const read = await asApp(`${people}/1`);
    expect((await asApp(`${people}/1`, { method: 'PUT', body: read.body })).status).toBe(403);
    const { id, name } = read.body;
    expect((await asApp(`${people}/1`, { method: 'PUT', body: { id, name, ssn: 'x' } })).body).toEqual({
      id: 1,
    });
    expect((await server.ask(`${people}/1?fields=ssn`)).body).toEqual({ ssn: '111-1' });
  });

  test('of somebody unrestricted is not restricted', async () => {
    const body = { mail: 'new@example.com', pay: 2, ssn: '111-1' };
    expect(
      (await server.ask(`${people}/2`, { method: 'PATCH', body: { ...body, ssn: '111-2' } })).status,
    ).toBe(200);
    expect((await server.ask(`${people}/2`)).body).toMatchObject({ mail: 'new@example.com', pay: 2 });
  });
});

describe('a description', () => {
  test.each(['/api/v2/staff/_spec', '/api/v2/api_docs/staff', '/api/v2/staff/_spec?compact=true'])(
    'at %s has the fields that the reader may use',
    async (path) => {
      const { status, text, body } = await asApp(path);
      if (status !== 200) expect(path).toContain('api_docs');
      if (status !== 200) return;
      expect(text).not.toMatch(/"ssn"/i);
      const { properties } = body.components.schemas.person;
      expect(Object.keys(properties)).toEqual(['phone_by_person_id', 'id', 'name', 'pay', 'mail']);
      expect(properties.pay).toMatchObject({
        type: ['string', 'null'],
        readOnly: true,
      });
      expect(properties.mail).toMatchObject({ readOnly: true });
      expect(properties.name.readOnly).toBeUndefined();
      const own = await server.ask(path);
      expect(own.body.components.schemas.person.properties).toMatchObject({
        ssn: {},
        pay: { type: ['number', 'null'] },
      });
      expect(own.body.components.schemas.person.properties.mail.readOnly).toBeUndefined();
    },
  );
});

test('the description of roles offers what is taken', async () => {
  const { body } = await server.ask('/api/v2/system/_spec');
  const { properties } = body.components.schemas.role;
  expect(properties.max_concurrency).toMatchObject({ type: ['integer', 'null'], minimum: 1 });
  const row = properties.role_service_access_by_role_id.items.properties;
  expect(row.fields.items.properties.access.enum).toEqual(['hidden', 'masked', 'read_only']);
  for (const operator of row.filters.items.properties.operator.enum) {
    const filters = [{ name: 'id', operator, value: 1 }];
    const rows = [{ service_id: null, component: 'x', verb_mask: 0, filters }];
    await system('role?fields=id', { name: `by ${operator}`, role_service_access_by_role_id: rows });
  }
});

describe('a script', () => {
  test('sees what its caller sees, and its own answer is not looked through again', async () => {
    const read = saveScript(
      'staff._table.phone.get.post_process',
      `const { content } = await platform.api.get("staff/_table/person/1");
       const refused = await platform.api.get("staff/_table/person?filter=ssn is not null");
       event.response.content.seen = content;
       event.response.content.refused = refused.content.error?.message ?? "none";
       event.response.content.own = { ssn: "what the script knows itself" };`,
    );
    expect((await server.ask(read.path, read)).status).toBe(201);
    const { body } = await asApp('/api/v2/staff/_table/phone');
    expect(body).toMatchObject({
      resource: [{ id: 1, person_id: 1 }],
      seen: { id: 1, pay: '"•,<&>' },
      refused: "Invalid or unparsable field in filter request: 'ssn'",
      own: { ssn: 'what the script knows itself' },
    });
    expect(Object.keys(body.seen)).not.toContain('ssn');
    expect(Object.keys(body.resource[0])).toEqual(['id', 'person_id']);
    const admin = await server.ask('/api/v2/staff/_table/phone');
    expect(admin.body).toMatchObject({ seen: { ssn: '111-1', pay: 1.25 }, refused: 'none' });
  });

  test('sees no more in a transaction, and what it is refused there is undone', async () => {
    const tried = saveScript(
      'staff._table.phone.{id}.get.post_process',
      `const seen = [];
       try {
         await platform.transaction(async () => {
           const put = await platform.api.patch("staff/_table/person/3?fields=*", { name: "inside" });
           seen.push(put.content);
           seen.push((await platform.api.get("staff/_table/person?filter=ssn='111-3'")).status);
           const denied = await platform.api.patch("staff/_table/person/3", { mail: null });
           seen.push(denied.status);
           throw new Error("enough");
         });
       } catch {}
       event.response.content = seen;`,
    );
    expect((await server.ask(tried.path, tried)).status).toBe(201);
    const { body } = await asApp('/api/v2/staff/_table/phone/1');
    const inside = { id: 3, name: 'inside', pay: '"•,<&>', mail: 'm3@example.com' };
    expect(body).toEqual([inside, 400, 403]);
    const kept = await server.ask(`${people}/3?fields=name,mail,ssn`);
    expect(kept.body).toEqual({ name: 'Name 3', mail: 'm3@example.com', ssn: '111-3' });
    await server.ask(tried.path, { method: 'DELETE' });
  });

  test('before a call can not ask for more', async () => {
    const ask = saveScript(
      'staff._table.person.{id}.get.pre_process',
      'event.request.parameters = { fields: "ssn" };',
    );
    expect((await server.ask(ask.path, ask)).status).toBe(201);
    const { status, body } = await asApp(`${people}/1`);
    expect([status, body.error.message]).toEqual([400, 'Invalid field requested: ssn']);
    await server.ask(ask.path, { method: 'DELETE' });
  });
});
