// What a table of idioms is made of: a script as people write it, a request, and what must come back.

/** One idiom. */
export interface Row {
  readonly what: string;
  readonly script: string;
  /** An event to sit on; without, the script is the service `math`. */
  readonly event?: string;
  /** Path below /api/v2, by default the service's or the contacts'. */
  readonly path?: string;
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status?: number;
  readonly answer?: unknown;
  readonly log?: string;
}

/** The event before contacts are read. */
export const before = 'db._table.contact.get.pre_process';

/** The event after contacts were read. */
export const after = 'db._table.contact.get.post_process';

/** The contacts of the sample. */
export const ann = { id: 1, name: 'Ann' };
export const bob = { id: 2, name: 'Bob' };
