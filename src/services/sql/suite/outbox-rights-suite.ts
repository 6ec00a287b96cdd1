// What every engine must do where a database keeps no outbox: its user may make no tables, or use none of
// ours, or it was asked not to. Invariant: nobody's write fails for it.
import { describe, expect, test } from 'vitest';
import type { Observation } from '../../../core/observe.ts';
import { TransactionScope } from '../../../core/transaction.ts';
import {
  effectsOf,
  entryOf,
  idsOf,
  Leaving,
  nextId,
  type OutboxWorld,
  outboxTable,
  outboxWorld,
  post,
  waiting,
} from './outbox-fixture.ts';
import { type EngineUnderTest, openSuiteHouse, type SuiteHouse, shared } from './suite-fixture.ts';

/** Defines the tests of databases of an engine that keep nothing. */
export function outboxRightsSuite(engine: EngineUnderTest): void {
  describe('a database that keeps nothing', () => {
    const opened = shared(() => openSuiteHouse(engine, outboxTable));
    intentTests(opened);
    const { limitedUser } = engine;
    if (limitedUser !== undefined) limitedTests(opened, limitedUser);
  });
}

/** What is done in it with anything to set off is noted before, and done. */
async function expectIntent(world: OutboxWorld, first: number): Promise<void> {
  const leaving = new Leaving();
  expect((await post(world, first, { leaving })).status).toBe(200);
  expect([leaving.intended, leaving.keeping]).toEqual([1, undefined]);
  const scope = new TransactionScope();
  const inside = new Leaving();
  expect((await post(world, first + 1, { transaction: scope, leaving: inside })).status).toBe(200);
  expect(await scope.enqueue(entryOf('x'))).toBe(false);
  await scope.commit();
  expect([inside.intended, inside.keeping]).toEqual([1, undefined]);
  const run = new TransactionScope({ effects: effectsOf(nextId()) });
  expect((await post(world, first + 2, { transaction: run })).status).toBe(200);
  expect(await run.enqueue(entryOf('left'))).toBe(true);
  await run.commit();
  expect(run.leftovers.map(({ runs }) => runs[0]?.payload)).toEqual(['left']);
  const key = { id: nextId().padEnd(64, '0'), digest: '' };
  expect((await post(world, first + 3, { idempotency: key })).status).toBe(200);
  const other = new TransactionScope();
  const refused = await post(world, first + 4, { idempotency: key, transaction: other });
  expect([refused.status, refused.body.message]).toEqual([400, expect.stringContaining('keeps no keys')]);
  await other.commit();
  expect(await idsOf(world)).toEqual([0, 1, 2, 3].map((step) => first + step));
}

function intentTests(opened: () => SuiteHouse): void {
  test('because it was asked not to is left alone, but for what lies there', async () => {
    const keeping = outboxWorld(opened().service);
    const asked = outboxWorld(opened().database.service('hr', { events: 'intent' }));
    await expectIntent(asked, 10);
    expect(await waiting(asked)).toEqual([]);
    await expect(opened().database.execute('SELECT id FROM _tenon_outbox')).rejects.toThrow();
    const leaving = new Leaving();
    await post(keeping, 1, { leaving });
    await asked.service.close();
    const later = outboxWorld(opened().database.service('hr', { events: 'intent' }));
    expect(await waiting(later)).toEqual([expect.stringContaining('"id":1')]);
    await later.service.outbox?.remove([leaving.id]);
    expect(await waiting(later)).toEqual([]);
    await later.house.ask('DELETE', 'hr/_table/t?force=true');
    await expectIntent(later, 20);
    await later.house.ask('DELETE', 'hr/_table/t?force=true');
    await later.service.close();
  });

  test('because something else has a name of ours is told of, once', async () => {
    const { database } = opened();
    for (const name of ['_tenon_outbox', '_tenon_applied', '_tenon_idempotency']) {
      await database.execute(`DROP TABLE IF EXISTS ${name}`);
      await database.execute(`CREATE VIEW ${name} AS SELECT 1 AS x`);
    }
    const world = outboxWorld(database.service('hr'));
    const told: Observation[] = [];
    world.service.useOutboxes({ departed: () => undefined, observe: (seen) => void told.push(seen) });
    const warnings = [1, 2].map(async (id) => (await post(world, id, { leaving: new Leaving() })).headers);
    const seen = (await Promise.all(warnings)).flatMap((headers) => headers['X-Tenon-Warning'] ?? []);
    expect(seen).toEqual([expect.stringContaining("service 'hr' can not keep what its writes set off")]);
    expect(told).toMatchObject([{ kind: 'service.failed', service: 'hr' }]);
    expect([await waiting(world), await world.service.outbox?.trim(1)]).toEqual([[], 0]);
    await world.house.ask('DELETE', 'hr/_table/t?force=true');
    await expectIntent(world, 30);
    await world.house.ask('DELETE', 'hr/_table/t?force=true');
    await world.service.close();
    for (const name of ['_tenon_outbox', '_tenon_applied', '_tenon_idempotency']) {
      await database.execute(`DROP VIEW ${name}`);
    }
  });
}

function limitedTests(
  opened: () => SuiteHouse,
  limitedUser: NonNullable<EngineUnderTest['limitedUser']>,
): void {
  const asLimited = async (work: (limited: OutboxWorld) => Promise<void>) => {
    const { database } = opened();
    const username = `limited_${nextId().slice(-6)}_${process.pid}`;
    const user = limitedUser(username);
    await database.execute(user.make);
    const limited = outboxWorld(database.service('hr', { username, password: 'limited' }));
    try {
      await work(limited);
    } finally {
      await limited.house.ask('DELETE', 'hr/_table/t?force=true');
      await limited.service.close();
      await database.execute(user.drop);
    }
  };

  test('because its user may make no tables', async () => {
    await asLimited(async (limited) => {
      expect(await waiting(limited)).toEqual([]);
      await expectIntent(limited, 40);
      expect(await limited.service.outbox?.wasApplied(nextId())).toBe(false);
    });
  });

  test('because its user may make no tables, when it is first needed in a transaction', async () => {
    await asLimited(async (limited) => {
      const scope = new TransactionScope();
      const leaving = new Leaving();
      await post(limited, 50, { transaction: scope, leaving });
      expect((await post(limited, 51, { transaction: scope })).status).toBe(200);
      await scope.commit();
      expect([leaving.intended, await idsOf(limited)]).toEqual([1, [50, 51]]);
    });
  });

  test('because its user may not use those of others', async () => {
    const world = outboxWorld(opened().service);
    await post(world, 1, { leaving: new Leaving() });
    await world.house.ask('DELETE', 'hr/_table/t?force=true');
    await asLimited(async (limited) => {
      const leaving = new Leaving();
      expect((await post(limited, 60, { leaving })).status).toBe(200);
      expect(leaving.intended).toBe(1);
      await limited.house.ask('DELETE', 'hr/_table/t?force=true');
      await expectIntent(limited, 70);
      expect(await waiting(limited)).toEqual([]);
    });
  });
}
