import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { limits } from '../core/limits.ts';
import type { Observation } from '../core/observe.ts';
import { anonymous } from '../core/operation.ts';
import type { AppRecord, LookupRecord, New, Store, UserRecord } from '../core/store.ts';
import { createSqliteStore } from '../store/sqlite.ts';
import { Authority } from './authority.ts';
import { MasterKey } from './master-key.ts';
import { lookupPlace } from './sealed-places.ts';
import { Secrets } from './secrets.ts';
import { Sessions } from './sessions.ts';
import { TokenAuthority } from './tokens.ts';
import { knownUser } from './users.ts';

const uncapped = { maxConcurrency: null, maxBodyBytes: null };

const key = new MasterKey(randomBytes(32));
const secrets = new Secrets({ key });
const apiKey = 'a'.repeat(64);
const observations: Observation[] = [];
let store: Store;
let authority: Authority;
let roleId: number;
let app: AppRecord;
let uma: UserRecord;

const person: New<UserRecord> = {
  ...{ name: 'Uma', username: 'uma', firstName: 'Uma', lastName: '', email: 'uma@example.com' },
  ...{ passwordHash: 'x', isActive: true, isSysAdmin: false, lastLoginDate: null },
  ...{ phone: null, defaultAppId: null, isConfirmed: true, securityQuestion: null, securityAnswerHash: null },
};
const appOf = (over: Partial<New<AppRecord>>): New<AppRecord> => ({
  ...{ name: 'web', apiKey, description: null, isActive: true, type: 0, path: null, url: null },
  ...{ storageServiceId: null, storageContainer: null, requiresFullscreen: false },
  ...{ allowFullscreenToggle: true, toggleLocation: 'top', roleId: null },
  ...over,
});

beforeEach(async () => {
  observations.length = 0;
  store = await createSqliteStore({ file: ':memory:' });
  authority = new Authority({ store, secrets, observe: (seen) => observations.push(seen) });
  roleId = (
    await store.roles.create({ name: 'reader', description: null, isActive: true, ...uncapped }, null)
  ).id;
  app = await store.apps.create(appOf({ roleId }), null);
  uma = await store.users.create(person, null);
  const row = { verbMask: 1, requestorMask: 3, filters: [], filterOp: 'AND', fields: [] };
  await store.roleAccess.add({ ...row, roleId, serviceId: 1, component: 'event/*' }, null);
  await authority.load();
});
afterEach(() => store.close());

const rights = async (user = uma, given: string | null = apiKey) =>
  authority.rightsOf(await knownUser(store, user), given);

async function addLookup(owner: Partial<New<LookupRecord>>): Promise<void> {
  const system = { owner: 'system', appId: null, roleId: null, userId: null };
  const open = { isPrivate: false, isScriptVisible: false, description: null };
  const entry = { name: 'color', value: 'x', ...system, ...open, ...owner };
  const value = entry.isPrivate
    ? secrets.seal(entry.value, lookupPlace(entry.owner, entry.name))
    : entry.value;
  await store.lookups.add({ ...entry, value }, null);
}

describe('an app', () => {
  test('is found by its key, with its role, the same object while nothing changed', async () => {
    const principal = authority.withoutSession(apiKey);
    expect(principal).toMatchObject({
      ...{ kind: 'app', isAdmin: false, apiKey, sessionId: null, user: undefined },
      app: { id: app.id, name: 'web', isActive: true },
      role: { id: roleId, name: 'reader', isActive: true },
    });
    expect(principal.role?.grants).toMatchObject([{ service: 'system', component: 'event/*', verbMask: 1 }]);
    const { generation } = authority;
    await authority.load();
    expect(authority.withoutSession(apiKey)).toBe(principal);
    expect(authority.generation).toBe(generation);
    expect(authority.withoutSession(apiKey.toUpperCase())).toMatchObject({ kind: 'anonymous', role: null });
  });

  test('with another key or role is another principal, in a new generation', async () => {
    const { generation } = authority;
    await store.apps.update(app.id, { apiKey: 'b', roleId: null }, null);
    await authority.load();
    expect(authority.generation).toBe(generation + 1);
    expect(authority.withoutSession(apiKey)).toMatchObject({ kind: 'anonymous', role: null, apiKey });
    expect(authority.withoutSession('b')).toMatchObject({ role: null });
  });
});

