// Lists too long for memory: an answer whose records come in portions instead of a body.
// Invariant: whoever is handed a stream reads it to its end or closes it; what it holds is free afterwards.

/** What a stream hands out for each record: its JSON text, or its value. */
export type StreamForm = 'texts' | 'values';

/** A record as values by name. */
export type RecordValues = Readonly<Record<string, unknown>>;

interface Portions<Form extends StreamForm, Item> {
  readonly form: Form;
  /** Read once. Ends early by throwing: then what came is not the whole list. */
  readonly portions: AsyncIterable<readonly Item[]>;
  /** What is to be said beside the records (`count`, `next` …), asked after the last portion. */
  meta(): Promise<RecordValues | undefined>;
  /** Ends the read; may be called at any time and more than once. */
  close(): void;
}

/** A list whose records come as JSON texts. */
export type TextStream = Portions<'texts', string>;

/** A list whose records come as values. */
export type ValueStream = Portions<'values', RecordValues>;

/** A list of records in portions. */
export type RecordStream = TextStream | ValueStream;
