// Names of operations, which generated clients call their functions by: `getHrTableEmployeesById`. Invariant:
// no two operations of a document have the same one.
import type { Action } from '../core/operation.ts';

/** What an operation is named after. */
interface Naming {
  readonly service: string;
  readonly pattern: readonly string[];
  readonly action: Action;
  /** What somebody called it. */
  readonly wish: string | undefined;
}

/** The ids of one document. */
export class OperationIds {
  readonly #taken = new Set<string>();

  /** An id that was not given before. */
  next({ service, pattern, action, wish }: Naming): string {
    const name = wish ?? action.toLowerCase() + [service, ...pattern].map(capitalized).join('');
    let free = name;
    for (let n = 2; this.#taken.has(free); n++) free = `${name}${n}`;
    this.#taken.add(free);
    return free;
  }
}

function capitalized(segment: string): string {
  const isPlaceholder = segment.startsWith('{');
  const words = segment.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== '');
  const name = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
  return isPlaceholder ? `By${name}` : name;
}
