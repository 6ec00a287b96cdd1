// The single steps of writing: what is done to one row. Invariant: a step checks everything it can before its
// statement, so that a refused record has changed nothing.
import { PlatformError } from '../../../core/errors.ts';
import type { Where } from '../../../core/query.ts';
import {
  type Bindable,
  DatabaseError,
  type MaybePromise,
  type Row,
  type Session,
  type Transaction,
  type WriteOutcome,
  whenDone,
} from '../../../database/connection.ts';
import { bindKey } from '../reading/fetch.ts';
import { refuseUncertain, refuseUnfit } from '../restriction/written-rows.ts';
import type { Field, Table } from '../schema.ts';
import type { SqlSource } from '../source.ts';
import { isRecord, textOf } from './records.ts';
import { type RowValues, readChanges, readKey, readNewRow, refuseLimited } from './row.ts';
import type { Which, WriteStatements } from './statements.ts';

/** Values of the key fields of one record, as bound. */
export type KeyValues = readonly Bindable[];

/** What the steps of one request work on. */
export interface StepsOptions {
  readonly source: SqlSource;
  readonly statements: WriteStatements;
  readonly table: Table;
  readonly keys: readonly Field[];
  /** Who writes; undefined where nobody is logged in. */
  readonly userId: number | undefined;
  /** What records of a key must meet beside, where the key is not theirs alone. */
  readonly within?: Where | undefined;
}

/** What a record is changed to. */
export interface Change {
  readonly record: unknown;
  readonly row: RowValues;
  readonly upsert: boolean;
}

/** How a record is changed that turned out to be there. */
interface Again {
  readonly key: KeyValues;
  readonly update: () => MaybePromise<WriteOutcome>;
}

/** Takes the steps of one request; each ends with the key of the record that it wrote. */
export class RowSteps {
  readonly #source: SqlSource;
  readonly #statements: WriteStatements;
  readonly table: Table;
  /** The fields that identify records. */
  readonly keys: readonly Field[];
  readonly #userId: number | undefined;
  readonly #which: Which;

  constructor(options: StepsOptions) {
    this.#source = options.source;
    this.#statements = options.statements;
    this.table = options.table;
    this.keys = options.keys;
    this.#userId = options.userId;
    this.#which = { keys: options.keys, within: options.within };
  }

  /** Whether what is written must be looked at again in the same transaction, which may have to be undone. */
  get isProbation(): boolean {
    return this.table.rows !== undefined;
  }

