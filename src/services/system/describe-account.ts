// What descriptions say of logging in and of people's own data.
import {
  type ActionDetails,
  Named,
  type Part,
  type PartMap,
  type PathDetails,
} from '../../core/description.ts';
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
        totp: { type: 'string', description: 'Code of the second factor, where there is one.' },
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

const queryText = (name: string, description: string) => ({
  ...{ name, in: 'query', description },
  schema: { type: 'string' },
});

const ofProviderSession: Partial<Record<Action, ActionDetails>> = {
  ...ofSession,
  GET: {
    summary: 'Read the own session, or log in at a provider of identities',
    parameters: [
      queryText('service', 'Begins a login at the provider of this service.'),
      queryText('binding', 'A text of the client, with which alone the login can be ended.'),
      queryText('code', 'Ends a login: as the provider gave it.'),
      queryText('state', 'As the provider gave it.'),
    ],
    responses: { ...session, 302: { description: 'To the provider' } },
  },
};

const changing: ActionDetails = { summary: 'Change own data', requestBody: profile, responses: done };

const ofProfile: Partial<Record<Action, ActionDetails>> = {
  GET: { summary: 'Read own data', responses: { 200: { description: 'Own data', ...profile } } },
  POST: changing,
  PUT: changing,
  PATCH: changing,
};

const secret = { type: 'string', format: 'password' };
const reply = (description: string) => ({ 200: { description, content: jsonContent({ type: 'object' }) } });

const loginFlag: Part = {
  ...{ name: 'login', in: 'query', schema: { type: 'boolean' } },
  description: 'Answers a session.',
};

const ofPassword: Partial<Record<Action, ActionDetails>> = {
  POST: {
    summary: 'Change the own password, or set another one for who forgot it',
    description:
      'Either `old_password` and `new_password`; or `email` with `reset=true`, and then `email`, ' +
      '`new_password` and the `code` that was mailed or the `security_answer`.',
    parameters: [
      { name: 'reset', in: 'query', description: 'Asks for a code.', schema: { type: 'boolean' } },
      loginFlag,
    ],
    requestBody: {
      required: true,
      content: jsonContent(
        objectSchema({
          ...{ old_password: secret, new_password: secret, email: text, username: text },
          ...{ code: text, security_answer: text, totp: text },
        }),
      ),
    },
    responses: reply('Success, the security question, or a session'),
  },
};

const ofRegister: Partial<Record<Action, ActionDetails>> = {
  POST: {
    summary: 'Register as a user, or confirm that with the code that was mailed',
    parameters: [loginFlag],
    requestBody: {
      required: true,
      content: jsonContent(
        objectSchema(
          {
            ...{ email: text, username: text, first_name: text, last_name: text, name: text, phone: text },
            ...{ new_password: secret, security_question: text, security_answer: text, code: text },
          },
          ['email'],
        ),
      ),
    },
    responses: reply('Success, or a session'),
  },
};

const ofFactor: Partial<Record<Action, ActionDetails>> = {
  GET: { summary: 'Read whether there is a second factor', responses: reply('Its state') },
  POST: {
    summary: 'Begin a second factor with the password, and put it in force with its first code',
    requestBody: { required: true, content: jsonContent(objectSchema({ password: secret, code: text })) },
    responses: reply('Secret and address for a device, or the recovery codes'),
  },
  DELETE: {
    summary: 'Take the second factor away',
    requestBody: {
      required: true,
      content: jsonContent(objectSchema({ password: secret, code: text }, ['password'])),
    },
    responses: done,
  },
};

const kinds = {
  session: ofSession,
  providerSession: ofProviderSession,
  profile: ofProfile,
  password: ofPassword,
  register: ofRegister,
  factor: ofFactor,
} as const;

/** Gives the endpoint of an own resource what descriptions show of it. */
export function describedAccount(kind: keyof typeof kinds, endpoint: Endpoint): Endpoint {
  const path: PathDetails = {
    pattern: endpoint.pattern,
    actions: kinds[kind],
    tag: endpoint.pattern.join('/'),
  };
  return { ...endpoint, details: () => [path] };
}

/** What descriptions say of the records of accounts beyond the types of their fields. */
export const describedPerson: Readonly<Record<string, PartMap>> = {
  confirmed: { description: 'Whether the address was confirmed; nobody can log in to other accounts.' },
  expired: { description: 'Whether it waits for a code, and none is out that is still good.' },
  second_factor: {
    description: 'Whether logins need a code. False takes it away; only its owner sets it up.',
  },
  password: { ...secret, writeOnly: true },
  security_answer: { ...secret, writeOnly: true },
};

/** The parameter that invites. */
export const sendInvite = new Named({
  kind: 'parameters',
  name: 'send_invite',
  make: () => ({
    ...{ name: 'send_invite', in: 'query', schema: { type: 'boolean', default: false } },
    description: 'Mails a code, with which whoever gets the account sets the password.',
  }),
});
