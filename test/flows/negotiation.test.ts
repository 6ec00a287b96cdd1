// The form of an answer, line by line of what clients may say: `accept`, `file`, `wrap` and headers, on lists,
// single records, errors, writes and scripted services.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, startTestServer, type TestServer } from '../server.ts';

const schema = `create table author (id integer primary key, name varchar(40) not null, born date, facts json);
  insert into author values (1, 'Ada "the first"', '1815-12-10', '{"likes":["tea","sums"],"x":null}'),
    (2, 'Bob', null, null);
  create table book (id integer primary key, author_id integer references author (id), title varchar(80));
  insert into book values (1, 1, 'Notes'), (2, 1, 'a,b');`;

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await server.addDatabase('db', schema);
  await addService('list', 'return [{a: 1, b: "x"}, {a: 2, b: null}];');
  await addService('page', 'return {status_code: 200, content_type: "text/html", content: "<p>hi</p>"};');
  await addService('report', 'return {content_type: "text/csv", content: "n\\n1\\n"};');
  await addService('broken', 'throw new Error("no luck");');
  await addService('words', 'return "just words";');
});

afterAll(() => server.close());

async function addService(name: string, content: string): Promise<void> {
  const resource = [{ name, label: name, type: 'nodejs', is_active: true, config: { content } }];
  const { status } = await server.ask('/api/v2/system/service', { method: 'POST', body: { resource } });
  expect(status).toBe(201);
}

const authors = '/api/v2/db/_table/author';

async function seen(path: string, accept?: string): Promise<[number, string | null, string]> {
  const answer = await read(path, accept);
  return [answer.status, answer.headers.get('content-type'), answer.text];
}

function read(path: string, accept?: string): Promise<Answer> {
  return server.ask(path, { headers: accept === undefined ? {} : { Accept: accept } });
}

const json = 'application/json';
const csv = 'text/csv; charset=UTF-8';
const xml = 'application/xml';
const lines = 'application/x-ndjson';

