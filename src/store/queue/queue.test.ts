// The run store on every engine.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { canTest, type ServerKind, type TestDatabase, testDatabase } from '../../../test/databases.ts';
import { openSystemStore } from '../open.ts';
import { createSqliteStore } from '../sqlite.ts';
import { queueSuite } from './suite.ts';

describe('on SQLite', () => {
  const folder = mkdtempSync(join(tmpdir(), 'queue-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  let number = 0;
  queueSuite('SQLite', () => ({
    empty: async () => void number++,
    open: () => createSqliteStore({ file: join(folder, `${number}.db`) }),
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

    // Positions go on where they were: nothing here counts on where they begin.
    queueSuite(name, () => ({
      empty: () => database.execute('delete from queued_run_memo; delete from queued_run; delete from queue'),
      open: () => openSystemStore(url()),
    }));
  });
}
