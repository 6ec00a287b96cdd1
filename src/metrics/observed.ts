// Metrics of what is observed: scripts, runners, queues, schedules, outgoing calls, sessions. Invariant: no
// label holds what callers chose, nor anything about people: services, queues and schedules are
// configuration.
import { Gauge, type Registry } from 'prom-client';
import type { Observation } from '../core/observe.ts';
import { DurationHistogram, type Naming, Tally } from './tallies.ts';

type Kind = Observation['kind'];
type Handlers = { readonly [K in Kind]?: (seen: Extract<Observation, { kind: K }>) => void };

/** How late slots of schedules are run, in seconds: at best within one look at the clock of the database. */
const lateBounds: readonly number[] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300];

/** Counts what is observed. */
export class ObservedCount {
  readonly #registry: Registry;
  readonly #handlers: ReadonlyMap<Kind, (seen: Observation) => void>;

  /** `known` tells the name of a service that there is; callers may ask for any. */
  constructor(registry: Registry, known: (service: string) => string | undefined) {
    this.#registry = registry;
    const handlers: Handlers = {
      ...this.#operations(known),
      ...this.#scripts(),
      ...this.#runners(),
      ...this.#queues(),
      ...this.#workers(),
      ...this.#schedules(),
      ...this.#outgoing(),
      ...this.#sessions(),
      ...this.#house(),
    };
    this.#handlers = new Map(Object.entries(handlers) as [Kind, (seen: Observation) => void][]);
  }

  observe(seen: Observation): void {
    this.#handlers.get(seen.kind)?.(seen);
  }

  #tally<Label extends string>(name: string, help: string, labels: readonly Label[]): Tally<Label> {
    return new Tally(this.#registry, { name, help, labels } satisfies Naming<Label>);
  }

  #gauge(name: string, help: string): Gauge {
    return new Gauge({ name, help, registers: [this.#registry] });
  }

  #operations(known: (service: string) => string | undefined): Handlers {
    const failures = this.#tally(
      'tenon_operation_failures_total',
      'Operations that were refused or failed; those of no known service have none.',
      ['service', 'action', 'code'],
    );
    return {
      'operation.failed': ({ service, action, error }) =>
        failures.add(1, known(service) ?? '', action, error.kind),
    };
  }

