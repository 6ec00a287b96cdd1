// Runs a script once on an event that was made up for it. Invariant: nothing is bound or stored, and what
// the script leaves is applied to the made-up exchange only; the calls it makes are real.
import type { RunRecord, Trial, TrialEnd } from '../core/run.ts';
import type { Exchange } from '../core/script.ts';
import type { Compiler } from './compiler.ts';
import { type Finished, LoadedScript, type ScriptRuns } from './run.ts';
import { timeoutOf, validateText } from './script-types.ts';
import { applyAfter, applyBefore } from './types/event-outcome.ts';
import type { EventView, Place } from './types/event-view.ts';

/** What trials are made with. */
export interface TrialParts {
  readonly compiler: Compiler;
  readonly runs: ScriptRuns;
  readonly view: EventView;
  readonly lookups: readonly string[];
}

/** Runs the script; a failure of the script is an end like any other. */
export async function tryScript(
  trial: Trial,
  { compiler, runs, view, lookups }: TrialParts,
): Promise<TrialEnd> {
  const { event, stage, operation, result, call } = trial;
  const { name, type, content, allowModification, timeoutMs } = trial.script;
  const config = timeoutMs === undefined ? {} : { timeout_ms: timeoutMs };
  validateText({ type, content, config });
  const options = { active: true, allowModification, timeoutMs: timeoutOf(config), lookups };
  const script = new LoadedScript({ script: { name, language: type, content, ...options }, compiler });
  const exchange: Exchange = { operation, request: operation.request, result, headersText: undefined, call };
  const place: Place = { event, stage };
  const apply = stage === 'pre_process' ? applyBefore : applyAfter;
  let finished: Finished = { returned: undefined, changes: {} };
  let record: RunRecord | undefined;
  try {
    await runs.run({
      script,
      exchange,
      stage,
      sections: view.sections(exchange, place),
      wantsChanges: true,
      settle: (ending) => {
        finished = ending;
        if (stage !== '') apply(exchange, ending, { name, allowModification });
      },
      told: (kept) => {
        record = kept;
      },
    });
  } catch (error) {
    // Without a record nothing ran, and the error is ours.
    if (record === undefined) throw error;
  }
  if (record === undefined) throw new Error('a run ended without a record');
  return { record, ...finished, request: exchange.request, result: exchange.result };
}
