// Our program in a Node runner: takes frames on descriptor 3, runs scripts one after the other, answers each.
// Invariant: an answer leaves before the next run starts, except those of quick runs that came in one read:
// some of these leave together, which spares the server a wake-up each; in doubt the pool does such runs
// again, one by one. When descriptor 3 closes, the server is gone and this process ends.
import { readSync, rmdirSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { setImmediate as setOwnImmediate } from 'node:timers';
import {
  endings,
  type FrameFields,
  FrameReader,
  FrameWriter,
  kinds,
  loadFlags,
  resultFlags,
  runFlags,
} from '../protocol.ts';
import { type ApiRequest, ApiResponse } from './api-call.ts';
import { EventView, unchanged } from './event-view.ts';
import { Baseline } from './hygiene.ts';
import { Modules } from './modules.ts';
import { scriptConsole } from './script-console.ts';
import { ScriptProgram } from './script-program.ts';
import { type Ended, ScriptRun } from './script-run.ts';
import type { StepRequest } from './transactions.ts';

const channel = 3;
const givenVariables = 'TENON_GIVEN';
// A run that took longer lets the event loop turn first: the server may have recalled those behind it.
const slowMs = 1;
// Answers held back leave at this size at the latest, and at this number: held longer, server and runner take
// turns instead of working at the same time (21,000 requests/s with two scripts; 29,000 with eight).
const heldBytes = 65_536;
const heldAnswers = 8;

interface Settings {
  readonly config: string;
  readonly logBytes: number;
  readonly resultBytes: number;
  readonly frameBytes: number;
  /** Project folder whose `node_modules` scripts load packages from. */
  readonly packages: string | null;
}

class Host {
  config = '{}';
  readonly require: NodeJS.Require;
  #settings: Settings = { config: '{}', logBytes: 0, resultBytes: 0, frameBytes: 0, packages: null };
  #programs = new Map<number, ScriptProgram>();
  #out = new FrameWriter();
  #reader = new FrameReader(0x7f_ff_ff_ff, (kind, fields) => this.#take(kind, fields));
  #socket: Socket;
  #later: { id: string; program: ScriptProgram; fields: FrameFields }[] = [];
  #isLagging = false;
  // Answers of quick runs are held while further frames of the same read are looked at.
  #isReading = false;
  #held = 0;
  #current: ScriptRun | undefined;
  #baseline: Baseline;
  #modules: Modules;
  #open = 0;
  #runs = 0;
  #isLeaving = false;
  // The call that a synchronous script waits for, and where its bytes are read to.
  #awaited: { readonly number: number; answer: ApiResponse | undefined } | undefined;
  #waitingRoom = Buffer.alloc(0);
  #reallyExit: (code: number) => never;

  constructor() {
    const onread = {
      buffer: Buffer.allocUnsafeSlow(65_536),
      callback: (bytes: number, buffer: Uint8Array) => this.#read(buffer as Buffer, bytes),
    };
    this.#reallyExit = (process as unknown as { reallyExit(code: number): never }).reallyExit.bind(process);
    this.#socket = new Socket({ fd: channel, readable: true, writable: true, onread });
    const folder = process.cwd();
    const leave = () => {
      try {
        // The server is gone and cannot tidy up after us. Only ever an empty folder.
        rmdirSync(folder);
      } catch {
        // Scripts left files there, or the server was faster.
      }
      this.#reallyExit(0);
    };
    this.#socket.on('close', leave);
    this.#socket.on('error', leave);
    this.#prepare();
    this.#modules = new Modules({
      folder: () => this.#settings.packages ?? '',
      onBuiltin: (module) => this.#baseline.watchDeep(module),
    });
    this.require = this.#modules.require;
    this.#baseline = new Baseline();
    this.#open = openThings();
    this.#send(this.#out.begin(kinds.ready));
  }

  call(run: ScriptRun, number: number, request: ApiRequest | StepRequest): void {
    this.#socket.ref();
    if ('step' in request) {
      const { step, transaction, outer, service } = request;
      const frame = this.#out.begin(kinds.transact).id(run.id).u32(number).u8(step);
      this.#send(frame.u32(transaction).u32(outer).text(service));
      return;
    }
    const { method, path, options, payload, transaction = 0, once } = request;
    const frame = this.#out.begin(kinds.call).id(run.id).u32(number).u32(transaction);
    this.#send(frame.text(method).text(path).text(options).text(payload).text(once));
  }

  callNow(run: ScriptRun, number: number, request: ApiRequest | StepRequest): ApiResponse {
    this.#setBlocking(true);
    this.call(run, number, request);
    this.#awaited = { number, answer: undefined };
    while (this.#awaited.answer === undefined) {
      const bytes = readSync(channel, this.#waitingRoom);
      if (bytes === 0) this.#reallyExit(0);
      this.#reader.push(this.#waitingRoom.subarray(0, bytes));
    }
    const { answer } = this.#awaited;
    this.#awaited = undefined;
    this.#setBlocking(false);
    return answer;
  }

  // A pipe's handle can do this; without it every wait would be a loop over EAGAIN.
  #setBlocking(isBlocking: boolean): void {
    const { _handle: handle } = this.#socket as unknown as { _handle: { setBlocking(on: boolean): number } };
    handle.setBlocking(isBlocking);
  }

  wait(): void {
    if (this.#current?.openCalls === 0) this.#socket.unref();
  }

  ended(run: ScriptRun, ended: Ended): void {
    this.#socket.ref();
    this.#current = undefined;
    const isReusable = this.#isClean(run.program) && ended.ending !== endings.exited;
    this.#runs++;
    this.#writeResult(run, ended, isReusable);
    run.view.close();
    if (!isReusable) this.#later = [];
    else if (this.#later.length > 0) setOwnImmediate(this.#runLater);
  }

  #prepare(): void {
    Object.assign(globalThis, { console: scriptConsole({ log: () => this.#current?.log }) });
    // What starts us may add some of its own; the server names those that it gave.
    const given = (process.env[givenVariables] ?? '').split(',');
    const kept = new Set(['PATH', 'HOME', 'TMPDIR', 'TZ', 'LANG', ...given]);
    for (const name of Object.keys(process.env)) if (!kept.has(name)) delete process.env[name];
    // Made now, so that a script's first use does not look like something it left open.
    void process.stdout;
    void process.stderr;
    // Its own path is no business of scripts.
    process.argv.splice(1);
    this.#trackTimers();
    process.exit = ((code?: unknown) => this.#exit(code)) as never;
    process.on('uncaughtException', (thrown) => this.#stray(thrown));
    process.on('unhandledRejection', (thrown) => this.#stray(thrown));
    process.on('beforeExit', () => this.#drained());
  }

  // Timers that outlive their run are cleared with it; those that are open keep it going (through the event
  // loop).
  #trackTimers(): void {
    const { setTimeout, setInterval, setImmediate } = globalThis;
    const timer = (made: NodeJS.Timeout) => {
      this.#current?.timers.push(made);
      return made;
    };
    const tracked = {
      setTimeout: (...given: Parameters<typeof setTimeout>) => timer(setTimeout(...given)),
      setInterval: (...given: Parameters<typeof setInterval>) => timer(setInterval(...given)),
      setImmediate: (...given: Parameters<typeof setImmediate>) => {
        const made = setImmediate(...given);
        this.#current?.immediates.push(made);
        return made;
      },
    };
    Object.assign(globalThis, tracked);
  }

  #read(buffer: Buffer, bytes: number): boolean {
    try {
      this.#isReading = true;
      this.#reader.push(buffer.subarray(0, bytes));
      this.#isReading = false;
      this.#flush();
    } catch (error) {
      // The server does not send what we cannot read: someone else wrote to the channel.
      process.stderr.write(`${(error as Error).message}\n`);
      this.#reallyExit(70);
    }
    return true;
  }

  #take(kind: number, fields: FrameFields): void {
    if (kind === kinds.run) this.#takeRun(fields);
    else if (kind === kinds.reply) this.#reply(fields);
    else if (kind === kinds.load) this.#load(fields);
    else if (kind === kinds.recall) this.#recall(fields.id());
    else if (kind === kinds.start) this.#start(fields.given());
  }

  #start(text: string): void {
    this.#settings = JSON.parse(text) as Settings;
    this.config = this.#settings.config;
  }

  #load(fields: FrameFields): void {
    const index = fields.u32();
    const flags = fields.u8();
    const isAsync = (flags & loadFlags.isAsync) !== 0;
    const isQuick = (flags & loadFlags.isQuick) !== 0;
    const isSynchronous = (flags & loadFlags.isDialect) !== 0;
    const bindsLookups = (flags & loadFlags.bindsLookups) !== 0;
    if (isSynchronous && this.#waitingRoom.length === 0) this.#waitingRoom = Buffer.allocUnsafeSlow(65_536);
    const [name, code] = [fields.given(), fields.given()];
    const { packages } = this.#settings;
    const kind = { isAsync, isQuick, isSynchronous, bindsLookups, packages };
    this.#programs.set(index, new ScriptProgram({ index, name, code, ...kind }));
  }

  #takeRun(fields: FrameFields): void {
    const id = fields.id();
    const program = this.#programs.get(fields.u32());
    if (program === undefined) this.#reallyExit(70);
    const isFree = !this.#isLagging && this.#current === undefined && this.#later.length === 0;
    if (isFree && !program.isSynchronous) {
      this.#run({ id, program, fields });
      return;
    }
    // The buffer is only lent for this call.
    this.#later.push({ id, program, fields: fields.copied() });
    // What reads frames itself cannot start while frames are being read.
    if (isFree) setOwnImmediate(this.#runLater);
  }

  #recall(id: string): void {
    const place = this.#later.findIndex((run) => run.id === id);
    if (place < 0) return;
    this.#later.splice(place, 1);
    this.#send(this.#out.begin(kinds.dropped).id(id));
  }

  #runLater = (): void => {
    this.#isLagging = false;
    while (!this.#isLagging && this.#current === undefined) {
      const [next] = this.#later;
      if (next === undefined) return;
      if (next.program.isSynchronous && this.#socket.writableLength > 0) {
        // Its calls must not overtake an answer that the pipe has not taken yet.
        this.#socket.once('drain', this.#runLater);
        return;
      }
      this.#later.shift();
      this.#run(next);
    }
  };

  #run({ id, program, fields: lent }: { id: string; program: ScriptProgram; fields: FrameFields }): void {
    const wantsChanges = (lent.u8() & runFlags.wantsChanges) !== 0;
    const view = new EventView(program.isQuick ? lent : lent.copied());
    const { logBytes } = this.#settings;
    const run = new ScriptRun({ id, program, view, host: this, wantsChanges, logBytes });
    this.#current = run;
    // What may take long, or end this process, starts with nothing held back.
    if (!program.isQuick) this.#flush();
    const started = performance.now();
    run.start();
    if (performance.now() - started > slowMs && program.isQuick) {
      this.#isLagging = true;
      setOwnImmediate(this.#runLater);
    }
  }

  #reply(fields: FrameFields): void {
    const id = fields.id();
    const number = fields.u32();
    const status = fields.u16();
    const response = new ApiResponse(status, fields.given(), fields.given());
    const run = this.#current;
    if (run === undefined || run.id !== id) return;
    if (this.#awaited?.number === number) {
      this.#awaited.answer = response;
      return;
    }
    run.answer(number, response);
    if (this.#current === run && run.openCalls === 0) this.#socket.unref();
  }

  // Node says so when its event loop has nothing left but our unreferenced channel.
  #drained(): void {
    this.#socket.ref();
    this.#current?.drained();
  }

  #stray(thrown: unknown): void {
    if (this.#current === undefined) this.#reallyExit(71);
    this.#current.fail(thrown);
  }

  #exit(code: unknown): never {
    const number = Number(code ?? process.exitCode ?? 0);
    const safe = Number.isInteger(number) ? number & 0xff : 1;
    this.#isLeaving = true;
    this.#current?.exit(safe);
    return this.#reallyExit(safe);
  }

  #isClean(program: ScriptProgram): boolean {
    // Every 4,096th run is looked at in full whatever its text: the choice by text is a choice, not a proof.
    const isThorough = program.isSuspicious || (this.#runs & 4_095) === 0;
    if (!this.#modules.forget() || !this.#baseline.restore(isThorough)) return false;
    return program.isQuick || openThings() <= this.#open;
  }

  #writeResult(run: ScriptRun, ended: Ended, isReusable: boolean): void {
    const { error, changes, returned, code } = ended;
    const flags = (changes.stops ? resultFlags.stopPropagation : 0) | (isReusable ? 0 : resultFlags.retire);
    const out = this.#out.begin(kinds.result).id(run.id).u8(ended.ending).u8(flags).u32(code);
    out.text(error === undefined ? undefined : JSON.stringify(error));
    out.text(run.log.lines.length === 0 ? undefined : JSON.stringify(run.log.lines));
    out.text(returned);
    for (const text of changes.texts) out.text(text);
    const { resultBytes, logBytes } = this.#settings;
    if (out.frameSize <= resultBytes + logBytes * 2) {
      out.end();
      const isHeld = this.#isReading && run.program.isQuick && isReusable && out.size < heldBytes;
      if (!isHeld || ++this.#held >= heldAnswers) this.#flush();
      return;
    }
    out.cancel();
    const message = `The result of the script is larger than ${resultBytes} bytes.`;
    const tooLarge = { message, code: 'script.output_too_large' };
    const instead = { ending: endings.threw, error: tooLarge, changes: unchanged, returned: undefined };
    this.#writeResult(run, { ...instead, code: 0 }, isReusable);
  }

  #send(out: FrameWriter): void {
    out.end();
    this.#flush();
  }

  // Straight to the descriptor: half of what a stream costs per frame. A full pipe falls back to the stream.
  #flush(): void {
    this.#held = 0;
    if (this.#out.size === 0) return;
    const bytes = this.#out.take();
    let sent = this.#socket.writableLength === 0 ? this.#write(bytes) : 0;
    for (let tries = 0; this.#isLeaving && sent < bytes.length && tries < 1_000; tries++) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      sent += this.#write(bytes.subarray(sent));
    }
    if (sent < bytes.length) this.#socket.write(Buffer.from(bytes.subarray(sent)));
  }

  #write(bytes: Buffer): number {
    try {
      return writeSync(channel, bytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') this.#reallyExit(0);
      return 0;
    }
  }
}

function openThings(): number {
  return process.getActiveResourcesInfo().filter((name) => name !== 'Immediate').length;
}

new Host();