describe('loading', () => {
  test('again while it is under way leaves what was stored last', async () => {
    const loads: Promise<void>[] = [];
    for (const name of ['a', 'b', 'c', 'd']) {
      loads.push(authority.load());
      await store.roles.update(roleId, { name }, null);
      loads.push(authority.load());
    }
    await Promise.all(loads);
    expect(authority.withoutSession(apiKey).role?.name).toBe('d');
  });

  test('that failed is told to who asked for it, and the next one works', async () => {
    let isDown = true;
    const list = () => (isDown ? Promise.reject(new Error('down')) : store.roles.list());
    const roles: Store['roles'] = Object.create(store.roles, { list: { value: list } });
    const { services, roleAccess, apps, lookups } = store;
    const fragile = new Authority({
      store: { services, roles, roleAccess, apps, lookups },
      secrets,
      observe: () => {},
    });
    await expect(fragile.load()).rejects.toThrow('down');
    isDown = false;
    await fragile.load();
    expect(fragile.withoutSession(apiKey).role?.name).toBe('reader');
  });
});

describe('nobody', () => {
  test('has the lookups of the system and nothing else, the same object while nothing changed', async () => {
    expect(authority.withoutSession(null)).toEqual(anonymous);
    await addLookup({ value: 'red' });
    await authority.load();
    const nobody = authority.withoutSession(null);
    expect(nobody).toEqual({ ...anonymous, lookups: { open: { color: 'red' }, secret: {} } });
    expect(authority.withoutSession(null)).toBe(nobody);
    const stranger = authority.withoutSession('none of ours');
    expect(stranger).toEqual({ ...nobody, apiKey: 'none of ours' });
    expect(authority.withoutSession('none of ours')).toBe(stranger);
    const long = 'x'.repeat(limits.apiKeyChars + 1);
    expect(authority.withoutSession(long)).not.toBe(authority.withoutSession(long));
  });
});

describe('a user', () => {
  test('has the role of the app, unless there is one of his own for it', async () => {
    expect(await rights()).toMatchObject({ role: { id: roleId }, app: { id: app.id } });
    const other = await store.roles.create(
      { name: 'other', description: null, isActive: false, ...uncapped },
      null,
    );
    await store.userRoles.add({ userId: uma.id, appId: app.id, roleId: other.id }, null);
    await authority.load();
    // An own role that is switched off is not replaced by that of the app.
    expect(await rights()).toMatchObject({ role: { id: other.id, isActive: false } });
  });

  test('has none without a key, with a strange one, or by a role in another app', async () => {
    const second = await store.apps.create(appOf({ name: 'second', apiKey: 'b' }), null);
    await store.userRoles.add({ userId: uma.id, appId: app.id, roleId }, null);
    await authority.load();
    expect(await rights(uma, null)).toMatchObject({ role: null, app: null });
    expect(await rights(uma, 'c')).toMatchObject({ role: null, app: null });
    expect(await rights(uma, 'b')).toMatchObject({ role: null, app: { id: second.id } });
  });

  test('who is an administrator needs none', async () => {
    expect(await rights({ ...uma, isSysAdmin: true })).toMatchObject({ role: null, app: { id: app.id } });
  });

  test('of a session gets what changed by the generation, not by time', async () => {
    const sessions = new Sessions({ store, tokens: new TokenAuthority({ key }), authority });
    const { token } = await sessions.open(uma);
    const before = await sessions.resolve(token, apiKey);
    expect(before.role?.name).toBe('reader');
    expect(sessions.resolve(token, apiKey)).toBe(before);
    await store.roles.update(roleId, { name: 'writer' }, null);
    await authority.load();
    expect(sessions.resolve(token, apiKey)).toMatchObject({ role: { name: 'writer' } });
    await store.userRoles.add({ userId: uma.id, appId: app.id, roleId }, null);
    sessions.forget([uma.id]);
    expect(await sessions.resolve(token, apiKey)).toMatchObject({ role: { id: roleId } });
  });
});

