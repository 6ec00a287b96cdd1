// Bodies as CSV, XML and NDJSON in every write of records: what their texts stand for is said by the fields.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Answer, startTestServer, type TestServer } from '../server.ts';

const schema = `create table thing (id integer primary key autoincrement, name varchar(80) not null,
    note varchar(80), count integer, price decimal(10,2), is_on boolean, made date, seen datetime, facts json,
    big bigint, total integer not null default 3);
  create table kind (id integer primary key, name varchar(80) not null);
  insert into kind values (1, 'tool');
  create table item (id integer primary key, kind_id integer references kind (id), name varchar(80));`;

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await server.addDatabase('db', schema);
});

afterAll(() => server.close());

const things = '/api/v2/db/_table/thing';
const csv = 'text/csv';
const xml = 'application/xml';
const lines = 'application/x-ndjson';

beforeEach(async () => {
  await server.ask(`${things}?force=true`, { method: 'DELETE' });
});

function send(path: string, method: string, type: string, body: string): Promise<Answer> {
  return server.ask(path, { method, headers: { 'Content-Type': type }, body });
}

async function stored(query = ''): Promise<Record<string, unknown>[]> {
  return (await server.ask(`${things}?order=id&${query}`)).body.resource;
}

const full = {
  id: 1,
  name: 'a "quoted", name\nin two lines',
  note: null,
  count: -5,
  price: 9.75,
  is_on: true,
  made: '2026-01-31',
  seen: '2026-01-31 09:30:00',
  facts: { a: [1, 'x', null], b: { c: true } },
  big: 9_007_199_254_740_991,
  total: 4,
};
const empty = { ...full, id: 2, name: '', is_on: false, facts: null, count: null, price: null, seen: null };

describe('what was read in a form is the same when it is written back', () => {
  test.each([csv, xml, lines])('%s', async (type) => {
    await server.ask(things, { method: 'POST', body: { resource: [full, empty] } });
    const before = await stored();
    // A list of one element is no list in XML.
    const { text } = await server.ask(`${things}?order=id`, { headers: { Accept: type } });
    const isXml = type === xml;
    expect((await server.ask(`${things}?force=true`, { method: 'DELETE' })).status).toBe(200);
    const made = await send(things, 'POST', type, text);
    expect([made.status, made.body]).toEqual([200, { resource: [{ id: 1 }, { id: 2 }] }]);
    const after = await stored();
    const inXml = { ...full, facts: { a: ['1', 'x', null], b: { c: 'true' } } };
    expect(after).toEqual(isXml ? [inXml, before[1]] : before);
  });
});

