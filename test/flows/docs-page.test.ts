// The API reference at /docs in a real browser: it shows what the credentials may do, asks no other host, and
// what is tried there, or copied as cURL, works.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { chromiumPath, type OpenPage, openPage } from '../browser.ts';
import { addScriptedService } from '../scripted-service.ts';
import { fixtureSql, startTestServer, type TestServer } from '../server.ts';

const run = promisify(execFile);
// A browser beside a server and other tests, on few processors.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });

let server: TestServer;
let open: OpenPage;

beforeAll(async () => {
  server = await startTestServer();
  await server.addDatabase('hr', fixtureSql('transcripts'));
});

afterAll(() => server.close());

describe('the files of the page', () => {
  test.each([
    ['/docs', 'text/html; charset=utf-8'],
    ['/docs/', 'text/html; charset=utf-8'],
    ['/docs/page.js', 'text/javascript; charset=utf-8'],
    ['/docs/page.css', 'text/css; charset=utf-8'],
    ['/docs/rapidoc-min.js', 'text/javascript; charset=utf-8'],
  ])('%s is served under a policy that allows no other host', async (path, type) => {
    const first = await fetch(server.url + path);
    expect([first.status, first.headers.get('content-type')]).toEqual([200, type]);
    const policy = first.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'self'; script-src 'self';");
    expect(policy).not.toMatch(/https?:|\*|unsafe-eval/);
    expect((await first.text()).length).toBeGreaterThan(100);
    const again = await server.ask(path, { headers: { 'if-none-match': first.headers.get('etag') ?? '' } });
    expect([again.status, again.text]).toEqual([304, '']);
  });

  test('the viewer travels packed where that is understood', async () => {
    const plain = await server.ask('/docs/rapidoc-min.js', { headers: { 'accept-encoding': 'identity' } });
    expect(plain.headers.get('content-encoding')).toBe(null);
    const packed = await fetch(`${server.url}/docs/rapidoc-min.js`, {
      headers: { 'accept-encoding': 'gzip' },
    });
    expect(packed.headers.get('content-encoding')).toBe('gzip');
    expect(Number(packed.headers.get('content-length'))).toBeLessThan(plain.text.length / 3);
    expect(await packed.text()).toBe(plain.text);
  });

  test('the root of the server leads there, and nothing else is below it', async () => {
    expect((await server.ask('/')).body.links.docs).toBe('/docs');
    for (const path of ['/docs/index.html', '/docs/../server.ts', '/docs/%2e%2e/server.ts', '/docs/page']) {
      expect((await fetch(server.url + path)).status, path).toBe(404);
    }
  });
});

