// Scripts that are whole services: the `handler` slot of an operation. Invariant: the script runs with the
// authority of whoever called the service, or of the role that its configuration names; its own calls are one
// level deeper and have the requestor script.
import { Body } from '../../core/body.ts';
import type { Operation, ParameterValue, Result } from '../../core/operation.ts';
import { readQueueOptions } from '../../core/queue-options.ts';
import type {
  Exchange,
  HandlerSource,
  QueuedEnd,
  QueuedWork,
  ScriptHandler,
  ScriptHandlers,
} from '../../core/script.ts';
import type { Compiler } from '../compiler.ts';
import { runIdOf } from '../keyed-run-id.ts';
import type { QueuedScripts } from '../queued-scripts.ts';
import { LoadedScript, type ScriptRuns } from '../run.ts';
import { runnerOf, timeoutOf, validateText } from '../script-types.ts';
import { problemOf } from '../source.ts';
import type { EventView, Place } from './event-view.ts';
import { queuedRun } from './queued.ts';
import { blankAnswer, serviceResult } from './service-outcome.ts';

/** What service scripts are made of. */
export interface ServiceScriptsParts {
  readonly compiler: Compiler;
  readonly runs: ScriptRuns;
  readonly view: EventView;
  /** Names of all lookups; another list when they changed. */
  readonly lookups: () => readonly string[];
  readonly queued: QueuedScripts;
}

/** Makes the scripts of services their handlers. */
export class ServiceScripts implements ScriptHandlers {
  readonly #parts: ServiceScriptsParts;

  constructor(parts: ServiceScriptsParts) {
    this.#parts = parts;
  }

  handler(source: HandlerSource): ScriptHandler {
    return new ServiceScript(source, this.#parts);
  }

  check({ language, content, config }: HandlerSource): void {
    validateText({ type: language, content, config });
    this.#parts.queued.check(config);
  }
}

const accepted = Body.ofValue({ success: true });

class ServiceScript implements ScriptHandler {
  readonly #source: HandlerSource;
  readonly #parts: ServiceScriptsParts;
  readonly #place: Place;
  #lookups: readonly string[];
  #loaded: LoadedScript;

  constructor(source: HandlerSource, parts: ServiceScriptsParts) {
    this.#source = source;
    this.#parts = parts;
    this.#place = { event: { name: source.name, drop: 0 }, stage: 'service' };
    this.#lookups = parts.lookups();
    this.#loaded = this.#load();
    // So that the first call does not wait for the compiler.
    void this.#loaded.compiled();
    if (source.isQueued === true) parts.queued.keep(this.#loaded);
  }

  async handle(operation: Operation, call: Exchange['call']): Promise<Result> {
    const { runs, view } = this.#parts;
    const { request } = operation;
    const exchange: Exchange = { operation, request, result: blankAnswer, headersText: undefined, call };
    let result = blankAnswer;
    await runs.run({
      script: this.#current(),
      exchange,
      stage: 'service',
      sections: view.sections(exchange, this.#place),
      wantsChanges: true,
      keepsLog: !isOff(request.parameters.log_output),
      settle: (finished) => {
        result = serviceResult(finished, this.#source.name);
        exchange.result = result;
      },
    });
    return result;
  }

  async enqueue(operation: Operation): Promise<Result> {
    const { script, version } = this.#current();
    const options = readQueueOptions(this.#source.config);
    const { request } = operation;
    const source = { kind: 'service', script: script.name, version, options } as const;
    const id = runIdOf(operation, script.name);
    await this.#parts.queued.send(operation, queuedRun(source, { id, operation, request }));
    return { status: 202, headers: {}, body: accepted };
  }

  perform(work: QueuedWork): Promise<QueuedEnd> {
    const { operation } = work;
    const { request } = operation;
    return this.#parts.queued.run(work, {
      loaded: this.#current(),
      place: this.#place,
      exchange: { operation, request, result: blankAnswer },
      keepsLog: !isOff(request.parameters.log_output),
    });
  }

  async flaw(): Promise<string | undefined> {
    if (runnerOf(this.#source.language) === undefined) return undefined;
    const compiled = await this.#current().compiled();
    return compiled.ok ? undefined : problemOf(compiled);
  }

  #current(): LoadedScript {
    const lookups = this.#parts.lookups();
    if (lookups !== this.#lookups) {
      this.#lookups = lookups;
      this.#loaded = this.#load();
    }
    return this.#loaded;
  }

  #load(): LoadedScript {
    const { name, language, content, config, runAsRoleId = null } = this.#source;
    const lookups = config.lookups === false ? [] : this.#lookups;
    const timeoutMs = timeoutOf(config);
    const options = { active: true, allowModification: true, timeoutMs, lookups, runAsRoleId };
    const script = { name, language, content, ...options };
    return new LoadedScript({ script, compiler: this.#parts.compiler });
  }
}

// A list or a map (`log_output[x]=1`) says neither yes nor no.
function isOff(value: ParameterValue | undefined): boolean {
  return typeof value !== 'object' && /^(false|0|off|no|n|f)$/i.test(String(value));
}
