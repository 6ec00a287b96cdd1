// Warm processes of one language: which run goes to which of them, when one more is started, and when one
// dies.
// Invariant: every run is settled once; at most one run of a process has started, and it is the one that pays
// when the process dies. Runs are packed onto few processes (two instead of one cost 20 % more CPU).
import { randomFillSync } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { limits } from '../core/limits.ts';
import type { Observe } from '../core/observe.ts';
import type { Invocation, Outcome, Prepared, Program, ProgramSource, Runner } from '../core/runner.ts';
import { OrphanGuard } from './orphan-guard.ts';
import { readOutcome } from './outcome.ts';
import { checkOf, preparedBy } from './prepared.ts';
import { ProcessGroups } from './process-groups.ts';
import { type FrameFields, idBytes, type RunId } from './protocol.ts';
import { type Handed, type LaunchPlan, RunnerProcess } from './runner-process.ts';
import { Task } from './task.ts';
import { WaitingLine } from './waiting-line.ts';

/** What a language tells its pool. */
export interface PoolOptions {
  readonly launch: LaunchPlan;
  readonly observe: Observe;
  readonly min: number;
  readonly max: number;
  readonly memoryMb: number;
  readonly runsPerProcess: number;
  /** Whether a program ends at once and touches nothing but its event, where it does not say so itself. */
  isQuick(program: Program): boolean;
  /** Whether processes of the language run pristine programs in forks of themselves, and go on afterwards. */
  readonly forks?: boolean;
  /** Whether only the interpreter can read the language's texts; they are then read by `prepare`. */
  readonly reads?: boolean;
}

