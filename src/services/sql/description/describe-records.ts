// The paths below `_table` for descriptions: one for each table with the schema of its records, or one for
// all. Invariant: tables that the reader may do nothing with are named nowhere, neither as path nor as
// relation.
import {
  type ActionDetails,
  type DescriptionReader,
  Named,
  type Part,
  type PartMap,
  type PathDetails,
} from '../../../core/description.ts';
import { type Action, actions } from '../../../core/operation.ts';
import {
  jsonContent,
  listSchema,
  objectSchema,
  recordContent,
  recordsContent,
  successSchema,
} from '../../../openapi/envelopes.ts';
import { formParameters, recordParameters } from '../../../openapi/record-parameters.ts';
import type { Relation, Table } from '../schema.ts';
import { fieldSchema, isReadOnly } from './describe-fields.ts';
import { seenTables } from './seen-tables.ts';

const { fields, related, filter, params, limit, offset, order, group, ids, idField } = recordParameters;
const { having, includeCount, countOnly, includeSchema, rollback, force } = recordParameters;
const chosen = [ids, filter, params, idField];
const answered = [fields, related];
const batch = [recordParameters.continue, rollback];
const writing = [...batch, recordParameters.allowRelatedDelete];

const listParameters: Readonly<Record<Action, readonly Named[]>> = {
  GET: [
    ...[...answered, filter, params, limit, offset, order, group, having, ids, idField],
    ...[includeCount, countOnly, includeSchema, ...formParameters],
  ],
  POST: [...answered, ...writing, ...formParameters],
  PUT: [...answered, ...chosen, ...writing, ...formParameters],
  PATCH: [...answered, ...chosen, ...writing, ...formParameters],
  DELETE: [...answered, ...chosen, ...batch, force, ...formParameters],
};

const listSummaries: Readonly<Record<Action, string>> = {
  GET: 'Find records',
  POST: 'Create records',
  PUT: 'Change records',
  PATCH: 'Change records',
  DELETE: 'Delete records',
};

const changing =
  'Records with their identifiers; or one record for all that `ids` or `filter` choose. What is not given ' +
  'stays as it is.';

const listNotes: Readonly<Record<Action, string>> = {
  GET: 'All of them, up to the maximum of the service, or those that `filter`, `ids` and `limit` choose.',
  POST: 'A list, of one record or several. Answers the identifiers, or the `fields` that are asked for.',
  PUT: changing,
  PATCH: changing,
  DELETE: 'Those that `ids`, `filter` or the records of the body choose; all of them only with `force`.',
};

const recordSummaries: Readonly<Record<Action, string>> = {
  GET: 'Read a record',
  POST: '',
  PUT: 'Change a record',
  PATCH: 'Change a record',
  DELETE: 'Delete a record',
};

/** The paths of all tables that a reader may see. */
export class RecordPaths {
  readonly #tables: readonly Table[];
  readonly #isCompact: boolean;
  readonly #parts: RecordParts;

  constructor(tables: readonly Table[], reader: DescriptionReader) {
    const isWanted = (name: string) => reader.tables?.has(name.toLowerCase()) ?? true;
    const isSeen = ({ name }: Table) => actions.some((action) => reader.may(['_table', name], action));
    const seen = seenTables(tables.filter(isSeen), reader);
    this.#tables = seen.filter(({ name }) => isWanted(name));
    this.#isCompact = reader.isCompact;
    this.#parts = new RecordParts(this.#tables, reader);
  }

