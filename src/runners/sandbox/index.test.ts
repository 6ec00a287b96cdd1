// The sandbox of this machine, tried for real: what must be blocked, what must work, and what is said where
// less holds.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findLaunchers, type Launcher, lookAround, type Offer } from './ground.ts';
import { openSandbox } from './index.ts';
import { KernelSandbox } from './kernel-sandbox.ts';
import { isOpenToAll, RuntimeFolder } from './runtime-folder.ts';
import { testSandbox } from './self-test.ts';

const launchers = process.platform === 'linux' ? findLaunchers() : [];
const offers = (await Promise.all(launchers.map((launcher) => lookAround([launcher])))).filter(
  (offer): offer is Offer => !('problem' in offer),
);
const landlock = offers[0]?.landlock ?? 0;
const isRoot = process.geteuid?.() === 0;

let place: string;
let secret: string;

beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'tenon-test-'));
  secret = join(place, 'master.key');
  writeFileSync(secret, 'secret', { mode: 0o600 });
});

afterAll(() => rmSync(place, { recursive: true, force: true }));

const runtime = new RuntimeFolder();
afterAll(() => runtime.close());

const about = (offer: Offer) => ({ offer, secrets: [secret], parent: runtime.work });

function probe(offer: Offer): ReturnType<typeof testSandbox> {
  const sandbox = new KernelSandbox({ offer, folder: runtime });
  return testSandbox({ ...about(offer), prepare: (folder) => sandbox.prepare(folder) });
}

const openOf = (probes: Awaited<ReturnType<typeof probe>>) =>
  Object.keys(probes).filter((name) => probes[name] === 'open');

// Most tests of this folder need L2 and are left out without it: in CI that must not go unseen.
it.runIf(process.platform === 'linux' && (landlock > 0 || process.env.CI === 'true'))(
  'scripts are contained at L2 here, so that no test of it was left out',
  async () => {
    const sandbox = await openSandbox();
    await sandbox.close();
    expect(sandbox.level).toBe('L2');
  },
);

describe.runIf(landlock > 0)('the self-test', () => {
  it.each(offers)('finds nothing open behind the launcher in $launcher.language', async (offer) => {
    const probes = await probe(offer);
    expect(Object.keys(probes).length).toBeGreaterThanOrEqual(18);
    expect(openOf(probes)).toEqual([]);
  });

  // Rules of an older version are what an older kernel would be given.
  const older = [1, 2, 3, 4, 5, 6].filter((version) => version <= landlock);
  it.each(older)('finds nothing open with version %d of Landlock, user dropped or not', async (version) => {
    const [offer] = offers as [Offer];
    expect(openOf(await probe({ ...offer, landlock: version }))).toEqual([]);
    expect(openOf(await probe({ ...offer, landlock: version, dropsUser: false }))).toEqual([]);
  });

  it('finds what is open without a sandbox', async () => {
    const [offer] = offers as [Offer];
    const open = openOf(await testSandbox({ ...about(offer), prepare: () => '' }));
    expect(open).toEqual(
      expect.arrayContaining([
        "the server's command line",
        "the server's open files",
        'a file for everyone',
        'secret 1',
        'the list of users',
        'a new temporary file',
        'signals to the server',
        'TCP to this machine',
        'UDP',
        'an abstract socket',
        'a socket file',
        'a pair that turns to others',
        'leaving its group',
        'a file by a child',
      ]),
    );
  });

  it('finds files open without Landlock', async () => {
    const [offer] = offers as [Offer];
    const open = openOf(await probe({ ...offer, landlock: 0 }));
    expect(open).toContain('the list of users');
    expect(open).not.toContain('TCP to this machine');
  });

  it('fails where a step of the plan does', async () => {
    const [offer] = offers as [Offer];
    const broken = testSandbox({ ...about(offer), prepare: () => 'call nothing 100000' });
    await expect(broken).rejects.toThrow('sandbox: nothing: Function not implemented');
  });
});

