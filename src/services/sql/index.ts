// The SQL service types, one line each.
import type { ServiceType } from '../../core/service.ts';
import { mariadb, mysql } from './dialects/mysql/index.ts';
import { sqlite } from './dialects/sqlite/index.ts';

/** Every SQL service type. */
export const sqlServiceTypes: readonly ServiceType[] = [sqlite, mysql, mariadb];

export { sqlite };
