// Schedules and their slots on every engine.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, describe } from 'vitest';
import { canTest, type ServerKind, type TestDatabase, testDatabase } from '../../test/databases.ts';
import { openSystemStore } from './open.ts';
import { scheduleSuite } from './schedule-suite.ts';
import { createSqliteStore } from './sqlite.ts';

const tables = ['schedule_run', 'schedule_slot', 'schedule', 'queued_run_memo', 'queued_run', 'queue'];
const emptying = tables.map((table) => `delete from ${table}`).join('; ');

describe('on SQLite', () => {
  const folder = mkdtempSync(join(tmpdir(), 'schedule-'));
  const file = join(folder, 'system.db');
  afterAll(() => rmSync(folder, { recursive: true }));
  scheduleSuite('SQLite', () => ({
    empty: async () => {
      const database = new Sqlite(file);
      database.exec(emptying);
      database.close();
    },
    open: () => createSqliteStore({ file }),
    isAlone: true,
  }));
});

onServer('postgres', 'PostgreSQL');
onServer('mysql', 'MariaDB');

function onServer(kind: ServerKind, name: string): void {
  describe.runIf(canTest(kind))(`on ${name}`, () => {
    let database: TestDatabase;
    const url = () => {
      const { user, password, host, port, database: own } = database;
      const [scheme, secret] = [kind === 'postgres' ? 'postgres' : 'mysql', encodeURIComponent(password)];
      return `${scheme}://${user}:${secret}@${host}:${port}/${own}`;
    };
    beforeAll(async () => {
      database = await testDatabase(kind);
      await (await openSystemStore(url())).close();
    }, 60_000);
    afterAll(() => database.drop());

    scheduleSuite(name, () => ({
      empty: () => database.execute(emptying),
      open: () => openSystemStore(url()),
    }));
  });
}
