// A service whose resources are the platform's own records and sessions, on the same path as every service.
// Invariant: a record's id is no part of an event name; `service/5` fires what `service` fires (spec §2.3).
import { isAllowed } from '../../core/access.ts';
import { PlatformError } from '../../core/errors.ts';
import { eventName } from '../../core/event.ts';
import { type Action, actions, type Operation, type Result } from '../../core/operation.ts';
import type { CallContext, Endpoint, Location, Service } from '../../core/service.ts';
import { recordParameters } from '../../openapi/record-parameters.ts';
import { flagOption } from './request.ts';
import { answer, type Resource } from './resource.ts';

interface Place {
  /** Undefined at the root. */
  readonly resource: Resource | undefined;
  readonly allowed: readonly Action[];
}

/** A service whose resources are our own. */
export class ResourceService implements Service {
  readonly name: string;
  readonly type: string;
  readonly #resources: readonly Resource[];
  readonly #endpoints: readonly Endpoint[];
  readonly #locations = new Map<string, Location>();
  readonly #places = new Map<Location, Place>();

  /** `name` is that of its type, too: there is only one of it. */
  constructor(name: string, resources: readonly Resource[]) {
    this.name = name;
    this.type = name;
    this.#resources = resources;
    this.#endpoints = [rootEndpoint, ...resources.flatMap((resource) => resource.endpoints)];
    for (const action of actions) this.#place([], action, { resource: undefined, allowed: ['GET'] });
    for (const resource of resources) {
      for (const { pattern, actions: allowed } of resource.endpoints) {
        for (const action of actions) this.#place(pattern, action, { resource, allowed });
      }
    }
  }

  locate(path: readonly string[], action: Action): Location | undefined {
    const literal = this.#locations.get(key(path, action));
    if (literal !== undefined || path.length === 0) return literal;
    for (const { endpoints } of this.#resources) {
      const found = endpoints.find(({ pattern }) => matches(pattern, path));
      if (found !== undefined) return this.#locations.get(key(found.pattern, action));
    }
    return undefined;
  }

  handle(operation: Operation, location: Location, context: CallContext): Promise<Result> | Result {
    const place = this.#places.get(location);
    if (place === undefined || !place.allowed.includes(operation.action))
      throw unsupported(this.name, operation);
    if (place.resource === undefined) return this.#listResources(operation);
    const { name } = place.resource;
    return place.resource.handle({
      operation,
      action: operation.action,
      path: operation.path.slice(name.split('/').length),
      parameters: operation.request.parameters,
      by: operation.principal.user?.id ?? null,
      context,
    });
  }

  describe(): readonly Endpoint[] {
    return this.#endpoints;
  }

  // What the caller may do nothing with is not there for him.
  #listResources(operation: Operation): Result {
    const { parameters } = operation.request;
    const seen = this.#resources
      .map((resource) => ({ name: resource.name, access: this.#accessTo(resource, operation) }))
      .filter(({ access }) => access.length > 0);
    const names = seen.map(({ name }) => name);
    if (flagOption(parameters, 'as_access_list')) {
      return answer({ resource: ['', '*', ...names.flatMap((name) => [`${name}/`, `${name}/*`])] });
    }
    if (flagOption(parameters, 'as_list')) return answer({ resource: names });
    return answer({
      resource: flagOption(parameters, 'include_access') ? seen : names.map((name) => ({ name })),
    });
  }

  #accessTo({ endpoints }: Resource, { principal, requestor }: Operation): readonly Action[] {
    return actions.filter((action) =>
      endpoints.some(({ pattern, actions: offered }) => {
        const location = offered.includes(action) ? this.#locations.get(key(pattern, action)) : undefined;
        return (
          location !== undefined && isAllowed({ principal, requestor, service: this.name, action }, location)
        );
      }),
    );
  }

  #place(pattern: readonly string[], action: Action, place: Place): void {
    const own = place.resource?.name.split('/').length ?? 0;
    const literals = pattern.filter((segment) => !segment.startsWith('{'));
    const isPublic = place.resource?.publicActions?.includes(action) === true;
    const isForUsers = place.resource?.userActions?.includes(action) === true;
    const location: Location = {
      component: place.resource?.name ?? '',
      events: [{ name: eventName(this.name, literals, action), drop: own }],
      ...(isPublic ? { isPublic } : {}),
      ...(isForUsers ? { isForUsers } : {}),
    };
    this.#locations.set(key(pattern, action), location);
    this.#places.set(location, place);
  }
}

const summary = 'List the resources of the service';
const { asList, asAccessList, includeAccess } = recordParameters;

const rootEndpoint: Endpoint = {
  pattern: [],
  actions: ['GET'],
  summary,
  details: () => [
    { pattern: [], actions: { GET: { summary, parameters: [asList, asAccessList, includeAccess] } } },
  ],
};

function key(path: readonly string[], action: Action): string {
  return `${action} ${path.join('/')}`;
}

function matches(pattern: readonly string[], path: readonly string[]): boolean {
  if (pattern.length !== path.length) return false;
  return pattern.every((segment, index) => segment.startsWith('{') || segment === path[index]);
}

function unsupported(service: string, { action, path }: Operation): PlatformError {
  const what = path.length === 0 ? 'without a resource' : `for resource '${path.join('/')}'`;
  return new PlatformError(
    'request.unsupported_verb',
    `${action} requests ${what} are not currently supported by the '${service}' service.`,
  );
}
