// What every system database must do. Each engine's test calls this with a way to open an empty one.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PlatformError } from '../core/errors.ts';
import type { EventScriptRecord, New, ServiceRecord, Store, UserRecord } from '../core/store.ts';
import { authoritySuite } from './authority-suite.ts';
import { idempotencyKeys } from './idempotency-suite.ts';
import { nodes } from './node-suite.ts';
import { outbox } from './outbox-suite.ts';
import { runs } from './run-suite.ts';
import { schemaOverlays } from './schema-overlay-suite.ts';

const iso = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** Defines the conformance tests of a store; `open` gives a new, empty one, which the suite closes. */
export function storeSuite(name: string, open: () => Promise<Store>): void {
  describe(`store on ${name}`, () => {
    let store: Store;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(() => store.close());
    describe('services', () => services(() => store));
    describe('event scripts', () => eventScripts(() => store));
    describe('users', () => users(() => store));
    describe('sessions', () => sessions(() => store));
    describe('runs', () => runs(() => store));
    describe('idempotency keys', () => idempotencyKeys(() => store));
    authoritySuite(() => store, ada);
    describe('overlay of schemas', () => schemaOverlays(() => store));
    describe('nodes', () => nodes(() => store));
    describe('outbox', () => outbox(() => store));
    describe('generation', () => generation(() => store));
    describe('transaction', () => transaction(() => store));
  });
}

function services(store: () => Store): void {
  it('begins with the service system', async () => {
    const list = await store().services.list();
    expect(list).toMatchObject([{ id: 1, name: 'system', type: 'system', mutable: false, deletable: false }]);
    expect(list[0]?.createdDate).toMatch(iso);
  });

  it('keeps every field of a record', async () => {
    const made = await store().services.create(hr, 7);
    expect(made).toMatchObject({ ...hr, id: 2, createdById: 7, lastModifiedById: null });
    expect(made.createdDate).toMatch(iso);
    expect(made.lastModifiedDate).toBe(made.createdDate);
    expect(await store().services.get(2)).toEqual(made);
    expect(await store().services.get(99)).toBeUndefined();
  });

  it('changes only the given fields and stamps the change', async () => {
    const made = await store().services.create(hr, 7);
    const changed = await store().services.update(made.id, { label: 'People', config: { a: [1, null] } }, 8);
    expect(changed).toMatchObject({ ...hr, label: 'People', config: { a: [1, null] } });
    expect(changed).toMatchObject({ createdById: 7, lastModifiedById: 8, createdDate: made.createdDate });
    expect(await store().services.get(made.id)).toEqual(changed);
  });

  it('ignores what is no field of a record', async () => {
    const extra = { ...hr, surprise: 'x' } as New<ServiceRecord>;
    expect(await store().services.create(extra, null)).not.toHaveProperty('surprise');
  });

  it('never writes a generated id', async () => {
    const whole = { ...hr, id: 99, createdById: 99, createdDate: 'never' } as New<ServiceRecord>;
    const made = await store().services.create(whole, null);
    expect(made).toMatchObject({ id: 2, createdById: null });
    expect(made.createdDate).toMatch(iso);
    expect(await store().services.update(2, { ...whole, label: 'x' }, null)).toMatchObject({
      id: 2,
      label: 'x',
    });
    expect(await store().services.get(2)).toMatchObject({ createdDate: made.createdDate, createdById: null });
  });

  it('refuses a name that is taken, naming the field', async () => {
    const made = await store().services.create(hr, null);
    const other = await store().services.create({ ...hr, name: 'crm' }, null);
    await expectConflict(() => store().services.create(hr, null), "The name 'hr' is already taken");
    await expectConflict(() => store().services.update(other.id, { name: 'hr' }, null), 'name');
    expect(await store().services.get(made.id)).toEqual(made);
    expect((await store().services.list()).map((service) => service.name)).toEqual(['system', 'hr', 'crm']);
  });

  it('deletes once and never gives an id twice', async () => {
    const made = await store().services.create(hr, null);
    expect(await store().services.delete(made.id)).toBe(true);
    expect(await store().services.delete(made.id)).toBe(false);
    expect(await store().services.get(made.id)).toBeUndefined();
    expect(await store().services.update(made.id, { label: 'x' }, null)).toBeUndefined();
    expect((await store().services.create(hr, null)).id).toBeGreaterThan(made.id);
  });

  it('keeps text exactly, whatever is in it', async () => {
    const label = 'O\'Brien "quoted" \\ ; drop table service; -- \u{1F600} \u2028 %_';
    const made = await store().services.create({ ...hr, label, description: null, config: { label } }, null);
    expect(await store().services.get(made.id)).toMatchObject({
      label,
      description: null,
      config: { label },
    });
  });
}

