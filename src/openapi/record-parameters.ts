// The query parameters of records (spec §5.5) and what they mean, for tables and system resources alike.
// Invariant: what is not understood by the platform is not listed.
import { Named, type PartMap } from '../core/description.ts';

type Shape = 'text' | 'list' | 'count' | 'flag';

const schemas: Readonly<Record<Shape, PartMap>> = {
  text: { type: 'string' },
  list: { type: 'array', items: { type: 'string' } },
  count: { type: 'integer', minimum: 0 },
  flag: { type: 'boolean', default: false },
};

function parameter(name: string, shape: Shape, description: string): Named {
  const style = shape === 'list' ? { style: 'form', explode: false } : {};
  const make = () => ({ name, in: 'query', description, ...style, schema: schemas[shape] });
  return new Named({ kind: 'parameters', name, make });
}

/** Every parameter by its first name. */
export const recordParameters = {
  fields: parameter(
    'fields',
    'list',
    'The fields to answer, or `*` for all. Reading answers all of them, writing the identifier alone, ' +
      'unless this says otherwise. Also `select`.',
  ),
  related: parameter(
    'related',
    'list',
    'The relations to answer with each record, or `*`. What of them: `{relation}.fields`, ' +
      '`{relation}.limit`, `{relation}.order`.',
  ),
  filter: parameter(
    'filter',
    'text',
    "Which records: `(age > 3) and (name like 'A%')`. Operators: =, !=, <, <=, >, >=, in (…), like, " +
      'contains, starts with, ends with, is null, between; and, or, not, parentheses. Values of `:name` ' +
      'come from `params`. Also `where`.',
  ),
  params: new Named({
    kind: 'parameters',
    name: 'params',
    make: () => ({
      name: 'params',
      in: 'query',
      description: 'Values of the `:name` placeholders of `filter`: `params[name]=value`.',
      style: 'deepObject',
      explode: true,
      schema: { type: 'object', additionalProperties: { type: 'string' } },
    }),
  }),
  limit: parameter('limit', 'count', 'At most so many records; the service has a maximum. Also `top`.'),
  offset: parameter('offset', 'count', 'Leaves out so many records first. Also `skip`.'),
  order: parameter(
    'order',
    'text',
    'In which order: `last_name, first_name desc`, with `nulls first` or `nulls last`. Also `sort`, ' +
      '`order_by`.',
  ),
  group: parameter(
    'group',
    'list',
    'One record for each combination of these fields; `fields` may then have COUNT(*), SUM(x), AVG(x), ' +
      'MIN(x) and MAX(x), answered as COUNT_ALL, SUM_x and so on. Also `group_by`.',
  ),
  having: parameter('having', 'text', 'Which groups, as a filter over what is answered: `COUNT_ALL > 1`.'),
  ids: parameter('ids', 'list', 'The records with these identifiers.'),
  idField: parameter(
    'id_field',
    'list',
    'Another field than the primary key as identifier, or several of them.',
  ),
  includeCount: parameter(
    'include_count',
    'flag',
    'Says in `meta.count` how many records there are in all, and in `meta.next` the next offset.',
  ),
  countOnly: parameter(
    'count_only',
    'flag',
    'Answers how many records there are, as a bare number in place of the list.',
  ),
  includeSchema: parameter('include_schema', 'flag', 'Describes the table in `meta.schema`.'),
  continue: parameter(
    'continue',
    'flag',
    'Goes on with the other records when one cannot be written; otherwise the first failure ends it.',
  ),
  rollback: parameter('rollback', 'flag', 'Writes all records or none.'),
  allowRelatedDelete: parameter(
    'allow_related_delete',
    'flag',
    'Deletes records of a relation that are let go and cannot be without it.',
  ),
  force: parameter('force', 'flag', 'Deletes all records where nothing says which; answers `success`.'),
  forceFields: parameter('force', 'flag', 'Drops fields that are there and not among those that are sent.'),
  checkExist: parameter('check_exist', 'flag', 'Refuses what is there already instead of changing it.'),
  asList: parameter('as_list', 'flag', 'Answers names alone.'),
  asAccessList: parameter('as_access_list', 'flag', 'Answers everything that a role can grant access on.'),
  includeAccess: parameter('include_access', 'flag', 'Says in `access` what may be done.'),
  refresh: parameter('refresh', 'flag', 'Reads the schema anew before it answers.'),
  accept: parameter('accept', 'text', 'Media type of the answer, in place of the header.'),
  file: parameter(
    'file',
    'text',
    'Answers a file of this name to be saved; `.json`, `.ndjson`, `.csv` or `.xml` at its end says the ' +
      'format.',
  ),
  wrap: parameter('wrap', 'flag', 'With `false` lists stand bare, where there is no `meta` to be said.'),
} as const;

/** What all answers understand: their form. */
export const formParameters: readonly Named[] = [
  recordParameters.accept,
  recordParameters.file,
  recordParameters.wrap,
];
