// The rows of nested writes: finding, changing and letting go of them by key. Invariant: rows are only looked
// at and changed in the session of the write.
import { PlatformError } from '../../../core/errors.ts';
import type { Action } from '../../../core/operation.ts';
import { type MaybePromise, type Row, type Session, whenDone } from '../../../database/connection.ts';
import { bindKey, decodeRow } from '../reading/fetch.ts';
import type { Field, Table } from '../schema.ts';
import type { SqlSource } from '../source.ts';
import type { WriteStatements } from '../writing/statements.ts';
import { type KeyValues, RowSteps } from '../writing/steps.ts';

/** JSON values of fields, by name. */
type Values = Readonly<Record<string, unknown>>;

/** What rows of several tables are written with. */
export interface NestedRowsParts {
  readonly source: SqlSource;
  readonly statements: WriteStatements;
  /** Who writes; undefined where nobody is logged in. */
  readonly userId: number | undefined;
}

/** Rows of the tables of one source, for one request. */
export class NestedRows {
  readonly #userId: number | undefined;
  readonly #source: SqlSource;
  readonly #statements: WriteStatements;
  readonly #steps = new Map<Table, RowSteps>();

  constructor({ source, statements, userId }: NestedRowsParts) {
    this.#source = source;
    this.#statements = statements;
    this.#userId = userId;
  }

  /** A table as the caller may do something to it. */
  as({ name }: Table, action: Action): Table {
    return this.#source.table(name, action);
  }

  /** The steps of a table by its primary key. */
  steps(table: Table): RowSteps {
    let steps = this.#steps.get(table);
    if (steps === undefined) {
      steps = this.stepsBy(table, table.primaryKey);
      this.#steps.set(table, steps);
    }
    return steps;
  }

  /** The steps of a table by the fields that are named. */
  stepsBy(table: Table, names: readonly string[]): RowSteps {
    return new RowSteps({
      source: this.#source,
      statements: this.#statements,
      table,
      keys: fieldsNamed(table, names),
      userId: this.#userId,
    });
  }

  /** Whether values say more than which record is meant. */
  isChange({ table, keys }: RowSteps, own: Values): boolean {
    return Object.keys(own).some((name) => {
      const field = table.shown(name);
      return field !== undefined && !keys.includes(field);
    });
  }

