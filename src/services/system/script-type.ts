// The languages that scripts are written in.
import type { Collection } from './collection.ts';
import type { SystemParts } from './parts.ts';

/** The records of `script_type`; they only change with the program. */
export function scriptTypeCollection({ scripts }: SystemParts): Collection {
  return {
    name: 'script_type',
    noun: 'script type',
    identifier: 'name',
    fields: [
      { name: 'name', type: 'string' },
      { name: 'label', type: 'string' },
      { name: 'description', type: 'text' },
      { name: 'sandboxed', type: 'boolean' },
      { name: 'supports_inline_execution', type: 'boolean' },
    ],
    rows: () => scripts.types.map((type) => ({ ...type })),
  };
}
