// A role: which verbs on which components of which services whoever has it may use (spec §5.13).
// Invariant: what no row grants is refused; what rows grant only in part comes with its restriction.
import { type Action, actions, type Operation, type Requestor } from './operation.ts';
import { type Restriction, restrictionOf } from './restriction.ts';
import type { Location } from './service.ts';

/** Bits of the verbs in a mask. */
export const verbBits: Readonly<Record<Action, number>> = { GET: 1, POST: 2, PUT: 4, PATCH: 8, DELETE: 16 };

const requestorBits: Readonly<Record<Requestor, number>> = { api: 1, script: 2 };

/** One row of access. */
export interface Grant {
  readonly id: number;
  /** Null: of every service. */
  readonly serviceId: number | null;
  /** Name of that service, in lower case. */
  readonly service: string | null;
  /** `_table/contact`, `_table/contact/*`, `_table/{table_name}`, `*`; '' at the root of the service. */
  readonly component: string;
  readonly verbMask: number;
  readonly requestorMask: number;
  readonly filters: readonly unknown[];
  readonly filterOp: string;
  readonly fields: readonly unknown[];
  readonly createdDate: string;
  readonly lastModifiedDate: string;
  readonly createdById: number | null;
  readonly lastModifiedById: number | null;
}

/** What a role consists of. */
export interface RoleFacts {
  readonly id: number;
  readonly name: string;
  readonly isActive: boolean;
  readonly grants: readonly Grant[];
  /** Most operations of its callers at the same time; absent or null: no bound of its own. */
  readonly maxConcurrency?: number | null;
  /** Largest body of their requests; absent or null: that of the server. */
  readonly maxBodyBytes?: number | null;
}

/** What is granted at a location. The same object as long as the role is in force. */
export interface Allowance {
  /** Mask of verbs. */
  readonly verbs: number;
  /** For those of them that are granted in part. */
  readonly restrictions: Readonly<Partial<Record<Action, Restriction>>>;
}

type Allowances = Readonly<Record<Requestor, Allowance>>;

/** A role in force. What it allows at a location is worked out once and kept as long as both are there. */
export class Role implements RoleFacts {
  readonly id: number;
  readonly name: string;
  readonly isActive: boolean;
  readonly grants: readonly Grant[];
  readonly maxConcurrency: number | null;
  readonly maxBodyBytes: number | null;
  readonly #known = new WeakMap<Location, Allowances>();

  constructor({ id, name, isActive, grants, maxConcurrency, maxBodyBytes }: RoleFacts) {
    this.id = id;
    this.name = name;
    this.isActive = isActive;
    this.grants = grants;
    this.maxConcurrency = maxConcurrency ?? null;
    this.maxBodyBytes = maxBodyBytes ?? null;
  }

  /** What the role grants where an operation leads, to whoever asks for it. */
  allowance({ service, requestor }: Pick<Operation, 'service' | 'requestor'>, location: Location): Allowance {
    let known = this.#known.get(location);
    if (known === undefined) {
      const place = { service: service.toLowerCase(), component: plain(location.component) };
      known = { api: this.#at(place, 'api'), script: this.#at(place, 'script') };
      this.#known.set(location, known);
    }
    return known[requestor];
  }

  /** Whether the role grants anything at all of a service to callers from outside. */
  reaches(service: string): boolean {
    return this.grants.some(
      (grant) =>
        (grant.requestorMask & requestorBits.api) !== 0 &&
        grant.verbMask !== 0 &&
        (grant.service === null || grant.service === service.toLowerCase()),
    );
  }

  // Rows for another requestor count as if they were not there; then the most specific level decides alone.
  #at(place: Place, requestor: Requestor): Allowance {
    const rows = this.grants.filter((grant) => (grant.requestorMask & requestorBits[requestor]) !== 0);
    for (const matches of levels) {
      const level = rows.filter((grant) => matches(grant, place));
      if (level.length > 0) return allowanceOf(level);
    }
    return { verbs: 0, restrictions: {} };
  }
}

interface Place {
  readonly service: string;
  readonly component: string;
}

/** From the most specific to the most general (spec §5.13). */
const levels: readonly ((grant: Grant, place: Place) => boolean)[] = [
  (grant, place) => grant.service === place.service && plain(grant.component) === place.component,
  (grant, place) => grant.service === place.service && covers(plain(grant.component), place.component),
  (grant, place) => grant.service === place.service && plain(grant.component) === '*',
  (grant) => grant.service === null && ['', '*'].includes(plain(grant.component)),
];

function allowanceOf(level: readonly Grant[]): Allowance {
  let verbs = 0;
  const restrictions: Partial<Record<Action, Restriction>> = {};
  for (const action of actions) {
    const granting = level.filter(({ verbMask }) => (verbMask & verbBits[action]) !== 0);
    const restriction = restrictionOf(granting);
    if (granting.length === 0 || restriction === 'all') continue;
    verbs |= verbBits[action];
    if (restriction !== undefined) restrictions[action] = restriction;
  }
  return { verbs, restrictions };
}

// Clients write a component with or without the slash at its end, in any case.
function plain(component: string): string {
  return component.toLowerCase().replace(/\/+$/, '');
}

/**
 * Whether a component as people write it, with `/*` or `{…}` where they mean more than one, is or covers one.
 */
export function coversComponent(written: string, component: string): boolean {
  const [pattern, asked] = [plain(written), plain(component)];
  return pattern === asked || pattern === '*' || covers(pattern, asked);
}

// `_table/*` covers `_table` and all below it; `{…}` stands for any one segment.
function covers(pattern: string, component: string): boolean {
  if (!pattern.endsWith('/*') && !pattern.includes('{')) return false;
  const isOpen = pattern.endsWith('/*');
  const wanted = (isOpen ? pattern.slice(0, -2) : pattern).split('/');
  const asked = component.split('/');
  if (isOpen ? asked.length < wanted.length : asked.length !== wanted.length) return false;
  return wanted.every((segment, index) => isPlaceholder(segment) || segment === asked[index]);
}

function isPlaceholder(segment: string): boolean {
  return segment.startsWith('{') && segment.endsWith('}');
}
