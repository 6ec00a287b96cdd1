import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Observation } from '../core/observe.ts';
import { anonymous, type InnerCall, itself, type Operation, type Principal } from '../core/operation.ts';
import type { Store } from '../core/store.ts';
import { createSqliteStore } from '../store/sqlite.ts';
import { AuditLog } from './audit.ts';
import { Authority } from './authority.ts';
import { type ElevatedCall, Elevations } from './elevations.ts';
import { MasterKey } from './master-key.ts';
import { Secrets } from './secrets.ts';

let store: Store;
let authority: Authority;
let audit: AuditLog;
let elevations: Elevations;
let roleId: number;
const observations: Observation[] = [];
const observe = (seen: Observation) => void observations.push(seen);

beforeEach(async () => {
  store = await createSqliteStore({ file: ':memory:' });
  const secrets = new Secrets({ key: new MasterKey(randomBytes(32)) });
  authority = new Authority({ store, secrets, observe });
  audit = new AuditLog({ store, secrets });
  elevations = new Elevations({ authority, audit, observe });
  const role = {
    name: 'keeper',
    description: null,
    isActive: true,
    maxConcurrency: null,
    maxBodyBytes: null,
  };
  roleId = (await store.roles.create(role, null)).id;
  await authority.load();
  observations.length = 0;
});
afterEach(async () => {
  vi.useRealTimers();
  await store.close();
});

const user = (id: number): Principal => ({
  ...anonymous,
  kind: 'user',
  user: {
    ...{ id, name: 'Uma', username: 'uma', displayName: 'Uma', firstName: 'U', lastName: 'M' },
    ...{ email: `u${id}@example.com`, isAdmin: false, lastLogin: null },
  },
});
const uma = user(7);

const message = { parameters: {}, headers: {}, body: undefined };
const call: InnerCall = {
  ...{ service: 'db', path: ['_table', 'x'], action: 'GET', request: message, uri: '/api/v2/db/_table/x' },
};

function operationOf(principal: Principal): Operation {
  return {
    ...{ service: 'db', path: [], action: 'GET', origin: 'http', requestor: 'api', principal, depth: 0 },
    ...{ request: message, uri: '/api/v2/db', apiVersion: '2.0', remoteAddress: '203.0.113.9' },
  };
}

const run = (principal: Principal, more: Partial<ElevatedCall> = {}): ElevatedCall => ({
  ...{ script: 'db.get.pre_process', roleId, operation: operationOf(principal), call, isCounted: false },
  ...more,
});

const log = () => store.audit.list({ limit: 100 });

describe('whoever acts as a role', () => {
  it('is the caller with that role and no other right', async () => {
    const admin = { ...uma, isAdmin: true, sessionId: 's', apiKey: 'k' };
    const { principal, elevation } = await elevations.act(run(admin));
    expect(principal).toMatchObject({ user: uma.user, isAdmin: false, role: { id: roleId, name: 'keeper' } });
    expect(principal).toMatchObject({ sessionId: 's', apiKey: 'k', app: null });
    expect(elevation).toEqual({ by: 'script db.get.pre_process', to: 'role keeper' });
  });

  it('is no administrator though the system itself set it off', async () => {
    expect((await elevations.act(run(itself))).principal).toMatchObject({
      isAdmin: false,
      role: { id: roleId },
    });
  });

  it('does not inherit that credentials were no good', async () => {
    const failure = new PlatformError('access.invalid_token', 'No.');
    const { principal } = await elevations.act(run({ ...anonymous, failure }));
    expect(principal.failure).toBeUndefined();
  });

  it('is the same as long as nothing of roles changes', async () => {
    const first = await elevations.act(run(uma));
    expect(await elevations.act(run(uma))).toBe(first);
    expect(await elevations.act(run(uma, { script: 'other' }))).not.toBe(first);
    await store.roles.update(roleId, { description: 'x' }, null);
    await authority.load();
    const second = await elevations.act(run(uma));
    expect(second).not.toBe(first);
    expect(second.principal.role).not.toBe(first.principal.role);
  });

  it('has the lookups of the role, below his own', async () => {
    const common = { appId: null, isPrivate: false, isScriptVisible: false, description: null };
    const add = (owner: string, name: string, value: string, of: object) =>
      store.lookups.add({ ...common, roleId: null, userId: null, ...of, owner, name, value }, null);
    await add(`role:${roleId}`, 'region', 'north', { roleId });
    await authority.load();
    expect((await elevations.act(run(uma))).principal.lookups.open).toEqual({ region: 'north' });
  });

  it.each([
    ['is gone', () => store.roles.delete(roleId)],
    ['is switched off', () => store.roles.update(roleId, { isActive: false }, null)],
  ])('is refused when the role %s, also in the middle of a run', async (_what, change) => {
    await elevations.act(run(uma));
    await change();
    await authority.load();
    await expect(elevations.act(run(uma, { isCounted: true }))).rejects.toMatchObject({
      kind: 'access.forbidden',
      message: expect.stringContaining(`is to run as role ${roleId}, which does not exist or is not active`),
    });
  });
});

describe('what is told', () => {
  it('is in the log before the first call is made', async () => {
    await elevations.act(run(uma));
    expect(await log()).toMatchObject([
      {
        ...{ action: 'elevate', record: 'script/db.get.pre_process', userId: 7, userEmail: 'u7@example.com' },
        ...{ remoteAddress: '203.0.113.9', door: 'http', before: null },
        after: { by: 'script db.get.pre_process', to: 'role keeper', runs: 1 },
      },
    ]);
    expect(observations).toEqual([
      {
        ...{ kind: 'elevated', by: 'script db.get.pre_process', to: 'role keeper' },
        ...{ service: 'db', path: '_table/x', action: 'GET' },
      },
    ]);
  });

  it('counts runs, not their calls, and each user and script by itself', async () => {
    for (let count = 0; count < 5; count++) {
      await elevations.act(run(uma));
      for (let calls = 0; calls < 3; calls++) await elevations.act(run(uma, { isCounted: true }));
    }
    await elevations.act(run(user(8)));
    await elevations.act(run(uma, { script: 'other' }));
    expect(await log()).toHaveLength(3);
    expect(observations).toHaveLength(7);
    await elevations.flush();
    const told = await log();
    expect(told).toHaveLength(4);
    expect(told[0]).toMatchObject({ record: 'script/db.get.pre_process', userId: 7, after: { runs: 4 } });
    // A new minute begins.
    await elevations.act(run(uma));
    expect(await log()).toHaveLength(5);
    expect(await audit.verify()).toEqual({ entries: 5, brokenAt: null });
  });

  it('is written down after a minute', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await elevations.act(run(uma));
    await elevations.act(run(uma));
    await vi.advanceTimersByTimeAsync(limits.elevationMs);
    vi.useRealTimers();
    await vi.waitFor(async () => expect(await log()).toHaveLength(2), { timeout: 30_000 });
  });

  it('must be told: who cannot be put into the log cannot act', async () => {
    const broken = { add: () => Promise.reject(new Error('the disk is full')) };
    const strict = new Elevations({ authority, audit: broken, observe });
    await expect(strict.act(run(uma))).rejects.toThrow('the disk is full');
    await expect(strict.act(run(uma, { isCounted: true }))).rejects.toThrow('the disk is full');
  });

  it('waits for the entry also where several runs begin at the same time', async () => {
    await Promise.all(Array.from({ length: 20 }, () => elevations.act(run(uma))));
    expect(await log()).toHaveLength(1);
    await elevations.flush();
    expect((await log())[0]?.after).toMatchObject({ runs: 19 });
  });
});
