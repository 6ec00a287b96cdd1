// Where a session token stands in a request (spec §5.2).
import type { Operation } from '../../core/operation.ts';
import { isObject } from './request.ts';

/**
 * The session token that came with an operation, unchecked; undefined when there is none. Parameters and
 * body count only where the door already accepted the token there, which is a switch of the operator.
 */
export function tokenOf({ request, principal }: Operation): string | undefined {
  const { headers, parameters, body } = request;
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  const header = bearer ?? headers['x-dreamfactory-session-token'];
  if (header !== undefined && header !== '') return header;
  if (principal.sessionId === null) return undefined;
  const content = body?.isJson === true ? body.value : undefined;
  const found = parameters.session_token ?? (isObject(content) ? content.session_token : undefined);
  return typeof found === 'string' && found !== '' ? found : undefined;
}
