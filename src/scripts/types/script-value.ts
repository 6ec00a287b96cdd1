// Values that come back from scripts: what counts as nothing, how they are read, and errors that name the
// script. Invariant: a value that can not be read is the script's error, status 500, never the caller's.
import { readJson, writeJson } from '../../core/body.ts';
import { PlatformError } from '../../core/errors.ts';

/** A JSON object. */
export type Fields = Readonly<Record<string, unknown>>;

// What PHP takes for false: DreamFactory's rule for "the script returned nothing" in every language.
const nothing: ReadonlySet<string> = new Set(['null', 'false', '0', '-0', '0.0', '""', '"0"', '[]', '{}']);

/** Whether JSON text counts as a value; decided without parsing it. */
export function isSomething(text: string | undefined | null): text is string {
  return text !== undefined && text !== null && !nothing.has(text);
}

/** Whether a value is a JSON object. */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Parses what a script gave back; `part` names it in the error. */
export function readValue(text: string, script: string, part: string): unknown {
  try {
    return readJson(text);
  } catch (cause) {
    throw scriptError(
      script,
      `gave a value for ${part} that is not usable JSON (too deep or malformed)`,
      cause,
    );
  }
}

/**
 * The object that a script returned, if it is one; throws where it holds an error, which every script may do.
 */
export function readReturned(returned: string | undefined, script: string): Fields | undefined {
  if (!isSomething(returned) || !returned.startsWith('{')) return undefined;
  const value = readValue(returned, script, 'its return value') as Fields;
  const { error } = value;
  if (error === undefined || error === null || error === false) return value;
  const message = isFields(error) ? error.message : error;
  throw new PlatformError('script.threw', messageOf(message) || `Script '${script}' returned an error.`);
}

function messageOf(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined ? '' : writeJson(value);
}

/** The error that a wrong value of a script is: `Script 'x' <what>.` with status 500. */
export function scriptError(script: string, what: string, cause?: unknown): PlatformError {
  return new PlatformError('script.threw', `Script '${script}' ${what}.`, { cause });
}