/** A pool is the runner of its language. */
export class RunnerPool implements Runner {
  readonly language: string;
  readonly prepare?: (source: ProgramSource) => Promise<Prepared>;
  #options: PoolOptions;
  #processes: RunnerProcess[] = [];
  #dying = new Set<RunnerProcess>();
  #waiting = new WaitingLine();
  #quick = new WeakMap<Program, boolean>();
  #ids = new IdSource();
  #guard = new OrphanGuard();
  #groups = new ProcessGroups();
  #reserved: RunnerProcess | undefined;
  #clock: NodeJS.Timeout | undefined;
  #tickAt = 0;
  #housekeeping: NodeJS.Timeout | undefined;
  #failures = 0;
  #retryAt = 0;
  #isStopped = false;
  #onEmpty: (() => void) | undefined;
  #end: Promise<void> | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.language = options.launch.language;
    if (options.reads) this.prepare = async (source) => preparedBy(await this.run(checkOf(source)));
    for (let i = 0; i < options.min; i++) this.#start();
    this.#housekeeping = setInterval(() => this.#keepHouse(), limits.runnerIdleMs / 4).unref();
  }

  run(invocation: Invocation): Promise<Outcome> {
    return new Promise((resolve) => {
      const task = new Task(invocation, this.#isQuick(invocation), resolve);
      const { signal } = invocation;
      if (signal?.aborted) {
        task.settle({ kind: 'aborted', log: [] });
        return;
      }
      if (signal !== undefined) task.heed(signal, () => this.#abort(task));
      this.#accept(task);
    });
  }

  async stop({ afterRuns = false } = {}): Promise<void> {
    if (afterRuns) await this.#idle();
    this.#isStopped = true;
    // Whoever cannot wait for the runs may ask again.
    this.#end ??= this.#stopAll();
    await this.#end;
  }

  async #stopAll(): Promise<void> {
    clearInterval(this.#housekeeping);
    clearTimeout(this.#clock);
    const outcome: Outcome = { kind: 'unavailable', message: 'The server is stopping.' };
    for (const task of this.#waiting.clear()) task.settle(outcome);
    for (const process of [...this.#processes]) {
      for (const { task } of process.handed) task.settle(outcome);
      this.#dismiss(process, 'stop');
    }
    if (this.#dying.size > 0) await new Promise<void>((resolve) => (this.#onEmpty = resolve));
    await this.#guard.stop();
  }

  // Nobody hands it new runs by now; those it has end by their deadlines.
  async #idle(): Promise<void> {
    const isBusy = () => this.#processes.some((process) => process.handed.length > 0);
    while (!this.#isStopped && (isBusy() || this.#waiting.length > 0)) await pause(limits.runnerDrainMs);
  }

  #isQuick({ program }: Invocation): boolean {
    let isQuick = this.#quick.get(program);
    if (isQuick === undefined) {
      const { isPristine, isAsync } = program;
      isQuick = !isPristine && !isAsync && (program.isQuick ?? this.#options.isQuick(program));
      this.#quick.set(program, isQuick);
    }
    return isQuick;
  }

  #accept(task: Task): void {
    if (this.#isStopped) {
      task.settle({ kind: 'unavailable', message: 'The server is stopping.' });
      return;
    }
    if (this.#waiting.isFirst(task) && this.#offer(task)) return;
    if (this.#waiting.length >= limits.runnerQueue) {
      const message = `${limits.runnerQueue} runs of ${this.language} scripts are waiting. Try again later.`;
      task.settle({ kind: 'saturated', message });
      return;
    }
    this.#waiting.add(task);
    // Shared runs wait a moment first: most jams are over before a process could have started.
    if (!task.isShared || this.#processes.length === 0) this.#grow(task);
    if (this.#processes.length === 0 && !this.#isStopped) this.#refuseWaiting();
    this.#arm();
  }

  // A quick run ends by itself, and others may share its process: nobody waits for it, and the clock looks
  // after it.
  #abort(task: Task): void {
    task.settle({ kind: 'aborted', log: [] });
    if (this.#waiting.remove(task)) return;
    for (const process of this.#processes) {
      const place = process.handed.findIndex((handed) => handed.task === task);
      const handed = process.handed[place];
      if (handed === undefined) continue;
      if (place > 0) process.recall(handed);
      else if (!task.isShared) {
        this.#giveUp(process, 'its run was stopped');
        return;
      }
    }
  }

  #giveUp(process: RunnerProcess, reason: string): void {
    this.#dismiss(process, reason);
    this.#replace();
    this.#drain();
  }

  #drain(): void {
    this.#reserved = undefined;
    this.#waiting.offer((task) => this.#offer(task));
    if (this.#waiting.length > 0) this.#arm();
  }

  #offer(task: Task): boolean {
    const process = task.isShared ? this.#pickShared() : this.#pickOwn(task.invocation.depth);
    if (process === undefined) return false;
    process.hand({ task, id: this.#ids.next(), isRecalled: false, startedAt: 0 });
    this.#arm();
    return true;
  }

  // The first that can take it: later ones idle and stay warm for a burst.
  #pickShared(): RunnerProcess | undefined {
    for (const process of this.#processes) {
      if (process !== this.#reserved && this.#canShare(process)) return process;
    }
    return undefined;
  }

  #canShare(process: RunnerProcess): boolean {
    const first = process.handed[0];
    if (!process.isReady || process.runs >= this.#options.runsPerProcess) return false;
    if (first === undefined) return true;
    if (!first.task.isShared || process.handed.length >= limits.runnerPipeline) return false;
    return performance.now() - first.startedAt < limits.runnerLateMs;
  }

  // From the other end, so that runs of their own and shared ones seldom meet.
  #pickOwn(depth: number): RunnerProcess | undefined {
    if (this.#ownRuns(depth) >= this.#options.max * (depth + 1)) return undefined;
    const idle = this.#processes.findLast(
      (process) =>
        process.isReady && process.handed.length === 0 && process.runs < this.#options.runsPerProcess,
    );
    // Without this, a steady stream of shared runs would keep every process busy for ever.
    if (idle === undefined && depth === 0) this.#reserved ??= this.#processes.findLast(isShared);
    return idle;
  }

  // Runs of this depth or less that hold a process: those deeper always find `max` more.
  #ownRuns(depth: number): number {
    let count = 0;
    for (const process of this.#processes) {
      const task = process.handed[0]?.task;
      if (task !== undefined && !task.isShared && task.invocation.depth <= depth) count++;
    }
    return count;
  }

  #grow(task: Task): void {
    const starting = this.#processes.filter((process) => !process.isReady).length;
    const wanted = task.isShared ? 1 : this.#waiting.exclusive;
    if (starting >= wanted) return;
    const depth = Math.min(task.invocation.depth, limits.callDepth);
    if (this.#processes.length < this.#options.max * (depth + 1)) this.#start();
  }

  #keepSpare(): void {
    if (this.#isStopped || this.#processes.length >= this.#options.max) return;
    if (!this.#processes.some((process) => process.handed.length === 0)) this.#start();
  }

  #start(): void {
    if (this.#isStopped || performance.now() < this.#retryAt) return;
    try {
      const process = new RunnerProcess(this.#options.launch, {
        ready: (process) => this.#ready(process),
        result: (process, handed, fields) => this.#result(process, handed, fields),
        call: (process, handed, call) =>
          handed.task.call(call, (answer) => process.reply(handed, call.number, answer)),
        transact: (process, handed, step) =>
          handed.task.transact(step, (answer) => process.reply(handed, step.number, answer)),
        gone: (process, reason) => this.#gone(process, reason),
      });
      this.#processes.push(process);
      this.#guard.add(process.pid);
      this.#arm();
      this.#options.observe({ kind: 'runner.started', language: this.language, pid: process.pid });
    } catch (error) {
      this.#failed(0, error instanceof Error ? error.message : String(error));
    }
  }

  #ready(process: RunnerProcess): void {
    if (process.isRetiring) return;
    this.#failures = 0;
    this.#drain();
  }

  #result(process: RunnerProcess, handed: Handed, fields: FrameFields): void {
    const { task } = handed;
    const { outcome, retires } = readResult(task, fields);
    task.settle(outcome);
    const isUsed = process.runs >= this.#options.runsPerProcess && process.handed.length === 0;
    const { isPristine } = task.invocation.program;
    const leaves = isPristine && (this.#options.forks !== true || process.hasChildren());
    if (retires || isUsed || leaves) {
      this.#dismiss(process, isUsed ? 'it did its number of runs' : 'a run may have left traces');
      this.#replace();
    }
    if (this.#waiting.length > 0) this.#drain();
  }

  /** Takes a process out of service: what has not started on it moves to others. */
  #dismiss(process: RunnerProcess, reason: string): void {
    this.#processes = this.#processes.filter((other) => other !== process);
    this.#dying.add(process);
    const rest = process.handed.filter((handed) => !handed.isRecalled).map((handed) => handed.task);
    this.#waiting.putBack(rest.filter((task) => !task.isSettled));
    process.kill(reason);
    this.#options.observe({ kind: 'runner.retired', language: this.language, pid: process.pid, reason });
  }

  #replace(): void {
    if (this.#processes.length < this.#options.min) this.#start();
    this.#keepSpare();
  }

  // A process ended, by our hand or its own.
  #gone(process: RunnerProcess, reason: string): void {
    this.#guard.remove(process.pid);
    if (this.#dying.delete(process)) {
      if (this.#dying.size === 0) this.#onEmpty?.();
      return;
    }
    this.#blame(process, { kind: 'crashed', reason, log: [] });
    this.#dismiss(process, reason);
    this.#dying.delete(process);
    this.#failed(process.isReady ? undefined : process.pid, reason);
    this.#replace();
    this.#drain();
  }

  // Only processes that never became ready count: a script that kills its process says nothing about the
  // next.
  #failed(pid: number | undefined, reason: string): void {
    this.#options.observe({ kind: 'runner.failed', language: this.language, pid: pid ?? 0, reason });
    if (pid === undefined) return;
    this.#failures++;
    const pause = Math.min(50 * 2 ** this.#failures, limits.runnerRetryMs);
    this.#retryAt = performance.now() + pause;
    if (this.#processes.length === 0) this.#refuseWaiting();
  }

  #refuseWaiting(): void {
    const message = `No process for ${this.language} scripts can be started. The log of the server says why.`;
    for (const task of this.#waiting.clear()) task.settle({ kind: 'unavailable', message });
  }

  // One timer for all: armed while anything is under way.
  #arm(): void {
    if (this.#clock !== undefined || this.#isStopped) return;
    const delay = this.#processes.some((process) => process.handed.length > 1) ? limits.runnerLateMs : 10;
    this.#tickAt = performance.now() + delay;
    this.#clock = setTimeout(() => this.#tick(), delay).unref();
  }

  #tick(): void {
    this.#clock = undefined;
    const now = performance.now();
    // Our own event loop was held up: answers may lie unread, so nobody is late yet.
    if (now - this.#tickAt < 50) this.#check(now);
    const isBusy = this.#processes.some((process) => process.handed.length > 0 || !process.isReady);
    if (isBusy || this.#waiting.length > 0) this.#arm();
  }

  #check(now: number): void {
    for (const process of this.#processes) {
      const first = process.handed[0];
      if (!process.isReady) this.#checkStart(process, now);
      else if (first !== undefined) this.#checkRun(process, first, now);
    }
    for (const task of this.#waiting.removeOlder(now - limits.runnerWaitMs)) {
      const message = `No process for ${this.language} scripts became free within ${limits.runnerWaitMs} ms.`;
      task.settle({ kind: 'saturated', message });
    }
    if (this.#waiting.length > 0) this.#growForWaiting();
    this.#keepSpare();
  }

  #growForWaiting(): void {
    this.#waiting.offer((task) => {
      if (this.#offer(task)) return true;
      this.#grow(task);
      return false;
    });
  }

  #checkStart(process: RunnerProcess, now: number): void {
    if (now - process.bornAt < limits.runnerStartMs) return;
    this.#dismiss(process, 'it did not become ready');
    this.#failed(process.pid, `it was not ready within ${limits.runnerStartMs} ms`);
  }

  #checkRun(process: RunnerProcess, first: Handed, now: number): void {
    const ms = now - first.startedAt;
    const { timeoutMs } = first.task.invocation;
    const isHurried = isDoubtful(process) || first.task.invocation.signal?.aborted === true;
    const most = isHurried ? Math.min(timeoutMs, limits.runnerStuckMs) : timeoutMs;
    if (ms > most) {
      this.#blame(process, { kind: 'timeout', ms: timeoutMs, log: [] });
      this.#giveUp(process, `a run took longer than ${most} ms`);
      return;
    }
    if (ms > limits.runnerLateMs && process.handed.length > 1) this.#spill(process);
    const excess = this.#excess(process, { ms, now });
    if (excess !== undefined) this.#overstepped(process, excess);
  }

  // The kernel bounds each process; what many take together, and what lies on the disk, is looked at here.
  #excess(process: RunnerProcess, { ms, now }: { ms: number; now: number }): string | undefined {
    if (ms > 20) {
      const most = this.#options.memoryMb * 1_048_576;
      const isTooMuch = process.memory() > most || (ms > 100 && this.#groups.memory(process.pid, now) > most);
      if (isTooMuch) return `it took more than ${this.#options.memoryMb} MB of memory`;
    }
    return process.excess(now);
  }

  #overstepped(process: RunnerProcess, reason: string): void {
    this.#blame(process, { kind: 'crashed', reason, log: [] });
    this.#giveUp(process, reason);
  }

  // The oldest unanswered run has started, and pays. Answers of shared runs leave together, though: among
  // several of these any may be the one, so each is done again in a process of its own, where there is no
  // doubt.
  #blame(process: RunnerProcess, outcome: Outcome): void {
    const first = process.handed[0];
    if (isDoubtful(process)) {
      for (const { task, isRecalled } of process.handed) if (!isRecalled) task.isShared = false;
    } else if (first !== undefined && !first.isRecalled) first.task.settle(outcome);
  }

  // Those behind a slow run go elsewhere. One may start here all the same before its recall arrives: quick
  // runs touch nothing but their event, so the answer that comes second is dropped and nobody can tell.
  #spill(process: RunnerProcess): void {
    const moved = process.handed.slice(1).filter((handed) => !handed.isRecalled);
    for (const handed of moved) process.recall(handed);
    this.#waiting.putBack(moved.map((handed) => handed.task));
    const next = moved[0];
    if (next !== undefined) this.#drain();
  }

  #keepHouse(): void {
    const now = performance.now();
    if (this.#processes.length < this.#options.min) this.#start();
    const keep = Math.min(this.#options.min + 1, this.#options.max);
    for (const process of this.#processes.toReversed()) {
      if (this.#processes.length <= keep) return;
      const isIdle = process.isReady && process.handed.length === 0;
      if (isIdle && now - process.idleSince > limits.runnerIdleMs) this.#dismiss(process, 'it was idle');
    }
  }
}

// What cannot be read counts as a crash of this run; the process, which sent it, is killed by whoever
// catches.
function readResult(task: Task, fields: FrameFields): ReturnType<typeof readOutcome> {
  try {
    return readOutcome(fields, task.invocation.program);
  } catch (error) {
    task.settle({ kind: 'crashed', reason: 'its answer could not be read', log: [] });
    throw error;
  }
}

function isDoubtful(process: RunnerProcess): boolean {
  return process.handed.length > 1 && isShared(process);
}

function isShared(process: RunnerProcess): boolean {
  return process.handed[0]?.task.isShared === true;
}

// Random bytes are cheap by the page and dear by the piece. A page is never written twice: ids lie in it.
class IdSource {
  #page: Buffer = Buffer.alloc(0);
  #at = 0;

  next(): RunId {
    if (this.#at === this.#page.length) {
      this.#page = randomFillSync(Buffer.allocUnsafeSlow(idBytes * 256));
      this.#at = 0;
    }
    const id = { page: this.#page, at: this.#at };
    this.#at += idBytes;
    return id;
  }
}