  #scripts(): Handlers {
    const runs = this.#tally('tenon_script_runs_total', 'Runs of scripts that ended.', [
      'language',
      'outcome',
    ]);
    const durations = new DurationHistogram(this.#registry, {
      name: 'tenon_script_run_duration_seconds',
      help: 'Runs of scripts, with what they waited for.',
      labels: ['language'],
    });
    const dropped = this.#tally(
      'tenon_script_records_dropped_total',
      'Runs of scripts that are missing in the log of runs.',
      [],
    );
    const ended = (language: string, outcome: string, ms: number) => {
      runs.add(1, language, outcome);
      durations.of(language).observe(ms);
    };
    return {
      'script.finished': ({ runner, ms }) => ended(runner, 'finished', ms),
      'script.failed': ({ runner, outcome, ms }) => ended(runner, outcome, ms),
      'runs.dropped': ({ count }) => dropped.add(count),
    };
  }

  #runners(): Handlers {
    const of = (event: string, help: string) =>
      this.#tally(`tenon_runners_${event}_total`, help, ['language']);
    const started = of('started', 'Processes that were started for scripts.');
    const retired = of('retired', 'Processes for scripts that were ended, or ended by themselves.');
    const failed = of('failed', 'Processes for scripts that ended by themselves or could not be started.');
    const current = new Gauge({
      ...{ name: 'tenon_runners', help: 'Processes for scripts that are in service.' },
      ...{ labelNames: ['language'], registers: [this.#registry] },
    });
    return {
      'runner.started': ({ language }) => {
        started.add(1, language);
        current.inc({ language });
      },
      'runner.retired': ({ language }) => {
        retired.add(1, language);
        current.dec({ language });
      },
      'runner.failed': ({ language }) => failed.add(1, language),
    };
  }

  #queues(): Handlers {
    const events = this.#tally(
      'tenon_queue_events_total',
      'What became of queued runs in workers of this process: started, done, retried, failed and the like.',
      ['connection', 'queue', 'event'],
    );
    const count = (seen: Extract<Observation, { queue: string; attempt: number }>) =>
      events.add(1, seen.connection, seen.queue, seen.kind.slice('queue.'.length));
    const released = this.#tally(
      'tenon_outbox_released_runs_total',
      'Runs that nobody handed on, found in the outbox of a service.',
      ['service'],
    );
    return {
      'queue.started': count,
      'queue.done': count,
      'queue.retried': count,
      'queue.failed': count,
      'queue.quarantined': count,
      'queue.postponed': count,
      'queue.cancelled': count,
      'queue.released': count,
      'queue.lost': count,
      'outbox.released': ({ service, count: runs }) => released.add(runs, service),
    };
  }

  #workers(): Handlers {
    const current = new Gauge({
      ...{ name: 'tenon_workers', help: 'Workers of this process, by whether they still take runs.' },
      ...{ labelNames: ['state'], registers: [this.#registry] },
    });
    for (const state of ['working', 'draining']) current.set({ state }, 0);
    const failures = this.#tally(
      'tenon_worker_failures_total',
      'How often a worker lost what it works with.',
      [],
    );
    const failing = this.#gauge('tenon_workers_failing', 'Workers that cannot reach their store now.');
    const names = new Set<string>();
    const noted = () => failing.set(names.size);
    return {
      'worker.started': () => current.inc({ state: 'working' }),
      'worker.draining': () => {
        current.dec({ state: 'working' });
        current.inc({ state: 'draining' });
      },
      'worker.stopped': ({ worker }) => {
        current.dec({ state: 'draining' });
        names.delete(worker);
        noted();
      },
      'worker.failed': ({ worker }) => {
        failures.add(1);
        names.add(worker);
        noted();
      },
      'worker.recovered': ({ worker }) => {
        names.delete(worker);
        noted();
      },
    };
  }

  #schedules(): Handlers {
    const fired = this.#tally(
      'tenon_schedule_slots_fired_total',
      'Slots of schedules that this process had run.',
      ['schedule'],
    );
    const skipped = this.#tally(
      'tenon_schedule_slots_skipped_total',
      'Slots of schedules that are not run, and why.',
      ['schedule', 'reason'],
    );
    const naming = {
      name: 'tenon_schedule_lateness_seconds',
      help: 'For how long a slot had come when its run was queued.',
      labels: [],
    };
    const lateness = new DurationHistogram(this.#registry, naming, lateBounds).of();
    const failing = this.#gauge(
      'tenon_schedule_clock_failing',
      'Whether the clock of schedules cannot go on in this process.',
    );
    failing.set(0);
    return {
      'schedule.fired': ({ schedule, lateMs }) => {
        fired.add(1, schedule);
        lateness.observe(lateMs);
      },
      'schedule.skipped': ({ schedule, reason, slots }) => skipped.add(slots, schedule, reason),
      'schedule.failed': () => failing.set(1),
      'schedule.recovered': () => failing.set(0),
    };
  }

  #outgoing(): Handlers {
    const calls = this.#tally(
      'tenon_egress_requests_total',
      'Calls to other hosts, by the class of their status or why they failed.',
      ['outcome'],
    );
    const durations = new DurationHistogram(this.#registry, {
      name: 'tenon_egress_request_duration_seconds',
      help: 'Calls to other hosts.',
      labels: [],
    }).of();
    return {
      'egress.finished': ({ status, ms }) => {
        calls.add(1, `${Math.floor(status / 100)}xx`);
        durations.observe(ms);
      },
      'egress.failed': ({ error, ms }) => {
        calls.add(1, error.kind);
        durations.observe(ms);
      },
    };
  }

  #sessions(): Handlers {
    const events = this.#tally('tenon_session_events_total', 'Logins, logins that were refused, logouts.', [
      'event',
    ]);
    return {
      'session.opened': () => events.add(1, 'opened'),
      'session.refused': () => events.add(1, 'refused'),
      'session.closed': () => events.add(1, 'closed'),
    };
  }

  #house(): Handlers {
    const changes = this.#tally(
      'tenon_configuration_changes_total',
      'Changes of the configuration by callers of this process.',
      [],
    );
    const services = this.#tally('tenon_service_failures_total', 'Services that could not be used.', [
      'service',
    ]);
    const shared = this.#gauge(
      'tenon_limits_shared',
      'Whether limits are counted together with other processes, and not by this one alone.',
    );
    shared.set(1);
    const sandbox = new Gauge({
      ...{ name: 'tenon_sandbox_info', help: 'What keeps scripts in: L0, L1 or L2.' },
      ...{ labelNames: ['level'], registers: [this.#registry] },
    });
    return {
      'config.changed': () => changes.add(1),
      'service.failed': ({ service }) => services.add(1, service),
      'limits.counting': ({ isShared }) => shared.set(isShared ? 1 : 0),
      'sandbox.opened': ({ level }) => sandbox.set({ level }, 1),
    };
  }
}
