// Who may do what. The path asks once per operation, before any script sees it; a refusal fires no events.
import { PlatformError } from './errors.ts';
import type { Operation, Principal } from './operation.ts';
import type { Restriction } from './restriction.ts';
import { verbBits } from './role.ts';
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
  if (operation.elevation !== undefined) throw beyondRole(operation, location);
  if (principal.kind === 'anonymous' && principal.apiKey === null) {
    throw new PlatformError(
      'access.no_credentials',
      'No session token (JWT) or API Key detected in request. Please send in X-DreamFactory-Session-Token ' +
        'and/or X-DreamFactory-API-Key request header. You can also use URL query parameters session_token ' +
        'and/or api_key.',
    );
  }
  if (principal.kind === 'anonymous') throw noToken();
  if (principal.role === null && principal.apiKey === null) {
    throw new PlatformError(
      'access.no_credentials',
      'No API Key provided. Please provide a valid API Key using X-DreamFactory-API-Key request header or ' +
        "'api_key' url query parameter.",
    );
  }
  if (principal.role === null && principal.user === undefined) throw noToken();
  if (principal.role === null) {
    throw new PlatformError(
      'access.forbidden',
      'Role not found. A role may not be assigned to you or your application.',
    );
  }
  if (!isInForce(principal)) {
    throw new PlatformError(
      'access.forbidden',
      'Access Forbidden. The role assigned to you or your application or the application itself is ' +
        'not active.',
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

/**
 * Administrators may do everything, everybody else what is public and what the role grants (spec §5.13).
 */
export const byRole: AccessPolicy = {
  check(operation, location) {
    const decision = decide(operation, location);
    if (decision === 'restricted') throw restricted(operation, location);
    if (decision === 'refused') refuse(operation, location);
  },
};

/** Who asks for what, as far as access is concerned. */
export type Asking = Pick<Operation, 'principal' | 'service' | 'action' | 'requestor' | 'isPrivileged'>;

/** Whether `byRole` lets an operation pass, without a reason where it does not. */
export function isAllowed(asking: Asking, location: Location): boolean {
  return decide(asking, location) === 'allowed';
}

function decide(asking: Asking, location: Location): 'allowed' | 'restricted' | 'refused' {
  const { principal, action } = asking;
  if (principal.isAdmin || asking.isPrivileged === true || location.isPublic === true) return 'allowed';
  if (location.isForUsers === true && principal.user !== undefined) return 'allowed';
  const { role } = principal;
  if (role === null || !isInForce(principal)) return 'refused';
  if (location.isForRoles === true) return 'allowed';
  const { verbs, restrictions } = role.allowance(asking, location);
  if ((verbs & verbBits[action]) === 0) return 'refused';
  return restrictions[action] === undefined || location.isRestrictable === true ? 'allowed' : 'restricted';
}

/** What an operation that is allowed may do only in part; undefined: all that the service can do. */
export function restrictionAt(asking: Asking, location: Location): Restriction | undefined {
  const { principal, action } = asking;
  if (principal.isAdmin || asking.isPrivileged === true || principal.role === null) return undefined;
  if (location.isPublic === true || location.isForUsers === true) return undefined;
  return principal.role.allowance(asking, location).restrictions[action];
}

// What was switched off refuses; a role that is merely missing is said so elsewhere.
function isInForce({ role, app, failure }: Principal): boolean {
  return failure === undefined && role?.isActive === true && app?.isActive !== false;
}

function beyondRole({ action, service, elevation }: Operation, { component }: Location): PlatformError {
  return new PlatformError(
    'access.forbidden',
    `Access Forbidden. ${action} access to component '${component}' of service '${service}' is not allowed ` +
      `by the ${elevation?.to}, as which the ${elevation?.by} runs, or by its app.`,
  );
}

function noToken(): PlatformError {
  return new PlatformError(
    'access.no_token',
    'No session token (JWT) provided. Please provide a valid JWT using X-DreamFactory-Session-Token ' +
      "request header or 'session_token' url query parameter.",
  );
}

// What cannot be applied as it was meant must not open more than was meant.
function restricted({ action, service }: Operation, { component }: Location): PlatformError {
  return new PlatformError(
    'access.forbidden',
    `Access Forbidden. This role grants ${action} access to component '${component}' of service ` +
      `'${service}' only under filters or for some fields, which cannot be applied there. An administrator ` +
      'has to grant it without, or not at all.',
  );
}
