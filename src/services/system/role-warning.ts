// Whether the services that a role speaks of can apply what it grants in part. Invariant: nothing is refused
// here, because access itself refuses what cannot be applied; whoever stores it is told.
import type { Action } from '../../core/operation.ts';
import { actions } from '../../core/operation.ts';
import { verbBits } from '../../core/role.ts';
import type { RoleAccessRecord, ServiceRecord } from '../../core/store.ts';
import type { ServiceCatalog } from './parts.ts';

/** What whoever stored these rows should know; undefined: all filters and rules for fields are applied. */
export function unappliedRules(
  rows: readonly RoleAccessRecord[],
  services: Pick<ServiceCatalog, 'find'>,
  records: readonly ServiceRecord[],
): string | undefined {
  const names = rows.filter(isRestricted).flatMap((row) => {
    const name = records.find(({ id }) => id === row.serviceId)?.name;
    if (row.serviceId === null) return [`'${row.component ?? ''}' of all services`];
    return name === undefined || applies(row, name, services)
      ? []
      : [`'${row.component ?? ''}' of '${name}'`];
  });
  if (names.length === 0) return undefined;
  return (
    `Filters and rules for fields are applied to records of databases (_table/...) only. Stored for ` +
    `${[...new Set(names)].join(', ')}: wherever else such a row alone grants access, it is refused.`
  );
}

function isRestricted({ filters, fields }: RoleAccessRecord): boolean {
  return filters.length > 0 || fields.length > 0;
}

function applies(row: RoleAccessRecord, name: string, services: Pick<ServiceCatalog, 'find'>): boolean {
  try {
    const service = services.find(name);
    const path = pathOf(row.component ?? '');
    return granted(row).every((action) => service.locate(path, action)?.isRestrictable === true);
  } catch {
    // A service that is not active says nothing of what it could do.
    return true;
  }
}

function granted({ verbMask }: RoleAccessRecord): readonly Action[] {
  return actions.filter((action) => (verbMask & verbBits[action]) !== 0);
}

// Some record that the component covers: all of a service means its tables, a placeholder any name.
function pathOf(component: string): readonly string[] {
  const segments = component.split('/').filter((segment) => segment !== '');
  if (segments.length === 0 || component === '*') return ['_table', 'any'];
  return segments.map((segment) => (segment === '*' || segment.startsWith('{') ? 'any' : segment));
}
