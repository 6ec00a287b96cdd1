import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import type { Store } from '../core/store.ts';
import { createSqliteStore } from '../store/sqlite.ts';
import { AuditLog } from './audit.ts';
import { openKeyRing } from './key-ring.ts';
import { listSealed, type Rotation, type RotationStep, rotateMasterKey } from './rotation.ts';
import { configPlace, connectionPlace, factorPlace, lookupPlace } from './sealed-places.ts';
import { sealedValues } from './sealed-values.ts';
import { Secrets } from './secrets.ts';

let home: string;
let store: Store;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'rotation-'));
  store = await createSqliteStore({ file: join(home, 'system.sqlite') });
});
afterEach(async () => {
  await store.close();
  rmSync(home, { recursive: true, force: true });
});

const files = { given: undefined, previous: undefined };
const open = (source: { given: string | undefined; previous: string | undefined } = files) =>
  new Secrets({ keys: openKeyRing({ ...source, home }) });
const keyFile = () => readFileSync(join(home, 'master.key'), 'utf8').trim();
const rotate = (more: Partial<Rotation> = {}) => rotateMasterKey({ ...files, home, store, ...more });

const sales = async () => (await store.services.list()).find(({ name }) => name === 'sales');

/** What the sealed values hold, by name; the keys of the audit log left out. */
async function contents(secrets: Secrets): Promise<Record<string, string>> {
  const values = (await sealedValues(store)).filter(({ name }) => !name.startsWith('keys of'));
  return Object.fromEntries(values.map(({ name, sealed, place }) => [name, secrets.open(sealed, place)]));
}

const all = {
  'service sales: password': '"hunter2"',
  'service sales: url': '"postgres://x"',
  'queue connection mails: password': '"broker"',
  'queue connection mails: url': '"redis://x"',
  'lookup token (system)': 'canary',
  'lookup own (user:1)': 'mine',
  'second factor of user 1': 'BASE32',
};

/** Something of every kind, sealed with the key that is in force. */
async function furnish(secrets: Secrets): Promise<void> {
  const named = { name: 'Ada', username: 'ada', firstName: 'A', lastName: 'A', email: 'ada@example.com' };
  const rest = { phone: null, defaultAppId: null, securityQuestion: null, securityAnswerHash: null };
  const flags = { isActive: true, isSysAdmin: true, isConfirmed: true };
  await store.users.create({ ...named, ...rest, ...flags, passwordHash: '', lastLoginDate: null }, null);
  const config = {
    host: 'db.example.com',
    password: secrets.seal('"hunter2"', configPlace('sales', 'password')),
    url: secrets.seal('"postgres://x"', configPlace('sales', 'url')),
  };
  const fixed = {
    label: 's',
    description: null,
    isActive: true,
    mutable: true,
    deletable: true,
    document: null,
  };
  await store.services.create({ ...fixed, name: 'sales', type: 'pgsql', config }, 1);
  const broker = {
    host: 'redis.example.com',
    password: secrets.seal('"broker"', connectionPlace('mails', 'password')),
    url: secrets.seal('"redis://x"', connectionPlace('mails', 'url')),
  };
  const waiting = { description: null, defaultQueue: 'default', isActive: true, isDefault: false };
  await store.queueConnections.create({ ...waiting, name: 'mails', type: 'redis', config: broker }, 1);
  const lookup = { appId: null, roleId: null, isScriptVisible: false, description: null };
  const hidden = { ...lookup, isPrivate: true };
  const add = (owner: string, name: string, value: string, userId: number | null) =>
    store.lookups.add(
      { ...hidden, owner, name, userId, value: secrets.seal(value, lookupPlace(owner, name)) },
      1,
    );
  await add('system', 'token', 'canary', null);
  await add('user:1', 'own', 'mine', 1);
  const open_ = { ...lookup, isPrivate: false, owner: 'system', name: 'plain', userId: null };
  await store.lookups.add({ ...open_, value: 'in clear' }, 1);
  const factor = { userId: 1, kind: 'totp', isActive: true, lastStep: 0, recoveryHashes: [] } as const;
  await store.userFactors.add({ ...factor, secret: secrets.seal('BASE32', factorPlace(1)) }, 1);
  const note = { action: 'update', record: 'role/1', userId: 1, userEmail: null, remoteAddress: null };
  for (let count = 0; count < 3; count++) {
    await new AuditLog({ store, secrets }).add({ ...note, door: 'http', before: null, after: { count } });
  }
  const dates = { expiresDate: '2999-01-01T00:00:00.000Z', refreshUntilDate: '2999-01-01T00:00:00.000Z' };
  await store.sessions.open({ id: 's', userId: 1, createdDate: new Date().toISOString(), ...dates });
}

