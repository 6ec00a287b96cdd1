// `tenon export` and `tenon import` against a running server and on a data folder.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { terminal } from '../commands.ts';
import { startTestServer, type TestServer } from '../server.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenon-configuration-'));
const secret = 'hush-configuration';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await server.addDatabase('shop', 'create table todo (id integer primary key, title varchar(80))');
  const role = {
    name: 'readers',
    lookup_by_role_id: [{ name: 'key', value: secret, private: true }],
    role_service_access_by_role_id: [{ service_id: null, component: '_table/*', verb_mask: 1 }],
  };
  await server.ask('/api/v2/system/role', { method: 'POST', body: { resource: [role] } });
});

afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const run = terminal({
  folder,
  variables: () => ({ TENON_SERVER: server.url, TENON_TOKEN: server.token }),
});

// A folder of its own, and no server at all.
const alone = (name: string) => ({
  ...{ TENON_SERVER: undefined, TENON_TOKEN: undefined, TENON_HOME: join(folder, name) },
  ...{ TENON_ADMIN_EMAIL: 'admin@example.com', TENON_ADMIN_PASSWORD: 'correct horse battery' },
});

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}

describe('a running server', () => {
  test('export writes YAML to the standard output, and nothing else', async () => {
    const { code, stdout, stderr } = await run(['export']);
    expect([code, stderr]).toEqual([0, `Exported the configuration of ${server.url}.\n`]);
    expect(stdout).toMatch(/^tenon_package: 1\nqueue_connection: \[\]\nservice:\n/);
    expect(stdout).toContain('name: readers');
    expect(stdout).not.toContain(secret);
  });

  test('the ending of a file says its form', async () => {
    for (const [name, begin] of [
      ['a.json', '{\n  "tenon_package": 1'],
      ['a.yml', 'tenon_package: 1\n'],
      ['a.zip', 'PK'],
    ] as const) {
      const { code, stdout } = await run(['export', '--output', name, '--only', 'roles,lookups']);
      expect([code, stdout]).toEqual([0, '']);
      expect(readFileSync(join(folder, name), 'latin1').slice(0, begin.length)).toBe(begin);
      const same = await run(['import', name, '--dry-run']);
      expect(same).toMatchObject({ code: 0, stdout: 'Nothing to change.\n' });
    }
  });

  test('a dry run shows what would change and ends with 2, --yes does it', async () => {
    const wanted = file(
      'wanted.yaml',
      'tenon_package: 1\nrole:\n  - name: readers\n    description: Who reads\nlookup:\n  - {name: city, value: Lund}\n',
    );
    const dry = await run(['import', wanted, '--dry-run']);
    expect(dry.stdout).toBe(
      [
        '~ role readers',
        '    description: none → "Who reads"',
        '+ lookup city',
        '    value: "Lund"',
        '    private: false',
        '    script_visible: false',
        'It would be: 1 created, 1 updated.\n',
      ].join('\n'),
    );
    expect([dry.code, dry.stderr]).toEqual([2, '']);
    const done = await run(['import', wanted, '--yes']);
    expect([done.code, done.stdout.split('\n').at(-2)]).toEqual([0, 'Done: 1 created, 1 updated.']);
    const { body } = await server.ask('/api/v2/system/lookup?fields=name,value');
    expect(body.resource).toEqual([{ name: 'city', value: 'Lund' }]);
    expect(await run(['import', wanted, '--dry-run'])).toMatchObject({ code: 0 });
  });

  test('--json, --no-overwrite, --delete-missing', async () => {
    const wanted = file('more.yaml', 'tenon_package: 1\nlookup:\n  - {name: street, value: High}\n');
    const json = await run(['import', wanted, '--dry-run', '--delete-missing', '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ dry_run: true, summary: { created: 1, deleted: 1 } });
    const kept = file('kept.yaml', 'tenon_package: 1\nlookup:\n  - {name: city, value: Oslo}\n');
    const skipped = await run(['import', kept, '--yes', '--no-overwrite']);
    expect(skipped).toMatchObject({ code: 0, stdout: 'Nothing to change.\n' });
  });

  test('what cannot be done is said in a sentence, with exit code 1', { timeout: 120_000 }, async () => {
    const wanted = file('wrong.yaml', 'tenon_package: 1\nrole:\n  - {name: x, is_actve: true}\n');
    const cases: [string[], RegExp][] = [
      [['import', wanted, '--yes'], /^error: The server refused \(status 400\): .*role 'x'.*is_actve/],
      [['import', file('empty.yaml', 'a: 1'), '--yes'], /^error: The file is no package/],
      [['export', '--only', 'nothing'], /^error: The server refused .*'nothing'/],
      [['export', '--with-secrets', '--passphrase-file', file('short', 'short\n')], /at least 12 characters/],
    ];
    const ended = await Promise.all(cases.map(([args]) => run(args)));
    for (const [index, { code, stdout, stderr }] of ended.entries()) {
      expect(stderr).toMatch(cases[index]?.[1] ?? /^$/);
      expect(stderr).not.toContain('    at ');
      expect([code, stdout]).toEqual([1, '']);
    }
  });
});

describe('a data folder without a server', () => {
  test('takes what a server gave, secrets with it, and gives the same again', {
    timeout: 120_000,
  }, async () => {
    file('pass', 'a passphrase of some length: ü\n');
    const args = ['--with-secrets', '--passphrase-file', 'pass', '--include-keys'];
    await run(['export', '-o', 'all.json', ...args]);
    expect(readFileSync(join(folder, 'all.json'), 'utf8')).not.toContain(secret);
    expect(statSync(join(folder, 'all.json')).mode & 0o077).toBe(0);
    const none = await run(['import', 'all.json', '--yes'], alone('home'));
    expect(none.stderr).toMatch(/Give the passphrase/);
    const done = await run(['import', 'all.json', '--yes', '--passphrase-file', 'pass'], alone('home'));
    expect([done.code, done.stderr]).toEqual([0, '']);
    const again = await run(['import', 'all.json', '--dry-run', '--passphrase-file', 'pass'], alone('home'));
    expect(again).toMatchObject({ code: 0, stdout: 'Nothing to change.\n' });
    const [there, here] = await Promise.all([run(['export'], alone('home')), run(['export'])]);
    expect(there.stdout).toBe(here.stdout);
    expect(there.stderr).toBe(`Exported the configuration of ${join(folder, 'home')}.\n`);
  });

  test('stands in only for a server that nobody named', async () => {
    const [named, nowhere, empty] = await Promise.all([
      run(['export'], { ...alone('home'), TENON_SERVER: 'http://127.0.0.1:1' }),
      run(['export'], alone('nowhere')),
      run(['export', '--home', 'empty-home']),
    ]);
    expect([named.code, named.stderr]).toEqual([1, expect.stringMatching(/^error: /)]);
    expect(nowhere.stderr).toMatch(/^error: No server answers at .*, and there is no data folder/);
    expect(empty.stderr).toMatch(/^error: There is no configuration in/);
  });

  test('a package of more than a megabyte goes to a server as a zip file', async () => {
    const scripts = Array.from({ length: 24 }, (_, index) => {
      const content = `// ${'long '.repeat(10_000)}`;
      return { name: `shop._table.todo${index}.get.post_process`, type: 'nodejs', content };
    });
    const wanted = file('large.json', JSON.stringify({ tenon_package: 1, event_script: scripts }));
    const done = await run(['import', wanted, '--dry-run', '--json']);
    expect(JSON.parse(done.stdout)).toMatchObject({ summary: { created: 24 } });
  });
});
