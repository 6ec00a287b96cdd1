import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type Ask, startTestServer, type TestServer } from '../server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await server.addDatabase(
    'shop',
    `create table item (id integer primary key autoincrement, name varchar(40) not null unique, price decimal(8,2),
       made date, active boolean not null default 1, shop_id integer references shop(id));
     create table shop (id integer primary key, city text);
     create table "odd table" ("select" integer primary key, "na'me" text, "ключ" text);
     insert into shop values (1, 'Rome');
     insert into item (name, price, shop_id) values ('pen', 1.5, 1), ('ink', 4.25, 1);`,
  );
});

afterAll(async () => {
  await server.close();
});

/** Refused as the caller's mistake, in the envelope, without a word about our inside. */
function expectRefused(answer: Answer, names?: RegExp | string): void {
  expect(answer.status, answer.text).toBeGreaterThanOrEqual(400);
  expect(answer.status, answer.text).toBeLessThan(500);
  expect(answer.body).toMatchObject({ error: { status_code: answer.status, message: expect.any(String) } });
  expect(answer.text).not.toMatch(
    /sqlite_err|select .* from|insert into|\bat .*\.[jt]s|node_modules|\/home|\/tmp|\/work/i,
  );
  if (names !== undefined) expect(answer.body.error.message).toMatch(names);
}

const get = (path: string, more: Ask = {}) => server.ask(`/api/v2/${path}`, more);
const post = (path: string, body: unknown, more: Ask = {}) => get(path, { method: 'POST', body, ...more });

describe('bodies', () => {
  const json = { 'content-type': 'application/json' };
  test.each([
    ['malformed', '{"resource":[', /not valid JSON/],
    ['deep', `{"resource":[{"name":${'['.repeat(100)}${']'.repeat(100)}}]}`, /deeper than 64/],
    ['prototype', '{"resource":[{"name":"x","__proto__":{"a":1}}]}', /__proto__/],
    ['text', '"just text"', /No record/],
    ['number', '5', /No record/],
    ['null', 'null', /No record/],
    ['list of text', '{"resource":["a"]}', /record/i],
    ['null record', '{"resource":[null]}', /record/i],
  ])('%s', async (_name, body, names) => {
    expectRefused(await post('shop/_table/item', body, { headers: json }), names);
  });

  test('too large', async () => {
    const body = JSON.stringify({ resource: [{ name: 'x'.repeat(2_000_000) }] });
    const answer = await post('shop/_table/item', body, { headers: json });
    expectRefused(answer, /larger|too large/i);
    expect(answer.status).toBe(413);
  });

  test.each([
    ['price', 'abc'],
    ['price', { a: 1 }],
    ['price', [1]],
    ['price', 'NaN'],
    ['made', '2026-02-30'],
    ['made', 'not-a-date'],
    ['active', 'perhaps'],
    ['active', 7],
    ['name', null],
    ['name', { $ne: '' }],
    ['shop_id', '1; drop table item'],
    ['shop_id', 1.5],
    ['id', 'abc'],
    ['id', '99999999999999999999999'],
  ])('field %s = %j is refused by name', async (field, value) => {
    const answer = await post('shop/_table/item', { resource: [{ name: 'fresh', [field]: value }] });
    expectRefused(answer);
    expect(JSON.stringify(answer.body)).toContain(`'${field}'`);
    expect((await get('shop/_table/item?count_only=true')).body).toBe(2);
  });

  test('a taken unique value and a missing parent are conflicts that name the field', async () => {
    const taken = await post('shop/_table/item', { resource: [{ name: 'pen' }] });
    expectRefused(taken);
    expect(JSON.stringify(taken.body)).toMatch(/name/);
    expectRefused(await post('shop/_table/item', { resource: [{ name: 'orphan', shop_id: 99 }] }));
  });
});

describe('parameters', () => {
  test.each([
    ['limit=abc', /limit/],
    ['limit=-1', /limit/],
    ['limit=1.5', /limit/],
    ['limit=99999999999999999999', /limit/],
    ['limit[]=1', /limit/],
    ['offset=x', /offset/],
    ['offset=-5', /offset/],
    ['order=nope', /nope/],
    ['order=name sideways', /order/],
    ['order=name;drop table item', /order/],
    ['order=(select 1)', /order/],
    ['fields=nope', /Invalid field requested: nope/],
    ['fields=id,(select 1)', /Invalid field requested/],
    ['fields[a]=id', /fields/],
    ['filter=nope=1', /'nope'/],
    ['filter=(name=', /filter/i],
    ["filter=name='unclosed", /filter/i],
    ['filter=name in 1', /lists must be wrapped/],
    ['filter=id > abc', /'id'/],
    ['filter=name = :missing', /missing/],
    ['filter=made = 2026-99-99', /'made'/],
    ['filter[a]=1', /filter/],
    ['include_count=perhaps', /include_count/],
    ['count_only=2', /count_only/],
    ['related=nope', /nope/],
    ['related=shop_by_shop_id&shop_by_shop_id.fields=nope', /nope/],
    ['id_field=nope&ids=1', /nope/],
  ])('%s', async (query, names) => {
    const encoded = query
      .split('&')
      .map((part) => part.replace(/=(.*)$/s, (_all, value) => `=${encodeURIComponent(value)}`));
    expectRefused(await get(`shop/_table/item?${encoded.join('&')}`), names);
  });

  test.each(['%', '%zz', '%00', '%c0%af'])('bad percent-encoding %s in the path', async (text) => {
    expectRefused(await get(`shop/_table/item/${text}`));
  });

  test('a path id of the wrong type is refused or not found', async () => {
    expectRefused(await get('shop/_table/item/abc'));
    expectRefused(await get("shop/_table/item/1'%20or%201=1"));
  });
});