function eventScripts(store: () => Store): void {
  it('keeps every field of a record under its name', async () => {
    const made = await store().eventScripts.create(script, 1);
    expect(made).toMatchObject(script);
    expect(await store().eventScripts.get(script.name)).toEqual(made);
    expect(await store().eventScripts.list()).toEqual([made]);
  });

  it('lists by name', async () => {
    for (const name of ['b.get', 'a.get', 'c.get']) await store().eventScripts.create({ ...script, name }, 1);
    const names = (await store().eventScripts.list()).map((entry) => entry.name);
    expect(names).toEqual(['a.get', 'b.get', 'c.get']);
  });

  it('refuses a second script of the same name', async () => {
    await store().eventScripts.create(script, 1);
    await expectConflict(() => store().eventScripts.create(script, 1), script.name);
  });

  it('renames and deletes', async () => {
    await store().eventScripts.create(script, 1);
    await store().eventScripts.update(script.name, { name: 'other.get' }, 1);
    expect(await store().eventScripts.get(script.name)).toBeUndefined();
    expect(await store().eventScripts.delete('other.get')).toBe(true);
    expect(await store().eventScripts.delete('other.get')).toBe(false);
  });
}

function users(store: () => Store): void {
  it('finds a user by email in any case and by user name', async () => {
    const made = await store().users.create({ ...ada, email: 'Ada@Example.com' }, null);
    expect(made.email).toBe('ada@example.com');
    expect(await store().users.findByEmail('ADA@example.COM')).toEqual(made);
    expect(await store().users.findByUsername('ada')).toEqual(made);
    expect(await store().users.findByEmail('ada')).toBeUndefined();
    expect(await store().users.findByUsername('nobody')).toBeUndefined();
  });

  it('refuses an email or user name that is taken', async () => {
    await store().users.create(ada, null);
    await expectConflict(
      () => store().users.create({ ...ada, email: 'ADA@example.com', username: 'b' }, null),
      'email',
    );
    await expectConflict(() => store().users.create({ ...ada, email: 'b@example.com' }, null), 'username');
    const other = await store().users.create({ ...ada, email: 'c@example.com', username: 'c' }, null);
    await expectConflict(() => store().users.update(other.id, { email: 'Ada@Example.com' }, null), 'email');
  });

  it('counts active administrators only', async () => {
    expect(await store().users.countAdmins()).toBe(0);
    const made = await store().users.create(ada, null);
    await store().users.create({ ...ada, email: 'b@x.y', username: 'b', isSysAdmin: false }, null);
    await store().users.create({ ...ada, email: 'c@x.y', username: 'c', isActive: false }, null);
    expect(await store().users.countAdmins()).toBe(1);
    await store().users.update(made.id, { isActive: false }, null);
    expect(await store().users.countAdmins()).toBe(0);
  });

  it('notes logins', async () => {
    const made = await store().users.create(ada, null);
    expect(made.lastLoginDate).toBeNull();
    const date = await store().users.touchLogin(made.id);
    expect(date).toMatch(iso);
    expect(await store().users.get(made.id)).toEqual({ ...made, lastLoginDate: date });
  });
}

function sessions(store: () => Store): void {
  const day = 86_400_000;
  const at = (offset: number) => new Date(Date.now() + offset).toISOString();
  const open = async (id: string, expires = day, refreshUntil = 14 * day) => {
    const user = (await store().users.findByEmail(ada.email)) ?? (await store().users.create(ada, null));
    const dates = { createdDate: at(0), expiresDate: at(expires), refreshUntilDate: at(refreshUntil) };
    const session = { id, userId: user.id, ...dates };
    await store().sessions.open(session);
    return session;
  };

  it('opens, finds and closes for good', async () => {
    const session = await open('s1');
    expect(await store().sessions.get('s1')).toEqual({ ...session, closedDate: null });
    await store().sessions.close('s1');
    const closed = await store().sessions.get('s1');
    expect(closed?.closedDate).toMatch(iso);
    await store().sessions.extend('s1', at(5 * day));
    await store().sessions.close('s1');
    expect(await store().sessions.get('s1')).toEqual(closed);
    expect(await store().sessions.get('s2')).toBeUndefined();
  });

  it('moves the expiry when it is extended, but not the end of its refresh window', async () => {
    const session = await open('s1', day, 3 * day);
    const expiresDate = new Date(Date.parse(session.expiresDate) + day).toISOString();
    const { refreshUntilDate } = session;
    await store().sessions.extend('s1', expiresDate);
    expect(await store().sessions.get('s1')).toMatchObject({ expiresDate, refreshUntilDate });
    await expect(store().sessions.extend('none', expiresDate)).resolves.toBeUndefined();
  });

  it('closes all sessions of a user but one', async () => {
    for (const id of ['s1', 's2', 's3']) await open(id);
    const other = await store().users.create({ ...ada, email: 'b@x.y', username: 'b' }, null);
    const dates = { createdDate: at(0), expiresDate: at(day), refreshUntilDate: at(day) };
    await store().sessions.open({ id: 'other', userId: other.id, ...dates });
    const isOpen = async (id: string) => (await store().sessions.get(id))?.closedDate === null;
    await store().sessions.closeAll(1, 's2');
    expect(await Promise.all(['s1', 's2', 's3', 'other'].map(isOpen))).toEqual([false, true, false, true]);
    await store().sessions.closeAll(1, null);
    expect(await Promise.all(['s1', 's2', 's3', 'other'].map(isOpen))).toEqual([false, false, false, true]);
  });

  it('prunes what can no longer be refreshed', async () => {
    await open('old', -2 * day, -day);
    await open('expired', -day, day);
    await open('new');
    expect(await store().sessions.prune()).toBe(1);
    expect(await store().sessions.get('old')).toBeUndefined();
    expect(await store().sessions.get('expired')).toBeDefined();
    expect(await store().sessions.prune()).toBe(0);
  });

  it('ends with its user', async () => {
    const session = await open('s1');
    await store().users.delete(session.userId);
    expect(await store().sessions.get('s1')).toBeUndefined();
  });
}

