// Writing records: create, change, replace and delete, one or many, by record, identifier or filter (spec
// §5.7). Invariant: a request is one transaction or one statement, and its answer is made only after that
// was committed.
import { Body } from '../../../core/body.ts';
import { PlatformError } from '../../../core/errors.ts';
import { limits } from '../../../core/limits.ts';
import type { Action, Operation, Result } from '../../../core/operation.ts';
import {
  DatabaseError,
  type MaybePromise,
  type Session,
  type Transaction,
} from '../../../database/connection.ts';
import type { SqlRecord } from '../reading/fetch.ts';
import { NestedWriter } from '../relations/nested.ts';
import { bringsRelated } from '../relations/nested-record.ts';
import type { SqlSource } from '../source.ts';
import { type BatchOutcome, type BatchRules, batchError, hasFailed, runBatch, type Step } from './batch.ts';
import { insertTogether } from './bulk.ts';
import { ReadBack } from './read-back.ts';
import { concernsRecord, refusedWrite } from './refusals.ts';
import type { RowValues } from './row.ts';
import { WriteStatements } from './statements.ts';
import { type KeyValues, RowSteps } from './steps.ts';
import { readWrite, type Selection, type WriteRequest, type WriteTarget } from './write-request.ts';

const verbs: Readonly<Record<Action, string>> = {
  GET: 'retrieved',
  POST: 'created',
  PUT: 'updated',
  PATCH: 'updated',
  DELETE: 'deleted',
};

/** A selection whose records are known: a filter has become the keys that it found. */
type Keyed =
  | Exclude<Selection, { kind: 'filter' | 'all' }>
  | { readonly kind: 'found'; readonly keys: readonly KeyValues[]; readonly record: unknown };

/** A selection that still has to be looked up, or not. */
type Sought = Exclude<Selection, { kind: 'all' }>;

/** What is known before the first record is written; `before`: the records that are to be deleted. */
interface Ahead {
  readonly keyed: Keyed;
  before: readonly (SqlRecord | undefined)[] | undefined;
}

/** A write under way. */
interface Work {
  readonly request: WriteRequest;
  readonly steps: RowSteps;
  readonly readBack: ReadBack;
  readonly rules: BatchRules;
  /** Set when records bring related ones. */
  readonly nested: NestedWriter | undefined;
}

/** What a writer works with; statements are compiled once for all that share them. */
export interface RecordWriterParts {
  readonly source: SqlSource;
  readonly statements?: WriteStatements;
  /** Whether the source is one transaction, which is not this writer's to repeat. */
  readonly isInside?: boolean;
}

/** Writes the records of one source. */
export class RecordWriter {
  readonly #source: SqlSource;
  readonly #statements: WriteStatements;
  readonly #isInside: boolean;

  constructor({ source, statements, isInside = false }: RecordWriterParts) {
    this.#isInside = isInside;
    this.#source = source;
    this.#statements = statements ?? new WriteStatements(source.dialect);
  }

