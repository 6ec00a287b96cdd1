// Records in groups: what `group`, aggregates in `fields` and `having` ask for, as a table of groups that is
// then read like any other. Invariant: of many records only what they are grouped by, or an aggregate, is
// answered; everything else is refused by name on every engine.
import { PlatformError } from '../../../core/errors.ts';
import type { Order, Where } from '../../../core/query.ts';
import { parseNames } from '../../../query/fields.ts';
import { type FilterScope, parseFilter } from '../../../query/filter.ts';
import { parseOrder } from '../../../query/order.ts';
import { defineTable, type Field, type Table } from '../schema.ts';
import { type Aggregate, aggregateOfKey, readAggregate, virtualAggregate } from './aggregates.ts';

/** Groups of a table's records. */
export interface Grouping {
  readonly table: Table;
  /** Which records are grouped. */
  readonly where: Where | undefined;
  readonly by: readonly Field[];
  readonly aggregates: readonly Aggregate[];
  /** The groups as a table of their own; its columns are named like its fields. */
  readonly groups: Table;
}

/** What is asked of groups. */
export interface GroupedRead {
  readonly grouping: Grouping;
  /** Fields of the groups. */
  readonly fields: readonly Field[];
  readonly order: readonly Order[];
  readonly having: Where | undefined;
}

/** The texts that ask for groups. */
export interface GroupTexts {
  readonly fields: string | undefined;
  readonly group: readonly Field[];
  readonly order: string | undefined;
  readonly having: string | undefined;
  readonly where: Where | undefined;
  readonly parameter: FilterScope['parameter'];
  readonly text: (value: string) => string;
}

/** Whether texts ask for groups rather than records. */
export function asksForGroups(
  table: Table,
  { fields, group }: Pick<GroupTexts, 'fields' | 'group'>,
): boolean {
  if (group.length > 0) return true;
  if (fields === undefined || !(fields.includes('(') || hasVirtualAggregates(table))) return false;
  return parseNames(fields).some((name) => {
    const field = table.field(name);
    return (field === undefined ? readAggregate(table, name) : virtualAggregate(field)) !== undefined;
  });
}

function hasVirtualAggregates(table: Table): boolean {
  for (const { extras } of table.fields.values()) if (extras?.isAggregate === true) return true;
  return false;
}

/** Understands what is asked of groups. Throws `request.invalid_field`, `…_parameter` and `…_filter`. */
export function parseGroups(table: Table, texts: GroupTexts): GroupedRead {
  const members = new Members(table, texts.group);
  const fields =
    texts.fields === undefined ? texts.group : parseNames(texts.fields).flatMap(members.selected);
  const order = texts.order === undefined ? [] : parseOrder(texts.order, members.named);
  const { having: condition, parameter, text } = texts;
  const having =
    condition === undefined ? undefined : parseFilter(condition, { field: members.named, parameter, text });
  if (fields.length === 0) throw invalid("Parameter 'fields' must name at least one field.");
  const grouping: Grouping = {
    table,
    where: texts.where,
    by: texts.group,
    aggregates: members.aggregates,
    groups: groupsOf(table, members.fields),
  };
  return { grouping, fields: [...new Set(fields)].map((field) => members.own(field)), order, having };
}

/** The fields of groups, collected as they are named. */
class Members {
  readonly #table: Table;
  readonly #group: readonly Field[];
  readonly #aggregates = new Map<string, Aggregate>();

  constructor(table: Table, group: readonly Field[]) {
    this.#table = table;
    this.#group = group;
  }

  get aggregates(): readonly Aggregate[] {
    return [...this.#aggregates.values()];
  }

  get fields(): readonly Field[] {
    return [...this.#group, ...this.aggregates.map(({ field }) => field)].map((field) => this.own(field));
  }

  /** The field of a group that a grouped field of records becomes. */
  own(field: Field): Field {
    return field.column === field.name ? field : { ...field, column: field.name };
  }

  /** The fields that a word in `fields` means. */
  readonly selected = (word: string): readonly Field[] => {
    const field = this.#table.field(word);
    const virtual = field && virtualAggregate(field);
    if (virtual !== undefined) return [this.#add(virtual).field];
    if (field !== undefined) return [this.#grouped(field)];
    if (word === '*') return [...this.#table.fields.values()].map((each) => this.#grouped(each));
    const aggregate = readAggregate(this.#table, word);
    if (aggregate === undefined) throw invalid(`Invalid field requested: ${word}`);
    return [this.#add(aggregate).field];
  };

  /** The name of the field that a word in `order` or `having` means; one that is not selected is added. */
  readonly named = (word: string): string | undefined => {
    const field = this.#table.field(word);
    if (field !== undefined && this.#group.includes(field)) return field.name;
    const virtual = field && virtualAggregate(field);
    const aggregate = virtual ?? readAggregate(this.#table, word) ?? aggregateOfKey(this.#table, word);
    if (aggregate !== undefined) return this.#add(aggregate).name;
    return field === undefined ? undefined : this.#grouped(field).name;
  };

  #grouped(field: Field): Field {
    if (this.#group.includes(field)) return field;
    const where =
      this.#group.length === 0 ? 'an aggregate stands in' : "it is not in 'group', which stands beside";
    throw invalid(
      `Field '${field.name}' is not in 'group': name only grouped fields and aggregates in 'fields' and ` +
        `'order' (${where} 'fields').`,
    );
  }

  #add(aggregate: Aggregate): Aggregate {
    const known = this.#aggregates.get(aggregate.name);
    const isOther =
      known !== undefined && (known.of !== aggregate.of || known.isDistinct !== aggregate.isDistinct);
    if (isOther || this.#group.some(({ name }) => name === aggregate.name)) {
      throw invalid(`Two fields of the answer would be called '${aggregate.name}'.`);
    }
    if (known === undefined) this.#aggregates.set(aggregate.name, aggregate);
    return known ?? aggregate;
  }
}

// The filter of the caller's role is a matter of the records that are grouped.
function groupsOf({ rows: _rows, ...table }: Table, fields: readonly Field[]): Table {
  return defineTable({
    ...table,
    isView: true,
    primaryKey: [],
    fields: new Map(fields.map((field) => [field.name, field])),
    relations: new Map(),
  });
}

function invalid(message: string): PlatformError {
  return new PlatformError('request.invalid_field', message);
}
