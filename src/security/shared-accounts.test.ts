// Codes count once also where several servers share the system database, each with a connection of its own.
import { randomBytes } from 'node:crypto';
import { generate } from 'otplib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canTest, type TestDatabase, testDatabase } from '../../test/databases.ts';
import type { Store } from '../core/store.ts';
import { newAccount } from '../services/system/account.ts';
import { openSystemStore } from '../store/open.ts';
import { issueCode, redeemCode } from './codes.ts';
import { acceptFactorCode, activateFactor, startFactor } from './factors.ts';
import { MasterKey } from './master-key.ts';
import { Secrets } from './secrets.ts';

const key = new MasterKey(randomBytes(32));
const secrets = new Secrets({ keys: { current: () => key, find: () => key } });
const user = { id: 1, email: 'uma@example.com' };
const kinds = [
  ['PostgreSQL', 'postgres'],
  ['MariaDB', 'mysql'],
] as const;

for (const [name, kind] of kinds) {
  describe.runIf(canTest(kind))(`on ${name}`, () => {
    let database: TestDatabase;
    let stores: readonly [Store, Store];

    beforeAll(async () => {
      database = await testDatabase(kind);
      const { user: owner, password, host, port, database: place } = database;
      const login = `${owner}:${encodeURIComponent(password)}`;
      const open = () => openSystemStore(`${kind}://${login}@${host}:${port}/${place}`);
      const first = await open();
      stores = [first, await open()];
      user.id = (await first.users.create(newAccount({ email: user.email }), null)).id;
    }, 60_000);
    afterAll(async () => {
      for (const store of stores) await store.close();
      await database.drop();
    });

    /** How many of sixteen tries at the same time, by two servers, succeed. */
    const succeed = async (attempt: (store: Store) => Promise<unknown>) => {
      const tries = Array.from({ length: 16 }, (_, i) => attempt(stores[i % 2 === 0 ? 0 : 1]));
      return (await Promise.all(tries)).filter((outcome) => outcome !== undefined && outcome !== false)
        .length;
    };

    it('a second factor comes into force once, and its codes count once', async () => {
      const { secret } = await startFactor({ store: stores[0], secrets }, user);
      const epoch = Math.floor(Date.now() / 1000);
      const codes: string[] = [];
      const before = await generate({ secret, epoch: epoch - 30 });
      const activated = await succeed(async (store) => {
        const made = await activateFactor({ store, secrets }, user.id, before);
        codes.push(...(made ?? []));
        return made;
      });
      expect(activated).toBe(1);
      for (const code of [await generate({ secret, epoch }), codes[0] ?? '', codes[1] ?? '']) {
        expect(await succeed((store) => acceptFactorCode({ store, secrets }, user.id, code))).toBe(1);
      }
      expect((await stores[1].userFactors.list())[0]?.recoveryHashes).toHaveLength(codes.length - 2);
    });

    it('a mailed code is taken once', async () => {
      const code = await issueCode(stores[0], { userId: user.id, purpose: 'reset', minutes: 5 });
      const redeem = (store: Store) => store.transaction((inside) => redeemCode(inside, user.id, code));
      expect(await succeed(redeem)).toBe(1);
    });
  });
}
