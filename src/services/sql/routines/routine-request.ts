// What a call of a procedure or function asks for (spec §5.8): its values, by name or by position, from the
// body, the parentheses after its name, or the query; and the shape of the answer.
// Invariant: a value that no parameter takes is refused when it was meant for the call, never dropped.
import { PlatformError } from '../../../core/errors.ts';
import type { Message, Operation, Parameters, Principal } from '../../../core/operation.ts';
import { meantValue } from '../../../query/lookups.ts';
import type { Routine, RoutineParameter } from './routine.ts';

/** Values as given: by lower-case name, or in order. */
export type GivenValues =
  | { readonly kind: 'named'; readonly values: ReadonlyMap<string, unknown>; readonly isExact: boolean }
  | { readonly kind: 'listed'; readonly values: readonly unknown[] };

/** A call as asked for. */
export interface RoutineRequest {
  /** The routine's name as asked for, without what is in parentheses. */
  readonly name: string;
  readonly given: GivenValues;
  /** Types by name of a result's field. */
  readonly schema: ReadonlyMap<string, string>;
  /** Name under which the rows are answered. */
  readonly wrapper: string | undefined;
  /** Type of the one value that is wanted instead of rows. */
  readonly returns: string | undefined;
}

/** The name in a path segment such as `add(1,2)`. */
export function routineName(segment: string): string {
  const at = segment.indexOf('(');
  return (at < 0 ? segment : segment.slice(0, at)).trim();
}

/** A call, and who makes it. */
type Asked = Pick<Operation, 'path' | 'request' | 'principal'>;

/** Reads a call. Throws `request.invalid_parameter` naming what is malformed. */
export function readRoutineRequest({ path, request, principal }: Asked): RoutineRequest {
  const [, segment = ''] = path;
  const body = bodyOf(request);
  const option = (name: string) => body[name] ?? request.parameters[name];
  return {
    name: routineName(segment),
    given: meant(givenBody(body) ?? givenInline(segment) ?? givenQuery(request.parameters), principal),
    schema: schemaOf(option('schema')),
    wrapper: textOf('wrapper', option('wrapper')),
    returns: returnsOf(option('returns')),
  };
}

/**
 * The routine among overloads that takes the given values, with each value at its parameter. Throws
 * `request.invalid_parameter` saying what is missing or too much.
 */
export function matchRoutine(
  overloads: readonly Routine[],
  given: GivenValues,
): { readonly routine: Routine; readonly values: ReadonlyMap<RoutineParameter, unknown> } {
  let refusal: PlatformError | undefined;
  const found: { routine: Routine; values: ReadonlyMap<RoutineParameter, unknown> }[] = [];
  for (const routine of overloads) {
    const values = valuesFor(routine, given);
    if (!(values instanceof PlatformError)) found.push({ routine, values });
    else refusal ??= values;
  }
  // The one that leaves the fewest of the given values aside; of several, the first.
  const [best] = found.toSorted((a, b) => b.values.size - a.values.size);
  if (best !== undefined) return best;
  throw refusal ?? new PlatformError('request.not_found', 'There is no such procedure or function.');
}

function valuesFor(
  routine: Routine,
  given: GivenValues,
): ReadonlyMap<RoutineParameter, unknown> | PlatformError {
  const inward = routine.parameters.filter(({ mode }) => mode !== 'OUT');
  const values =
    given.kind === 'named' ? byName(routine, inward, given) : byPosition(routine, inward, given.values);
  if (values instanceof PlatformError) return values;
  const missing = inward.find((parameter) => parameter.isRequired && !values.has(parameter));
  return missing === undefined
    ? values
    : refused(routine, `needs the parameter '${missing.name}' (${missing.field.dbType}).`);
}

function byName(
  routine: Routine,
  inward: readonly RoutineParameter[],
  { values, isExact }: Extract<GivenValues, { kind: 'named' }>,
): Map<RoutineParameter, unknown> | PlatformError {
  const found = new Map<RoutineParameter, unknown>();
  for (const parameter of inward) {
    const value = values.get(parameter.name.toLowerCase());
    if (value !== undefined) found.set(parameter, value);
  }
  if (!isExact) return found;
  const known = new Set(routine.parameters.map(({ name }) => name.toLowerCase()));
  const unknown = [...values.keys()].find((name) => !known.has(name));
  return unknown === undefined ? found : refused(routine, `has no parameter '${unknown}'.`);
}

// A value may stand at the place of an OUT parameter, too, where callers list them all.
function byPosition(
  routine: Routine,
  inward: readonly RoutineParameter[],
  values: readonly unknown[],
): Map<RoutineParameter, unknown> | PlatformError {
  const places = values.length > inward.length ? routine.parameters : inward;
  if (values.length > places.length) {
    return refused(routine, `takes ${inward.length} parameters; ${values.length} are given.`);
  }
  const found = new Map<RoutineParameter, unknown>();
  for (const [index, value] of values.entries()) {
    const parameter = places[index];
    if (parameter !== undefined && parameter.mode !== 'OUT') found.set(parameter, value);
  }
  return found;
}

