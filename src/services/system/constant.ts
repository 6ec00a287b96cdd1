// The words and numbers of the API by name, for clients that offer them to choose from (spec §5.11).
import { actions } from '../../core/operation.ts';
import { verbBits } from '../../core/role.ts';
import { described, objectAnswer } from './describe-resource.ts';
import { answer, type Resource, recordNotFound } from './resource.ts';

const constants: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  app_types: { NONE: 0, STORAGE_SERVICE: 1, URL: 2, PATH: 3 },
  content_types: {
    CSV: 'text/csv',
    JSON: 'application/json',
    NDJSON: 'application/x-ndjson',
    TEXT: 'text/plain',
    XML: 'application/xml',
  },
  field_access: { HIDDEN: 'hidden', MASKED: 'masked', READ_ONLY: 'read_only' },
  filter_operators: {
    EQUAL: '=',
    NOT_EQUAL: '!=',
    GREATER_THAN: '>',
    GREATER_EQUAL: '>=',
    LESS_THAN: '<',
    LESS_EQUAL: '<=',
    IN: 'in',
    NOT_IN: 'not in',
    STARTS_WITH: 'starts with',
    ENDS_WITH: 'ends with',
    CONTAINS: 'contains',
    IS_NULL: 'is null',
    IS_NOT_NULL: 'is not null',
  },
  requestor_types: { NONE: 0, API: 1, SCRIPT: 2 },
  verbs: { NONE: 0, ...Object.fromEntries(actions.map((action) => [action, verbBits[action]])) },
};

/** The resource `constant`: the names of groups, or one group. */
export function constantResource(): Resource {
  return {
    name: 'constant',
    endpoints: [
      described(
        { pattern: ['constant'], actions: ['GET'], summary: 'groups of constants' },
        { GET: { summary: 'List the groups of constants', responses: objectAnswer('Names of groups') } },
      ),
      described(
        { pattern: ['constant', '{name}'], actions: ['GET'], summary: 'one group of constants' },
        { GET: { summary: 'Read a group of constants', responses: objectAnswer('Values by name') } },
      ),
    ],
    handle: ({ path: [name] }) => {
      if (name === undefined)
        return answer({ resource: Object.keys(constants).map((known) => ({ name: known })) });
      const group = Object.hasOwn(constants, name) ? constants[name] : undefined;
      if (group === undefined) throw recordNotFound(name);
      return answer({ [name]: group });
    },
  };
}
