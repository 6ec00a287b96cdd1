// The one path of every operation: find the service, check access, run before scripts, do it, run after
// scripts.
// Invariant: dispatch never throws; at request scope an error is a result, and after scripts see it like any
// other.
import type { AccessPolicy } from './access.ts';
import { Body } from './body.ts';
import { asPlatformError, envelope, PlatformError } from './errors.ts';
import { hasKey, type IdempotencyPolicy } from './idempotency.ts';
import { type LimitPolicy, type Taken, within } from './limiter.ts';
import { limits } from './limits.ts';
import type { Observe } from './observe.ts';
import type { Acting, InnerCall, Operation, Result, RunMark } from './operation.ts';
import type { Handoff, Handoffs } from './outbox.ts';
import type { StreamForm } from './record-stream.ts';
import type { Exchange, ScriptDirectory, ScriptPlan } from './script.ts';
import type { CallContext, Location, Service, ServiceDirectory } from './service.ts';

/** What the path consists of. */
export interface DispatcherParts {
  readonly services: ServiceDirectory;
  readonly access: AccessPolicy;
  /** Absent: nobody is limited. */
  readonly callLimits?: LimitPolicy;
  readonly scripts: ScriptDirectory;
  /** Hands on what queued scripts are to run for; absent: none are. */
  readonly handoffs?: Handoffs;
  /** Does writes with the same key once; absent: keys mean nothing. */
  readonly idempotency?: IdempotencyPolicy;
  readonly observe: Observe;
  /** Counts operations; absent: nobody does. */
  readonly meter?: OperationMeter | undefined;
}

/** Counts operations by the service that does them. */
export interface OperationMeter {
  begin(service: string, operation: Operation): void;
}

/** The result that an error is at request scope. */
export function errorResult(thrown: unknown): Result {
  const error = asPlatformError(thrown);
  return { status: error.status, headers: error.headers, body: Body.ofValue({ error: envelope(error) }) };
}

/** Takes operations from all doors along the one path. */
export class Dispatcher {
  readonly #parts: DispatcherParts;
  #plans = new WeakMap<Location, ScriptPlan | 'none'>();
  #generation = -1;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
  }

  /**
   * Does an operation. Refusals and failures come back as results with DreamFactory's error envelope. A door
   * that takes streams says what they are to hand out; scripts that run after the service need a whole
   * answer.
   */
  async dispatch(operation: Operation, streams?: StreamForm): Promise<Result> {
    try {
      if (operation.depth > limits.callDepth) throw recursion(operation);
      const service = this.#parts.services.find(operation.service);
      this.#parts.meter?.begin(service.name, operation);
      const waiting = service.ready?.(operation.path, operation.transaction !== undefined);
      if (waiting !== undefined) await waiting;
      const location = service.locate(operation.path, operation.action);
      if (location === undefined) throw notFound(service, operation);
      this.#parts.access.check(operation, location);
      const step = { operation, service, location, plan: this.#plan(location), streams };
      const taking = this.#parts.callLimits?.take(operation, location);
      if (taking !== undefined) return await this.#within(taking, step);
      return await this.#perform(step);
    } catch (thrown) {
      return this.#failed(operation, thrown);
    }
  }

  #perform(step: Step): Promise<Result> | Result {
    const { idempotency } = this.#parts;
    if (idempotency === undefined || !hasKey(step.operation)) return this.#act(step);
    const { operation, service } = step;
    return idempotency.once({ operation, keepsNotes: service.outbox !== undefined }, (noted) =>
      this.#settled({ ...step, operation: noted, streams: undefined }),
    );
  }

  #act(step: Step): Promise<Result> | Result {
    const { operation, service, location, plan, streams } = step;
    if (plan !== 'none') return this.#withScripts(step, plan);
    return service.handle(operation, location, this.#context(service, operation, streams));
  }

  async #within(taking: Taken | Promise<Taken>, step: Step): Promise<Result> {
    return within(await taking, async () => {
      try {
        return await this.#perform(step);
      } catch (thrown) {
        return this.#failed(step.operation, thrown);
      }
    });
  }

  async #settled(step: Step): Promise<Result> {
    try {
      return await this.#act(step);
    } catch (thrown) {
      return this.#failed(step.operation, thrown);
    }
  }

  async #withScripts(step: Step, plan: ScriptPlan): Promise<Result> {
    const { operation, service, location, streams } = step;
    const exchange: Exchange = {
      operation,
      request: operation.request,
      result: undefined,
      headersText: undefined,
      call: this.callsOf(operation),
    };
    const handoff = plan.setOff && this.#parts.handoffs?.begin(operation, plan.setOff(exchange));
    try {
      if (plan.hasBefore) await plan.before(exchange);
      if (exchange.result === undefined) {
        const { request } = exchange;
        const asked = request === operation.request ? operation : { ...operation, request };
        if (handoff !== undefined && isForeignWrite(service, asked)) await handoff.departure.intend();
        const isWhole = plan.hasAfter || handoff !== undefined;
        const context = this.#context(service, asked, isWhole ? undefined : streams);
        const departing = handoff && { ...context, departure: handoff.departure };
        const result = service.handle(asked, location, departing ?? context);
        // An embedded database answers at once; waiting for it would cost a turn of the microtask queue.
        exchange.result = result instanceof Promise ? await result : result;
      }
    } catch (thrown) {
      exchange.result = this.#failed(operation, thrown);
    }
    try {
      if (plan.hasAfter) await plan.after(exchange);
    } catch (thrown) {
      exchange.result = this.#failed(operation, thrown);
    }
    return handoff === undefined ? exchange.result : this.#leave(handoff, operation, exchange.result);
  }

  // What was committed leaves in any case; for the rest the caller is told that it does not.
  async #leave(handoff: Handoff, operation: Operation, result: Result): Promise<Result> {
    try {
      await handoff.leave(result);
      return result;
    } catch (thrown) {
      return this.#failed(operation, thrown);
    }
  }

  /** Makes calls for a script that runs for an operation: one level deeper, on the run's authority. */
  callsOf(operation: Operation): Exchange['call'] {
    return (call, run) =>
      this.dispatch(innerOperation(operation, call, { requestor: 'script', run, acting: run?.acting }));
  }

  #context(service: Service, operation: Operation, streams: StreamForm | undefined): CallContext {
    const { requestor: own, run: outer } = operation;
    return {
      streams,
      // Only what a run asks for itself is asked on its authority, not what becomes of that.
      call: (call, requestor = own, run = undefined) =>
        this.dispatch(innerOperation(operation, call, { requestor, run: run ?? outer, acting: run?.acting })),
      check: (path, action) => {
        const part: Operation = { ...operation, path, action };
        const location = service.locate(path, action);
        if (location === undefined) throw notFound(service, part);
        this.#parts.access.check(part, location);
      },
    };
  }

  #plan(location: Location): ScriptPlan | 'none' {
    const { scripts } = this.#parts;
    if (this.#generation !== scripts.generation) {
      this.#plans = new WeakMap();
      this.#generation = scripts.generation;
    }
    let plan = this.#plans.get(location);
    if (plan === undefined) {
      plan = scripts.plan(location.events) ?? 'none';
      this.#plans.set(location, plan);
    }
    return plan;
  }

  #failed(operation: Operation, thrown: unknown): Result {
    const error = asPlatformError(thrown);
    const { service, action, origin } = operation;
    this.#parts.observe({
      kind: 'operation.failed',
      service,
      path: operation.path.join('/'),
      action,
      origin,
      error,
    });
    return errorResult(error);
  }
}

