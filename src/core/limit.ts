// How a limit is written down.

/** A bound: its value, its unit, and why it is what it is. */
export interface Limit {
  readonly value: number;
  readonly unit: string;
  readonly reason: string;
}

/** Writes one down. */
export function limit(value: number, unit: string, reason: string): Limit {
  return { value, unit, reason };
}
