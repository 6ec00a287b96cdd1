import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { canTest, databaseIn, testDatabase } from '../test/databases.ts';
import { kinds } from './databases/kinds.mjs';
import { describeServers, readServers, startPrivateServer, startServers, stopServers } from './databases.mjs';

let home = '';
const canTestAll = kinds.every((kind) => canTest(kind));

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'tenon-databases-test-'));
});

afterEach(async () => {
  await stopServers(home);
  rmSync(home, { recursive: true, force: true });
});

/** Starts the servers of the test's home in a process of its own; resolves to its output. */
function startElsewhere(): Promise<string> {
  const code = `import { startServers } from ${JSON.stringify(new URL('databases.mjs', import.meta.url).href)};
    console.log(JSON.stringify((await startServers(${JSON.stringify(home)})).started));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code]);
  return new Promise((done, fail) => {
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
    });
    child.once('error', fail);
    child.once('exit', () => done(text.trim()));
  });
}

describe.runIf(canTestAll)('shared servers', () => {
  test('start once, whoever asks at the same time, and are gone when stopped', async () => {
    const answers = await Promise.all([startElsewhere(), startElsewhere(), startElsewhere()]);
    expect(answers.sort()).toEqual(['["postgres","mysql"]', '[]', '[]']);
    const servers = readServers(home);
    for (const kind of kinds) expect(servers[kind]).toMatchObject({ host: '127.0.0.1', user: 'tenon' });
    expect(statSync(join(home, 'state.json')).mode & 0o777).toBe(0o600);
    expect(await startServers(home)).toEqual({ servers, started: [] });
    await stopServers(home);
    expect(existsSync(home)).toBe(false);
    for (const kind of kinds) expect(readServers(home)[kind]).toHaveProperty('reason');
  });

  test('one that died is told and replaced, the other one stays', async () => {
    const { servers } = await startServers(home);
    const { postgres, mysql } = servers;
    if (!('pid' in postgres && 'pid' in mysql)) throw new Error('not started');
    process.kill(mysql.pid, 'SIGKILL');
    await expect.poll(() => readServers(home).mysql).toHaveProperty('reason');
    const again = await startServers(home);
    expect(again.started).toEqual(['mysql']);
    expect(again.servers.postgres).toEqual(postgres);
    expect(again.servers.mysql).not.toEqual(mysql);
  });

  test('a lock of a process that is gone holds nobody up', async () => {
    writeFileSync(`${home}.lock`, '4194305');
    expect((await startServers(home)).started).toEqual(['postgres', 'mysql']);
  });

  test('their description keeps the passwords', async () => {
    const { servers } = await startServers(home);
    const text = describeServers(servers).join('\n');
    for (const kind of kinds) {
      const server = servers[kind];
      if (!('pid' in server)) throw new Error(server.reason);
      expect(text).toContain(String(server.port));
      expect(text).not.toContain(server.password);
    }
  });
});

describe.runIf(canTest('postgres') && canTest('mysql'))('a private server', () => {
  test.each(kinds)('%s keeps what was acknowledged over a kill, on the same port', async (kind) => {
    const server = await startPrivateServer(kind, { folder: home });
    try {
      const database = await databaseIn(kind, server);
      await database.execute('CREATE TABLE t (id integer); INSERT INTO t VALUES (1)');
      await server.kill9();
      await expect(database.execute('SELECT 1')).rejects.toThrow('ECONNREFUSED');
      await server.start();
      await database.execute('CREATE TABLE u AS SELECT id / (SELECT count(*) FROM t) AS x FROM t');
      await server.stop();
      await server.start();
      await database.execute('INSERT INTO u VALUES (2)');
    } finally {
      await server.remove();
    }
    expect(existsSync(home)).toBe(false);
  });
});

describe.runIf(canTest('postgres'))('a database of a test', () => {
  test('is empty, and gone when dropped, whoever is still connected', async () => {
    const { drop, execute, ...place } = await testDatabase('postgres');
    await execute('CREATE TABLE t (id integer)');
    const client = new pg.Client(place);
    client.on('error', () => undefined);
    await client.connect();
    await drop();
    await expect(new pg.Client(place).connect()).rejects.toThrow('does not exist');
    await client.end().catch(() => undefined);
  });
});

test('the program refuses an unknown command', () => {
  const script = fileURLToPath(new URL('databases.mjs', import.meta.url));
  expect(() => execFileSync(process.execPath, [script, 'lunch'], { stdio: 'pipe' })).toThrow(
    "'start', 'stop'",
  );
});
