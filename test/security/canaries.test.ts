// Secrets never leave (S12): canaries stand in every place where something secret is kept, and are looked for
// in everything that the server says, logs, keeps, describes, exports and hands to scripts. 0 hits.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Caller, CanaryWorld } from './canary-world.ts';

const world = new CanaryWorld();
const callers: Record<string, Caller> = { anonymous: {} };
let admin: Caller = {};
/** Everything that was answered to the crawl, by caller. */
const answered: { caller: string; path: string; status: number; text: string }[] = [];

const everything = [{ service_id: null, component: '*', verb_mask: 31, requestor_mask: 3 }];
const hidden = (name: string, value: string) => ({ name, value, private: true });

beforeAll(async () => {
  await world.start();
  admin = await world.administrator();
  callers.administrator = admin;
  await addServices();
  await addPeople();
  await addScripts();
}, 120_000);
afterAll(() => world.close());

async function addServices(): Promise<void> {
  const unreachable = { host: '127.0.0.1', port: 1, username: 'app', database: 'x' };
  const secret = (name: string) => world.canary(name);
  const services: [string, string, Record<string, unknown>][] = [
    ['pg', 'pgsql', { ...unreachable, password: secret('password of pg') }],
    ['pg_url', 'pgsql', { url: `postgres://app:${secret('password in a URL')}@127.0.0.1:1/x` }],
    ['my', 'mysql', { ...unreachable, password: secret('password of my'), ssl_key: secret('key of TLS') }],
    ['ms', 'sqlsrv', { ...unreachable, password: secret('password of ms') }],
    [
      'mail',
      'smtp_email',
      { host: '127.0.0.1', port: 1, username: 'm', password: secret('password of mail') },
    ],
  ];
  for (const [name, type, config] of services) await world.make(admin, 'service', { name, type, config });
  const oidc = {
    ...{ discovery_document_endpoint: 'https://127.0.0.1:1', client_id: 'tenon' },
    ...{ redirect_url: 'https://tenon.example.com/back', client_secret: secret('client secret') },
  };
  await world.make(admin, 'service', { name: 'login', type: 'oidc', config: oidc });
  await world.make(admin, 'service', {
    ...{ name: 'db', type: 'sqlite', label: 'a visible label' },
    config: { database: join(world.home, 'data.sqlite') },
  });
  await world.make(admin, 'lookup', hidden('system_secret', secret('lookup of the system')));
}

async function addPeople(): Promise<void> {
  const role = await world.make(admin, 'role', {
    ...{ name: 'everything', role_service_access_by_role_id: everything },
    lookup_by_role_id: [hidden('role_secret', world.canary('lookup of a role'))],
  });
  const app = await world.make(admin, 'app', {
    ...{ name: 'web', role_id: role.id },
    lookup_by_app_id: [hidden('app_secret', world.canary('lookup of an app'))],
  });
  world.canaries.set('API key', app.api_key);
  const uma = { email: 'uma@example.com', password: world.canary('password of a user') };
  const lookups = { lookup_by_user_id: [hidden('user_secret', world.canary('lookup of a user'))] };
  const question = { security_question: 'Which?', security_answer: world.canary('security answer') };
  await world.make(admin, 'user', { ...uma, ...lookups, ...question, name: 'Uma' });
  const key = { 'X-DreamFactory-API-Key': app.api_key };
  callers.key = key;
  callers.user = await world.logIn('user/session', uma, key);
  const body = { password: uma.password };
  const factor = await world.ask('api/v2/user/factor', { caller: callers.user, method: 'POST', body });
  expect([factor.status, factor.body.secret]).toEqual([
    expect.any(Number),
    expect.stringMatching(/^[A-Z2-7]+$/),
  ]);
  world.canaries.set('second factor', factor.body.secret);
}

const snoops: Record<string, string> = {
  nodejs: `const read = (path) => { try { return require('fs').readFileSync(path, 'latin1'); } catch (e) { return String(e); } };
    const files = [HOME + '/master.key', HOME + '/system.sqlite', '/proc/' + process.ppid + '/environ', '/proc/self/environ'];
    return {env: process.env, argv: process.argv, event, platform: {session: platform.session, config: platform.config},
      globals: Object.keys(globalThis), files: files.map(read)};`,
  python3: `import os, sys
def read(path):
    try:
        return open(path, encoding='latin1').read()
    except Exception as e:
        return str(e)
files = [HOME + '/master.key', HOME + '/system.sqlite', '/proc/%d/environ' % os.getppid(), '/proc/self/environ']
return {'env': dict(os.environ), 'argv': sys.argv, 'session': platform.session, 'config': platform.config, 'event': event,
  'files': [read(f) for f in files]}`,
  php: `$read = function ($path) { $text = @file_get_contents($path); return $text === false ? 'no' : utf8_encode($text); };
$files = [HOME . '/master.key', HOME . '/system.sqlite', '/proc/' . posix_getppid() . '/environ', '/proc/self/environ'];
return ['env' => getenv(), 'server' => $_SERVER, 'session' => $platform['session'], 'config' => $platform['config'],
  'event' => $event, 'files' => array_map($read, $files)];`,
};

