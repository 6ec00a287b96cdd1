// The relay: from outboxes to the queue, whatever happens on the way.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fc } from '../../test/properties.ts';
import { PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Observation } from '../core/observe.ts';
import type { Outbox, OutboxEntry } from '../core/outbox.ts';
import type { NewQueuedRun } from '../core/queue.ts';
import type { Store } from '../core/store.ts';
import { createSqliteStore } from '../store/sqlite.ts';
import { type Node, newConnection, newRun, openNode, until } from './fixture.ts';
import { Relay } from './relay.ts';

let store: Store;
let node: Node;
let observations: Observation[];
let relays: Relay[];

beforeEach(async () => {
  store = await createSqliteStore({ file: ':memory:' });
  node = await openNode(store);
  observations = [];
  relays = [];
});

afterEach(async () => {
  for (const relay of relays) await relay.stop();
  await node.connections.close();
  await store.close();
});

interface Source {
  readonly name: string;
  readonly outbox?: Outbox | undefined;
}

function relayOver(services: readonly Source[] = [], own: Outbox = store.outbox): Relay {
  const relay = new Relay({
    ...{ outbox: own, queue: node.connections },
    services: { list: () => services },
    observe: (observation) => void observations.push(observation),
  });
  relays.push(relay);
  return relay;
}

function entry(id: string, over: Partial<OutboxEntry> = {}): OutboxEntry {
  return { id, runs: [newRun(`run-${id}`)], pendingMs: 0, ...over };
}

/** The outbox of a service in its own database, which is another system database here. */
async function foreignOutbox() {
  const foreign = await createSqliteStore({ file: ':memory:' });
  return foreign.outbox;
}

const isEmpty = async (outbox: Outbox) => (await outbox.due(1)).length === 0;
const told = (kind: Observation['kind']) => observations.filter((each) => each.kind === kind);

describe('the relay', () => {
  it('hands on what earlier servers left in all outboxes, and tells of it', async () => {
    const outbox = await foreignOutbox();
    for (const id of ['a', 'b']) await store.outbox.put(entry(id));
    await outbox.put(entry('c', { runs: [newRun('c1'), newRun('c2', { queue: 'high' })] }));
    relayOver([{ name: 'db', outbox }, { name: 'files' }]).start();
    await until(async () => (await isEmpty(store.outbox)) && (await isEmpty(outbox)));
    const kept = await store.queue.list({ limit: 10 });
    expect(kept.map(({ id, queue }) => `${queue} ${id}`).sort()).toEqual([
      ...['default c1', 'default run-a', 'default run-b', 'high c2'],
    ]);
    // Side by side, in whatever order.
    const released = told('outbox.released');
    expect(released).toHaveLength(2);
    expect(released).toContainEqual({ kind: 'outbox.released', service: 'system', count: 2 });
    expect(released).toContainEqual({ kind: 'outbox.released', service: 'db', count: 1 });
  });

  it('looks at once where it is told to, and nowhere else', async () => {
    const outbox = await foreignOutbox();
    const relay = relayOver([{ name: 'db', outbox }]);
    await outbox.put(entry('a'));
    await store.outbox.put(entry('b'));
    relay.wake('db');
    relay.wake('no such service');
    await until(() => isEmpty(outbox));
    expect(await isEmpty(store.outbox)).toBe(false);
    relay.wake('system');
    await until(() => isEmpty(store.outbox));
    await outbox.put(entry('c'));
    relay.wake();
    await until(() => isEmpty(outbox));
    // Nobody had forgotten them.
    expect(told('outbox.released')).toEqual([]);
  });

  it('looks again where it is told to while it looks', async () => {
    const begun = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const slow: Outbox = {
      due: async (limit) => {
        const found = await store.outbox.due(limit);
        begun.resolve();
        await go.promise;
        return found;
      },
      remove: (ids) => store.outbox.remove(ids),
      trim: async () => 0,
    };
    const relay = relayOver([], slow);
    relay.wake();
    await begun.promise;
    await store.outbox.put(entry('a'));
    relay.wake();
    go.resolve();
    await until(() => isEmpty(store.outbox));
    expect(await store.queue.count()).toBe(1);
  });

  it('leaves alone what somebody still has in hand', async () => {
    await store.outbox.put(entry('a', { pendingMs: 60_000 }));
    const relay = relayOver();
    relay.start();
    await relay.stop();
    expect(await store.queue.count()).toBe(0);
  });

  it('hands on many, a part at a time', async () => {
    const all = Array.from({ length: limits.outboxRows * 2 + 30 }, (_, at) => entry(`e${at}`));
    const asked: number[] = [];
    const spied: Outbox = {
      due: (limit) => {
        asked.push(limit);
        return store.outbox.due(limit);
      },
      remove: (ids) => store.outbox.remove(ids),
      trim: async () => 0,
    };
    await store.transaction(async (inside) => {
      for (const each of all) await inside.outbox.put(each);
    });
    relayOver([], spied).start();
    await until(() => isEmpty(store.outbox));
    expect(await store.queue.count()).toBe(all.length);
    expect(asked).toEqual([limits.outboxRows, limits.outboxRows, limits.outboxRows]);
  });

  it('takes services that come and go', async () => {
    const [before, after] = [await foreignOutbox(), await foreignOutbox()];
    const services: Source[] = [{ name: 'db', outbox: before }];
    const relay = relayOver(services);
    await before.put(entry('a'));
    relay.wake('db');
    await until(() => isEmpty(before));
    services.splice(0, 1, { name: 'db', outbox: after });
    await after.put(entry('b'));
    await before.put(entry('c'));
    relay.wake('db');
    await until(() => isEmpty(after));
    services.pop();
    relay.wake('db');
    await relay.stop();
    expect(await isEmpty(before)).toBe(false);
  });

  it('does nothing more once it is stopped', async () => {
    const relay = relayOver();
    relay.start();
    await relay.stop();
    await store.outbox.put(entry('a'));
    relay.wake();
    await relay.stop();
    expect(await store.queue.count()).toBe(0);
  });

  it('lets notes of applied runs go that are older than anybody asks for', async () => {
    const asked: number[] = [];
    let left = 3;
    let looks = 0;
    const noted: Outbox = {
      due: async () => {
        looks++;
        return [];
      },
      remove: async () => {},
      trim: async (olderThanMs) => {
        asked.push(olderThanMs);
        return left-- > 0 ? 500 : 0;
      },
    };
    const clock = vi.spyOn(performance, 'now').mockReturnValue(0);
    const relay = relayOver([], noted);
    relay.wake();
    await vi.waitFor(() => expect(looks).toBeGreaterThan(0), { timeout: 30_000 });
    clock.mockReturnValue(limits.upkeepMs - 1);
    relay.wake();
    await vi.waitFor(() => expect(looks).toBeGreaterThan(1), { timeout: 30_000 });
    // Whoever was lost with the last server has been taken over by now.
    expect(asked).toEqual([]);
    clock.mockReturnValue(limits.upkeepMs);
    relay.wake();
    await vi.waitFor(() => expect(asked).toHaveLength(4), { timeout: 30_000 });
    relay.wake();
    await relay.stop();
    clock.mockRestore();
    expect(asked).toEqual(Array(4).fill(limits.outboxAppliedDays * 86_400_000));
  });
});