  /** Changes the record of a key to its own values; without any beside the key it only has to be there. */
  change(
    session: Session,
    change: {
      readonly steps: RowSteps;
      readonly key: KeyValues;
      readonly own: Values;
      readonly upsert: boolean;
    },
  ): MaybePromise<KeyValues> {
    const { steps, key, own: record, upsert } = change;
    const { table, keys } = steps;
    if (this.isChange(steps, record))
      return steps.change(session, key, { record, row: steps.changes(record), upsert });
    return whenDone(this.#rowsBy(session, { table, keys, key, fields: keys }), ([row]) => {
      if (row !== undefined) return key;
      if (upsert) return steps.create(session, record);
      throw steps.notFound(key);
    });
  }

  /**
   * The key of the record that nested values name, undefined when it is to be created: keys that the database
   * makes must be there already, others may be new, as may those that a record has by its place (`fixed`).
   */
  target(session: Session, { steps, own, fixed, present }: Sought): MaybePromise<KeyValues | undefined> {
    const { table, keys } = steps;
    if (keys.length === 0 || keys.some(({ name }) => (own[name] ?? null) === null)) return present;
    const key = steps.keyOf(own);
    if (keys.some(({ autoIncrement, name }) => autoIncrement && !Object.hasOwn(fixed, name))) return key;
    return whenDone(this.#rowsBy(session, { table, keys, key, fields: keys }), ([row]) =>
      row === undefined ? undefined : key,
    );
  }

  /** The key of the one record that has the values; undefined when there is none or its table has no key. */
  keyBy(
    session: Session,
    { table, values }: { table: Table; values: Values },
  ): MaybePromise<KeyValues | undefined> {
    const { keys: primary } = this.steps(table);
    const keys = fieldsNamed(table, Object.keys(values));
    const key = this.#bound(keys, values);
    if (primary.length === 0 || key === undefined) return undefined;
    const found = this.#rowsBy(session, { table, keys, key, fields: primary });
    return whenDone(found, ([row]) =>
      row === undefined ? undefined : this.#bound(primary, decodeRow(this.#source.dialect, primary, row)),
    );
  }

  /** JSON values of fields of a written record: from its key, from what was written, or read back. */
  values(session: Session, of: Written): MaybePromise<Values> {
    const { steps, key, own, fields: names } = of;
    const { keys } = steps;
    const { dialect } = this.#source;
    // It was just written, or seen: whether the caller may see it again is no matter of what refers to it.
    const table = steps.table.rows?.of ?? steps.table;
    const fields = fieldsNamed(table, names);
    if (fields.every(({ name }) => keys.some((key) => key.name === name))) {
      const row: Row = Object.fromEntries(keys.map((field, index) => [field.name, key[index]]));
      return decodeRow(dialect, fields, row);
    }
    if (keys.length === 0) return this.#written(table, names, own);
    return whenDone(this.#rowsBy(session, { table, keys, key, fields }), (rows) => {
      const [row, second] = rows;
      if (row === undefined) throw steps.notFound(key);
      if (second === undefined) return decodeRow(dialect, fields, row);
      throw invalid('Several records have this identifier, so that related ones can not be written with it.');
    });
  }

  /** JSON values of fields by which a record is named; those that it does not say are read by its key. */
  known(
    session: Session,
    of: { table: Table; own: Values; fields: readonly string[] },
  ): MaybePromise<Values> {
    const { table, own, fields } = of;
    if (fields.every((name) => own[name] !== undefined && own[name] !== null)) {
      return Object.fromEntries(fields.map((name) => [name, own[name]]));
    }
    const steps = this.steps(table);
    const key = steps.keyOf(own);
    const seen = this.change(session, { steps, key, own: {}, upsert: false });
    return whenDone(seen, () => this.values(session, { steps, key, own, fields }));
  }

  /** How a child leaves its parent: its foreign key becomes null, or it is deleted where that can not be. */
  leave(session: Session, leaving: Leaving): { action: Action; write: () => Promise<void> } {
    const { own, fixed, allowsDelete } = leaving;
    const isKept = fieldsNamed(leaving.table, Object.keys(fixed)).every(
      (field) => field.allowNull && !field.isPrimaryKey,
    );
    const action = isKept ? 'PATCH' : 'DELETE';
    const table = this.as(leaving.table, action);
    const foreign = fieldsNamed(table, Object.keys(fixed));
    const identity = { ...own, ...fixed };
    if (table.primaryKey.length === 0)
      throw invalid(`Table '${table.name}' has no primary key: write to it directly.`);
    if (!isKept && !allowsDelete) throw mustStay(foreign);
    const write = async (): Promise<void> => {
      const steps = this.stepsBy(table, [...new Set([...table.primaryKey, ...Object.keys(fixed)])]);
      const key = steps.keyOf(identity);
      await (isKept
        ? steps.set(
            session,
            key,
            foreign.map((field) => [field, null]),
          )
        : steps.remove(session, key));
    };
    return { action, write };
  }

  /** Changes all records that have the values `by`, which may be several. */
  async changeBy(session: Session, change: ChangeBy): Promise<void> {
    const { table, by, values } = change;
    const steps = this.stepsBy(table, Object.keys(by));
    const key = steps.keyOf(by);
    const { keys: primary } = this.steps(table);
    if (table.rows === undefined || primary.length === 0) {
      await this.change(session, { steps, key, own: { ...values, ...by }, upsert: false });
      return;
    }
    // Each by itself, so that none of them can become one that the caller's role may not make.
    const rows = await this.#rowsBy(session, { table, keys: steps.keys, key, fields: primary });
    if (rows.length === 0) throw steps.notFound(key);
    for (const row of rows) {
      const own = this.#bound(primary, decodeRow(this.#source.dialect, primary, row));
      if (own === undefined) throw steps.notFound(key);
      await this.change(session, { steps: this.steps(table), key: own, own: values, upsert: false });
    }
  }

  /** Whether some record has the values. */
  has(session: Session, { table, values }: { table: Table; values: Values }): MaybePromise<boolean> {
    const keys = fieldsNamed(table, Object.keys(values));
    const key = this.#bound(keys, values);
    if (key === undefined) return false;
    return whenDone(this.#rowsBy(session, { table, keys, key, fields: keys }), (rows) => rows.length > 0);
  }

  #written(table: Table, names: readonly string[], own: Values): Values {
    const missing = names.find((name) => own[name] === undefined || own[name] === null);
    if (missing === undefined) return Object.fromEntries(names.map((name) => [name, own[name]]));
    throw invalid(
      `Field '${missing}' of table '${table.name}' must be given: what is related refers to it, and the ` +
        'table has no primary key to read it back by.',
    );
  }

  #bound(keys: readonly Field[], values: Values): KeyValues | undefined {
    const list = keys.map(({ name }) => values[name]);
    return bindKey(this.#source.dialect, keys, list);
  }

  #rowsBy(session: Session, by: By): MaybePromise<Row[]> {
    const { table, keys, key, fields } = by;
    const { plan, values } = this.#source.plans.keyed({ table, fields, keys, count: 1 });
    return session.rows(plan.rows, values.length === 0 ? key : [...key, ...values]);
  }
}

/** A record that was written, and the fields that are wanted of it. */
interface Written {
  readonly steps: RowSteps;
  readonly key: KeyValues;
  readonly own: Values;
  readonly fields: readonly string[];
}

/** A record that is there or not. */
interface Sought {
  readonly steps: RowSteps;
  readonly own: Values;
  readonly fixed: Values;
  readonly present: KeyValues | undefined;
}

interface ChangeBy {
  readonly table: Table;
  readonly by: Values;
  readonly values: Values;
}

interface Leaving {
  readonly table: Table;
  readonly own: Values;
  /** Its foreign key as it is until now. */
  readonly fixed: Values;
  readonly allowsDelete: boolean;
}

interface By {
  readonly table: Table;
  readonly keys: readonly Field[];
  readonly key: KeyValues;
  readonly fields: readonly Field[];
}

/** The fields of these names. Throws `request.invalid_field`. */
function fieldsNamed(table: Table, names: readonly string[]): readonly Field[] {
  return names.map((name) => {
    const field = table.field(name);
    if (field !== undefined) return field;
    throw new PlatformError('request.invalid_field', `Table '${table.name}' has no field '${name}'.`);
  });
}

function mustStay(foreign: readonly Field[]): PlatformError {
  const names = foreign.map(({ name }) => `'${name}'`).join(', ');
  return invalid(
    `The record can not be let go, because ${names} can not be NULL: ` +
      "set 'allow_related_delete=true' to delete it, or move it to another record.",
  );
}

function invalid(message: string): PlatformError {
  return new PlatformError('request.invalid_record', message);
}
