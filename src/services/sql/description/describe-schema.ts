// The paths below `_schema` for descriptions: what is said of tables, fields and relations (spec §5.8).
import {
  type ActionDetails,
  type DescriptionReader,
  Named,
  type PathDetails,
} from '../../../core/description.ts';
import type { Action } from '../../../core/operation.ts';
import { jsonContent, listSchema, objectSchema, successResponse } from '../../../openapi/envelopes.ts';
import { recordParameters } from '../../../openapi/record-parameters.ts';

/** A path with its actions and what they are for. */
export type SchemaPath = readonly [path: string, actions: readonly Action[], summary: string];

const text = { type: 'string' };
const flag = { type: 'boolean' };
const count = { type: ['integer', 'null'] };
const textOrNull = { type: ['string', 'null'] };

const fieldSchema = new Named({
  kind: 'schemas',
  name: 'FieldSchema',
  make: () =>
    objectSchema({
      ...{ name: text, alias: textOrNull, label: textOrNull, description: textOrNull, native: {} },
      type: {
        type: 'string',
        description: 'The type in the words of the API: `integer`, `string`, `date` …',
      },
      db_type: { type: ['string', 'null'], description: "The type in the database's words." },
      ...{ length: count, precision: count, scale: count, default: {} },
      ...{ required: flag, allow_null: flag, fixed_length: flag, supports_multibyte: flag },
      ...{
        auto_increment: flag,
        is_primary_key: flag,
        is_unique: flag,
        is_index: flag,
        is_foreign_key: flag,
      },
      ...{
        ref_table: textOrNull,
        ref_field: textOrNull,
        ref_on_update: textOrNull,
        ref_on_delete: textOrNull,
      },
      ...{ picklist: {}, validation: {}, db_function: {}, is_virtual: flag, is_aggregate: flag },
    }),
});

const relationSchema = new Named({
  kind: 'schemas',
  name: 'RelationSchema',
  make: () =>
    objectSchema({
      ...{ name: text, alias: textOrNull, label: textOrNull, description: textOrNull, native: {} },
      type: { type: 'string', enum: ['belongs_to', 'has_one', 'has_many', 'many_many'] },
      ...{ field: {}, is_virtual: flag, ref_service_id: count, ref_table: textOrNull, ref_field: {} },
      ...{ ref_on_update: textOrNull, ref_on_delete: textOrNull, junction_service_id: count },
      ...{ junction_table: textOrNull, junction_field: {}, junction_ref_field: {} },
      ...{ always_fetch: flag, flatten: flag, flatten_drop_prefix: flag },
    }),
});

const tableSchema = new Named({
  kind: 'schemas',
  name: 'TableSchema',
  make: () =>
    objectSchema({
      ...{ name: text, alias: textOrNull, label: textOrNull, plural: textOrNull, description: textOrNull },
      ...{ native: {}, is_view: flag, name_field: textOrNull, constraints: {} },
      primary_key: { type: 'array', items: text },
      field: { type: 'array', items: fieldSchema },
      related: { type: 'array', items: relationSchema },
      access: { type: 'integer', description: 'GET 1, POST 2, PUT 4, PATCH 8 and DELETE 16, added up.' },
    }),
});

/** What documents say of one of the paths; `tables` are the values of its `{table_name}`. */
export function schemaDetails(
  [path, offered, summary]: SchemaPath,
  tables: readonly string[] | undefined,
  reader: DescriptionReader,
): readonly PathDetails[] {
  const wanted = tables?.filter((name) => reader.tables?.has(name.toLowerCase()) ?? true);
  // Dropping several tables fires no event that the original lists, but it is there.
  const actions: readonly Action[] = path === '_schema' ? [...offered, 'DELETE'] : offered;
  const details = actions.map((action) => [action, detailsOf(path, action, summary)] as const);
  return [
    {
      pattern: path.split('/'),
      actions: Object.fromEntries(details),
      tag: '_schema',
      isAside: true,
      ...(wanted === undefined ? {} : { parameters: { table_name: wanted } }),
    },
  ];
}

const verbs: Readonly<Record<Action, string>> = {
  GET: 'Describe',
  POST: 'Create',
  PUT: 'Change',
  PATCH: 'Change',
  DELETE: 'Delete',
};

interface Part {
  readonly what: string;
  readonly item: Named;
  readonly isList: boolean;
}

function partOf(path: string): Part {
  const isList = path === '_schema' || path.endsWith('/_field') || path.endsWith('/_related');
  if (path.includes('_field')) return { what: 'field', item: fieldSchema, isList };
  if (path.includes('_related')) return { what: 'relationship', item: relationSchema, isList };
  return { what: 'table', item: tableSchema, isList };
}

function detailsOf(path: string, action: Action, summary: string): ActionDetails {
  const { what, item, isList } = partOf(path);
  if (action === 'GET') return reading(summary, { what, item, isList });
  const said = `${verbs[action]} ${isList ? `${what}s` : `a ${what}`}`;
  const body = isList ? { anyOf: [listSchema(item), { type: 'array', items: item }, item] } : item;
  const answer = jsonContent(isList ? listSchema(written) : written);
  const { ids, forceFields, checkExist } = recordParameters;
  const parameters = {
    POST: [checkExist],
    PUT: what === 'table' ? [forceFields] : [],
    PATCH: [],
    DELETE: isList ? [ids] : [],
  };
  const isGone = action === 'DELETE' && !isList;
  return {
    summary: said,
    parameters: parameters[action],
    ...(action === 'DELETE' ? {} : { requestBody: { required: true, content: jsonContent(body) } }),
    responses: { 200: isGone ? successResponse : { description: 'Done', content: answer } },
  };
}

const written = objectSchema({ name: text }, ['name']);

function reading(summary: string, { item, isList }: Part): ActionDetails {
  const { fields, asList, includeAccess, refresh } = recordParameters;
  const schema = isList ? listSchema({ anyOf: [item, text] }) : item;
  return {
    summary,
    parameters: [fields, refresh, ...(isList ? [asList, includeAccess] : [])],
    responses: { 200: { description: summary, content: jsonContent(schema) } },
  };
}
