// How callers say who they are, in the words of OpenAPI.

/** The ways, by name. */
export const securitySchemes = {
  ApiKeyHeader: {
    type: 'apiKey',
    in: 'header',
    name: 'X-DreamFactory-API-Key',
    description: 'The key of an app: the rights of its role.',
  },
  SessionTokenHeader: {
    type: 'apiKey',
    in: 'header',
    name: 'X-DreamFactory-Session-Token',
    description: 'The token that logging in gave: POST user/session or system/admin/session.',
  },
  BearerAuth: { type: 'http', scheme: 'bearer', description: 'The same token in the header Authorization.' },
  BasicAuth: { type: 'http', scheme: 'basic', description: 'Email and password with every call.' },
  ApiKeyQuery: { type: 'apiKey', in: 'query', name: 'api_key', description: 'The key of an app.' },
} as const;

/** Any of these does; a user may come by an app, too, whose key then chooses the role. */
export const requirements = [
  { ApiKeyHeader: [] },
  { SessionTokenHeader: [] },
  { ApiKeyHeader: [], SessionTokenHeader: [] },
  { BearerAuth: [] },
  { BasicAuth: [] },
] as const;
