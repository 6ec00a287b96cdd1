// What every system database must do with roles, apps, roles of users and lookups. Part of the store's suite.
import { describe, expect, it } from 'vitest';
import { PlatformError } from '../core/errors.ts';
import type { AppRecord, LookupRecord, New, RoleAccessRecord, Store, UserRecord } from '../core/store.ts';

/** Defines the tests; `user` is a user as the suite makes them. */
export function authoritySuite(store: () => Store, user: New<UserRecord>): void {
  describe('roles', () => roles(store));
  describe('apps', () => apps(store));
  describe('roles of users', () => userRoles(store, user));
  describe('lookups', () => lookups(store, user));
}

const reader = {
  ...{ name: 'reader', description: 'reads', isActive: true },
  ...{ maxConcurrency: 4, maxBodyBytes: null },
};

const access = (roleId: number, over: Partial<New<RoleAccessRecord>> = {}): New<RoleAccessRecord> => ({
  ...{ roleId, serviceId: null, component: '_table/*', verbMask: 3, requestorMask: 3 },
  ...{ filters: [{ name: 'id', operator: '=', value: [1, 'two', null] }], filterOp: 'OR' },
  fields: [{ field: 'salary', access: 'hidden' }],
  ...over,
});

const app: New<AppRecord> = {
  name: 'web',
  apiKey: 'a'.repeat(64),
  description: null,
  isActive: true,
  type: 2,
  path: null,
  url: 'https://example.com',
  storageServiceId: null,
  storageContainer: null,
  requiresFullscreen: false,
  allowFullscreenToggle: true,
  toggleLocation: 'top',
  roleId: null,
};

const lookup = (owner: Partial<New<LookupRecord>> = {}): New<LookupRecord> => ({
  ...{ name: 'color', owner: 'system', appId: null, roleId: null, userId: null, value: 'red' },
  ...{ isPrivate: false, isScriptVisible: false, description: null },
  ...owner,
});

function roles(store: () => Store): void {
  it('keep their rows of access, in the order in which they were made', async () => {
    const role = await store().roles.create(reader, 7);
    expect(role).toMatchObject({ ...reader, createdById: 7 });
    const before = await store().generation();
    await store().roleAccess.add(access(role.id), null);
    await store().roleAccess.add(access(role.id, { component: null, serviceId: 1 }), 8);
    const rows = await store().roleAccess.list({ roleId: role.id });
    expect(rows).toMatchObject([
      { ...access(role.id), createdById: null, lastModifiedById: null },
      { component: null, serviceId: 1, createdById: 8 },
    ]);
    expect(await store().generation()).toBe(before + 2);
    expect(await store().roleAccess.list({ serviceId: null })).toEqual([rows[0]]);
    expect(await store().roleAccess.list({ roleId: 99 })).toEqual([]);
  });

  it('change rows by id; what was made and by whom stays', async () => {
    const role = await store().roles.create(reader, null);
    await store().roleAccess.add(access(role.id), 7);
    const [row] = await store().roleAccess.list();
    const whole = { ...access(role.id), id: 99, createdById: 99, verbMask: 1 };
    expect(await store().roleAccess.update(row?.id ?? 0, whole, 8)).toBe(true);
    const [changed] = await store().roleAccess.list();
    expect(changed).toMatchObject({ id: row?.id, verbMask: 1, createdById: 7, lastModifiedById: 8 });
    expect(await store().roleAccess.update(99, { verbMask: 1 }, 8)).toBe(false);
    expect(await store().roleAccess.delete(row?.id ?? 0)).toBe(true);
    expect(await store().roleAccess.delete(row?.id ?? 0)).toBe(false);
  });

  it('take their rows and lookups with them, as services take the rows about them', async () => {
    const role = await store().roles.create(reader, null);
    const service = await store().services.create(hr, null);
    await store().roleAccess.add(access(role.id, { serviceId: service.id }), null);
    await store().roleAccess.add(access(role.id), null);
    await store().lookups.add(lookup({ owner: `role:${role.id}`, roleId: role.id }), null);
    await store().services.delete(service.id);
    expect(await store().roleAccess.list()).toHaveLength(1);
    await store().roles.delete(role.id);
    expect(await store().roleAccess.list()).toEqual([]);
    expect(await store().lookups.list()).toEqual([]);
  });

  it('cannot have rows about what is not there', async () => {
    const role = await store().roles.create(reader, null);
    await expect(store().roleAccess.add(access(role.id, { serviceId: 99 }), null)).rejects.toThrow();
    await expect(store().roleAccess.add(access(99), null)).rejects.toThrow();
    expect(await store().roleAccess.list()).toEqual([]);
  });
}

