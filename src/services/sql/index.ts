// The SQL service types, one line each.
import type { ServiceType } from '../../core/service.ts';
import { sqlite } from './dialects/sqlite/index.ts';

/** Every SQL service type. */
export const sqlServiceTypes: readonly ServiceType[] = [sqlite];

export { sqlite };
