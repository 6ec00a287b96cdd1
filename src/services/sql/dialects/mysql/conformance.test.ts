import { expect, test } from 'vitest';
import { canTest, testDatabase } from '../../../../../test/databases.ts';
import { sqlEngineSuite } from '../../suite/suite.ts';
import type { EngineUnderTest } from '../../suite/suite-fixture.ts';
import { typeTable } from '../../suite/type-suite.ts';
import { mariadb } from './index.ts';
import { mysqlTypes } from './type-cases-fixture.ts';

const engine: EngineUnderTest = {
  name: 'MariaDB and MySQL',
  words: {
    id: 'INTEGER AUTO_INCREMENT PRIMARY KEY',
    boolean: 'BOOLEAN',
    datetime: 'DATETIME',
    text: 'TEXT',
    double: 'DOUBLE',
  },
  quote: ['`', '`'],
  types: mysqlTypes,
  limitedUser: (name) => ({
    make: `CREATE USER ${name} IDENTIFIED BY 'limited'; GRANT SELECT, INSERT, UPDATE, DELETE ON t TO ${name}`,
    drop: `DROP USER ${name}`,
  }),
  keepsLongText: false,
  open: async () => {
    const database = await testDatabase('mysql');
    const { host, port, user: username, password } = database;
    // What the suite finds by text must not be found by other letters' marks.
    await database.execute(`ALTER DATABASE ${database.database} COLLATE utf8mb4_uca1400_as_ci`);
    return {
      execute: (sql) => database.execute(sql),
      service: (name, config = {}) =>
        mariadb.create({
          id: 8,
          name,
          label: name,
          config: { host, port, username, password, database: database.database, ...config },
        }),
      close: () => database.drop(),
    };
  },
};

if (canTest('mysql')) sqlEngineSuite(engine);

test('the reference lists the types that were tried', async () => {
  await expect(typeTable(engine)).toMatchFileSnapshot('../../../../../docs/reference/column-types-mysql.md');
});
