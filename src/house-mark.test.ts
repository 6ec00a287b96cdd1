import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { readHouseMark } from './house-mark.ts';
import { createSqliteStore } from './store/sqlite.ts';

it('is one for all servers over a system database, and another for each of these', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mark-'));
  const open = async (name: string) => {
    const store = await createSqliteStore({ file: join(folder, name) });
    onTestFinished(() => store.close());
    return store;
  };
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const servers = [await open('one'), await open('one'), await open('one')];
  const marks = await Promise.all(servers.map((store) => readHouseMark(store)));
  expect(new Set(marks).size).toBe(1);
  expect(marks[0]).toMatch(/^[0-9a-f-]{36}$/);
  expect(await readHouseMark(await open('one'))).toBe(marks[0]);
  expect(await readHouseMark(await open('other'))).not.toBe(marks[0]);
});
