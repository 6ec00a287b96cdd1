// A service that is a script. Invariant: all verbs and paths lead to the script; only what its configuration
// says (access list, kept answers) is answered without running it.
import { Body } from '../../core/body.ts';
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Action, Operation, ParameterValue, Result } from '../../core/operation.ts';
import type { QueuedEnd, QueuedWork, ScriptHandler } from '../../core/script.ts';
import type { CallContext, Endpoint, Location, Service, ServiceSettings } from '../../core/service.ts';
import { definedPaths } from '../../openapi/definition.ts';
import { definedDetails } from '../../openapi/definition-details.ts';
import { AnswerCache } from './answer-cache.ts';
import { ScriptLocations } from './locations.ts';

/** What a scripted service is made of. */
export interface ScriptServiceParts {
  readonly type: string;
  readonly settings: ServiceSettings;
  readonly handler: ScriptHandler;
}

/** A service whose answers its script makes. */
export class ScriptService implements Service {
  readonly name: string;
  readonly type: string;
  readonly #handler: ScriptHandler;
  readonly #locations: ScriptLocations;
  readonly #endpoints: readonly Endpoint[];
  readonly #answersAccessList: boolean;
  readonly #isQueued: boolean;
  readonly #cache: AnswerCache | undefined;

  constructor({ type, settings, handler }: ScriptServiceParts) {
    const { name, config, document } = settings;
    this.name = name;
    this.type = type;
    this.#handler = handler;
    this.#locations = new ScriptLocations(
      document === undefined
        ? { service: name, paths: [], isQueued: config.queued === true }
        : {
            service: name,
            paths: definedPaths(document, settings),
            details: () => definedDetails(document, settings),
          },
    );
    this.#endpoints = this.#locations.endpoints();
    this.#answersAccessList = config.implements_access_list !== true;
    this.#isQueued = config.queued === true;
    const seconds = Number(config.cache_ttl) || limits.answerCacheDefaultSeconds;
    this.#cache = config.cache_enabled === true ? new AnswerCache({ seconds }) : undefined;
  }

  locate(path: readonly string[], action: Action): Location {
    return this.#locations.find(path, action);
  }

  handle(operation: Operation, _location: Location, context: CallContext): Promise<Result> | Result {
    const { action, request } = operation;
    if (action === 'GET' && this.#answersAccessList && isOn(request.parameters.as_access_list)) {
      const resource = this.#locations.components();
      return { status: 200, headers: {}, body: Body.ofValue({ resource }) };
    }
    if (this.#isQueued) return this.#handler.enqueue(operation);
    const run = () => this.#handler.handle(operation, (call, mark) => context.call(call, 'script', mark));
    return this.#cache === undefined ? run() : this.#cache.answer(operation, run);
  }

  perform(work: QueuedWork): Promise<QueuedEnd> {
    return this.#handler.perform(work);
  }

  describe(): readonly Endpoint[] {
    return this.#endpoints;
  }

  async test(): Promise<void> {
    const flaw = await this.#handler.flaw();
    if (flaw !== undefined) throw new PlatformError('script.invalid', flawOf(this.name, flaw));
  }

  refresh(): void {
    this.#cache?.clear();
  }
}

/** What is said of a script that can not be loaded. */
export function flawOf(service: string, flaw: string): string {
  return `Script 'service.${service}' can not be loaded: ${flaw}.`;
}

// `?as_access_list` alone says yes; a list or a map says neither yes nor no.
function isOn(value: ParameterValue | undefined): boolean {
  if (value === null) return true;
  return typeof value !== 'object' && /^(|true|1|on|yes|y|t)$/i.test(String(value));
}
