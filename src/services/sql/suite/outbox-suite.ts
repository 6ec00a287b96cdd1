// What every engine must do with what its writes set off: an entry is there if and only if they were
// committed.
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
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
import { outboxOrderSuite } from './outbox-order-suite.ts';
import { outboxRightsSuite } from './outbox-rights-suite.ts';
import { type EngineUnderTest, openSuiteHouse, type SuiteHouse, shared } from './suite-fixture.ts';

async function emptied(world: OutboxWorld): Promise<OutboxWorld> {
  const due = (await world.service.outbox?.due(500)) ?? [];
  await world.service.outbox?.remove(due.map(({ id }) => id));
  await world.house.ask('DELETE', 'hr/_table/t?force=true');
  return world;
}

/** Defines the tests of outboxes of an engine. */
export function outboxSuite(engine: EngineUnderTest): void {
  describe('what writes set off', () => {
    makingSuite(engine);
    outboxRightsSuite(engine);
    outboxOrderSuite(engine);
    const opened = shared(() => openSuiteHouse(engine, outboxTable));
    const world = () => emptied(outboxWorld(opened().service));
    aloneTests(world);
    insideTests(world);
    clockTests(world);
    effectTests(world);
    takeoverTests(world);
    keyTests(world);
  });
}

function makingSuite(engine: EngineUnderTest): void {
  describe('the tables', () => {
    const opened = shared(() => openSuiteHouse(engine, outboxTable));

    test('are made by the first write that needs them, by no look, and told of', async () => {
      const world = outboxWorld(opened().service);
      expect(await waiting(world)).toEqual([]);
      await world.service.outbox?.remove([nextId()]).catch(() => undefined);
      expect((await post(world, 1)).headers).toEqual({});
      expect(await waiting(world)).toEqual([]);
      await expect(opened().database.execute('SELECT id FROM _tenon_outbox')).rejects.toThrow();
      const leaving = new Leaving();
      const first = await post(world, 2, { leaving });
      expect([first.status, first.headers['X-Tenon-Warning']]).toEqual([
        200,
        expect.stringContaining(
          "_tenon_outbox, _tenon_applied, _tenon_idempotency in the database of service 'hr'",
        ),
      ]);
      expect((await post(world, 3, { leaving: new Leaving() })).headers).toEqual({});
      await opened().database.execute('SELECT id FROM _tenon_outbox');
    });

    test('are hidden', async () => {
      const { house } = outboxWorld(opened().service);
      const paths = ['_table', '_schema', ''].map((path) => house.ask('GET', `hr/${path}?refresh=true`));
      for (const { body } of await Promise.all(paths)) expect(JSON.stringify(body)).not.toMatch(/_tenon_/i);
      for (const name of ['_tenon_outbox', '_tenon_applied', '_TENON_idempotency']) {
        for (const root of ['_table', '_schema']) {
          expect((await opened().ask('GET', `${root}/${name}`)).status, `${root}/${name}`).toBe(404);
        }
        expect((await opened().ask('DELETE', `_schema/${name}`)).status).toBe(404);
        const made = await opened().ask('POST', '_schema', {
          body: { resource: [{ name, field: [{ name: 'id', type: 'id' }] }] },
        });
        expect(made.status).toBe(400);
      }
      const described = JSON.stringify(await opened().service.describe());
      expect(described).not.toMatch(/_tenon_/i);
    });

    remakingTests(engine, opened);
  });
}

