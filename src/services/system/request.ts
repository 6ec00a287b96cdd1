// Reads what a request says: options from its parameters or its body, records from its body.
// Invariant: a malformed option is refused by name, never guessed.
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Operation, Parameters, ParameterValue } from '../../core/operation.ts';
import { withoutText } from './text-records.ts';

/** A record as a caller wrote it. */
export type Written = Readonly<Record<string, unknown>>;

/** Options of system resources that may also stand in the body (spec §5.5), with their aliases. */
const aliases: Readonly<Record<string, readonly string[]>> = {
  fields: ['fields', 'select'],
  related: ['related'],
  filter: ['filter', 'where'],
  params: ['params'],
  limit: ['limit', 'top'],
  offset: ['offset', 'skip'],
  order: ['order', 'sort', 'order_by'],
  group: ['group', 'group_by'],
  ids: ['ids'],
  continue: ['continue'],
  rollback: ['rollback'],
  force: ['force'],
  include_count: ['include_count'],
  count_only: ['count_only'],
  include_schema: ['include_schema'],
  as_list: ['as_list'],
};

/** The options of a request by their first name; parameters win over the body. */
export function readOptions(operation: Operation): Parameters {
  const { parameters, body } = operation.request;
  const content = body?.value;
  const written = isObject(content) ? (content as Parameters) : {};
  const options: Record<string, ParameterValue> = {};
  for (const [name, spellings] of Object.entries(aliases)) {
    for (const source of [written, parameters]) {
      for (const spelling of spellings) {
        if (Object.hasOwn(source, spelling)) options[name] = source[spelling] ?? null;
      }
    }
  }
  return options;
}

/** A yes or no; a parameter without a value means yes. */
export function flagOption(options: Parameters, name: string): boolean {
  const value = options[name];
  if (value === undefined) return false;
  if (typeof value === 'object' && value !== null) throw invalidParameter(name, 'must be true or false');
  const text = String(value ?? '').toLowerCase();
  if (['', 'true', '1', 'on', 'yes', 'y', 't'].includes(text)) return true;
  if (['false', '0', 'off', 'no', 'n', 'f'].includes(text)) return false;
  throw invalidParameter(name, 'must be true or false');
}

/** A count; undefined when it is not given. */
export function countOption(options: Parameters, name: string): number | undefined {
  const value = options[name];
  if (value === undefined || value === null || value === '') return undefined;
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0) return number;
  throw invalidParameter(name, 'must be a whole number of 0 or more');
}

/** A text; undefined when it is not given or empty. */
export function textOption(options: Parameters, name: string): string | undefined {
  const value = options[name];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string') return value;
  throw invalidParameter(name, 'must be text');
}

/** A list given with commas or as a list; undefined when it is not given. */
export function listOption(options: Parameters, name: string): string[] | undefined {
  const value = options[name];
  if (value === undefined || value === null) return undefined;
  if (isObject(value)) throw invalidParameter(name, 'must be a list of values separated by commas');
  const items = Array.isArray(value) ? value : String(value).split(',');
  if (items.length > limits.records) {
    throw invalidParameter(name, `holds more than ${limits.records} values`);
  }
  const texts = items.map((item) => {
    if (typeof item === 'string' || typeof item === 'number') return String(item).trim();
    throw invalidParameter(name, 'must be a list of values separated by commas');
  });
  return texts.filter((text) => text !== '');
}

/** The refusal of a malformed parameter. */
export function invalidParameter(name: string, problem: string): PlatformError {
  return new PlatformError('request.invalid_parameter', `Parameter '${name}' ${problem}.`);
}

/** The body as one object; `{}` when there is none. Throws `request.invalid_record` for anything else. */
export function readObject(operation: Operation): Written {
  const content = operation.request.body?.value ?? {};
  if (isObject(content)) return content;
  if (content === '') return {};
  throw new PlatformError('request.invalid_record', 'The body must be a JSON object.');
}

/**
 * The records of a body: `{"resource": […]}`, a list, or one bare record. Throws `request.no_records` for
 * none.
 */
export function readRecords(operation: Operation): readonly Written[] {
  const records = findRecords(operation);
  if (records.length === 0) {
    throw new PlatformError(
      'request.no_records',
      "No record(s) detected in request. Please make sure record(s) are wrapped in a 'resource' tag. " +
        'Example: {"resource":[{"record":1},{"record":2}]}',
    );
  }
  return records;
}

/** Like `readRecords`, but a body without records gives an empty list. */
export function findRecords(operation: Operation): readonly Written[] {
  const content = operation.request.body?.value;
  const wrapped = isObject(content) && Object.hasOwn(content, 'resource') ? content.resource : content;
  const list = Array.isArray(wrapped) ? wrapped : isEmpty(wrapped) ? [] : [wrapped];
  if (list.length > limits.records) {
    const message = `The request holds more than ${limits.records} records. Send fewer at a time.`;
    throw new PlatformError('request.invalid_record', message);
  }
  for (const [index, record] of list.entries()) {
    if (isObject(record)) continue;
    throw new PlatformError('request.invalid_record', `Record ${index} of the request must be an object.`);
  }
  return operation.request.body?.isJson === false ? list.map(withoutText) : list;
}

/** Whether a value is an object that is no list. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  return isObject(value) && Object.keys(value).length === 0;
}
