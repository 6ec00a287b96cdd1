// The SQL service types, one line each.
import type { ServiceType } from '../../core/service.ts';
import { mssql } from './dialects/mssql/index.ts';
import { mariadb, mysql } from './dialects/mysql/index.ts';
import { postgres } from './dialects/postgres/index.ts';
import { sqlite } from './dialects/sqlite/index.ts';
import { type OverlayDesk, Overlays } from './schema/overlays.ts';
import { SqlService } from './service.ts';

const types: readonly ServiceType[] = [mariadb, mssql, mysql, postgres, sqlite];

/** Every SQL service type; `overlays` keep what administrators say of tables beside their database. */
export function sqlServiceTypes(overlays: OverlayDesk): readonly ServiceType[] {
  return types.map((type) => ({
    ...type,
    create: (settings) => {
      const service = type.create(settings);
      if (service instanceof SqlService) service.useOverlays(overlays);
      return service;
    },
  }));
}

export { Overlays, sqlite };
