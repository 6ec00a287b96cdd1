// What every request pays for: its answer and its operation, counted. Invariant: nothing here looks up more
// than two short maps, and no series is named by what a caller wrote.
import { Gauge, type Registry } from 'prom-client';
import type { Action, Origin } from '../core/operation.ts';
import { type Cell, DurationHistogram, type Durations, Tally } from './tallies.ts';

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'other'];

interface MethodCount {
  readonly durations: Durations;
  /** By status. */
  readonly answers: Map<number, Cell>;
  cell(status: number): Cell;
}

/** Counts the answers of the API's door. */
export class RequestCount {
  readonly #methods = new Map<string, MethodCount>();
  #inFlight = 0;

  constructor(registry: Registry) {
    const answers = new Tally(registry, {
      name: 'tenon_http_requests_total',
      help: 'Requests of the API that were answered.',
      labels: ['method', 'status'],
    });
    const durations = new DurationHistogram(registry, {
      name: 'tenon_http_request_duration_seconds',
      help: 'From the headers of a request of the API to the last byte that was handed over of its answer.',
      labels: ['method'],
    });
    for (const method of methods) {
      const cell = (status: number) => answers.cell(method, String(status));
      this.#methods.set(method, { durations: durations.of(method), answers: new Map(), cell });
    }
    const inFlight = () => this.#inFlight;
    new Gauge({
      ...{ name: 'tenon_http_requests_in_flight', help: 'Requests of the API that are being answered.' },
      registers: [registry],
      collect() {
        this.set(inFlight());
      },
    });
  }

  /** A request is being answered; tells the time, by performance.now(). */
  begin(): number {
    this.#inFlight++;
    return performance.now();
  }

  /** It was, since then. */
  end(method: string, status: number, began: number): void {
    this.#inFlight--;
    const count = this.#methods.get(method) ?? this.#methods.get('other');
    if (count === undefined) return;
    count.durations.observe(performance.now() - began);
    let cell = count.answers.get(status);
    if (cell === undefined) {
      cell = count.cell(status);
      count.answers.set(status, cell);
    }
    cell.count++;
  }
}

/** Counts operations by the services that do them. */
export class OperationCount {
  readonly #tally: Tally<'service' | 'action' | 'origin'>;
  /** By origin, service and action. */
  readonly #cells = new Map<Origin, Map<string, Map<Action, Cell>>>();

  constructor(registry: Registry) {
    this.#tally = new Tally(registry, {
      name: 'tenon_operations_total',
      help: 'Operations that were begun, by service; those that scripts ask for count as well.',
      labels: ['service', 'action', 'origin'],
    });
  }

  /** An operation found its service, which is called so. */
  begin(service: string, { action, origin }: { readonly action: Action; readonly origin: Origin }): void {
    const cell = this.#cells.get(origin)?.get(service)?.get(action) ?? this.#cell(service, action, origin);
    cell.count++;
  }

  /** The name of a service that was asked before, as it is known; undefined for what callers made up. */
  known(name: string): string | undefined {
    const lower = name.toLowerCase();
    for (const services of this.#cells.values()) {
      if (services.has(name)) return name;
      if (services.has(lower)) return lower;
    }
    return undefined;
  }

  #cell(service: string, action: Action, origin: Origin): Cell {
    const cell = this.#tally.cell(service, action, origin);
    const services = this.#cells.get(origin) ?? new Map<string, Map<Action, Cell>>();
    this.#cells.set(origin, services);
    const actions = services.get(service) ?? new Map<Action, Cell>();
    services.set(service, actions.set(action, cell));
    return cell;
  }
}
