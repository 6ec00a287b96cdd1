// Where we answer otherwise than the records on purpose (`differences`, each with its reason and our answer),
// and calls made in the place of others so that generated ids stay those of the records (`standIns`). The
// replayer reads both; nothing else is left out.
import type { ForeignRequest, RecordedRequest, RecordedResponse } from './records.ts';

/** A deliberate difference. */
export interface Difference {
  readonly reason: string;
  /** What replaces the recorded answer; parts that are absent are as recorded. */
  readonly ours: Partial<RecordedResponse>;
  /** What replaces the requests that the foreign server received. */
  readonly foreign?: readonly ForeignRequest[];
  /** What replaces the recorded output of scripts. */
  readonly log?: string;
}

const error = (status: number, message: string) => ({
  status,
  body: { error: { code: status, context: null, message, status_code: status } },
});

/**
 * A difference of all answers: messages are not HTML-escaped. They are data, and escaping belongs to whoever
 * shows them as HTML.
 */
export function unescapedMessages<T>(recorded: T): T {
  return JSON.parse(JSON.stringify(recorded), (name, value) =>
    name === 'message' && typeof value === 'string' ? unescaped(value) : value,
  );
}

/**
 * Another one: administrators read in `error.context` where their script failed. What the records have there,
 * if anything, came from elsewhere.
 */
export function withoutTrace(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || !('error' in body)) return body;
  const { error } = body;
  if (typeof error !== 'object' || error === null || !('context' in error)) return body;
  const { context } = error;
  const isTrace = typeof context === 'object' && context !== null && 'script' in context;
  return isTrace ? { ...body, error: { ...error, context: null } } : body;
}