describe('CSV', () => {
  test('in any order of columns, with fields that it does not name left alone', async () => {
    const made = await send(`${things}?fields=*`, 'POST', csv, '\ufeffcount,name\r\n7,"x"\r\n,y\r\n');
    expect(made.body.resource).toMatchObject([
      { name: 'x', count: 7, note: null, total: 3 },
      { name: 'y', count: null, total: 3 },
    ]);
  });

  test.each([
    ['true', true],
    ['1', true],
    ['YES', true],
    ['on', true],
    ['false', false],
    ['0', false],
    ['n', false],
    ['', null],
  ])('%j in a column of truths is %j', async (cell, expected) => {
    await send(things, 'POST', csv, `name,is_on\nx,${cell}\n`);
    expect(await stored('fields=is_on')).toEqual([{ is_on: expected }]);
  });

  test.each([
    ['12', 12],
    ['-3', -3],
    ['4.0', 4],
    ['', null],
  ])('%j in a column of integers is %j', async (cell, expected) => {
    await send(things, 'POST', csv, `name,count\nx,${cell}\n`);
    expect(await stored('fields=count')).toEqual([{ count: expected }]);
  });

  test.each([
    ['{"a":1}', { a: 1 }],
    ['[1,2]', [1, 2]],
    ['5', 5],
    ['null', null],
    ['plain words', 'plain words'],
    ['{broken', '{broken'],
    ['', null],
  ])('%j in a column of JSON is %j', async (cell, expected) => {
    await send(things, 'POST', csv, `name,facts\nx,"${cell.replaceAll('"', '""')}"\n`);
    expect(await stored('fields=facts')).toEqual([{ facts: expected }]);
  });

  test('keeps text that looks like something else', async () => {
    await send(things, 'POST', csv, 'name,note\n007,null\n');
    expect(await stored('fields=name,note')).toEqual([{ name: '007', note: 'null' }]);
  });

  test('has no value in an empty cell, but an empty text where there must be one', async () => {
    await send(things, 'POST', csv, 'name,note\n"",""\n');
    expect(await stored('fields=name,note')).toEqual([{ name: '', note: null }]);
  });

  test.each([
    ['name,count\nx,many\n', /Field 'count' must be a valid integer/],
    ['name,made\nx,yesterday\n', /Field 'made' must be a valid date/],
    ['name,is_on\nx,perhaps\n', /Field 'is_on' must be a valid boolean/],
    ['name,total\nx,\n', /Field 'total' can not be NULL/],
    ['count\n1\n', /Required field 'name'/],
    ['name,name\nx,y\n', /two columns are named 'name'/],
    ['name,count\nx\n', /line 2/i],
    ['name,facts\nx,"{""__proto__"":{""a"":1}}"\n', /__proto__/],
  ])('%j is refused by name', async (body, message) => {
    const answer = await send(things, 'POST', csv, body);
    expect([answer.status, answer.text]).toEqual([400, expect.stringMatching(message)]);
    expect(await stored()).toEqual([]);
  });

  test('refuses a batch with the number of its row, and keeps the others where that is asked for', async () => {
    const answer = await send(`${things}?continue=true`, 'POST', csv, 'id,name,count\n1,a,1\n2,b,x\n3,c,3\n');
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(await stored('fields=id')).toEqual([{ id: 1 }, { id: 3 }]);
  });

  test('changes, replaces and removes records', async () => {
    await send(things, 'POST', csv, 'id,name,count\n1,a,1\n2,b,2\n3,c,3\n');
    const patched = await send(`${things}?fields=id,count`, 'PATCH', csv, 'id,count\n1,10\n2,\n');
    expect(patched.body).toEqual({
      resource: [
        { id: 1, count: 10 },
        { id: 2, count: null },
      ],
    });
    const put = await send(`${things}?fields=id,name,count`, 'PUT', csv, 'id,name,count\n3,"c, again",30\n');
    expect(put.body).toEqual({ resource: [{ id: 3, name: 'c, again', count: 30 }] });
    const removed = await send(things, 'DELETE', csv, 'id\n1\n3\n');
    expect([removed.status, removed.body]).toEqual([200, { resource: [{ id: 1 }, { id: 3 }] }]);
    expect(await stored('fields=id')).toEqual([{ id: 2 }]);
  });

  test('changes many records to one row', async () => {
    await send(things, 'POST', csv, 'id,name\n1,a\n2,b\n');
    const answer = await send(`${things}?ids=1,2&fields=name,note`, 'PATCH', csv, 'note\nsame\n');
    expect(answer.body).toEqual({
      resource: [
        { name: 'a', note: 'same' },
        { name: 'b', note: 'same' },
      ],
    });
  });

  test('is a POST that stands for another verb', async () => {
    await send(things, 'POST', csv, 'id,name\n1,a\n');
    const headers = { 'Content-Type': csv, 'X-HTTP-Method': 'PATCH' };
    await server.ask(things, { method: 'POST', headers, body: 'id,name\n1,changed\n' });
    expect(await stored('fields=name')).toEqual([{ name: 'changed' }]);
  });

  test('brings records with what relates to them, as JSON in a cell', async () => {
    const kinds = '/api/v2/db/_table/kind';
    const cell = '"[{""name"":""saw""},{""name"":""axe""}]"';
    const made = await send(kinds, 'POST', csv, `id,name,item_by_kind_id\n5,blade,${cell}\n`);
    expect([made.status, made.body]).toEqual([200, { resource: [{ id: 5 }] }]);
    const { body } = await server.ask(`${kinds}/5?related=item_by_kind_id`);
    expect(body.item_by_kind_id).toMatchObject([{ name: 'saw' }, { name: 'axe' }]);
    const exported = await server.ask(`${kinds}?related=item_by_kind_id&filter=id%3D5&file=a.csv`);
    expect((await send(kinds, 'PUT', csv, exported.text)).status).toBe(200);
  });
});

describe('XML', () => {
  test('changes and removes records', async () => {
    const resource = (inside: string) => `<dfapi>${inside}</dfapi>`;
    await send(things, 'POST', xml, resource('<resource><id>1</id><name>a &lt; b</name><note/></resource>'));
    const change = '<resource><id>1</id><count>4</count><is_on>true</is_on></resource>';
    const patched = await send(`${things}?fields=name,note,count,is_on`, 'PATCH', xml, resource(change));
    expect(patched.body).toEqual({ resource: [{ name: 'a < b', note: null, count: 4, is_on: true }] });
    expect((await send(things, 'DELETE', xml, resource('<resource><id>1</id></resource>'))).status).toBe(200);
    expect(await stored()).toEqual([]);
  });
});

describe('NDJSON', () => {
  test('is values, not texts', async () => {
    const body = '{"id":1,"name":"","note":""}\n\n{"id":2,"name":"b","big":9007199254740993}\r\n';
    expect((await send(things, 'POST', lines, body)).body).toEqual({ resource: [{ id: 1 }, { id: 2 }] });
    expect(await stored('fields=name,note')).toEqual([
      { name: '', note: '' },
      { name: 'b', note: null },
    ]);
    expect((await server.ask(`${things}/2?fields=big`)).text).toBe('{"big":9007199254740993}');
  });

  test.each([
    ['{"name":"a"}\n{"name":\n', /not valid JSON.*\(line 2\)/],
    ['{"name":"a"}\n{"__proto__":1}\n', /__proto__.*\(line 2\)/],
    ['1\n', /Every record must be an object/],
    ['', /No record\(s\) detected/],
  ])('%j is refused', async (body, message) => {
    const answer = await send(things, 'POST', lines, body);
    expect([answer.status, answer.text]).toEqual([400, expect.stringMatching(message)]);
  });
});
