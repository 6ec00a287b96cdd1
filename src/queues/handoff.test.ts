// Handing over, against real stores: what leaves when, what stays when something fails, and that nothing is
// queued twice.
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { anonymous, type Operation, type Result } from '../core/operation.ts';
import type { OutboxEntry, SetOff } from '../core/outbox.ts';
import type { NewQueuedRun, RunQueue } from '../core/queue.ts';
import type { Store } from '../core/store.ts';
import { TransactionScope } from '../core/transaction.ts';
import { MasterKey } from '../security/master-key.ts';
import { Secrets } from '../security/secrets.ts';
import { newRun } from '../store/queue/fixture.ts';
import { createSqliteStore } from '../store/sqlite.ts';
import { QueueConnections } from './connections.ts';
import { Handover } from './handoff.ts';

let store: Store;
/** Stands for the database of a service: its outbox is a table like that of the system database. */
let data: Store;
let connections: QueueConnections;
let leftOver: unknown[];
let nextId = 0;

beforeEach(async () => {
  store = await createSqliteStore({ file: ':memory:' });
  data = await createSqliteStore({ file: ':memory:' });
  leftOver = [];
  connections = new QueueConnections({
    store,
    fallback: { connection: 'database', queue: 'default' },
    secrets: new Secrets({ key: new MasterKey(randomBytes(32)) }),
    performer: () => {
      throw new Error('nobody performs runs here');
    },
    observe: () => {},
  });
});
afterEach(async () => {
  await connections.close();
  await store.close();
  await data.close();
});

const operation: Operation = {
  service: 'db',
  path: [],
  action: 'POST',
  origin: 'http',
  requestor: 'api',
  principal: anonymous,
  depth: 0,
  request: { parameters: {}, headers: {}, body: undefined },
  uri: '/api/v2/db',
  apiVersion: '2.0',
};
const own: Result = { status: 201, headers: {}, body: undefined };
const final: Result = { status: 203, headers: {}, body: undefined };

/** A run whose payload tells the status of the answer, and whether it is certain. */
function setOff(id: string): SetOff {
  return {
    runs: (result, isUncertain = false) => [
      newRun(id, {
        connection: '',
        queue: '',
        payload: JSON.stringify([result?.status ?? null, isUncertain]),
      }),
    ],
  };
}

function handover(queue: RunQueue = connections): Handover {
  return new Handover({
    queue,
    outbox: store.outbox,
    newId: () => `entry-${++nextId}`,
    onLeftOver: (error) => leftOver.push(error),
  });
}

const failing: RunQueue = {
  push: async () => {
    throw new Error('the queue is away');
  },
  check: () => {},
};

async function queued(): Promise<unknown[]> {
  const runs = await store.queue.list({ limit: 10 });
  return runs.map(({ id, connection, queue, payload }) => [id, connection, queue, JSON.parse(payload)]);
}

async function waiting({ outbox }: Store): Promise<readonly OutboxEntry[]> {
  return outbox.due(10);
}

/** Entries that are dropped behind the answer are dropped soon. */
async function dropped({ outbox }: Store, isThere: () => Promise<unknown>): Promise<void> {
  await expect.poll(async () => [await outbox.due(10), await isThere()]).toEqual([[], []]);
}

describe('a read, or what writes nothing', () => {
  it('is queued before its answer is sent', async () => {
    const handoff = handover().begin(operation, setOff('r1'));
    await handoff.leave(final);
    expect(await queued()).toEqual([['r1', 'database', 'default', [203, false]]]);
  });

  it('is told when the queue is away', async () => {
    const handoff = handover(failing).begin(operation, setOff('r1'));
    await expect(handoff.leave(final)).rejects.toThrow('the queue is away');
  });
});