function remakingTests(engine: EngineUnderTest, opened: () => SuiteHouse): void {
  test('are made once by many who come at the same time', async () => {
    const fresh = await openSuiteHouse(engine, outboxTable);
    const others = Array.from({ length: 4 }, () => outboxWorld(fresh.database.service('hr')));
    try {
      const answers = await Promise.all(
        others.map((world, index) => post(world, index, { leaving: new Leaving() })),
      );
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
      const due = await Promise.all(others.map(({ service }) => service.outbox?.due(10)));
      expect(due.map((entries) => entries?.length)).toEqual([4, 4, 4, 4]);
    } finally {
      await Promise.all(others.map(({ service }) => service.close()));
      await fresh.close();
    }
  });

  test('that went away meanwhile are made again', async () => {
    const world = outboxWorld(opened().service);
    await opened().database.execute('DROP TABLE _tenon_outbox');
    expect(await waiting(world)).toEqual([]);
    const leaving = new Leaving();
    expect((await post(world, 20, { leaving })).status).toBe(200);
    expect([leaving.intended, (await waiting(world)).length]).toEqual([0, 1]);
  });

  test('hold nobody up who has the last connection', async () => {
    const fresh = await openSuiteHouse(engine, outboxTable, { max_connections: 1 });
    const world = outboxWorld(fresh.service);
    try {
      const scope = new TransactionScope();
      const leaving = new Leaving();
      expect((await post(world, 1, { transaction: scope, leaving })).status).toBe(200);
      await scope.commit();
      // Where it takes another connection to make them this write was noted, and the next one is kept.
      expect((await post(world, 2, { leaving: new Leaving() })).status).toBe(200);
      expect((await waiting(world)).length + leaving.intended).toBe(2);
      expect(leaving.keeping === undefined).toBe(leaving.intended === 1);
    } finally {
      await fresh.close();
    }
  });

  test('are made in a transaction that is open', async () => {
    const fresh = await openSuiteHouse(engine, outboxTable);
    const world = outboxWorld(fresh.service);
    try {
      const scope = new TransactionScope();
      const leaving = new Leaving();
      expect((await post(world, 1, { transaction: scope, leaving })).status).toBe(200);
      expect(leaving.keeping?.update).toBeDefined();
      await scope.commit();
      world.service.outbox?.departed();
      expect((await waiting(world)).length).toBe(1);
    } finally {
      await fresh.close();
    }
  });
}

type Opened = () => Promise<OutboxWorld>;

function aloneTests(opened: Opened): void {
  test('is there when a write was committed, with its own answer', async () => {
    const world = await opened();
    const leaving = new Leaving();
    const answer = await post(world, 1, { leaving });
    expect(answer.body).toEqual({ resource: [{ id: 1 }] });
    expect(await waiting(world)).toEqual(['{"resource":[{"id":1}]}']);
    expect(leaving.keeping).toEqual({ outbox: world.service.outbox });
    await leaving.keeping?.outbox.remove([leaving.id]);
    expect([await waiting(world), leaving.intended]).toEqual([[], 0]);
  });

  test('is not there when it was refused', async () => {
    const world = await opened();
    await post(world, 1);
    const leaving = new Leaving();
    expect((await post(world, 1, { leaving })).status).toBe(400);
    expect([await waiting(world), leaving.keeping, leaving.intended]).toEqual([[], undefined, 0]);
  });

  test('is there when a batch failed in part, with the answer that tells so', async () => {
    const world = await opened();
    const leaving = new Leaving();
    const body = { resource: [{ id: 1 }, { id: 1 }, { id: 2 }] };
    const answer = await world.house.ask('POST', 'hr/_table/t?continue=true', { body, leaving });
    expect([answer.status, await idsOf(world)]).toEqual([400, [1, 2]]);
    expect(await waiting(world)).toEqual([expect.stringContaining('"error":[1]')]);
    expect(leaving.keeping?.update).toBeUndefined();
    const undone = new Leaving();
    await world.house.ask('POST', 'hr/_table/t?rollback=true', { body, leaving: undone });
    expect([undone.keeping === undefined, (await waiting(world)).length]).toEqual([true, 1]);
  });

  test("is there for every kind of write, and what reads leave is nobody's matter", async () => {
    const world = await opened();
    const writes = [
      ['POST', 'hr/_table/t', { resource: [{ id: 1 }, { id: 2 }] }],
      ['PATCH', 'hr/_table/t/1', { name: 'é 😀 \u0000'.replace('\u0000', '') }],
      ['PUT', 'hr/_table/t?filter=id%3E0', { resource: [{ name: 'n' }] }],
      ['DELETE', 'hr/_table/t/2', undefined],
      ['DELETE', 'hr/_table/t?force=true', undefined],
      ['GET', 'hr/_table/t', undefined],
    ] as const;
    for (const [action, path, body] of writes) {
      const leaving = new Leaving();
      const call = body === undefined ? { leaving } : { leaving, body };
      const { status } = await world.house.ask(action, path, call);
      expect([path, status, leaving.answers.length]).toEqual([path, 200, action === 'GET' ? 0 : 1]);
    }
    expect((await waiting(world)).length).toBe(5);
  });

  test('keeps texts of all signs, and long ones', async () => {
    const world = await opened();
    const payload = `é 😀 \\ ' " \u2028 ${'x'.repeat(200_000)}`;
    const scope = new TransactionScope();
    await post(world, 1, { transaction: scope });
    expect(await scope.enqueue(entryOf(payload))).toBe(true);
    await scope.commit();
    expect(await waiting(world)).toEqual([payload]);
  });
}

