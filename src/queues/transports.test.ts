// All transports: a kind is one more call here.
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { canTest, type ServerKind, type TestDatabase, testDatabase } from '../../test/databases.ts';
import { openSystemStore } from '../store/open.ts';
import { createSqliteStore } from '../store/sqlite.ts';
import { type BrokerCase, brokerCases, type RunningBroker } from './broker-fixture.ts';
import { type TransportCase, transportSuite } from './suite.ts';

type Database = Pick<TransportCase, 'empty' | 'open'>;

// Workers of other processes look by themselves where the engine cannot tell them.
const cases = (database: Database, reachesOthers: boolean): readonly TransportCase[] => [
  { type: 'database', config: {}, keepsRuns: true, hasWorkers: true, reachesOthers, ...database },
  { type: 'sync', config: {}, keepsRuns: true, hasWorkers: false, reachesOthers: false, ...database },
  { type: 'null', config: {}, keepsRuns: false, hasWorkers: false, reachesOthers: false, ...database },
];

describe('on SQLite', () => {
  const folder = mkdtempSync(join(tmpdir(), 'transports-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  let number = 0;
  const database: Database = {
    empty: async () => {
      number += 1;
      copyFileSync(join(folder, 'new.db'), join(folder, `${number}.db`));
    },
    open: () => createSqliteStore({ file: join(folder, `${number}.db`) }),
  };
  beforeAll(async () => (await createSqliteStore({ file: join(folder, 'new.db') })).close());
  for (const kind of cases(database, false)) transportSuite(kind.type, kind);
  for (const broker of brokerCases) onBroker(broker, database);
});

// What a broker does is the same on all engines.
function onBroker({ type, isThere, start, config }: BrokerCase, database: Database): void {
  describe.runIf(isThere)(`with ${type}`, () => {
    let running: RunningBroker;
    let mark = 0;
    beforeAll(async () => {
      running = await start();
    });
    afterAll(() => running.stop());
    transportSuite(type, {
      ...{ type, keepsRuns: true, hasWorkers: true, reachesOthers: true, open: database.open },
      get config() {
        return config(running.port, `t${mark}`);
      },
      empty: async () => {
        mark += 1;
        await database.empty();
      },
    });
  });
}

onServer('postgres', { name: 'PostgreSQL', reachesOthers: true });
onServer('mysql', { name: 'MariaDB', reachesOthers: false });

interface Engine {
  readonly name: string;
  readonly reachesOthers: boolean;
}

const tables = ['queued_run_memo', 'queued_run', 'queue', 'queue_connection'];

function onServer(kind: ServerKind, { name, reachesOthers }: Engine): void {
  describe.runIf(canTest(kind))(`on ${name}`, () => {
    let database: TestDatabase;
    const open = () => {
      const { user, password, host, port, database: own } = database;
      return openSystemStore(`${kind}://${user}:${encodeURIComponent(password)}@${host}:${port}/${own}`);
    };
    beforeAll(async () => {
      database = await testDatabase(kind);
      await (await open()).close();
    }, 60_000);
    afterAll(() => database.drop());
    const empty = () => database.execute(tables.map((table) => `delete from ${table}`).join(';'));
    for (const each of cases({ empty, open }, reachesOthers)) transportSuite(each.type, each);
  });
}
