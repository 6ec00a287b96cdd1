// pg-boss on PostgreSQL. Its worker waits at least half a second between two looks; so while there are many,
// runs are fetched and completed in batches by its own calls. How soon one starts is its worker's matter.
import PgBoss from 'pg-boss';
import { contest, readTask } from '../queue-contest.ts';

const task = readTask();
const { login, loops, batch } = task;
const boss = new PgBoss({ ...login, max: 10, supervise: false, schedule: false });
boss.on('error', (error) => console.error(error));
await boss.start();
await boss.createQueue('bench');
await contest(task, {
  add: () => boss.send('bench', { event: 'ü' }),
  work: async (perform) => {
    await Promise.all(Array.from({ length: loops }, () => takeAll(perform)));
    const options = { batchSize: batch, pollingIntervalSeconds: 0.5 };
    await boss.work('bench', options, async (jobs) => {
      for (const _job of jobs) perform();
    });
    return () => boss.stop({ graceful: false, wait: false });
  },
  isEmpty: async () => (await boss.getQueueSize('bench', { before: 'completed' })) === 0,
});
process.exit();

async function takeAll(perform) {
  for (;;) {
    const jobs = await boss.fetch('bench', { batchSize: batch });
    if (jobs.length === 0) return;
    for (const _job of jobs) perform();
    const ids = jobs.map(({ id }) => id);
    await boss.complete('bench', ids);
  }
}
