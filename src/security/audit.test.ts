import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import type { Store } from '../core/store.ts';
import { createSqliteStore } from '../store/sqlite.ts';
import { AuditLog, type AuditNote } from './audit.ts';
import { MasterKey } from './master-key.ts';
import { Secrets } from './secrets.ts';

let folder: string;
let file: string;
let store: Store;
let audit: AuditLog;
const secrets = new Secrets({ key: new MasterKey(randomBytes(32)) });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'audit-'));
  file = join(folder, 'system.sqlite');
  store = await createSqliteStore({ file });
  audit = new AuditLog({ store, secrets });
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

const note = (record: string, over: Partial<AuditNote> = {}): AuditNote => ({
  ...{ action: 'update', record, userId: 1, userEmail: 'ada@example.com', remoteAddress: null },
  ...{ door: 'http', before: { name: 'a' }, after: { name: 'b' } },
  ...over,
});

/** What somebody does who can write to the database. */
function tamper(sql: string): void {
  const database = new Database(file);
  database.exec(sql);
  database.close();
}

describe('the audit log', () => {
  it('lists the newest first, narrowed and by portions', async () => {
    for (const record of ['role/1', 'role/2', 'app/1']) await audit.add(note(record));
    await audit.add(note('role/1', { action: 'delete', userId: 2 }));
    const all = await store.audit.list({ limit: 10 });
    expect(all.map(({ record }) => record)).toEqual(['role/1', 'app/1', 'role/2', 'role/1']);
    expect(all[3]).toMatchObject({ ...note('role/1'), id: 1, previousHash: '0'.repeat(64), keyNumber: 0 });
    const where = { kind: 'compare', field: 'userId', op: '=', value: 2 } as const;
    expect(await store.audit.list({ limit: 10, where })).toHaveLength(1);
    expect(await store.audit.count(where)).toBe(1);
    expect(await store.audit.count()).toBe(4);
    expect((await store.audit.list({ limit: 2, before: 4 })).map(({ id }) => id)).toEqual([3, 2]);
    expect((await store.audit.list({ limit: 2, skip: 1 })).map(({ id }) => id)).toEqual([3, 2]);
    expect(await store.audit.get(2)).toMatchObject({ id: 2, record: 'role/2' });
    expect(await store.audit.get(9)).toBeUndefined();
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

  it('chains what comes at the same time, and can be followed meanwhile', async () => {
    const adding = Array.from({ length: 20 }, (_, index) => audit.add(note(`role/${index}`)));
    const meanwhile = await audit.verify();
    expect(meanwhile.brokenAt).toBeNull();
    await Promise.all(adding);
    expect(await audit.verify()).toEqual({ entries: 20, brokenAt: null });
  });

  it('is whole when nothing was ever added', async () => {
    expect(await audit.verify()).toEqual({ entries: 0, brokenAt: null });
  });

  it('goes on with a new key where its keys cannot be opened, and tells that it broke', async () => {
    await audit.add(note('role/1'));
    const stranger = new Secrets({ key: new MasterKey(randomBytes(32)) });
    const other = new AuditLog({ store, secrets: stranger });
    expect(await other.verify()).toEqual({ entries: 0, brokenAt: 1 });
    await other.add(note('role/2'));
    expect(await other.verify()).toEqual({ entries: 0, brokenAt: 1 });
    expect(await audit.verify()).toEqual({ entries: 0, brokenAt: 1 });
  });
});

describe('a new key of the log', () => {
  it('leaves what is older true', async () => {
    await audit.add(note('role/1'));
    await store.transaction((inside) => audit.rotate(note('master key', { action: 'rotate' }), inside));
    await audit.add(note('role/2'));
    const [last, rotation, first] = await store.audit.list({ limit: 3 });
    expect([first?.keyNumber, rotation?.keyNumber, last?.keyNumber]).toEqual([0, 1, 1]);
    expect(await audit.verify()).toEqual({ entries: 3, brokenAt: null });
  });

  it('is not followed by an older one', async () => {
    await audit.add(note('role/1'));
    const { keys } = await store.audit.head();
    await store.transaction((inside) => audit.rotate(note('master key'), inside));
    await store.audit.reseal(keys ?? '');
    await audit.add(note('role/2'));
    expect((await audit.verify()).brokenAt).not.toBeNull();
  });
});

describe('whoever writes to the database', () => {
  beforeEach(async () => {
    for (let id = 1; id <= 5; id++) await audit.add(note(`role/${id}`));
  });

  const lastFour = `(SELECT hash FROM audit WHERE id = 4)`;
  test.each([
    ['edits an entry', `UPDATE audit SET content = replace(content, 'ada@', 'eve@') WHERE id = 3`, 3],
    ['edits what it is found by', `UPDATE audit SET user_id = 9 WHERE id = 2`, 2],
    ['edits a date column', `UPDATE audit SET date = '2020-01-01T00:00:00.000Z' WHERE id = 2`, 2],
    ['leaves no JSON', `UPDATE audit SET content = 'x' WHERE id = 4`, 4],
    ['takes out the first', `DELETE FROM audit WHERE id = 1`, 2],
    ['takes one out of the middle', `DELETE FROM audit WHERE id = 3`, 4],
    ['cuts the end off', `DELETE FROM audit WHERE id > 3`, 4],
    [
      'cuts the end off, and corrects the head',
      `UPDATE audit_head SET entries = 4, hash = ${lastFour}; DELETE FROM audit WHERE id = 5`,
      5,
    ],
    ['empties it', `DELETE FROM audit`, 1],
    ['empties it with the head', `DELETE FROM audit; UPDATE audit_head SET entries = 0, hash = ''`, 1],
    [
      'exchanges two',
      `UPDATE audit SET id = 99 WHERE id = 2; UPDATE audit SET id = 2 WHERE id = 3;
       UPDATE audit SET id = 3 WHERE id = 99`,
      2,
    ],
    ['moves one to the end', `UPDATE audit SET id = 99 WHERE id = 2`, 3],
    [
      'adds one',
      `INSERT INTO audit (date, action, record, user_id, content, previous_hash, hash, key_number)
       SELECT date, action, record, user_id, content, hash, hash, 0 FROM audit WHERE id = 5`,
      6,
    ],
    ['says another key', `UPDATE audit SET key_number = 1 WHERE id = 3`, 3],
    ['takes the keys away', `UPDATE audit_head SET sealed_keys = NULL`, 1],
    ['takes the end mark away', `UPDATE audit_head SET mac = NULL`, 6],
  ])('and %s is found out', async (_what, sql, brokenAt) => {
    expect(await audit.verify()).toEqual({ entries: 5, brokenAt: null });
    tamper(sql);
    expect((await audit.verify()).brokenAt).toBe(brokenAt);
    // Going on does not heal it.
    await audit.add(note('role/6'));
    expect((await audit.verify()).brokenAt).not.toBeNull();
  });
});
