// The SQL service types, one line each.
import type { ServiceType } from '../../core/service.ts';
import { mssql } from './dialects/mssql/index.ts';
import { mariadb, mysql } from './dialects/mysql/index.ts';
import { postgres } from './dialects/postgres/index.ts';
import { sqlite } from './dialects/sqlite/index.ts';
import type { OutboxDesk } from './outbox/outbox.ts';
import { type OverlayDesk, Overlays } from './schema/overlays.ts';
import { SqlService } from './service.ts';

const types: readonly ServiceType[] = [mariadb, mssql, mysql, postgres, sqlite];

/**
 * Every SQL service type; `overlays` keep what administrators say of tables beside their database, `desk` is
 * told what leaves from their outboxes.
 */
export function sqlServiceTypes(overlays: OverlayDesk, desk?: OutboxDesk): readonly ServiceType[] {
  return types.map((type) => ({
    ...type,
    create: (settings) => {
      const service = type.create(settings);
      if (service instanceof SqlService) {
        service.useOverlays(overlays);
        if (desk !== undefined) service.useOutboxes(desk);
      }
      return service;
    },
  }));
}

export { type OutboxDesk, Overlays, sqlite };
