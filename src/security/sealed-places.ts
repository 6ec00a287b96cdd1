// What sealed texts are sealed for: moved to another place, none of them can be opened.

/** The value of a private lookup of an owner. */
export function lookupPlace(owner: string, name: string): string {
  return `lookup|${owner}|${name}`;
}

/** A secret field of a service's configuration. */
export function configPlace(service: string, field: string): string {
  return `service|${service}|config.${field}`;
}

/** A secret field of the configuration of a queue connection. */
export function connectionPlace(connection: string, field: string): string {
  return `queue_connection|${connection}|config.${field}`;
}

/** The secret of a user's second factor. */
export function factorPlace(userId: number): string {
  return `factor|user:${userId}|secret`;
}

/** The keys of the audit log. */
export const auditPlace = 'audit|keys';
