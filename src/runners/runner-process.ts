// One warm process of a runner: its channel, the runs handed to it in order, and how it dies.
// Invariant: the oldest unanswered run is the one that has started; whatever breaks the protocol ends the
// process.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setPriority, tmpdir } from 'node:os';
import type { Duplex, Readable } from 'node:stream';
import { limits } from '../core/limits.ts';
import type { Program, TransactionStep } from '../core/runner.ts';
import {
  type FrameFields,
  FrameReader,
  FrameWriter,
  kinds,
  loadFlags,
  ProtocolError,
  type RunId,
  runFlags,
  steps,
} from './protocol.ts';
import type { Enclosure, Sandbox } from './sandbox.ts';
import type { Task } from './task.ts';
import { WorkFolder } from './work-folder.ts';

/** How to start a process of a language. */
export interface LaunchPlan {
  readonly language: string;
  readonly command: string;
  readonly args: readonly string[];
  /** JSON of the first frame. */
  readonly settings: string;
  /** Files and folders that the process reads: its host program, packages, include paths. */
  readonly readable: readonly string[];
  /** Variables that it gets beside PATH, HOME, TZ and LANG. */
  readonly environment: Readonly<Record<string, string>>;
  readonly sandbox: Sandbox;
  /** Where private work folders are made; the system's temporary folder when undefined. */
  readonly folder: string | undefined;
}

/** A call that a run makes: its number, and the texts of its frame. */
export interface CallFrame {
  readonly number: number;
  /** 0: none. */
  readonly transaction: number;
  readonly method: string;
  readonly path: string;
  readonly options: string;
  readonly payload: string | undefined;
  readonly once: string | undefined;
}

/** A step of a transaction that a run takes, with the number of its frame. */
export interface StepFrame extends TransactionStep {
  readonly number: number;
}

/** What the pool is told; never while a process is being made. */
export interface ProcessEvents {
  /** It takes runs now: the first time, or again. */
  ready(process: RunnerProcess): void;
  /** Fields stand behind the id; `handed` is no longer among those of the process. */
  result(process: RunnerProcess, handed: Handed, fields: FrameFields): void;
  call(process: RunnerProcess, handed: Handed, call: CallFrame): void;
  transact(process: RunnerProcess, handed: Handed, step: StepFrame): void;
  /** Once, when the process is gone and all that it said was read. */
  gone(process: RunnerProcess, reason: string): void;
}

/** A run handed to a process. */
export interface Handed {
  readonly task: Task;
  readonly id: RunId;
  /** Given to another process as well: an answer is dropped. */
  isRecalled: boolean;
  /** `performance.now()` since when it is the oldest unanswered; 0 before. */
  startedAt: number;
}

const stepNames: Readonly<Record<number, TransactionStep['step']>> = {
  [steps.begin]: 'begin',
  [steps.commit]: 'commit',
  [steps.rollback]: 'rollback',
};

/** One process. */
export class RunnerProcess {
  readonly pid: number;
  readonly bornAt = performance.now();
  readonly handed: Handed[] = [];
  isReady = false;
  /** No new runs: it is about to go. */
  isRetiring = false;
  runs = 0;
  idleSince = performance.now();
  #child: ChildProcess;
  #channel: Duplex | undefined;
  #events: ProcessEvents;
  #folder: WorkFolder;
  #lookedAt = performance.now();
  #enclosure: Enclosure;
  #loaded = new Map<string, number>();
  #programs = 0;
  #out = new FrameWriter();
  #isFlushing = false;
  #exit: string | undefined;
  #isClosed = false;
  #isGone = false;
  #reason: string | undefined;
  #lastWords = '';

  constructor(plan: LaunchPlan, events: ProcessEvents) {
    this.#events = events;
    this.#folder = new WorkFolder(plan.folder ?? plan.sandbox.folder ?? tmpdir(), plan.language);
    const folder = this.#folder.path;
    this.#enclosure = enclosed(plan, this.#folder);
    this.#child = spawn(this.#enclosure.command, this.#enclosure.args, {
      cwd: folder,
      env: { ...plan.environment, ...childEnvironment(folder) },
      // A session of its own: one signal reaches all that it starts, and none of ours reaches it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    this.pid = this.#child.pid ?? 0;
    this.#child.on('error', (error) => this.#exited(error.message));
    this.#child.on('exit', (code, signal) => this.#exited(signal ?? `exit code ${code}`));
    if (this.pid === 0) return;
    lowerPriority(this.pid);
    this.#listen();
    this.#out.begin(kinds.start).text(plan.settings).end();
    this.#flushLater();
  }