describe('what cannot be handed on', () => {
  it('stays, is told of once, and stands in nobody’s way', async () => {
    const bad = newRun('bad', { queue: 'x'.repeat(100) });
    await store.outbox.put(entry('bad', { runs: [newRun('with it'), bad] }));
    for (const id of ['a', 'b']) await store.outbox.put(entry(id));
    const relay = relayOver();
    relay.start();
    await until(async () => (await store.queue.count()) === 2);
    await store.outbox.put(entry('c'));
    relay.wake();
    await until(async () => (await store.queue.count()) === 3);
    await until(async () => (await store.outbox.due(10)).length === 1);
    expect((await store.outbox.due(10)).map(({ id }) => id)).toEqual(['bad']);
    expect(told('service.failed')).toEqual([
      {
        kind: 'service.failed',
        service: 'system',
        reason: expect.stringContaining('outbox entry bad: The name of a queue'),
      },
    ]);
    expect(told('outbox.released')).toEqual([{ kind: 'outbox.released', service: 'system', count: 2 }]);
  });

  it('passes although the queue refuses more than one look takes', async () => {
    const queue = 'x'.repeat(100);
    await store.transaction(async (inside) => {
      for (let at = 0; at < limits.outboxRows + 5; at++) {
        await inside.outbox.put(entry(`bad${at}`, { runs: [newRun(`bad${at}`, { queue })] }));
      }
    });
    await store.outbox.put(entry('good'));
    relayOver().start();
    await until(async () => (await store.queue.get('run-good')) !== undefined);
    await until(async () => (await store.outbox.due(1_000)).length === limits.outboxRows + 5);
  });

  it('is kept under the name of its connection when that is gone', async () => {
    await store.outbox.put(entry('a', { runs: [newRun('a', { connection: 'gone' })] }));
    relayOver().start();
    await until(() => isEmpty(store.outbox));
    expect(await store.queue.get('a')).toMatchObject({
      connection: 'gone',
      queue: 'default',
      state: 'ready',
    });
    await store.queueConnections.create(newConnection('gone'), null);
    const claim = { connection: 'gone', queues: ['default'], limit: 1, worker: 'w', leaseMs: 1_000 };
    expect(await store.queue.claim(claim)).toMatchObject([{ id: 'a' }]);
  });

  it('waits for a database that is away, which is told once', async () => {
    let isAway = true;
    let looks = 0;
    const away: Outbox = {
      due: async (limit) => {
        looks += 1;
        if (isAway) throw new PlatformError('service.unavailable', 'The database does not answer.');
        return store.outbox.due(limit);
      },
      remove: (ids) => store.outbox.remove(ids),
      trim: async () => 0,
    };
    await store.outbox.put(entry('a'));
    const relay = relayOver([], away);
    for (let look = 1; look <= 3; look++) {
      relay.wake();
      await until(() => looks === look);
      await new Promise((resolve) => setImmediate(resolve));
    }
    // Nobody asks it again for a while, unless somebody wrote there a moment ago.
    relay.start();
    expect(looks).toBe(3);
    isAway = false;
    relay.wake();
    await until(() => isEmpty(store.outbox));
    const failed = {
      kind: 'service.failed',
      service: 'system',
      reason: 'outbox: The database does not answer.',
    };
    expect(told('service.failed')).toEqual([failed]);
  });

  it('is blamed on the run store alone when that is away', async () => {
    await store.outbox.put(entry('a'));
    await store.outbox.put(entry('b'));
    let isAway = true;
    const queue = {
      pushPromised: async (runs: readonly NewQueuedRun[]) => {
        if (isAway) throw new PlatformError('service.unavailable', 'away');
        await node.connections.pushPromised(runs);
      },
    };
    const relay = new Relay({
      ...{ outbox: store.outbox, queue, services: { list: () => [] } },
      observe: (observation) => void observations.push(observation),
    });
    relays.push(relay);
    relay.wake();
    await until(() => told('service.failed').length > 0);
    isAway = false;
    relay.wake();
    await until(() => isEmpty(store.outbox));
    expect(told('service.failed')).toMatchObject([{ reason: 'outbox: away' }]);
    expect(await store.queue.count()).toBe(2);
  });
});