describe.skipIf(chromiumPath === undefined)('in a browser', () => {
  beforeAll(async () => {
    open = await openPage();
  });

  afterAll(() => open?.browser.close());

  beforeEach(async () => {
    open.problems.length = 0;
    open.requests.length = 0;
  });

  test('shows the tables to an administrator, tries a call, and gives its cURL', async () => {
    await visit('/docs?service=hr');
    await logIn('admin@example.com', 'correct horse battery');
    const { page } = open;
    await page.locator('#link-get-\\/_table\\/employees').click();
    await page.getByRole('button', { name: 'TRY' }).click();
    await page.locator('api-request').getByText('"last_name"').first().waitFor();
    await page.locator('api-request').getByText('OK:200').waitFor();
    const command = await copiedCurl();
    expect(command).toContain(`${server.url}/api/v2/hr/_table/employees`);
    const { stdout } = await run('sh', ['-c', `${command} -s -w '\\n%{http_code}'`]);
    const [, body = '', status] = /^([\s\S]*)\n(\d+)$/.exec(stdout) ?? [];
    expect(status).toBe('200');
    expect(JSON.parse(body).resource[0]).toHaveProperty('last_name');
    expectNoProblems();
  });

  test('writes a record that was typed in', async () => {
    await visit('/docs?service=hr');
    await logIn('admin@example.com', 'correct horse battery');
    const { page } = open;
    await page.locator('#link-post-\\/_table\\/todo').click();
    const body = page.locator('api-request textarea').filter({ visible: true }).first();
    await body.fill('{"resource":[{"title":"from the reference"}]}');
    await page.getByRole('button', { name: 'TRY' }).click();
    await page.locator('api-request').getByText('OK:200').waitFor();
    const found = await server.ask("/api/v2/hr/_table/todo?filter=title='from the reference'");
    expect(found.body.resource).toHaveLength(1);
    expectNoProblems();
  });

  test('shows the holder of an API key no more than the role allows', async () => {
    const key = await apiKey({ component: '_table/todo/*', verb_mask: 1 });
    await visit('/docs');
    await open.page.fill('input[name=key]', key);
    await open.page.click('#credentials [type=submit]');
    await open.page.locator('#link-get-\\/_table\\/todo').click();
    const links = await open.page.locator('[id^="link-get"], [id^="link-post"]').evaluateAll((found) => {
      return found.map((link) => link.id);
    });
    expect(links.sort()).toEqual(['link-get-/_spec', 'link-get-/_table/todo', 'link-get-/_table/todo/-id-']);
    await open.page.getByRole('button', { name: 'TRY' }).click();
    await open.page.locator('api-request').getByText('"title"').first().waitFor();
    expect(await copiedCurl()).toContain(`x-dreamfactory-api-key: ${key}`);
    expectNoProblems();
  });

  test('shows another service when that is chosen, and all of them together', async () => {
    await visit('/docs');
    await logIn('admin@example.com', 'correct horse battery');
    const { page } = open;
    await page.locator('#link-get-\\/_table\\/employees').waitFor();
    await page.selectOption('#service', 'user');
    await page.locator('#link-get-\\/profile').click();
    await page.getByRole('button', { name: 'TRY' }).click();
    await page.locator('api-request').getByText('"admin@example.com"').first().waitFor();
    await page.selectOption('#service', '_all');
    await page.locator('#link-get-\\/hr\\/_table\\/employees').click();
    await page.getByRole('button', { name: 'TRY' }).click();
    await page.locator('api-request').getByText('"last_name"').first().waitFor();
    expectNoProblems();
  });

  test('of many tables shows those that are named', async () => {
    const tables = Array.from(
      { length: 51 },
      (_, index) => `CREATE TABLE t${index} (id INTEGER PRIMARY KEY);`,
    );
    await server.addDatabase('many', tables.join(''));
    await visit('/docs?service=many');
    await logIn('admin@example.com', 'correct horse battery');
    await open.page.getByText('There are 51 tables.').waitFor();
    await open.page.fill('#tables', 't3, t50');
    await open.page.press('#tables', 'Enter');
    await open.page.locator('#link-get-\\/_table\\/t50').waitFor();
    expect(await open.page.locator('[id^="link-get-/_table/t"]').count()).toBe(4);
    expectNoProblems();
  });

  test('logs out, for the server as well', async () => {
    await visit('/docs?service=hr');
    await logIn('admin@example.com', 'correct horse battery');
    const { page } = open;
    await page.locator('#link-get-\\/_table\\/employees').click();
    await page.getByRole('button', { name: 'TRY' }).click();
    await page.locator('api-request').getByText('OK:200').waitFor();
    const command = await copiedCurl();
    await page.click('#forget');
    await page.getByText('Logged out.').waitFor();
    expect(await page.locator('rapi-doc').isVisible()).toBe(false);
    const { stdout } = await run('sh', ['-c', `${command} -s -o /dev/null -w '%{http_code}'`]);
    expect(stdout).toMatch(/^40[13]$/);
  });

  test('says what is wrong with credentials', async () => {
    await visit('/docs');
    await logIn('admin@example.com', 'wrong');
    await open.page.getByText('Invalid credentials supplied.').waitFor();
    expect(await open.page.locator('rapi-doc').isVisible()).toBe(false);
  });

  test('runs nothing that a description holds', async () => {
    const evil = '<img src=x onerror="document.title=`run`"><script>document.title="run"</script>';
    const document = {
      openapi: '3.0.0',
      info: { title: 'Evil', description: evil, version: '1' },
      paths: {
        '/a': { get: { summary: evil, description: evil, responses: { 200: { description: evil } } } },
      },
    };
    const content = JSON.stringify(document);
    await addScriptedService(server, 'return 1;', { name: 'evil', document: { content, format: 0 } });
    await visit('/docs?service=evil');
    await logIn('admin@example.com', 'correct horse battery');
    await open.page.locator('#link-get-\\/a').click();
    await open.page.getByRole('button', { name: 'TRY' }).waitFor();
    expect(await open.page.title()).toBe('API reference – Tenon');
    expect(open.requests.filter((url) => !url.startsWith(server.url))).toEqual([]);
  });
});

async function visit(path: string): Promise<void> {
  await open.page.goto(server.url + path);
}

async function logIn(email: string, password: string): Promise<void> {
  await open.page.fill('input[name=email]', email);
  await open.page.fill('input[name=password]', password);
  await open.page.click('#credentials [type=submit]');
}

async function copiedCurl(): Promise<string> {
  const panel = open.page.locator('api-request');
  await panel.getByRole('button', { name: 'CURL' }).click();
  await panel.getByRole('button', { name: 'Copy' }).filter({ visible: true }).first().click();
  return open.page.evaluate('navigator.clipboard.readText()');
}

function expectNoProblems(): void {
  expect(open.problems).toEqual([]);
  expect(open.requests.length).toBeGreaterThan(4);
  expect(open.requests.filter((url) => !url.startsWith(server.url))).toEqual([]);
}

async function apiKey(access: Record<string, unknown>): Promise<string> {
  const service = await server.ask("/api/v2/system/service?filter=name='hr'&fields=id");
  const row = { service_id: service.body.resource[0].id, requestor_mask: 1, ...access };
  const role = await create('role', {
    name: 'reader',
    is_active: true,
    role_service_access_by_role_id: [row],
  });
  const app = await create('app', { name: 'reader', is_active: true, role_id: role.id });
  return app.api_key;
}

async function create(kind: string, record: object) {
  const body = { resource: [record] };
  const answer = await server.ask(`/api/v2/system/${kind}?fields=*`, { method: 'POST', body });
  expect(answer.status, answer.text).toBe(201);
  return answer.body.resource[0];
}
