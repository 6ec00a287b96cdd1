// How long a run waits between the process that queues it and the one that begins it, by each kind of
// connection, with the system database on MariaDB, which cannot tell other processes by itself.
// `node test/soak/broker-latency.ts [runs]`; needs the databases of the tests, redis-server and beanstalkd.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { brokerCases } from '../../src/queues/broker-fixture.ts';
import { QueueConnections } from '../../src/queues/connections.ts';
import { newConnection, newRun } from '../../src/queues/fixture.ts';
import { openSystemStore } from '../../src/store/open.ts';
import { Worker } from '../../src/worker/worker.ts';
import { testDatabase } from '../databases.ts';

const [runs = '200', url, role] = process.argv.slice(2);

if (role === undefined) await measure(Number(runs));
else await work(String(url), role);

async function measure(count: number): Promise<void> {
  const database = await testDatabase('mysql');
  const { user, password, host, port, database: own } = database;
  const place = `mysql://${user}:${encodeURIComponent(password)}@${host}:${port}/${own}`;
  const store = await openSystemStore(place);
  const connections = connectionsOf(store);
  for (const broker of brokerCases) {
    const running = await broker.start();
    const config = broker.config(running.port, 'bench');
    await store.queueConnections.create(newConnection(broker.type, { type: broker.type, config }), null);
    await connections.load();
    console.log(broker.type.padEnd(12), await latencies(broker.type, count));
    await running.stop();
  }
  console.log('database'.padEnd(12), await latencies('database', Math.min(count, 40)));
  await connections.close();
  await store.close();
  await database.drop();

  async function latencies(connection: string, most: number): Promise<string> {
    const child = fork(fileURLToPath(import.meta.url), [runs, place, connection]);
    await once(child, 'message');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const took: number[] = [];
    for (let at = -10; at < most; at++) {
      const began = once(child, 'message');
      const pushed = Date.now();
      await connections.push([newRun(`${connection}${at}`, { connection })]);
      const [started] = (await began) as [number];
      // The first ones warm up.
      if (at >= 0) took.push(started - pushed);
      await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 60));
    }
    child.kill();
    await once(child, 'exit');
    took.sort((one, other) => one - other);
    const share = (part: number) => took[Math.floor(part * (took.length - 1))];
    return `${took.length} runs, p50 ${share(0.5)} ms, p95 ${share(0.95)} ms, most ${took.at(-1)} ms`;
  }
}

async function work(place: string, connection: string): Promise<void> {
  const store = await openSystemStore(place);
  const connections = connectionsOf(store);
  await connections.load();
  const worker = new Worker({
    ...{ store, observe: () => undefined, connection, queues: ['default'], concurrency: 4 },
    signal: { listen: (name, hear) => connections.consume(name, ['default'], hear) },
    performer: {
      perform: async () => {
        process.send?.(Date.now());
        return { outcome: 'done', further: [] };
      },
    },
  });
  worker.start();
  process.send?.(Date.now());
}

function connectionsOf(store: Awaited<ReturnType<typeof openSystemStore>>): QueueConnections {
  return new QueueConnections({
    ...{ store, fallback: { connection: 'database', queue: 'default' } },
    secrets: { open: (sealed) => JSON.stringify(sealed) },
    observe: (seen) => console.error(seen),
    performer: () => ({ perform: async () => ({ outcome: 'done', further: [] }) }),
  });
}
