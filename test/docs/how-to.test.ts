// The pages of docs/how-to do what they say.
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { clockOf } from '../../src/cli/schedule-time.ts';
import { CronTimetable } from '../../src/scheduler/timetable.ts';
import { Page, root } from './page.ts';

let page: Page | undefined;

afterEach(async () => {
  await page?.close();
  page = undefined;
});

async function open(name: string, schema = ''): Promise<Page> {
  page = await Page.open(`docs/how-to/${name}.md`, schema);
  return page;
}

test('scripts', async () => {
  const outputs = (await (await open('scripts')).check()).join('');
  expect(outputs).toContain('hr._table.{table_name}.get');
  expect(outputs).toMatch(/^warning: wrong\.ts is stored, .*\(line 2, column 14\)\.$/m);
  expect(outputs).toMatch(/^hr\._table\.employees\.\{id\}\.get\.post_process +typescript .* active$/m);
});

test('scripted services', async () => {
  const outputs = (await (await open('scripted-services')).check()).join('');
  expect(outputs).toContain('{"resource":[{"name":"math","type":"nodejs"}]}');
  expect(outputs).toMatch(
    /^Content-Type: text\/html; charset=UTF-8\s+X-Made-By: a script\s+<h1>Hello<\/h1>$/im,
  );
});

test('mail', async () => {
  const outputs = (await (await open('mail')).check()).join('');
  expect(outputs.match(/\{"count":1\}/g)).toHaveLength(3);
});

test('lookups', async () => {
  const outputs = (await (await open('lookups')).check()).join('');
  expect(outputs).toContain('{"dept_name":"Legal"}\n"database":"{sample_file}"');
});

test('authority', async () => {
  await (await open('authority')).check();
});

test('roles', async () => {
  const outputs = (await (await open('roles')).check()).join('');
  expect(outputs).not.toMatch(/birth_date":/);
});

test('limits', async () => {
  const outputs = (await (await open('limits')).check()).join('');
  expect(outputs).toMatch(/^X-RateLimit-Limit: 2\s+X-RateLimit-Remaining: 1\s+X-RateLimit-Reset: \d+\s*$/m);
});

test('queues', async () => {
  const outputs = (await (await open('queue')).check()).join('');
  expect(outputs).toContain('Welcome, Lighthouses! (attempt 1)');
  expect(outputs).toMatch(/failed +database:default +hr\._table\.departments\.post\.queued +2 .* nobody to/);
  expect(outputs).toContain('1 run was started anew.\nNo run has failed.\n');
  expect(outputs).toMatch(/paused, 4 at once, 100 per minute/);
});

test('schedules', async () => {
  const opened = await open('schedule');
  const outputs = (await opened.check()).join('');
  expect(outputs).toMatch(/^sync calls GET hr\/_table\/employees\?limit=1: \* \* \* \* \* {2}UTC, next at /m);
  expect(outputs).toMatch(/^200 after [\d,]+ ms\n\{"departments":10\}$/m);
  expect(outputs).toMatch(/^after-hours +0 22 \* \* MON-FRI +Europe\/Berlin +active .* 200, \d+ \w+ ago$/m);
  expectChangesOfClocks(opened.text);
});

// What the table says of the days on which clocks are changed is what comes.
function expectChangesOfClocks(text: string): void {
  const rows = [...text.matchAll(/^\| `([^`]+)` \| ([^|]+:[^|]+) \| ([^|]+:[^|]+) \|$/gm)];
  expect(rows).toHaveLength(4);
  const clock = clockOf('Europe/Berlin');
  for (const [, cron = '', ...days] of rows) {
    for (const [index, date] of ['2026-03-29', '2026-10-25'].entries()) {
      const timing = { cron, timeZone: 'Europe/Berlin', frequency: 5 };
      // From one o'clock to four, which is after all changes.
      const after = Date.parse(`${date}T00:59:59+0${index + 1}:00`);
      const until = Date.parse(`${date}T04:00:01+0${2 - index}:00`);
      const slots = new CronTimetable().next(timing, after, 20).filter((slot) => slot < until);
      const told = slots.map((slot) => clock(new Date(slot)).replace(/^\S+ (\d+:\d+):00/, '$1'));
      expect(days[index], `${cron} on ${date}`).toBe(told.join(', '));
    }
  }
}

test('writes that are done once', async () => {
  const outputs = (await (await open('idempotency')).check()).join('');
  expect(outputs).toMatch(/^Idempotency-Replayed: true\s+1$/m);
});

test('workers', async () => {
  const outputs = (await (await open('workers')).check()).join('');
  expect(outputs).toMatch(/"kind":"queue.done".*"queue":"reports"/);
});

test('several servers', async () => {
  const outputs = (await (await open('several-servers')).check()).join('');
  expect(outputs).toMatch(/^ok +processes +1 server; .* 0\.1\.0$/m);
});

test('monitoring', async () => {
  const shown = await open('monitoring');
  const outputs = (await shown.check()).join('');
  expect(outputs).toMatch(/^tenon_ready 1$/m);
  const told = readFileSync(join(shown.home, 'metrics.txt'), 'utf8');
  const named = shown.text.match(/\b(tenon|nodejs)_[a-z0-9_]+[a-z0-9]\b/g) ?? [];
  const metrics = new Set(named.map((name) => name.replace(/_bucket$/, '')));
  expect([...metrics].filter((name) => !told.includes(`# TYPE ${name} `))).toEqual([]);
  expect(metrics.size).toBeGreaterThan(25);
});

