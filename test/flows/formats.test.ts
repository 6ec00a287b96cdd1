// XML and CSV, out and in: what was read in one form can be written back in it, and hostile forms are refused
// as clearly as hostile JSON.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, startTestServer, type TestServer } from '../server.ts';

const schema = `create table book (id integer primary key autoincrement, title varchar(80) not null,
    price numeric(8,2), sold boolean, printed date);
  insert into book (title, price, sold, printed) values
    ('Tea & <Coffee>', 9.5, 1, '2020-01-02'), ('"Quoted", and
in two lines', null, 0, null);
  create table copy (id integer primary key, title varchar(80) not null, price numeric(8,2), sold boolean,
    printed varchar(10));`;

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await server.addDatabase('db', schema);
});

afterAll(() => server.close());

const books = '/api/v2/db/_table/book';
const copies = '/api/v2/db/_table/copy';

function read(path: string, accept: string): Promise<Answer> {
  return server.ask(path, { headers: { Accept: accept } });
}

function send(path: string, type: string, body: string, method = 'POST'): Promise<Answer> {
  return server.ask(path, { method, headers: { 'Content-Type': type }, body });
}

describe('records', () => {
  test('as CSV, with quotes and lines kept', async () => {
    const answer = await read(`${books}?fields=id,title,price,sold`, 'text/csv');
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/csv; charset=UTF-8']);
    expect(answer.text).toBe(
      'id,title,price,sold\n1,Tea & <Coffee>,9.5,true\n2,"""Quoted"", and\nin two lines",,false\n',
    );
  });

  test('as XML, with its signs escaped', async () => {
    const answer = await read(`${books}/1?fields=id,title,sold`, 'application/xml');
    expect(answer.headers.get('content-type')).toBe('application/xml');
    expect(answer.text).toBe(
      '<?xml version="1.0" ?><dfapi>\n\t<id>1</id>\n\t<title>Tea &amp; &lt;Coffee&gt;</title>\n' +
        '\t<sold>true</sold>\n</dfapi>\n',
    );
  });

  test.each([
    ['text/csv', 'CSV'],
    ['application/xml', 'XML'],
  ])('that were read as %s are written as such', async (type) => {
    const { text } = await read(`${books}?fields=id,title,price,sold`, type);
    const made = await send(copies, type, text);
    expect([made.status, made.body]).toEqual([200, { resource: [{ id: 1 }, { id: 2 }] }]);
    const [before, after] = [
      await server.ask(`${books}?fields=id,title,price,sold`),
      await server.ask(`${copies}?fields=id,title,price,sold`),
    ];
    expect(after.body).toEqual(before.body);
    const changed = await send(`${copies}?fields=title`, type, text.replaceAll('Tea', 'Milk'), 'PATCH');
    expect(changed.body.resource[0]).toEqual({ title: 'Milk & <Coffee>' });
    expect((await server.ask(`${copies}?ids=1,2`, { method: 'DELETE' })).status).toBe(200);
  });

  test('one record of XML is a list of one', async () => {
    const answer = await send(copies, 'text/xml', '<x><resource><id>5</id><title>t</title></resource></x>');
    expect(answer.body).toEqual({ resource: [{ id: 5 }] });
    expect((await server.ask(`${copies}/5`, { method: 'DELETE' })).status).toBe(200);
  });

  test('as files', async () => {
    const answer = await server.ask(`${books}?fields=id&file=all.csv`);
    expect([answer.text, answer.headers.get('content-disposition')]).toEqual([
      'id\n1\n2\n',
      'attachment; filename="all.csv";',
    ]);
    const flagged = await read(`${books}?fields=id&file=true`, 'application/xml');
    expect(flagged.headers.get('content-disposition')).toBe('attachment; filename="book.xml";');
  });

  test('the parameter accept beats the header', async () => {
    const answer = await read(`${books}?fields=id&accept=text/csv`, 'application/json');
    expect(answer.text).toBe('id\n1\n2\n');
  });

  test('a number alone, and nothing at all', async () => {
    expect((await read(`${books}?count_only=true`, 'text/csv')).text).toBe('value\n2\n');
    expect((await read(`${copies}?fields=id`, 'text/csv')).text).toBe('');
    expect((await read(`${copies}?fields=id`, 'application/xml')).text).toBe(
      '<?xml version="1.0" ?><dfapi>\n</dfapi>\n',
    );
  });
});

