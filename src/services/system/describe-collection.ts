// What descriptions say of system records: a schema made from the fields of their kind, and the parameters
// that all kinds understand.
import { type ActionDetails, Named, type PartMap, type PathDetails } from '../../core/description.ts';
import type { Action } from '../../core/operation.ts';
import type { Endpoint } from '../../core/service.ts';
import { jsonContent, listSchema, recordsContent } from '../../openapi/envelopes.ts';
import { formParameters, recordParameters } from '../../openapi/record-parameters.ts';
import type { Field } from './selection.ts';

/** What is said of a kind of records. */
export interface DescribedRecords {
  readonly name: string;
  readonly noun: string;
  readonly identifier: string;
  readonly fields: readonly Field[];
  readonly relations?: readonly string[];
  readonly isGrouped?: boolean;
  /** What is said of fields and relations beyond their type, by name; and of what is only written. */
  readonly described?: Readonly<Record<string, PartMap>>;
  /** Parameters of POST, PUT and PATCH that only this kind has. */
  readonly switches?: readonly Named[];
}

const types: Readonly<Record<Field['type'], PartMap>> = {
  integer: { type: ['integer', 'null'] },
  float: { type: ['number', 'null'] },
  string: { type: ['string', 'null'] },
  text: { type: ['string', 'null'] },
  boolean: { type: ['boolean', 'null'] },
  object: { type: ['object', 'array', 'null'] },
  array: { type: ['array', 'null'], items: {} },
  datetime: { type: ['string', 'null'], format: 'date-time' },
};

const { fields, related, filter, params, limit, offset, order, group, ids, asList } = recordParameters;
const { includeCount, countOnly, includeSchema, rollback, force } = recordParameters;
const batch = [recordParameters.continue, rollback];

const verbs: Readonly<Record<Action, string>> = {
  GET: 'Read',
  POST: 'Create',
  PUT: 'Change',
  PATCH: 'Change',
  DELETE: 'Delete',
};

/** Gives the endpoints of a kind of records what descriptions show of them. */
export function describedRecords(kind: DescribedRecords, endpoints: readonly Endpoint[]): Endpoint[] {
  const record = new Named({
    kind: 'schemas',
    name: kind.name.replaceAll('/', '_'),
    make: () => schemaOf(kind),
  });
  return endpoints.map((endpoint) => {
    const { pattern, actions } = endpoint;
    const isOne = pattern.at(-1) === '{id}';
    const told = actions.map((action) => [action, detailsOf(kind, { action, isOne, record })] as const);
    const path: PathDetails = { pattern, actions: Object.fromEntries(told), tag: kind.name };
    return { ...endpoint, details: () => [path] };
  });
}

function schemaOf({ fields: all, relations = [], described = {} }: DescribedRecords): PartMap {
  const own = all.map(({ name, type }) => [name, { ...types[type], ...described[name] }] as const);
  const joined = relations.map(
    (name) => [name, { description: `Answered with \`related=${name}\`.`, ...described[name] }] as const,
  );
  const written = Object.entries(described).filter(([, part]) => part.writeOnly === true);
  return { type: 'object', properties: Object.fromEntries([...own, ...joined, ...written]) };
}

interface Told {
  readonly action: Action;
  readonly isOne: boolean;
  readonly record: Named;
}

function detailsOf(kind: DescribedRecords, { action, isOne, record }: Told): ActionDetails {
  const summary = isOne ? `${verbs[action]} one ${kind.noun}` : `${verbs[action]} ${kind.noun} records`;
  const list = listSchema(action === 'GET' ? { anyOf: [record, { type: ['string', 'integer'] }] } : record);
  const answer = { description: summary, content: recordsContent(isOne ? record : list) };
  const hasBody = action !== 'GET' && action !== 'DELETE';
  const body = isOne ? record : { anyOf: [listSchema(record), record] };
  const removed = { description: summary, content: jsonContent({ type: 'object' }) };
  return {
    summary,
    parameters: parametersOf(kind, action, isOne),
    ...(hasBody ? { requestBody: { required: true, content: jsonContent(body) } } : {}),
    responses:
      action === 'POST'
        ? { 201: answer, ...(isOne ? { 200: answer } : {}) }
        : { 200: action === 'DELETE' && !isOne ? removed : answer },
  };
}

function parametersOf(kind: DescribedRecords, action: Action, isOne: boolean): readonly Named[] {
  const answered = kind.relations === undefined ? [fields] : [fields, related];
  const { switches = [] } = kind;
  const own = action === 'GET' || action === 'DELETE' ? [] : switches;
  if (isOne) return [...answered, ...own, ...formParameters];
  const chosen = [ids, filter, params];
  if (action === 'POST') return [...answered, ...own, ...batch, ...formParameters];
  if (action === 'DELETE') return [...answered, ...chosen, ...batch, force, ...formParameters];
  if (action !== 'GET') return [...answered, ...own, ...chosen, ...batch, ...formParameters];
  const page = [limit, offset, order, includeCount, countOnly, includeSchema, asList];
  return [...answered, ...chosen, ...page, ...(kind.isGrouped === true ? [group] : []), ...formParameters];
}