function apps(store: () => Store): void {
  it('keep every field, and no two have a key or name in common', async () => {
    const made = await store().apps.create(app, 7);
    expect(made).toMatchObject({ ...app, createdById: 7 });
    expect(await store().apps.get(made.id)).toEqual(made);
    const other = { ...app, name: 'other' };
    await conflict(() => store().apps.create(other, null), 'api_key');
    await conflict(() => store().apps.create({ ...app, apiKey: 'b' }, null), "The name 'web'");
  });

  it('have no role any more when it is deleted', async () => {
    const role = await store().roles.create(reader, null);
    const made = await store().apps.create({ ...app, roleId: role.id }, null);
    await store().roles.delete(role.id);
    expect(await store().apps.get(made.id)).toMatchObject({ roleId: null });
  });
}

function userRoles(store: () => Store, user: New<UserRecord>): void {
  it('are one for each app, and end with user, app and role', async () => {
    const role = await store().roles.create(reader, null);
    const own = await store().users.create(user, null);
    const first = await store().apps.create(app, null);
    const second = await store().apps.create({ ...app, name: 'second', apiKey: 'b' }, null);
    const given = (appId: number) => ({ userId: own.id, appId, roleId: role.id });
    await store().userRoles.add(given(first.id), null);
    await store().userRoles.add(given(second.id), null);
    await conflict(() => store().userRoles.add(given(first.id), null), 'app_id');
    expect(await store().userRoles.list({ userId: own.id })).toMatchObject([
      { appId: first.id, roleId: role.id },
      { appId: second.id },
    ]);
    await store().apps.delete(second.id);
    expect(await store().userRoles.list()).toHaveLength(1);
    await store().users.delete(own.id);
    expect(await store().userRoles.list()).toEqual([]);
  });
}

function lookups(store: () => Store, user: New<UserRecord>): void {
  it('have one name for each owner', async () => {
    const own = await store().users.create(user, null);
    const owner = `user:${own.id}`;
    await store().lookups.add(lookup(), 7);
    await store().lookups.add(lookup({ owner, userId: own.id, value: 'blue', isPrivate: true }), null);
    await conflict(() => store().lookups.add(lookup(), null), "The name 'color'");
    expect(await store().lookups.list({ owner: 'system', name: 'color' })).toMatchObject([
      { ...lookup(), createdById: 7 },
    ]);
    expect(await store().lookups.list({ isPrivate: true })).toMatchObject([
      { value: 'blue', userId: own.id },
    ]);
    await store().users.delete(own.id);
    expect(await store().lookups.list()).toHaveLength(1);
  });

  it('keep text exactly', async () => {
    const value = 'O\'Brien "quoted" \\ ; drop table lookup; -- \u{1F600} %_ \n';
    await store().lookups.add(lookup({ value, description: value }), null);
    expect(await store().lookups.list()).toMatchObject([{ value, description: value }]);
  });

  it('are undone with the transaction', async () => {
    const failing = store().transaction(async (inside) => {
      await inside.lookups.add(lookup(), null);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await store().lookups.list()).toEqual([]);
    expect(await store().generation()).toBe(0);
  });
}

async function conflict(work: () => Promise<unknown>, text: string): Promise<void> {
  const error = await work().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(PlatformError);
  expect(error).toMatchObject({ kind: 'config.conflict', message: expect.stringContaining(text) });
}

const hr = {
  ...{ name: 'hr', label: 'HR', description: null, isActive: true, type: 'sqlite' },
  ...{ mutable: true, deletable: true, config: {}, document: null },
};