function refused({ name, kind }: Routine, rest: string): PlatformError {
  return new PlatformError(
    'request.invalid_parameter',
    `${kind === 'procedure' ? 'Procedure' : 'Function'} '${name}' ${rest}`,
  );
}

function bodyOf({ body }: Message): Readonly<Record<string, unknown>> {
  const value = body?.exactValue;
  if (value === undefined || value === null || value === '') return {};
  if (Array.isArray(value)) return { params: value };
  if (typeof value === 'object') return value as Record<string, unknown>;
  throw invalid('params', 'must come in a JSON object or list');
}

function givenBody(body: Readonly<Record<string, unknown>>): GivenValues | undefined {
  return body.params === undefined || body.params === null ? undefined : givenValue(body.params);
}

// Values as a map, a list of values, or a list of `{"name", "value"}`.
function givenValue(params: unknown): GivenValues {
  if (!Array.isArray(params)) {
    if (typeof params === 'object' && params !== null) return named(Object.entries(params), true);
    throw invalid('params', 'must be a list of values or an object with their names');
  }
  const isNamed = (item: unknown): item is { name: unknown; value?: unknown } =>
    typeof item === 'object' && item !== null && 'name' in item;
  if (params.length === 0 || !params.every(isNamed)) return { kind: 'listed', values: params };
  return named(
    params.map(({ name, value }) => [String(name), value ?? null]),
    true,
  );
}

function named(entries: readonly (readonly [string, unknown])[], isExact: boolean): GivenValues {
  const values = new Map(entries.map(([name, value]) => [name.replace(/^[@:]/, '').toLowerCase(), value]));
  return { kind: 'named', values, isExact };
}

// Values may be lookups, as in records (spec §5.13).
function meant(given: GivenValues, principal: Principal): GivenValues {
  const own = (value: unknown) => (typeof value === 'string' ? meantValue(value, principal) : value);
  if (given.kind === 'listed') return { ...given, values: given.values.map(own) };
  return { ...given, values: new Map([...given.values].map(([name, value]) => [name, own(value)])) };
}

function givenInline(segment: string): GivenValues | undefined {
  const at = segment.indexOf('(');
  if (at < 0) return undefined;
  if (!segment.trimEnd().endsWith(')')) {
    throw invalid('params', "after the name must end with ')', such as add(1,2)");
  }
  return { kind: 'listed', values: splitValues(segment.trimEnd().slice(at + 1, -1)) };
}

/** Values between commas; those in quotes keep commas and quotes that are there twice. */
function splitValues(text: string): readonly unknown[] {
  if (text.trim() === '') return [];
  const pieces = text.match(/(?:'(?:[^']|'')*'|"(?:[^"]|"")*"|[^,'"])+|(?<=,)(?=,|$)|^(?=,)/g) ?? [];
  return pieces.map((piece) => {
    const trimmed = piece.trim();
    if (/^null$/i.test(trimmed)) return null;
    const quote = /^(['"])([\s\S]*)\1$/.exec(trimmed);
    return quote === null ? trimmed : (quote[2] ?? '').replaceAll(`${quote[1]}${quote[1]}`, quote[1] ?? '');
  });
}

// Names of the query that are no parameters of the routine mean something else, perhaps to scripts.
function givenQuery(parameters: Parameters): GivenValues {
  const { params } = parameters;
  if (params === undefined || params === null || params === '')
    return named(Object.entries(parameters), false);
  if (typeof params === 'object') return givenValue(params);
  const text = String(params);
  return /^\s*[[{]/.test(text) ? givenValue(parsed(text)) : { kind: 'listed', values: splitValues(text) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid('params', 'is not valid JSON');
  }
}

function schemaOf(value: unknown): ReadonlyMap<string, string> {
  if (value === undefined || value === null) return new Map();
  const map = typeof value === 'string' ? parsed(value) : value;
  if (typeof map !== 'object' || map === null || Array.isArray(map)) {
    throw invalid('schema', 'must be an object of field names and types');
  }
  return new Map(Object.entries(map).map(([name, type]) => [name, castName('schema', type)]));
}

function returnsOf(value: unknown): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  return /^table$/i.test(String(value)) ? undefined : castName('returns', value);
}

const casts =
  /^(?:int(?:eger)?|bigint|float|double|decimal|number|bool(?:ean)?|string|text|json|date(?:time)?|time)$/;

function castName(parameter: string, value: unknown): string {
  const name = String(value).toLowerCase();
  if (casts.test(name)) return name;
  throw invalid(parameter, `has the type '${String(value).slice(0, 40)}', which is none of the known ones`);
}

function textOf(name: string, value: unknown): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string') return value;
  throw invalid(name, 'must be text');
}

function invalid(name: string, rule: string): PlatformError {
  return new PlatformError('request.invalid_parameter', `Parameter '${name}' ${rule}.`);
}
