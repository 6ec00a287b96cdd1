// Statements that workers ask again and again: their texts are made once for each number of values, and the
// engine plans them once. Invariant: values are bound, never part of a text.
import { CompiledQuery, type RawBuilder, sql } from 'kysely';
import type { StoreDialect } from '../dialect.ts';
import type { Handle, TableRow } from '../table.ts';

/** A statement and its values. */
export interface Asked {
  /** One for each text. */
  readonly name: string;
  /** Makes it, with anything in the places of the values. */
  readonly make: () => { compile(handle: Handle): { readonly sql: string } };
  /** In the order in which they stand in it. */
  readonly values: readonly unknown[];
}

/** The texts of statements. */
export class Statements {
  readonly #dialect: StoreDialect;
  readonly #known = new Map<string, CompiledQuery>();

  constructor(dialect: StoreDialect) {
    this.#dialect = dialect;
  }

  /** What it answers. */
  async ask(handle: Handle, { name, make, values }: Asked): Promise<TableRow[]> {
    const statement = this.#known.get(name) ?? this.#make(handle, name, make);
    const { rows } = await handle.executeQuery<TableRow>({ ...statement, parameters: values });
    return rows;
  }

  #make(handle: Handle, name: string, make: Asked['make']): CompiledQuery {
    const text = make().compile(handle).sql;
    this.#dialect.keep?.(text);
    const statement = CompiledQuery.raw(text);
    this.#known.set(name, statement);
    return statement;
  }
}

/**
 * Values for a list in a statement, the last of them as often as it takes to fill it up: few lengths, and so
 * few texts, serve all.
 */
export function filledUp<Value>(values: readonly Value[]): Value[] {
  const size = 2 ** Math.ceil(Math.log2(Math.max(1, values.length)));
  return Array.from({ length: size }, (_, at) => values[Math.min(at, values.length - 1)] as Value);
}

/** Places for so many values of a list. */
export function listOf(count: number): RawBuilder<unknown> {
  return sql`(${sql.join(Array.from({ length: count }, () => null))})`;
}
