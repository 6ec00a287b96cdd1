// Who may do what. The path asks once per operation, before any script sees it; a refusal fires no events.
import { PlatformError } from './errors.ts';
import type { Operation } from './operation.ts';
import type { Location } from './service.ts';

/** Decides on an operation; throws `access.*` with the messages of spec §5.2. */
export interface AccessPolicy {
  check(operation: Operation, location: Location): void;
}

/**
 * Refuses an operation whose principal has no right to it, saying what is missing (spec §5.2, in its order).
 */
export function refuse(operation: Operation, location: Location): never {
  const { principal } = operation;
  if (principal.failure !== undefined) throw principal.failure;
  if (principal.kind === 'anonymous' && principal.apiKey === null) {
    throw new PlatformError(
      'access.no_credentials',
      'No session token (JWT) or API Key detected in request. Please send in X-DreamFactory-Session-Token ' +
        'and/or X-DreamFactory-API-Key request header. You can also use URL query parameters session_token ' +
        'and/or api_key.',
    );
  }
  if (principal.kind === 'anonymous') {
    throw new PlatformError(
      'access.no_token',
      'No session token (JWT) provided. Please provide a valid JWT using X-DreamFactory-Session-Token ' +
        "request header or 'session_token' url query parameter.",
    );
  }
  if (principal.roleId === null && principal.apiKey === null) {
    throw new PlatformError(
      'access.no_credentials',
      'No API Key provided. Please provide a valid API Key using X-DreamFactory-API-Key request header or ' +
        "'api_key' url query parameter.",
    );
  }
  if (principal.roleId === null) {
    throw new PlatformError(
      'access.forbidden',
      'Role not found. A role may not be assigned to you or your application.',
    );
  }
  if (principal.user === undefined) {
    throw new PlatformError('access.unauthenticated', 'Unauthorized. User is not authenticated.');
  }
  throw new PlatformError(
    'access.forbidden',
    `Access Forbidden. ${operation.action} access to component '${location.component}' of service ` +
      `'${operation.service}' is not allowed by this user's role.`,
  );
}

/** Administrators may do everything, everybody else only what is public: the policy until roles exist. */
export const administratorsOnly: AccessPolicy = {
  check(operation, location) {
    if (operation.principal.isAdmin || location.isPublic === true) return;
    refuse(operation, location);
  },
};
