// On whose authority queued runs are done: as he is when the run starts, or nobody's.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { limits } from '../core/limits.ts';
import type { AppRecord, New, RoleRecord, Store, UserRecord } from '../core/store.ts';
import { createSqliteStore } from '../store/sqlite.ts';
import type { Authority } from './authority.ts';
import { authorityOf } from './authority-fixture.ts';
import { type RunActor, RunActors } from './run-actors.ts';

let store: Store;
let authority: Authority;
let actors: RunActors;
let now = 0;

const nobody: RunActor = { kind: 'anonymous', userId: null, appId: null, roleId: null };

const user = (name: string, isSysAdmin = false): New<UserRecord> => ({
  name,
  username: name,
  firstName: name,
  lastName: '',
  email: `${name}@example.com`,
  passwordHash: '',
  isActive: true,
  isSysAdmin,
  lastLoginDate: null,
  phone: null,
  defaultAppId: null,
  isConfirmed: true,
  securityQuestion: null,
  securityAnswerHash: null,
});

const role: New<RoleRecord> = {
  name: 'clerk',
  description: null,
  isActive: true,
  maxConcurrency: null,
  maxBodyBytes: null,
};

async function newApp(roleId: number | null): Promise<number> {
  const app: New<AppRecord> = {
    ...{ name: 'desk', apiKey: 'key-of-desk', description: null, isActive: true, type: 0, path: null },
    ...{ url: null, storageServiceId: null, storageContainer: null, requiresFullscreen: false },
    ...{ allowFullscreenToggle: true, toggleLocation: 'top', roleId },
  };
  return (await store.apps.create(app, null)).id;
}

beforeEach(async () => {
  now = 1_000_000;
  store = await createSqliteStore({ file: ':memory:' });
  authority = authorityOf(store);
  actors = new RunActors({ store, authority, now: () => now });
  await authority.load();
});
afterEach(() => store.close());

describe('the actor of a queued run', () => {
  it('is nobody, or the system, where it was', async () => {
    expect(await actors.of(nobody)).toMatchObject({ kind: 'anonymous', isAdmin: false });
    expect(await actors.of({ ...nobody, kind: 'system' })).toMatchObject({ kind: 'system', isAdmin: true });
  });

  it('is the user as he is now', async () => {
    const { id } = await store.users.create(user('ada', true), null);
    const actor: RunActor = { ...nobody, kind: 'user', userId: id };
    expect(await actors.of(actor)).toMatchObject({ kind: 'user', isAdmin: true, sessionId: null });
    await store.users.update(id, { isSysAdmin: false, name: 'Ada L.' }, null);
    now += limits.sessionCacheMs;
    expect(await actors.of(actor)).toMatchObject({ isAdmin: false, user: { name: 'Ada L.' } });
  });

  it('is the same principal as long as nothing changes', async () => {
    const { id } = await store.users.create(user('ada'), null);
    const actor: RunActor = { ...nobody, kind: 'user', userId: id };
    const first = await actors.of(actor);
    now += limits.sessionCacheMs;
    expect(await actors.of(actor)).toBe(first);
  });

  it('is nobody any more when the user is gone or switched off', async () => {
    const { id } = await store.users.create(user('ada'), null);
    const actor: RunActor = { ...nobody, kind: 'user', userId: id };
    await actors.of(actor);
    await store.users.update(id, { isActive: false }, null);
    now += limits.sessionCacheMs;
    await expect(actors.of(actor)).rejects.toMatchObject({ kind: 'access.forbidden', status: 403 });
    await store.users.delete(id);
    await expect(actors.of(actor)).rejects.toThrow(`user ${id} is gone or not active`);
  });

  it('has the role of its app, and comes with its key', async () => {
    const { id: roleId } = await store.roles.create(role, null);
    const appId = await newApp(roleId);
    await authority.load();
    const actor: RunActor = { kind: 'app', userId: null, appId, roleId };
    expect(await actors.of(actor)).toMatchObject({
      kind: 'app',
      apiKey: 'key-of-desk',
      role: { id: roleId },
    });
    const { id: userId } = await store.users.create(user('ben'), null);
    expect(await actors.of({ ...actor, kind: 'user', userId })).toMatchObject({
      user: { id: userId },
      app: { id: appId },
      role: { id: roleId },
    });
  });

  it('is refused when its app is gone or switched off', async () => {
    const appId = await newApp(null);
    await authority.load();
    const actor: RunActor = { kind: 'app', userId: null, appId, roleId: null };
    await actors.of(actor);
    await store.apps.update(appId, { isActive: false }, null);
    await authority.load();
    await expect(actors.of(actor)).rejects.toThrow(`app ${appId} is gone or not active`);
    await expect(actors.of({ ...actor, appId: 999 })).rejects.toThrow('app 999 is gone');
  });

  it('is refused when its role was taken away or switched off, and has another one that it was given', async () => {
    const { id: roleId } = await store.roles.create(role, null);
    const appId = await newApp(roleId);
    await authority.load();
    const actor: RunActor = { kind: 'app', userId: null, appId, roleId };
    await store.roles.update(roleId, { isActive: false }, null);
    await authority.load();
    await expect(actors.of(actor)).rejects.toThrow(`its role ${roleId} is gone or not active`);
    const { id: other } = await store.roles.create({ ...role, name: 'reader' }, null);
    await store.apps.update(appId, { roleId: other }, null);
    await authority.load();
    expect(await actors.of(actor)).toMatchObject({ role: { id: other } });
    await store.apps.update(appId, { roleId: null }, null);
    await authority.load();
    await expect(actors.of(actor)).rejects.toMatchObject({ kind: 'access.forbidden' });
  });
});
