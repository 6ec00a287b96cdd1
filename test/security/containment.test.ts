// What scripts of a running server can get at, over HTTP: the sandbox that the server opened by itself, with the
// server's own key, database and settings as what is to be had.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { startServer } from '../../src/main.ts';
import { openSandbox } from '../../src/runners/sandbox/index.ts';
import { addScriptedService, removeScripts } from '../scripted-service.ts';
import { startTestServer, type TestServer } from '../server.ts';

const here = await openSandbox();
await here.close();
const isContained = here.level === 'L2';

let server: TestServer;
let place: string;
let open: string;

beforeAll(async () => {
  place = mkdtempSync(join(tmpdir(), 'tenon-test-'));
  chmodSync(place, 0o755);
  open = join(place, 'open');
  mkdirSync(open);
  chmodSync(open, 0o755);
  writeFileSync(join(open, 'rates.json'), '{"eur":1}', { mode: 0o644 });
  writeFileSync(join(place, 'beside.json'), '{}', { mode: 0o644 });
  server = await startTestServer({ TENON_SCRIPT_READ_PATHS: open });
});

afterAll(async () => {
  await server.close();
  rmSync(place, { recursive: true, force: true });
});

/** Scripts that read the files named in the parameters `0`, `1`, … and return what came of each. */
const readers: Readonly<Record<string, string>> = {
  nodejs: `const fs = require('fs');
    return Object.values(event.request.parameters).map((path) => {
      try { return fs.readFileSync(path).length > 0 ? 'read' : 'empty'; } catch (error) { return error.code; }
    });`,
  python3: `import errno
def read(path):
    try:
        with open(path, 'rb') as file: return 'read' if file.read() else 'empty'
    except OSError as error: return errno.errorcode[error.errno]
return [read(path) for path in event.request.parameters.values()]`,
  php: `return array_map(
      fn($path) => ($text = @file_get_contents($path)) === false ? 'EACCES' : ($text === '' ? 'empty' : 'read'),
      array_values($event['request']['parameters']));`,
};

async function read(type: string, paths: readonly string[]): Promise<unknown> {
  await removeScripts(server);
  await addScriptedService(server, readers[type] ?? '', { type });
  const query = paths.map((path, at) => `p${at}=${encodeURIComponent(path)}`).join('&');
  const { body } = await server.ask(`/api/v2/math?${query}`);
  return body.resource ?? body;
}

describe.runIf(isContained)('a script of a running server', () => {
  test.each(Object.keys(readers))(
    'in %s reads what the operator opened, and nothing of the server',
    async (type) => {
      const paths = [
        join(open, 'rates.json'),
        join(place, 'beside.json'),
        join(server.home, 'master.key'),
        join(server.home, 'system.sqlite'),
        `/proc/${process.pid}/environ`,
        '/etc/passwd',
      ];
      expect(await read(type, paths)).toEqual(['read', ...paths.slice(1).map(() => 'EACCES')]);
    },
  );
});

describe('the status', () => {
  test('tells what keeps scripts in', async () => {
    const { body } = await server.ask('/status', { anonymous: true });
    expect(body.sandbox).toEqual({ level: here.level });
  });

  test('so does the log, once', () => {
    const seen = server.observations.filter(({ kind }) => kind === 'sandbox.opened');
    expect(seen).toMatchObject([{ level: here.level, notes: expect.any(Array) }]);
  });
});

describe('the settings', () => {
  test.each([
    ['TENON_SANDBOX_MIN', 'L3', /TENON_SANDBOX_MIN must be one of L0, L1, L2/],
    ['TENON_SCRIPT_READ_PATHS', 'relative', /TENON_SCRIPT_READ_PATHS must be absolute paths/],
    ['TENON_SCRIPT_READ_PATHS', '/a:b', /TENON_SCRIPT_READ_PATHS must be absolute paths/],
    ['TENON_SCRIPT_READ_PATHS', '/a\n/b', /TENON_SCRIPT_READ_PATHS must be absolute paths/],
  ])('%s=%s is refused by name', (variable, value, message) => {
    expect(() => readConfig({ [variable]: value })).toThrow(message);
  });

  test('paths are separated by colons', () => {
    expect(readConfig({ TENON_SCRIPT_READ_PATHS: '/a:/b c:' }).scriptReadPaths).toEqual(['/a', '/b c']);
  });

  test.runIf(!isContained)('a server that cannot be what it must does not start', async () => {
    const home = join(place, 'home');
    const config = readConfig({ TENON_HOME: home, TENON_PORT: '0', TENON_SANDBOX_MIN: 'L2' });
    await expect(startServer({ config })).rejects.toMatchObject({ kind: 'config.invalid' });
  });
});
