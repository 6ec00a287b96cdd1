// What a service says of its paths for generated API descriptions: the objects of OpenAPI 3.1, in which a
// `Named` stands for a part that is written once and referred to. Invariant: parts are made only for who
// reads them, so what a reader may not see is never made.
import type { Action } from './operation.ts';
import type { Restriction } from './restriction.ts';

/** The places of a description where named parts are kept. */
export const partKinds = [
  'schemas',
  'parameters',
  'responses',
  'requestBodies',
  'examples',
  'headers',
  'links',
  'callbacks',
] as const;

/** One of them. */
export type PartKind = (typeof partKinds)[number];

/** A part that has a name of its own; the same object is the same part. */
export class Named {
  readonly kind: PartKind;
  readonly name: string;
  readonly #make: () => Part;

  constructor({ kind, name, make }: { readonly kind: PartKind; readonly name: string; make(): Part }) {
    this.kind = kind;
    this.name = name;
    this.#make = make;
  }

  /** What the name stands for. */
  make(): Part {
    return this.#make();
  }
}

/** JSON of a description. */
export type Part = string | number | boolean | null | undefined | readonly Part[] | PartMap | Named;

/** An object of a description; members that are undefined are left out. */
export interface PartMap {
  readonly [name: string]: Part;
}

/** What is said of one action of a path, in the words of OpenAPI; what is absent is filled in. */
export interface ActionDetails {
  readonly summary?: string;
  readonly description?: string;
  /** The name that generated clients call it by. */
  readonly operationId?: string;
  /** The heading of this action, where it is another than that of its path. */
  readonly tag?: string;
  readonly parameters?: readonly Part[];
  readonly requestBody?: Part;
  /** By status. */
  readonly responses?: PartMap;
  /** Everything else that somebody wrote of it. */
  readonly written?: PartMap;
}

/** A path of a description. */
export interface PathDetails {
  readonly pattern: readonly string[];
  readonly actions: Readonly<Partial<Record<Action, ActionDetails>>>;
  /** Under which heading readers find it. */
  readonly tag?: string;
  /** Known values of placeholders. */
  readonly parameters?: Readonly<Record<string, readonly string[]>>;
  /** Stands behind the others. */
  readonly isAside?: boolean;
}

/** Whoever a description is made for, and what of it is wanted. */
export interface DescriptionReader {
  /** Whether an action of a path is there for the reader; of this service unless another is named. */
  may(path: readonly string[], action: Action, service?: string): boolean;
  /** What of it the reader may do only in part; absent or undefined: nothing is kept from him. */
  restriction?(path: readonly string[], action: Action): Restriction | undefined;
  /** Only these tables, in lower case; all when undefined. */
  readonly tables: ReadonlySet<string> | undefined;
  /** One path for all tables instead of one for each, and no prose. */
  readonly isCompact: boolean;
}