  /** `_table/{table_name}`. */
  lists(): readonly PathDetails[] {
    if (this.#isCompact) return this.#together([], (table) => this.#list(table));
    return this.#tables.map((table) => ({
      pattern: ['_table', table.name],
      tag: table.name,
      actions: this.#list(table),
    }));
  }

  /** `_table/{table_name}/{id}`. */
  records(): readonly PathDetails[] {
    if (this.#isCompact) return this.#together(['{id}'], (table) => this.#record(table));
    return this.#tables.map((table) => ({
      pattern: ['_table', table.name, '{id}'],
      tag: table.name,
      actions: this.#record(table),
    }));
  }

  #list(table: Table): PathDetails['actions'] {
    const parts = this.#parts;
    const about = (action: Action, more: ActionDetails): ActionDetails => ({
      summary: `${listSummaries[action]} of ${table.name}`,
      description: listNotes[action],
      parameters: listParameters[action],
      ...more,
    });
    const responses = { 200: parts.listAnswer(table) };
    const change = { requestBody: parts.changeBody(table), responses };
    const reading = { GET: about('GET', { responses }) };
    if (table.isView) return reading;
    return {
      ...reading,
      POST: about('POST', { requestBody: parts.createBody(table), responses }),
      PUT: about('PUT', change),
      PATCH: about('PATCH', change),
      DELETE: about('DELETE', {
        requestBody: parts.chosenBody(table),
        responses: { 200: parts.deleted(table) },
      }),
    };
  }

  #record(table: Table): PathDetails['actions'] {
    const parts = this.#parts;
    const hasKey = table.primaryKey.length > 0;
    const about = (action: Action, more: ActionDetails): ActionDetails => ({
      summary: `${recordSummaries[action]} of ${table.name}`,
      parameters: [idParameter(table), ...answered, hasKey ? idField : neededIdField, ...formParameters],
      responses: { 200: parts.recordAnswer(table) },
      ...more,
    });
    const reading = { GET: about('GET', {}) };
    if (table.isView) return reading;
    const requestBody = { required: true, content: recordContent(parts.record(table)) };
    return {
      ...reading,
      PUT: about('PUT', { requestBody }),
      PATCH: about('PATCH', { requestBody }),
      DELETE: about('DELETE', {}),
    };
  }

  // One path: what is answered is a record of one of the tables.
  #together(rest: readonly string[], of: (table: Table) => PathDetails['actions']): readonly PathDetails[] {
    const [first] = this.#tables.filter(({ isView }) => !isView).concat(this.#tables);
    if (first === undefined) return [];
    const parts = this.#parts;
    const one: Part = { anyOf: this.#tables.map((table) => parts.record(table)) };
    const isList = rest.length === 0;
    const content = jsonContent(isList ? listSchema(one, metaOf) : one);
    const told = Object.entries(of(first)).map(([action, details]) => {
      const { description: _description, requestBody, ...general } = details;
      const known = isList ? listSummaries : recordSummaries;
      return [
        action,
        {
          ...general,
          summary: known[action as Action],
          parameters: (general.parameters ?? []).filter((part) => part instanceof Named),
          ...(requestBody === undefined ? {} : { requestBody: { content } }),
          responses: { 200: { description: 'Records', content } },
        },
      ];
    });
    return [
      {
        pattern: ['_table', '{table_name}', ...rest],
        parameters: { table_name: this.#tables.map(({ name }) => name) },
        actions: Object.fromEntries(told),
      },
    ];
  }
}

/** The named parts of records, each made once. */
class RecordParts {
  readonly #readable: ReadonlyMap<string, Table>;
  readonly #taken: ReadonlySet<string>;
  readonly #reader: DescriptionReader;
  readonly #made = new Map<string, Named>();

  constructor(tables: readonly Table[], reader: DescriptionReader) {
    const readable = tables.filter(({ name }) => reader.may(['_table', name], 'GET'));
    this.#taken = new Set(tables.map(({ name }) => name));
    this.#readable = new Map(readable.map((table) => [table.name, table]));
    this.#reader = reader;
  }

  record(table: Table): Named {
    return this.#named('schemas', table.name, () => this.#recordSchema(table));
  }