function insideTests(opened: Opened): void {
  test('goes with its transaction, and may be changed until that ends', async () => {
    const world = await opened();
    for (const isKept of [true, false]) {
      const scope = new TransactionScope();
      const leaving = new Leaving(60_000);
      await post(world, isKept ? 1 : 2, { transaction: scope, leaving });
      await leaving.keeping?.update?.({ ...entryOf('final'), id: leaving.id });
      expect(await waiting(world)).toEqual(isKept ? [] : ['final']);
      await (isKept ? scope.commit() : scope.rollback());
      expect(await waiting(world)).toEqual(['final']);
    }
    expect(await idsOf(world)).toEqual([1]);
  });

  test('goes with its level', async () => {
    const world = await opened();
    const scope = new TransactionScope();
    await post(world, 1, { transaction: scope, leaving: new Leaving() });
    const level = await scope.open();
    await post(world, 2, { transaction: level, leaving: new Leaving() });
    expect(await level.enqueue(entryOf('undone'))).toBe(true);
    await level.rollback();
    const other = await scope.open();
    await post(world, 3, { transaction: other });
    expect(await other.enqueue(entryOf('kept'))).toBe(true);
    await other.commit();
    await scope.commit();
    expect(await idsOf(world)).toEqual([1, 3]);
    expect(await waiting(world)).toEqual([expect.stringContaining('"id":1'), 'kept']);
  });

  test('is told to the house when the outermost is committed, and only then', async () => {
    const world = await opened();
    const told: string[] = [];
    world.service.useOutboxes({ departed: (service) => void told.push(service) });
    await post(world, 1, { leaving: new Leaving() });
    const scope = new TransactionScope();
    await post(world, 2, { transaction: scope });
    const level = await scope.open();
    await level.enqueue(entryOf('x'));
    await level.commit();
    expect(told).toEqual([]);
    await scope.commit();
    expect(told).toEqual(['hr']);
    const quiet = new TransactionScope();
    await post(world, 3, { transaction: quiet });
    await quiet.commit();
    const undone = new TransactionScope();
    await post(world, 4, { transaction: undone, leaving: new Leaving() });
    await undone.rollback();
    expect(told).toEqual(['hr']);
  });
}

