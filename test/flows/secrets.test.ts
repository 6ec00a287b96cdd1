// Changing the master key from the command line while a server runs: what is sealed is read before, meanwhile
// and after, by that server and by one that starts later. Invariant: no command prints a secret or a key.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { startServer } from '../../src/main.ts';
import { tenonProgram } from '../program.ts';
import { addScriptedService } from '../scripted-service.ts';
import { type Answer, startTestServer, type TestServer } from '../server.ts';

let server: TestServer;
let firstKey = '';
const canaries = ['canary-service', 'canary-lookup', 'canary-late'];

const tenon = async (...words: string[]) => {
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    [tenonProgram(), ...words, '--home', server.home],
    { env: { PATH: process.env.PATH } },
  );
  return stdout + stderr;
};

const key = () => readFileSync(join(server.home, 'master.key'), 'utf8').trim();

const logIn = async (url: string): Promise<string> => {
  const body = JSON.stringify({ email: 'admin@example.com', password: 'correct horse battery' });
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/api/v2/system/admin/session`, { method: 'POST', headers, body });
  return ((await answer.json()) as { session_token: string }).session_token;
};

/** As an administrator who has just logged in. */
const ask = async (path: string, method = 'GET', body?: unknown): Promise<Answer> => {
  const headers = { 'X-DreamFactory-Session-Token': await logIn(server.url) };
  return server.ask(`/api/v2/${path}`, { method, headers, ...(body === undefined ? {} : { body }) });
};

const lookup = (name: string, value: string) => ({ name, value, private: true, script_visible: true });

beforeAll(async () => {
  server = await startTestServer();
  firstKey = key();
  const config = { host: 'db.example.com', username: 'app', password: canaries[0] };
  const resource = [{ name: 'sales', type: 'pgsql', config }];
  await ask('system/service', 'POST', { resource });
  await ask('system/lookup', 'POST', { resource: [lookup('token', canaries[1] ?? '')] });
  await addScriptedService(server, 'return platform.session.lookup_secret;');
});
afterAll(() => server.close());

describe('tenon secrets', () => {
  test('list names what is sealed, and with which key', async () => {
    const text = await tenon('secrets', 'list');
    expect(text).toMatch(/^Master key [0-9a-f]{8}; 3 sealed values\n/);
    for (const name of ['service sales: password', 'lookup token (system)', 'keys of the audit log']) {
      expect(text).toContain(name);
    }
    expect(text).not.toContain('CANNOT BE OPENED');
    for (const hidden of [...canaries, firstKey]) expect(text).not.toContain(hidden);
  });

  test('rotate goes on under a server that runs', async () => {
    const text = await tenon('secrets', 'rotate');
    expect(text).toMatch(/Master key [0-9a-f]{8} in place of [0-9a-f]{8}: 3 values sealed anew\./);
    for (const hidden of [...canaries, firstKey, key()]) expect(text).not.toContain(hidden);
    expect(key()).not.toBe(firstKey);
    expect(readdirSync(server.home).filter((name) => name.startsWith('master'))).toEqual(['master.key']);
    // Whoever was logged in no longer is.
    expect((await server.ask('/api/v2/system/role')).status).toBe(403);
    expect((await ask('math')).body).toEqual({ token: canaries[1] });
    expect((await ask("system/service?filter=name='sales'")).body.resource[0].config.password).toBe(
      '********',
    );
    const failed = server.observations.filter(({ kind }) => kind === 'service.failed');
    expect(failed).toEqual([]);
  });

  test('what that server seals from then on is sealed with the new key', async () => {
    await ask('system/lookup', 'POST', { resource: [lookup('late', canaries[2] ?? '')] });
    const { current, sealed } = JSON.parse(await tenon('secrets', 'list', '--json'));
    expect(sealed.map((value: { key: string }) => value.key)).toEqual(Array(4).fill(current));
    expect((await ask('math')).body).toEqual({ token: canaries[1], late: canaries[2] });
  });

  test('a server that starts later reads everything, and the audit log is whole', async () => {
    const config = readConfig({ TENON_HOME: server.home, TENON_PORT: '0', TENON_LOG_LEVEL: 'silent' });
    const second = await startServer({ config });
    try {
      const headers = { 'X-DreamFactory-Session-Token': await logIn(second.url) };
      const read = async (path: string) => (await fetch(`${second.url}/api/v2/${path}`, { headers })).json();
      expect(await read('math')).toEqual({ token: canaries[1], late: canaries[2] });
      expect(await read('system/audit?verify=true')).toMatchObject({ broken_at: null });
      expect(await read("system/audit?filter=action='rotate'")).toMatchObject({
        resource: [{ record: 'master_key', door: 'cli', user_id: null }],
      });
    } finally {
      await second.close();
    }
    expect((await ask('system/audit?verify=true')).body).toMatchObject({ broken_at: null });
  });

  test('doctor tells of an audit log that somebody changed', async () => {
    expect(await tenon('doctor').catch(({ stdout }) => stdout)).toMatch(
      /ok {4}audit log {9}\d+ entries, each/,
    );
    const database = new Database(join(server.home, 'system.sqlite'));
    database.exec(`DELETE FROM audit WHERE id = 2`);
    database.close();
    const told = await tenon('doctor').catch(({ stdout }) => stdout);
    expect(told).toMatch(/FAIL {2}audit log {9}entry 3 does not follow from the 1 before it/);
    expect((await ask('system/audit?verify=true')).body).toEqual({ entries: 1, broken_at: 3 });
  });
});