// What is written where no entry of ours can be is noted elsewhere before, also in a transaction: that undoes
// nothing there, so that what is set off must not go with it. What a script does may yet be undone with it.
function isForeignWrite({ outbox, perform }: Service, { action, transaction }: Operation): boolean {
  return action !== 'GET' && outbox === undefined && (transaction === undefined || perform === undefined);
}

interface Step {
  readonly operation: Operation;
  readonly service: Service;
  readonly location: Location;
  readonly plan: ScriptPlan | 'none';
  readonly streams: StreamForm | undefined;
}

/** Who asks for an inner operation. */
interface Asking {
  readonly requestor: Operation['requestor'];
  readonly run: RunMark | undefined;
  readonly acting: Acting | undefined;
}

/** The operation that an inner call is: one level deeper, and of the same principal unless another acts. */
function innerOperation(outer: Operation, call: InnerCall, asking: Asking): Operation {
  const { requestor, run, acting } = asking;
  const { remoteAddress } = outer;
  return {
    service: call.service,
    path: call.path,
    action: call.action,
    origin: requestor === 'script' ? 'script' : outer.origin,
    requestor,
    principal: acting?.principal ?? outer.principal,
    depth: outer.depth + 1,
    ...(remoteAddress === undefined ? undefined : { remoteAddress }),
    ...(outer.hops === undefined ? undefined : { hops: outer.hops }),
    request: call.request,
    uri: call.uri,
    apiVersion: outer.apiVersion,
    run,
    transaction: call.transaction ?? outer.transaction,
    elevation: acting?.elevation ?? outer.elevation,
  };
}

function recursion(operation: Operation): PlatformError {
  return new PlatformError(
    'request.recursion',
    `Calls nest deeper than ${limits.callDepth} levels: ${operation.action} ${operation.uri} was asked for ` +
      'by a script that this very call runs. Give the script a condition that ends the chain.',
  );
}

function notFound(service: Service, operation: Operation): PlatformError {
  const resource = operation.path.join('/');
  return new PlatformError(
    'request.not_found',
    `Resource '${resource}' not found for service '${service.name}'.`,
  );
}
