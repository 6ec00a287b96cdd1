// Workers whose store goes away and comes back: a PostgreSQL behind a connection that can be cut.
import { connect, createServer, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { canTest, type TestDatabase, testDatabase } from '../../test/databases.ts';
import type { Store } from '../core/store.ts';
import { openSystemStore } from '../store/open.ts';
import { Actor, done, failure, newRun, testWorker, toStop, until, untilState } from './fixture.ts';

/** A way to a server that can be cut. */
class Cable {
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((socket) => this.#join(socket));
  readonly #target: { readonly host: string; readonly port: number };
  #isCut = false;

  constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target;
  }

  /** Resolves with its port. */
  lay(): Promise<number> {
    return new Promise((resolve) => {
      this.#server.listen(0, '127.0.0.1', () => {
        const address = this.#server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  }

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  close(): void {
    this.cut();
    this.#server.close();
  }

  #join(socket: Socket): void {
    if (this.#isCut) return void socket.destroy();
    const other = connect(this.#target);
    for (const end of [socket, other]) {
      this.#sockets.add(end);
      end.on('error', () => undefined);
      end.on('close', () => {
        this.#sockets.delete(end);
        socket.destroy();
        other.destroy();
      });
    }
    socket.pipe(other).pipe(socket);
  }
}

describe.runIf(canTest('postgres'))('a store that goes away', () => {
  let database: TestDatabase;
  let cable: Cable;
  let store: Store;
  /** Beside the cable. */
  let direct: Store;

  beforeAll(async () => {
    database = await testDatabase('postgres');
  }, 60_000);
  afterAll(() => database.drop());
  beforeEach(async () => {
    cable = new Cable(database);
    const port = await cable.lay();
    direct = await openSystemStore(urlOf(database.port));
    await database.execute('delete from queued_run; delete from queue');
    store = await openSystemStore(urlOf(port));
  }, 60_000);
  afterEach(async () => {
    cable.close();
    await direct.close();
    await store.close();
  });

  const urlOf = (port: number) => {
    const { user, password, host, database: name } = database;
    return `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${name}`;
  };

  it('is waited for: it is told once, and runs go on when it is back', async () => {
    const actor = new Actor();
    const { worker, kinds } = testWorker(store, actor);
    worker.start();
    await direct.queue.push([newRun('before')]);
    await untilState(direct, 'before', 'done');
    cable.cut();
    await until(() => kinds().includes('worker.failed'));
    await direct.queue.push([newRun('meanwhile')]);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(actor.started).toEqual(['before']);
    cable.mend();
    await untilState(direct, 'meanwhile', 'done');
    await until(() => kinds().includes('worker.recovered'));
    expect(kinds().filter((kind) => kind === 'worker.failed')).toHaveLength(1);
  }, 60_000);

  it('is there again once the last run has ended, also where its lease could not be kept', async () => {
    const { promise, resolve: end } = Promise.withResolvers<void>();
    const actor = new Actor(async () => {
      await promise;
      return done;
    });
    const { worker, kinds } = testWorker(store, actor, { beatMs: 400 });
    await direct.queue.push([newRun('a')]);
    worker.start();
    await until(() => actor.atOnce === 1);
    cable.cut();
    await until(() => kinds().includes('worker.failed'));
    // Time for a beat that fails, and then no other before the end is written.
    await new Promise((resolve) => setTimeout(resolve, 900));
    end();
    await until(() => actor.atOnce === 0);
    cable.mend();
    await untilState(direct, 'a', 'done');
    await until(() => kinds().includes('worker.recovered'));
  }, 60_000);

  it('does not stop what runs, whose end is kept until it can be told', async () => {
    const { promise, resolve: end } = Promise.withResolvers<void>();
    const actor = new Actor(async ({ id }) => {
      if (id !== 'a') return done;
      await promise;
      return { outcome: 'done', further: [newRun('b')] };
    });
    const { worker, kinds } = testWorker(store, actor);
    await direct.queue.push([newRun('a')]);
    worker.start();
    await until(() => actor.atOnce === 1);
    cable.cut();
    end();
    await until(() => actor.atOnce === 0 && kinds().includes('worker.failed'));
    expect(await direct.queue.get('a')).toMatchObject({ state: 'running' });
    cable.mend();
    await untilState(direct, 'a', 'done');
    await untilState(direct, 'b', 'done');
    expect(actor.started).toEqual(['a', 'b']);
    expect(await direct.queue.get('a')).toMatchObject({ crashes: 0 });
  }, 60_000);

  it('stops what runs when its lease is over, and leaves it to others', async () => {
    const told: boolean[] = [];
    const actor = new Actor(async (_run, control) => {
      await toStop(control);
      told.push(await control.noteEffects('hr'));
      return failure('stopped');
    });
    const { worker, kinds } = testWorker(store, actor, { leaseMs: 900, beatMs: 200 });
    await direct.queue.push([newRun('a')]);
    worker.start();
    await until(() => actor.atOnce === 1);
    cable.cut();
    await until(() => told.length === 1);
    expect(told).toEqual([false]);
    const other = new Actor();
    testWorker(direct, other).worker.start();
    await untilState(direct, 'a', 'done');
    cable.mend();
    await until(() => kinds().includes('queue.lost'));
    expect(other.started).toEqual(['a']);
    expect(await direct.queue.get('a')).toMatchObject({ state: 'done', crashes: 1, attempt: 0 });
  }, 60_000);

  it('wakes workers of other processes by a signal, again after its connection was lost', async () => {
    const actor = new Actor();
    const { worker, kinds } = testWorker(store, actor, { pollMs: 3_600_000 });
    worker.start();
    await new Promise((resolve) => setTimeout(resolve, 500));
    await direct.queue.push([newRun('a')]);
    await untilState(direct, 'a', 'done');
    cable.cut();
    await until(() => kinds().includes('worker.failed'));
    await direct.queue.push([newRun('b')]);
    cable.mend();
    // It may have come while nobody listened.
    await untilState(direct, 'b', 'done');
    await direct.queue.push([newRun('c')]);
    await untilState(direct, 'c', 'done');
  }, 60_000);

  it('does not keep a worker from stopping', async () => {
    const actor = new Actor(async (_run, control) => {
      await toStop(control);
      return failure('stopped');
    });
    const { worker, kinds } = testWorker(store, actor, { drainMs: 100 });
    await direct.queue.push([newRun('a')]);
    worker.start();
    await until(() => actor.atOnce === 1);
    cable.cut();
    await worker.stop();
    expect(kinds().at(-1)).toBe('worker.stopped');
    expect(await direct.queue.get('a')).toMatchObject({ state: 'running' });
  }, 60_000);
});
