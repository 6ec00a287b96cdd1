// The answer to a call of a procedure or function (spec §5.8): rows as a bare list or under a name, OUT
// parameters beside them, several result sets as a list of lists, one value alone.
import { exactDigits } from '../../../core/body.ts';
import { PlatformError } from '../../../core/errors.ts';
import { readTruth } from '../values/values.ts';
import type { RoutineOutcome, RoutineRow } from './routine.ts';
import type { RoutineRequest } from './routine-request.ts';

/** What callers read. */
export function routineAnswer(outcome: RoutineOutcome, request: RoutineRequest): unknown {
  const { sets, out, scalar } = outcome;
  const { returns, wrapper, schema } = request;
  if (scalar !== undefined && wrapper === undefined) return cast(scalar.value, returns);
  if (returns !== undefined) return cast(scalar === undefined ? firstValue(outcome) : scalar.value, returns);
  const lists = sets.map((rows) => rows.map((row) => castRow(row, schema)));
  const rows = scalar === undefined ? (lists.length > 1 ? lists : (lists[0] ?? [])) : scalar.value;
  const outward = castRow(out, schema);
  const hasOut = Object.keys(out).length > 0;
  if (wrapper !== undefined) return { [wrapper]: rows, ...outward };
  if (!hasOut) return rows;
  return sets.length === 0 ? outward : { resource: rows, ...outward };
}

function firstValue({ sets, out }: RoutineOutcome): unknown {
  const [row = out] = sets[0] ?? [];
  const [value = null] = Object.values(row);
  return value;
}

function castRow(row: RoutineRow, schema: ReadonlyMap<string, string>): RoutineRow {
  if (schema.size === 0) return row;
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, cast(value, schema.get(name))]),
  );
}

function cast(value: unknown, type: string | undefined): unknown {
  if (type === undefined || value === null || value === undefined) return value ?? null;
  const text = exactDigits(value) ?? (typeof value === 'object' ? JSON.stringify(value) : String(value));
  switch (type) {
    case 'int':
    case 'integer':
    case 'bigint':
      return wholeNumber(text);
    case 'float':
    case 'double':
    case 'decimal':
    case 'number':
      return known(Number(text), text);
    case 'bool':
    case 'boolean':
      return readTruth(text) ?? text !== '';
    case 'json':
      return typeof value === 'string' ? parsedOr(value) : value;
    default:
      return text;
  }
}

function wholeNumber(text: string): number | bigint {
  const whole = /^\s*([+-]?\d+)/.exec(text)?.[1];
  if (whole === undefined) return known(Number.NaN, text);
  const number = Number(whole);
  return Number.isSafeInteger(number) ? number : BigInt(whole);
}

function known(number: number, text: string): number {
  if (Number.isFinite(number)) return number;
  throw new PlatformError(
    'request.invalid_parameter',
    `The value '${text.slice(0, 40)}' of the answer is no number: ` +
      "ask for another type with 'returns' or 'schema'.",
  );
}

function parsedOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
