import { describe } from 'vitest';
import { canTest, testDatabase } from '../../../../../test/databases.ts';
import { openSchemaHouse } from '../../schema-fixture.ts';
import { schemaSuite } from '../../schema-suite.ts';
import type { SqlService } from '../../service.ts';
import { postgres } from './index.ts';

async function open() {
  const own = await testDatabase('postgres');
  const { host, port, user: username, password, database } = own;
  const config = { host, port, username, password, database };
  const house = await openSchemaHouse(
    ({ id, name }) => postgres.create({ id, name, label: name, config }) as SqlService,
  );
  const close = async () => {
    await house.close();
    await own.drop();
  };
  return { ...house, close };
}

describe.runIf(canTest('postgres'))('live', () => schemaSuite('PostgreSQL', open));
