// graphile-worker on PostgreSQL, with its local queue and ends in batches.
import { Logger, makeWorkerUtils, run } from 'graphile-worker';
import pg from 'pg';
import { contest, readTask } from '../queue-contest.ts';

const task = readTask();
const { login, concurrency, batch, delayMs } = task;
const logger = new Logger(() => () => undefined);
const pool = new pg.Pool({ ...login, max: 10 });
for (const event of ['error', 'connect']) {
  pool.on(event, (found) => (event === 'connect' ? found.on('error', console.error) : console.error(found)));
}
const tools = await makeWorkerUtils({ pgPool: pool, logger });
await tools.migrate();
await contest(task, {
  add: () => tools.addJob('bench', { event: 'ü' }),
  work: async (perform) => {
    const preset = {
      worker: {
        concurrentJobs: concurrency,
        localQueue: { size: batch },
        completeJobBatchDelay: delayMs,
        failJobBatchDelay: delayMs,
      },
    };
    const taskList = { bench: async () => perform() };
    const worker = await run({ pgPool: pool, logger, noHandleSignals: true, taskList, preset });
    return () => worker.stop();
  },
  isEmpty: async () => (await pool.query('select 1 from graphile_worker.jobs limit 1')).rowCount === 0,
});
process.exit();
