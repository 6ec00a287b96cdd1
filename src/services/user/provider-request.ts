// Requests about logins at providers, whichever way clients pass on what the provider wrote.
import type { Operation } from '../../core/operation.ts';
import { flagOption, isObject } from '../system/request.ts';

/** Parameters of a request that are text, of its query and its body. */
export type Given = Readonly<Record<string, string>>;

/** What a request gives. */
export function givenOf({ request }: Operation): Given {
  const content = request.body?.value;
  const all = { ...request.parameters, ...(isObject(content) ? content : {}) };
  return Object.fromEntries(
    Object.entries(all).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1] !== '',
    ),
  );
}

/**
 * Whether somebody comes back from a provider: `oauth_callback` is what clients write, and what the provider
 * itself adds says as much.
 */
export function isReturn({ oauth_callback: isSaid, state, code, error }: Given): boolean {
  if (isSaid !== undefined && flagOption({ oauth_callback: isSaid }, 'oauth_callback')) return true;
  return state !== undefined && (code !== undefined || error !== undefined);
}

/** Whether a script in a browser asks, which is told where to go instead of being sent there. */
export function isByScript({ request }: Operation): boolean {
  return request.headers['x-requested-with']?.toLowerCase() === 'xmlhttprequest';
}
