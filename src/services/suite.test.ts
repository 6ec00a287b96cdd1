import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { sqlite } from './sql/index.ts';
import { serviceTypeSuite } from './suite.ts';

const folder = mkdtempSync(join(tmpdir(), 'tenon-suite-'));

serviceTypeSuite({
  name: 'sqlite',
  create() {
    const path = join(mkdtempSync(join(folder, 'db-')), 'data.sqlite');
    const database = new Database(path);
    database.exec(
      readFileSync(new URL('../../test/golden/transcripts-fixture.sqlite.sql', import.meta.url), 'utf8'),
    );
    database.close();
    const config = { database: path };
    return {
      service: sqlite.create({ id: 1, name: 'Hr', label: 'HR', config }),
      cleanup: () => rmSync(join(path, '..'), { recursive: true }),
    };
  },
  secrets: [folder],
  samples: { id: '1' },
  unknownPaths: [['no_such'], ['_table', 'no_such'], ['_table', 'todo', '1', 'more'], ['_schema', 'no_such']],
});
