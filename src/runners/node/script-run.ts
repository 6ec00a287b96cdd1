// One run: from the first statement to the moment when nothing of it is left (ruling 12).
// Invariant: ends exactly once; which state of the event counts is decided here (spec §1.7).
import { clearImmediate, clearTimeout } from 'node:timers';
import { inspect } from 'node:util';
import { endings } from '../protocol.ts';
import { type ApiCall, type ApiRequest, type ApiResponse, platformApi } from './api-call.ts';
import { fail, Memos, retry } from './attempts.ts';
import { type ChangeTexts, type EventView, unchanged } from './event-view.ts';
import { isFalsyText, jsonOf } from './json-text.ts';
import { lazy, lazyObject } from './lazy-object.ts';
import { withLookups } from './lookups.ts';
import { RunLog } from './script-console.ts';
import type { ScriptProgram } from './script-program.ts';
import { synchronousApi } from './synchronous-api.ts';
import { describeThrown, type ThrownText } from './thrown-value.ts';
import { type StepRequest, Transactions } from './transactions.ts';

/** How a run ended, ready to be written. */
export interface Ended {
  readonly ending: number;
  readonly code: number;
  readonly error: ThrownText | undefined;
  readonly returned: string | undefined;
  readonly changes: ChangeTexts;
}

/** Whoever waits for the answer to a call. */
type OpenCall = Pick<ApiCall, 'answer'>;

/** What a run needs of the process it runs in. */
export interface RunHost {
  readonly config: string;
  readonly require: NodeJS.Require;
  call(run: ScriptRun, number: number, request: ApiRequest | StepRequest): void;
  /** Makes a call and waits for its answer; nothing else of this process goes on meanwhile. */
  callNow(run: ScriptRun, number: number, request: ApiRequest | StepRequest): ApiResponse;
  /** The run waits: the process tells it when nothing is open any more. */
  wait(): void;
  ended(run: ScriptRun, ended: Ended): void;
}

/** One execution of a program. */
export class ScriptRun {
  readonly id: string;
  readonly program: ScriptProgram;
  readonly log: RunLog;
  readonly view: EventView;
  #host: RunHost;
  #wantsChanges: boolean;
  #isOver = false;
  #isWaiting = false;
  #awaits = false;
  #handedOver = false;
  #returned: string | undefined;
  #captured: ChangeTexts | undefined;
  #calls = new Map<number, OpenCall>();
  #transactions: Transactions | undefined;
  #memos: Memos | undefined;
  #lastCall = 0;
  /** Timers of this run that may still fire. */
  readonly timers: NodeJS.Timeout[] = [];
  readonly immediates: NodeJS.Immediate[] = [];

  constructor(options: {
    id: string;
    program: ScriptProgram;
    view: EventView;
    host: RunHost;
    wantsChanges: boolean;
    logBytes: number;
  }) {
    this.id = options.id;
    this.program = options.program;
    this.view = options.view;
    this.log = new RunLog(options.logBytes);
    this.#host = options.host;
    this.#wantsChanges = options.wantsChanges;
    this.view.onHandOver = this.#handOver;
  }

  /** Calls of the platform that were not answered yet. */
  get openCalls(): number {
    return this.#calls.size;
  }

  /** Runs the body; a script known to end at once has ended when this returns. */
  start(): void {
    let value: unknown;
    try {
      value = this.program.call(this.#offer, this.#host.require);
    } catch (thrown) {
      this.fail(thrown);
      return;
    }
    if (isThenable(value)) this.#await(value);
    else if (!this.#keep(value)) return;
    if (this.program.isQuick && !this.#awaits) this.#finish();
    else this.#wait();
  }

  /** Something of the run threw, now or later. */
  fail(thrown: unknown): void {
    this.#end({ ending: endings.threw, error: describeThrown(thrown), changes: unchanged });
  }

  /** The script called process.exit: what was handed over until then counts. */
  exit(code: number): void {
    const changes = this.#captured ?? (this.#handedOver && this.#wantsChanges ? this.#changes() : unchanged);
    this.#end({ ending: endings.exited, code, changes: changes ?? unchanged });
  }

  /** No timer, socket or call is open. */
  drained(): void {
    // A promise that nothing can settle any more still has its time (ruling 12); the deadline ends it.
    if (!this.#awaits) this.#finish();
  }

  /** The platform answered a call of this run. */
  answer(number: number, response: ApiResponse): void {
    const call = this.#calls.get(number);
    this.#calls.delete(number);
    if (call === undefined || this.#isOver) return;
    try {
      call.answer(response);
    } catch (thrown) {
      this.fail(thrown);
    }
  }

  #offer = {
    event: () => this.view.event,
    info: () => this.view.info,
    platform: () => {
      const members = { api: lazy, config: lazy, session: lazy, store: { id: null } };
      // Quick ones look at none of these.
      if (!this.program.isQuick) Object.defineProperties(members, hidden());
      return lazyObject(members, (platform, key) => {
        if (key === 'api') platform.api = this.#api();
        else if (key === 'transaction') platform.transaction = this.#transaction();
        else if (key === 'once') platform.once = this.#once();
        else if (key === 'config') platform.config = JSON.parse(this.#host.config);
        else platform.session = this.view.session();
      });
    },
    lookup: (text: string) => withLookups(text, this.view.session()),
    dump: (value: unknown) => this.log.add('log', inspect(value)),
  };

  #api(): unknown {
    if (this.program.isSynchronous) {
      return synchronousApi((request) => {
        const transaction = this.#transactions?.current ?? 0;
        const once = this.#memos?.current;
        return this.#host.callNow(this, ++this.#lastCall, { ...request, transaction, once });
      });
    }
    return platformApi((given: ApiRequest, call: ApiCall) => {
      const once = this.#memos?.current;
      const request = once === undefined ? given : { ...given, once };
      const transactions = this.#transactions;
      const transaction = transactions?.current ?? 0;
      if (transactions === undefined || transaction === 0) {
        this.#send(request, call);
        return;
      }
      transactions.add(transaction, call);
      const answer = (response: ApiResponse) =>
        transactions.answered(transaction, call, () => call.answer(response));
      this.#send({ ...request, transaction }, { answer });
    });
  }

  #transaction(): unknown {
    this.#transactions = new Transactions({
      send: (request) => new Promise((answer) => this.#send(request, { answer })),
      sendNow: (request) => this.#host.callNow(this, ++this.#lastCall, request),
    });
    return this.program.isSynchronous ? this.#transactions.runNow : this.#transactions.run;
  }

  #once(): unknown {
    this.#memos = new Memos({
      send: (request) => new Promise((answer) => this.#send(request, { answer })),
      sendNow: (request) => this.#host.callNow(this, ++this.#lastCall, request),
    });
    return this.program.isSynchronous ? this.#memos.onceNow : this.#memos.once;
  }

