// Nested records of virtual relations that lead to other services: written by calls to those services, so
// that their scripts run and the caller's role there counts.
// Invariant: these writes are no part of our transaction; what was written there stays when we roll back.
import { PlatformError } from '../../../core/errors.ts';
import type { Action, Parameters } from '../../../core/operation.ts';
import type { CallContext } from '../../../core/service.ts';
import type { Relation } from '../schema.ts';
import { isRecord } from '../writing/records.ts';
import { callTable } from './inner-call.ts';
import type { NestedMember } from './nested-record.ts';

/** JSON values of fields, by name. */
type Values = Readonly<Record<string, unknown>>;

/** What we have to know of a table of another service. */
interface ForeignTable {
  readonly primaryKey: readonly string[];
  readonly nullable: ReadonlySet<string>;
  /** Whether the database makes its keys. */
  readonly makesKeys: boolean;
}

/** A call with one record. */
interface Asked {
  readonly record: Values;
  readonly parameters: Parameters;
}

/** Writes records of other services, for one request. */
export class ForeignRecords {
  readonly #context: CallContext;
  readonly #allowsDelete: boolean;
  readonly #tables = new Map<string, ForeignTable>();

  constructor(options: { readonly context: CallContext; readonly allowsDelete: boolean }) {
    this.#context = options.context;
    this.#allowsDelete = options.allowsDelete;
  }

  /** Writes the record that ours belongs to; answers the values of the relation's `refFields`. */
  async parent(relation: Relation, { record }: NestedMember): Promise<Values> {
    const { refFields } = relation;
    const isNamed = refFields.every((name) => record[name] !== undefined && record[name] !== null);
    if (!isNamed) return this.#ask(relation, 'POST', { record, parameters: { fields: refFields.join() } });
    if (Object.keys(record).some((name) => !refFields.includes(name))) {
      await this.#put(relation, { record, parameters: { id_field: refFields.join() } });
    }
    return Object.fromEntries(refFields.map((name) => [name, record[name]]));
  }

  /** Writes a record that belongs to ours: creates, changes, adopts it or lets it go. */
  async child(relation: Relation, { record }: NestedMember, values: Values): Promise<void> {
    if (relation.type === 'many_many') {
      throw invalid(
        `Relation '${relation.name}' leads to another service over a junction: write to its tables directly.`,
      );
    }
    const table = await this.#table(relation);
    const { refFields, fields } = relation;
    const isNamed =
      table.primaryKey.length > 0 && table.primaryKey.every((name) => (record[name] ?? null) !== null);
    if (refFields.some((name) => record[name] === null))
      return this.#leave(relation, { record, table, isNamed });
    const foreign = Object.fromEntries(refFields.map((name, index) => [name, values[fields[index] ?? '']]));
    const asked = { record: { ...record, ...foreign }, parameters: {} };
    await (isNamed ? this.#put(relation, asked) : this.#ask(relation, 'POST', asked));
  }

  // Keys that the database makes must be there already, others may be new.
  async #put(relation: Relation, asked: Asked): Promise<void> {
    try {
      await this.#ask(relation, 'PATCH', asked);
    } catch (thrown) {
      const isMissing = thrown instanceof PlatformError && thrown.status === 404;
      if (!isMissing || (await this.#table(relation)).makesKeys) throw thrown;
      await this.#ask(relation, 'POST', { ...asked, parameters: {} });
    }
  }

  async #leave(
    relation: Relation,
    { record, table, isNamed }: { record: Values; table: ForeignTable; isNamed: boolean },
  ): Promise<void> {
    if (!isNamed) throw invalid(`A record of '${relation.name}' is let go by its key: send it along.`);
    const isKept = relation.refFields.every((name) => table.nullable.has(name));
    if (isKept) {
      const foreign = Object.fromEntries(relation.refFields.map((name) => [name, null]));
      await this.#ask(relation, 'PATCH', { record: { ...record, ...foreign }, parameters: {} });
    } else if (this.#allowsDelete) {
      await this.#ask(relation, 'DELETE', { record, parameters: {} });
    } else {
      throw invalid(
        `The record of '${relation.name}' can not be let go, because its key can not be NULL: ` +
          "set 'allow_related_delete=true' to delete it.",
      );
    }
  }

  async #ask(relation: Relation, action: Action, { record, parameters }: Asked): Promise<Values> {
    const answer = await callTable(this.#context, {
      service: serviceOf(relation),
      path: ['_table', relation.refTable],
      action,
      parameters,
      body: { resource: [record] },
    });
    const list = isRecord(answer) && Array.isArray(answer.resource) ? answer.resource : [];
    const [first] = list;
    return isRecord(first) ? first : {};
  }

  async #table(relation: Relation): Promise<ForeignTable> {
    const service = serviceOf(relation);
    const name = `${service}/${relation.refTable}`;
    const known = this.#tables.get(name);
    if (known !== undefined) return known;
    const path = ['_schema', relation.refTable];
    const answer = await callTable(this.#context, { service, path, action: 'GET', parameters: {} });
    const { primary_key: key, field } = isRecord(answer) ? answer : {};
    const fields = Array.isArray(field) ? field.filter(isRecord) : [];
    const table = {
      primaryKey: Array.isArray(key) ? key.map(String) : [],
      makesKeys: fields.some((each) => each.is_primary_key === true && each.auto_increment === true),
      nullable: new Set(fields.filter((each) => each.allow_null === true).map((each) => String(each.name))),
    };
    this.#tables.set(name, table);
    return table;
  }
}

function serviceOf({ name, refService }: Relation): string {
  if (typeof refService?.name === 'string') return refService.name;
  throw invalid(`Relation '${name}' leads to a service that does not exist.`);
}

function invalid(message: string): PlatformError {
  return new PlatformError('request.invalid_record', message);
}
