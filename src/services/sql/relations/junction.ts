// Links of many_many: the junction's rows between one near record and far ones (spec §5.9).
// Invariant: two records are linked once; a link is only cut between the records that are named.
import { PlatformError } from '../../../core/errors.ts';
import type { Action } from '../../../core/operation.ts';
import type { Session } from '../../../database/connection.ts';
import type { Junction, Table } from '../schema.ts';
import type { NestedRows } from './nested-rows.ts';

/** JSON values of fields, by name. */
type Values = Readonly<Record<string, unknown>>;

/** What a far record says of its link: `{junction}.{field}` beside its own fields. */
interface Link {
  /** Whether it says null for what makes the link, so that it is to be cut. */
  readonly isCut: boolean;
  /** Values of the junction's own fields. */
  readonly values: Values;
}

/** What a record says of its link. */
export function linkOf(junction: Junction, table: Table, record: Values): Link {
  const making = new Set([...table.primaryKey, ...junction.fields, ...junction.refFields]);
  const values: Record<string, unknown> = {};
  let isCut = false;
  for (const [name, value] of Object.entries(record)) {
    const field = linkField(table, name);
    if (field === undefined) continue;
    if (making.has(field)) isCut ||= value === null;
    else values[field] = value;
  }
  return { isCut, values };
}

/** The record alone. */
export function withoutLink(table: Table, record: Values): Values {
  return Object.fromEntries(Object.entries(record).filter(([name]) => linkField(table, name) === undefined));
}

function linkField(table: Table, name: string): string | undefined {
  const prefix = `${table.name}.`;
  return name.startsWith(prefix) ? table.field(name.slice(prefix.length))?.name : undefined;
}

/** Links of one near record. */
export class JunctionRows {
  readonly table: Table;
  readonly #rows: NestedRows;
  readonly #near: Values;
  readonly #allow: (table: Table, action: Action) => void;

  constructor(options: {
    readonly rows: NestedRows;
    readonly table: Table;
    readonly near: Values;
    readonly allow: (table: Table, action: Action) => void;
  }) {
    this.table = options.table;
    this.#rows = options.rows;
    this.#near = options.near;
    this.#allow = options.allow;
  }

  /** Links a far record unless it is linked; `values` are the link's own. */
  async link(session: Session, far: Values, values: Values): Promise<void> {
    const ends = { ...this.#near, ...far };
    const made = this.#rows.as(this.table, 'POST');
    if (!(await this.#rows.has(session, { table: made, values: ends }))) {
      this.#allow(this.table, 'POST');
      await this.#rows.steps(made).create(session, { ...values, ...ends });
      return;
    }
    if (Object.keys(values).length === 0) return;
    this.#allow(this.table, 'PATCH');
    await this.#rows.changeBy(session, { table: this.#rows.as(this.table, 'PATCH'), by: ends, values });
  }

  /** Takes the link to a far record away. */
  async cut(session: Session, far: Values): Promise<void> {
    this.#allow(this.table, 'DELETE');
    const ends = { ...this.#near, ...far };
    const table = this.#rows.as(this.table, 'DELETE');
    if (!(await this.#rows.has(session, { table, values: ends }))) {
      throw new PlatformError(
        'request.not_found',
        'The record is not linked, so its link can not be taken away.',
      );
    }
    const steps = this.#rows.stepsBy(table, Object.keys(ends));
    await steps.remove(session, steps.keyOf(ends));
  }
}
