// Answers too long for memory: complete, in every form, no faster than their reader, and never half an answer
// that looks whole.

import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { limits } from '../../src/core/limits.ts';
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
  insert into part select id, id from event where id <= 10;
  create view breaking as select id, name, case when id = 9000 then abs(-9223372036854775808) end as x from event;
  create view broken as select id, abs(-9223372036854775808) as x from event;
  create table wide (id integer primary key, event_id integer references event (id), body text);
  with recursive n(i) as (select 1 union all select i + 1 from n where i < 2100)
  insert into wide select i, i, printf('%.*c', 16000, 'x') from n;`;

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
    ['a limit', 'limit=2500', (all: EventRecord[]) => all.slice(0, 2_500)],
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

/** Asks and hands back the answer before its body. */
async function opened(
  path: string,
  options: { agent?: Agent; method?: string } = {},
): Promise<IncomingMessage> {
  const headers = { 'X-DreamFactory-Session-Token': server.token };
  const asked = request(server.url + path, { headers, ...options });
  asked.on('error', () => undefined);
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  return response;
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

describe('the connection', () => {
  test('serves the next request', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const sizes: number[] = [];
    const ports = new Set<number | undefined>();
    for (const path of [events, `${events}?limit=1`, `${events}?limit=3000`]) {
      const response = await opened(path, { agent });
      ports.add(response.socket.localPort);
      sizes.push(JSON.parse(await textOf(response)).resource.length);
    }
    agent.destroy();
    expect([sizes, ports.size]).toEqual([[count, 1, 3_000], 1]);
  });

  test('of HEAD carries no body', async () => {
    const response = await opened(events, { method: 'HEAD' });
    expect([response.statusCode, response.headers['content-type'], await textOf(response)]).toEqual([
      200,
      'application/json',
      '',
    ]);
  });

  test('of HTTP/1.0, which has no chunks, carries the whole answer with its length', async () => {
    const socket = connect({ port: Number(new URL(server.url).port), host: '127.0.0.1' });
    socket.write(`GET ${events} HTTP/1.0\r\nX-DreamFactory-Session-Token: ${server.token}\r\n\r\n`);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    const [head = '', body = ''] = Buffer.concat(chunks).toString().split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`Content-Length: ${Buffer.byteLength(body)}\\b`));
    expect(JSON.parse(body).resource.length).toBe(count);
  });

  test('breaks when the database fails in the middle, and the log says so', async () => {
    server.observations.length = 0;
    const response = await opened('/api/v2/db/_table/breaking');
    expect(response.statusCode).toBe(200);
    await expect(textOf(response)).rejects.toThrow('aborted');
    expect(server.observations).toMatchObject([
      { kind: 'http.failed', path: '/api/v2/db/_table/breaking', error: { cause: { failure: 'other' } } },
    ]);
  });

  test('carries the error when it fails at the start', async () => {
    const { status, body } = await read('/api/v2/db/_table/broken');
    expect([status, body.error.message]).toEqual([500, "The database of service 'db' could not do this."]);
  });

  test('that goes away ends the read, so that others find a connection of the database', async () => {
    for (let i = 0; i < limits.streams * 2; i++) {
      const response = await opened(`${events}?limit=${5_000 + i}`);
      response.destroy();
      await once(response, 'close');
    }
    expect((await read(events)).body.resource.length).toBe(count);
    expect(server.observations.filter(({ kind }) => kind === 'http.failed').length).toBe(1);
  });

  test('is one of many at a time', async () => {
    const paths = Array.from({ length: 12 }, (_each, index) => `${events}?fields=id&limit=${3_000 + index}`);
    const answers = await Promise.all(paths.map((path) => read(path)));
    expect(answers.map(({ body }) => body.resource.length)).toEqual(
      paths.map((_path, index) => 3_000 + index),
    );
  });
});

describe('answers that are needed whole', () => {
  test.each([
    ['related records', `/api/v2/db/_table/wide?related=*`],
    ['a form of text', `/api/v2/db/_table/wide?accept=text/plain`],
  ])('are refused when they would be too large: %s', async (_what, path) => {
    const { status, text } = await read(path);
    expect([status, text]).toEqual([400, expect.stringMatching(/larger than 33554432 characters/)]);
    expect((await read(`${path}&limit=1000`)).status).toBe(200);
    expect((await read(`${path}&limit=2050&fields=id,event_id`)).status).toBe(200);
  });

  test('streamed ones may be larger', async () => {
    expect((await read('/api/v2/db/_table/wide')).text.length).toBeGreaterThan(limits.answerChars);
  });

  test('related records come with long lists', async () => {
    const { body } = await read(`/api/v2/db/_table/wide?fields=id&related=event_by_event_id&order=id`);
    expect(body.resource.length).toBe(2_100);
    expect(body.resource[2_099]).toMatchObject({ id: 2_100, event_by_event_id: { name: 'Person "2100"' } });
  });

  test('scripts after the service, and scripts that call it, get all of it', async () => {
    const store = (name: string, content: string) =>
      server.ask(`/api/v2/system/event_script/${name}`, {
        method: 'POST',
        body: { name, type: 'nodejs', is_active: true, allow_event_modification: true, content },
      });
    const after = 'const {resource} = event.response.content; event.response.content = {n: resource.length};';
    expect((await store('db._table.event.get.post_process', after)).status).toBe(201);
    expect((await read(events)).body).toEqual({ n: count });
    await server.ask('/api/v2/system/event_script/db._table.event.get.post_process', { method: 'DELETE' });
    expect((await read(events)).body.resource.length).toBe(count);
    const before =
      "const all = await platform.api.get('db/_table/odd?limit=3000');" +
      'event.request.parameters = {limit: String(all.content.resource.length - 1)};';
    expect((await store('db._table.event.get.pre_process', before)).status).toBe(201);
    const answer = await read(events);
    expect([answer.body.resource?.length, answer.headers.get('transfer-encoding')]).toEqual([
      2_999,
      'chunked',
    ]);
  });
});
