// BullMQ on Redis: one worker with many runs at a time, its handler inline: what the queued script of the
// comparison does.
import { Queue, Worker } from 'bullmq';
import { contest, readTask } from '../queue-contest.ts';

const task = readTask();
const { port, concurrency } = task;
const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null };
const queue = new Queue('bench', { connection });
await queue.waitUntilReady();
await contest(task, {
  add: (number) => queue.add('run', { a: number, b: 3 }, { jobId: `run-${number}` }),
  work: async (perform) => {
    const handle = async ({ data: { a, b } }) => {
      perform();
      return { product: a * b };
    };
    const worker = new Worker('bench', handle, { connection, concurrency });
    await worker.waitUntilReady();
    return () => worker.close();
  },
  isEmpty: async () => (await queue.getJobCountByTypes('wait', 'active', 'delayed')) === 0,
});
process.exit();
