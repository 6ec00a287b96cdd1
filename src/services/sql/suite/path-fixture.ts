// For tests only: the whole path over SQL services, asked as their callers ask them.
import { byRole } from '../../../core/access.ts';
import { Body } from '../../../core/body.ts';
import { Dispatcher } from '../../../core/dispatch.ts';
import { PlatformError } from '../../../core/errors.ts';
import {
  type Action,
  anonymous,
  type Operation,
  type Parameters,
  type Principal,
  type Requestor,
} from '../../../core/operation.ts';
import type { Exchange } from '../../../core/script.ts';
import type { Service } from '../../../core/service.ts';
import { parseParameters } from '../../../query/parameters.ts';

/** What a call has beside its address: `body` is a value, `text` JSON as it is sent. */
export interface CallParts {
  readonly parameters?: Parameters;
  readonly body?: unknown;
  readonly text?: string;
  /** Who asks; an administrator unless told otherwise. */
  readonly principal?: Principal;
  /** Through which kind of door; from outside unless told otherwise. */
  readonly requestor?: Requestor;
}

/** The path over one service; `fired` is told the events, `before` the exchanges. */
export function dispatcherOf(
  services: readonly Service[],
  fired: string[],
  before: ((exchange: Exchange) => void) | undefined,
): Dispatcher {
  return new Dispatcher({
    services: {
      find: (name) => {
        const service = services.find((each) => each.name === name);
        if (service !== undefined) return service;
        throw new PlatformError('service.not_found', `Could not find a service with the name '${name}'.`);
      },
      list: () => services,
    },
    access: byRole,
    scripts: {
      generation: 1,
      plan: (events) => ({
        hasBefore: true,
        hasAfter: false,
        before: async (exchange) => {
          fired.push(...events.map((event) => event.name));
          before?.(exchange);
        },
        after: async () => undefined,
      }),
    },
    observe: () => undefined,
  });
}

const administrator: Principal = { ...anonymous, kind: 'user', isAdmin: true };

/** An operation as the door makes it of a call. */
export function operationOf(action: Action, uri: string, parts: CallParts): Operation {
  const { parameters, body, text, principal = administrator, requestor = 'api' } = parts;
  const json = text ?? (body === undefined ? undefined : JSON.stringify(body));
  const [path = '', query = ''] = uri.split(/\?(.*)/s);
  const [, , , service = '', ...segments] = path.replace(/\/$/, '').split('/').map(decodeURIComponent);
  return {
    service,
    path: segments,
    action,
    origin: 'http',
    requestor,
    principal,
    depth: 0,
    request: {
      parameters: parameters ?? parseParameters(query),
      headers: {},
      body: json === undefined ? undefined : Body.ofText(json, 'application/json'),
    },
    uri,
    apiVersion: '2.0',
  };
}
