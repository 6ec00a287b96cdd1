// Programs that take part in a comparison of queues, each in a process of its own.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Performance, Task } from './queue-contest.ts';
import type { QueuePlace } from './queue-places.ts';

/** One of the queues that are compared. */
export interface Entrant {
  readonly name: string;
  readonly program: string;
  /** The settings that were the quickest of those tried on the machine of the first figures. */
  readonly settings: Readonly<Record<string, number>>;
  place(): Promise<QueuePlace>;
}

/** BullMQ, as far as it does not depend on its Redis. */
export const bullmq = { program: 'bench/clients/queue-bullmq.mjs', settings: { concurrency: 200 } };

const root = fileURLToPath(new URL('..', import.meta.url));

/** Starts one in a new place, lets it do its task, and removes the place. */
export async function compete(entrant: Entrant, work: Omit<Task, 'servers'>): Promise<Performance> {
  const { name, program, settings } = entrant;
  const place = await entrant.place();
  try {
    const task: Task = { ...work, ...settings, ...place.task, servers: place.servers };
    return JSON.parse(await outputOf(program, task)) as Performance;
  } catch (error) {
    throw new Error(`${name}: ${String(error)}`, { cause: error });
  } finally {
    await place.remove();
  }
}

function outputOf(program: string, task: Task): Promise<string> {
  return new Promise((done, fail) => {
    const env = { PATH: process.env.PATH ?? '', BENCH_QUEUE: JSON.stringify(task) };
    const child = spawn(process.execPath, [program], {
      cwd: root,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.on('error', fail);
    child.on('exit', (code) => (code === 0 ? done(text) : fail(new Error(`ended with ${code}`))));
  });
}
