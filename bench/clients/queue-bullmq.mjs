// BullMQ on Redis: one worker with many runs at a time, its handler inline.
import { Queue, Worker } from 'bullmq';
import { contest, readTask } from '../queue-contest.ts';

const task = readTask();
const { port, concurrency } = task;
const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null };
const queue = new Queue('bench', { connection });
await queue.waitUntilReady();
await contest(task, {
  add: (number) => queue.add('run', { event: 'ü' }, { jobId: `run-${number}` }),
  work: async (perform) => {
    const worker = new Worker('bench', async () => perform(), { connection, concurrency });
    await worker.waitUntilReady();
    return () => worker.close();
  },
  isEmpty: async () => (await queue.getJobCountByTypes('wait', 'active', 'delayed')) === 0,
});
process.exit();