  /** The same writer for another view of its source. */
  of(source: SqlSource): RecordWriter {
    if (source === this.#source) return this;
    return new RecordWriter({ source, statements: this.#statements, isInside: this.#isInside });
  }

  /** The same writer inside a transaction, whose source is given. */
  inside(source: SqlSource): RecordWriter {
    return new RecordWriter({ source, statements: this.#statements, isInside: true });
  }

  /** Does a POST, PUT, PATCH or DELETE on a table. Throws `request.*` with the recorded messages. */
  write(operation: Operation, target: WriteTarget): MaybePromise<Result> {
    const request = readWrite(this.#source, operation, target);
    const { table, keys, selection } = request;
    const readBack = new ReadBack({ source: this.#source, request });
    const steps = new RowSteps({
      ...{ source: this.#source, statements: this.#statements, table, keys },
      userId: operation.principal.user?.id,
      within:
        selection.kind === 'filter' && !readBack.isIdentified ? readBack.where(selection.filter) : undefined,
    });
    const nested = this.#nested(request);
    const work: Work = {
      request,
      steps,
      readBack,
      rules: this.#rules(request, nested !== undefined),
      nested,
    };
    if (selection.kind === 'all') return this.#removeAll(work);
    if (selection.kind !== 'filter' && this.#standsAlone(work, selection))
      return this.#alone(work, selection);
    return this.#together(work, selection);
  }

  // One statement is its own transaction: nothing to begin, nothing to wait for.
  #standsAlone({ request, steps, readBack, nested }: Work, selection: Keyed): boolean {
    if (readBack.isWanted || nested !== undefined || sizeOf(selection) !== 1) return false;
    const { action } = request.operation;
    if (steps.isProbation && action !== 'DELETE') return false;
    if (action === 'POST') return steps.insertsAlone;
    // Each statement by itself holds no lock that another one waits for.
    return action !== 'PUT' || !this.#source.settings.allowUpsert || steps.insertsAlone;
  }

  #alone(work: Work, selection: Keyed): MaybePromise<Result> {
    const done = (key: KeyValues) => answer(work.request, [work.readBack.keyRecord(key)]);
    const refused = (thrown: unknown): never => {
      const refusal = work.rules.refuse(thrown);
      if (!(refusal instanceof PlatformError) || !concernsRecord(refusal)) throw refusal;
      throw failure(work.request, [refusal]);
    };
    const [step] = this.#steps(work, selection);
    if (step === undefined) return answer(work.request, []);
    try {
      const key = step(this.#source.database());
      return key instanceof Promise ? key.then(done, refused) : done(key);
    } catch (thrown) {
      return refused(thrown);
    }
  }

  async #together(work: Work, selection: Sought): Promise<Result> {
    const { request, readBack, rules } = work;
    const database = this.#source.database();
    try {
      // Deleted records lose what is related to them, so that is looked up before.
      const isEarly = request.operation.action === 'DELETE' && readBack.hasRelations;
      const seen = isEarly ? await this.#lookAhead(work, selection, database) : undefined;
      if (seen !== undefined) seen.before = await readBack.withRelated(seen.before ?? []);
      const outcome = await this.#transaction(work, async (session) => {
        const ahead = seen ?? (await this.#lookAhead(work, selection, session));
        const entries = await this.#inSession(work, ahead, session);
        if (request.onFailure === 'rollback' && hasFailed(entries)) throw failure(request, entries);
        return entries;
      });
      if (hasFailed(outcome)) throw failure(request, outcome);
      return answer(request, isEarly ? outcome : await readBack.withRelated(outcome as readonly SqlRecord[]));
    } catch (thrown) {
      // What the database defers to the commit, such as some foreign keys, is refused there.
      throw rules.refuse(thrown);
    }
  }

  // The victim of a deadlock is told at once, and what it did is undone: it is done again, unless a script's
  // transaction went with it or other services were written to.
  async #transaction<T>({ nested }: Work, work: (session: Transaction) => Promise<T>): Promise<T> {
    const mayRepeat = nested === undefined && !this.#isInside;
    for (let tries = 1; ; tries++) {
      const began = performance.now();
      try {
        return await this.#source.database().transaction(work);
      } catch (thrown) {
        const isBusy = thrown instanceof DatabaseError && thrown.failure === 'busy';
        const isQuick = performance.now() - began < limits.deadlockMs;
        if (!isBusy || !isQuick || !mayRepeat || tries >= limits.deadlockTries) throw thrown;
      }
    }
  }

  async #lookAhead({ request, steps, readBack }: Work, selection: Sought, session: Session): Promise<Ahead> {
    const keyed: Keyed =
      selection.kind === 'filter'
        ? { kind: 'found', keys: await readBack.find(session, selection.filter), record: selection.record }
        : selection;
    if (request.operation.action !== 'DELETE') return { keyed, before: undefined };
    return { keyed, before: await readBack.records(session, knownKeys(steps, keyed)) };
  }

  async #inSession(
    work: Work,
    { keyed, before }: Ahead,
    session: Transaction,
  ): Promise<BatchOutcome<unknown>> {
    const outcome =
      (await this.#bulk(work, keyed, session)) ??
      (await runBatch(this.#steps(work, keyed), session, work.rules));
    const written = outcome.map((entry) => (entry instanceof PlatformError ? undefined : entry));
    const records = before ?? (await work.readBack.records(session, written));
    return outcome.map((entry, index) => (entry instanceof PlatformError ? entry : records[index]));
  }

  async #bulk(
    { request, steps, nested }: Work,
    keyed: Keyed,
    session: Transaction,
  ): Promise<BatchOutcome<KeyValues> | undefined> {
    if (request.operation.action !== 'POST' || keyed.kind !== 'records' || nested !== undefined)
      return undefined;
    const { severalRows } = this.#source.dialect.grammar;
    return insertTogether(keyed.records, session, { statements: this.#statements, steps, severalRows });
  }

  #steps(work: Work, selection: Keyed): readonly Step<KeyValues>[] {
    const { request, steps } = work;
    const { action } = request.operation;
    if (action === 'DELETE') {
      return keysOf(steps, selection).map((key) => (session) => steps.remove(session, key()));
    }
    const upsert = action === 'PUT' && this.#source.settings.allowUpsert;
    if (selection.kind === 'records') {
      return selection.records.map((record) =>
        action === 'POST'
          ? this.#creation(work, record)
          : this.#change(work, { key: () => steps.keyOf(record), record, upsert }),
      );
    }
    // One record for all of them is read once.
    const { record } = selection;
    const row = work.nested === undefined ? steps.changes(record) : undefined;
    return keysOf(steps, selection).map((key) => this.#change(work, { key, record, row, upsert }));
  }

  #creation({ steps, nested }: Work, record: unknown): Step<KeyValues> {
    if (nested === undefined || !bringsRelated(steps.table, record)) {
      return (session) => steps.create(session, record);
    }
    return (session) => nested.create(session, record, steps);
  }

  #change({ steps, nested }: Work, { key, record, row, upsert }: Changed): Step<KeyValues> {
    if (nested === undefined || !bringsRelated(steps.table, record)) {
      return (session) => steps.change(session, key(), { record, row: row ?? steps.changes(record), upsert });
    }
    return (session) => nested.change(session, record, { steps, key: key(), upsert });
  }

  #nested({ selection, table, context, parameters, operation }: WriteRequest): NestedWriter | undefined {
    const records =
      'records' in selection ? selection.records : 'record' in selection ? [selection.record] : [];
    if (!records.some((record) => bringsRelated(table, record))) return undefined;
    const source = this.#source;
    const allowsDelete = parameters.flag('allow_related_delete');
    const userId = operation.principal.user?.id;
    return new NestedWriter({ source, statements: this.#statements, context, allowsDelete, userId });
  }

  // Rows are deleted one statement for all; numbers once given are not given again.
  async #removeAll({ request, rules }: Work): Promise<Result> {
    try {
      const { statement, conditions } = this.#statements.remove(request.table, { keys: [] });
      await this.#source.database().run(statement, conditions);
    } catch (thrown) {
      throw rules.refuse(thrown);
    }
    return { status: 200, headers: {}, body: Body.ofValue({ success: true }) };
  }

  #rules({ table, operation, onFailure }: WriteRequest, isNested: boolean): BatchRules {
    const isDelete = operation.action === 'DELETE';
    const { settings } = this.#source;
    // A refused record takes what it brought with it.
    const inSavepoints = isNested || this.#source.dialect.grammar.breaksTransactions;
    return {
      onFailure,
      inSavepoints,
      refuse: (thrown) => refusedWrite(thrown, { settings, table, isDelete }),
    };
  }
}

/** A record to change; a key that can not be read refuses its own record only. */
interface Changed {
  readonly key: () => KeyValues;
  readonly record: unknown;
  readonly row?: RowValues | undefined;
  readonly upsert: boolean;
}

function sizeOf(selection: Keyed): number {
  if (selection.kind === 'records') return selection.records.length;
  return selection.kind === 'ids' ? selection.ids.length : selection.keys.length;
}

// Functions, because a key that can not be read refuses its own record only.
function keysOf(steps: RowSteps, selection: Keyed): readonly (() => KeyValues)[] {
  switch (selection.kind) {
    case 'ids':
      return selection.ids.map((id) => () => steps.keyOfId(id));
    case 'found':
      return selection.keys.map((key) => () => key);
    case 'records':
      return selection.records.map((record) => () => steps.keyOf(record));
  }
}

function knownKeys(steps: RowSteps, selection: Keyed): readonly (KeyValues | undefined)[] {
  return keysOf(steps, selection).map((key) => {
    try {
      return key();
    } catch (thrown) {
      if (thrown instanceof PlatformError) return undefined;
      throw thrown;
    }
  });
}

function failure(request: WriteRequest, outcome: BatchOutcome<unknown>): PlatformError {
  const [first] = outcome;
  if (request.isSingle && first instanceof PlatformError) return first;
  return batchError(outcome, verbs[request.operation.action], request.onFailure === 'rollback');
}

function answer(request: WriteRequest, records: readonly unknown[]): Result {
  const value = request.isSingle ? records[0] : { resource: records };
  return { status: 200, headers: {}, body: Body.ofValue(value) };
}
