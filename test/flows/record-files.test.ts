// Records of the system as files: exported with `file=`, imported by POST of CSV, XML and JSON.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../server.ts';

const forms = [
  ['csv', 'text/csv'],
  ['xml', 'application/xml'],
  ['json', 'application/json'],
] as const;
const password = 'hush-of-a-user';

let first: TestServer;
let second: TestServer;

beforeAll(async () => {
  first = await startTestServer();
  second = await startTestServer();
});

afterAll(async () => {
  await first.close();
  await second.close();
});

function post(server: TestServer, path: string, body: unknown, type = 'application/json') {
  return server.ask(`/api/v2/system/${path}`, { method: 'POST', headers: { 'content-type': type }, body });
}

describe('users', () => {
  test.each(forms)('are exported as %s, and imported from it', async (form, type) => {
    const user = {
      ...{ email: `${form}@example.com`, name: `Ann, "${form}"`, first_name: 'Ännchen', last_name: 'O’Hara' },
      ...{ phone: '0045 12', is_active: false, password, confirmed: true },
    };
    await post(first, 'user', { resource: [user] });
    const fields = 'name,username,first_name,last_name,email,phone,is_active,confirmed';
    const filter = encodeURIComponent(`email='${user.email}'`);
    const path = `/api/v2/system/user?fields=${fields}&filter=${filter}`;
    const exported = await first.ask(`${path}&file=users.${form}`);
    expect(exported.headers.get('content-type')).toContain(type);
    expect(exported.headers.get('content-disposition')).toBe(`attachment; filename="users.${form}";`);
    expect(exported.text).not.toContain(password);
    const imported = await post(second, 'user', exported.text, type);
    expect([imported.status, imported.text]).toEqual([201, expect.stringContaining('"id"')]);
    const there = await second.ask(path);
    expect(there.body).toEqual((await first.ask(path)).body);
    expect(there.body.resource[0]).toMatchObject({ phone: '0045 12', is_active: false, confirmed: true });
  });

  test('no form of an export holds a password, its hash, or what stands for one', async () => {
    for (const [form] of forms) {
      const { text } = await first.ask(`/api/v2/system/user?file=all.${form}&related=*`);
      expect(text).toContain('csv@example.com');
      expect(text).not.toMatch(/argon2|hush|password|answer/);
    }
  });

  test('CSV as people write it: passwords in it work, and are never answered', async () => {
    const csv = `email,first_name,last_name,password,is_active\nbo@example.com,Bo,Beck,${password},true\n`;
    const made = await post(second, 'user?fields=*', csv, 'text/csv');
    expect(made.status).toBe(201);
    expect(made.text).not.toContain(password);
    const body = { email: 'bo@example.com', password };
    const login = await second.ask('/api/v2/user/session', { method: 'POST', body, anonymous: true });
    expect(login.body).toMatchObject({ name: 'Bo Beck', is_sys_admin: false });
  });

  test('a whole export, with what the server adds to records, can be imported again', async () => {
    const { text } = await first.ask(
      `/api/v2/system/user?file=all.csv&filter=${encodeURIComponent("email='xml@example.com'")}`,
    );
    expect(text).toContain('second_factor');
    const csv = text.replaceAll('xml@example.com', 'again@example.com');
    expect((await post(second, 'user', csv, 'text/csv')).status).toBe(201);
  });

  test('a line that can not be a user says so, and with rollback none is made', async () => {
    const csv = 'email,is_active\nfine@example.com,true\nno address,true\nc@example.com,maybe\n';
    const { status, body } = await post(second, 'user?rollback=true', csv, 'text/csv');
    expect(status).toBe(400);
    expect(body.error.context).toMatchObject({ error: [1] });
    const filter = encodeURIComponent("email='fine@example.com'");
    expect((await second.ask(`/api/v2/system/user?filter=${filter}&count_only=true`)).body).toBe(0);
  });

  test('nobody becomes an administrator by a line of CSV', async () => {
    const csv = 'email,is_sys_admin\nclimber@example.com,true\n';
    await post(second, 'user', csv, 'text/csv');
    const filter = encodeURIComponent("email='climber@example.com'");
    const { body } = await second.ask(`/api/v2/system/user?filter=${filter}&fields=is_sys_admin`);
    expect(body.resource).toEqual([{ is_sys_admin: false }]);
  });
});

describe('other records', () => {
  const records: [string, Record<string, unknown>, string][] = [
    ['role', { name: 'readers', description: 'a,b', max_concurrency: 4 }, 'name,description,is_active'],
    ['lookup', { name: 'city', value: '007', private: false }, 'name,value,private,script_visible'],
    ['app', { name: 'portal', type: 2, url: 'https://example.com' }, 'name,type,url,requires_fullscreen'],
    [
      'cors',
      { path: 'api/*', origin: '*', method: ['GET', 'PUT'], max_age: 5 },
      'path,origin,method,max_age,enabled',
    ],
    [
      'email_template',
      { name: 'hello', to: [{ name: 'A', email: 'a@example.com' }], defaults: { x: 'y' }, body_text: 'a\nb' },
      'name,to,defaults,body_text',
    ],
    [
      'queue_connection',
      { name: 'mails', type: 'database', default_queue: 'letters', is_default: true },
      'name,type,default_queue,is_active,is_default',
    ],
    [
      'limit',
      { name: 'all', type: 'instance', rate: 1000, period: 'day' },
      'name,type,rate,period,is_active',
    ],
  ];

  test.each(records)('%s as CSV, and back', async (resource, record, fields) => {
    const made = await post(first, `${resource}?fields=*`, { resource: [record] });
    expect(made.status, made.text).toBe(201);
    const identifier = 'id';
    const path = `/api/v2/system/${resource}?fields=${fields}&ids=${made.body.resource[0][identifier]}`;
    const { text } = await first.ask(`${path}&file=a.csv`);
    const imported = await post(second, `${resource}?fields=${fields}`, text, 'text/csv');
    expect([imported.status, imported.body]).toEqual([201, (await first.ask(path)).body]);
  });
});
