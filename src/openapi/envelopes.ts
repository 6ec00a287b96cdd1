// What all answers of the API have in common: the envelope of errors, plain success, and the media types in
// which records travel.
import { Named, type Part, type PartMap } from '../core/description.ts';
import { limits } from '../core/limits.ts';

// The error envelope, in which every answer that is no success comes.
const errorSchema = new Named({
  kind: 'schemas',
  name: 'Error',
  make: () => ({
    type: 'object',
    required: ['error'],
    properties: {
      error: {
        type: 'object',
        required: ['code', 'context', 'message', 'status_code'],
        properties: {
          code: {
            type: ['integer', 'string'],
            description: 'The status, or a finer code: 1000 for a batch of which a part failed.',
          },
          context: {
            description:
              'More about it, or null. Of a batch: `error` (indexes of what failed) and `resource` (for ' +
              'each record its identifier or its own error).',
          },
          message: { type: 'string', description: 'What went wrong, for people.' },
          status_code: { type: 'integer', description: 'The HTTP status.' },
        },
      },
    },
  }),
});

/** The header by which a write is done once; of every write. */
export const idempotencyKey = new Named({
  kind: 'parameters',
  name: 'IdempotencyKey',
  make: () => ({
    ...{ name: 'Idempotency-Key', in: 'header', required: false },
    description:
      'A text of your own, different for each write, such as a UUID. The same request again with the same ' +
      'key within 24 hours is not done again but answered as before, with `Idempotency-Replayed: true`.',
    schema: { type: 'string', minLength: 1, maxLength: limits.idempotencyKeyChars },
  }),
});

/** The answer that every error is. */
export const errorResponse = new Named({
  kind: 'responses',
  name: 'Error',
  make: () => ({ description: 'Refused or failed', content: jsonContent(errorSchema) }),
});

/** What it says. */
export const successSchema = new Named({
  kind: 'schemas',
  name: 'Success',
  make: () => ({
    type: 'object',
    required: ['success'],
    properties: { success: { type: 'boolean' } },
  }),
});

/** The answer of what has nothing to tell. */
export const successResponse = new Named({
  kind: 'responses',
  name: 'Success',
  make: () => ({ description: 'Done', content: jsonContent(successSchema) }),
});

/** Content in JSON. */
export function jsonContent(schema: Part): PartMap {
  return { 'application/json': { schema } };
}

/** Content of a record: JSON, and what it is converted to and from. */
export function recordContent(schema: Part): PartMap {
  return { ...jsonContent(schema), 'text/csv': { schema: csv }, 'application/xml': { schema: xml } };
}

/** Content of a list of records. */
export function recordsContent(schema: Part): PartMap {
  return { ...recordContent(schema), 'application/x-ndjson': { schema: ndjson } };
}

const csv = textSchema('Csv', 'A line for each record, below a line with the names of the fields.');
const ndjson = textSchema('Ndjson', 'A JSON object for each record, each on a line of its own.');
const xml = textSchema('Xml', 'The same members as in JSON, below the element `dfapi`.');

function textSchema(name: string, description: string): Named {
  return new Named({ kind: 'schemas', name, make: () => ({ type: 'string', description }) });
}

/** An object of an answer or a body. */
export function objectSchema(properties: PartMap, required: readonly string[] = []): PartMap {
  return { type: 'object', ...(required.length === 0 ? {} : { required }), properties };
}

/** A list under the name by which lists are wrapped. */
export function listSchema(items: Part, more: PartMap = {}): PartMap {
  return objectSchema({ resource: { type: 'array', items }, ...more }, ['resource']);
}
