// Every place of a request where a hostile text can stand.
// Invariant: names are unique, so that a finding names its place.
import { headers, keys, names } from './sql-name-positions.ts';
import type { Position } from './sql-position.ts';
import { routines } from './sql-routine-positions.ts';
import { schemas } from './sql-schema-positions.ts';
import { filters, values } from './sql-value-positions.ts';
import { writes } from './sql-write-positions.ts';

/** Changes of a schema, each of which takes as long as a hundred of the others. */
export const schemaPositions: readonly Position[] = schemas;

/** Every other position there is. */
export const positions: readonly Position[] = [
  ...values,
  ...filters,
  ...names,
  ...keys,
  headers,
  ...routines,
  ...writes,
];
