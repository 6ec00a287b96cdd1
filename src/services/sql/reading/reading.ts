// What all ways of reading a table share: the read under way, and the making of its answer.
// Invariant: fields that were only fetched to find related records never reach an answer.
import { Body } from '../../../core/body.ts';
import type { Result } from '../../../core/operation.ts';
import type { CallContext } from '../../../core/service.ts';
import { DatabaseError, type MaybePromise } from '../../../database/connection.ts';
import { attachRelated, keyFieldsOf } from '../relations/related.ts';
import type { Field, Table } from '../schema.ts';
import type { SqlSource } from '../source.ts';
import type { SqlRecord } from './fetch.ts';
import type { Meta } from './page.ts';
import type { ReadRequest } from './parameters.ts';
import type { KeyedRead, KeyPlan, ListPlan, ListShape, PreparedRead } from './plan.ts';

/** A read under way. */
export interface Read {
  readonly source: SqlSource;
  readonly table: Table;
  readonly request: ReadRequest;
  readonly prepared: PreparedRead;
  /** Set when the read is for records that relate to others. */
  readonly keyed: KeyedRead | undefined;
  readonly context: CallContext;
}

const noHeaders = Object.freeze({});

/** A successful result. */
export function answer(body: Body | undefined): Result {
  return { status: 200, headers: noHeaders, body };
}

/** A list of records with what is to be said of it. */
export function writeList(resource: readonly SqlRecord[], meta: Meta | undefined): Result {
  return answer(Body.ofValue(meta === undefined ? { resource } : { resource, meta }));
}

/** The fields to fetch: those asked for, and those by which related records are found. */
export function selectedFields({ table, request }: Read): readonly Field[] {
  const { fields, relations } = request;
  return relations.length === 0 ? fields : [...new Set([...fields, ...keyFieldsOf(table, relations)])];
}

/** What a list selects, of these fields. */
export function shapeOf({ table, request, keyed }: Read, fields: readonly Field[]): ListShape {
  const { where, order, grouping } = request;
  const shape = { table: grouping?.groups ?? table, fields, where, order, grouping };
  return keyed?.perValue === undefined ? shape : { ...shape, perValue: keyed.perValue };
}

/** The records with their related ones, and without fields that nobody asked for. */
export function attached(read: Read, records: readonly SqlRecord[]): MaybePromise<readonly SqlRecord[]> {
  const { source, table, request, context } = read;
  const { relations } = request;
  if (relations.length === 0) return records;
  const extra = keyFieldsOf(table, relations).filter((field) => !request.fields.includes(field));
  return attachRelated(records, { source, table, relations, context, extra }).then(() => records);
}

/**
 * Answers by text, or by rows when the data holds what JSON in SQL cannot (bytes in a text column): then for
 * good.
 */
export function withoutJson<T>(
  plan: ListPlan | KeyPlan,
  asText: () => MaybePromise<T>,
  asRows: () => MaybePromise<T>,
): MaybePromise<T> {
  const otherwise = (error: unknown): MaybePromise<T> => {
    if (!(error instanceof DatabaseError) || error.failure !== 'other') throw error;
    plan.json = undefined;
    return asRows();
  };
  try {
    const done = asText();
    return done instanceof Promise ? done.catch(otherwise) : done;
  } catch (error) {
    return otherwise(error);
  }
}
