// A source as a caller sees it whose role is restricted: its tables carry the role's filter for what is done
// to them, and lack the fields that he has no use of. Invariant: tables are the same objects for the same
// role, action and values, so that what is compiled for them is compiled once; whoever is not restricted in
// this service sees the plain source.
import { PlatformError } from '../../../core/errors.ts';
import {
  type Action,
  actions,
  anonymous,
  type Operation,
  type Principal,
  type Requestor,
} from '../../../core/operation.ts';
import type { Where } from '../../../core/query.ts';
import { type FieldRule, type Restriction, readFieldRule } from '../../../core/restriction.ts';
import { type Role, verbBits } from '../../../core/role.ts';
import type { Location } from '../../../core/service.ts';
import type { Database } from '../../../database/connection.ts';
import type { Dialect } from '../dialect.ts';
import type { ReadPlans } from '../reading/plan.ts';
import { bindWhere } from '../reading/where.ts';
import type { RowCondition, Table } from '../schema.ts';
import type { SqlSettings, SqlSource } from '../source.ts';
import {
  type FieldRules,
  type RuledTable,
  refuseLostRules,
  restrictFields,
  strength,
} from './restricted-fields.ts';
import { inapplicable, noRecord, type RoleCondition, roleCondition } from './role-filter.ts';

/** What restrictions are found by. */
export interface RestrictionsParts {
  /** Name of the service. */
  readonly service: string;
  readonly dialect: Dialect;
  /** The table of that name as the database has it. */
  find(table: string): Table | undefined;
  /** Where access to the records of a table is granted. */
  locate(table: string, action: Action): Location | undefined;
}

/** Whose source it is to be. */
export type SeenBy = Pick<Operation, 'principal' | 'requestor'>;

/** The restrictions of one service. What was found out about a role is kept as long as the role. */
export class Restrictions {
  readonly #parts: RestrictionsParts;
  readonly #known = new WeakMap<Role, Readonly<Record<Requestor, RoleTables>> | 'none'>();

  constructor(parts: RestrictionsParts) {
    this.#parts = parts;
  }

  /** A source as it is there for whoever asks: itself where nothing of it is restricted. */
  of(source: SqlSource, { principal, requestor }: SeenBy): SqlSource {
    const { role } = principal;
    if (principal.isAdmin || role === null) return source;
    let known = this.#known.get(role);
    if (known === undefined) {
      known = this.#tablesOf(role);
      this.#known.set(role, known);
    }
    return known === 'none' ? source : new RestrictedSource(source, { tables: known[requestor], principal });
  }

  #tablesOf(role: Role): Readonly<Record<Requestor, RoleTables>> | 'none' {
    const service = this.#parts.service.toLowerCase();
    const isRestricted = role.grants.some(
      (grant) =>
        (grant.service === null || grant.service === service) &&
        (grant.filters.length > 0 || grant.fields.length > 0),
    );
    if (!isRestricted) return 'none';
    const of = (requestor: Requestor) => new RoleTables({ ...this.#parts, role, requestor });
    return { api: of('api'), script: of('script') };
  }
}

/** A table of a role for one action. */
interface RoleTable {
  /** Without what only some values of callers decide. */
  readonly table: Table;
  /** The filter, where it is another one for each caller. */
  readonly condition: RoleCondition | undefined;
}

interface RoleTablesParts extends RestrictionsParts {
  readonly role: Role;
  readonly requestor: Requestor;
}

/** A table of the database, and what is to be done to its records. */
interface Place {
  readonly table: Table;
  readonly action: Action;
}

/** The tables of a service as one role sees them. */
class RoleTables {
  readonly #parts: RoleTablesParts;
  // Tables of an earlier schema are other objects: what was made of them goes with them.
  readonly #shared = new WeakMap<Table, Partial<Record<Action, RoleTable>>>();
  readonly #personal = new WeakMap<Principal, WeakMap<RoleTable, Table>>();

  constructor(parts: RoleTablesParts) {
    this.#parts = parts;
  }

  /** A table for an action. Throws `access.inapplicable_filter`. */
  table(place: Place, principal: Principal): Table {
    let actions = this.#shared.get(place.table);
    if (actions === undefined) {
      actions = {};
      this.#shared.set(place.table, actions);
    }
    let shared = actions[place.action];
    if (shared === undefined) {
      shared = this.#shape(place);
      actions[place.action] = shared;
    }
    if (shared.condition === undefined) return shared.table;
    let own = this.#personal.get(principal);
    if (own === undefined) {
      own = new WeakMap();
      this.#personal.set(principal, own);
    }
    let table = own.get(shared);
    if (table === undefined) {
      table = this.#filtered(shared.table, place, shared.condition.whereFor(principal));
      own.set(shared, table);
    }
    return table;
  }

