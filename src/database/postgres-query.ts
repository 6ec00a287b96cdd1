// One statement on its way through a connection of `pg`: what is sent for it, and what comes back as rows.
// Invariant: a statement and the commands sent ahead of it travel in one write and end with one Sync, so the
// connection is in step again whatever goes wrong.
import type { Bindable, Row, Statement } from './connection.ts';
import { type Reader, readerOf, written } from './postgres-values.ts';
import type { RowTaker } from './postgres-wire.ts';

/** The half of `pg`'s connection that statements are sent by. */
export interface Wire {
  readonly stream: { cork(): void; uncork(): void };
  parse(message: { name: string; text: string }): void;
  bind(message: { statement: string; values: readonly (string | Buffer | null)[] }): void;
  describe(message: { type: 'P' }): void;
  execute(message: undefined): void;
  close(message: { type: 'S'; name: string }): void;
  sync(): void;
}

/** The columns of an answer. */
export interface Columns {
  readonly names: readonly string[];
  readonly readers: readonly Reader[];
  /** Numbers of their types in the catalog. */
  readonly typeIds: readonly number[];
}

/** Takes rows as they come: the bytes of their fields, from the number of fields on. */
export interface RowSink {
  row(bytes: Buffer, from: number, columns: Columns): void;
}

/** A statement as a connection has it. */
export interface Prepared {
  readonly statement: Statement;
  /** Its name on the server; empty for one that is used once. */
  readonly name: string;
  /** Whether the server has it already. */
  isParsed: boolean;
  /** What it answers, once the server has said so. */
  columns: Columns | undefined;
}

/** What a statement came to. */
export interface Answer {
  /** Records, or first columns. */
  readonly rows: readonly unknown[];
  /** What was done, such as `UPDATE 3`. */
  readonly tag: string;
}

/** What is to be sent. */
export interface QueryOptions {
  /** Commands without values and answers that are done first, such as BEGIN. */
  readonly ahead: readonly Prepared[];
  readonly prepared: Prepared;
  readonly values: readonly Bindable[];
  /** Whether only the first column is wanted. */
  readonly isColumn: boolean;
  /** Takes the rows as they come instead. */
  readonly sink: RowSink | undefined;
  /** Names of statements that the server may forget. */
  readonly forgotten: readonly string[];
  readonly onDone: (answer: Answer) => void;
  readonly onError: (error: unknown) => void;
}

const none: Columns = { names: [], readers: [], typeIds: [] };

/** What `pg` calls back while a statement is under way. */
export class Query implements RowTaker {
  readonly #options: QueryOptions;
  readonly #rows: unknown[] = [];
  #columns: Columns;
  #done = 0;
  #tag = '';
  #failure: unknown;

  constructor(options: QueryOptions) {
    this.#options = options;
    this.#columns = options.prepared.columns ?? none;
  }

  submit(wire: Wire): void {
    const { ahead, prepared, values, forgotten } = this.#options;
    wire.stream.cork();
    try {
      for (const name of forgotten) wire.close({ type: 'S', name });
      // The same command may come twice, as savepoints do; the server takes its text once.
      const parsed = new Set<Prepared>();
      for (const command of ahead) send(wire, command, { values: [], parsed });
      send(wire, prepared, { values: values.map(written), parsed });
      wire.sync();
    } finally {
      wire.stream.uncork();
    }
  }

  handleRowDescription({ fields }: { fields: readonly { name: string; dataTypeID: number }[] }): void {
    this.#columns = {
      names: fields.map(({ name }) => name),
      readers: fields.map(({ dataTypeID }) => readerOf(dataTypeID)),
      typeIds: fields.map(({ dataTypeID }) => dataTypeID),
    };
    this.#options.prepared.columns = this.#columns;
  }

  /** Takes a row as it came: the bytes of its fields, from their number on. */
  row(bytes: Buffer, from: number): void {
    if (this.#failure !== undefined) return;
    try {
      if (this.#options.sink !== undefined) this.#options.sink.row(bytes, from, this.#columns);
      else this.#rows.push(this.#options.isColumn ? this.#first(bytes, from) : this.#row(bytes, from));
    } catch (error) {
      this.#failure = error;
    }
  }

  handleCommandComplete({ text }: { text: string }): void {
    const { ahead, prepared } = this.#options;
    (ahead[this.#done++] ?? prepared).isParsed = true;
    this.#tag = text;
  }

  handleReadyForQuery(): void {
    // What answers no rows is not described by a message of its own.
    this.#options.prepared.columns ??= none;
    if (this.#failure === undefined) this.#options.onDone({ rows: this.#rows, tag: this.#tag });
    else this.#options.onError(this.#failure);
  }

  handleError(error: unknown): void {
    this.#options.onError(error);
  }

  handleEmptyQuery(): void {}

  handlePortalSuspended(): void {}

  // A COPY needs a client that has something to copy.
  handleCopyInResponse(wire: { sendCopyFail(reason: string): void }): void {
    wire.sendCopyFail('not supported');
  }

  handleCopyData(): void {}

  #row(bytes: Buffer, from: number): Row {
    const { names, readers } = this.#columns;
    const row: Row = {};
    let at = from + 2;
    for (let index = 0; index < names.length; index++) {
      const length = bytes.readInt32BE(at);
      at += 4;
      const end = length < 0 ? at : at + length;
      row[names[index] as string] = length < 0 ? null : (readers[index] as Reader)(bytes, at, end);
      at = end;
    }
    return row;
  }

  #first(bytes: Buffer, from: number): unknown {
    const length = bytes.readInt32BE(from + 2);
    return length < 0 ? null : this.#columns.readers[0]?.(bytes, from + 6, from + 6 + length);
  }
}

interface Sending {
  readonly values: readonly (string | Buffer | null)[];
  /** What was sent before in this write. */
  readonly parsed: Set<Prepared>;
}

function send(wire: Wire, prepared: Prepared, { values, parsed }: Sending): void {
  if (!prepared.isParsed && !parsed.has(prepared)) {
    wire.parse({ name: prepared.name, text: prepared.statement.sql });
    parsed.add(prepared);
  }
  wire.bind({ statement: prepared.name, values });
  if (prepared.columns === undefined) wire.describe({ type: 'P' });
  wire.execute(undefined);
}
