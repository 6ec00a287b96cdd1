import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { tenonProgram } from '../test/program.ts';
import { failed, newRun, takeOne } from './store/queue/fixture.ts';
import { createSqliteStore } from './store/sqlite.ts';
import { version } from './version.ts';

const cli = tenonProgram();
const project = fileURLToPath(new URL('..', import.meta.url));
const account = { TENON_ADMIN_EMAIL: 'admin@example.com', TENON_ADMIN_PASSWORD: 'correct horse battery' };

let home = '';
const running = new Set<ChildProcess>();

beforeEach(() => {
  home = join(mkdtempSync(join(tmpdir(), 'tenon-cli-')), 'home');
});

afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
  rmSync(join(home, '..'), { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Command {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves with the first match in the standard output. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
}

type Variables = Readonly<Record<string, string>>;

/** Starts the command line in an environment of its own. */
function start(args: readonly string[], variables: Variables = {}): Command {
  const env = { PATH: process.env.PATH ?? '', TENON_HOME: home, TENON_LOG_LEVEL: 'silent', ...variables };
  const child = spawn(process.execPath, [cli, ...args], {
    env,
    cwd: project,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let stdout = '';
  let stderr = '';
  child.stderr.on('data', (chunk) => (stderr += chunk));
  child.stdout.on('data', (chunk) => (stdout += chunk));
  const ended = new Promise<Ended>((done) => {
    child.once('close', (code) => {
      running.delete(child);
      done({ code, stdout, stderr });
    });
  });
  const says = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((done, fail) => {
      const look = () => {
        const match = pattern.exec(stdout);
        if (match !== null) done(match);
      };
      child.stdout.on('data', look);
      void ended.then(() => fail(new Error(`it ended without saying ${pattern}: ${stdout}${stderr}`)));
      look();
    });
  return { child, ended, says };
}

function run(args: readonly string[], variables: Variables = {}): Promise<Ended> {
  return start(args, variables).ended;
}

async function serving(args: readonly string[] = [], variables: Variables = {}) {
  const command = start(['serve', '--port', '0', ...args], { ...account, ...variables });
  const [, url = ''] = await command.says(/is listening on (http:\/\/\S+)\n/);
  return { ...command, url };
}

describe('help and mistakes', () => {
  test('--help names every verb, --version the release', async () => {
    const help = await run(['--help']);
    expect(help.code).toBe(0);
    expect(help.stdout).toMatch(/serve \[options\][\s\S]*doctor \[options\][\s\S]*script/);
    expect((await run(['--version'])).stdout).toBe(`${version}\n`);
    expect(existsSync(home)).toBe(false);
  });

  test.each([['serve'], ['doctor'], ['script'], ['script', 'push'], ['script', 'list']])(
    '%s %s has help of its own',
    async (...verbs) => {
      const { code, stdout } = await run([...verbs.filter(Boolean), '--help']);
      expect(code).toBe(0);
      expect(stdout).toContain(`Usage: tenon ${verbs.filter(Boolean).join(' ')}`);
    },
  );

  test.each([
    [['sevre'], /unknown command 'sevre'[\s\S]*Did you mean serve\?[\s\S]*--help/],
    [['serve', '--prot', '1'], /unknown option '--prot'[\s\S]*Did you mean --port\?/],
    [['script', 'push'], /missing required argument 'file'/],
    [['serve', '--port', 'eighty'], /^error: --port must be a whole number from 0 to 65535\.\n$/],
  ])('%j is told what is wrong', async (args, message) => {
    const { code, stderr } = await run(args);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
  });

  test('a reader that goes away early is no failure', async () => {
    const { child, ended } = start(['doctor', '--json', '--port', '0']);
    child.stdout?.destroy();
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
  });

  test('a bad variable is named', async () => {
    const { code, stderr } = await run(['serve'], { TENON_LOG_LEVEL: 'loud' });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: TENON_LOG_LEVEL must be one of trace, /);
  });
});

describe('serve', () => {
  const nobody = { TENON_ADMIN_EMAIL: '', TENON_ADMIN_PASSWORD: '' };

  test('serves the sample it made, ends in order on a signal, and serves it again', async () => {
    const first = await serving(['--sample']);
    expect((await fetch(`${first.url}/status`)).status).toBe(200);
    first.child.kill('SIGTERM');
    const end = await first.ended;
    expect(end).toMatchObject({ code: 0, stderr: '' });
    expect(end.stdout).toMatch(/^Making the sample database: employees …\n.*: 10,000, done in \d+\.\d s\n/);
    expect(statSync(home).mode & 0o077).toBe(0);
    expect(readdirSync(home)).toContain('sample.sqlite');

    const second = await serving(['--sample']);
    const login = await fetch(`${second.url}/api/v2/system/admin/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email: account.TENON_ADMIN_EMAIL, password: account.TENON_ADMIN_PASSWORD }),
    });
    const { session_token: token } = (await login.json()) as { session_token: string };
    const answer = await fetch(`${second.url}/api/v2/hr/_table/employees/10001`, {
      headers: { 'x-dreamfactory-session-token': token },
    });
    expect(Object.keys((await answer.json()) as object)).toContain('hire_date');
    second.child.kill('SIGINT');
    expect((await second.ended).stdout).not.toContain('Making');
  });

  test('the first start tells a password once, and a command that works with it', async () => {
    const first = await serving([], nobody);
    const hint = /try it: +curl -u '([^']+)' '([^']+)'\n/;
    const [, login = '', url = ''] = await first.says(hint);
    const authorization = `Basic ${Buffer.from(login).toString('base64')}`;
    expect(url).toBe(`${first.url}/api/v2`);
    expect((await fetch(url, { headers: { authorization } })).status).toBe(200);
    first.child.kill('SIGINT');
    const end = await first.ended;
    expect(end).toMatchObject({ code: 0, stderr: '' });
    expect(end.stdout).toContain(`one-time password ${login.split(':')[1]}\n`);
    expect(end.stdout).toMatch(/Ctrl-C ends\nStopped\.\n$/);

    const second = await serving([], nobody);
    await second.says(/Ctrl-C ends\n/);
    second.child.kill('SIGINT');
    const { stdout } = await second.ended;
    expect(stdout).not.toMatch(/password/);
    expect(hint.exec(stdout)?.[1]).toBe('EMAIL');
  });

  test('told to stop, it goes on serving while probes hear of it; a second signal ends it', async () => {
    const { child, ended, says, url } = await serving([], { TENON_DRAIN_DELAY: '300' });
    child.kill('SIGTERM');
    await says(/^Serving for 300 s more/m);
    const told = await Promise.all(
      ['/status', '/status/ready', '/status/live', '/'].map((path) => fetch(url + path)),
    );
    expect(told.map(({ status }) => status)).toEqual([503, 503, 200, 200]);
    expect(told.map(({ headers }) => headers.get('connection'))).toEqual(Array(4).fill('close'));
    const { checks } = JSON.parse((await told[1]?.text()) ?? '{}');
    expect(checks).toEqual({
      system_database: 'ok',
      configuration: 'ok',
      registry: 'ok',
      accepting: 'failed',
    });
    child.kill('SIGTERM');
    expect((await ended).code).toBe(1);
  });

  test('ended by hand, it waits for no balancer', async () => {
    const { child, ended, url } = await serving([], { TENON_DRAIN_DELAY: '300' });
    await (await fetch(`${url}/status`)).text();
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
  });

  test('a port in use is told with the way out', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((done) => server.once('listening', done));
    const { port } = server.address() as { port: number };
    const { code, stderr } = await run(['serve', '--port', String(port)], account);
    server.close();
    expect(code).toBe(1);
    expect(stderr).toBe(
      `error: Port ${port} of 127.0.0.1 is in use.\nTake another with --port (TENON_PORT), or 0 for a free one.\n`,
    );
  });
});

describe('doctor', () => {
  const found = (stdout: string) => {
    const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: { name: string; status: string }[] };
    return { ok, by: Object.fromEntries(checks.map((check) => [check.name, check])) };
  };

  test('finds a fresh machine well and leaves no trace', async () => {
    const { code, stdout } = await run(['doctor', '--json', '--port', '0']);
    const { ok, by } = found(stdout);
    expect(Object.values(by).filter((check) => check.status !== 'ok')).toEqual([]);
    expect(ok).toBe(true);
    expect(code).toBe(0);
    expect(existsSync(home)).toBe(false);
  });

  test('says what to do about a folder that is open, an unknown variable and a port in use', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((done) => server.once('listening', done));
    const { port } = server.address() as { port: number };
    mkdirSync(home, { mode: 0o755 });
    const { code, stdout } = await run(['doctor', '--port', String(port)], { TENON_PROT: '1' });
    server.close();
    expect(code).toBe(1);
    expect(stdout).toMatch(/warn {2}settings +unknown: TENON_PROT\n +→ Did you mean TENON_PORT\?/);
    expect(stdout).toMatch(/warn {2}data folder .*is open to other users\n +→ chmod 700/);
    expect(stdout).toMatch(/FAIL {2}port .*is used by another program\n +→ .*TENON_PORT/);
  });

  test('counts runs that failed for good', async () => {
    mkdirSync(home, { mode: 0o700 });
    const store = await createSqliteStore({ file: join(home, 'system.sqlite') });
    await store.queue.push([newRun('r1'), newRun('r2')]);
    await store.queue.finish([failed(await takeOne(store))]);
    await store.close();
    const { stdout } = await run(['doctor', '--port', '0']);
    expect(stdout).toMatch(/warn {2}queues +1 runs wait, 0 run, 1 failed for good\n +→ .*queue failed/);
  });

  test('sees a server at work, a damaged database and a key that is gone', async () => {
    const server = await serving();
    const port = new URL(server.url).port;
    const beside = found((await run(['doctor', '--json', '--port', port])).stdout);
    expect(beside.by.port).toMatchObject({
      status: 'ok',
      message: `a server is running at 127.0.0.1:${port}`,
    });
    expect(beside.by['system database']).toMatchObject({ status: 'ok' });
    server.child.kill('SIGTERM');
    await server.ended;
    rmSync(join(home, 'master.key'));
    for (const name of readdirSync(home).filter((file) => file.startsWith('system.sqlite')))
      rmSync(join(home, name));
    writeFileSync(join(home, 'system.sqlite'), 'this is no database, whatever its name says; '.repeat(40));
    const { code, stdout } = await run(['doctor', '--json', '--port', '0']);
    expect(code).toBe(1);
    expect(found(stdout).by).toMatchObject({
      'system database': { status: 'fail' },
      'master key': { status: 'fail', message: 'the system database is there, but its master key is not' },
    });
  });
});

describe('script', () => {
  const examples = ['examples/validate-employee.ts', 'examples/transform-employees.ts'];

  test('no server, no login and a wrong login are told with the way out', async () => {
    const nobody = await run(['script', 'list', '--server', 'http://127.0.0.1:1', '--token', 'x']);
    expect(nobody.code).toBe(1);
    expect(nobody.stderr).toMatch(/^error: No server answers at http:\/\/127\.0\.0\.1:1.*\n.*tenon serve/);
    expect((await run(['script', 'list'])).stderr).toMatch(/No one to log in as\.\nLog in with --email/);
    expect((await run(['script', 'list', '--server', 'here'])).stderr).toContain("'here' is no address");
    const { url } = await serving();
    const at = ['--server', url];
    const wrong = await run([
      'script',
      'list',
      ...at,
      '--email',
      'admin@example.com',
      '--password',
      'wrong one',
    ]);
    expect(wrong).toMatchObject({ code: 1, stdout: '' });
    expect(wrong.stderr).toMatch(/refused \(status 401\)[\s\S]*--email and --password/);
    const token = await run(['script', 'list', ...at, '--token', 'not.a.token']);
    expect(token.stderr).toMatch(/refused \(status 401\)[\s\S]*TENON_TOKEN/);
  });

  test('pushes the examples, lists them, and they do what they say', async () => {
    const { url } = await serving(['--sample']);
    const variables = { ...account, TENON_SERVER: url };
    const pushed = await run(['script', 'push', ...examples], variables);
    expect(pushed).toMatchObject({ code: 0, stderr: '' });
    expect(pushed.stdout).toContain('transform-employees.ts → hr._table.employees.get.post_process\n');
    const listed = await run(['script', 'list', '--json'], variables);
    expect(JSON.parse(listed.stdout)).toMatchObject([
      { name: 'hr._table.employees.get.post_process', type: 'typescript', is_active: true },
      { name: 'hr._table.employees.post.pre_process', type: 'typescript', is_active: true },
    ]);
    const ask = await client(url);
    const read = await ask('GET', 'hr/_table/employees?limit=1');
    expect(Object.keys(read.body.resource[0])).toEqual(['emp_no', 'birth_date', 'gender', 'name']);
    const refused = await ask('POST', 'hr/_table/employees', { resource: [{ first_name: 'Ida' }] });
    expect(refused.body.error.message).toContain('Missing hire_date.');
    const whole = {
      first_name: 'Ida',
      last_name: 'Holm',
      gender: 'F',
      birth_date: '1990-01-02',
      hire_date: '2020-03-04',
    };
    const unpaid = await ask('POST', 'hr/_table/employees', { resource: [{ ...whole, salary: 0 }] });
    expect(unpaid.body.error.message).toContain('Annual salary must be > 0');
    const taken = await ask('POST', 'hr/_table/employees', { resource: [{ ...whole, salary: 50_000 }] });
    expect(taken).toMatchObject({ status: 200, body: { resource: [{ emp_no: 20_001 }] } });
  });

  test('the JavaScript examples do the same, and an inactive one does nothing', async () => {
    const { url } = await serving(['--sample']);
    const variables = { ...account, TENON_SERVER: url };
    const ask = await client(url);
    const fields = async () =>
      Object.keys((await ask('GET', 'hr/_table/employees?limit=1')).body.resource[0]);
    await run(['script', 'push', '--inactive', 'examples/transform-employees.js'], variables);
    expect(await fields()).toContain('hire_date');
    expect((await run(['script', 'list'], variables)).stdout).toMatch(
      /get\.post_process {2}nodejs +[\d-]{10} [\d:]{8} +inactive\n/,
    );
    await run(
      ['script', 'push', 'examples/transform-employees.js', 'examples/validate-employee.js'],
      variables,
    );
    expect((await fields()).sort()).toEqual(['birth_date', 'emp_no', 'gender', 'name']);
    const refused = await ask('POST', 'hr/_table/employees', { resource: [{ last_name: 'Holm' }] });
    expect(refused.body.error.message).toContain('Missing first_name.');
  });

  test('text that cannot be loaded is stored with a warning that says where', async () => {
    const { url } = await serving();
    const variables = { ...account, TENON_SERVER: url };
    const bad = join(home, 'bad.ts');
    writeFileSync(bad, '// @event hr._table.employees.get.post_process\nconst a: = 1;\n');
    const pushed = await run(['script', 'push', bad], variables);
    expect(pushed).toMatchObject({ code: 0, stdout: `${bad} → hr._table.employees.get.post_process\n` });
    expect(pushed.stderr).toMatch(
      /^warning: .*bad\.ts is stored, .*Type expected \(line 2, column 10\)\.\n {2}.*bad\.ts:2:10\n/,
    );
    expect(pushed.stderr).toContain('\n  2 | const a: = 1;\n    |          ^\n');
    expect((await run(['script', 'list'], variables)).stdout).toMatch(
      /^EVENT +LANGUAGE +CHANGED \(UTC\) +STATE\nhr\._table\S+ +typescript .* active\n$/,
    );
  });

  test('one bad file keeps all from being pushed', async () => {
    const { url } = await serving();
    const bad = join(home, 'bad.js');
    writeFileSync(bad, 'return 1;');
    const variables = { ...account, TENON_SERVER: url };
    const pushed = await run(['script', 'push', ...examples, bad], variables);
    expect(pushed).toMatchObject({ code: 1, stdout: '' });
    expect(pushed.stderr).toContain('no event to attach it to');
    expect((await run(['script', 'list'], variables)).stdout).toBe('No event scripts.\n');
    const two = await run(
      ['script', 'push', ...examples, '--event', 'a._table.b.get.post_process'],
      variables,
    );
    expect(two.stderr).toContain('several files');
  });
});

/** An administrator's client of a server. */
async function client(url: string) {
  const send = async (method: string, path: string, body?: unknown, headers: Variables = {}) => {
    const response = await fetch(`${url}/api/v2/${path}`, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
    return { status: response.status, body: (await response.json()) as any };
  };
  const { TENON_ADMIN_EMAIL: email, TENON_ADMIN_PASSWORD: password } = account;
  const login = await send('POST', 'system/admin/session', { email, password });
  const headers = { 'x-dreamfactory-session-token': String(login.body.session_token) };
  return (method: string, path: string, body?: unknown) => send(method, path, body, headers);
}
