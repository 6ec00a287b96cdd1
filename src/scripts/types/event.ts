// Event scripts: before, after, final and queued scripts of the names that an operation fires, generic name
// first. Invariant: the first before script that refuses ends the stage; final scripts run last and change
// nothing; queued ones run later, on the answer as it was then.
import type { SetOff } from '../../core/outbox.ts';
import type { Exchange, ScriptPlan } from '../../core/script.ts';
import type { Finished, LoadedScript, ScriptRuns } from '../run.ts';
import { type Author, applyAfter, applyBefore } from './event-outcome.ts';
import type { EventView, Place } from './event-view.ts';
import { setOffBy } from './queued.ts';

/** A script in its place. */
export interface Bound {
  readonly place: Place;
  readonly loaded: LoadedScript;
  readonly author: Author;
}

/** What the plan of a location is made of. Scripts in firing order. */
export interface EventPlanParts {
  readonly before: readonly Bound[];
  readonly after: readonly Bound[];
  readonly final: readonly Bound[];
  readonly queued: readonly Bound[];
  readonly runs: ScriptRuns;
  readonly view: EventView;
}

/** The event scripts of one location. */
export class EventPlan implements ScriptPlan {
  readonly hasBefore: boolean;
  readonly hasAfter: boolean;
  readonly setOff?: (exchange: Exchange) => SetOff;
  readonly #parts: EventPlanParts;

  constructor(parts: EventPlanParts) {
    this.#parts = parts;
    this.hasBefore = parts.before.length > 0;
    this.hasAfter = parts.after.length + parts.final.length > 0;
    const { queued } = parts;
    if (queued.length > 0) this.setOff = (exchange) => setOffBy(exchange, queued);
  }

  before(exchange: Exchange): Promise<void> {
    return this.#stage(exchange, this.#parts.before, applyBefore);
  }

  after(exchange: Exchange): Promise<void> {
    const { after, final } = this.#parts;
    const changed = this.#stage(exchange, after, applyAfter);
    return final.length === 0 ? changed : changed.then(() => this.#finish(exchange));
  }

  async #finish(exchange: Exchange): Promise<void> {
    for (const bound of this.#parts.final) {
      // The answer is decided; a failure has been observed and changes it no more than a result would.
      await this.#run(exchange, bound).catch(() => undefined);
    }
  }

  async #stage(exchange: Exchange, scripts: readonly Bound[], apply: typeof applyBefore): Promise<void> {
    let stopped: string | undefined;
    for (const bound of scripts) {
      if (bound.place.event.name === stopped) continue;
      const finished = await this.#run(exchange, bound, apply);
      if (finished.changes.stopPropagation === true) stopped = bound.place.event.name;
    }
  }

  #run(exchange: Exchange, { place, loaded, author }: Bound, apply?: typeof applyBefore): Promise<Finished> {
    return this.#parts.runs.run({
      script: loaded,
      exchange,
      stage: place.stage,
      sections: this.#parts.view.sections(exchange, place),
      wantsChanges: loaded.script.allowModification && place.stage !== '',
      settle: (finished) => apply?.(exchange, finished, author),
    });
  }
}