test('the audit log', async () => {
  const outputs = (await (await open('audit')).check()).join('');
  expect(outputs).toMatch(/^\{"entries":\d+,"broken_at":null\}$/m);
  expect(outputs).toContain('{"paid":true}');
});

test('secrets', async () => {
  const outputs = (await (await open('secrets')).check()).join('');
  expect(outputs).toContain('"password":"********"');
  expect(outputs).toMatch(/^ {2}[0-9a-f]{8} {2}service warehouse: password$/m);
  expect(outputs).toMatch(/^Master key [0-9a-f]{8} in place of [0-9a-f]{8}: 2 values sealed anew\.$/m);
});

test('databases', async () => {
  const text = readFileSync(join(root, 'docs/how-to/databases.md'), 'utf8');
  const [, schema = ''] = /```sql\n([\s\S]*?)```/.exec(text) ?? [];
  const outputs = (await (await open('databases', schema)).check()).join('');
  expect(outputs).toContain('{"resource":[{"id":1}]}\n{"resource":[{"id":2},{"id":3}]}');
  expect(outputs).toContain('"account":9007199254740993,');
  expect(outputs).toContain('{"item":"Tea","customer_by_customer_id":{"id":1,"email":"ann@example.com"');
  expect(outputs).toContain('customer_id,item\n1,Tea\n1,Cup\n');
  expect(outputs).toContain('<dfapi>\n\t<resource>\n\t\t<id>3</id>');
});

test('relations', async () => {
  const text = readFileSync(join(root, 'docs/how-to/relations.md'), 'utf8');
  const [, schema = ''] = /```sql\n([\s\S]*?)```/.exec(text) ?? [];
  await (await open('relations', schema)).check();
});

test('formats', async () => {
  const text = readFileSync(join(root, 'docs/how-to/formats.md'), 'utf8');
  const [, schema = ''] = /```sql\n([\s\S]*?)```/.exec(text) ?? [];
  const outputs = (await (await open('formats', schema)).check()).join('');
  const [, csv = ''] = /```\n(id,name[\s\S]*?)```/.exec(text) ?? [];
  expect(outputs).toContain(csv);
  expect(outputs).toContain(
    '{"resource":[{"id":1,"name":"Lovelace, Ada","age":37},{"id":2,"name":"Bob","age":null}]}',
  );
  expect(outputs).toMatch(/^6$/m);
});

test('administration, and a copy of the data folder', async () => {
  const administration = await open('administration');
  await administration.check();
  await administration.start(join(administration.home, 'other'));
  const copy = join(administration.home, 'copy');
  for (const name of ['system.sqlite', 'master.key']) {
    cpSync(join(administration.home, name), join(copy, name));
  }
  const url = await administration.start(copy);
  const authorization = `Basic ${Buffer.from('admin@example.com:an even longer one').toString('base64')}`;
  const answer = await fetch(`${url}/api/v2/system/service?as_list=true`, { headers: { authorization } });
  expect(answer.status).toBe(200);
});

test('the configuration as code', async () => {
  const outputs = (await (await open('configuration-as-code')).check()).join('');
  expect(outputs).toContain('It would be: 2 created.\n');
  expect(outputs).toContain('Done: 2 created.\nNothing to change.\n');
});

test('packages', async () => {
  const outputs = (await (await open('packages')).check()).join('');
  expect(outputs).toMatch(/^node +greeting +1\.0\.0$/m);
  expect(outputs).toMatch(/^No packages are installed\.$/m);
});

test('outgoing calls', async () => {
  await (await open('outgoing-calls')).check();
});

test('OpenID Connect', async () => {
  await (await open('openid-connect')).check();
});

test('people and their accounts', async () => {
  await (await open('users')).check();
});

test('API reference', async () => {
  const outputs = (await (await open('api-reference')).check()).join('');
  expect(outputs).toMatch(/ {2}\/_table\/employees:\n {4}get:\n {6}tags:\n {8}- employees\n/m);
  expect(outputs).toMatch(/^304$/m);
});

test('schema', async () => {
  const text = readFileSync(join(root, 'docs/how-to/schema.md'), 'utf8');
  const [, schema = ''] = /```sql\n([\s\S]*?)```/.exec(text) ?? [];
  const outputs = (await (await open('schema', schema)).check()).join('');
  expect(outputs).toContain('{"resource":[{"name":"note"}]}\n{"name":"note"}\n{"success":true}');
  expect(outputs).toMatch(/^That is no address\.$/m);
});

test('connections of queues', async () => {
  await (await open('queue-connections')).check();
});

test('all pages are tried', () => {
  const pages = readdirSync(join(root, 'docs/how-to')).sort();
  expect(pages).toEqual([
    'administration.md',
    'api-reference.md',
    'audit.md',
    'authority.md',
    'configuration-as-code.md',
    'databases.md',
    'exactly-once.md',
    'formats.md',
    'idempotency.md',
    'limits.md',
    'lookups.md',
    'mail.md',
    'monitoring.md',
    'openid-connect.md',
    'outgoing-calls.md',
    'packages.md',
    'queue-connections.md',
    'queue.md',
    'relations.md',
    'roles.md',
    'schedule.md',
    'schema.md',
    'scripted-services.md',
    'scripts.md',
    'secrets.md',
    'several-servers.md',
    'transactions.md',
    'users.md',
    'workers.md',
  ]);
});

test('transactions', async () => {
  const text = readFileSync(join(root, 'docs/how-to/transactions.md'), 'utf8');
  const [, schema = ''] = /```sql\n([\s\S]*?)```/.exec(text) ?? [];
  await (await open('transactions', schema)).check();
});
