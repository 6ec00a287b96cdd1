// What all kinds of system records have in common: lists, single records, and writing by id, ids, filter or
// body.
// Invariants: rows hold exactly the fields of their kind; what else a caller writes is ignored, as recorded;
// and no record changes without an entry in the audit log, which stays only if the change does.
import type { Named, PartMap } from '../../core/description.ts';
import { PlatformError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Parameters, Principal, Result } from '../../core/operation.ts';
import type { Endpoint } from '../../core/service.ts';
import type { Store } from '../../core/store.ts';
import { withLookups } from '../../query/lookups.ts';
import { changeNote, type RecordedChange } from './audit-note.ts';
import { runBatch } from './batch.ts';
import { describedRecords } from './describe-collection.ts';
import type { SystemParts } from './parts.ts';
import {
  findRecords,
  flagOption,
  invalidParameter,
  isObject,
  listOption,
  readOptions,
  readRecords,
  textOption,
  type Written,
} from './request.ts';
import { answer, type Call, type Resource, recordNotFound, success } from './resource.ts';
import {
  type Field,
  filterRows,
  listAnswer,
  project,
  type Row,
  type RowSet,
  readProjection,
} from './selection.ts';

/** One kind of system records. Writes that a kind has no function for are unsupported verbs. */
export interface Collection {
  /** Path of the resource, e.g. `service`. */
  readonly name: string;
  /** What one record is called, for descriptions. */
  readonly noun: string;
  readonly identifier: string;
  readonly fields: readonly Field[];
  /** All rows, in the order of their identifiers. */
  rows(store: Store, parameters: Parameters): Promise<Row[]> | Row[];
  /** Works out what takes long before the transaction of a change begins, because others wait for that. */
  prepare?(written: Written): Promise<Prepared>;
  /** Makes a record and returns its row. */
  create?(change: Change): Promise<Row>;
  /** Changes the record of a row and returns the new row. */
  update?(row: Row, change: Change): Promise<Row>;
  remove?(row: Row, change: Pick<Change, 'store' | 'by' | 'isForced'>): Promise<void>;
  /**
   * Removes or changes what other kinds have of a record that is about to be removed; tells what it did, for
   * the audit log.
   */
  settle?(row: Row, change: Pick<Change, 'store' | 'by'>): Promise<readonly RecordedChange[]>;
  /** Refuses what this caller may not do although the resource is open to him; throws `access.*`. */
  permit?(attempt: Attempt): void;
  /** Whether `POST {name}/{id}` makes or changes the record of that name (event scripts). */
  readonly upserts?: boolean;
  /** Members of rows that are answered only where `related` asks for them; written, they are saved. */
  readonly relations?: readonly string[];
  /** Whether `rows` narrows its list by the parameter `group` (service types); others refuse it. */
  readonly isGrouped?: boolean;
  /** What descriptions say of fields and relations beyond their type, by name. */
  readonly described?: Readonly<Record<string, PartMap>>;
  /** Parameters that only this kind has, for descriptions. */
  readonly switches?: readonly Named[];
  /** Brings changes into force once they are stored; `ids` are the records concerned. */
  applied?(ids: readonly unknown[], by: number | null): Promise<void>;
  /** What whoever changed these records should know although it was done; told in `X-Tenon-Warning`. */
  warning?(ids: readonly unknown[]): Promise<string | undefined>;
}

/** What somebody is about to do to a record. */
export interface Attempt {
  readonly principal: Principal;
  /** The row that it changes or removes. */
  readonly row?: Row;
  readonly written?: Written;
}

/** One record to be written. */
export interface Change {
  /**
   * The store to use: always a transaction, which holds the audit entry of the change, too. Whoever uses
   * another store meanwhile, or asks other services, waits for ever.
   */
  readonly store: Store;
  readonly written: Written;
  /** What the kind's own `prepare` made of it; absent where a change was not asked for over the API. */
  readonly prepared?: Prepared | undefined;
  readonly by: number | null;
  /** Whether the caller insists (`force=true`) on what would be refused for the sake of others. */
  readonly isForced?: boolean;
}

/** Values by names that only their kind of records knows. */
export type Prepared = Readonly<Record<string, string>>;