  /** Hands over a run; its frame leaves with the others of this turn. */
  hand(handed: Handed): void {
    const { program, sections, wantsChanges } = handed.task.invocation;
    const index = this.#load(program, handed.task.isQuick);
    const out = this.#out.begin(kinds.run).runId(handed.id).u32(index);
    out.u8(wantsChanges === false ? 0 : runFlags.wantsChanges);
    // In the order of `sectionNames`, written out because reading members by name costs more than the
    // writing.
    out.text(sections.meta).text(sections.parameters).text(sections.headers).text(sections.content);
    out.text(sections.payload).text(sections.session).text(sections.response).text(sections.responseContent);
    out.end();
    if (this.handed.push(handed) === 1) handed.startedAt = performance.now();
    this.runs++;
    this.#flushLater();
  }

  /** Takes back runs that have not started; one that has is answered all the same. */
  recall(handed: Handed): void {
    handed.isRecalled = true;
    this.#out.begin(kinds.recall).runId(handed.id).end();
    this.#flushLater();
  }

  /** Answers a call of a run. */
  reply(handed: Handed, number: number, answer: { status: number; headers: string; body: string }): void {
    if (this.#isClosed || !this.handed.includes(handed)) return;
    const out = this.#out.begin(kinds.reply).runId(handed.id).u32(number).u16(answer.status);
    out.text(answer.headers).text(answer.body).end();
    // A script that has made one call waits for this and nothing else.
    if (handed.task.isLastCall) this.#flush();
    else this.#flushLater();
  }

  /** Ends the process and all that it started; `gone` follows. */
  kill(reason: string): void {
    this.isRetiring = true;
    this.#reason ??= reason;
    if (this.#exit !== undefined || this.pid === 0) return;
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      this.#child.kill('SIGKILL');
    }
  }

  /** Memory in use, in bytes; 0 where the system does not tell. */
  memory(): number {
    try {
      return Number(readFileSync(`/proc/${this.pid}/statm`, 'latin1').split(' ')[1]) * 4_096;
    } catch {
      return 0;
    }
  }

  /** Whether a run left processes behind; those of forks are its own children inside a sandbox. */
  hasChildren(): boolean {
    try {
      return readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, 'latin1') !== '';
    } catch {
      return false;
    }
  }

  /** What its work folder holds too much of; looked at now and then. */
  excess(now: number): string | undefined {
    if (now - this.#lookedAt < limits.runnerLookMs) return undefined;
    this.#lookedAt = now;
    return this.#folder.excess();
  }

  #load(program: Program, isQuick: boolean): number {
    const known = this.#loaded.get(program.hash);
    if (known !== undefined) return known;
    const index = ++this.#programs;
    // A text that was only read is forgotten on both sides.
    if (program.isCheck !== true) this.#loaded.set(program.hash, index);
    this.#out.begin(kinds.load).u32(index).u8(flagsOf(program, isQuick));
    this.#out.text(program.name).text(program.code).end();
    return index;
  }

