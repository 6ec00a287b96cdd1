// Related records: found for all records at once, one call per relation (two over a junction), and put into
// the records under the relations' names. Invariant: never a call per record.
import { PlatformError } from '../../../core/errors.ts';
import { limits } from '../../../core/limits.ts';
import type { CallContext } from '../../../core/service.ts';
import type { SqlRecord } from '../reading/fetch.ts';
import type { Field, Relation, Table } from '../schema.ts';
import type { SqlSource } from '../source.ts';
import type { RelationRequest } from './related-request.ts';
import { keyOf, RelatedTable, type Tuple, tuplesOf } from './related-table.ts';

/** What to attach to the records of a table, and how to ask for it. */
export interface RelatedRequest {
  readonly source: SqlSource;
  readonly table: Table;
  readonly relations: readonly RelationRequest[];
  readonly context: CallContext;
  /** Fields that the records have for the relations only; they are taken away when these are found. */
  readonly extra: readonly Field[];
}

/** The fields that records must have for relations to be attached. */
export function keyFieldsOf(table: Table, relations: readonly RelationRequest[]): readonly Field[] {
  const fields = relations.flatMap(({ relation }) => relation.fields.map((name) => table.field(name)));
  return [...new Set(fields)].filter((field) => field !== undefined);
}

/**
 * Puts related records into the given ones. Throws what an inner call was refused with.
 */
export async function attachRelated(records: readonly SqlRecord[], request: RelatedRequest): Promise<void> {
  if (request.relations.length > limits.relations) {
    throw new PlatformError(
      'request.invalid_parameter',
      `Parameter 'related' names more than ${limits.relations} relationships.`,
    );
  }
  const found: { wanted: RelationRequest; lists: readonly (readonly SqlRecord[])[] }[] = [];
  for (const wanted of request.relations) {
    const { relation } = wanted;
    const parents = tuplesOf(records, relation.fields);
    const sorted =
      relation.junction === null
        ? await direct(request, wanted, parents)
        : await far(request, wanted, parents);
    const lists = records.map((record) => sorted.get(keyOf(record, relation.fields)) ?? []);
    found.push({ wanted, lists });
  }
  for (const record of records) for (const field of request.extra) delete record[field.name];
  for (const { wanted, lists } of found) {
    for (const [index, record] of records.entries()) put(record, wanted, lists[index] ?? []);
  }
}

function put(record: SqlRecord, { relation }: RelationRequest, list: readonly SqlRecord[]): void {
  if (!isOne(relation)) record[relation.name] = list;
  else if (relation.flatten) flatten(record, relation, list[0]);
  else record[relation.name] = list[0] ?? null;
}

// The fields of the one related record among the record's own, which come first.
function flatten(record: SqlRecord, relation: Relation, one: SqlRecord | undefined): void {
  const prefix = relation.flattenDropPrefix ? '' : `${relation.name}.`;
  for (const [name, value] of Object.entries(one ?? {})) {
    if (!Object.hasOwn(record, prefix + name)) record[prefix + name] = value;
  }
}

function isOne({ type }: Relation): boolean {
  return type === 'belongs_to' || type === 'has_one';
}

/** Records by the key that they relate to. */
type Found = ReadonlyMap<string, readonly SqlRecord[]>;

async function direct(
  request: RelatedRequest,
  wanted: RelationRequest,
  parents: readonly Tuple[],
): Promise<Found> {
  const { relation, limit } = wanted;
  const table = new RelatedTable({
    ...request,
    wanted,
    table: relation.refTable,
    service: relation.refService,
  });
  const sorted = new Sorted(limit);
  for (const { key, record } of await table.find(relation.refFields, parents, limit)) sorted.put(key, record);
  return sorted.found;
}

// Two steps: the junction's rows say which far records belong to which near ones; far records keep their own
// order.
async function far(
  request: RelatedRequest,
  wanted: RelationRequest,
  parents: readonly Tuple[],
): Promise<Found> {
  const { relation, limit } = wanted;
  const sorted = new Sorted(limit);
  const { junction } = relation;
  if (junction === null) return sorted.found;
  const plain: RelationRequest = { relation, fields: [...junction.fields, ...junction.refFields] };
  const links = await new RelatedTable({
    ...request,
    wanted: plain,
    table: junction.table,
    service: relation.junctionService,
  }).find(junction.fields, parents);
  const nearOf = Map.groupBy(links, ({ record }) => keyOf(record, junction.refFields));
  const tuples = tuplesOf(
    links.map(({ record }) => record),
    junction.refFields,
  );
  const table = new RelatedTable({
    ...request,
    wanted,
    table: relation.refTable,
    service: relation.refService,
  });
  for (const { key, record } of await table.find(relation.refFields, tuples)) {
    for (const near of new Set((nearOf.get(key) ?? []).map((link) => link.key))) sorted.put(near, record);
  }
  return sorted.found;
}

/** Records sorted to the keys they relate to, no more of them for each than the limit. */
class Sorted {
  readonly found = new Map<string, SqlRecord[]>();
  readonly #limit: number;

  constructor(limit: number | undefined) {
    this.#limit = limit ?? Number.POSITIVE_INFINITY;
  }

  put(key: string, record: SqlRecord): void {
    const list = this.found.get(key);
    if (list === undefined) this.found.set(key, [record]);
    else if (list.length < this.#limit) list.push(record);
  }
}
