// JSON between a script's values and the texts that travel.
// Invariant: what a script hung onto an empty list (`headers: []` in DreamFactory's events) is not lost.

/** The JSON of a value; undefined for what JSON leaves out. Throws TypeError for circular values. */
export function jsonOf(value: unknown): string | undefined {
  const plain = isNamedList(value) ? { ...value } : value;
  try {
    return JSON.stringify(plain);
  } catch (error) {
    if (error instanceof TypeError && /BigInt/.test(error.message)) return JSON.stringify(plain, bigIntegers);
    throw error;
  }
}

/** A map of names: DreamFactory shows an empty one as a list. */
export function parseMap(text: string): unknown {
  const value: unknown = text === '' ? [] : JSON.parse(text);
  return isEmptyMap(value) ? [] : value;
}

/** The JSON of a value if it says something else than the original text; null when nothing is left of it. */
export function changedText(value: unknown, original: string): string | null | undefined {
  const text = jsonOf(value);
  if (text === undefined) return original === '' ? undefined : null;
  if (text === original || (isEmptyText(text) && isEmptyText(original))) return undefined;
  return original !== '' && text === jsonOf(parseOr(original)) ? undefined : text;
}

/** Whether PHP would take the value of this JSON as false: such a result counts as none (spec §1.3). */
export function isFalsyText(text: string | undefined): boolean {
  return text === undefined || falsyTexts.has(text);
}

const falsyTexts: ReadonlySet<string> = new Set(['null', 'false', '0', '""', '"0"', '[]', '{}']);

function isEmptyText(text: string): boolean {
  return text === '' || text === '[]' || text === '{}';
}

function isEmptyMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

function isNamedList(value: unknown): value is unknown[] {
  return Array.isArray(value) && value.length === 0 && Object.keys(value).length > 0;
}

function parseOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function bigIntegers(_key: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(value.toString());
}
