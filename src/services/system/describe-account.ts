// What descriptions say of logging in and of people's own data.
import { type ActionDetails, Named, type PathDetails } from '../../core/description.ts';
import type { Action } from '../../core/operation.ts';
import type { Endpoint } from '../../core/service.ts';
import { jsonContent, objectSchema, successResponse } from '../../openapi/envelopes.ts';

const text = { type: 'string' };
const textOrNull = { type: ['string', 'null'] };
const idOrNull = { type: ['integer', 'null'] };

const sessionSchema = new Named({
  kind: 'schemas',
  name: 'Session',
  make: () =>
    objectSchema(
      {
        session_token: { type: 'string', description: 'For the header X-DreamFactory-Session-Token.' },
        ...{ session_id: text, id: { type: 'integer' }, name: text, first_name: text, last_name: text },
        ...{ email: text, is_sys_admin: { type: 'boolean' }, last_login_date: textOrNull, host: text },
        ...{ token_expiry_date: text, role: text, role_id: { type: 'integer' } },
      },
      ['session_token'],
    ),
});

const loginSchema = new Named({
  kind: 'schemas',
  name: 'Login',
  make: () =>
    objectSchema(
      {
        email: { type: 'string', description: 'Or `username`.' },
        username: text,
        password: { type: 'string', format: 'password' },
        remember_me: { type: 'boolean', description: 'Whether the token may be refreshed for ever.' },
      },
      ['password'],
    ),
});

const profileSchema = new Named({
  kind: 'schemas',
  name: 'Profile',
  make: () =>
    objectSchema({
      ...{ username: text, first_name: text, last_name: text, name: text, email: text, phone: textOrNull },
      ...{ security_question: textOrNull, default_app_id: idOrNull, oauth_provider: text, adldap: text },
    }),
});

const session = { 200: { description: 'The session', content: jsonContent(sessionSchema) } };
const profile = { content: jsonContent(profileSchema) };
const done = { 200: successResponse };

const ofSession: Partial<Record<Action, ActionDetails>> = {
  GET: { summary: 'Read the own session', responses: session },
  POST: {
    summary: 'Log in',
    requestBody: { required: true, content: jsonContent(loginSchema) },
    responses: session,
  },
  PUT: {
    summary: 'Get a new token for one that has expired or will soon',
    requestBody: { content: jsonContent({ type: 'object' }) },
    responses: session,
  },
  DELETE: { summary: 'Log out', responses: done },
};

const changing: ActionDetails = { summary: 'Change own data', requestBody: profile, responses: done };

const ofProfile: Partial<Record<Action, ActionDetails>> = {
  GET: { summary: 'Read own data', responses: { 200: { description: 'Own data', ...profile } } },
  POST: changing,
  PUT: changing,
  PATCH: changing,
};

const ofPassword: Partial<Record<Action, ActionDetails>> = {
  POST: {
    summary: 'Change the own password',
    requestBody: {
      required: true,
      content: jsonContent(
        objectSchema(
          {
            old_password: { type: 'string', format: 'password' },
            new_password: { type: 'string', format: 'password' },
          },
          ['old_password', 'new_password'],
        ),
      ),
    },
    responses: done,
  },
};

const kinds = { session: ofSession, profile: ofProfile, password: ofPassword } as const;

/** Gives the endpoint of an own resource what descriptions show of it. */
export function describedAccount(kind: keyof typeof kinds, endpoint: Endpoint): Endpoint {
  const path: PathDetails = {
    pattern: endpoint.pattern,
    actions: kinds[kind],
    tag: endpoint.pattern.join('/'),
  };
  return { ...endpoint, details: () => [path] };
}