describe('lookups', () => {
  test('of whoever is nearer win: system, app, role, user', async () => {
    await addLookup({ value: 'system' });
    await addLookup({ name: 'size', value: 'big' });
    await authority.load();
    const colors = async () => (await rights()).lookups.open;
    expect(await colors()).toEqual({ color: 'system', size: 'big' });
    await addLookup({ owner: `app:${app.id}`, appId: app.id, value: 'app' });
    await authority.load();
    expect((await colors()).color).toBe('app');
    await addLookup({ owner: `role:${roleId}`, roleId, value: 'role' });
    await authority.load();
    expect((await colors()).color).toBe('role');
    await addLookup({ owner: `user:${uma.id}`, userId: uma.id, value: 'user' });
    await authority.load();
    expect(await colors()).toEqual({ color: 'user', size: 'big' });
    expect(authority.withoutSession(apiKey).lookups.open.color).toBe('role');
    expect(authority.lookupNames()).toEqual(['color', 'size']);
  });

  test('that are private are shown only where that was allowed, and hide open ones of their name', async () => {
    await addLookup({ value: 'open' });
    await addLookup({ name: 'word', value: 'hidden', isPrivate: true });
    await addLookup({ owner: `role:${roleId}`, roleId, value: 's', isPrivate: true, isScriptVisible: true });
    await authority.load();
    expect((await rights()).lookups).toEqual({ open: {}, secret: { color: 's' } });
    expect((await rights(uma, null)).lookups).toEqual({ open: { color: 'open' }, secret: {} });
    expect(authority.lookupNames()).toEqual(['color', 'word']);
  });

  test('that are hidden stand before others of their name, too', async () => {
    await addLookup({ value: 'of everybody' });
    await addLookup({
      owner: `app:${app.id}`,
      appId: app.id,
      value: 'shown to scripts',
      isPrivate: true,
      isScriptVisible: true,
    });
    await addLookup({ owner: `role:${roleId}`, roleId, value: 'hidden', isPrivate: true });
    await authority.load();
    expect((await rights()).lookups).toEqual({ open: {}, secret: {} });
    expect(authority.withoutSession(null).lookups.open).toEqual({ color: 'of everybody' });
    await addLookup({ owner: `user:${uma.id}`, userId: uma.id, value: 'own' });
    await authority.load();
    expect((await rights()).lookups).toEqual({ open: { color: 'own' }, secret: {} });
  });

  test('for services are those of the system, private ones in clear, with what marks a change', async () => {
    const { forServices } = authority;
    expect([forServices.value('color'), forServices.mark('color')]).toEqual([undefined, '']);
    await addLookup({ value: 'open' });
    await addLookup({ name: 'word', value: 'hidden', isPrivate: true });
    await addLookup({ name: 'mine', owner: `app:${app.id}`, appId: app.id, value: 'x' });
    await authority.load();
    const values = ['color', 'word', 'mine', 'constructor', '__proto__'].map(forServices.value);
    expect(values).toEqual(['open', 'hidden', undefined, undefined, undefined]);
    const marks = [forServices.mark('color'), forServices.mark('word')];
    expect(marks.join()).not.toContain('hidden');
    const [entry] = await store.lookups.list({ name: 'color' });
    await store.lookups.update(entry?.id ?? 0, { value: 'other' }, null);
    await authority.load();
    expect(forServices.mark('color')).not.toBe(marks[0]);
    expect(forServices.mark('word')).toBe(marks[1]);
  });

  test('for mails of the system are those that everybody has', async () => {
    await addLookup({ value: 'open' });
    await addLookup({ name: 'word', value: 'hidden', isPrivate: true, isScriptVisible: true });
    await authority.load();
    expect(authority.itself).toMatchObject({
      kind: 'system',
      isAdmin: true,
      lookups: { open: { color: 'open' } },
    });
    const other = new Authority({
      store,
      secrets,
      observe: () => undefined,
      facts: () => ({ 'df.name': 'Tenon' }),
    });
    await other.load();
    expect(other.itself.lookups.facts).toEqual({ 'df.name': 'Tenon' });
    expect(other.withoutSession(null).lookups.facts).toEqual({ 'df.name': 'Tenon' });
    expect(other.forServices.value('df.name')).toBe('Tenon');
  });

  test('that cannot be opened are not there, and somebody is told', async () => {
    const value = secrets.seal('x', lookupPlace('system', 'other'));
    const sealed = { value, isPrivate: true, isScriptVisible: true, description: null };
    const owner = { owner: 'system', appId: null, roleId: null, userId: null };
    await store.lookups.add({ name: 'color', ...owner, ...sealed }, null);
    await authority.load();
    expect((await rights()).lookups.secret).toEqual({});
    expect(observations).toMatchObject([
      { kind: 'service.failed', reason: expect.stringMatching(/'color'/) },
    ]);
  });

  test('named like members of every object are lookups like others', async () => {
    await addLookup({ name: '__proto__', value: 'a' });
    await addLookup({ name: 'constructor', value: 'b' });
    await authority.load();
    const { open } = (await rights()).lookups;
    expect(JSON.parse(JSON.stringify(open))).toEqual(JSON.parse('{"__proto__":"a","constructor":"b"}'));
  });

  test('of the same names are the same list', async () => {
    await addLookup({ value: 'a' });
    await authority.load();
    const names = authority.lookupNames();
    await addLookup({ owner: `app:${app.id}`, appId: app.id, value: 'b' });
    await authority.load();
    expect(authority.lookupNames()).toBe(names);
  });
});