  listAnswer(table: Table): Named {
    return this.#named('responses', this.#besides(table, '_list'), () => ({
      description: `Records of ${table.name}`,
      content: recordsContent(this.#list(table)),
    }));
  }

  recordAnswer(table: Table): Named {
    return this.#named('responses', table.name, () => ({
      description: `A record of ${table.name}`,
      content: recordContent(this.record(table)),
    }));
  }

  deleted(table: Table): PartMap {
    const content = recordContent({ anyOf: [this.#list(table), successSchema] });
    return { description: `Records of ${table.name}, or what \`force\` answers`, content };
  }

  createBody(table: Table): PartMap {
    const record = this.record(table);
    const needed = [...table.fields.values()].filter((field) => field.required && !isReadOnly(field));
    const required = needed.map(({ name }) => name);
    const fresh = this.#named('schemas', this.#besides(table, '_new'), () => ({ allOf: [record], required }));
    return {
      required: true,
      content: recordsContent({ anyOf: manyOf(required.length === 0 ? record : fresh) }),
    };
  }

  changeBody(table: Table): Named {
    const record = this.record(table);
    return this.#named('requestBodies', table.name, () => ({
      required: true,
      content: recordsContent({ anyOf: [...manyOf(record), record] }),
    }));
  }

  chosenBody(table: Table): PartMap {
    const one = { anyOf: [this.record(table), { type: ['string', 'integer'] }] };
    return { content: jsonContent({ anyOf: [...manyOf(one), objectSchema({ ids: {} }, ['ids'])] }) };
  }

  #list(table: Table): Named {
    return this.#named('schemas', this.#besides(table, '_list'), () =>
      listSchema(this.record(table), metaOf),
    );
  }

  #recordSchema(table: Table): PartMap {
    const sees = (name: string) => this.#readable.has(name);
    const own = [...table.fields.values()].map((field) => [field.name, fieldSchema(field, sees)] as const);
    const joined = [...table.relations.values()].flatMap((relation) => {
      const other = this.#related(relation);
      return other === undefined ? [] : [[relation.name, relationSchema(relation, other)] as const];
    });
    return {
      type: 'object',
      ...(table.description === null ? {} : { description: table.description }),
      properties: Object.fromEntries([...joined, ...own]),
    };
  }

  // The records that a relation leads to; undefined where they, or what joins them, are not for the reader.
  #related({ refTable, refService, junction, junctionService }: Relation): Part | undefined {
    if (junction !== null && !this.#isReadable(junction.table, junctionService)) return undefined;
    if (!this.#isReadable(refTable, refService)) return undefined;
    const own = refService === null ? this.#readable.get(refTable) : undefined;
    return own === undefined ? { type: 'object' } : this.record(own);
  }

  #isReadable(table: string, service: Relation['refService']): boolean {
    if (service === null) return this.#readable.has(table);
    return service.name !== null && this.#reader.may(['_table', table], 'GET', service.name);
  }

  #named(kind: 'schemas' | 'responses' | 'requestBodies', name: string, make: () => Part): Named {
    const key = `${kind} ${name}`;
    const known = this.#made.get(key) ?? new Named({ kind, name, make });
    this.#made.set(key, known);
    return known;
  }

  // `contact_list`, unless a table is called so.
  #besides(table: Table, ending: string): string {
    let name = table.name + ending;
    while (this.#taken.has(name)) name += '_';
    return name;
  }
}

function relationSchema({ name, type, alwaysFetch }: Relation, record: Part): PartMap {
  const description = alwaysFetch ? 'Always answered.' : `Answered with \`related=${name}\`.`;
  const isOne = type === 'belongs_to' || type === 'has_one';
  if (isOne) return { description, anyOf: [record, { type: 'null' }] };
  return { description, type: 'array', items: record };
}

const metaSchema = new Named({
  kind: 'schemas',
  name: 'Meta',
  make: () => ({
    type: 'object',
    properties: {
      count: { type: 'integer', description: 'How many records there are in all.' },
      next: { type: 'integer', description: 'The next `offset`, where there are more records.' },
      schema: { type: 'object', description: 'The table, with `include_schema`.' },
    },
  }),
});

const metaOf: PartMap = { meta: metaSchema };

const neededIdField: Part = {
  name: 'id_field',
  in: 'query',
  required: true,
  description: 'The field, or the fields, that identify a record: the table has no primary key.',
  schema: { type: 'string' },
};

function manyOf(record: Part): PartMap[] {
  return [listSchema(record), { type: 'array', items: record }];
}

function idParameter(table: Table): PartMap {
  const keys = table.primaryKey.map((name) => table.field(name)).filter((key) => key !== undefined);
  const [key] = keys;
  const { type } = keys.length === 1 && key !== undefined ? fieldSchema(key) : {};
  const description =
    keys.length > 1
      ? `Values of ${keys.map(({ name }) => name).join(', ')}, with commas between them.`
      : undefined;
  return {
    ...{ name: 'id', in: 'path', required: true },
    ...(description === undefined ? {} : { description }),
    schema: { type: type === 'integer' ? 'integer' : 'string' },
  };
}
