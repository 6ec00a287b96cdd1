// The service `system`: the platform's own records and sessions as resources.
import type { Service, ServiceType } from '../../core/service.ts';
import { adminResource } from './admin.ts';
import { AppResource } from './app.ts';
import { AuditResource } from './audit.ts';
import { cacheResource } from './cache.ts';
import { CollectionResource } from './collection.ts';
import { configCollection } from './config.ts';
import { constantResource } from './constant.ts';
import { corsCollection } from './cors.ts';
import { adminCustom, systemCustom } from './custom.ts';
import { deliveryCollection } from './delivery.ts';
import { emailTemplateCollection } from './email-template.ts';
import { environment } from './environment.ts';
import { eventResource } from './event.ts';
import { eventScriptCollection } from './event-script.ts';
import { adminFactor } from './factor.ts';
import { ImportResource } from './import/index.ts';
import { limitCollection } from './limit.ts';
import { limitCacheResource } from './limit-cache.ts';
import { lookupCollection } from './lookup.ts';
import { nodeCollection } from './node.ts';
import { PackageResource } from './package/index.ts';
import type { SystemParts } from './parts.ts';
import { adminPassword } from './password.ts';
import { adminProfile } from './profile.ts';
import { QueueResource } from './queue.ts';
import { queueConnectionCollection } from './queue-connection.ts';
import { QueuedRunResource } from './queued-run.ts';
import { ResourceService } from './resource-service.ts';
import { roleCollection } from './role.ts';
import { RunResource } from './run.ts';
import { ScheduleResource } from './schedule.ts';
import { scriptRunResource } from './script-run.ts';
import { scriptTypeCollection } from './script-type.ts';
import { ServiceResource } from './service.ts';
import { serviceReportCollection } from './service-report.ts';
import { serviceTypeCollection } from './service-type.ts';
import { adminSession } from './session.ts';
import { userResource } from './user.ts';

export type { ScriptDesk, SystemParts } from './parts.ts';
export type { ServiceListParts } from './service-list.ts';
export { listServices } from './service-list.ts';

/** Makes the service `system`. */
export function createSystemService(parts: SystemParts): Service {
  const { store, audit } = parts;
  const kept = { store, audit };
  return new ResourceService('system', [
    adminResource(parts),
    adminCustom(parts),
    adminFactor(parts),
    adminPassword(parts),
    adminProfile(parts),
    adminSession(parts),
    new AppResource(parts),
    new AuditResource(parts),
    cacheResource(parts),
    new CollectionResource({ collection: configCollection(parts), ...kept }),
    new PackageResource(parts, 'config_package'),
    constantResource(),
    new CollectionResource({ collection: corsCollection(parts), ...kept }),
    systemCustom(parts),
    new CollectionResource({ collection: deliveryCollection(parts), ...kept }),
    new CollectionResource({ collection: emailTemplateCollection(parts), ...kept }),
    environment(parts),
    eventResource(parts),
    new CollectionResource({ collection: eventScriptCollection(parts), ...kept }),
    new ImportResource(parts),
    new CollectionResource({ collection: limitCollection(parts), ...kept }),
    limitCacheResource(parts),
    new CollectionResource({ collection: lookupCollection(parts), ...kept }),
    new CollectionResource({ collection: nodeCollection(), ...kept }),
    new PackageResource(parts),
    new QueueResource(parts),
    new CollectionResource({ collection: queueConnectionCollection(parts), ...kept }),
    new QueuedRunResource(parts),
    new CollectionResource({ collection: roleCollection(parts), ...kept }),
    new RunResource(parts),
    new ScheduleResource(parts),
    scriptRunResource(parts),
    new CollectionResource({ collection: scriptTypeCollection(parts), ...kept }),
    new ServiceResource(parts),
    new CollectionResource({ collection: serviceReportCollection(), ...kept }),
    new CollectionResource({ collection: serviceTypeCollection(parts), ...kept }),
    userResource(parts),
  ]);
}

/** The type of the service `system`, so that the directory makes it from its record like every other. */
export function systemServiceType(service: Service): ServiceType {
  return {
    name: 'system',
    label: 'System Management',
    description: 'Service supporting management of the system.',
    group: 'System',
    singleton: true,
    config: [],
    create: () => service,
  };
}
