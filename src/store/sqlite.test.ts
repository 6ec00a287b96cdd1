// The system database on SQLite: the conformance suite, and what only a file can show.
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSqliteStore } from './sqlite.ts';
import { storeSuite } from './suite.ts';

storeSuite('SQLite in memory', () => createSqliteStore({ file: ':memory:' }));

describe('store in a SQLite file', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'store-'));
    file = join(folder, 'system.db');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const service = { label: 'x', description: null, isActive: true, type: 'sqlite', mutable: true };
  const record = { ...service, name: 'hr', deletable: true, config: {}, document: null };

  it('is readable by its owner only, with its companions', async () => {
    const store = await createSqliteStore({ file });
    await store.services.create(record, null);
    const modes = readdirSync(folder).map((name) => statSync(join(folder, name)).mode & 0o777);
    expect(modes.length).toBeGreaterThan(1);
    expect(new Set(modes)).toEqual(new Set([0o600]));
    await store.close();
  });

  it('makes a file private that was not', async () => {
    new Sqlite(file).close();
    await (await createSqliteStore({ file })).close();
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('keeps everything over a restart', async () => {
    const first = await createSqliteStore({ file });
    const made = await first.services.create(record, null);
    const generation = await first.generation();
    await first.close();
    const second = await createSqliteStore({ file });
    expect(await second.services.get(made.id)).toEqual(made);
    expect(await second.generation()).toBe(generation);
    expect(await second.services.list()).toHaveLength(2);
    await second.close();
  });

  it('shows changes of one process to another', async () => {
    const first = await createSqliteStore({ file });
    const second = await createSqliteStore({ file });
    await first.services.create(record, null);
    expect(await second.generation()).toBe(1);
    await second.services.create({ ...record, name: 'crm' }, null);
    expect(await first.services.list()).toHaveLength(3);
    await first.close();
    await second.close();
  });

  it('refuses a database that a newer version changed', async () => {
    await (await createSqliteStore({ file })).close();
    const database = new Sqlite(file);
    database.exec("insert into kysely_migration values ('2999-01-01-future', '2999-01-01')");
    database.close();
    await expect(createSqliteStore({ file })).rejects.toMatchObject({
      kind: 'config.invalid',
      message: expect.stringContaining('2999-01-01-future'),
    });
  });

  it('leaves nothing of a migration that fails', async () => {
    const database = new Sqlite(file);
    database.exec('create table session (id integer)');
    database.close();
    await expect(createSqliteStore({ file })).rejects.toMatchObject({ kind: 'config.invalid' });
    const after = new Sqlite(file);
    const tables = after.prepare("select name from sqlite_master where type = 'table'").pluck().all();
    after.close();
    expect(tables).not.toContain('service');
  });
});