/** What the resource of a kind of records is made with. */
export interface CollectionParts extends Pick<SystemParts, 'store' | 'audit'> {
  readonly collection: Collection;
}

/** The resource of a kind of records. */
export class CollectionResource implements Resource {
  readonly name: string;
  readonly endpoints: readonly Endpoint[];
  readonly #collection: Collection;
  readonly #store: Store;
  readonly #audit: SystemParts['audit'];

  constructor({ collection, store, audit }: CollectionParts) {
    this.name = collection.name;
    this.endpoints = endpointsOf(collection);
    this.#collection = collection;
    this.#store = store;
    this.#audit = audit;
  }

  async handle(call: Call): Promise<Result> {
    const options = withUser(readOptions(call.operation), call.by);
    const request: Request = { call, options, touched: [] };
    const result = await this.#answer(request);
    if (request.touched.length === 0) return result;
    const warning = await this.#collection.warning?.(request.touched);
    return warning === undefined ? result : { ...result, headers: { 'X-Tenon-Warning': sendable(warning) } };
  }

  #answer(request: Request): Promise<Result> {
    const { call } = request;
    if (request.options.group !== undefined && this.#collection.isGrouped !== true) {
      throw invalidParameter('group', `is not supported by 'system/${this.name}'`);
    }
    const [id] = call.path;
    switch (call.action) {
      case 'GET':
        return id === undefined ? this.#readMany(request) : this.#readOne(request, id);
      case 'POST':
        return id === undefined ? this.#createMany(request) : this.#upsert(request, id);
      case 'PUT':
      case 'PATCH':
        return id === undefined ? this.#updateMany(request) : this.#updateOne(request, id);
      case 'DELETE':
        return id === undefined ? this.#removeMany(request) : this.#removeOne(request, id);
    }
  }

  async #readMany(request: Request): Promise<Result> {
    const set = await this.#rowSet(this.#store, request);
    const ids = listOption(request.options, 'ids');
    if (ids === undefined) return answer(listAnswer(set, request.options));
    const names = readProjection(set, request.options, 'all');
    const resource = await runBatch({
      items: ids,
      done: 'retrieved',
      // Recorded: reading tells of every identifier, whether or not `continue` is asked for.
      options: { continue: true },
      store: this.#store,
      work: async (_store, id) => project(this.#pick(set.rows, id), names),
    });
    return answer({ resource });
  }

  async #readOne(request: Request, id: string): Promise<Result> {
    const set = await this.#rowSet(this.#store, request);
    const names = readProjection(set, request.options, 'all');
    return answer(project(this.#pick(set.rows, id), names));
  }

  async #createMany(request: Request): Promise<Result> {
    const resource = await this.#write(request, {
      items: readRecords(request.call.operation),
      done: 'created',
      work: (store, written) => this.#create(request, store, written),
    });
    return answer({ resource }, 201);
  }

  async #upsert(request: Request, id: string): Promise<Result> {
    const { identifier } = this.#collection;
    const [written = {}] = findRecords(request.call.operation);
    const named = { ...written, [identifier]: written[identifier] ?? id };
    if (named[identifier] !== id) throw otherName(identifier, id);
    const rows = await this.#collection.rows(this.#store, request.call.parameters);
    const row = rows.find((candidate) => String(candidate[identifier]) === id);
    const [made] = await this.#write(request, {
      items: [named],
      done: row === undefined ? 'created' : 'updated',
      work: (store) =>
        row === undefined
          ? this.#create(request, store, named)
          : this.#update(request, row, { store, written: named }),
    });
    return answer(made, row === undefined ? 201 : 200);
  }

  async #updateOne(request: Request, id: string): Promise<Result> {
    const { identifier } = this.#collection;
    const written = findRecords(request.call.operation)[0] ?? readRecords(request.call.operation)[0] ?? {};
    const given = written[identifier];
    if (given !== undefined && (typeof given === 'object' || String(given) !== id))
      throw otherName(identifier, id);
    const [row] = await this.#write(request, {
      items: [id],
      done: 'updated',
      work: (store) => this.#updateById(request, { store, id, written }),
    });
    return answer(row);
  }

  async #updateMany(request: Request): Promise<Result> {
    const items = await this.#targets(request);
    const resource = await this.#write(request, {
      items,
      done: 'updated',
      work: (store, { id, written }) => this.#updateById(request, { store, id, written }),
    });
    return answer({ resource });
  }

  // Which records to change into what: one record for many ids or a filter, or each record for its own id.
  async #targets(request: Request): Promise<Target[]> {
    const { identifier } = this.#collection;
    const records = readRecords(request.call.operation);
    const ids = await this.#chosen(request);
    if (ids !== undefined) {
      const { [identifier]: _id, ...written } = records[0] ?? {};
      return ids.map((id) => ({ id, written }));
    }
    return records.map((written, index) => ({ id: this.#idOf(written, index), written }));
  }

  async #removeOne(request: Request, id: string): Promise<Result> {
    const [row] = await this.#remove(request, [id]);
    return answer(row);
  }

  async #removeMany(request: Request): Promise<Result> {
    const chosen = await this.#chosen(request);
    if (chosen !== undefined) return answer({ resource: await this.#remove(request, chosen) });
    if (isForced(request)) {
      const { rows } = await this.#rowSet(this.#store, request);
      await this.#remove(
        request,
        rows.map((row) => String(row[this.#collection.identifier])),
      );
      return success();
    }
    const records = findRecords(request.call.operation);
    if (records.length === 0) {
      throw new PlatformError('request.no_records', 'No filter or records given for delete request.');
    }
    const ids = records.map((record, index) => this.#idOf(record, index));
    return answer({ resource: await this.#remove(request, ids) });
  }

  #remove(request: Request, ids: readonly string[]): Promise<unknown[]> {
    return this.#write(request, {
      items: ids,
      done: 'deleted',
      work: async (store, id) => {
        const { remove, settle, permit } = this.#collection;
        const row = this.#pick(await this.#collection.rows(store, {}), id);
        permit?.({ principal: request.call.operation.principal, row });
        await this.#recorded(request, store, async (inside) => {
          const { call } = request;
          for (const note of (await settle?.(row, { store: inside, by: call.by })) ?? []) {
            await this.#audit.add(changeNote(call.operation, note), inside);
          }
          await remove?.(row, { store: inside, by: call.by, isForced: isForced(request) });
          return { action: 'delete', before: row };
        });
        return row;
      },
    });
  }

  /** Identifiers that `ids` or `filter` choose; undefined when neither is given. */
  async #chosen(request: Request): Promise<string[] | undefined> {
    const ids = listOption(request.options, 'ids');
    if (ids !== undefined) return ids;
    if (textOption(request.options, 'filter') === undefined) return undefined;
    const set = await this.#rowSet(this.#store, request);
    return filterRows(set, request.options).map((row) => String(row[this.#collection.identifier]));
  }

  async #updateById(request: Request, { store, id, written }: Target & { store: Store }): Promise<Row> {
    const row = this.#pick(await this.#collection.rows(store, {}), id);
    return this.#update(request, row, { store, written });
  }

  async #write<Item>(request: Request, batch: WriteBatch<Item>): Promise<unknown[]> {
    const { options, call, touched } = request;
    const { identifier, applied } = this.#collection;
    const names = readProjection(this.#shape(), options, 'identifier');
    try {
      return await runBatch({
        ...batch,
        options,
        store: this.#store,
        work: async (store, item) => {
          const row = await batch.work(store, item);
          touched.push(row[identifier]);
          return project(row, names);
        },
      });
    } catch (error) {
      if (flagOption(options, 'rollback')) touched.length = 0;
      throw error;
    } finally {
      if (touched.length > 0) await applied?.(touched, call.by);
    }
  }

  async #create(request: Request, store: Store, written: Written): Promise<Row> {
    const { create, permit, prepare } = this.#collection;
    if (create === undefined) throw new Error(`${this.name} has no create`);
    permit?.({ principal: request.call.operation.principal, written });
    const prepared = await prepare?.(written);
    const { after } = await this.#recorded(request, store, async (inside) => {
      const made = await create({ store: inside, written, prepared, by: request.call.by });
      return { action: 'create', after: made, written };
    });
    return after;
  }

  async #update(request: Request, row: Row, { store, written }: Omit<Change, 'by'>): Promise<Row> {
    const { update, permit, prepare } = this.#collection;
    if (update === undefined) throw new Error(`${this.name} has no update`);
    permit?.({ principal: request.call.operation.principal, row, written });
    const prepared = await prepare?.(written);
    const { after } = await this.#recorded(request, store, async (inside) => {
      const change = { store: inside, written, prepared, by: request.call.by, isForced: isForced(request) };
      const changed = await update(row, change);
      return { action: 'update', before: row, after: changed, written };
    });
    return after;
  }

  // A change and its entry in the audit log, or neither.
  #recorded<Done extends Recorded>(
    { call }: Request,
    store: Store,
    work: (store: Store) => Promise<Done>,
  ): Promise<Done> {
    const { identifier, name } = this.#collection;
    return store.transaction(async (inside) => {
      const done = await work(inside);
      const id = (done.after ?? done.before)?.[identifier];
      const change = { ...done, identifier, record: `${name}/${id}` };
      await this.#audit.add(changeNote(call.operation, change), inside);
      return done;
    });
  }

  #pick(rows: readonly Row[], id: string): Row {
    const row = rows.find((candidate) => String(candidate[this.#collection.identifier]) === id);
    if (row === undefined) throw recordNotFound(id);
    return row;
  }

  #idOf(written: Written, index: number): string {
    const { identifier } = this.#collection;
    const id = written[identifier];
    if (typeof id === 'string' || typeof id === 'number') return String(id);
    const message = `Record ${index} of the request needs its identifier, field '${identifier}'.`;
    throw new PlatformError('request.invalid_record', message);
  }

  async #rowSet(store: Store, request: Request): Promise<RowSet> {
    const { parameters, operation } = request.call;
    const rows = await this.#collection.rows(store, parameters);
    return { ...this.#shape(), rows, meant: (value) => withLookups(value, operation.principal) };
  }

  #shape(): RowSet {
    const { name, identifier, fields, relations = [] } = this.#collection;
    return { name, identifier, fields, relations, rows: [] };
  }
}