describe('a rotation of the key in the data folder', () => {
  it('seals everything with a new one, and takes the old one away', async () => {
    const secrets = open();
    await furnish(secrets);
    const before = keyFile();
    const steps: RotationStep[] = [];
    const done = await rotate({ onStep: (step) => steps.push(step) });
    expect(done).toMatchObject({ values: 8, unreadable: [], isContinued: false });
    expect(steps).toEqual([
      ...['new key', 'sealing', 'sealed', 'old key kept', 'key replaced', 'checked', 'done'],
    ]);
    expect(readdirSync(home).filter((name) => name.startsWith('master'))).toEqual(['master.key']);
    expect(statSync(join(home, 'master.key')).mode & 0o777).toBe(0o600);
    expect(keyFile()).not.toBe(before);
    expect(await contents(open())).toEqual(all);
    const listed = await listSealed(store, open());
    expect(new Set(listed.map(({ key }) => key))).toEqual(new Set([done.to]));
    // With the old key alone nothing opens any more.
    const old = new Secrets({ keys: openKeyRing({ given: before, previous: undefined, home }) });
    expect((await listSealed(store, old)).filter(({ isReadable }) => isReadable)).toEqual([]);
  });

  it('leaves the audit log whole, with an entry of its own and a new key', async () => {
    await furnish(open());
    const { from, to } = await rotate();
    const audit = new AuditLog({ store, secrets: open() });
    await audit.add({
      ...{ action: 'create', record: 'role/2', userId: 1, userEmail: null, remoteAddress: null },
      ...{ door: 'http', before: null, after: null },
    });
    expect(await audit.verify()).toEqual({ entries: 5, brokenAt: null });
    const [last, entry] = await store.audit.list({ limit: 2 });
    expect(entry).toMatchObject({
      ...{ action: 'rotate', record: 'master_key', door: 'cli', keyNumber: 1 },
      ...{ before: { keys: from }, after: { key: to, values: 8, unreadable: 0 } },
    });
    expect(last?.keyNumber).toBe(1);
  });

  it('ends all sessions', async () => {
    await furnish(open());
    await rotate();
    expect((await store.sessions.get('s'))?.closedDate).not.toBeNull();
  });

  it('is noticed by a server that runs, which opens everything and seals with the new key', async () => {
    const running = open();
    await furnish(running);
    const { to } = await rotate();
    expect(await contents(running)).toEqual(all);
    expect(running.seal('x', 'place')).toContain(`tenon:1:${to}:`);
  });

  it('catches up on what a server sealed with the old key meanwhile', async () => {
    const running = open();
    await furnish(running);
    const late = running.seal('"late"', configPlace('sales', 'password'));
    const noticed = async () => {
      const record = await sales();
      await store.services.update(record?.id ?? 0, { config: { ...record?.config, password: late } }, 1);
    };
    expect(await rotate({ noticed })).toMatchObject({ values: 9, unreadable: [] });
    expect(await contents(open())).toEqual({ ...all, 'service sales: password': '"late"' });
  });

  it('takes a key that is given', async () => {
    await furnish(open());
    const newKey = randomBytes(32).toString('hex');
    await rotate({ newKey });
    expect(keyFile()).toBe(Buffer.from(newKey, 'hex').toString('base64'));
    expect(await contents(open())).toEqual(all);
    await expect(rotate({ newKey: 'secretsecretsecretsecretsecretsecret' })).rejects.toThrow(
      /repeats itself/,
    );
    expect(existsSync(join(home, 'master.key.next'))).toBe(false);
  });

  it('tells of what cannot be opened, and leaves it', async () => {
    const secrets = open();
    await furnish(secrets);
    const stranger = new Secrets({
      keys: openKeyRing({ given: randomBytes(32).toString('hex'), previous: undefined, home }),
    });
    const record = await sales();
    const password = stranger.seal('"x"', configPlace('sales', 'password'));
    await store.services.update(record?.id ?? 0, { config: { ...record?.config, password } }, 1);
    expect(await rotate()).toMatchObject({ values: 7, unreadable: ['service sales: password'] });
    expect((await sales())?.config.password).toBe(password);
  });

  it('can be done again and again', async () => {
    await furnish(open());
    const ids = new Set<string>();
    for (let count = 0; count < 4; count++) ids.add((await rotate()).to);
    expect(ids.size).toBe(4);
    expect(await contents(open())).toEqual(all);
    expect(await new AuditLog({ store, secrets: open() }).verify()).toEqual({ entries: 7, brokenAt: null });
  });

  it('refuses a key of another file that others may read', async () => {
    open();
    writeFileSync(join(home, 'master.key.next'), `${randomBytes(32).toString('base64')}\n`);
    chmodSync(join(home, 'master.key.next'), 0o644);
    await expect(rotate()).rejects.toThrow(/master.key.next in TENON_HOME may be read by others/);
  });

  it('refuses a key of its own while another rotation is unfinished', async () => {
    open();
    writeFileSync(join(home, 'master.key.next'), `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
    await expect(rotate({ newKey: randomBytes(32).toString('hex') })).rejects.toThrow(
      /was begun and not finished/,
    );
  });
});

describe('a rotation of a key that the operator gives', () => {
  const [first, second] = [randomBytes(32).toString('hex'), randomBytes(32).toString('base64')];

  it('seals everything with the new one', async () => {
    await furnish(open({ given: first, previous: undefined }));
    const source = { given: second, previous: first };
    // Before it: the server runs with both.
    expect(await contents(open(source))).toEqual(all);
    expect(await rotate(source)).toMatchObject({ values: 8, unreadable: [] });
    const after = open({ given: second, previous: undefined });
    expect(await contents(after)).toEqual(all);
    expect(await new AuditLog({ store, secrets: after }).verify()).toEqual({ entries: 4, brokenAt: null });
    expect(readdirSync(home).filter((name) => name.startsWith('master'))).toEqual([]);
  });

  it('goes over several earlier ones', async () => {
    await furnish(open({ given: first, previous: undefined }));
    const third = randomBytes(32).toString('hex');
    const late = open({ given: third, previous: first });
    const sealed = late.seal('BASE32', factorPlace(1));
    const [factor] = await store.userFactors.list();
    await store.userFactors.update(factor?.id ?? 0, { secret: sealed }, 1);
    await rotate({ given: second, previous: `${first}, ${third}` });
    expect(await contents(open({ given: second, previous: undefined }))).toEqual(all);
  });

  it('is refused without an earlier one, and with a weak one by its variable', async () => {
    await expect(rotate({ given: second })).rejects.toThrow(/TENON_MASTER_KEY_PREVIOUS/);
    await expect(rotate({ given: second, previous: second })).rejects.toThrow(/TENON_MASTER_KEY_PREVIOUS/);
    expect(() => open({ given: second, previous: 'changeme' })).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/^TENON_MASTER_KEY_PREVIOUS is too short/) }),
    );
  });
});

// A process of its own rotates and is killed, as by `kill -9`, once it has told of a step.
function killedAt(step: RotationStep): Promise<NodeJS.Signals | null> {
  const url = (path: string) => new URL(path, import.meta.url).href;
  const program = `
    import { rotateMasterKey } from '${url('./rotation.ts')}';
    import { createSqliteStore } from '${url('../store/sqlite.ts')}';
    const [home, step] = process.argv.slice(1);
    const store = await createSqliteStore({ file: home + '/system.sqlite' });
    const onStep = (done) => done === step && process.kill(process.pid, 'SIGKILL');
    await rotateMasterKey({ given: undefined, previous: undefined, home, store, onStep });
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, home, step], {
    stdio: 'inherit',
  });
  return new Promise((done, fail) => child.on('error', fail).on('exit', (_code, signal) => done(signal)));
}

const steps: RotationStep[] = [
  ...(['new key', 'sealing', 'sealed', 'old key kept', 'key replaced', 'checked', 'done'] as const),
];

describe('whoever is killed in the middle', () => {
  test.each(steps)(
    'after "%s" leaves everything readable, and can finish',
    { timeout: 60_000 },
    async (step) => {
      const running = open();
      await furnish(running);
      const before = keyFile();
      expect(await killedAt(step)).toBe('SIGKILL');
      // A server that ran all the time, and one that starts now.
      expect(await contents(running)).toEqual(all);
      expect(await contents(open())).toEqual(all);
      const audit = new AuditLog({ store, secrets: open() });
      expect(await audit.verify()).toMatchObject({ brokenAt: null });
      // It goes on to work in that state.
      const sealed = open().seal('"new"', configPlace('sales', 'password'));
      const record = await sales();
      await store.services.update(record?.id ?? 0, { config: { ...record?.config, password: sealed } }, 1);
      const done = await rotate();
      const now = { ...all, 'service sales: password': '"new"' };
      expect(done.unreadable).toEqual([]);
      expect(await contents(open())).toEqual(now);
      expect(new Set((await listSealed(store, open())).map(({ key }) => key))).toEqual(new Set([done.to]));
      expect(await audit.verify()).toMatchObject({ brokenAt: null });
      expect(readdirSync(home).filter((name) => name.startsWith('master'))).toEqual(['master.key']);
      expect(keyFile()).not.toBe(before);
    },
  );

  test('again and again, at every step in turn, loses nothing', { timeout: 60_000 }, async () => {
    await furnish(open());
    for (const step of steps) {
      await killedAt(step);
      expect([step, await contents(open())]).toEqual([step, all]);
    }
    await rotate();
    expect(await contents(open())).toEqual(all);
    expect(await new AuditLog({ store, secrets: open() }).verify()).toMatchObject({ brokenAt: null });
  });
});