function clockTests(opened: Opened): void {
  test('is due by the clock of the database, the oldest first', async () => {
    const world = await opened();
    const scope = new TransactionScope();
    await post(world, 1, { transaction: scope });
    for (const [payload, ms] of [
      ['later', 1_500],
      ['one', 0],
      ['never', 600_000],
      ['two', 0],
    ] as const) {
      await scope.enqueue(entryOf(payload, ms));
    }
    await scope.commit();
    expect(await waiting(world)).toEqual(['one', 'two']);
    expect((await world.service.outbox?.due(1))?.length).toBe(1);
    while ((await waiting(world)).length < 3) await pause(50);
    expect(await waiting(world)).toEqual(['later', 'one', 'two']);
    const due = (await world.service.outbox?.due(10)) ?? [];
    await world.service.outbox?.remove(due.map(({ id }) => id));
    expect(await waiting(world)).toEqual([]);
  });

  test('notes of runs are dropped when they are old enough, and not before', async () => {
    const world = await opened();
    const runId = nextId();
    const scope = new TransactionScope({ effects: effectsOf(runId) });
    await post(world, 1, { transaction: scope });
    await scope.commit();
    expect(await world.service.outbox?.trim(600_000)).toBe(0);
    expect(await world.service.outbox?.wasApplied(runId)).toBe(true);
    await pause(20);
    let dropped = 0;
    for (let part = 1; part > 0; dropped += part) part = (await world.service.outbox?.trim(1)) ?? 0;
    expect(dropped).toBeGreaterThan(0);
    expect(await world.service.outbox?.wasApplied(runId)).toBe(false);
  });
}

function effectTests(opened: Opened): void {
  test('effects of a run are committed once, whoever comes second', async () => {
    const world = await opened();
    const runId = nextId();
    const scopes = [1, 2].map((fence) => new TransactionScope({ effects: effectsOf(runId, { fence }) }));
    const [first, second] = scopes;
    await post(world, 1, { transaction: first });
    await first?.commit();
    await post(world, 2, { transaction: second });
    await second?.enqueue(entryOf('of the second'));
    await expect(second?.commit()).rejects.toMatchObject({ kind: 'queue.applied' });
    expect([first?.wasApplied, second?.wasApplied]).toEqual([false, true]);
    expect([await idsOf(world), await waiting(world)]).toEqual([[1], []]);
  });

  test('of two that race for a run exactly one is committed', async () => {
    const world = await opened();
    for (let round = 0; round < 3; round++) {
      const runId = nextId();
      const outcomes = await Promise.allSettled(
        [1, 2].map(async (fence) => {
          const scope = new TransactionScope({ effects: effectsOf(runId, { fence }) });
          const { status } = await post(world, round * 10 + fence, { transaction: scope });
          if (status !== 200) throw new Error(`answered ${status}`);
          await scope.enqueue(entryOf(`round ${round}`));
          await scope.commit();
        }),
      );
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect((await idsOf(world)).filter((id) => id >= round * 10)).toHaveLength(1);
    }
    expect(await waiting(world)).toEqual(['round 0', 'round 1', 'round 2']);
  });
}

function takeoverTests(opened: Opened): void {
  test('who takes a run over that was applied hears of it at its first write', async () => {
    const world = await opened();
    const runId = nextId();
    const first = new TransactionScope({ effects: effectsOf(runId) });
    await post(world, 1, { transaction: first });
    await first.commit();
    const second = new TransactionScope({ effects: effectsOf(runId, { fence: 2, isTakeover: true }) });
    expect((await world.house.ask('GET', 'hr/_table/t', { transaction: second })).status).toBe(200);
    const refused = await post(world, 2, { transaction: second });
    expect([refused.status, refused.body.kind, second.wasApplied]).toEqual([409, 'queue.applied', true]);
    expect((await post(world, 3, { transaction: second })).status).toBe(409);
    await expect(second.commit()).rejects.toMatchObject({ kind: 'queue.applied' });
    expect(await idsOf(world)).toEqual([1]);
    const other = new TransactionScope({ effects: effectsOf(nextId(), { fence: 2, isTakeover: true }) });
    await post(world, 4, { transaction: other });
    await other.commit();
    expect(await idsOf(world)).toEqual([1, 4]);
  });

  test('a run that somebody else holds by now writes nothing', async () => {
    const world = await opened();
    const effects = effectsOf(nextId(), { begin: async () => false });
    const scope = new TransactionScope({ effects });
    expect((await post(world, 1, { transaction: scope })).body.kind).toBe('queue.lost');
    expect((await post(world, 2, { transaction: scope })).body.kind).toBe('queue.lost');
    await expect(scope.commit()).rejects.toMatchObject({ kind: 'queue.lost' });
    expect([await idsOf(world), scope.wasApplied]).toEqual([[], false]);
  });

  test('what a script keeps together inside a run is undone alone, and kept with the run', async () => {
    const world = await opened();
    const runId = nextId();
    const scope = new TransactionScope({ effects: effectsOf(runId) });
    const one = await scope.begin('hr');
    await post(world, 1, { transaction: one });
    await one.enqueue(entryOf('undone'));
    await one.rollback();
    const two = await scope.begin();
    expect((await world.house.ask('GET', 'hr/_table/t', { transaction: two })).body.resource).toEqual([]);
    await post(world, 2, { transaction: two, leaving: new Leaving() });
    await two.commit();
    await post(world, 3, { transaction: scope });
    await scope.commit();
    expect(await idsOf(world)).toEqual([2, 3]);
    expect(await waiting(world)).toEqual([expect.stringContaining('"id":2')]);
    expect(await world.service.outbox?.wasApplied(runId)).toBe(true);
  });
}

