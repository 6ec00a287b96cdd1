// Where a system database is. Imports nothing, so that settings can be read without any driver.

/**
 * Whether it is on a server, so that several processes on several machines may share it; else it is a file.
 */
export function isOnServer(database: string): boolean {
  return /^(postgres|postgresql|mysql|mariadb):/.test(database);
}
