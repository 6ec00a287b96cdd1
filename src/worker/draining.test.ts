// How a worker stops, and how it is asked to begin anew.
import { describe, expect, it } from 'vitest';
import { Actor, done, failure, newRun, testStore, testWorker, toStop, until, untilState } from './fixture.ts';
import { askForRestart } from './restart.ts';

/** Something that opens once. */
function gate() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: () => resolve() };
}

describe('a worker that stops', () => {
  it('lets run what runs, and takes nothing more', async () => {
    const { store } = await testStore();
    await store.queue.push(['a', 'b', 'c'].map((id) => newRun(id)));
    const { opened, open } = gate();
    const actor = new Actor(async () => {
      await opened;
      return done;
    });
    const { worker, kinds } = testWorker(store, actor, { concurrency: 2 });
    worker.start();
    await until(() => actor.atOnce === 2);
    const stopped = worker.stop();
    await store.queue.push([newRun('d')]);
    open();
    await stopped;
    expect(actor.started).toEqual(['a', 'b']);
    const states = (await store.queue.list({ limit: 9 })).map(({ id, state }) => `${id} ${state}`);
    expect(states.sort()).toEqual(['a done', 'b done', 'c ready', 'd ready']);
    expect(kinds().filter((kind) => kind.startsWith('worker.'))).toEqual([
      'worker.started',
      'worker.draining',
      'worker.stopped',
    ]);
  });

  it('gives back what does not end in time, as if it had not been started', async () => {
    const { store } = await testStore();
    await store.queue.push([newRun('a', { tries: 1 })]);
    const actor = new Actor(async (_run, control) => {
      await toStop(control);
      return failure('stopped');
    });
    const { worker, kinds } = testWorker(store, actor, { drainMs: 100 });
    worker.start();
    await until(() => actor.atOnce === 1);
    await worker.stop();
    expect(await store.queue.get('a')).toMatchObject({
      state: 'ready',
      attempt: 0,
      crashes: 0,
      worker: null,
    });
    expect(kinds()).toContain('queue.released');
  });

  it('does so at once when it is asked again', async () => {
    const { store } = await testStore();
    await store.queue.push([newRun('a')]);
    const actor = new Actor(async (_run, control) => {
      await toStop(control);
      return failure('stopped');
    });
    const { worker } = testWorker(store, actor, { drainMs: 3_600_000 });
    worker.start();
    await until(() => actor.atOnce === 1);
    const stopped = worker.stop();
    await worker.stop();
    await stopped;
    expect(await store.queue.get('a')).toMatchObject({ state: 'ready', attempt: 0 });
  });

  it('keeps what a run did although it was told to stop', async () => {
    const { store } = await testStore();
    await store.queue.push([newRun('a')]);
    const actor = new Actor(async (_run, control) => {
      await toStop(control);
      return done;
    });
    const { worker } = testWorker(store, actor, { drainMs: 50 });
    worker.start();
    await until(() => actor.atOnce === 1);
    await worker.stop();
    expect(await store.queue.get('a')).toMatchObject({ state: 'done' });
  });

  it('gives back at once what it took ahead and has not begun', async () => {
    const { store } = await testStore();
    const { opened, open } = gate();
    // Quick ones, so that many are taken ahead; then one that takes long.
    const actor = new Actor(async ({ id }) => {
      if (id === 'slow') await opened;
      return done;
    });
    const { worker } = testWorker(store, actor);
    await store.queue.push(Array.from({ length: 20 }, (_, at) => newRun(`q${at}`)));
    worker.start();
    await untilState(store, 'q19', 'done');
    await store.queue.push([newRun('slow'), ...Array.from({ length: 9 }, (_, at) => newRun(`w${at}`))]);
    await untilState(store, 'w0', 'running');
    const stopped = worker.stop();
    await untilState(store, 'w0', 'ready');
    expect(await store.queue.get('slow')).toMatchObject({ state: 'running' });
    open();
    await stopped;
    expect(await store.queue.get('slow')).toMatchObject({ state: 'done' });
    expect(await store.queue.get('w8')).toMatchObject({ state: 'ready', attempt: 0, crashes: 0 });
    expect(actor.started).not.toContain('w0');
  });

  it('leaves its runs to others, who go on at once', async () => {
    const { store, open } = await testStore();
    await store.queue.push([newRun('a')]);
    const first = testWorker(
      store,
      new Actor(async (_run, control) => {
        await toStop(control);
        return failure('stopped');
      }),
      { drainMs: 0 },
    );
    first.worker.start();
    await untilState(store, 'a', 'running');
    await first.worker.stop();
    testWorker(await open(), new Actor()).worker.start();
    await untilState(store, 'a', 'done');
  });
});

describe('beginning anew', () => {
  it('is told to workers of all processes that work when it is asked for', async () => {
    const { store, open } = await testStore();
    let asked = 0;
    const onRestart = () => void asked++;
    await askForRestart(store, null);
    const other = await open();
    for (const server of [store, other]) testWorker(server, new Actor(), { onRestart }).worker.start();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await askForRestart(other, 1);
    await until(() => asked === 2);
    await askForRestart(store, 1);
    await until(() => asked === 4);
    expect(await store.settings.list({ owner: 'queue' })).toHaveLength(1);
  }, 20_000);
});