async function addScripts(): Promise<void> {
  for (const [type, text] of Object.entries(snoops)) {
    const content = text.replaceAll('HOME', `'${world.home}'`);
    await world.make(admin, 'service', { name: `snoop_${type}`, type, config: { content } });
  }
  const failing =
    "console.log(JSON.stringify(platform.session.lookup_secret)); throw new Error('as it must');";
  await world.make(admin, 'service', { name: 'failing', type: 'nodejs', config: { content: failing } });
}

/** All paths that are described, with something in the place of their placeholders. */
async function paths(): Promise<string[]> {
  const { body } = await world.ask('api/v2/api_docs/_all', { caller: admin });
  const described = Object.entries<Record<string, unknown>>(body.paths).filter(([, verbs]) => 'get' in verbs);
  const filled = described.flatMap(([path]) => fillings(path));
  const lists = filled.filter((path) => /^\/system\/[a-z_]+$/.test(path));
  const wide = lists.map((path) => `${path}?fields=*&related=*&include_schema=true`);
  const forms = lists.flatMap((path) => [
    `${path}?accept=text/csv`,
    `${path}?accept=application/xml&file=x.xml`,
  ]);
  const more = [
    ...['/', '/?as_list=true', '/api_docs', '/api_docs/_all?format=yaml', '/system/audit?verify=true'],
    ...['/system/audit?limit=1000', '/system/run?limit=1000&fields=*', '/pg/_table?refresh=true'],
    ...['pg', 'pg_url', 'my', 'ms'].flatMap((name) => [`/${name}`, `/${name}/_schema`, `/${name}/_spec`]),
    ...[
      '/system/service?filter=nonsense',
      "/system/lookup?filter=value like '%'",
      '/system/user?order=password',
    ],
    ...['/snoop_nodejs', '/snoop_python3', '/snoop_php', '/failing', '/login/sso', '/nothing/at/all'],
  ];
  return [...new Set([...filled, ...wide, ...forms, ...more])];
}

function fillings(path: string): string[] {
  if (!path.includes('{')) return [path];
  const isById = /\/system\/[a-z_]+\/\{id\}$/.test(path);
  const values = isById ? ['1', '2', '3', '4', '5', '6', '7', '8'] : ['1'];
  return values.map((value) => path.replace(/\{[^}]+\}/g, value));
}

/** What each caller may see of secrets: his own key in what the platform says of himself. */
const own: Record<string, readonly string[]> = {
  // Keys of apps are theirs to hand out, and tokens are told to whoever holds them.
  administrator: ['API key', 'token of admin@example.com'],
  user: ['API key', 'token of uma@example.com'],
  key: ['API key'],
  anonymous: [],
};