/** Fails as a database does: before anything happened, or after it did and the answer got lost. */
class Failing {
  readonly #plan: ('ok' | 'before' | 'after')[];

  constructor(plan: readonly ('ok' | 'before' | 'after')[]) {
    this.#plan = [...plan];
  }

  async do<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#plan.shift() ?? 'ok';
    if (turn === 'before') throw new PlatformError('service.unavailable', 'gone before');
    const answer = await work();
    if (turn === 'after') throw new PlatformError('service.unavailable', 'gone after');
    return answer;
  }

  outbox(inner: Outbox): Outbox {
    return {
      due: (limit) => this.do(() => inner.due(limit)),
      remove: (ids) => this.do(() => inner.remove(ids)),
      trim: async () => 0,
    };
  }

  get isOver(): boolean {
    return this.#plan.length === 0;
  }
}

describe('whatever fails, and whenever', () => {
  const turns = fc.array(fc.constantFrom('ok', 'ok', 'before', 'after'), { maxLength: 25 });
  const scenario = fc.record({
    /** Runs of each entry. */
    entries: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 12 }),
    outboxes: fc.array(turns, { minLength: 2, maxLength: 2 }),
    queue: turns,
    /** After so many runs another server goes on with what a killed one left. */
    servers: fc.integer({ min: 1, max: 3 }),
  });

  it('every run is queued, and performed once', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async ({ entries, outboxes, queue: queueTurns, servers }) => {
        const [own, foreign] = [
          await createSqliteStore({ file: ':memory:' }),
          await createSqliteStore({ file: ':memory:' }),
        ];
        const server = await openNode(own, { connection: 'sync', queue: 'default' });
        const stores = [own, foreign] as const;
        const expected: string[] = [];
        for (const [at, runs] of entries.entries()) {
          const ids = Array.from({ length: runs }, (_, of) => `r${at}-${of}`);
          expected.push(...ids);
          await stores[at % 2]?.outbox.put({ id: `e${at}`, runs: ids.map((id) => newRun(id)), pendingMs: 0 });
        }
        const queue = new Failing(queueTurns);
        const failing = outboxes.map((plan) => new Failing(plan));
        const [outbox = own.outbox, other] = stores.map((each, at) => failing[at]?.outbox(each.outbox));
        const open = () =>
          new Relay({
            outbox,
            services: { list: () => [{ name: 'db', outbox: other }] },
            queue: { pushPromised: (runs) => queue.do(() => server.connections.pushPromised(runs)) },
            observe: () => {},
          });
        const started = Array.from({ length: servers }, open);
        const isDone = async () =>
          queue.isOver || ((await isEmpty(own.outbox)) && (await isEmpty(foreign.outbox)));
        for (let tries = 0; tries < 200 && !(await isDone()); tries++) {
          const [current] = started;
          current?.wake();
          await new Promise((resolve) => setImmediate(resolve));
          // A relay that another one follows knows nothing any more of what it handed on.
          if (started.length > 1 && tries % 5 === 4) await started.shift()?.stop();
        }
        const last = open();
        await until(async () => {
          last.wake();
          return (await isEmpty(own.outbox)) && (await isEmpty(foreign.outbox));
        });
        for (const relay of [...started, last]) await relay.stop();
        await until(() => server.performer.ids.length === expected.length);
        await server.connections.close();
        expect([...server.performer.ids].sort()).toEqual(expected.sort());
        const kept = await own.queue.list({ limit: 1_000 });
        expect(kept.map(({ id, state }) => `${id} ${state}`).sort()).toEqual(
          expected.map((id) => `${id} done`),
        );
        for (const each of stores) await each.close();
      }),
      { numRuns: 60 },
    );
  }, 120_000);
});
