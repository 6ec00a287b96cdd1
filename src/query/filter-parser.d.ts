// Types of the generated filter-parser.js, by hand: peggy knows neither our builder nor our result.
import type { Where } from '../core/query.ts';
import type { FilterBuilder } from './filter-builder.ts';

/** Reads a whole filter; throws SyntaxError, or whatever the builder throws to refuse it. */
export declare function parse(text: string, options: { readonly builder: FilterBuilder }): Where;

/** The text is no filter; `location` says where reading stopped. */
declare class Unparsable extends SyntaxError {
  readonly location: { readonly start: { readonly offset: number } };
}

export { Unparsable as SyntaxError };