  #send(request: ApiRequest | StepRequest, call: OpenCall): void {
    if (this.#isOver) return;
    this.#lastCall++;
    this.#calls.set(this.#lastCall, call);
    this.#host.call(this, this.#lastCall, request);
  }

  #await(value: PromiseLike<unknown>): void {
    this.#awaits = true;
    const settled = (result: unknown) => {
      this.#awaits = false;
      if (this.#isOver || !this.#keep(result)) return;
      this.#wait();
    };
    Promise.resolve(value).then(settled, (thrown) => this.fail(thrown));
  }

  // Keeps the returned value and, unless the run ends right here, the event as it is now.
  #keep(value: unknown): boolean {
    try {
      const text = jsonOf(value);
      this.#returned = isFalsyText(text) ? undefined : text;
    } catch (thrown) {
      this.fail(unserialisable('returned a value', thrown));
      return false;
    }
    if (this.program.isQuick && !this.#isWaiting) return true;
    const changes = this.#changes();
    this.#captured = changes;
    return changes !== undefined;
  }

  #handOver = (): void => {
    this.#handedOver = true;
    // During the synchronous body later statements still count; after it, only what is handed over.
    if (this.#captured !== undefined && !this.#isOver) this.#captured = this.#changes();
  };

  #changes(): ChangeTexts | undefined {
    if (!this.#wantsChanges) return unchanged;
    try {
      return this.view.changes();
    } catch (thrown) {
      this.fail(unserialisable('put a value into the event', thrown));
      return undefined;
    }
  }

  #wait(): void {
    this.#isWaiting = true;
    if (!this.#isOver) this.#host.wait();
  }

  #finish(): void {
    if (this.#isOver) return;
    const changes = this.#captured ?? this.#changes();
    if (changes === undefined) return;
    if (this.#returned === undefined && this.view.returned !== undefined && !this.#keepSetReturn()) return;
    this.#end({ ending: endings.finished, changes, returned: this.#returned });
  }

  #keepSetReturn(): boolean {
    try {
      const text = jsonOf(this.view.returned);
      this.#returned = isFalsyText(text) ? undefined : text;
      return true;
    } catch (thrown) {
      this.fail(unserialisable('gave setReturn a value', thrown));
      return false;
    }
  }

  #end(ended: Partial<Ended> & Pick<Ended, 'ending' | 'changes'>): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const timer of this.timers) clearTimeout(timer);
    for (const immediate of this.immediates) clearImmediate(immediate);
    this.#host.ended(this, { code: 0, error: undefined, returned: undefined, ...ended });
  }
}

// Not among the keys, which scripts may list as they did before there were these. Made for each run: what
// scripts get at is theirs.
function hidden(): PropertyDescriptorMap {
  const member = (value: unknown) => ({ value, enumerable: false, configurable: true, writable: true });
  return {
    transaction: member(lazy),
    once: member(lazy),
    retry: member((afterSeconds: unknown, reason?: unknown) => retry(afterSeconds, reason)),
    fail: member((reason?: unknown) => fail(reason)),
  };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function unserialisable(what: string, thrown: unknown): unknown {
  if (!(thrown instanceof TypeError) || !/circular/i.test(thrown.message)) return thrown;
  return new TypeError(`The script ${what} that contains itself; JSON cannot hold that.`);
}
