// Our own queue as a contestant of the comparison in bench/scenarios/queues.ts: the run store and a worker
// whose performer does nothing, in a process of its own.
import { contest, readTask } from '../../bench/queue-contest.ts';
import { openSystemStore } from '../../src/store/open.ts';
import { newRun } from '../../src/store/queue/fixture.ts';
import { Worker } from '../../src/worker/worker.ts';

const task = readTask<{ readonly place: string; readonly concurrency: number }>();
const { place, concurrency } = task;
const store = await openSystemStore(place);
const waiting = { kind: 'in', field: 'state', values: ['ready', 'running'] } as const;

await contest(task, {
  add: (number) => store.queue.push([newRun(`run-${number}`)]),
  work: async (note) => {
    const performer = {
      perform: async () => {
        note();
        return { outcome: 'done', further: [] } as const;
      },
    };
    const signal = store.queueSignal;
    const usual = { connection: 'database', queues: ['default'], observe: () => undefined };
    const worker = new Worker({ ...usual, store, signal, performer, concurrency });
    worker.start();
    return () => worker.stop();
  },
  isEmpty: async () => (await store.queue.count(waiting)) === 0,
});
await store.close();
