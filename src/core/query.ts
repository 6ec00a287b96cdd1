// The one Query. Filter strings, URL parameters and match documents are parsers of it; SQL dialects and
// memory are its compilers. Nothing ever edits query text.

/** A value to compare with: always bound, never spliced into text. */
export type Literal = string | number | bigint | boolean | null;

/** How a field is compared with a value. */
export type Comparison =
  | '='
  | '!='
  | '>'
  | '>='
  | '<'
  | '<='
  | 'like'
  | 'starts with'
  | 'ends with'
  | 'contains';

/** A condition on records. Three-valued as in SQL: a comparison with null is unknown. */
export type Where =
  | { readonly kind: 'compare'; readonly field: string; readonly op: Comparison; readonly value: Literal }
  | { readonly kind: 'in'; readonly field: string; readonly values: readonly Literal[] }
  | { readonly kind: 'between'; readonly field: string; readonly low: Literal; readonly high: Literal }
  | { readonly kind: 'null'; readonly field: string }
  | { readonly kind: 'not'; readonly term: Where }
  | { readonly kind: 'and' | 'or' | 'xor'; readonly terms: readonly Where[] };

/** One field of an ordering. */
export interface Order {
  readonly field: string;
  readonly descending: boolean;
  /** Undefined: as the engine does by itself. */
  readonly nulls?: 'first' | 'last';
}

/** What is wanted of an object's records. Names are those of the object, already checked. */
export interface Query {
  readonly object: string;
  readonly where: Where | undefined;
  /** Fields in the order in which they are answered. */
  readonly select: readonly string[];
  readonly order: readonly Order[];
  readonly limit: number | undefined;
  readonly skip: number;
}
