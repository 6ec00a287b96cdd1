// The events that can fire (spec §2.4), made from what each service says of itself.
// Invariant: only names that really fire are listed; a service that cannot be asked is listed without events.
import { eventName } from '../../core/event.ts';
import type { Action, Parameters, Result } from '../../core/operation.ts';
import type { Endpoint, Service } from '../../core/service.ts';
import { described, eventDetails } from './describe-resource.ts';
import type { SystemParts } from './parts.ts';
import { flagOption, invalidParameter, textOption } from './request.ts';
import { answer, type Resource } from './resource.ts';

/** The events of one path. */
interface EventPath {
  readonly type: 'api';
  readonly endpoints: string[];
  readonly parameter: Readonly<Record<string, readonly string[]>> | null;
}

/** The resource `event`. `only_scripted` is accepted and changes nothing, as recorded. */
export function eventResource({ services }: Pick<SystemParts, 'services'>): Resource {
  return {
    name: 'event',
    endpoints: [
      described(
        { pattern: ['event'], actions: ['GET'], summary: 'events that can fire' },
        { GET: eventDetails },
      ),
    ],
    handle: async ({ parameters }) => {
      const name = textOption(parameters, 'service');
      const chosen = name === undefined ? services.list() : [services.find(name)];
      if (flagOption(parameters, 'services_only')) {
        return answer({ resource: chosen.map((service) => service.name) });
      }
      return listEvents(chosen, parameters);
    },
  };
}

async function listEvents(services: readonly Service[], parameters: Parameters): Promise<Result> {
  const type = textOption(parameters, 'type');
  if (type !== undefined && type !== 'api' && type !== 'service') {
    throw invalidParameter('type', "must be 'api' or 'service'");
  }
  const scriptable = flagOption(parameters, 'scriptable');
  const asList = flagOption(parameters, 'as_list');
  const map: Record<string, Record<string, EventPath>> = {};
  // No service announces events of its own besides those of its paths.
  for (const service of services)
    map[service.name] = type === 'service' ? {} : await pathsOf(service, scriptable);
  if (!asList) return answer(map);
  const paths = Object.values(map).flatMap((entries) => Object.values(entries));
  return answer({ resource: paths.flatMap((path) => path.endpoints) });
}

async function pathsOf(service: Service, scriptable: boolean): Promise<Record<string, EventPath>> {
  const paths: Record<string, EventPath> = {};
  const listed = new Set<string>();
  for (const endpoint of await describeOrNothing(service)) {
    const names = endpoint.actions.map((action) => firingName(service, endpoint, action));
    const fresh = names.filter((name) => !listed.has(name));
    if (fresh.length === 0) continue;
    for (const name of fresh) listed.add(name);
    const path = [service.name, ...endpoint.pattern].join('.');
    const endpoints = scriptable ? fresh.flatMap(withStages) : fresh;
    paths[path] = { type: 'api', endpoints, parameter: endpoint.parameters ?? null };
  }
  return paths;
}

async function describeOrNothing(service: Service): Promise<readonly Endpoint[]> {
  try {
    return await service.describe();
  } catch {
    // A source that is down must not take the list of all other events with it.
    return [];
  }
}

// The name of the pattern itself where it fires; else what fires instead (`service/{id}` fires `service`'s).
function firingName(service: Service, { pattern }: Endpoint, action: Action): string {
  const name = eventName(service.name, pattern, action);
  const events = service.locate(pattern, action)?.events ?? [];
  return events.some((event) => event.name === name) ? name : (events.at(-1)?.name ?? name);
}

function withStages(name: string): string[] {
  return [name, `${name}.pre_process`, `${name}.post_process`, `${name}.queued`];
}
