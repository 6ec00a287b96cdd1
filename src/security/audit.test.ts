import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../core/store.ts';
import { createSqliteStore } from '../store/sqlite.ts';
import { AuditLog, type AuditNote } from './audit.ts';
import { MasterKey } from './master-key.ts';

let store: Store;
let audit: AuditLog;
const key = new MasterKey(randomBytes(32));

beforeEach(async () => {
  store = await createSqliteStore({ file: ':memory:' });
  audit = new AuditLog({ store, key });
});
afterEach(() => store.close());

const note = (record: string, over: Partial<AuditNote> = {}): AuditNote => ({
  ...{ action: 'update', record, userId: 1, userEmail: 'ada@example.com', remoteAddress: null },
  ...{ before: { name: 'a' }, after: { name: 'b' } },
  ...over,
});

describe('the audit log', () => {
  it('lists the newest first, narrowed and by portions', async () => {
    for (const record of ['role/1', 'role/2', 'app/1']) await audit.add(note(record));
    await audit.add(note('role/1', { action: 'delete', userId: 2 }));
    const all = await store.audit.list({ limit: 10 });
    expect(all.map(({ record }) => record)).toEqual(['role/1', 'app/1', 'role/2', 'role/1']);
    expect(all[3]).toMatchObject({ ...note('role/1'), id: 1, previousHash: '0'.repeat(64) });
    expect(await store.audit.list({ limit: 10, record: 'role/1' })).toHaveLength(2);
    expect(await store.audit.list({ limit: 10, action: 'delete' })).toHaveLength(1);
    expect(await store.audit.list({ limit: 10, userId: 2 })).toHaveLength(1);
    expect((await store.audit.list({ limit: 2, before: 4 })).map(({ id }) => id)).toEqual([3, 2]);
  });

  it('keeps an entry only with the change that it is about', async () => {
    const failing = store.transaction(async (inside) => {
      await audit.add(note('role/1'), inside);
      throw new Error('undone');
    });
    await expect(failing).rejects.toThrow('undone');
    await audit.add(note('role/2'));
    expect(await audit.verify()).toEqual({ entries: 1, brokenAt: null });
  });

  it('chains what comes at the same time', async () => {
    await Promise.all(Array.from({ length: 20 }, (_, index) => audit.add(note(`role/${index}`))));
    expect(await audit.verify()).toEqual({ entries: 20, brokenAt: null });
  });

  it('cannot be followed with another key', async () => {
    await audit.add(note('role/1'));
    const other = new AuditLog({ store, key: new MasterKey(randomBytes(32)) });
    expect(await other.verify()).toEqual({ entries: 0, brokenAt: 1 });
  });
});
