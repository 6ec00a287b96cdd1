// The SQL service types, one line each.
import type { ServiceType } from '../../core/service.ts';
import { mssql } from './dialects/mssql/index.ts';
import { mariadb, mysql } from './dialects/mysql/index.ts';
import { postgres } from './dialects/postgres/index.ts';
import { sqlite } from './dialects/sqlite/index.ts';

/** Every SQL service type. */
export const sqlServiceTypes: readonly ServiceType[] = [mariadb, mssql, mysql, postgres, sqlite];

export { sqlite };
