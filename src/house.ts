// Everything between the system database and the doors: services, scripts, queues, schedules, and who watches
// over them. Invariant: what is begun here is ended by `close`, in the reverse order.
import { settingsInForce, systemDatabase } from './config.ts';
import { ConfigurationWatch, reloadAuthority } from './configuration-watch.ts';
import { byRole } from './core/access.ts';
import { Dispatcher, type OperationMeter } from './core/dispatch.ts';
import type { Observe } from './core/observe.ts';
import type { Operation } from './core/operation.ts';
import type { ServiceType } from './core/service.ts';
import type { Store } from './core/store.ts';
import { announceOnce, makeFirstRecords } from './first-records.ts';
import { type Guard, guardOf } from './guard.ts';
import { readHouseMark } from './house-mark.ts';
import { Authentication } from './http/authentication.ts';
import type { ServerOptions } from './main.ts';
import { QueueHouse } from './queue-house.ts';
import type { OpenSandbox } from './runners/sandbox/index.ts';
import { ScheduleHouse } from './schedule-house.ts';
import { openScriptHouse, type ScriptHouse } from './script-house.ts';
import { scriptTypes } from './scripts/script-types.ts';
import { AccountUpkeep } from './security/account-upkeep.ts';
import { actor } from './security/actor.ts';
import { BasicLogins } from './security/basic-logins.ts';
import { Idempotency } from './security/idempotency/policy.ts';
import { CallLimits } from './security/limits/call-limits.ts';
import { RateLimits } from './security/limits/rate-limits.ts';
import { RoleConcurrency } from './security/limits/role-concurrency.ts';
import type { Keys } from './security/secrets.ts';
import { apiDocsServiceType, createApiDocsService } from './services/api-docs/index.ts';
import { Services } from './services/directory.ts';
import {
  emailServiceTypes,
  identityServiceTypes,
  type OutboxDesk,
  Overlays,
  scriptServiceTypes,
  serviceTypes,
} from './services/index.ts';
import { createSystemService, listServices, systemServiceType } from './services/system/index.ts';
import { createUserService, userServiceType } from './services/user/index.ts';
import { createLimitCounters } from './store/limits/index.ts';
import { version } from './version.ts';
import { askForRestart } from './worker/restart.ts';

/** What a house stands on. */
export interface Ground {
  readonly options: ServerOptions;
  readonly store: Store;
  readonly keys: Keys;
  readonly sandbox: OpenSandbox;
  readonly observe: Observe;
  readonly meter?: OperationMeter | undefined;
}

