// The action that a request asks for: its method, or the one that a POST stands in for (spec §5.3).
// Invariant: only POST can be overridden, so that a request that proxies take for a read stays one.
import type { IncomingHttpHeaders } from 'node:http';
import { PlatformError } from '../core/errors.ts';
import type { Action, Parameters } from '../core/operation.ts';

/** Methods of the API, as Allow and CORS headers list them. */
export const methods = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

/** The action of a method without override; undefined when the API has no such method. */
export function actionOf(method: string | undefined): Action | undefined {
  switch (method) {
    case 'GET':
    case 'POST':
    case 'PUT':
    case 'PATCH':
    case 'DELETE':
      return method;
    case 'HEAD':
      return 'GET';
    default:
      return undefined;
  }
}

/** The action that a POST stands in for. Throws `request.unsupported_verb` for one that there is not. */
export function overriddenAction(headers: IncomingHttpHeaders, parameters: Parameters): Action {
  const asked =
    headers['x-http-method'] ??
    headers['x-http-method-override'] ??
    headers['x-method-override'] ??
    parameters.method ??
    parameters._method;
  if (asked === undefined) return 'POST';
  // A parameter may come as an object (`?method[a]=b`), which has no text.
  const verb = typeof asked === 'string' ? asked.trim().toUpperCase() : '';
  const action = verb === 'MERGE' ? 'PATCH' : verb === 'HEAD' ? undefined : actionOf(verb);
  if (action !== undefined) return action;
  throw new PlatformError(
    'request.unsupported_verb',
    'The method given in a header or the parameter method must be GET, POST, PUT, PATCH, MERGE or DELETE.',
  );
}