describe('names', () => {
  test.each([
    ['nope/_table/item', 404],
    ['shop/_table/nope', 404],
    ['shop/_nope', 404],
    ['shop/_table/item/1/2/3', 404],
    ["shop/_table/item'--", 404],
    ['shop/_table/sqlite_master', 404],
    ['shop/_schema/nope', 404],
    ['shop/_table/item/77', 404],
    ['system/nope', 404],
    ['system/event_script/nope.get.pre_process', 404],
  ])('%s → %d', async (path, status) => {
    const answer = await get(path);
    expectRefused(answer);
    expect(answer.status).toBe(status);
  });

  test('reserved words, quotes and other alphabets are ordinary names', async () => {
    const record = { select: 1, "na'me": 'it', ключ: 'значение' };
    expect((await post('shop/_table/odd%20table', { resource: [record] })).body).toEqual({
      resource: [{ select: 1 }],
    });
    const found = await get(`shop/_table/odd%20table?filter=${encodeURIComponent("ключ = 'значение'")}`);
    expect(found.body.resource).toEqual([record]);
    expect((await get('shop/_table/odd%20table/1')).body).toEqual(record);
  });
});

describe('credentials', () => {
  const anonymous = (headers: Record<string, string>) =>
    get('shop/_table/item', { anonymous: true, headers });
  test.each([
    [{}, 400],
    [{ 'X-DreamFactory-API-Key': 'nope' }, 400],
    [{ 'X-DreamFactory-Session-Token': 'nope' }, 401],
    [{ Authorization: 'Bearer a.b.c' }, 401],
    [{ Authorization: 'Bearer ' }, 400],
    [{ Authorization: `Basic ${Buffer.from('admin@example.com:wrong').toString('base64')}` }, 401],
    [{ Authorization: 'Basic %%%' }, 401],
    [{ Authorization: 'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.' }, 401],
  ])('%j → %d', async (headers, status) => {
    const answer = await anonymous(headers as Record<string, string>);
    expectRefused(answer);
    expect(answer.status).toBe(status);
  });

  test('a session that was closed is refused', async () => {
    const login = await post('system/admin/session', {
      email: 'admin@example.com',
      password: 'correct horse battery',
    });
    const headers = { 'X-DreamFactory-Session-Token': login.body.session_token };
    expect((await anonymous(headers)).status).toBe(200);
    const closed = await get('system/admin/session', { method: 'DELETE', anonymous: true, headers });
    expect(closed.body).toEqual({ success: true });
    const after = await anonymous(headers);
    expectRefused(after, /terminated/);
    expect(after.status).toBe(403);
  });
});

describe('configuration', () => {
  test.each([
    ['service', { name: 'x y', type: 'sqlite' }, /name/],
    ['service', { name: 'system', type: 'sqlite' }, /system/],
    ['service', { name: 'docs', type: 'sqlite' }, /docs/],
    ['service', { name: 'fine', type: 'nope' }, /nope/],
    ['service', { type: 'sqlite' }, /name/],
    ['service', { name: 'shop', type: 'sqlite' }, /name/],
    ['service', { name: 'fine', type: 'sqlite', config: 'text' }, /config/],
    ['service', { name: 'fine', type: 'sqlite', config: { database: 5 } }, /database/],
    ['event_script/shop._table.item.get.before', { type: 'nodejs', content: '' }, /before/],
    ['event_script/shop._table.item.get.pre_process', { type: 'ruby', content: '' }, /ruby/],
    ['event_script/shop._table.item.get.pre_process', { type: 'nodejs', content: 5 }, /content/],
    ['event_script/shop._table.item.get.pre_process', { content: '1' }, /type/],
    [
      'event_script/shop._table.item.get.queued',
      { type: 'nodejs', content: '1', is_active: true, config: { delay: -1 } },
      /config\.delay/,
    ],
    ['queue/nowhere:x/pause', undefined, /nowhere/],
    ['queue/x:/pause', undefined, /queue/],
    ['queue/default/vanish', undefined, /vanish|resource/],
    ['queued_run/retry', {}, /force/],
    ['queued_run/retry', { ids: { a: 1 } }, /ids/],
    ['queued_run/retry', { filter: 5 }, /filter/],
    ['queued_run/retry', { filter: "state = 'failed' or" }, /filter/i],
    ['queued_run/retry', { filter: 'position > :no' }, /no/],
    ['queued_run/retry', { resource: ['x'] }, /object/],
    ['queued_run/cancel?after=x', { force: true }, /after/],
    ['queued_run/cancel?limit=-1', { force: true }, /limit/],
    ['queued_run/1/retry', undefined, /1/],
    ['queued_run/none/forget', undefined, /none/],
    ['run/retry', {}, /force/],
    ['run/none/cancel', undefined, /none/],
    [
      'event_script/shop._table.item.get.pre_process',
      { type: 'nodejs', is_active: true, storage_service_id: 1, storage_path: 'a.js' },
      /link|content/,
    ],
  ])('system/%s %j', async (resource, body, names) => {
    const wrapped = resource === 'service' ? { resource: [body] } : body;
    const answer = await post(`system/${resource}`, wrapped);
    expectRefused(answer);
    expect(JSON.stringify(answer.body)).toMatch(names);
  });
});