function generation(store: () => Store): void {
  it('grows with every change of configuration and with nothing else', async () => {
    const grown = async (work: () => Promise<unknown>) => {
      const before = await store().generation();
      await work();
      return (await store().generation()) - before;
    };
    expect(await grown(() => store().services.create(hr, null))).toBe(1);
    expect(await grown(() => store().services.update(2, { label: 'x' }, null))).toBe(1);
    expect(await grown(() => store().eventScripts.create(script, null))).toBe(1);
    expect(await grown(() => store().services.delete(2))).toBe(1);
    expect(await grown(() => store().users.create(ada, null))).toBe(1);
    expect(await grown(() => store().users.touchLogin(1))).toBe(0);
    expect(await grown(() => store().services.list())).toBe(0);
    expect(
      await grown(() =>
        store()
          .services.create({ ...hr, name: 'system' }, null)
          .catch(() => 0),
      ),
    ).toBe(0);
  });

  it('counts every one of many changes at once', async () => {
    const names = Array.from({ length: 25 }, (_, index) => `s${index}`);
    await Promise.all(names.map((name) => store().services.create({ ...hr, name }, null)));
    expect(await store().generation()).toBe(25);
    expect(await store().services.list()).toHaveLength(26);
  });
}

function transaction(store: () => Store): void {
  it('does all or nothing, the generation included', async () => {
    const failing = store().transaction(async (inside) => {
      await inside.services.create(hr, null);
      await inside.users.create(ada, null);
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    expect(await store().services.list()).toHaveLength(1);
    expect(await store().users.list()).toEqual([]);
    expect(await store().generation()).toBe(0);
  });

  it('returns what the work returns and shows it afterwards', async () => {
    const made = await store().transaction((inside) => inside.services.create(hr, null));
    expect(await store().services.get(made.id)).toEqual(made);
  });

  it('does not take in what others write meanwhile', async () => {
    const failing = store().transaction(async (inside) => {
      await inside.services.create(hr, null);
      throw new Error('no');
    });
    const other = store().services.create({ ...hr, name: 'crm' }, null);
    await expect(failing).rejects.toThrow('no');
    await other;
    expect((await store().services.list()).map((service) => service.name)).toEqual(['system', 'crm']);
  });
}

async function expectConflict(work: () => Promise<unknown>, text: string): Promise<void> {
  const error: unknown = await work().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(PlatformError);
  expect(error).toMatchObject({ kind: 'config.conflict', status: 409 });
  expect((error as PlatformError).message).toContain(text);
  expect((error as PlatformError).message).not.toMatch(/constraint|insert|update/i);
}

const hr: New<ServiceRecord> = {
  name: 'hr',
  label: 'HR',
  description: 'sample',
  isActive: true,
  type: 'sqlite',
  mutable: true,
  deletable: true,
  config: { database: 'hr.sqlite', nested: { list: [1, 'two', null, false] } },
  document: { content: '{"paths":{}}', format: 0 },
};

const script: New<EventScriptRecord> = {
  name: 'hr._table.contact.{id}.get.post_process',
  type: 'nodejs',
  isActive: false,
  content: "event.response.content = 'x';\n",
  config: { timeout_ms: 100 },
  allowEventModification: true,
  storageServiceId: null,
  storagePath: null,
  scmRepository: null,
  scmReference: null,
  runAsRoleId: null,
};

const ada: New<UserRecord> = {
  name: 'Ada Admin',
  username: 'ada',
  firstName: 'Ada',
  lastName: 'Admin',
  email: 'ada@example.com',
  passwordHash: 'hash',
  isActive: true,
  isSysAdmin: true,
  lastLoginDate: null,
  phone: null,
  defaultAppId: null,
  isConfirmed: true,
  securityQuestion: null,
  securityAnswerHash: null,
};