/** Everything between the store and the door. */
export async function furnish(ground: Ground) {
  const { options, store, observe, meter } = ground;
  const { config } = options;
  const { redisUrl } = config;
  const counters = createLimitCounters({ database: systemDatabase(config), redisUrl, observe });
  const guard = guardOf(config, { ...ground, counters });
  const { authority, audit, passwords, throttle, sessions } = guard;
  // Scripts queue runs, which are performed by scripts: whoever comes later is asked for when he is needed.
  const house = openScriptHouse({ ...ground, ...guard, config, handoffs: () => queues.handoffs });
  const { scripts } = house;
  const overlays = new Overlays({ store });
  const mark = await readHouseMark(store);
  const outboxes: OutboxDesk = {
    ...{ house: mark, observe },
    departed: (service) => queues.relay.wake(service),
    used: (service) => queues.register.note(service),
  };
  const services = new Services({
    types: typesOf({ ground, house, overlays, outboxes }),
    ...{ secrets: guard.secrets, observe, lookups: authority.forServices },
  });
  const fallback = { connection: config.queueConnection, queue: config.queueName };
  const queues = new QueueHouse({ ...ground, ...guard, services, scripts, fallback, redisUrl });
  const limitCounts = new RateLimits({ store, counters });
  const callLimits = new CallLimits({ rates: limitCounts, concurrency: new RoleConcurrency() });
  const idempotency = new Idempotency({ store, observe, house: mark });
  const { handoffs } = queues;
  const parts = { services, access: byRole, callLimits, scripts, idempotency, handoffs, observe, meter };
  const dispatcher = new Dispatcher(parts);
  queues.furnish(dispatcher);
  const schedules = new ScheduleHouse({ store, connections: queues.connections, observe });
  installOwn({ ground, guard, house, services, overlays, limitCounts, dispatcher, queues, schedules });
  const announce = options.announce ?? announceOnce;
  const first = { config, store, services, passwords, audit, announce };
  await makeFirstRecords(first, options.services ?? []);
  const watch = new ConfigurationWatch({
    ...{ store, services, overlays, scripts, authority, limitCounts, observe },
    queues: queues.connections,
    loaded: () => schedules.wake(),
  });
  await watch.start();
  await queues.connections.load();
  const upkeep = new AccountUpkeep({ store, audit, observe });
  upkeep.start();
  idempotency.start();
  const basicLogins = new BasicLogins({ store, passwords, throttle, authority });
  const { sessionTokenInQuery } = config;
  return {
    door: {
      dispatcher,
      authentication: new Authentication({ sessions, basicLogins, authority, sessionTokenInQuery }),
      listServices: (operation: Operation) => listServices({ store, services, callLimits }, operation),
      corsRules: () => watch.corsRules,
    },
    queues,
    schedules,
    configuration: watch.state,
    close: async () => {
      watch.stop();
      await upkeep.stop();
      await idempotency.stop();
      await schedules.stop();
      await queues.close();
      await house.close();
      await services.close();
      await counters.close();
    },
  };
}

interface TypesParts {
  readonly ground: Ground;
  readonly house: ScriptHouse;
  readonly overlays: Overlays;
}

/** What types of services need beside. */
interface TypesOptions extends TypesParts {
  readonly outboxes: OutboxDesk;
}

function typesOf({ ground, house, overlays, outboxes }: TypesOptions): ServiceType[] {
  const { options, store, observe } = ground;
  const { scripts, outgoing } = house;
  return [
    ...serviceTypes({ overlays, outboxes }),
    ...emailServiceTypes({ templates: store.emailTemplates, outgoing }),
    ...scriptServiceTypes(scriptTypes, scripts.handlers),
    ...identityServiceTypes({ egressAllow: options.config.egressAllow, observe }),
  ];
}

interface OwnParts extends TypesParts {
  readonly guard: Guard;
  readonly queues: QueueHouse;
  readonly schedules: ScheduleHouse;
  readonly services: Services;
  readonly limitCounts: RateLimits;
  readonly dispatcher: Dispatcher;
}

/** Our own services: what people configure, who they are, and what there is. */
function installOwn(own: OwnParts): void {
  const { ground, guard, house, services, overlays, limitCounts, dispatcher, queues, schedules } = own;
  const { options, store, observe } = ground;
  const { config } = options;
  const { authority, audit } = guard;
  const { scripts, outgoing } = house;
  const dispatch = (operation: Operation) => dispatcher.dispatch(operation);
  const parts = {
    ...guard,
    ...{ store, services, schemas: overlays, outgoing, limitCounts, observe },
    scripts: house.desk,
    authority: { load: () => reloadAuthority({ authority, scripts, store }) },
    facts: { version, settings: settingsInForce(config) },
    accounts: { publicUrl: config.publicUrl, hasForeverSessions: config.foreverSessions },
    act: actor({ audit, observe, authority, dispatch }),
    queues: queues.connections,
    schedules: schedules.desk,
    workers: { restart: (by: number | null) => askForRestart(store, by) },
  };
  services.install(systemServiceType(createSystemService(parts)));
  services.install(userServiceType(createUserService(parts), store));
  services.install(apiDocsServiceType(createApiDocsService({ store, services })));
}
