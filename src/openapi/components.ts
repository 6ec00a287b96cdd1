// The parts of a document that have a name: each is written once, under `components`, and referred to from
// wherever it is used. Invariant: only what is referred to is there, so nothing of a path that was left out
// stays behind.
import { setImmediate } from 'node:timers/promises';
import { Named, type Part, type PartKind, type PartMap } from '../core/description.ts';

/** How parts are written. */
export interface Writing {
  /** Before every name, so that parts of several services do not meet: `hr.`. */
  readonly prefix: string;
  /** Without descriptions and examples. */
  readonly isTerse: boolean;
  /** All the same, because OpenAPI wants a description there. */
  readonly isTold?: boolean;
}

interface Waiting {
  readonly part: Named;
  readonly place: string;
  readonly writing: Writing;
}

type Json = Record<string, unknown>;

/** Parts that are made before others are served again. */
const portion = 100;

// Values of a caller, not parts of the document.
const values: ReadonlySet<string> = new Set(['example', 'examples', 'default', 'enum', 'const', 'value']);

/** Collects the named parts of one document. */
export class Components {
  readonly #places = new Map<Named, string>();
  readonly #written = new Map<PartKind, Map<string, unknown>>();
  readonly #waiting: Waiting[] = [];

  /** JSON of a part; what it refers to is remembered. */
  write(part: Part, writing: Writing): unknown {
    if (part instanceof Named) return { $ref: this.#refer(part, writing) };
    if (isList(part)) return part.map((item) => this.write(item, writing));
    if (typeof part !== 'object' || part === null) return part;
    return this.#writeMap(part, writing);
  }

  /** The remembered parts by kind; to be asked for last. */
  async finish(): Promise<Json> {
    // Not by recursion: tables refer to each other in chains as long as the schema has tables.
    for (let index = 0; index < this.#waiting.length; index++) {
      const { part, place, writing } = this.#waiting[index] as Waiting;
      const isTold = part.kind === 'responses';
      this.#kind(part.kind).set(place, this.write(part.make(), { ...writing, isTold }));
      if (index % portion === portion - 1) await setImmediate();
    }
    return Object.fromEntries([...this.#written].map(([kind, parts]) => [kind, Object.fromEntries(parts)]));
  }

  #writeMap(map: PartMap, writing: Writing): Json {
    const members: [name: string, member: unknown][] = [];
    for (const [name, member] of Object.entries(map)) {
      if (member === undefined) continue;
      if (writing.isTerse && writing.isTold !== true && isProse(name, member)) continue;
      const isValue = values.has(name) && !holdsParts(member);
      members.push([name, isValue ? member : this.write(member, writing)]);
    }
    // A field may be called `__proto__`.
    return Object.fromEntries(members);
  }

  #refer(part: Named, writing: Writing): string {
    let place = this.#places.get(part);
    if (place === undefined) {
      place = this.#free(part.kind, writing.prefix + part.name.replace(/[^\w.-]/g, '_'));
      this.#places.set(part, place);
      // Its place is taken now, in the order in which parts are met.
      this.#kind(part.kind).set(place, undefined);
      this.#waiting.push({ part, place, writing });
    }
    return `#/components/${part.kind}/${place}`;
  }

  #free(kind: PartKind, name: string): string {
    const taken = this.#kind(kind);
    if (!taken.has(name)) return name;
    for (let n = 2; ; n++) if (!taken.has(`${name}_${n}`)) return `${name}_${n}`;
  }

  #kind(kind: PartKind): Map<string, unknown> {
    let parts = this.#written.get(kind);
    if (parts === undefined) {
      parts = new Map();
      this.#written.set(kind, parts);
    }
    return parts;
  }
}

function isProse(name: string, member: Part): boolean {
  if (name === 'description' || name === 'title') return typeof member === 'string';
  return name === 'example' || name === 'examples';
}

// A field of a table may be called `default`, too: then it is a schema like any other.
function holdsParts(member: Part): boolean {
  return member instanceof Named || (typeof member === 'object' && member !== null && !isList(member));
}

function isList(part: Part): part is readonly Part[] {
  return Array.isArray(part);
}
