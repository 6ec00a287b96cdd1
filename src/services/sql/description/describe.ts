// What a SQL service offers, in the recorded order: for event names, OpenAPI and the role editor.
import type { ActionDetails, DescriptionReader } from '../../../core/description.ts';
import type { Action } from '../../../core/operation.ts';
import type { Endpoint } from '../../../core/service.ts';
import { jsonContent, listSchema } from '../../../openapi/envelopes.ts';
import { recordParameters } from '../../../openapi/record-parameters.ts';
import type { Table } from '../schema.ts';
import { RecordPaths } from './describe-records.ts';
import { type SchemaPath, schemaDetails } from './describe-schema.ts';

const all: readonly Action[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const withoutDelete: readonly Action[] = ['GET', 'POST', 'PUT', 'PATCH'];
const withoutPost: readonly Action[] = ['GET', 'PUT', 'PATCH', 'DELETE'];

const schemaPaths: readonly SchemaPath[] = [
  ['_schema', withoutDelete, 'List tables and views'],
  ['_schema/{table_name}', all, 'Describe a table'],
  ['_schema/{table_name}/_field', all, 'Describe the fields of a table'],
  ['_schema/{table_name}/_field/{field_name}', withoutPost, 'Describe a field'],
  ['_schema/{table_name}/_related', all, 'Describe the relationships of a table'],
  ['_schema/{table_name}/_related/{relationship_name}', withoutPost, 'Describe a relationship'],
];

/** The endpoints of a service with these tables. */
export function describeEndpoints(tables: readonly Table[]): readonly Endpoint[] {
  const names = tables.map((table) => table.name);
  const byReader = new WeakMap<DescriptionReader, RecordPaths>();
  const recordsFor = (reader: DescriptionReader): RecordPaths => {
    const known = byReader.get(reader) ?? new RecordPaths(tables, reader);
    byReader.set(reader, known);
    return known;
  };
  return [
    rootEndpoint,
    ...schemaPaths.map((path) => schemaEndpoint(path, names)),
    tablesEndpoint,
    {
      pattern: ['_table', '{table_name}'],
      actions: all,
      summary: 'Find, create, change or delete records',
      parameters: { table_name: names },
      details: (reader) => recordsFor(reader).lists(),
    },
    {
      pattern: ['_table', '{table_name}', '{id}'],
      actions: withoutPost,
      summary: 'Read, change or delete a record',
      parameters: { table_name: names },
      details: (reader) => recordsFor(reader).records(),
    },
  ];
}

const rootEndpoint = listEndpoint([], 'List the resources of the service');
const tablesEndpoint = listEndpoint(['_table'], 'List tables and views');

// A list of names, or of what `fields` asks for.
function listEndpoint(pattern: readonly string[], summary: string): Endpoint {
  const { asList, asAccessList, fields, includeAccess, refresh } = recordParameters;
  const own = pattern.length === 0 ? [asAccessList] : [fields, includeAccess];
  const item = { type: 'object', required: ['name'], properties: { name: { type: 'string' } } };
  const schema = listSchema({ anyOf: [item, { type: 'string' }] });
  const GET: ActionDetails = {
    summary,
    parameters: [asList, ...own, refresh],
    responses: { 200: { description: summary, content: jsonContent(schema) } },
  };
  return { pattern, actions: ['GET'], summary, details: () => [{ pattern, actions: { GET } }] };
}

function schemaEndpoint(path: SchemaPath, names: readonly string[]): Endpoint {
  const [text, actions, summary] = path;
  const hasTable = text.includes('{table_name}');
  return {
    pattern: text.split('/'),
    actions,
    summary,
    ...(hasTable ? { parameters: { table_name: names } } : {}),
    details: (reader) => schemaDetails(path, hasTable ? names : undefined, reader),
  };
}