  /**
   * Whether every insert is one statement without an answer of rows, so that it needs no transaction
   * around it.
   */
  get insertsAlone(): boolean {
    const { grammar } = this.#source.dialect;
    if (grammar.returnsAlone) return true;
    return this.keys.every((key) => this.#isLastId(key) || (key.default === null && !key.isGenerated));
  }

  /** Inserts a record. */
  create(session: Session, record: unknown): MaybePromise<KeyValues> {
    return whenDone(this.#insert(session, this.newRow(record)), (key) => this.#kept(session, key));
  }

  /** The row that a new record becomes. */
  newRow(record: unknown): RowValues {
    return readNewRow(this.#input(record));
  }

  /**
   * Changes the record of a key to `row`; with `upsert`, makes one of the whole record when there is none.
   */
  change(session: Session, key: KeyValues, { record, row, upsert }: Change): MaybePromise<KeyValues> {
    this.#refuseOtherKey(record, key);
    refuseUncertain(this.table, this.keys);
    const { statement, conditions } = this.#statements.update(this.table, row.fields, this.#which);
    const update = () => session.run(statement, [...row.values, ...key, ...conditions]);
    return whenDone(update(), ({ changes }) => {
      if (changes > 0) return this.#kept(session, key);
      if (!upsert) throw this.notFound(key);
      const made = this.#insertOrAgain(session, this.#keyedRow(record, key), { key, update });
      return whenDone(made, (own) => this.#kept(session, own));
    });
  }

  /** Deletes the record of a key. */
  remove(session: Session, key: KeyValues): MaybePromise<KeyValues> {
    const { statement, conditions } = this.#statements.remove(this.table, this.#which);
    return whenDone(session.run(statement, [...key, ...conditions]), ({ changes }) => {
      if (changes === 0) throw this.notFound(key);
      return key;
    });
  }

  /** The key of a record that names it itself. */
  keyOf(record: unknown): KeyValues {
    return readKey(this.#input(record), this.keys);
  }

  /** The key that an identifier is: one value, or a list or record of them for keys of several fields. */
  keyOfId(id: unknown): KeyValues {
    const values = Array.isArray(id) ? id : isRecord(id) ? this.keys.map(({ name }) => id[name]) : [id];
    const key = bindKey(this.#source.dialect, this.keys, values);
    if (key === undefined) throw notFound(Array.isArray(id) ? id.map(textOf).join() : textOf(id));
    return key;
  }

  /** The changes that a record asks for, without its key. */
  changes(record: unknown): RowValues {
    return readChanges(this.#input(record), this.keys);
  }

  /** Sets fields of the record of a key, whatever they are. */
  set(
    session: Session,
    key: KeyValues,
    values: readonly (readonly [Field, Bindable])[],
  ): MaybePromise<KeyValues> {
    const fields = values.map(([field]) => field);
    refuseLimited(fields);
    refuseUncertain(this.table, this.keys);
    const { statement, conditions } = this.#statements.update(this.table, fields, this.#which);
    const bound = values.map(([, value]) => value);
    return whenDone(session.run(statement, [...bound, ...key, ...conditions]), ({ changes }) => {
      if (changes === 0) throw this.notFound(key);
      return this.#kept(session, key, fields);
    });
  }

  /** The refusal of a key that no record has. */
  notFound(key: KeyValues): PlatformError {
    const { dialect } = this.#source;
    return notFound(this.keys.map((field, index) => String(dialect.decode(field, key[index]))).join());
  }

  /** Refuses records that were made and that the caller's role may not make. */
  keepOnly(session: Session, rows: readonly KeyValues[]): MaybePromise<readonly KeyValues[]> {
    const { table, keys } = this;
    return whenDone(refuseUnfit(session, { source: this.#source, table, keys, rows }), () => rows);
  }

  // A key that was `changed` in part is known by the rest of it.
  #kept(session: Session, key: KeyValues, changed: readonly Field[] = []): MaybePromise<KeyValues> {
    const { table } = this;
    if (table.rows === undefined) return key;
    const keys = this.keys.filter((field) => !changed.includes(field));
    if (keys.length < this.keys.length) refuseUncertain(table, keys);
    const rows = [key.filter((_value, index) => keys.includes(this.keys[index] as Field))];
    return whenDone(refuseUnfit(session, { source: this.#source, table, keys, rows }), () => key);
  }

  // Somebody else may insert the same key between our looking and our inserting: then it is changed.
  #insertOrAgain(session: Session, row: RowValues, { key, update }: Again): MaybePromise<KeyValues> {
    const again = (thrown: unknown): MaybePromise<KeyValues> => {
      if (!(thrown instanceof DatabaseError) || thrown.failure !== 'unique') throw thrown;
      return whenDone(update(), ({ changes }) => {
        if (changes > 0) return key;
        throw thrown;
      });
    };
    const insert = () => this.#insert(session, row);
    try {
      const isAbortable = this.#source.dialect.grammar.breaksTransactions && 'savepoint' in session;
      const made = isAbortable ? (session as Transaction).savepoint(insert) : insert();
      return made instanceof Promise ? made.catch(again) : made;
    } catch (thrown) {
      return again(thrown);
    }
  }

  #insert(session: Session, row: RowValues): MaybePromise<KeyValues> {
    const missing = this.keys.filter((key) => !row.fields.includes(key));
    const [generated] = missing;
    if (generated === undefined || (missing.length === 1 && this.#isLastId(generated))) {
      const statement = this.#statements.insert(this.table, row.fields, []);
      return whenDone(session.run(statement, row.values), ({ lastId }) =>
        this.keyOfRow(row, () => lastId ?? null),
      );
    }
    const unknown = missing.filter((key) => !this.#isLastId(key));
    const before = this.#statements.keysBefore(this.table, unknown);
    if (before !== undefined) {
      return whenDone(session.rows(before, []), ([made]) =>
        this.#insert(session, withKeys(row, unknown, made ?? {})),
      );
    }
    const statement = this.#statements.insert(this.table, row.fields, missing);
    return whenDone(session.rows(statement, row.values), ([made]) =>
      this.keyOfRow(row, (key) => (made?.[key.column] ?? null) as Bindable),
    );
  }

  #isLastId(key: Field): boolean {
    return key.autoIncrement && this.#source.dialect.grammar.generatedKey === 'last_id';
  }

  /** The key of a row that was inserted; `generated` gives what the database made. */
  keyOfRow(row: RowValues, generated: (key: Field) => Bindable): KeyValues {
    return this.keys.map((key) => {
      const index = row.fields.indexOf(key);
      return index < 0 ? generated(key) : (row.values[index] ?? null);
    });
  }

  #keyedRow(record: unknown, key: KeyValues): RowValues {
    const decoded = this.keys.map((field, index) => [
      field.name,
      this.#source.dialect.decode(field, key[index]),
    ]);
    const isKey = (name: string) => this.keys.some((field) => field === this.table.field(name));
    const others = Object.entries(record as object).filter(([name]) => !isKey(name));
    return readNewRow(this.#input(Object.fromEntries([...decoded, ...others])));
  }

  #refuseOtherKey(record: unknown, key: KeyValues): void {
    for (const [name, value] of Object.entries(record as object)) {
      const field = this.table.field(name);
      const index = field === undefined ? -1 : this.keys.indexOf(field);
      if (field === undefined || index < 0 || isSame(this.#source.dialect.encode(field, value), key[index]))
        continue;
      throw new PlatformError(
        'request.invalid_record',
        `Field '${field.name}' identifies the record and can not be changed.`,
      );
    }
  }

  #input(record: unknown) {
    return { source: this.#source, table: this.table, record, userId: this.#userId };
  }
}

function withKeys(row: RowValues, keys: readonly Field[], made: Row): RowValues {
  return {
    fields: [...row.fields, ...keys],
    values: [...row.values, ...keys.map(({ column }) => (made[column] ?? null) as Bindable)],
  };
}

function notFound(identifier: string): PlatformError {
  return new PlatformError('request.not_found', `Record with identifier '${identifier}' not found.`);
}

// Both were encoded for the same field; the text tells bytes apart too.
function isSame(one: Bindable, other: Bindable | undefined): boolean {
  return String(one) === String(other);
}
