// A run on its way through the pool, and the calls that it makes of the platform.
// Invariant: settled exactly once, whatever happens to the processes that it was handed to.
import { asPlatformError, envelope, PlatformError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Result } from '../core/operation.ts';
import { type Invocation, memoMethod, type Outcome } from '../core/runner.ts';
import { ProtocolError } from './protocol.ts';
import type { CallFrame, StepFrame } from './runner-process.ts';

/** An answer to a call, as it travels. */
export interface CallAnswer {
  readonly status: number;
  /** JSON. */
  readonly headers: string;
  readonly body: string;
}

/** One run. */
export class Task {
  readonly invocation: Invocation;
  /**
   * Known to end at once and to touch nothing but its event: may be handed over behind others, and done
   * again.
   */
  readonly isQuick: boolean;
  /** Quick, and not yet under suspicion: one that may have stopped a process goes on alone. */
  isShared: boolean;
  readonly queuedAt = performance.now();
  isSettled = false;
  #resolve: (outcome: Outcome) => void;
  #forget: (() => void) | undefined;
  #made = 0;
  #open = 0;
  #waiting: (() => void)[] = [];

  constructor(invocation: Invocation, isQuick: boolean, resolve: (outcome: Outcome) => void) {
    this.invocation = invocation;
    this.isQuick = isQuick;
    this.isShared = isQuick;
    this.#resolve = resolve;
  }

  /** Whether the run has no call under way but the one that is being answered. */
  get isLastCall(): boolean {
    return this.#open <= 1 && this.#waiting.length === 0;
  }

  /** Has `abort` called when the signal says so before the run is settled. */
  heed(signal: AbortSignal, abort: () => void): void {
    signal.addEventListener('abort', abort, { once: true });
    this.#forget = () => signal.removeEventListener('abort', abort);
  }

  /** The first outcome counts. */
  settle(outcome: Outcome): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.#waiting = [];
    this.#forget?.();
    this.#resolve(outcome);
  }

  /**
   * Passes a call on to the platform and its answer to `reply`. Throws ProtocolError for a flood of calls.
   */
  call(call: CallFrame, reply: (answer: CallAnswer) => void): void {
    this.#made++;
    // What was done once is remembered in any case.
    const isMemo = call.method === memoMethod && call.payload !== undefined;
    if (this.#made > limits.innerCalls && (!isMemo || this.#made > limits.innerCalls * 2)) {
      this.#refuse(reply);
      return;
    }
    const start = () => void this.#perform(call, reply);
    if (this.#open < limits.innerCallsAtOnce) start();
    else this.#waiting.push(start);
  }

  /**
   * Takes a step of a transaction at once: the calls that wait for their turn may wait for just that. Throws
   * ProtocolError for a flood of them.
   */
  transact({ step, transaction, outer, service }: StepFrame, reply: (answer: CallAnswer) => void): void {
    this.#made++;
    // What was begun may be ended in any case.
    if (this.#made > limits.innerCalls && (step === 'begin' || this.#made > limits.innerCalls * 2)) {
      this.#refuse(reply);
      return;
    }
    const { bridge } = this.invocation;
    const taken = bridge.transact?.({ step, transaction, outer, service }) ?? Promise.reject(notOffered());
    taken.then(
      (result) => reply(answerOf(result)),
      (error) => reply(errorAnswer(asPlatformError(error))),
    );
  }

  // A script that goes on calling after its limit is no script that counts its calls.
  #refuse(reply: (answer: CallAnswer) => void): void {
    if (this.#made > limits.innerCalls * 2) throw new ProtocolError('a flood of calls');
    const message = `A run may call the platform ${limits.innerCalls} times.`;
    reply(errorAnswer(new PlatformError('script.too_many_calls', message)));
  }

  async #perform(call: CallFrame, reply: (answer: CallAnswer) => void): Promise<void> {
    this.#open++;
    try {
      const options: unknown = call.options === '' ? null : JSON.parse(call.options);
      const { method, path, payload, transaction, once } = call;
      const joined = transaction === 0 ? undefined : { transaction };
      const inside = once === undefined ? undefined : { once };
      const { bridge } = this.invocation;
      reply(answerOf(await bridge.call({ method, path, payload, options, ...joined, ...inside })));
    } catch (error) {
      reply(errorAnswer(asPlatformError(error)));
    } finally {
      this.#open--;
      this.#waiting.shift()?.();
    }
  }
}

function notOffered(): PlatformError {
  return new PlatformError('request.not_implemented', 'Transactions are not offered here.');
}

function answerOf(result: Result): CallAnswer {
  const { body, status } = result;
  const type = result.mediaType ?? body?.mediaType ?? 'application/json';
  const headers = body === undefined ? result.headers : { 'content-type': type, ...result.headers };
  return { status, headers: JSON.stringify(headers), body: body?.text ?? '' };
}

function errorAnswer(error: PlatformError): CallAnswer {
  const body = JSON.stringify({ error: envelope(error) });
  return { status: error.status, headers: '{"content-type":"application/json"}', body };
}