describe('canaries', () => {
  test('are found where they stand in the open, so that not finding them means something', async () => {
    const label = await world.ask('api/v2/system/service', { caller: admin });
    expect(label.text).toContain('a visible label');
    expect(world.found(`x${world.canaries.get('password of pg')}y`)).toEqual(['password of pg']);
    expect(world.found(encodeURIComponent(`+${world.canaries.get('master key')}`))).toEqual(['master key']);
    expect(world.canaries.size).toBeGreaterThanOrEqual(20);
  });

  test('are in no answer to any caller', { timeout: 240_000 }, async () => {
    const all = await paths();
    expect(all.length).toBeGreaterThan(120);
    for (const [caller, headers] of Object.entries(callers)) {
      for (const path of all) {
        const { status, text } = await world.ask(`api/v2${path}`, { caller: headers });
        answered.push({ caller, path, status, text });
      }
    }
    const leaks = answered.flatMap(({ caller, path, text }) => {
      return world.found(text, own[caller]).map((name) => `${caller} GET ${path}: ${name}`);
    });
    expect(leaks).toEqual([]);
    // Most of it was really answered.
    const good = answered.filter(({ caller, status }) => caller === 'administrator' && status < 300);
    expect(good.length).toBeGreaterThan(80);
    expect(answered.filter(({ status }) => status === 500 || status > 504).map(({ path }) => path)).toEqual(
      answered
        .filter(({ path, status }) => status === 500 && path.startsWith('/failing'))
        .map(({ path }) => path),
    );
  });

  test.each(Object.keys(snoops))('are out of reach for scripts in %s', async (type) => {
    const { status, body, text } = await world.ask(`api/v2/snoop_${type}`, { caller: callers.user ?? {} });
    expect([status, text]).toEqual([200, expect.stringContaining('OPEN_VARIABLE')]);
    // A script reads the request of its caller as it came, with what stands in its headers.
    expect(world.found(text, ['API key', 'token of uma@example.com'])).toEqual([]);
    // That it tried, and what it was told.
    expect(body.files).toHaveLength(4);
  });

  test('are in no error that is provoked', { timeout: 120_000 }, async () => {
    const secret = (name: string) => world.canaries.get(name) ?? '';
    const post = (path: string, body: unknown, method = 'POST') =>
      world.ask(`api/v2/${path}`, { caller: admin, method, body });
    const password = secret('password of the administrator');
    const ids = Object.fromEntries(
      (await world.ask('api/v2/system/service?fields=id,name', { caller: admin })).body.resource.map(
        ({ id, name }: { id: number; name: string }) => [name, id],
      ),
    );
    const make = (config: Record<string, unknown>, type = 'pgsql') =>
      post('system/service', { resource: [{ name: 'again', type, config }] });
    const replies = await Promise.all([
      ...Object.values(ids).map((id) => post(`system/service/${id}/_test`, {})),
      make({ url: `postgres://a:${secret('password in a URL')}@[bad/x` }),
      make({ url: `http://a:${secret('password in a URL')}@host/x` }),
      make({ host: 'h', port: 'x', password: secret('password of pg') }),
      make({ host: 'h', password: [secret('password of pg')] }),
      post(`system/service/${ids.pg}`, { config: { host: 'elsewhere' } }, 'PATCH'),
      post('system/service', `{"name": "x", "config": {"password": "${secret('password of pg')}"`),
      post('system/service', {
        resource: [{ name: 'pg', type: 'pgsql', config: { password: secret('password of pg') } }],
      }),
      post('system/lookup', {
        resource: [{ name: '1', value: secret('lookup of the system'), private: true }],
      }),
      post('system/lookup', { resource: [hidden('system_secret', secret('lookup of the system'))] }),
      post('system/user', { email: 'uma@example.com', password: secret('password of a user') }),
      post('system/admin/session', { email: 'nobody@example.com', password }),
      post('system/admin/session', `{"email": "admin@example.com", "password": "${password}"`),
      post('system/admin/session', { email: [password], password }),
      post('system/admin/password', { old_password: password, new_password: 'x' }),
      post('user/factor', { code: secret('second factor') }),
      post('mail', { to: 'a@example.com', subject: 'x', body_text: '{system_secret}' }),
      post('system/package?dry_run=true', { password: secret('password of pg') }),
      world.ask(`api/v2/db/_table/x?api_key=${secret('API key')}`),
      world.ask(`api/v2/db/_table/x?session_token=${secret('token of uma@example.com')}`),
      world.ask('api/v2/db/_table/x', {
        caller: { Authorization: `Bearer ${secret('token of uma@example.com')}x` },
      }),
      world.ask('api/v2/db', {
        caller: { Authorization: `Basic ${Buffer.from(`nobody:${password}`).toString('base64')}` },
      }),
    ]);
    const leaks = replies.map(({ text }, index) => [
      index,
      world.found(text, ['token of admin@example.com']),
    ]);
    expect(leaks.filter(([, names]) => (names as string[]).length > 0)).toEqual([]);
    expect(replies.filter(({ status }) => status >= 400).length).toBeGreaterThan(15);
    expect(replies.filter(({ status }) => status === 500)).toEqual([]);
  });

  test('are not exported', async () => {
    const { status, text } = await world.ask('api/v2/system/package', {
      ...{ caller: admin, method: 'POST' },
      body: { include_users: true },
    });
    expect([status, world.found(text)]).toEqual([200, []]);
    const sealed = await world.ask('api/v2/system/package', {
      ...{ caller: { ...admin, 'X-Tenon-Passphrase': 'a passphrase that is long enough' }, method: 'POST' },
      body: {},
    });
    expect([sealed.status, sealed.text, world.found(sealed.text)]).toEqual([
      ...[200, expect.stringContaining('"$sealed"')],
      [],
    ]);
  });

  test('are in no process argument, and no environment of a runner', () => {
    const children = world.children();
    expect(children.length).toBeGreaterThan(2);
    for (const { pid, cmdline, environ } of children) {
      expect([pid, cmdline, world.found(cmdline), world.found(environ)]).toEqual([pid, cmdline, [], []]);
    }
    expect(
      children.filter(({ environ }) => environ.includes('OPEN_VARIABLE=visible')).length,
    ).toBeGreaterThan(0);
    expect(world.commandLine()).toContain('serve');
    expect(world.found(world.commandLine())).toEqual([]);
  });

  // Last: it ends the server, so that everything is written.
  test('are in no log, and not in clear on the disk', async () => {
    await world.stop();
    expect(world.output).toContain('"level":20');
    expect(world.found(world.output)).toEqual([]);
    const kept = readdirSync(world.home).filter((name) => name.startsWith('system.sqlite'));
    const text = kept.map((name) => readFileSync(join(world.home, name), 'latin1')).join('\n');
    expect(text.length).toBeGreaterThan(10_000);
    // What is compared with when somebody comes: a key as it is.
    expect(world.found(text, ['API key'])).toEqual([]);
  });
});