describe('a list', () => {
  const list = `${authors}?fields=id,name`;

  test.each<[string, string, string | undefined, string, string]>([
    [
      'by default',
      '',
      undefined,
      json,
      '{"resource":[{"id":1,"name":"Ada \\"the first\\""},{"id":2,"name":"Bob"}]}',
    ],
    ['by header', '', 'text/csv', csv, 'id,name\n1,"Ada ""the first"""\n2,Bob\n'],
    ['by parameter', '&accept=text/csv', json, csv, 'id,name\n1,"Ada ""the first"""\n2,Bob\n'],
    ['by the name of a file', '&file=a.csv', json, csv, 'id,name\n1,"Ada ""the first"""\n2,Bob\n'],
    [
      'in lines',
      `&accept=${lines}`,
      json,
      lines,
      '{"id":1,"name":"Ada \\"the first\\""}\n{"id":2,"name":"Bob"}\n',
    ],
    ['bare', '&wrap=false', undefined, json, '[{"id":1,"name":"Ada \\"the first\\""},{"id":2,"name":"Bob"}]'],
    ['for a browser', '', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', json, ''],
    ['in a version of a type', '', 'application/json; charset=utf-8', json, ''],
  ])('%s', async (_what, query, accept, type, text) => {
    const [status, contentType, body] = await seen(list + query, accept);
    expect([status, contentType]).toEqual([200, type]);
    if (text !== '') expect(body).toBe(text);
  });

  test('as XML', async () => {
    expect(await seen(`${list}&filter=id%3D2`, xml)).toEqual([
      200,
      xml,
      '<?xml version="1.0" ?><dfapi>\n\t<resource>\n\t\t<id>2</id>\n\t\t<name>Bob</name>\n\t</resource>\n</dfapi>\n',
    ]);
  });

  test('with nested values has them as JSON in CSV, as elements in XML', async () => {
    expect((await read(`${authors}/1?fields=facts`, 'text/csv')).text).toBe(
      'facts\n"{""likes"":[""tea"",""sums""],""x"":null}"\n',
    );
    const related = `${authors}?fields=id&related=book_by_author_id&filter=id%3D1`;
    expect((await read(related, 'text/csv')).text).toBe(
      'id,book_by_author_id\n1,"[{""id"":1,""author_id"":1,""title"":""Notes""},' +
        '{""id"":2,""author_id"":1,""title"":""a,b""}]"\n',
    );
    expect((await read(related, xml)).text).toMatch(
      /<book_by_author_id>\n\t\t\t<id>1<\/id>[\s\S]+<book_by_author_id>\n\t\t\t<id>2<\/id>/,
    );
  });

  test('that is bare all the same has its meta, which needs the object around it', async () => {
    const { body } = await read(`${authors}?fields=id&wrap=false&include_count=true`);
    expect(body).toEqual({ resource: [{ id: 1 }, { id: 2 }], meta: { count: 2 } });
  });
});

describe('what is no list', () => {
  test('one record', async () => {
    expect((await read(`${authors}/2?fields=id,name&wrap=false`)).body).toEqual({ id: 2, name: 'Bob' });
    expect((await read(`${authors}/2?fields=id,name`, 'text/csv')).text).toBe('id,name\n2,Bob\n');
    expect((await read(`${authors}/2?fields=id,name`, lines)).text).toBe('{"id":2,"name":"Bob"}\n');
  });

  test('a number', async () => {
    expect((await read(`${authors}?count_only=true`, lines)).text).toBe('2\n');
    expect((await read(`${authors}?count_only=true`, 'text/plain')).text).toBe('2');
  });

  test('names of resources', async () => {
    expect((await read('/api/v2/db/_table?as_list=true', 'text/csv')).text).toBe('value\nauthor\nbook\n');
    expect((await read('/api/v2/db/_table?as_list=true&wrap=0')).body).toEqual(['author', 'book']);
  });

  test('the list of services', async () => {
    const answer = await read('/api/v2?file=true');
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="services.json";');
    expect((await read('/api/v2', 'text/csv')).status).toBe(200);
  });
});

describe('files', () => {
  test.each([
    ['file=true', 'author.json'],
    ['file', 'author.json'],
    ['file=yes&accept=text/csv', 'author.csv'],
    ['file=people.xml', 'people.xml'],
    ['file=people.json', 'people.json'],
    ['file=people', 'people'],
    ['file=..%2F..%2Fpeople%22.csv', '.._.._people_.csv'],
  ])('%s is saved as %s', async (query, name) => {
    const answer = await read(`${authors}?${query}`);
    expect(answer.headers.get('content-disposition')).toBe(`attachment; filename="${name}";`);
  });

  test.each(['file=false', 'file=0', 'file=no'])('%s is shown', async (query) => {
    expect((await read(`${authors}?${query}`)).headers.get('content-disposition')).toBeNull();
  });

  test('of an error do not exist', async () => {
    const answer = await read(`${authors}/99?file=a.csv`);
    expect([answer.status, answer.headers.get('content-disposition')]).toEqual([404, null]);
    expect(answer.text).toMatch(
      /^code,context,message,status_code\n404,,Record with identifier '99' not found/,
    );
  });

  test('come from writes, too', async () => {
    const answer = await server.ask(`${authors}?fields=id,name&file=made.csv`, {
      method: 'POST',
      body: { resource: [{ id: 7, name: 'New' }] },
    });
    expect([answer.status, answer.text, answer.headers.get('content-disposition')]).toEqual([
      200,
      'id,name\n7,New\n',
      'attachment; filename="made.csv";',
    ]);
    await server.ask(`${authors}/7`, { method: 'DELETE' });
  });
});

describe('errors', () => {
  test.each<[string, string, string, RegExp]>([
    ['as CSV', 'text/csv', csv, /^code,context,message,status_code\n404,,/],
    ['as XML', xml, xml, /^<\?xml version="1.0" \?><dfapi>\n\t<error>\n\t\t<code>404<\/code>/],
    ['as a line', lines, lines, /^\{"error":\{"code":404,"context":null,.*\}\}\n$/],
    ['in no form that was asked for', 'image/png', json, /^\{"error":\{"code":404,"context":null,/],
  ])('keep their status: %s', async (_what, accept, type, text) => {
    const [status, contentType, body] = await seen(`${authors}/99`, accept);
    expect([status, contentType]).toEqual([404, type]);
    expect(body).toMatch(text);
  });

  test('of a script', async () => {
    const [status, type, text] = await seen('/api/v2/broken', 'text/csv');
    expect([status, type]).toEqual([500, csv]);
    expect(text).toMatch(/^code,context,message,status_code\n500,/);
  });

  test('of a batch hold what was done as JSON', async () => {
    const answer = await server.ask(`${authors}?accept=text/csv`, {
      method: 'POST',
      body: {
        resource: [
          { id: 1, name: 'there already' },
          { id: 8, name: null },
        ],
      },
    });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.text).toMatch(/^code,context,message,status_code\n\d+,"\{""/);
  });
});

describe('nothing acceptable', () => {
  test('is refused in words where something was only read', async () => {
    const [status, type, text] = await seen(authors, 'image/png');
    expect([status, type]).toEqual([400, 'text/plain; charset=UTF-8']);
    expect(text).toMatch(/^The answer is application\/json, which Accept .* does not allow\. Ask for /);
  });

  test('is no reason to deny that a record was made', async () => {
    const headers = { Accept: 'image/png' };
    const answer = await server.ask(authors, {
      method: 'POST',
      headers,
      body: { resource: [{ id: 9, name: 'Eve' }] },
    });
    expect([answer.status, answer.body]).toEqual([200, { resource: [{ id: 9 }] }]);
    await server.ask(`${authors}/9`, { method: 'DELETE' });
  });
});

describe('a scripted service', () => {
  test('whose words are no rows is refused as CSV', async () => {
    const [status, type, text] = await seen('/api/v2/words', 'text/csv');
    expect([status, type]).toEqual([400, 'text/plain; charset=UTF-8']);
    expect(text).toMatch(/^The answer is text\/plain/);
  });

  test.each<[string, string, string | undefined, string, string]>([
    ['values', '/api/v2/list', undefined, json, '[{"a":1,"b":"x"},{"a":2,"b":null}]'],
    [
      'values that are to be wrapped',
      '/api/v2/list?wrap=true',
      undefined,
      json,
      '{"resource":[{"a":1,"b":"x"},{"a":2,"b":null}]}',
    ],
    ['values as CSV', '/api/v2/list', 'text/csv', csv, 'a,b\n1,x\n2,\n'],
    ['values in lines', '/api/v2/list', lines, lines, '{"a":1,"b":"x"}\n{"a":2,"b":null}\n'],
    ['a page, whatever is asked for', '/api/v2/page', json, 'text/html; charset=UTF-8', '<p>hi</p>'],
    ['text of a form that it chose', '/api/v2/report', 'text/csv', csv, 'n\n1\n'],
    ['such text, for who wants JSON', '/api/v2/report', json, json, '"n\\n1\\n"'],
    ['words', '/api/v2/words', undefined, json, '"just words"'],
  ])('answers %s', async (_what, path, accept, type, text) => {
    expect(await seen(path, accept)).toEqual([200, type, text]);
  });
});
