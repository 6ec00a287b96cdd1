import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { sqlEngineSuite } from '../../suite/suite.ts';
import type { EngineUnderTest } from '../../suite/suite-fixture.ts';
import { typeTable } from '../../suite/type-suite.ts';
import { sqlite } from './index.ts';
import { sqliteTypes } from './type-cases-fixture.ts';

const engine: EngineUnderTest = {
  name: 'SQLite',
  words: {
    id: 'INTEGER PRIMARY KEY AUTOINCREMENT',
    boolean: 'BOOLEAN',
    datetime: 'TIMESTAMP',
    text: 'TEXT',
    double: 'DOUBLE',
  },
  quote: ['"', '"'],
  types: sqliteTypes,
  keepsLongText: true,
  open: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tenon-sqlite-'));
    const file = join(folder, 'data.sqlite');
    const other = new Database(file);
    other.pragma('journal_mode = WAL');
    return {
      execute: async (sql) => void other.exec(sql),
      service: (name, config = {}) =>
        sqlite.create({ id: 8, name, label: name, config: { database: file, ...config } }),
      close: async () => {
        other.close();
        rmSync(folder, { recursive: true });
      },
    };
  },
};

sqlEngineSuite(engine);

test('the reference lists the types that were tried', async () => {
  await expect(typeTable(engine)).toMatchFileSnapshot('../../../../../docs/reference/column-types-sqlite.md');
});
