// The settings of the server as they are in force, for administrators who look for the cause of something.
// Invariant: read only, because settings come from the environment; secret ones are masked.
import type { Collection } from './collection.ts';
import type { SystemParts } from './parts.ts';

/** The records of `config`. */
export function configCollection({ facts }: SystemParts): Collection {
  return {
    name: 'config',
    noun: 'setting',
    identifier: 'name',
    fields: [
      { name: 'name', type: 'string' },
      { name: 'variable', type: 'string' },
      { name: 'value', type: 'object' },
      { name: 'default', type: 'string' },
      { name: 'description', type: 'text' },
    ],
    rows: () => facts.settings.map((setting) => ({ ...setting })),
  };
}