function unescaped(text: string): string {
  return text.replace(/&(quot|lt|gt|#039|amp);/g, (_entity, name: keyof typeof entities) => entities[name]);
}

const entities = { quot: '"', lt: '<', gt: '>', '#039': "'", amp: '&' };

const curatedConfig =
  'platform.config is a curated list, without paths and internals of the server, at the root and under df';

const stamps = {
  ...{ created_date: '{{datetime}}', last_modified_date: '{{datetime}}', last_modified_by_id: null },
};

const roleOfRecords = {
  ...{ id: '{{role_id}}', name: 'reader', description: 'read only', is_active: true },
  ...{ max_concurrency: null, max_body_bytes: null, ...stamps, created_by_id: 1 },
  role_service_access_by_role_id: [
    {
      ...{ id: '{{role_access_id}}', role_id: '{{role_id}}', service_id: '{{service_id:hr}}' },
      ...{ component: '_table/departments/*', verb_mask: 1, requestor_mask: 3 },
      ...{ filters: [], filter_op: 'AND', fields: [], ...stamps, created_by_id: null },
    },
  ],
};

/** By id of the transcript or vector. */
export const differences: Readonly<Record<string, Difference>> = {
  '053-limit-not-a-number': {
    reason: 'a malformed parameter is refused by name instead of ignored',
    ours: error(400, '{{message}}'),
  },
  '068-post-invalid-json': {
    reason: 'malformed JSON is said to be malformed, with the place, instead of "no records"',
    ours: error(400, 'The body is not valid JSON{{reason}}'),
  },
  '096-options-cors': {
    reason: 'a preflight request is answered, so that browsers may call from other origins',
    ours: {
      status: 204,
      headers: { 'access-control-allow-origin': '*' },
      content_type: null,
      body: '',
    },
  },
  '109-schema-add-field': {
    reason: 'the names of the fields are answered, as for tables, instead of lists that are empty',
    ours: { body: { resource: [{ name: 'age' }] } },
  },
  '111-environment-anonymous': {
    reason: 'what is not there (mail) is not announced',
    ours: { body: '{{environment}}' },
  },
  '112-environment-admin': {
    reason: 'no apps come with it, and what runs here is no PHP: the facts of the server are its own',
    ours: {
      body: {
        authentication: {
          admin: {
            path: 'system/admin/session',
            verb: 'POST',
            payload: { email: 'string', password: 'string' },
          },
          user: { path: 'user/session', verb: 'POST', payload: { email: 'string', password: 'string' } },
          ...{ oauth: [], adldap: [], saml: [], allow_open_registration: false },
          ...{ allow_forever_sessions: false, login_attribute: 'email' },
        },
        apps: [],
        platform: { name: 'Tenon', version: '0.1.0', license: 'Apache-2.0', node: '26' },
        server: { host: '{{hostname}}', server_os: 'linux', release: '6', machine: 'x64' },
        client: { user_agent: '{{user_agent}}', ip_address: '127.0.0.1', locale: null },
        config: {
          always_wrap_resources: true,
          resources_wrapper: 'resource',
          db: {
            max_records_returned: 1_000,
            ...{ time_format: null, date_format: null, datetime_format: null, timestamp_format: null },
          },
        },
      },
    },
  },
  '123-api-docs-of-a-service': {
    reason: 'OpenAPI 3.1 instead of 3.0, with a path and schemas for each table instead of one for all',
    ours: {
      body: {
        openapi: '3.1.0',
        info: { title: 'HR', version: '2.0' },
        servers: [{ url: '/api/v2/hr' }],
        tags: [{ name: 'hr' }],
        security: [{ ApiKeyHeader: [] }],
        paths: {
          '/': { get: {} },
          '/_schema': { get: {} },
          '/_schema/{table_name}': { get: {} },
          '/_schema/{table_name}/_field': { get: {} },
          '/_schema/{table_name}/_related': { get: {} },
          '/_schema/{table_name}/_field/{field_name}': { get: {} },
          '/_schema/{table_name}/_related/{relationship_name}': { get: {} },
          '/_table': { get: {} },
          '/_table/departments': { get: {}, post: {}, put: {}, patch: {}, delete: {} },
          '/_table/departments/{id}': { get: {}, put: {}, patch: {}, delete: {} },
        },
        components: {
          securitySchemes: {
            BasicAuth: { type: 'http', scheme: 'basic' },
            BearerAuth: { type: 'http', scheme: 'bearer' },
            ApiKeyQuery: { type: 'apiKey', in: 'query', name: 'api_key' },
            ApiKeyHeader: { type: 'apiKey', in: 'header', name: 'X-DreamFactory-API-Key' },
            SessionTokenHeader: { type: 'apiKey', in: 'header', name: 'X-DreamFactory-Session-Token' },
          },
          schemas: { Error: { type: 'object' }, departments: { type: 'object', properties: {} } },
        },
      },
    },
  },
  '170-pre-process-nodejs-throw-error-with-code': {
    reason: 'the status that a script gives to its error is honoured',
    ours: {
      status: 403,
      body: { error: { code: 403, context: null, message: 'with code', status_code: 403 } },
    },
  },
  '154-pre-process-php-plain-exception': {
    reason: 'every error has the whole envelope, whatever class was thrown',
    ours: error(500, 'Annual salary must be > 0'),
  },
  '206-post-process-php-exception-in-post-process': {
    reason: 'every error has the whole envelope, whatever class was thrown',
    ours: error(500, 'post fails'),
  },
  '251-script-service-returns-string': {
    reason: 'text that is no JSON is not called JSON',
    ours: { headers: { 'content-type': 'text/plain; charset=UTF-8' } },
  },
  '172-pre-process-nodejs-syntax-error': {
    reason: 'a syntax error is told with its line and column instead of an exit code',
    ours: error(500, "Script 'hr._table.departments.get.pre_process' can not be loaded{{reason}}"),
  },
  '223-platform-config-and-session-in-script': {
    reason: curatedConfig,
    ours: {
      body: { config_keys: ['version'], df: { version: 'text', api_version: '2.0' }, session: { user: {} } },
    },
  },
  '256-role-create': {
    reason: 'roles have bounds and rules for fields, too',
    ours: { body: { resource: [roleOfRecords] } },
  },
  '261-user-create': {
    reason: 'only the fields that were asked for are answered',
    ours: { body: { resource: [{ id: '{{user_id}}', email: 'uma@example.com', name: 'Uma User' }] } },
  },
  'e-pre-set-limit-non-number': {
    reason: 'a malformed parameter is refused by name instead of ignored',
    ours: error(400, '{{message}}'),
  },
  'e-post-throw-node-object': {
    reason: 'a numeric code of 4xx or 5xx on a thrown error is the status',
    ours: { status: 409, body: { error: { code: 409, context: null, message: 'o', status_code: 409 } } },
  },
  'e-pre-throw-node-object-not-allowed': {
    reason: 'a numeric code of 4xx or 5xx on a thrown error is the status',
    ours: { status: 409, body: { error: { code: 409, context: null, message: 'o', status_code: 409 } } },
  },
  'e-platform-config-keys-node': {
    reason: curatedConfig,
    ours: { body: '{{config}}' },
  },
  'e-nested-forbidden-service-php': {
    reason: 'a refusal has the same words whichever way the call came',
    ours: {
      body: {
        r: {
          status_code: 403,
          content: error(
            403,
            "Access Forbidden. GET access to component 'user' of service 'system' is not allowed by this " +
              "user's role.",
          ).body,
          content_type: null,
          format: 201,
          headers: [],
        },
      },
    },
  },
  's-event-post-after-script-error': {
    reason: 'administrators, and so their scripts, are told where a script failed',
    ours: {
      body: {
        was: { error: { code: 500, context: '{{trace}}', message: 'x', status_code: 500 } },
        s: 500,
      },
    },
  },
  's-php-platform': {
    reason: curatedConfig,
    ours: {
      body: {
        p: ['api', 'config', 'session', 'store'],
        api: ['call', 'get', 'post', 'put', 'patch', 'delete'],
        c: '{{config}}',
        e: ['request', 'response', 'resource', '__tag__'],
        vars: ['event', 'platform'],
      },
    },
  },
  'e-platform-config-keys-php': {
    reason: curatedConfig,
    ours: {
      body: {
        config: '{{config}}',
        platform: ['api', 'config', 'session', 'store'],
        session: ['api_key', 'session_token', 'user', 'app', 'lookup', 'lookup_secret', 'has_role'],
      },
    },
  },
  's-php-api-get-no-such-service': {
    reason: 'a missing service is told in the same words inside and outside',
    ours: {
      body: {
        r: {
          status_code: 404,
          content: {
            error: {
              code: 404,
              context: null,
              message: "Could not find a service with the name 'nosuch'.",
              status_code: 404,
            },
          },
          content_type: null,
          format: 201,
          headers: [],
        },
      },
    },
  },
  's-php-api-environment': {
    reason: 'what is not there (mail, OAuth) is not announced',
    ours: { body: { s: 200, keys: '{{keys}}' } },
  },
  's-php-api-ext-delete': {
    reason: 'a call without content says nothing of its length',
    ours: {},
    foreign: [
      {
        method: 'DELETE',
        path: '/ext/x',
        headers: { accept: '*/*', 'content-type': 'application/x-www-form-urlencoded' },
        body: '',
      },
    ],
  },
  's-python3-api-ext-refused': {
    reason: 'a call that can not be made, here to an address that is not public, is answered with an error',
    ours: { status: 200, body: { b: '{"error":{"code":403,{{rest}}', s: 403, ct: 'application/json' } },
  },
  's-node-throw-error-status-code': {
    reason: 'the status that a script gives to its error is honoured',
    ours: error(404, 'nf'),
  },
  'e-platform-config-keys-python3': {
    reason: curatedConfig,
    ours: {
      body: {
        config: '{{config}}',
        platform: ['api', 'config', 'session', 'store'],
        session: ['api_key', 'session_token', 'user', 'app', 'lookup', 'lookup_secret', 'has_role'],
      },
    },
  },
  's-node-platform-keys': {
    reason: curatedConfig,
    ours: {
      body: {
        p: ['api', 'config', 'session', 'store'],
        c: '{{config}}',
        s: ['api_key', 'session_token', 'user', 'app', 'lookup', 'lookup_secret', 'has_role'],
        ev: ['request', 'response', 'resource', '__tag__', 'setReturn', 'setResponse', 'setRequest'],
        store: { id: null },
        tag: 'exposed_event',
      },
    },
  },
  's-node-get': {
    reason: 'inner calls do not go over HTTP, so their answers have no headers of a connection',
    ours: {
      body: {
        b:
          '{"resource":[{"id":1,"title":"Buy milk","done":false,"priority":1,"due":null,"price":null,' +
          '"created_at":null}]}',
        t: 'string',
        sc: 200,
        sm: 'OK',
        ct: 'application/json',
        keys: ['content-type'],
      },
    },
  },
  's-node-no-callback-post': {
    reason: 'a call without callback is made all the same, and its answer is not looked at',
    ours: { status: 200, body: '' },
  },
  's-node-api-require-http': {
    reason: 'scripts have no network of their own: calls to other hosts go through platform.api',
    ours: error(500, '{{message}}'),
    foreign: [],
  },
  's-script-text-is-trimmed': {
    reason: 'texts in a request reach scripts as they were sent, neither trimmed nor made null when empty',
    ours: { body: { s: 5, src: { t: '  padded  ', e: '' } } },
  },
};

const oneRow: RecordedRequest = {
  method: 'POST',
  path: '/api/v2/hr/_table/todo',
  auth: 'admin',
  headers: { 'Content-Type': 'application/json' },
  body: { resource: [{ title: 'x' }] },
};

/** By id of a call: asked before it (or in its place), so that generated ids stay those of the records. */
export const standIns: Readonly<Record<string, readonly RecordedRequest[]>> = {
  // A recorded quirk stored a row with an invalid date here.
  '072-post-null-required': [oneRow],
  // Three recorded quirks stored a row each before this one.
  '225-pre-process-rewrites-payload-and-drops-content-php': [oneRow, oneRow, oneRow],
  // A recorded quirk, which is not here, removed the script of the call before it.
  '232-script-service-create-g-dump-php': [
    {
      method: 'DELETE',
      path: '/api/v2/system/event_script/hr._table.%7Btable_name%7D.get.pre_process',
      auth: 'admin',
    },
  ],
};