  /** A table to speak of rather than to use: where its filter can not be applied, it has no records. */
  described(place: Place, principal: Principal): Table {
    try {
      return this.table(place, principal);
    } catch (thrown) {
      if (!(thrown instanceof PlatformError)) throw thrown;
      return this.#empty(place, this.#limited(place));
    }
  }

  #limited(place: Place): Table {
    return restrictFields(place.table, this.#rules(place), (name) => this.#other(name, place.action));
  }

  #shape(place: Place): RoleTable {
    const restriction = this.#restriction(place);
    const table = this.#limited(place);
    if (restriction === 'refused') return { table: this.#empty(place, table), condition: undefined };
    if (restriction !== undefined)
      refuseLostRules({ ...place, rules: restriction.fields }, this.#named(place));
    if (restriction === undefined || restriction.rows.length === 0) return { table, condition: undefined };
    const condition = roleCondition(restriction.rows, place);
    if (condition.isPersonal) return { table, condition };
    return { table: this.#filtered(table, place, condition.whereFor(anonymous)), condition: undefined };
  }

  #restriction({ table, action }: Place): Restriction | 'refused' | undefined {
    const { service, role, requestor, locate } = this.#parts;
    const location = locate(table.name, action);
    if (location === undefined) return 'refused';
    const { verbs, restrictions } = role.allowance({ service, requestor }, location);
    return (verbs & verbBits[action]) === 0 ? 'refused' : restrictions[action];
  }

  // The rules of rows that are about this very table.
  #named({ table }: Place): readonly FieldRule[] {
    const { role, service } = this.#parts;
    const component = `_table/${table.name}`.toLowerCase();
    const grants = role.grants.filter(
      (grant) =>
        grant.service === service.toLowerCase() &&
        grant.component.toLowerCase().replace(/\/?\*?\/*$/, '') === component,
    );
    return grants.flatMap(({ fields }) => fields.flatMap((rule) => readFieldRule(rule) ?? []));
  }

  // Relations are there when the fields that they need are, at both ends.
  #other(name: string, action: Action): RuledTable | undefined {
    const table = this.#parts.find(name);
    if (table === undefined) return undefined;
    return { table, rules: this.#rules({ table, action }) };
  }

  // Whoever may only write a table knows as little of its fields when he looks at what there is.
  #rules(place: Place): FieldRules {
    const restriction = this.#restriction(place);
    if (restriction !== 'refused') return restriction?.fields ?? noRules;
    const rules = actions.flatMap((action) => {
      const granted = this.#restriction({ ...place, action });
      return granted === 'refused' || granted === undefined ? [] : [...granted.fields];
    });
    return new Map(rules.toSorted(([, one], [, other]) => strength[one.access] - strength[other.access]));
  }

  // What a role may not do at all is also no part of something else that it may do.
  #empty(place: Place, seen: Table): Table {
    const [field] = place.table.fields.values();
    if (field === undefined) throw inapplicable(place, 'is about a table without fields');
    return this.#filtered(seen, place, noRecord(field));
  }

  #filtered(table: Table, place: Place, where: Where): Table {
    const { table: of } = place;
    try {
      const { shape, values } = bindWhere(where, of, this.#parts.dialect);
      const rows: RowCondition = { of, plans: table, where, shape, values };
      return { ...table, rows };
    } catch (thrown) {
      if (!(thrown instanceof PlatformError)) throw thrown;
      throw inapplicable(place, 'compares a field with a value that is not of its type');
    }
  }
}

const noRules: FieldRules = new Map();

interface RestrictedSourceParts {
  readonly tables: RoleTables;
  readonly principal: Principal;
}

/** A source as one caller sees it. */
class RestrictedSource implements SqlSource {
  readonly settings: SqlSettings;
  readonly dialect: Dialect;
  readonly plans: ReadPlans;
  readonly #source: SqlSource;
  readonly #parts: RestrictedSourceParts;

  constructor(source: SqlSource, parts: RestrictedSourceParts) {
    this.settings = source.settings;
    this.dialect = source.dialect;
    this.plans = source.plans;
    this.#source = source;
    this.#parts = parts;
  }

  database(): Database {
    return this.#source.database();
  }

  table(name: string, action: Action = 'GET'): Table {
    const { tables, principal } = this.#parts;
    return tables.table({ table: this.#source.table(name), action }, principal);
  }

  tables(): readonly Table[] {
    const { tables, principal } = this.#parts;
    return this.#source.tables().map((table) => tables.described({ table, action: 'GET' }, principal));
  }
}