describe('people and roles', () => {
  const csv =
    'email,first_name,last_name,name,is_active,phone\nann@example.com,Ann,Lee,Ann Lee,true,0123\n' +
    'bob@example.com,Bob,May,"May, Bob",0,\n';

  test('are brought in and taken out as CSV', async () => {
    const made = await send('/api/v2/system/user?fields=email', 'text/csv', csv);
    expect([made.status, made.body.resource.length]).toEqual([201, 2]);
    const answer = await server.ask(
      '/api/v2/system/user?file=users.csv&order=email&fields=email,name,is_active,phone',
    );
    expect(answer.text).toBe(
      'email,name,is_active,phone\nann@example.com,Ann Lee,true,0123\nbob@example.com,"May, Bob",false,\n',
    );
  });

  test('come in as XML, with what is inside of them', async () => {
    const access =
      '<role_service_access_by_role_id><service_id>1</service_id><component>*</component>' +
      '<verb_mask>1</verb_mask><requestor_mask>3</requestor_mask></role_service_access_by_role_id>';
    const body = `<roles><resource><name>reader</name><is_active>true</is_active>${access}</resource></roles>`;
    const made = await send('/api/v2/system/role', 'application/xml', body);
    expect(made.status).toBe(201);
    const id = made.body.resource[0].id;
    const stored = await server.ask(`/api/v2/system/role/${id}?related=role_service_access_by_role_id`);
    expect(stored.body).toMatchObject({
      name: 'reader',
      is_active: true,
      role_service_access_by_role_id: [{ service_id: 1, component: '*', verb_mask: 1, requestor_mask: 3 }],
    });
  });

  test('with a flag that is none are refused by name', async () => {
    const answer = await send('/api/v2/system/role', 'text/csv', 'name,is_active\nr2,perhaps\n');
    expect([answer.status, answer.body.error.message]).toEqual([
      400,
      "Field 'is_active' must be true or false.",
    ]);
  });
});

describe('errors', () => {
  test.each([
    ['of a service', `${books}/99`, 404],
    ['of access', '/api/v2/nothing/here', 404],
  ])('%s are in the form that was asked for', async (_what, path, status) => {
    const csv = await read(path, 'text/csv');
    expect([csv.status, csv.text.split('\n')[0]]).toEqual([status, 'code,context,message,status_code']);
    const xml = await read(path, 'application/xml');
    expect(xml.status).toBe(status);
    expect(xml.text).toMatch(/<dfapi>\n\t<error>\n\t\t<code>404<\/code>/);
  });

  test('before anybody is known', async () => {
    const headers = { Accept: 'application/xml', 'X-DreamFactory-Session-Token': 'forged' };
    const answer = await server.ask(books, { anonymous: true, headers });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([401, 'application/xml']);
  });
});

describe('scripts', () => {
  test('see the values and the text', async () => {
    const content =
      'return {p: event.request.payload, c: event.request.content, t: event.request.content_type};';
    const config = { content };
    const resource = [{ name: 'seen', label: 'seen', type: 'nodejs', is_active: true, config }];
    await server.ask('/api/v2/system/service', { method: 'POST', body: { resource } });
    const csv = await send('/api/v2/seen', 'text/csv', 'a,b\n1,2\n');
    expect(csv.body).toEqual({ p: { resource: [{ a: '1', b: '2' }] }, c: 'a,b\n1,2\n', t: 'text/csv' });
    const broken = await send('/api/v2/seen', 'application/xml', '<a><b>');
    expect([broken.status, broken.body.c]).toEqual([200, '<a><b>']);
  });
});

describe('hostile forms', () => {
  const bomb = `<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa">${Array.from(
    { length: 9 },
    (_each, i) => `<!ENTITY ${'bcdefghij'[i]} "${`&${'abcdefghi'[i]};`.repeat(10)}">`,
  ).join('')}]><r>&j;</r>`;

  test.each<[string, string, string]>([
    ['a bomb of entities', 'application/xml', bomb],
    [
      'a file of this machine',
      'application/xml',
      '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>',
    ],
    ['a foreign document', 'application/xml', '<!DOCTYPE r SYSTEM "http://127.0.0.1:1/x.dtd"><r/>'],
    ['a depth without end', 'application/xml', '<a>'.repeat(20_000) + '</a>'.repeat(20_000)],
    ['a prototype', 'application/xml', '<r><resource><__proto__><x>1</x></__proto__></resource></r>'],
    ['a prototype in CSV', 'text/csv', '__proto__,title\n1,2\n'],
    ['tags left open', 'application/xml', '<r>'.repeat(10_000)],
    ['brackets alone', 'application/xml', '<'.repeat(50_000)],
    ['comments left open', 'application/xml', `<r>${'<!--'.repeat(20_000)}</r>`],
    ['sections left open', 'application/xml', `<r>${'<![CDATA['.repeat(20_000)}</r>`],
    ['quotes left open', 'text/csv', `title\n${'"a,'.repeat(30_000)}`],
    ['columns without end', 'text/csv', `${'a,'.repeat(60_000)}\n1`],
    ['text', 'application/xml', 'no XML at all'],
    ['names without end', 'text/csv', `${Array.from({ length: 50_000 }, (_each, i) => `c${i}`).join()}\n1`],
  ])('%s is refused', async (_what, type, body) => {
    const answer = await send(copies, type, body);
    expect([answer.status, answer.body.error?.status_code]).toEqual([400, 400]);
    expect(answer.body.error.message.length).toBeLessThan(400);
    expect(answer.text).not.toMatch(/root:|node_modules|SECURITY/);
    expect((await server.ask(`${copies}?count_only=true`)).body).toBe(0);
  });

  test('the server is well afterwards', async () => {
    expect(({} as Record<string, unknown>).x).toBeUndefined();
    expect((await server.ask(`${books}?count_only=true`)).body).toBe(2);
  });
});
