// Where the value of a private lookup is sealed for.

/** The place of a lookup of an owner: moved elsewhere, the value cannot be opened. */
export function lookupPlace(owner: string, name: string): string {
  return `lookup|${owner}|${name}`;
}
