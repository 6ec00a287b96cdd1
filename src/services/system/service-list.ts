// The list of services at the root of the API (`GET /api/v2`, spec §5.1).
import { refuse } from '../../core/access.ts';
import { type LimitPolicy, within } from '../../core/limiter.ts';
import type { Operation, Result } from '../../core/operation.ts';
import type { Location, ServiceType } from '../../core/service.ts';
import type { ServiceRecord, Store } from '../../core/store.ts';
import type { ServiceCatalog } from './parts.ts';
import { listOption } from './request.ts';
import { answer } from './resource.ts';
import { project, readProjection } from './selection.ts';
import { inGroups } from './service-type.ts';

/** What the list is made of. */
export interface ServiceListParts {
  readonly store: Store;
  readonly services: Pick<ServiceCatalog, 'types'>;
  /** The list is asked for beside the dispatcher, and counts as every other call. */
  readonly callLimits?: LimitPolicy;
}

// One object, because who knows what limits count knows it by the location.
const root: Location = { component: '', events: [] };

/**
 * `{services: […], service_types: […]}`: active services and all types, narrowed by `group`, `type` and
 * `fields`. Takes an operation whose service and path are empty. Whoever is no administrator sees the
 * services of which the role grants something; throws `access.*` without a role in force.
 */
export async function listServices(parts: ServiceListParts, operation: Operation): Promise<Result> {
  const { isAdmin, role, app } = operation.principal;
  if (!isAdmin && (role?.isActive !== true || app?.isActive === false)) {
    refuse(operation, root);
  }
  const taken = await parts.callLimits?.take(operation, root);
  return taken === undefined ? list(parts, operation) : within(taken, () => list(parts, operation));
}

async function list(parts: ServiceListParts, operation: Operation): Promise<Result> {
  const { isAdmin, role } = operation.principal;
  const { parameters } = operation.request;
  const names = listOption(parameters, 'type');
  const types = inGroups(parts.services.types, parameters).filter((type) => isAsked(type.name, names));
  const records = (await parts.store.services.list()).filter(
    (record) =>
      record.isActive &&
      types.some((type) => type.name === record.type) &&
      (isAdmin || role?.reaches(record.name) === true),
  );
  const fields = readProjection(shape, parameters, 'all');
  return answer({
    services: records.map((record) => project(serviceView(record), fields)),
    service_types: types.map(typeView),
  });
}

const shape = {
  name: 'service',
  identifier: 'id',
  fields: (['id', 'name', 'label', 'description', 'type', 'spec_url'] as const).map((name) => ({
    name,
    type: name === 'id' ? ('integer' as const) : ('string' as const),
  })),
  rows: [],
};

function isAsked(name: string, names: readonly string[] | undefined): boolean {
  return names === undefined || names.length === 0 || names.includes(name);
}

function serviceView({ id, name, label, description, type }: ServiceRecord) {
  return { id, name, label, description, type, spec_url: `/api/v2/${name}/_spec` };
}

function typeView({ name, label, group, description }: ServiceType) {
  return { name, label, group, description };
}
