// A service in use: counts what is being done with it, so that a replaced one is closed only when nobody
// needs it.
// Invariant: after it is retired nothing new starts here; late operations go to the service that took its
// place. `_spec`, its description, is a path of every service and answered by the service `api_docs`.
import { PlatformError } from '../core/errors.ts';
import { eventName } from '../core/event.ts';
import type { Action, Operation, Result } from '../core/operation.ts';
import type { Outbox } from '../core/outbox.ts';
import type { CallContext, Endpoint, IdentityProvider, Location, Service } from '../core/service.ts';

const specPath = '_spec';

/** Wraps a service; `successor` finds what stands under its name after it was retired, or throws. */
export class OpenService implements Service {
  readonly name: string;
  readonly type: string;
  readonly #service: Service;
  readonly #successor: () => Service;
  readonly #spec: Location;
  #running = 0;
  #isRetired = false;
  #onIdle: (() => void) | undefined;

  constructor({ service, successor }: { readonly service: Service; readonly successor: () => Service }) {
    this.name = service.name;
    this.type = service.type;
    this.#service = service;
    this.#successor = successor;
    this.#spec = {
      component: specPath,
      events: [{ name: eventName(service.name, [specPath], 'GET'), drop: 1 }],
      isForUsers: true,
      isForRoles: true,
    };
  }

  get outbox(): Outbox | undefined {
    return this.#service.outbox;
  }

  get dropsUncertain(): boolean | undefined {
    return this.#service.dropsUncertain;
  }

  get identity(): IdentityProvider | undefined {
    return this.#service.identity;
  }

  get perform(): Service['perform'] {
    const perform = this.#service.perform?.bind(this.#service);
    if (perform === undefined) return undefined;
    return (work) => {
      this.#running++;
      return perform(work).finally(() => this.#finished());
    };
  }

  ready(path: readonly string[], isInTransaction?: boolean): Promise<void> | undefined {
    return this.#service.ready?.(path, isInTransaction);
  }

  locate(path: readonly string[], action: Action): Location | undefined {
    if (path[0] === specPath && path.length === 1 && action === 'GET') return this.#spec;
    return this.#service.locate(path, action);
  }

  handle(operation: Operation, location: Location, context: CallContext): Promise<Result> | Result {
    if (location === this.#spec) return this.#describedBy(operation, context);
    if (this.#isRetired) return this.#pass(operation, context);
    this.#running++;
    let result: Promise<Result> | Result;
    try {
      result = this.#service.handle(operation, location, context);
    } catch (error) {
      this.#finished();
      throw error;
    }
    // Kept synchronous when the service is: an embedded database answers without a turn of the event loop.
    if (result instanceof Promise) return result.finally(() => this.#finished());
    this.#finished();
    return result;
  }

  describe(): Promise<readonly Endpoint[]> | readonly Endpoint[] {
    return this.#service.describe();
  }

  test(): Promise<void> | void {
    return this.#service.test?.();
  }

  refresh(): void {
    this.#service.refresh?.();
  }

  /** Takes no more operations, waits for those that run, then closes. */
  async close(): Promise<void> {
    if (this.#isRetired) return;
    this.#isRetired = true;
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    await this.#service.close?.();
  }

  #finished(): void {
    this.#running--;
    if (this.#running === 0) this.#onIdle?.();
  }

  #describedBy({ request, uri }: Operation, context: CallContext): Promise<Result> {
    return context.call({ service: 'api_docs', path: [this.name], action: 'GET', request, uri });
  }

  async #pass(operation: Operation, context: CallContext): Promise<Result> {
    const successor = this.#successor();
    await successor.ready?.(operation.path, operation.transaction !== undefined);
    const location = successor === this ? undefined : successor.locate(operation.path, operation.action);
    if (location === undefined) {
      throw new PlatformError(
        'request.not_found',
        `Resource '${operation.path.join('/')}' not found for service '${this.name}'.`,
      );
    }
    return successor.handle(operation, location, context);
  }
}
