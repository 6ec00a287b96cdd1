// Which scripts are bound to which events. Invariant: a location without scripts gets no plan at all, and a
// change of scripts raises the generation, so that plans made before it are dropped.
import { type EventName, parseEventName, type Stage } from '../core/event.ts';
import type { Observe } from '../core/observe.ts';
import type { Handoffs } from '../core/outbox.ts';
import { readQueueOptions } from '../core/queue-options.ts';
import type { Trial, TrialEnd } from '../core/run.ts';
import type { Runner } from '../core/runner.ts';
import type {
  QueuedEnd,
  QueuedWork,
  Script,
  ScriptDirectory,
  ScriptHandlers,
  ScriptPlan,
} from '../core/script.ts';
import type { EventScriptRecord, ScriptTextRepository } from '../core/store.ts';
import type { Elevations } from '../security/elevations.ts';
import type { RunTokens } from '../security/run-tokens.ts';
import type { Compiler } from './compiler.ts';
import type { Outgoing } from './foreign-call.ts';
import type { RunHistory } from './history.ts';
import { SessionTexts } from './platform.ts';
import { QueuedScripts } from './queued-scripts.ts';
import { LoadedScript, ScriptRuns } from './run.ts';
import { runnerOf, type ScriptDraft, timeoutOf, validateScript } from './script-types.ts';
import { problemOf } from './source.ts';
import { tryScript } from './trial.ts';
import { type Bound, EventPlan } from './types/event.ts';
import { KnownParameters } from './types/event-outcome.ts';
import { EventView } from './types/event-view.ts';
import { ServiceScripts } from './types/service.ts';

/** What the directory is made of. Runners by language, e.g. `nodejs`. */
export interface EventScriptsParts {
  readonly compiler: Compiler;
  readonly runners: ReadonlyMap<string, Runner>;
  readonly observe: Observe;
  /** Calls other hosts; without, scripts cannot. */
  readonly outgoing?: Outgoing;
  /** Gives scripts the token of their session; without, they get one that no door accepts. */
  readonly runTokens?: RunTokens;
  /** Keeps what becomes of runs; without, nothing of them is kept. */
  readonly history?: RunHistory;
  /** Gives scripts the roles that they are to run as. */
  readonly elevations?: Pick<Elevations, 'act'>;
  /** Keeps the texts that runs are queued with. */
  readonly texts?: ScriptTextRepository;
  /** Hands runs to the queue; known once the house stands. */
  readonly handoffs?: () => Handoffs;
}

/** The event scripts of the platform, and what makes the scripts of services its handlers. */
export class EventScripts implements ScriptDirectory {
  readonly handlers: ScriptHandlers;
  readonly #compiler: Compiler;
  readonly #runs: ScriptRuns;
  readonly #view: EventView;
  readonly #queued: QueuedScripts;
  #scripts = new Map<string, readonly LoadedScript[]>();
  readonly #parameters = new KnownParameters();
  #generation = 0;
  #lookups: readonly string[] = [];

  constructor(parts: EventScriptsParts) {
    this.#compiler = parts.compiler;
    this.#runs = new ScriptRuns(parts);
    this.#view = new EventView({ sessions: new SessionTexts(parts.runTokens) });
    const { compiler } = parts;
    this.#queued = new QueuedScripts({ ...parts, runs: this.#runs, view: this.#view });
    this.handlers = new ServiceScripts({
      compiler,
      runs: this.#runs,
      view: this.#view,
      lookups: () => this.#lookups,
      queued: this.#queued,
    });
  }

  get generation(): number {
    return this.#generation;
  }

