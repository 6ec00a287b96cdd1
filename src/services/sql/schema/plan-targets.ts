// What names in a plan mean: tables and fields that are there, or that the same request makes. Invariant:
// what means nothing is refused by its name.

import { conflict, fieldNamed, type PlanContext } from '../reading/plan-context.ts';
import type { Table } from '../schema.ts';
import { newColumn, type ReferredType, typeOf } from './column-plan.ts';
import {
  type ColumnDefinition,
  type ColumnRequest,
  type ForeignKeyDefinition,
  type Reference,
  type TableRequest,
  typeWords,
} from './definition.ts';
import { checkName, excerpt, invalidSchema } from './definition-values.ts';

/** What names are looked up in. */
export interface PlanTargetsOptions {
  readonly context: PlanContext;
  /** Tables that the request makes, by lower-case name; filled while it is planned. */
  readonly newTables: ReadonlyMap<string, TableRequest>;
}

/** Looks up the names of one request. */
export class PlanTargets {
  readonly #context: PlanContext;
  readonly #newTables: ReadonlyMap<string, TableRequest>;

  constructor({ context, newTables }: PlanTargetsOptions) {
    this.#context = context;
    this.#newTables = newTables;
  }

  /** The table of a name or alias, in any case. */
  table(name: string): Table | undefined {
    const wanted = name.toLowerCase();
    const { tables } = this.#context;
    return (
      tables.find((table) => table.ownName === name) ??
      tables.find((table) => table.ownName.toLowerCase() === wanted || table.name.toLowerCase() === wanted)
    );
  }

  /**
   * Identifiers of a new table. `schema.table` means another schema only where the service shows tables of
   * it.
   */
  newPath(name: string): readonly string[] {
    const [schema = '', table, ...more] = name.split('.');
    const isKnown = this.#context.tables.some(({ path }) => path.length === 2 && path[0] === schema);
    const { defaultSchema } = this.#context.ddl;
    const plain = defaultSchema === null ? [name] : [defaultSchema, name];
    const path = table !== undefined && more.length === 0 && isKnown ? [schema, table] : plain;
    const own = path.at(-1) ?? '';
    checkName(own, 'a table');
    this.checkLength(own, 'table');
    if (this.#context.tables.some((other) => other.name.toLowerCase() === name.toLowerCase())) {
      throw conflict(`'${name}' is the alias of another table.`);
    }
    return path;
  }

  /** A foreign key as asked for. Throws naming the table or field that is not there. */
  key(columns: readonly string[], { table, field, onUpdate, onDelete }: Reference): ForeignKeyDefinition {
    const { path, column } = this.#target(table, field);
    return { columns, refPath: path, refColumns: [column.name], onUpdate, onDelete };
  }

  // The column that a reference means: of a table that is there or is made by the same request.
  #target(name: string, field: string | undefined) {
    const table = this.table(name);
    if (table !== undefined) {
      const [key, second] = table.primaryKey;
      const wanted = field ?? (second === undefined ? key : undefined);
      const found = wanted === undefined ? undefined : fieldNamed(table, wanted);
      if (found !== undefined) return { path: table.path, column: { name: found.column, ...typeOf(found) } };
    }
    const request = table === undefined ? this.#newTables.get(name.toLowerCase()) : undefined;
    const own = request?.fields?.find(({ name: other, column }) =>
      field === undefined ? isKey(column) : other.toLowerCase() === field.toLowerCase(),
    );
    if (request === undefined && table === undefined) {
      throw invalidSchema(`'ref_table' names '${excerpt(name)}', which is no table of this database.`);
    }
    if (request === undefined || own?.column === undefined) {
      throw invalidSchema(
        field === undefined
          ? `Table '${excerpt(name)}' has no primary key of one field: say 'ref_field'.`
          : `'ref_field' names '${excerpt(field)}', which is no field of table '${excerpt(name)}'.`,
      );
    }
    return { path: this.newPath(request.name), column: this.column(own.name, own.column) };
  }

  /** A new column as asked for. */
  column(name: string, request: ColumnRequest): ColumnDefinition {
    return newColumn({ ddl: this.#context.ddl, name, request, referred: this.#referred(request) });
  }

  #referred({ type, reference }: ColumnRequest): ReferredType | undefined {
    if (type !== 'reference' || reference == null) return undefined;
    const { column } = this.#target(reference.table, reference.field);
    // Only the key itself counts; what refers to it has values that are given.
    const isCounter = ['id', 'smallid', 'mediumid', 'bigid'].includes(column.type);
    return isCounter
      ? { ...column, type: typeWords[column.type] === 'bigint' ? 'bigint' : plainType(column.type) }
      : column;
  }

  /** Refuses a name that the engine would cut. */
  checkLength(name: string, what: string): void {
    const { nameBytes } = this.#context.ddl;
    if (Buffer.byteLength(name) <= nameBytes) return;
    throw invalidSchema(`The name '${excerpt(name)}' of a ${what} is longer than ${nameBytes} bytes.`);
  }
}

function plainType(word: ColumnDefinition['type']): 'smallint' | 'mediumint' | 'integer' {
  return word === 'smallid' ? 'smallint' : word === 'mediumid' ? 'mediumint' : 'integer';
}

function isKey(column: ColumnRequest | undefined): boolean {
  return column?.isPrimaryKey === true || /^(?:small|medium|big)?id$/.test(column?.type ?? '');
}
