// What a client may know before it has logged in: how to log in.
import { described, objectAnswer } from './describe-resource.ts';
import type { Resource } from './resource.ts';
import { answer } from './resource.ts';

const payload = { email: 'string', password: 'string', remember_me: 'bool' };
const login = (path: string) => ({ path, verb: 'POST', payload });

/** The resource `environment`. */
export function environment(): Resource {
  return {
    name: 'environment',
    endpoints: [
      described(
        { pattern: ['environment'], actions: ['GET'], summary: 'how to log in' },
        { GET: { summary: 'Read how to log in', responses: objectAnswer('Ways to log in') } },
      ),
    ],
    publicActions: ['GET'],
    handle: () =>
      answer({
        authentication: {
          admin: login('system/admin/session'),
          user: login('user/session'),
          oauth: [],
          adldap: [],
          saml: [],
          allow_open_registration: false,
          allow_forever_sessions: false,
          login_attribute: 'email',
        },
        apps: [],
      }),
  };
}
