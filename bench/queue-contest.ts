// What every queue of the comparison is asked, in a process of its own: runs are queued by a call each, then
// performed by one worker, then a few are waited for while nothing else happens.
// Invariant: runs count as performed when the queue itself has nothing left, not when their handler was
// called.
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuMs } from './process.ts';

/** What a contestant is asked to do; BENCH_QUEUE holds it as JSON, with what the contestant itself needs. */
export interface Task {
  readonly count: number;
  /** Calls that queue at the same time. */
  readonly window: number;
  /** Runs that are queued one by one, to see how soon they start. */
  readonly waits: number;
  /** Processes beside the contestant's own that work for it. */
  readonly servers: readonly number[];
}

/** A queue, as the comparison knows it. */
export interface Contestant {
  /** Resolves when the run is kept. */
  add(number: number): Promise<unknown>;
  /** Starts a worker that calls `perform` for each run; resolves to what stops it. */
  work(perform: () => void): Promise<() => unknown>;
  /** Whether all that was queued is done. */
  isEmpty(): Promise<boolean>;
}

/** What a contestant did. */
export interface Performance {
  readonly queuedPerSecond: number;
  readonly performedPerSecond: number;
  /** Queued and then performed. */
  readonly runsPerSecond: number;
  /** Of all processes, per run queued and performed. */
  readonly cpuMicrosecondsPerRun: number;
  /** From the call that queues to the start. */
  readonly latenciesMs: readonly number[];
}

/** What the program was started with. */
export function readTask<More>(): Task & More {
  return JSON.parse(process.env.BENCH_QUEUE ?? '{}') as Task & More;
}

/** Asks a queue, and prints what it did as a line of JSON. */
export async function contest(task: Task, contestant: Contestant): Promise<void> {
  const { count } = task;
  const watch = new Watch();
  const cpuBefore = cpuOf(task);
  const queuedMs = await timed(() => queueAll(task, contestant));
  let stop: () => unknown = () => undefined;
  const performedMs = await timed(async () => {
    const all = watch.next(count);
    stop = await contestant.work(() => watch.note());
    await all;
    while (!(await contestant.isEmpty())) await sleep(1);
  });
  const cpu = cpuOf(task) - cpuBefore;
  const latenciesMs = await waits(task, contestant, watch);
  await stop();
  const perSecond = (ms: number) => (count * 1_000) / ms;
  const done: Performance = {
    queuedPerSecond: perSecond(queuedMs),
    performedPerSecond: perSecond(performedMs),
    runsPerSecond: perSecond(queuedMs + performedMs),
    cpuMicrosecondsPerRun: (cpu * 1_000) / count,
    latenciesMs,
  };
  console.log(JSON.stringify(done));
}

// Calls back when so many more were performed.
class Watch {
  #left = 0;
  #done: () => void = () => undefined;

  next(count: number): Promise<void> {
    this.#left = count;
    return new Promise((done) => {
      this.#done = done;
    });
  }

  note(): void {
    if (--this.#left === 0) this.#done();
  }
}

async function queueAll({ count, window }: Task, { add }: Contestant): Promise<void> {
  for (let at = 0; at < count; at += window) {
    const size = Math.min(window, count - at);
    await Promise.all(Array.from({ length: size }, (_, of) => add(at + of)));
  }
}

async function waits(task: Task, { add }: Contestant, watch: Watch): Promise<number[]> {
  const latencies: number[] = [];
  for (let at = 0; at < task.waits; at++) {
    // Long enough for any worker to have nothing to do, and never in step with how it looks.
    await sleep(20 + ((at * 7) % 30));
    const began = performance.now();
    const start = watch.next(1).then(() => latencies.push(performance.now() - began));
    await Promise.all([add(task.count + at), start]);
  }
  return latencies;
}

function cpuOf({ servers }: Task): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000 + servers.reduce((sum, pid) => sum + cpuMs(pid), 0);
}

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
