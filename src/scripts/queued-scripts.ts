// Runs scripts for the queue: the text that a run was queued with, on the exchange that it was set off by.
// Invariant: whatever becomes of the script is an end, told with what its author said of another try.
import { LRUCache } from 'lru-cache';
import { limits } from '../core/limits.ts';
import type { Operation } from '../core/operation.ts';
import type { Handoffs } from '../core/outbox.ts';
import type { NewQueuedRun } from '../core/queue.ts';
import { readQueueOptions } from '../core/queue-options.ts';
import type { Exchange, QueuedEnd, QueuedWork } from '../core/script.ts';
import type { ScriptTextRepository } from '../core/store.ts';
import type { Compiler } from './compiler.ts';
import type { Failure } from './failure.ts';
import { LoadedScript, type ScriptRuns } from './run.ts';
import type { EventView, Place } from './types/event-view.ts';

/** What running scripts for the queue takes. */
export interface QueuedScriptsParts {
  readonly compiler: Compiler;
  readonly runs: ScriptRuns;
  readonly view: EventView;
  /** Without, runs get the text that there is. */
  readonly texts?: ScriptTextRepository;
  /** Known once the house stands; without, nothing can be queued. */
  readonly handoffs?: () => Handoffs;
}

/** A script as it is now, and what it is run on. */
export interface QueuedPart {
  readonly loaded: LoadedScript;
  readonly place: Place;
  readonly exchange: Pick<Exchange, 'operation' | 'request' | 'result'>;
  readonly keepsLog?: boolean;
}

/** Runs scripts for the queue. */
export class QueuedScripts {
  readonly #parts: QueuedScriptsParts;
  /** Earlier texts of a script as it is set now. */
  readonly #old = new WeakMap<LoadedScript, LRUCache<string, LoadedScript>>();
  readonly #keeping = new Set<Promise<void>>();
  /** Of scripts and services, as they are and were while this process runs. */
  readonly #versions = new Set<string>();

  constructor(parts: QueuedScriptsParts) {
    this.#parts = parts;
  }

  /** Queues a run that an operation asks for. */
  async send(operation: Operation, run: NewQueuedRun): Promise<void> {
    const { handoffs } = this.#parts;
    if (handoffs === undefined) throw new Error('there is no queue');
    await handoffs().send(operation, [run]);
  }

  /**
   * Refuses options that runs could not be queued with. Throws `script.invalid`, `queue.unknown_connection`.
   */
  check(config: Readonly<Record<string, unknown>>): void {
    const { connection } = readQueueOptions(config);
    if (connection !== undefined) this.#parts.handoffs?.().check(connection);
  }

  /** Keeps the text of a script, so that its runs find it when there is another one. */
  keep({ version, script }: LoadedScript): void {
    const { texts } = this.#parts;
    this.#versions.add(version);
    if (texts === undefined) return;
    // What can not be kept now is kept when the scripts are next read; until then it is the text there is.
    const kept = texts.keep(version, script.content).catch(() => undefined);
    this.#keeping.add(kept);
    void kept.finally(() => this.#keeping.delete(kept));
  }

  /** Versions whose texts must stay, although no run may need them now. */
  versions(): readonly string[] {
    return [...this.#versions];
  }

  /** Resolves when the texts that were given so far are kept. */
  async kept(): Promise<void> {
    await Promise.all(this.#keeping);
  }

  /** Runs a script; throws only what is not the script's. */
  async run(work: QueuedWork, { loaded, place, exchange, keepsLog = true }: QueuedPart): Promise<QueuedEnd> {
    const script = await this.#atVersion(loaded, work.version);
    if (script === undefined) return goneText(loaded.script.name, work.version);
    const { queued, memory, call, signal, timeoutMs } = work;
    const whole: Exchange = { ...exchange, headersText: undefined, call, queued, memory };
    let failed: QueuedEnd | undefined;
    try {
      await this.#parts.runs.run({
        script,
        exchange: whole,
        stage: place.stage,
        sections: this.#parts.view.sections(whole, place),
        wantsChanges: false,
        keepsLog,
        signal,
        ...(timeoutMs === null ? {} : { timeoutMs }),
        failed: (failure, logId) => {
          failed = endOf(failure, logId);
        },
      });
    } catch (error) {
      if (failed === undefined) throw error;
      return failed;
    }
    return { outcome: 'finished' };
  }

  async #atVersion(loaded: LoadedScript, version: string | null): Promise<LoadedScript | undefined> {
    if (version === null || version === loaded.version) return loaded;
    const own = this.#old.get(loaded) ?? new LRUCache({ max: limits.queuedVersions });
    this.#old.set(loaded, own);
    const known = own.get(version);
    if (known !== undefined) return known;
    const content = await this.#parts.texts?.get(version);
    if (content === undefined) return undefined;
    const old = new LoadedScript({ script: { ...loaded.script, content }, compiler: this.#parts.compiler });
    own.set(version, old);
    return old;
  }
}

function endOf({ outcome, reason, retry }: Failure, logId: string | null): QueuedEnd {
  // A text that can not be loaded can not be loaded later either.
  const isHopeless = outcome === 'not_loaded';
  return { outcome, reason, logId, retry: isHopeless ? false : retry };
}

function goneText(script: string, version: string | null): QueuedEnd {
  const reason = `the text of '${script}' that it was queued with (version ${version}) is not kept any more`;
  return { outcome: 'not_loaded', reason, logId: null, retry: false };
}
