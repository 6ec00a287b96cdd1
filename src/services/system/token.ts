// Where a session token stands in a request (spec §5.2).
import type { Operation } from '../../core/operation.ts';
import { isObject } from './request.ts';

/** The session token that came with an operation, unchecked; undefined when there is none. */
export function tokenOf(operation: Operation): string | undefined {
  const { headers, parameters, body } = operation.request;
  const bearer = /^Bearer\s+(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  const content = body?.isJson === true ? body.value : undefined;
  const written = isObject(content) ? content.session_token : undefined;
  const found = bearer ?? headers['x-dreamfactory-session-token'] ?? parameters.session_token ?? written;
  return typeof found === 'string' && found !== '' ? found : undefined;
}