describe('an open sandbox', () => {
  it.runIf(landlock > 0)('reports what it found', async () => {
    const sandbox = await openSandbox({ secrets: [secret], minimum: 'L2' });
    const { level, launcher, dropsUser, notes } = sandbox.report;
    expect([sandbox.level, level, launcher]).toEqual(['L2', 'L2', launchers[0]?.language]);
    expect(dropsUser || notes.some((note) => note.startsWith('Runners have the user of the server'))).toBe(
      true,
    );
    await sandbox.close();
  });

  it('is limits alone without a launcher, and says why', async () => {
    const sandbox = await openSandbox({ launchers: [] });
    expect(sandbox.level).toBe(isRoot ? 'L0' : 'L1');
    expect(sandbox.report.notes.length).toBeGreaterThan(0);
    await sandbox.close();
  });

  it('of limits alone starts programs with them', async () => {
    const { enclose } = await openSandbox({ launchers: [] });
    const script = 'ulimit -n; ulimit -c; echo "$0 $1"';
    const { command, args } = enclose({
      command: '/bin/sh',
      args: ['-c', script, 'a', 'b c'],
      folder: place,
      readable: [],
    });
    expect(execFileSync(command, [...args], { encoding: 'utf8' })).toBe('256\n0\na b c\n');
  });

  it.runIf(landlock > 0)('takes the next launcher where the first does not work', async () => {
    const broken: Launcher = { language: 'perl', command: '/bin/false', args: [] };
    const sandbox = await openSandbox({ launchers: [broken, ...launchers] });
    expect(sandbox.level).toBe('L2');
    await sandbox.close();
  });

  it('refuses to be less than the operator asks for, and says what is missing', async () => {
    const opening = openSandbox({ launchers: [], minimum: 'L2' });
    await expect(opening).rejects.toMatchObject({
      kind: 'config.invalid',
      message: expect.stringMatching(/^TENON_SANDBOX_MIN is L2, but only L[01] is reached here\. \S/),
    });
  });

  it.runIf(offers[0]?.dropsUser)('says which paths scripts will not be able to read', async () => {
    const sandbox = await openSandbox({ readPaths: [place, '/usr/lib', '/nowhere'] });
    expect(sandbox.report.notes).toEqual([
      `Scripts cannot read ${place}: it is not there, or not open to all users.`,
      'Scripts cannot read /nowhere: it is not there, or not open to all users.',
    ]);
    await sandbox.close();
  });
});

// What containers give: another user without rights, root with the rights of Docker, root with none.
const rightsOfDocker =
  'chown dac_override fsetid fowner mknod net_raw setgid setuid setfcap setpcap net_bind_service sys_chroot kill ' +
  'audit_write';
const bounded = (rights: string) =>
  `--bounding-set=-all${rights
    .split(' ')
    .filter(Boolean)
    .map((right) => `,+${right}`)
    .join('')}`;

// The other user has to reach this file and Node.
const isReadable = [fileURLToPath(import.meta.url), process.execPath].every(isOpenToAll);

describe.runIf(landlock > 0 && isRoot && isReadable)('in a container', () => {
  it.each([
    ['as an ordinary user', ['--reuid=65534', '--regid=65534', '--clear-groups', bounded('')], false],
    ['as root with the rights of Docker', [bounded(rightsOfDocker)], true],
    ['as root without rights', [bounded('')], false],
  ])('%s scripts are contained as well', (_name, options, dropsUser) => {
    const index = fileURLToPath(new URL('./index.ts', import.meta.url));
    const program =
      `const { openSandbox } = await import(${JSON.stringify(index)}); const sandbox = await openSandbox(); ` +
      'console.log(JSON.stringify(sandbox.report)); await sandbox.close();';
    const node = [process.execPath, '--no-warnings', '--input-type=module', '-e', program];
    const answer = execFileSync('setpriv', ['--inh-caps=-all', ...options, ...node], {
      cwd: '/',
      encoding: 'utf8',
    });
    expect(JSON.parse(answer)).toMatchObject({ level: 'L2', dropsUser });
  });
});