describe('a write that its database keeps an entry of', () => {
  it('waits with its own answer, leaves with the final one, and is dropped then', async () => {
    const { departure, leave } = bound(handover().begin(operation, setOff('r1')));
    const entry = departure.entry(own);
    expect(entry.pendingMs).toBeGreaterThan(60_000);
    expect(entry.runs.map(({ payload }) => payload)).toEqual(['[201,false]']);
    await data.outbox.put({ ...entry, pendingMs: 0 });
    departure.kept({ outbox: data.outbox });
    await leave(final);
    expect(await queued()).toEqual([['r1', 'database', 'default', [203, false]]]);
    await dropped(data, async () => []);
  });

  it('stays for the relay when the queue is away, and the caller has his answer', async () => {
    const { departure, leave } = bound(handover(failing).begin(operation, setOff('r1')));
    const entry = departure.entry(own);
    await data.outbox.put({ ...entry, pendingMs: 0 });
    departure.kept({ outbox: data.outbox });
    await leave(final);
    expect(leftOver).toHaveLength(1);
    expect(await waiting(data)).toHaveLength(1);
  });

  it('is left to its entry when nobody knows whether that was committed', async () => {
    const { departure, leave } = bound(handover().begin(operation, setOff('r1')));
    departure.entry(own);
    await leave({ status: 503, headers: {}, body: undefined });
    expect(await queued()).toEqual([]);
  });

  it('tells of a refusal, which nothing was committed with', async () => {
    const { departure, leave } = bound(handover().begin(operation, setOff('r1')));
    departure.entry(own);
    await leave({ status: 409, headers: {}, body: undefined });
    expect(await queued()).toEqual([['r1', 'database', 'default', [409, false]]]);
    const failed = bound(handover().begin(operation, setOff('r2')));
    await failed.leave({ status: 503, headers: {}, body: undefined });
    expect(await queued()).toHaveLength(2);
  });

  it('is one run, also when the relay was quicker', async () => {
    const { departure, leave } = bound(handover().begin(operation, setOff('r1')));
    const entry = departure.entry(own);
    departure.kept({ outbox: data.outbox });
    await connections.push(entry.runs);
    await leave(final);
    expect(await queued()).toEqual([['r1', 'database', 'default', [201, false]]]);
  });

  it('changes its entry where the transaction is not over', async () => {
    const updates: OutboxEntry[] = [];
    const { departure, leave } = bound(handover().begin(operation, setOff('r1')));
    departure.entry(own);
    departure.kept({ outbox: data.outbox, update: async (entry) => void updates.push(entry) });
    await leave(final);
    expect(updates).toMatchObject([{ pendingMs: 0, runs: [{ id: 'r1', payload: '[203,false]' }] }]);
    expect(await queued()).toEqual([]);
  });
});

describe('a write that is noted before', () => {
  it('is noted as uncertain, and certain once its answer is there', async () => {
    const { departure, leave } = bound(handover().begin(operation, setOff('r1')));
    await departure.intend();
    await departure.intend();
    await leave(final);
    expect(await queued()).toEqual([['r1', 'database', 'default', [203, false]]]);
    await dropped(store, async () => []);
  });

  it('is not noted where nobody wants what is uncertain, and queued in the end', async () => {
    const kept: OutboxEntry[] = [];
    const { outbox: inner } = store;
    const outbox = {
      put: (entry: OutboxEntry) => {
        kept.push(entry);
        return inner.put(entry);
      },
      due: (limit: number) => inner.due(limit),
      remove: (ids: readonly string[]) => inner.remove(ids),
      trim: async () => 0,
    };
    const dropping = new Handover({
      ...{ queue: connections, outbox, newId: () => 'e' },
      dropsUncertain: (service) => service === 'db',
    });
    const { departure, leave } = bound(dropping.begin(operation, setOff('r1')));
    await departure.intend();
    await leave(final);
    expect(await queued()).toEqual([['r1', 'database', 'default', [203, false]]]);
    expect(kept).toEqual([]);
    const other = dropping.begin({ ...operation, service: 'other' }, setOff('r2'));
    await other.departure.intend();
    expect(kept).toMatchObject([{ runs: [{ id: 'r2' }] }]);
  });

  it('is there after a crash, for whoever looks', async () => {
    const stopped = await createSqliteStore({ file: ':memory:', clock: () => clock });
    let clock = 1_000;
    const away = new Handover({ queue: failing, outbox: stopped.outbox, newId: () => 'e' });
    await away.begin(operation, setOff('r1')).departure.intend();
    expect(await stopped.outbox.due(10)).toEqual([]);
    clock += 3_600_000;
    expect(await stopped.outbox.due(10)).toMatchObject([{ id: 'e', runs: [{ payload: '[null,true]' }] }]);
    await stopped.close();
  });
});

describe('runs that an operation asks for', () => {
  it('are queued at once without a transaction', async () => {
    await handover().send(operation, [run('r1'), run('r2')]);
    expect(await queued()).toHaveLength(2);
    await handover(failing).send(operation, []);
  });

  it('wait with the transaction of a run, which has begun nothing yet', async () => {
    const effects = { runId: 'x', fence: 1, isTakeover: false, begin: async () => true };
    const transaction = new TransactionScope({ effects });
    await handover().send({ ...operation, transaction }, [run('r1')]);
    expect(await queued()).toEqual([]);
    await transaction.commit();
    expect(transaction.leftovers).toMatchObject([{ pendingMs: 0, runs: [{ id: 'r1' }] }]);
  });

  it('are gone with a transaction that is undone', async () => {
    const effects = { runId: 'x', fence: 1, isTakeover: false, begin: async () => true };
    const transaction = new TransactionScope({ effects });
    await handover().send({ ...operation, transaction }, [run('r1')]);
    await transaction.rollback();
    expect(transaction.leftovers).toEqual([]);
  });
});

function run(id: string): NewQueuedRun {
  return newRun(id);
}

function bound(handoff: ReturnType<Handover['begin']>) {
  return { departure: handoff.departure, leave: (result: Result) => handoff.leave(result) };
}
