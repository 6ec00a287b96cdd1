// What is a row of an answer in forms that know only rows.
// Invariant: every value has rows; a value that is no list is its own only row.

/** The rows of a value: its list, or itself. */
export function rowsOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (!isMap(value)) return value === null || value === undefined ? [] : [value];
  return Array.isArray(value.resource) ? value.resource : [value];
}

/** Whether a value has names. */
export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
