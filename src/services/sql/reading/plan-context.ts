// What plans of a schema's change start from, and how they refuse.
import { PlatformError } from '../../../core/errors.ts';
import type { Ddl } from '../schema/ddl.ts';
import type { ServiceOverlay } from '../schema/overlay.ts';
import type { Catalog, Field, Table } from '../schema.ts';

/** What the plan of a request starts from. */
export interface PlanContext {
  readonly ddl: Ddl;
  readonly tables: readonly Table[];
  readonly catalog: Catalog;
  readonly overlay: ServiceOverlay;
  readonly serviceId: number | undefined;
  /** Whether the caller is a system administrator, who alone may store SQL. */
  readonly isAdmin: boolean;
}

/** How a request treats what is there and what is not. */
export interface PlanMode {
  /** POST: what is missing is made. */
  readonly creates: boolean;
  /** Fields of a table that is there are made, too: of every verb on tables, and of POST on fields. */
  readonly addsFields: boolean;
  /** Refuses what is there already (`check_exist`). */
  readonly refusesExisting: boolean;
  /** PUT: what is said beside the database and not repeated is taken back. */
  readonly replaces: boolean;
  /** PUT with `force`: fields that are not listed are dropped. */
  readonly drops: boolean;
}

/** The field of a name or alias, in any case. */
export function fieldNamed(table: Table, name: string): Field | undefined {
  const wanted = name.toLowerCase();
  const fields = [...table.fields.values()];
  return (
    fields.find((field) => field.column === name) ??
    fields.find((field) => field.column.toLowerCase() === wanted) ??
    table.field(name)
  );
}

/** Refuses what would break something that is there. */
export function conflict(message: string): PlatformError {
  return new PlatformError('request.conflict', message);
}

/** Refuses what is about something that is not there. */
export function missing(message: string): PlatformError {
  return new PlatformError('request.not_found', message);
}