function keyTests(opened: Opened): void {
  const key = (id: string, digest = 'd'.repeat(64)) => ({ id: id.padEnd(64, '0'), digest });

  test('a write with a key is done once, and its answer given again', async () => {
    const world = await opened();
    const idempotency = key(nextId());
    const first = new Leaving();
    const second = new Leaving();
    const answers = [
      await post(world, 1, { idempotency, leaving: first }),
      await post(world, 1, { idempotency, leaving: second }),
    ];
    expect(answers.map(({ status, body }) => [status, body])).toEqual([
      [200, { resource: [{ id: 1 }] }],
      [200, { resource: [{ id: 1 }] }],
    ]);
    expect(answers.map(({ headers }) => headers['Idempotency-Replayed'])).toEqual([undefined, 'true']);
    expect((await waiting(world)).length).toBe(1);
    // What it set off was kept when it was done: now there is nothing to hand on.
    await second.keeping?.update?.(entryOf('again'));
    expect((await waiting(world)).length).toBe(1);
  });

  test('a key that stands for something else is refused, and one whose write failed is free', async () => {
    const world = await opened();
    const id = nextId();
    expect((await post(world, 1, { idempotency: key(id) })).status).toBe(200);
    const reused = await post(world, 2, { idempotency: key(id, 'e'.repeat(64)) });
    expect(reused.body.kind).toBe('request.key_reused');
    const other = key(nextId());
    expect((await post(world, 1, { idempotency: other })).status).toBe(400);
    expect((await post(world, 3, { idempotency: other })).status).toBe(200);
    expect(await idsOf(world)).toEqual([1, 3]);
  });

  test('of many with the same key at the same time one writes', async () => {
    const world = await opened();
    const idempotency = key(nextId());
    const answers = await Promise.all([1, 2, 3, 4].map((id) => post(world, id, { idempotency })));
    const ids = await idsOf(world);
    expect(ids).toHaveLength(1);
    for (const { status, body } of answers) {
      expect([status, body]).toEqual([200, { resource: [{ id: ids[0] }] }]);
    }
  });

  test('a key is undone with its transaction', async () => {
    const world = await opened();
    const idempotency = key(nextId());
    const undone = new TransactionScope();
    await post(world, 1, { idempotency, transaction: undone });
    await undone.rollback();
    const kept = new TransactionScope();
    expect((await post(world, 1, { idempotency, transaction: kept })).headers).toEqual({});
    const again = await post(world, 2, { idempotency, transaction: kept });
    expect(again.body).toEqual({ resource: [{ id: 1 }] });
    await kept.commit();
    expect(await idsOf(world)).toEqual([1]);
  });
}
