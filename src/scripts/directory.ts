// Which scripts are bound to which events. Invariant: a location without scripts gets no plan at all, and a
// change of scripts raises the generation, so that plans made before it are dropped.
import { type EventName, parseEventName, type Stage } from '../core/event.ts';
import type { Observe } from '../core/observe.ts';
import type { Trial, TrialEnd } from '../core/run.ts';
import type { Runner } from '../core/runner.ts';
import type { Script, ScriptDirectory, ScriptHandlers, ScriptPlan } from '../core/script.ts';
import type { EventScriptRecord } from '../core/store.ts';
import type { Elevations } from '../security/elevations.ts';
import type { RunTokens } from '../security/run-tokens.ts';
import type { Compiler } from './compiler.ts';
import type { Outgoing } from './foreign-call.ts';
import type { RunHistory } from './history.ts';
import { SessionTexts } from './platform.ts';
import { LoadedScript, ScriptRuns } from './run.ts';
import { runnerOf, timeoutOf } from './script-types.ts';
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
}

/** The event scripts of the platform, and what makes the scripts of services its handlers. */
export class EventScripts implements ScriptDirectory {
  readonly handlers: ScriptHandlers;
  readonly #compiler: Compiler;
  readonly #runs: ScriptRuns;
  readonly #view: EventView;
  #scripts = new Map<string, readonly LoadedScript[]>();
  readonly #parameters = new KnownParameters();
  #generation = 0;
  #lookups: readonly string[] = [];

  constructor(parts: EventScriptsParts) {
    this.#compiler = parts.compiler;
    this.#runs = new ScriptRuns(parts);
    this.#view = new EventView({ sessions: new SessionTexts(parts.runTokens) });
    this.handlers = new ServiceScripts({
      compiler: parts.compiler,
      runs: this.#runs,
      view: this.#view,
      lookups: () => this.#lookups,
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
    if (before.length + after.length + final.length === 0) return undefined;
    return new EventPlan({ before, after, final, runs: this.#runs, view: this.#view });
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
  };
}
