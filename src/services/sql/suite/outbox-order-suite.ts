// What every engine must keep of what is done at the same time, and in whatever order: against a model of
// what is committed.
import { describe, expect, test } from 'vitest';
import { fc } from '../../../../test/properties.ts';
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
import { type EngineUnderTest, openSuiteHouse, shared } from './suite-fixture.ts';

type Move = 'write' | 'depart' | 'enqueue' | 'read' | 'open' | 'commit' | 'rollback';

/** What was done in a level, in the words of `waiting`. */
interface Level {
  readonly scope: TransactionScope;
  ids: readonly number[];
  entries: readonly string[];
}

/** Defines the tests of what an engine keeps in which order. */
export function outboxOrderSuite(engine: EngineUnderTest): void {
  describe('whatever is done in which order', () => {
    const opened = shared(() => openSuiteHouse(engine, outboxTable));
    const world = () => outboxWorld(opened().service);
    modelTest(world);
    crowdTests(world);
  });
}

function modelTest(world: () => OutboxWorld): void {
  test('rows and runs are kept as a model of lists says, in transactions and in runs', async () => {
    const move = fc.constantFrom<Move>('write', 'depart', 'enqueue', 'read', 'open', 'commit', 'rollback');
    const moves = fc.array(move, { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(moves, fc.boolean(), fc.boolean(), async (sequence, isRun, isKept) => {
        const within = world();
        await emptied(within);
        const runId = nextId();
        const scope = new TransactionScope(isRun ? { effects: effectsOf(runId) } : {});
        // One that nothing was begun for keeps nothing.
        if (!isRun) await post(within, 0, { transaction: scope });
        const root: Level = { scope, ids: isRun ? [] : [0], entries: [] };
        const { hasBegun } = await played(within, root, sequence);
        await (isKept ? scope.commit() : scope.rollback());
        const left = scope.leftovers.map(({ runs }) => runs[0]?.payload);
        expect(await idsOf(within)).toEqual(isKept ? root.ids : []);
        const entries = [...(await waiting(within)), ...left].sort();
        expect(entries).toEqual(isKept ? root.entries.toSorted() : []);
        if (isRun) expect(await within.service.outbox?.wasApplied(runId)).toBe(isKept && hasBegun);
      }),
      { numRuns: 25 },
    );
  });
}

async function emptied(world: OutboxWorld): Promise<void> {
  const due = (await world.service.outbox?.due(500)) ?? [];
  await world.service.outbox?.remove(due.map(({ id }) => id));
  await world.house.ask('DELETE', 'hr/_table/t?force=true');
}

async function played(world: OutboxWorld, root: Level, sequence: readonly Move[]) {
  const levels: Level[] = [root];
  let last = 0;
  let hasBegun = false;
  const end = async (isKept: boolean) => {
    const ended = levels.pop();
    const outside = levels.at(-1);
    if (ended === undefined || outside === undefined) return;
    await (isKept ? ended.scope.commit() : ended.scope.rollback());
    if (!isKept) return;
    outside.ids = [...outside.ids, ...ended.ids];
    outside.entries = [...outside.entries, ...ended.entries];
  };
  for (const what of sequence) {
    const top = levels.at(-1) ?? root;
    const id = ++last;
    const transaction = top.scope;
    if (what === 'write' || what === 'depart') {
      const leaving = what === 'depart' ? { leaving: new Leaving() } : {};
      expect((await post(world, id, { transaction, ...leaving })).status).toBe(200);
      top.ids = [...top.ids, id];
      if (what === 'depart') top.entries = [...top.entries, `{"resource":[{"id":${id}}]}`];
    } else if (what === 'read') {
      expect((await world.house.ask('GET', 'hr/_table/t', { transaction })).status).toBe(200);
    } else if (what === 'enqueue') {
      expect(await transaction.enqueue(entryOf(`${id}`))).toBe(true);
      top.entries = [...top.entries, `${id}`];
    } else if (what === 'open') {
      levels.push({ scope: await transaction.begin(), ids: [], entries: [] });
    } else if (levels.length > 1) {
      await end(what === 'commit');
    }
    hasBegun ||= what === 'write' || what === 'depart' || (what === 'read' && levels.length > 1);
  }
  while (levels.length > 1) await end(true);
  return { hasBegun };
}

function crowdTests(world: () => OutboxWorld): void {
  test('many at the same time each leave their own', async () => {
    const within = world();
    await emptied(within);
    const ids = Array.from({ length: 40 }, (_, index) => index + 1);
    const answers = await Promise.all(ids.map((id) => post(within, id, { leaving: new Leaving() })));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect((await waiting(within)).toSorted()).toEqual(
      ids.map((id) => `{"resource":[{"id":${id}}]}`).toSorted(),
    );
  });

  test('those that hold each other up are done again, or leave nothing', async () => {
    const within = world();
    await emptied(within);
    for (const id of [1, 2]) await post(within, id);
    const orders = Array.from({ length: 16 }, (_, index) => (index % 2 === 0 ? [1, 2] : [2, 1]));
    const leavings = orders.map(() => new Leaving());
    const answers = await Promise.all(
      orders.map((order, index) => {
        const body = { resource: order.map((id) => ({ id, name: `${index}` })) };
        const leaving = leavings[index];
        if (leaving === undefined) throw new Error('none');
        return within.house.ask('PATCH', 'hr/_table/t?rollback=true', { body, leaving });
      }),
    );
    const done = answers.filter(({ status }) => status === 200).length;
    expect(done).toBeGreaterThan(0);
    expect(answers.every(({ status }) => status === 200 || status === 503)).toBe(true);
    expect((await waiting(within)).length).toBe(done);
    expect(leavings.filter(({ keeping }) => keeping !== undefined)).toHaveLength(done);
  });
}
