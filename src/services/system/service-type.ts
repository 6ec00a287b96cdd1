// The kinds of services and what their configuration consists of.
import type { Parameters } from '../../core/operation.ts';
import type { ConfigField, ServiceType } from '../../core/service.ts';
import type { Collection } from './collection.ts';
import type { SystemParts } from './parts.ts';
import { listOption } from './request.ts';
import type { Row } from './selection.ts';

/** The records of `service_type`; they only change with the program. */
export function serviceTypeCollection({ services }: SystemParts): Collection {
  return {
    name: 'service_type',
    noun: 'service type',
    identifier: 'name',
    isGrouped: true,
    fields: [
      { name: 'name', type: 'string' },
      { name: 'label', type: 'string' },
      { name: 'description', type: 'text' },
      { name: 'group', type: 'string' },
      { name: 'singleton', type: 'boolean' },
      { name: 'config_schema', type: 'array' },
    ],
    rows: (_store, parameters) => inGroups(services.types, parameters).map(rowOf),
  };
}

/** The types of the groups that parameter `group` names (comma list, any case); all without it. */
export function inGroups(types: readonly ServiceType[], parameters: Parameters): readonly ServiceType[] {
  const groups = listOption(parameters, 'group')?.map((group) => group.toLowerCase());
  if (groups === undefined || groups.length === 0) return types;
  return types.filter((type) => groups.includes(type.group.toLowerCase()));
}

function rowOf({ name, label, description, group, singleton, config }: ServiceType): Row {
  return { name, label, description, group, singleton, config_schema: config.map(fieldView) };
}

function fieldView({ name, label, type, description, required, default: fallback, values }: ConfigField) {
  const view = { name, label, type, description, required, default: fallback ?? null };
  return values === undefined ? view : { ...view, values };
}