  /**
   * Takes the stored scripts in place of those known so far; `lookups` are the names of all lookups, where
   * they may have changed.
   */
  load(records: readonly EventScriptRecord[], lookups = this.#lookups): void {
    this.#lookups = lookups;
    const scripts = new Map<string, LoadedScript[]>();
    for (const record of records) {
      if (!record.isActive || parseEventName(record.name) === undefined) continue;
      const loaded = new LoadedScript({ script: toScript(record, lookups), compiler: this.#compiler });
      scripts.set(record.name, [...(scripts.get(record.name) ?? []), loaded]);
      if (loaded.script.queue !== undefined) this.#queued.keep(loaded);
    }
    this.#scripts = scripts;
    this.#generation++;
  }

  /** Compiles every active script, so that the first call of each does not wait for it. */
  async warm(): Promise<void> {
    for (const loaded of [...this.#scripts.values()].flat()) await loaded.compiled();
  }

  /** Why a script's text can not be loaded, with its place, or be run here; undefined when it can. */
  async flaw({ name, type, content }: EventScriptRecord): Promise<string | undefined> {
    if (runnerOf(type) === undefined) return undefined;
    const compiled = await this.#compiler.compile({ name, language: type, content });
    return compiled.ok ? undefined : problemOf(compiled);
  }

  /** Runs a script once, without binding it to anything. Throws `script.*` for what could never be run. */
  try(trial: Trial): Promise<TrialEnd> {
    const compiler = this.#compiler;
    return tryScript(trial, { compiler, runs: this.#runs, view: this.#view, lookups: this.#lookups });
  }

  plan(events: readonly EventName[]): ScriptPlan | undefined {
    if (this.#scripts.size === 0) return undefined;
    const before = this.#bound(events, 'pre_process');
    const after = this.#bound(events, 'post_process');
    const final = this.#bound(events, '');
    const queued = this.#bound(events, 'queued');
    if (before.length + after.length + final.length + queued.length === 0) return undefined;
    return new EventPlan({ before, after, final, queued, runs: this.#runs, view: this.#view });
  }

  /** Refuses a script that can not be stored as it is. Throws `script.*`, `queue.unknown_connection`. */
  check(draft: ScriptDraft): void {
    validateScript(draft);
    if (parseEventName(draft.name)?.stage === 'queued') this.#queued.check(draft.config ?? {});
  }

  /** Resolves when the texts of queued scripts are kept, so that their runs find them. */
  kept(): Promise<void> {
    return this.#queued.kept();
  }

  /** Versions of the texts of queued scripts and services that runs are queued with here. */
  queuedVersions(): readonly string[] {
    return this.#queued.versions();
  }

  /**
   * Does a queued run of an event script; undefined when no active script has that name. `event` is the one
   * that set it off.
   */
  perform(work: QueuedWork, { script, event }: QueuedEvent): Promise<QueuedEnd> | undefined {
    const [loaded] = this.#scripts.get(script) ?? [];
    if (loaded === undefined) return undefined;
    const { operation, result } = work;
    const exchange = { operation, request: operation.request, result };
    return this.#queued.run(work, { loaded, place: { event, stage: 'queued' }, exchange });
  }

  #bound(events: readonly EventName[], stage: Stage): Bound[] {
    return events.flatMap((event) => {
      const scripts = this.#scripts.get(stage === '' ? event.name : `${event.name}.${stage}`) ?? [];
      return scripts.map((loaded) => {
        const { name, allowModification } = loaded.script;
        const author = { name, allowModification, parameters: this.#parameters };
        return { place: { event, stage }, loaded, author };
      });
    });
  }
}

/** A queued event script, and the event that it runs for. */
export interface QueuedEvent {
  readonly script: string;
  readonly event: EventName;
}

function toScript(record: EventScriptRecord, lookups: readonly string[]): Script {
  return {
    name: record.name,
    language: record.type,
    content: record.content,
    active: record.isActive,
    allowModification: record.allowEventModification,
    timeoutMs: timeoutOf(record.config),
    lookups: record.config.lookups === false ? [] : lookups,
    runAsRoleId: record.runAsRoleId,
    ...queueOf(record),
  };
}

// Options that were stored before they were checked must not stop the others from being loaded.
function queueOf({ name, config }: EventScriptRecord): Pick<Script, 'queue'> {
  if (parseEventName(name)?.stage !== 'queued') return {};
  try {
    return { queue: readQueueOptions(config) };
  } catch {
    return { queue: readQueueOptions({}) };
  }
}