  // All frames of one turn of the event loop leave in one write.
  #flushLater(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setImmediate(this.#flush);
  }

  #flush = (): void => {
    this.#isFlushing = false;
    if (this.#isClosed || this.#out.size === 0) return;
    if (this.#channel === undefined) return;
    this.#channel.write(this.#out.take());
    // What the pipe did not take at once is still read from where it lies.
    if (this.#channel.writableLength > 0) this.#out.leave();
    else this.#out.shrink();
  };

  #listen(): void {
    const channel = this.#child.stdio[3] as Duplex;
    this.#channel = channel;
    const reader = new FrameReader(limits.frameBytes, (kind, fields) => this.#take(kind, fields));
    channel.on('data', (chunk: Buffer) => {
      try {
        if (!this.#isClosed) reader.push(chunk);
      } catch (error) {
        this.#breach(error);
      }
    });
    channel.on('error', () => {});
    channel.on('close', () => this.#closed());
    for (const output of [this.#child.stdout, this.#child.stderr]) this.#hear(output);
  }

  #take(kind: number, fields: FrameFields): void {
    if (this.#isClosed) return;
    if (kind === kinds.result) this.#result(fields);
    else if (kind === kinds.call) this.#call(fields);
    else if (kind === kinds.transact) this.#transact(fields);
    else if (kind === kinds.dropped) this.#dropped(fields);
    else if (kind === kinds.ready && !this.isReady) this.#becomeReady(fields);
    else throw new ProtocolError(`a frame of kind ${kind} is not expected`);
  }

  #becomeReady(fields: FrameFields): void {
    fields.finish();
    this.#enclosure.settle(this.pid);
    this.isReady = true;
    this.idleSince = performance.now();
    this.#events.ready(this);
  }

  #result(fields: FrameFields): void {
    const handed = this.handed[0];
    if (handed === undefined || !fields.isRun(handed.id)) {
      throw new ProtocolError('a result has an unknown id');
    }
    this.handed.shift();
    this.#startNext();
    this.#events.result(this, handed, fields);
  }

  #dropped(fields: FrameFields): void {
    const place = this.handed.findIndex((handed) => handed.isRecalled && fields.isRun(handed.id));
    if (place < 0) throw new ProtocolError('a run was dropped that was not recalled');
    this.handed.splice(place, 1);
    this.#startNext();
    this.#events.ready(this);
  }

  #startNext(): void {
    const next = this.handed[0];
    const now = performance.now();
    if (next === undefined) this.idleSince = now;
    else next.startedAt = now;
  }

  #call(fields: FrameFields): void {
    const handed = this.#calling(fields);
    const number = fields.u32();
    const transaction = fields.u32();
    const [method, path, options] = [fields.given(), fields.given(), fields.given()];
    const payload = fields.text() ?? undefined;
    const once = fields.text() ?? undefined;
    fields.finish();
    this.#events.call(this, handed, { number, transaction, method, path, options, payload, once });
  }

  #transact(fields: FrameFields): void {
    const handed = this.#calling(fields);
    const number = fields.u32();
    const step = stepNames[fields.u8()];
    const [transaction, outer, service] = [fields.u32(), fields.u32(), fields.given()];
    fields.finish();
    if (step === undefined || transaction === 0)
      throw new ProtocolError('a step of a transaction is unknown');
    this.#events.transact(this, handed, { number, step, transaction, outer, service });
  }

  #calling(fields: FrameFields): Handed {
    const handed = this.handed[0];
    if (handed === undefined || !fields.isRun(handed.id)) throw new ProtocolError('a call has an unknown id');
    return handed;
  }

  #breach(error: unknown): void {
    if (!(error instanceof ProtocolError || error instanceof SyntaxError)) throw error;
    this.#isClosed = true;
    this.kill(`it broke the protocol: ${error.message}`);
  }

  // What scripts write past their console is only kept for the case that the process dies.
  #hear(output: Readable | null): void {
    output?.on('data', (chunk: Buffer) => {
      this.#lastWords = (this.#lastWords + chunk.toString('latin1')).slice(-limits.runnerErrorBytes);
    });
    output?.on('error', () => {});
  }

  #closed(): void {
    this.#isClosed = true;
    this.kill('its channel was closed');
    this.#settle();
  }

  #exited(how: string): void {
    this.#exit = how;
    this.kill('it ended');
    // Its children may keep a pipe open that it shared with them; what it said itself is read by then.
    if (this.#channel === undefined) this.#isClosed = true;
    else setTimeout(() => this.#channel?.destroy(), 100).unref();
    this.#settle();
  }

  #settle(): void {
    if (this.#isGone || this.#exit === undefined || !this.#isClosed) return;
    this.#isGone = true;
    this.#channel?.destroy();
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
    // The group may outlive its leader.
    if (this.pid !== 0) killGroup(this.pid);
    const fatal = /FATAL ERROR: .*/.exec(this.#lastWords)?.[0];
    const reason = [this.#reason ?? this.#exit, fatal ?? this.#exit].join(': ');
    this.#folder.remove(this.pid, () => this.#events.gone(this, reason));
  }
}

function enclosed(plan: LaunchPlan, folder: WorkFolder): Enclosure {
  try {
    return plan.sandbox.enclose({ ...plan, folder: folder.path });
  } catch (error) {
    folder.remove(0, () => {});
    throw error;
  }
}

function flagsOf(program: Program, isQuick: boolean): number {
  let flags = 0;
  if (program.isAsync) flags |= loadFlags.isAsync;
  if (isQuick) flags |= loadFlags.isQuick;
  if (program.isPristine) flags |= loadFlags.isPristine;
  if (program.dialect !== undefined) flags |= loadFlags.isDialect;
  if (program.bindsLookups === true) flags |= loadFlags.bindsLookups;
  if (program.isCheck === true) flags |= loadFlags.isCheck;
  return flags;
}

function childEnvironment(home: string): NodeJS.ProcessEnv {
  const { TZ, LANG } = process.env;
  return {
    // Not the server's, which tells of the machine and holds folders that are closed to scripts.
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: home,
    // The system's is closed to scripts.
    TMPDIR: home,
    TZ: TZ ?? 'UTC',
    LANG: LANG ?? 'C.UTF-8',
  };
}

function lowerPriority(pid: number): void {
  try {
    // Four endless loops then cost the server's p99 4 ms instead of 5–20.
    setPriority(pid, 10);
  } catch {
    // It ended already, or the system does not let us: fairness is lost, not safety.
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody is left in it.
  }
}