interface Request {
  readonly call: Call;
  readonly options: Parameters;
  /** Identifiers of the records written so far. */
  readonly touched: unknown[];
}

type Recorded = Omit<RecordedChange, 'record' | 'identifier'>;

interface Target {
  readonly id: string;
  readonly written: Written;
}

interface WriteBatch<Item> {
  readonly items: readonly Item[];
  readonly done: string;
  readonly work: (store: Store, item: Item) => Promise<Row>;
}

function endpointsOf(collection: Collection): Endpoint[] {
  const { name, noun, create, update, remove, upserts } = collection;
  const path = name.split('/');
  const changes = update === undefined ? [] : (['PUT', 'PATCH'] as const);
  const removal = remove === undefined ? [] : (['DELETE'] as const);
  const creation = create === undefined ? [] : (['POST'] as const);
  const byId = upserts === true ? creation : [];
  return describedRecords(collection, [
    { pattern: path, actions: ['GET', ...creation, ...changes, ...removal], summary: `${noun} records` },
    {
      pattern: [...path, '{id}'],
      actions: ['GET', ...byId, ...changes, ...removal],
      summary: `one ${noun}`,
    },
  ]);
}

function isForced({ options }: Request): boolean {
  return flagOption(options, 'force');
}

/** Options with `:user_id`, which is always bound in filters of system resources (spec §5.6). */
export function withUser(options: Parameters, by: number | null): Parameters {
  const params = isObject(options.params) ? (options.params as Parameters) : {};
  return { ...options, params: { user_id: by, ...params } };
}

// A header holds visible ASCII only, and a text may repeat what a caller wrote.
function sendable(warning: string): string {
  return warning.replace(/[^\x20-\x7e]/g, '?').slice(0, limits.warningChars);
}

function otherName(identifier: string, id: string): PlatformError {
  const message = `Field '${identifier}' must be '${id}' as in the path, or be left out.`;
  return new PlatformError('request.invalid_record', message);
}
