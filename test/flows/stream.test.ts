// Answers too long for memory: complete, in every form, no faster than their reader, and never half an answer
// that looks whole.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCsv } from '../../src/formats/csv.ts';
import { readXml } from '../../src/formats/xml.ts';
import { startTestServer, type TestServer } from '../server.ts';

const count = 12_345;
const schema = `create table event (id integer primary key, name varchar(80) not null, amount numeric(10,2),
    paid boolean, big bigint, note text);
  with recursive n(i) as (select 1 union all select i + 1 from n where i < ${count})
  insert into event select i, 'Person "' || i || '"', i * 1.25, i % 2, 9007199254740992 + i,
    case when i % 3 = 0 then null else 'a note, in' || char(10) || 'two lines' end from n;
  create table odd (id integer primary key, name varchar(80));
  with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000)
  insert into odd select i, case when i = 4321 then x'6f6464' else 'even' end from n;
  create table few (id integer primary key, name varchar(80));
  insert into few values (1, 'a'), (2, null);
  create table part (id integer primary key, event_id integer references event (id));
  insert into part select id, id from event where id <= 10;`;

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await server.addDatabase('db', schema, { max_records: 1_000_000 });
});

afterAll(() => server.close());

const events = '/api/v2/db/_table/event';

function read(path: string, accept = 'application/json') {
  return server.ask(path, { headers: { Accept: accept } });
}

interface EventRecord {
  readonly id: number;
  readonly [name: string]: unknown;
}

describe('a long list', () => {
  test('is what its pages are together', async () => {
    const whole = await read(events);
    expect([whole.status, whole.headers.get('transfer-encoding')]).toEqual([200, 'chunked']);
    expect(whole.headers.get('content-length')).toBeNull();
    const pages: string[] = [];
    for (let offset = 0; offset < count; offset += 1_000) {
      const { text } = await read(`${events}?limit=1000&offset=${offset}`);
      pages.push(text.slice('{"resource":['.length, -']}'.length));
    }
    expect(whole.text).toBe(`{"resource":[${pages.join(',')}]}`);
  });

  test.each([
    ['an order that has to be sorted for', 'order=amount%20desc', (all: EventRecord[]) => all.toReversed()],
    ['a filter', 'filter=id%20%3E%203000', (all: EventRecord[]) => all.slice(3_000)],
    ['an offset', 'offset=5000', (all: EventRecord[]) => all.slice(5_000)],
    ['a limit', 'limit=2001', (all: EventRecord[]) => all.slice(0, 2_001)],
  ])('with %s', async (_what, query, expected) => {
    const all = (await read(`${events}?fields=id,amount`)).body.resource;
    const answer = await read(`${events}?fields=id,amount&${query}`);
    expect(answer.headers.get('transfer-encoding')).toBe('chunked');
    expect(answer.body.resource).toEqual(expected(all));
  });

  test('has its meta behind its records', async () => {
    const { text, body } = await read(`${events}?fields=id&limit=4000&offset=100&include_count=true`);
    expect(text.endsWith(`],"meta":{"count":${count},"next":4100}}`)).toBe(true);
    expect(body.resource.length).toBe(4_000);
  });

  test('keeps great numbers exact', async () => {
    const { text } = await read(`${events}?fields=big&limit=3000`);
    expect(text.startsWith('{"resource":[{"big":9007199254740993},{"big":9007199254740994}')).toBe(true);
    const csv = await read(`${events}?fields=big&limit=3000`, 'text/csv');
    expect(csv.text.startsWith('big\n9007199254740993\n9007199254740994\n')).toBe(true);
  });

  test('goes on by rows where JSON made in the database fails', async () => {
    const { body } = await read('/api/v2/db/_table/odd');
    expect(body.resource.map(({ id }: EventRecord) => id)).toEqual(
      Array.from({ length: 5_000 }, (_each, index) => index + 1),
    );
    expect(body.resource[4_320]).toEqual({ id: 4_321, name: 'odd' });
    expect((await read('/api/v2/db/_table/odd')).body).toEqual(body);
  });

  test('that turns out to be short is answered whole', async () => {
    const answer = await read('/api/v2/db/_table/few');
    expect(answer.headers.get('content-length')).toBe(String(answer.text.length));
    expect(answer.body).toEqual({
      resource: [
        { id: 1, name: 'a' },
        { id: 2, name: null },
      ],
    });
    expect((await read('/api/v2/db/_table/few?filter=id%3D9')).body).toEqual({ resource: [] });
  });

  test('is refused as always when it is asked for wrongly', async () => {
    const answer = await read(`${events}?fields=nothing`);
    expect([answer.status, answer.body.error.status_code]).toEqual([400, 400]);
  });
});

describe('the forms', () => {
  test('NDJSON: a record on each line', async () => {
    const answer = await read(`${events}?include_count=true`, 'application/x-ndjson');
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
    const lines = answer.text.trimEnd().split('\n');
    expect(`{"resource":[${lines.join(',')}]}`).toBe((await read(events)).text);
  });

  test('CSV: as a short list, under one line of names', async () => {
    const query = 'fields=id,name,amount,paid,note';
    const long = await read(`${events}?${query}`, 'text/csv');
    expect([long.headers.get('content-type'), long.headers.get('transfer-encoding')]).toEqual([
      'text/csv; charset=UTF-8',
      'chunked',
    ]);
    const short = await read(`${events}?${query}&limit=1500`, 'text/csv');
    expect(long.text.startsWith(short.text)).toBe(true);
    const rows = readCsv(long.text).resource;
    expect([rows.length, rows.at(-1)]).toEqual([
      count,
      { id: '12345', name: 'Person "12345"', amount: '15431.25', paid: 'true', note: '' },
    ]);
  });

  test('XML: as a short list, with the meta last', async () => {
    const long = await read(`${events}?fields=id,name&limit=2500&include_count=true`, 'application/xml');
    expect(long.headers.get('transfer-encoding')).toBe('chunked');
    const short = await read(`${events}?fields=id,name&limit=2`, 'application/xml');
    expect(long.text.startsWith(short.text.replace('</dfapi>\n', ''))).toBe(true);
    const value = readXml(long.text) as { resource: unknown[]; meta: unknown };
    expect([value.resource.length, value.meta]).toEqual([2_500, { count: `${count}`, next: '2500' }]);
  });

  test('a file', async () => {
    const answer = await server.ask(`${events}?fields=id&limit=3000&file=all.ndjson`);
    expect([answer.headers.get('content-disposition'), answer.text.slice(0, 18)]).toEqual([
      'attachment; filename="all.ndjson";',
      '{"id":1}\n{"id":2}\n',
    ]);
  });
});
