// Hostile scripts of every language, through the runners that a server has: what one reaches, and that the
// server and its other scripts go on.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRunners } from '../index.ts';
import { unconfined } from '../sandbox.ts';
import { invocationOf, programOf, returnedBy } from '../suite.ts';
import { openSandbox } from './index.ts';
import { type ProbeTarget, probeScript } from './probe-fixture.ts';
import { machineOf } from './syscalls.ts';

const sandbox = await openSandbox();
const languages = ['nodejs', 'python3', 'php'];
const surroundings = {
  ...{ nodePath: process.execPath, pythonPath: '', phpPath: '', runnersMin: 0, runnersMax: 2 },
  ...{ observe: () => {}, platformConfig: {}, scriptReadPaths: [], packages: () => ({}), environments: {} },
};
const inside = createRunners({ ...surroundings, sandbox });
const outside = createRunners({ ...surroundings, sandbox: unconfined });
const servers: Server[] = [];
let place: string;
let target: ProbeTarget;

function listen(where: { port: number; host: string } | { path: string }): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  servers.push(server);
  return new Promise((resolve) => server.listen(where, () => resolve(server)));
}

async function aim(): Promise<ProbeTarget> {
  const server = await listen({ port: 0, host: '127.0.0.1' });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const [file, secret, socket] = ['file', 'secret', 'socket'].map((name) => join(place, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(file, 'public', { mode: 0o644 });
  writeFileSync(secret, 'secret', { mode: 0o600 });
  await listen({ path: socket });
  chmodSync(socket, 0o777);
  return { server: process.pid, port, file, secret, socket };
}

beforeAll(async () => {
  place = mkdtempSync(join(tmpdir(), 'tenon-test-'));
  chmodSync(place, 0o755);
  target = await aim();
});

afterAll(async () => {
  for (const server of servers) server.close();
  await Promise.all([...inside.values(), ...outside.values()].map((runner) => runner.stop()));
  await sandbox.close();
  rmSync(place, { recursive: true, force: true });
});

const numbers = machineOf(process.arch)?.numbers ?? new Map<string, number>();

async function attack(runners: typeof inside, language: string): Promise<Record<string, string>> {
  const code = probeScript(language, target, numbers);
  const program = programOf(code, { isAsync: true, isPristine: true });
  const outcome = await runners.get(language)?.run(invocationOf(program));
  if (outcome === undefined) throw new Error(`there is no runner for ${language}`);
  return returnedBy(outcome) as Record<string, string>;
}

const openOf = (said: Record<string, string>) => Object.keys(said).filter((name) => said[name] === 'open');

describe.runIf(sandbox.level === 'L2').each(languages)('a hostile script in %s', (language) => {
  it('reaches nothing', async () => {
    const said = await attack(inside, language);
    expect(Object.keys(said).length).toBeGreaterThanOrEqual(18);
    expect(openOf(said)).toEqual([]);
  });

  it('would reach a lot without the sandbox', async () => {
    const open = openOf(await attack(outside, language));
    const least = [
      'command line',
      'processes',
      'file',
      'users',
      'temporary',
      'link',
      'child',
      'tcp',
      'socket file',
    ];
    expect(open).toEqual(expect.arrayContaining(least));
    rmSync('/tmp/tenon-attack', { force: true });
  });
});
